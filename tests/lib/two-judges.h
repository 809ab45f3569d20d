/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_TWO_JUDGES_H
#define TESTS_LIB_TWO_JUDGES_H 1

/* One answer to `sync`, and what two judges make of it who have nothing in
 * common: the semantics, which read the JSON, and the project, which decodes,
 * stores and renders it; its chains are walked as the kernel does. */

#include "firewall/render.h"
#include "tests/lib/answer-store.h"

struct two_judges {
    struct ds json;
    struct semantics semantics;
    struct policy_store *store;
    struct fw_ruleset *rs;
    struct fw_problems problems;
    struct eval_policy ep;
    struct eval_filter filter;
    struct semantics_plug plugs[ANSWER_N_PORTS];
};

/* Takes over 'json'.  Of the answer only the bindings count: where its ports
 * are. */
void two_judges_init(struct two_judges *, const struct answer *,
                     struct ds *json);
void two_judges_uninit(struct two_judges *);

/* Do they say the same?  '*v' is what the semantics say. */
bool two_judges_agree(const struct two_judges *, const struct answer *,
                      const struct eval_packet *,
                      struct semantics_verdict *v);

#endif /* tests/lib/two-judges.h */
