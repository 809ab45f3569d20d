/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_SET_WRITER_H
#define FIREWALL_SET_WRITER_H 1

/* Writes members into sets, each in the way that fits its amount.
 *
 * A moderate number is added to a live set in one batch.  A large one is not:
 * a batch that is killed, or meets a full set, stops half-way.  So the whole
 * new content is filled into a temporary set under a name never used before,
 * counted, and swapped in.  So is the content of a set that grows.
 *
 * All functions return 0 or a positive errno; backend->error() has the
 * text. */

#include "firewall/backend.h"

/* More additions to a live set than this go through a temporary set. */
#define SET_WRITER_MAX_BATCH 4096

/* An embedded object; 'backend' is borrowed. */
struct set_writer {
    struct fw_backend *backend;
    uint32_t tag;               /* Of this run of the agent. */
    unsigned int n_tmp;
    bool litter;                /* A temporary set could not be destroyed. */
    uint64_t n_batches, n_added, n_removed, n_failed;
    uint64_t n_created, n_destroyed;
};

int set_writer_add(struct set_writer *, const struct fw_set *,
                   const struct sg_prefix_list *) SG_MUST_USE;
int set_writer_del(struct set_writer *, const struct fw_set *,
                   const struct sg_prefix_list *) SG_MUST_USE;
/* Makes the content of a live set exactly 'wanted', and its size 'maxelem'. */
int set_writer_replace(struct set_writer *, const struct fw_set *,
                       const struct sg_prefix_list *wanted, uint32_t maxelem)
    SG_MUST_USE;

#endif /* firewall/set_writer.h */
