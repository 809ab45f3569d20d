/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_DIFF_H
#define SG_CONTROLLER_DIFF_H 1

/* What must be told when one topology takes the place of another.
 *
 * Pure: two values in, a list of changes out.  A security group is two
 * objects, its rules and its members; an address group has members only.
 *
 * A reload is announced as single changes, as if somebody had made them one
 * by one in the order of the list.  What takes away comes first, what gives
 * comes last, so that no step between the two topologies allows what neither
 * of them does: what a new member or a new port would get from rules that go
 * in the same reload, or a port that leaves a group from rules that come.
 * Members that leave, ports that go, ports that lose something, rules, other
 * ports, members that join, groups that go.  A port that loses something and
 * gains something under rules that are updated has two changes. */

#include "sg/members.h"
#include "sg/policy.h"

struct topology;

enum change_type {
    CHANGE_CREATED,
    CHANGE_UPDATED,
    CHANGE_DELETED,
};

struct change {
    enum sg_kind kind;
    enum change_type type;
    struct uuid id;
    /* Members that were updated: those that leave or those that join, never
     * both.  A group that some leave and others join has two changes. */
    struct sg_prefix_list added, removed;
    bool joins_follow;          /* The first of two. */
    /* A port: before the rules. */
    bool before_rules;
    struct sg_port_spec *common;        /* The first of two: what the port is
                                         * until the second; else NULL. */
    /* Given by state.h. */
    int64_t revision;
    int64_t prev;               /* Revision before; 0 if it was created. */
};

struct change_list {
    struct change *changes;
    size_t n, allocated;
};
#define CHANGE_LIST_INITIALIZER { NULL, 0, 0 }

/* Appends to 'changes', sorted as above and within that by id. */
void topology_diff(const struct topology *old, const struct topology *new,
                   struct change_list *changes);
void change_list_uninit(struct change_list *);
struct change *change_list_add(struct change_list *, enum sg_kind,
                               enum change_type, const struct uuid *);

#endif /* tools/sg-controller/diff.h */
