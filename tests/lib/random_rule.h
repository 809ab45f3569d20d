/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_RANDOM_RULE_H
#define TESTS_LIB_RANDOM_RULE_H 1

/* Rules that can be written into a table, of every form there is.
 *
 * Jumps go to 'chain', set matches name 'set'; an empty name leaves these
 * forms out. */

#include "firewall/ruleset.h"

struct random_rule_names {
    const char *chain;
    const char *set;
    bool raw;                   /* Also zones and notrack. */
};

void random_rule(uint64_t *seed, enum sg_family,
                 const struct random_rule_names *, struct fw_rule *);

/* A prefix of 'plen' bits with random bits in front. */
void random_prefix(uint64_t *seed, enum sg_family, uint8_t plen,
                   struct sg_prefix *);

#endif /* tests/lib/random_rule.h */
