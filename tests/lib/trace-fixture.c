/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/trace-fixture.h"

#include <stdlib.h>

#include "agent/trace_query.h"
#include "openvswitch/dynamic-string.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

struct fw_trace_query
tf_query_at(struct fwf *f, const char *text, const char *file, int line)
{
    char *copy = xstrdup(text), *save = NULL;
    const char *words[TRACE_MAX_WORDS];
    struct fw_trace_query q;
    int n = 0;

    memset(&q, 0, sizeof q);
    for (char *word = strtok_r(copy, " ", &save);
         word && n < TRACE_MAX_WORDS; word = strtok_r(NULL, " ", &save)) {
        words[n++] = word;
    }
    test_check_no_error(trace_query_parse(&f->pt->policy, n, words, &q),
                        text, file, line);
    free(copy);
    return q;
}

struct fw_trace *
tf_trace_at(struct fwf *f, const char *text, const char *file, int line)
{
    struct fw_trace_query q = tf_query_at(f, text, file, line);
    struct fw_trace *trace = NULL;
    char *why = NULL;

    test_check_int(firewall_trace(f->fw, &f->pt->policy, &q, &trace, &why),
                   0, "firewall_trace", "0", file, line);
    test_check_no_error(why, text, file, line);
    REQUIRE(trace != NULL);
    return trace;
}

char *
tf_summary(const struct fw_trace *trace)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "%s %s", trace->allowed ? "allowed" : "denied",
                  fw_trace_reason_name(trace->reason));
    if (trace->decisive < trace->n_rules) {
        const struct fw_rule *rule = &trace->rules[trace->decisive].rule;

        for (int i = 1; i < 10; i++) {
            char name[3] = { 'r', '0' + i, '\0' };
            struct uuid id = policy_text_id(name);

            if (uuid_equals(&id, &rule->origin)) {
                ds_put_format(&ds, " %s", name);
            }
        }
    }
    return ds_steal_cstr(&ds);
}
