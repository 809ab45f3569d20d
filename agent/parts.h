/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_PARTS_H
#define AGENT_PARTS_H 1

/* Lists of members that come in parts, set aside until all have come.
 *
 * Pure; a part of sync.  Serves one answer: parts of one group and revision,
 * in any order, each once, make one whole list.  Anything else drops what was
 * collected of the group, and what still comes of it in this answer.  What is
 * collected counts against limits before memory is taken for it. */

#include "openvswitch/hmap.h"
#include "sg/update.h"

struct parts {
    struct hmap groups;         /* Contains "struct parts_group"s. */
    size_t n_members;           /* Collected, of all groups. */
};
struct parts_limits {
    size_t groups;
    size_t members;             /* Of a group. */
    size_t set_entries;         /* Of all groups. */
};

void parts_init(struct parts *);
void parts_uninit(struct parts *);
void parts_clear(struct parts *);

enum parts_result {
    PARTS_MORE,                 /* Set aside, or of a group that is over. */
    PARTS_WHOLE,                /* That was the last one missing. */
    PARTS_DROPPED,              /* The group is dropped, just now. */
};
/* Takes a copy of 'part'.  With PARTS_WHOLE '*whole' is the list, to be
 * uninitialized by the caller; with PARTS_DROPPED '*why' is a static sentence
 * that says why. */
enum parts_result parts_add(struct parts *, const struct parts_limits *,
                            const struct sg_members_spec *part,
                            struct sg_members_spec *whole, const char **why);
/* The answer is over.  Drops one of the groups whose parts have not all come,
 * in '*group'; false if there is none. */
bool parts_pop_missing(struct parts *, struct uuid *group);

#endif /* agent/parts.h */
