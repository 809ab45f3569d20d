/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Plays a transcript to sync and prints what it does.  One command per line;
 * '#' begins a comment.  After each command sync is run as the loop would do
 * it: bindings that it wants are printed, questions that it asks as well.
 *
 *   local [PORT]...       the ports of this host
 *   connected, disconnected
 *   bound KIND ID, unbound KIND ID, bind      (the last: all that is wanted)
 *   cast METHOD TEXT      a message; TEXT as in tests/lib/update-text.h
 *   answer TEXT           to the outstanding question
 *   late TEXT             an answer to the question before that one
 *   fail TEXT             instead of an answer
 *   resync                an operator's wish
 *   accept                an operator lets a removal be made
 *   acks GENERATION       takes what is to be acknowledged: that is applied
 *   adopted               an earlier run may have left ports
 *   + MS                  time passes, step by step as sync wants to be run
 *   stall MS              time passes at once
 *   expire MS             of the store
 *   status
 *   object KIND ID
 */

#include <config.h>
#include "agent/sync.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/topology.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/update-text.h"
#include "util.h"

#define EPOCH 100               /* Of messages that do not say. */

static struct policy_store *store;
static struct sync *sync_;
static long long int now, command_at;
static char outstanding[33], before[33];
static char **wanted;
static size_t n_wanted;

static void
print_refs(const char *what, const struct sg_ref *refs, size_t n,
           bool revisions)
{
    printf(" %s=[", what);
    for (size_t i = 0; i < n; i++) {
        char name[16];

        printf("%s%s:%s", i ? " " : "", sg_kind_name(refs[i].kind),
               update_text_name(&refs[i].id, name));
        if (revisions) {
            printf("@%d", (int) refs[i].revision);
        }
    }
    printf("]");
}

static int
compare_refs(const void *a_, const void *b_)
{
    const struct sg_ref *a = a_;
    const struct sg_ref *b = b_;
    char name_a[16], name_b[16];

    return (a->kind != b->kind ? (int) a->kind - (int) b->kind
            : strcmp(update_text_name(&a->id, name_a),
                     update_text_name(&b->id, name_b)));
}

/* By what the store holds: a transcript is to be read. */
static void
print_digest(const char *digest)
{
    struct sg_ref_list needs = { NULL, 0, 0 };
    char expected[RPC_DIGEST_LEN + 1];
    size_t n = 0;

    policy_store_needs(store, &needs);
    for (size_t i = 0; i < needs.n; i++) {
        struct store_object object;

        if (policy_store_object(store, needs.refs[i].kind, &needs.refs[i].id,
                                &object)
            && object.in_closure && object.state == SG_KNOWN
            && object.revision && !object.spared) {
            needs.refs[n++] = needs.refs[i];
        }
    }
    rpc_digest(needs.refs, n, expected);
    if (n > 1) {
        qsort(needs.refs, n, sizeof *needs.refs, compare_refs);
    }
    print_refs(strcmp(digest, expected) ? "wrong digest" : "digest",
               needs.refs, n, true);
    sg_ref_list_clear(&needs);
}

static int
compare_names(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}

static void
print_request(struct sg_sync_request *r)
{
    char name[16];

    printf("  ask %s ports=[", r->partial ? "partial" : "full");
    for (size_t i = 0; i < r->n_ports; i++) {
        printf("%s%s", i ? " " : "", update_text_name(&r->ports[i], name));
    }
    printf("]");
    if (r->partial) {
        /* In the order of a hash table. */
        qsort(r->objects, r->n_objects, sizeof *r->objects, compare_refs);
        print_refs("objects", r->objects, r->n_objects, false);
    }
    if (r->have) {
        qsort(r->have, r->n_have, sizeof *r->have, compare_refs);
        print_refs("have", r->have, r->n_have, true);
        printf(" epoch=%d", (int) r->epoch.ms);
    }
    if (r->digest && !r->page) {
        print_digest(r->digest);
    }
    if (r->page) {
        printf(" page=%s", r->page);
    }
    printf("\n");
}

static void
print_renewals(void)
{
    char **names;
    bool suspected;
    size_t n;

    if (!sync_take_renewals(sync_, &names, &n, &suspected)) {
        return;
    }
    if (now != command_at) {
        printf("  after %lld ms:\n", now - command_at);
    }
    printf("  renew");
    if (n > 1) {
        qsort(names, n, sizeof *names, compare_names);
    }
    for (size_t i = 0; i < n; i++) {
        enum sg_kind kind = SG_KIND_PORT;
        struct uuid group;
        char name[16];

        if (rpc_group_from_exchange(names[i], &kind, &group)) {
            printf(" %s:%s", sg_kind_name(kind),
                   update_text_name(&group, name));
        } else {
            printf(" %s", names[i]);
        }
    }
    printf("\n");
    sg_texts_free(names, n);
}

