/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_WORLD_H
#define TESTS_LIB_SIM_WORLD_H 1

/* A small cloud that changes at random, and what each of its objects was at
 * each revision: for simulations of the protocol.
 *
 * Every object comes down to a number, its *print*, in which equal objects are
 * equal and different ones differ.  It is taken from the specs that travel, on
 * both sides by the same function. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sg/policy.h"

struct change_list;
struct topology;

/* Ports from WORLD_FAR on are on no host: they are members. */
#define WORLD_PORTS 14
#define WORLD_FAR 6
#define WORLD_GROUPS 5
#define WORLD_OBJECTS 16        /* Of a kind: more than either. */

struct world_port {
    bool exists;
    unsigned int groups;        /* Bit per group. */
    unsigned int variant;       /* A multiple of 4: port security is off. */
};
struct world_group {
    bool exists;
    unsigned int remotes;       /* Of its rules: bit per group. */
    unsigned int variant;
};
struct world {
    struct world_port ports[WORLD_PORTS];
    struct world_group groups[WORLD_GROUPS];
};

void world_init(struct world *, uint64_t *random);
/* One change, or a few at once. */
void world_change(struct world *, uint64_t *random);
/* Most ports go, or lose their groups. */
void world_purge(struct world *, uint64_t *random);
/* Leaves out about half of it. */
void world_truncate(struct world *, uint64_t *random);
struct topology *world_topology(const struct world *);

struct uuid world_id(enum sg_kind, size_t i);
/* SIZE_MAX: it is none of these. */
size_t world_number(enum sg_kind, const struct uuid *);

/* Is the object in 'topology'?  Then '*print' is its print. */
bool world_has(const struct topology *, enum sg_kind, const struct uuid *,
               uint32_t *print);

uint32_t world_port_print(const struct sg_port_spec *);
uint32_t world_rules_print(const struct sg_rules_spec *);
/* Of what is left of it when it is deleted: nothing. */
uint32_t world_print_deleted(enum sg_kind);
/* Of addresses: a bit each. */
uint32_t world_members_print(const struct sg_members *);
uint32_t world_address_bit(const struct sg_prefix *);

/* What a controller said, if it said anything, of an object at a revision. */
struct history;
struct history *history_create(void);
void history_destroy(struct history *);
/* These changes have taken effect in this epoch and led to 'topology'. */
void history_note(struct history *, const struct sg_epoch *,
                  const struct change_list *, const struct topology *);
struct history_entry {
    bool deleted;
    uint32_t print;             /* 0 if deleted. */
};
const struct history_entry *history_find(const struct history *,
                                         const struct sg_epoch *,
                                         enum sg_kind, size_t i,
                                         int64_t revision);
/* Has the controller of this epoch ever had, or deleted, the object? */
bool history_knows(const struct history *, const struct sg_epoch *,
                   enum sg_kind, size_t i);

#endif /* tests/lib/sim-world.h */
