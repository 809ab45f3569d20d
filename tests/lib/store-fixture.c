/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/store-fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"
#include "uuid.h"

static const struct policy_store_limits LIMITS = {
    .members = 10, .rules_per_port = 6, .groups = 5, .ports = 3,
    .set_entries = 25,
};

long long int sf_now;

void
sf_set_local(struct policy_store *ps, const char *names)
{
    struct local_port locals[16];
    char *copy = xstrdup(names);
    char *save = NULL;
    size_t n = 0;

    memset(locals, 0, sizeof locals);
    for (char *name = strtok_r(copy, " ", &save); name;
         name = strtok_r(NULL, " ", &save)) {
        struct sg_binding *b = &locals[n].binding;

        locals[n++].id = policy_text_id(name);
        b->plug = SG_PLUG_HYBRID;
        snprintf(b->device, sizeof b->device, "tap-%s", name);
        b->zone = (uint16_t) n;
    }
    policy_store_set_local(ps, locals, n);
    free(copy);
}

struct policy_store *
sf_create(const char *ports)
{
    struct policy_store *ps = policy_store_create(&LIMITS);

    sf_now = 1000;
    policy_store_expire(ps, sf_now, 60000);
    sf_set_local(ps, ports);
    return ps;
}

const char *
sf_apply(struct policy_store *ps, const char *text)
{
    static char result[200];
    struct sg_ref_list ask = { NULL, 0, 0 };
    struct policy_store_applied n;
    struct sg_update update;
    size_t len;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    n = policy_store_update(ps, &update, sf_now, &ask);
    sg_update_uninit(&update);
    len = (size_t) snprintf(result, sizeof result,
                            "accepted=%"PRIuSIZE" old=%"PRIuSIZE
                            " gap=%"PRIuSIZE" ignored=%"PRIuSIZE
                            " refused=%"PRIuSIZE, n.n_accepted, n.n_old,
                            n.n_gap, n.n_ignored, n.n_refused);
    for (size_t i = 0; i < ask.n; i++) {
        char name[16];

        len += (size_t) snprintf(result + len, sizeof result - len,
                                 " ask %s:%s",
                                 sg_kind_name(ask.refs[i].kind),
                                 update_text_name(&ask.refs[i].id, name));
    }
    sg_ref_list_clear(&ask);
    return result;
}

void
sf_check_needs(const struct policy_store *ps, bool held, const char *expected)
{
    struct sg_ref_list list = { NULL, 0, 0 };
    struct ds s = DS_EMPTY_INITIALIZER;

    (held ? policy_store_held : policy_store_needs)(ps, &list);
    for (size_t i = 0; i < list.n; i++) {
        char name[16];

        ds_put_format(&s, "%s%s:%s@%d", i ? " " : "",
                      sg_kind_name(list.refs[i].kind),
                      update_text_name(&list.refs[i].id, name),
                      (int) list.refs[i].revision);
    }
    CHECK_STR(ds_cstr(&s), expected);
    ds_destroy(&s);
    sg_ref_list_clear(&list);
}

static int
compare_prefixes(const void *a, const void *b)
{
    return sg_prefix_compare(a, b);
}

static void
put_list(struct ds *s, char sign, struct sg_prefix_list *list)
{
    if (list->n) {
        qsort(list->p, list->n, sizeof *list->p, compare_prefixes);
    }
    for (size_t i = 0; i < list->n; i++) {
        char text[SG_PREFIX_STRLEN];

        ds_put_format(s, " %c%s", sign, sg_prefix_format(&list->p[i], text));
    }
}

void
sf_check_changes(struct policy_store *ps, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct store_change *changes;
    size_t n = policy_store_take_changes(ps, &changes);

    CHECK(!n == !changes);
    for (size_t i = 0; i < n; i++) {
        char name[16];

        ds_put_format(&s, "%s%s", i ? ", " : "",
                      update_text_name(&changes[i].group, name));
        put_list(&s, '+', &changes[i].added);
        put_list(&s, '-', &changes[i].removed);
        if (changes[i].sent) {
            ds_put_format(&s, " sent=%d", (int) changes[i].sent);
        }
    }
    CHECK_STR(ds_cstr(&s), expected);
    policy_store_changes_free(changes, n);
    ds_destroy(&s);
}

void
sf_check_dirty(struct policy_store *ps, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct store_dirty dirty;

    if (!policy_store_take_dirty(ps, &dirty)) {
        ds_put_cstr(&s, "-");
    }
    for (size_t i = 0; i < dirty.n_devices; i++) {
        ds_put_format(&s, "%s ", dirty.devices[i]);
    }
    for (size_t i = 0; i < dirty.n_groups; i++) {
        char name[16];

        ds_put_format(&s, "%s ", update_text_name(&dirty.groups[i], name));
    }
    if (dirty.sent) {
        ds_put_format(&s, "sent=%d", (int) dirty.sent);
    }
    ds_chomp(&s, ' ');
    CHECK_STR(ds_cstr(&s), expected);
    store_dirty_uninit(&dirty);
    ds_destroy(&s);
}

void
sf_check_object(const struct policy_store *ps, enum sg_kind kind,
                const char *name, const char *expected)
{
    struct uuid id = policy_text_id(name);
    struct store_object object;
    char *text;

    if (!policy_store_object(ps, kind, &id, &object)) {
        text = xstrdup("none");
    } else {
        text = xasprintf("%s@%d%s since %d%s%s",
                         sg_knowledge_name(object.state),
                         (int) object.revision,
                         object.needed ? "" : " lingers",
                         (int) object.since,
                         object.problem ? ": " : "",
                         object.problem ? object.problem : "");
    }
    CHECK_STR(text, expected);
    free(text);
}

size_t
sf_n_members(const struct policy_store *ps, const char *name)
{
    struct uuid id = policy_text_id(name);
    const struct sg_group *g = sg_policy_group(policy_store_policy(ps), &id);

    return g ? sg_members_count(&g->members) : 0;
}

uint64_t
sf_generation(const struct policy_store *ps)
{
    return policy_store_policy(ps)->generation;
}