/* Returns true if a question was asked. */
static bool
run(void)
{
    bool asked = false;

    struct sg_sync_request request;
    char **names;
    char id[33];
    size_t n;

    if (sync_take_bindings(sync_, now, &names, &n)) {
        printf("  bindings");
        for (size_t i = 0; i < n; i++) {
            enum sg_kind kind = SG_KIND_PORT;
            struct uuid group;
            char name[16];

            ovs_assert(rpc_group_from_exchange(names[i], &kind, &group));
            printf(" %s:%s", sg_kind_name(kind),
                   update_text_name(&group, name));
        }
        printf("\n");
        for (size_t i = 0; i < n_wanted; i++) {
            free(wanted[i]);
        }
        free(wanted);
        wanted = names;
        n_wanted = n;
    }
    if (sync_run(sync_, now, id, &request)) {
        memcpy(before, outstanding, sizeof before);
        memcpy(outstanding, id, sizeof outstanding);
        if (now != command_at) {
            printf("  after %lld ms:\n", now - command_at);
        }
        print_request(&request);
        sg_sync_request_uninit(&request);
        asked = true;
    }
    print_renewals();
    return asked;
}

static void
pass_time(long long int ms)
{
    long long int end = now + ms;

    for (;;) {
        long long int next = sync_next(sync_);

        if (next > end) {
            break;
        }
        now = MAX(now, next);
        if (!run() && sync_next(sync_) <= now) {
            printf("  runs without end\n");
            exit(1);
        }
    }
    now = end;
}

static void
set_local(char *words)
{
    struct local_port locals[16];
    char *save = NULL;
    size_t n = 0;

    memset(locals, 0, sizeof locals);
    for (char *name = strtok_r(words, " ", &save); name;
         name = strtok_r(NULL, " ", &save)) {
        locals[n].id = policy_text_id(name);
        locals[n].binding.plug = SG_PLUG_HYBRID;
        locals[n++].binding.zone = 1;
    }
    policy_store_set_local(store, locals, n);
    sync_needs_changed(sync_, now);
}

/* Calls 'cb' with the exchange of "KIND ID". */
static char *
exchange_of(char *words, enum sg_kind *kind, struct uuid *id)
{
    char *save = NULL;
    char *word = strtok_r(words, " ", &save);

    if (!word || !sg_kind_from_string(word, kind)
        || !(word = strtok_r(NULL, " ", &save))) {
        printf("  KIND ID expected\n");
        exit(1);
    }
    *id = policy_text_id(word);
    return *kind == SG_KIND_PORT ? NULL : rpc_group_exchange(*kind, id);
}

static void
answer(const char *id, const char *text)
{
    struct sg_update update;

    update_text_parse(&update, SG_METHOD_SYNC, text);
    if (!update.epoch.ms) {
        update.epoch.ms = EPOCH;
    }
    sync_answer(sync_, id, &update, NULL, now);
    sg_update_uninit(&update);
}

static void
cast(char *words)
{
    char *text = words;
    char *name = strsep(&text, " ");
    struct sg_update update;
    enum sg_method method;

    if (!sg_method_from_string(name, &method)) {
        printf("  METHOD expected\n");
        exit(1);
    }
    update_text_parse(&update, method, text ? text : "");
    if (!update.epoch.ms) {
        update.epoch.ms = EPOCH;
    }
    sync_update(sync_, &update, now);
    sg_update_uninit(&update);
}

static void
print_status(void)
{
    struct sync_status s;

    sync_get_status(sync_, now, &s);
    printf("  %s%s%s%s epoch=%d needed=%"PRIuSIZE" unknown=%"PRIuSIZE
           " unconfirmed=%"PRIuSIZE" unbound=%"PRIuSIZE"\n",
           sync_state_name(s.state), s.in_sync ? " in_sync" : "",
           s.complete ? " complete" : "", s.stale ? " stale" : "",
           (int) s.epoch.ms, s.n_needed, s.n_unknown, s.n_unconfirmed,
           s.n_unbound);
    printf("  syncs=%d full=%d timeouts=%d failures=%d gaps=%d old=%d "
           "lost=%d digests=%d+%d-%d "
           "error=\"%s\"\n", (int) s.syncs, (int) s.full_answers,
           (int) s.timeouts, (int) s.failures, (int) s.gaps,
           (int) s.old_epoch, (int) s.beacons_lost,
           (int) s.digests_same, (int) s.digests_differ,
           (int) s.digest_errors, s.last_error);
    if (s.conflicting_epochs) {
        printf("  conflicting_epochs: %d\n", (int) s.other_epoch.ms);
    }
    if (s.revision_regressed) {
        printf("  revision_regressed: %d\n", (int) s.regressed);
    }
    if (s.duplicate_host) {
        printf("  duplicate_host\n");
    }
    if (s.spared.n) {
        printf("  held=%d ports=%d absent=%d for %lld ms\n",
               (int) s.spared.n, (int) s.spared.n_ports,
               (int) s.spared.n_absent, now - s.spared.since);
    }
}

