/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_CORE_FIXTURE_H
#define TESTS_LIB_CORE_FIXTURE_H 1

/* A controller without io, on a clock that the test turns: bodies and
 * topologies in, messages out, as text. */

#include "tools/sg-controller/core.h"
#include "tools/sg-controller/host_view.h"

#define P1 "90000000-0000-4000-8000-000000000001"

extern const struct sg_epoch cf_epoch;

struct core_fixture {
    struct controller_core *core;
    struct rpc_limits limits;
    struct core_time at;
    unsigned int n;             /* Requests sent, for their unique ids. */
    struct sg_report report;    /* What reports have besides. */
};

void cf_setup(struct core_fixture *);
void cf_setup_with(struct core_fixture *, size_t max_out_bytes);
void cf_teardown(struct core_fixture *);
void cf_advance(struct core_fixture *, long long int ms);

/* P1 in a group with these fixed IPs, "10.0.0.1, 10.0.0.2". */
uint64_t cf_set_addresses(struct core_fixture *, const char *addresses);
/* Host "h1" asks for P1, as the run 'boot' of its agent; or as "boot-1". */
void cf_sync_boot(struct core_fixture *, const char *boot);
void cf_sync(struct core_fixture *);
/* Host "h1" reports 'digest', in the epoch in 'report'. */
void cf_report(struct core_fixture *, const char *boot, const char *digest);
/* What the controller knows of "h1". */
const struct host_view *cf_view(struct core_fixture *);

/* Takes all that the core has to say: "reply, beacon"; malloc'd. */
char *cf_output(struct core_fixture *);
#define CHECK_OUTPUT(F, TEXT)                           \
    do {                                                \
        char *output_ = cf_output(F);                   \
        CHECK_STR(output_, TEXT);                       \
        free(output_);                                  \
    } while (0)

#endif /* tests/lib/core-fixture.h */
