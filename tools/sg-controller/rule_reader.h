/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_RULE_READER_H
#define SG_CONTROLLER_RULE_READER_H 1

/* Security-group rules of a topology, with Neutron's names, meanings and
 * refusals: what its API would not accept is not accepted here. */

#include "sg/policy.h"

struct reader;
struct reader_node;
struct sset;
struct topology;

/* Reads the list of rules at 'node' into 'spec', which owns what was read
 * even on failure.  Remotes must be groups of 'topology'; 'ids' holds the ids
 * of all rules so far, which must differ. */
struct rule_context {
    struct reader *reader;
    const struct topology *topology;
    struct sset *ids;
    size_t max_rules;
};
bool rules_read(const struct rule_context *, const struct reader_node *,
                struct sg_rules_spec *) SG_MUST_USE;

#endif /* tools/sg-controller/rule_reader.h */