static void
print_acks(uint64_t applied)
{
    size_t n;
    char **texts = sync_take_acks(sync_, applied, now, &n);

    printf("  generation %d, acked:",
           (int) policy_store_policy(store)->generation);
    for (size_t i = 0; i < n; i++) {
        printf(" %s", texts[i]);
    }
    printf("\n");
    sg_texts_free(texts, n);
}

static size_t
n_groups_of(const struct uuid *id)
{
    const struct sg_port *port = sg_policy_port(policy_store_policy(store),
                                                id);

    return port ? port->spec.n_groups : 0;
}

static void
print_object(char *words)
{
    struct store_object object;
    enum sg_kind kind = SG_KIND_PORT;
    struct uuid id;

    free(exchange_of(words, &kind, &id));
    printf("  %s", sync_object_name(sync_object_state(sync_, kind, &id)));
    if (policy_store_object(store, kind, &id, &object)) {
        const struct sg_group *g
            = sg_policy_group(policy_store_policy(store), &id);

        printf(", %s@%d", sg_knowledge_name(object.state),
               (int) object.revision);
        if (kind == SG_KIND_PORT && object.spared) {
            printf(", %d groups", (int) n_groups_of(&id));
        }
        if (kind == SG_KIND_MEMBERS) {
            printf(", %d members", (int) sg_members_count(&g->members));
        }
    }
    printf("\n");
}

static void
command(char *line)
{
    char *rest = line;
    char *name = strsep(&rest, " ");
    enum sg_kind kind = SG_KIND_PORT;
    struct uuid id;
    char none[] = "";

    rest = rest ? rest : none;
    command_at = now;
    if (!strcmp(name, "local")) {
        set_local(rest);
    } else if (!strcmp(name, "connected")) {
        sync_connected(sync_, now);
    } else if (!strcmp(name, "disconnected")) {
        sync_disconnected(sync_, now);
    } else if (!strcmp(name, "bound")) {
        char *exchange = exchange_of(rest, &kind, &id);

        sync_bound(sync_, exchange, now);
        free(exchange);
    } else if (!strcmp(name, "unbound")) {
        char *exchange = exchange_of(rest, &kind, &id);

        sync_unbound(sync_, exchange);
        free(exchange);
    } else if (!strcmp(name, "bind")) {
        for (size_t i = 0; i < n_wanted; i++) {
            sync_bound(sync_, wanted[i], now);
        }
    } else if (!strcmp(name, "cast")) {
        cast(rest);
    } else if (!strcmp(name, "answer")) {
        answer(outstanding, rest);
    } else if (!strcmp(name, "late")) {
        answer(before, rest);
    } else if (!strcmp(name, "fail")) {
        sync_answer(sync_, outstanding, NULL, rest, now);
    } else if (!strcmp(name, "resync")) {
        sync_request_full(sync_, now);
    } else if (!strcmp(name, "accept")) {
        const char *error = sync_accept_removal(sync_, now);

        if (error) {
            printf("  %s\n", error);
        }
    } else if (!strcmp(name, "adopted")) {
        sync_set_adopted(sync_, true);
    } else if (!strcmp(name, "acks")) {
        print_acks((uint64_t) atoll(rest));
    } else if (!strcmp(name, "+")) {
        pass_time(atoll(rest));
    } else if (!strcmp(name, "stall")) {
        now += atoll(rest);
    } else if (!strcmp(name, "expire")) {
        if (policy_store_expire(store, now, atoll(rest))) {
            sync_needs_changed(sync_, now);
        }
    } else if (!strcmp(name, "status")) {
        print_status();
    } else if (!strcmp(name, "object")) {
        print_object(rest);
    } else {
        printf("  no such command\n");
        exit(1);
    }
    command_at = now;
    run();
}

int
main(void)
{
    const struct policy_store_limits limits = {
        .members = 6, .rules_per_port = 100, .groups = 100, .ports = 16,
        .set_entries = 1000,
    };
    const struct sync_config config = {
        .host = "h1", .boot = "b1", .timeout_ms = 10000,
        .backoff_min_ms = 200, .backoff_max_ms = 60000, .beacon_ms = 2000,
        .seed = 7,
    };
    char line[1024];

    store = policy_store_create(&limits);
    sync_ = sync_create(&config, store);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        printf("%s\n", line);
        if (line[0] && line[0] != '#') {
            command(line);
        }
    }
    sync_destroy(sync_);
    policy_store_destroy(store);
    for (size_t i = 0; i < n_wanted; i++) {
        free(wanted[i]);
    }
    free(wanted);
    return 0;
}
