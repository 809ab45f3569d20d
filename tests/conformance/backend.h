/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_CONFORMANCE_BACKEND_H
#define TESTS_CONFORMANCE_BACKEND_H 1

/* What the conformance tests share: a backend to test, and the few things
 * that have to be done differently to play another program beside it.
 *
 * BACKEND_TEST(name) { ... } is two tests, name_memory and name_iptables;
 * both find an empty backend in 'f'. */

#include "firewall/backend.h"
#include "tests/lib/test.h"

/* Where the kernel's backends have their lock. */
#define LOCK "/run/xtables.lock"
/* Names of sets. */
#define SET4 "sg1-m4a-01234567-0123456789ab"
#define SET4B "sg1-m4b-01234567-0123456789ab"
#define SET6 "sg1-m6a-01234567-0123456789ab"

struct fixture {
    struct fw_backend *b;
    const struct fw_backend_class *c;
    bool kernel;
    void *dump;                 /* See hold_dump(). */
};

void fixture_run(void (*test)(struct fixture *), bool kernel);

#define BACKEND_TEST(NAME)                              \
    static void NAME(struct fixture *);                 \
    TEST(NAME##_memory)                                 \
    {                                                   \
        fixture_run(NAME, false);                       \
    }                                                   \
    TEST(NAME##_iptables)                               \
    {                                                   \
        fixture_run(NAME, true);                        \
    }                                                   \
    static void                                         \
    NAME(struct fixture *f)

#define KERNEL_TEST(NAME)                               \
    static void NAME(struct fixture *);                 \
    TEST(NAME)                                          \
    {                                                   \
        fixture_run(NAME, true);                        \
    }                                                   \
    static void                                         \
    NAME(struct fixture *f)

/* Another program that lists a set and stops half-way; and goes away. */
void hold_dump(struct fixture *, const char *set);
void release_dump(struct fixture *, const char *set);

/* Another program that edits IPv4 'security' without the lock: appends a rule
 * to a chain, or takes the first one away. */
void other_append(struct fixture *, const char *chain,
                  const struct fw_rule *);
void other_delete_first(struct fixture *, const char *chain);
/* Packets went by: sets the counters of the chain's first rule, 'rule'. */
void other_count(struct fixture *, const char *chain, const struct fw_rule *,
                 uint64_t packets, uint64_t bytes);

/* "iptables-legacy" and the other family's. */
extern const char *const iptables_commands[SG_N_FAMILIES];

/* Short hands. */
struct fw_edit make_edit(enum fw_edit_kind, const char *chain, size_t index,
                         const struct fw_rule *);
struct fw_rule make_rule(enum fw_verdict, const char *target, const char *in);
struct fw_set make_set(const char *name, enum sg_family, uint32_t maxelem);
int create_set(struct fixture *, const char *name, enum sg_family,
               uint32_t maxelem);
/* Who is meant by a name, which may be too long: then it has no end. */
struct fw_set named(const char *name, enum sg_family);
struct sg_prefix make_host(enum sg_family, uint32_t n);
struct sg_prefix *make_hosts(enum sg_family, uint32_t first, size_t n);

int read_table(struct fixture *, enum sg_family, enum fw_table_id,
               struct fw_table *);
int commit_edits(struct fixture *, enum sg_family, enum fw_table_id,
                 const struct fw_edit *, size_t n);
/* What zone_rules() reports for 'family', one line each, sorted, malloc'd:
 * "FAMILY ZONE DEVICE", with " ours". */
char *get_zones(struct fixture *, enum sg_family);
size_t count_members(struct fixture *, const char *set, enum sg_family);
/* The header of a set as the backend lists it; name "" if there is none. */
struct fw_set get_header(struct fixture *, const char *set);

#endif /* tests/conformance/backend.h */
