/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_FIREWALL_FIXTURE_H
#define TESTS_LIB_FIREWALL_FIXTURE_H 1

/* A firewall on the model kernel, with a policy from text. */

#include "firewall/firewall.h"
#include "tests/lib/policy-text.h"

#define SET_A "sg1-m4a-67000001-4495174344e4"
#define SET_B "sg1-m4b-67000001-4495174344e4"
#define SET6_A "sg1-m6a-67000001-4495174344e4"
#define IN_CHAIN "sg1-in-67000001-4495174344e4"

#define PORT "port p1 device=tap1 bridge=qbr1 uplink=qvb1 zone=1 " \
             "mac=52:54:00:00:00:01 ip=10.0.0.1 group=g1\n"
#define RULES "rules g1\nrule ingress IPv4 group=g1\n"
#define MEMBERS "members g1 10.0.0.1 10.0.0.2\n"
#define POLICY PORT RULES MEMBERS

struct fwf {
    struct fw_backend *backend;
    struct firewall *fw;
    struct policy_text *pt;
};

/* The policy is replaced and the firewall not told; started: with the policy
 * in force; changed: the member lane is told; members: sorted text, malloc'd,
 * "none" if there is no such set; chain and set: of the model kernel. */
void fwf_set_policy(struct fwf *f, const char *text);
void fwf_init(struct fwf *f, const char *text);
void fwf_start(struct fwf *f, const char *text);
void fwf_restart(struct fwf *f);
void fwf_uninit(struct fwf *f);
int fwf_change(struct fwf *f, const char *group, const char *added,
               const char *removed);
char *fwf_members(struct fwf *f, const char *set);
void fwf_hold_group(struct fwf *f);
struct fw_chain *fwf_chain(struct fwf *f, enum fw_table_id table,
                           const char *name);
struct fw_set *fwf_set(struct fwf *f, const char *name);

#define CHECK_MEMBERS(F, SET, TEXT)             \
    do {                                        \
        char *got = fwf_members(F, SET);        \
        CHECK_STR(got, TEXT);                   \
        free(got);                              \
    } while (0)

#endif /* tests/lib/firewall-fixture.h */
