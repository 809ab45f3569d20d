/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Renders the policy text on standard input and prints problems and ruleset.
 * See tests/lib/policy-text.h for the language. */

#include <config.h>
#include "firewall/render.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/policy-text.h"
#include "uuid.h"

/* More than any case has. */
#define MAX_TEXT 65536

int
main(void)
{
    static char text[MAX_TEXT];
    struct fw_problems problems = { NULL, 0, 0 };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct policy_text pt;
    size_t n = fread(text, 1, sizeof text - 1, stdin);

    text[n] = '\0';
    policy_text_init(&pt, text);

    struct fw_ruleset *rs = fw_render(&pt.policy, &pt.layout, pt.slots,
                                      &problems);
    for (size_t i = 0; i < problems.n; i++) {
        const struct fw_problem *p = &problems.p[i];
        bool is_port = !uuid_is_zero(&p->port);
        const struct uuid *id = is_port ? &p->port : &p->group;

        printf("problem: %s "UUID_FMT": %s\n", is_port ? "port" : "group",
               UUID_ARGS(id), p->text);
    }
    fw_problems_clear(&problems);

    char *error = fw_ruleset_check(rs);
    if (error) {
        printf("check failed: %s\n", error);
        free(error);
    }
    fw_ruleset_format(rs, &ds);
    fputs(ds_cstr(&ds), stdout);
    ds_destroy(&ds);
    fw_ruleset_destroy(rs);
    policy_text_uninit(&pt);
    return 0;
}
