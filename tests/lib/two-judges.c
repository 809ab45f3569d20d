/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/two-judges.h"

#include "tests/lib/test.h"

void
two_judges_init(struct two_judges *j, const struct answer *a,
                struct ds *json)
{
    struct fw_layout layout;

    memset(j, 0, sizeof *j);
    j->json = *json;
    ds_init(json);
    CHECK(semantics_read(&j->semantics, j->json.string, j->json.length));
    answer_plugs(a, j->plugs);

    j->store = answer_store_create(a);
    answer_store_take(j->store, &j->json);
    fw_layout_default(&layout);
    j->rs = fw_render(policy_store_policy(j->store), &layout, NULL,
                      &j->problems);
    CHECK_NO_ERROR(fw_ruleset_check(j->rs));
    j->ep = (struct eval_policy) { j->rs, policy_store_policy(j->store) };
    j->filter = eval_policy_filter(&j->ep);
}

void
two_judges_uninit(struct two_judges *j)
{
    fw_problems_clear(&j->problems);
    fw_ruleset_destroy(j->rs);
    policy_store_destroy(j->store);
    semantics_free(&j->semantics);
    ds_destroy(&j->json);
}

bool
two_judges_agree(const struct two_judges *j, const struct answer *a,
                 const struct eval_packet *p, struct semantics_verdict *v)
{
    struct semantics_packet sp;

    answer_packet_for_semantics(a, p, &sp);
    semantics_judge(&j->semantics, j->plugs, ANSWER_N_PORTS, &sp, v);
    return v->allowed == eval_accepts(&j->filter, p);
}
