/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/output-private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sset.h"
#include "tools/columns.h"
#include "util.h"

typedef bool good_func(const json_t *document);

static show_func show_status, show_ports, show_groups;
static show_func show_resync, show_wait, show_metrics;
static show_func show_enforce, show_limits, show_version, show_latency;
static show_func show_loop;
static good_func status_is_good, is_done;

/* What there is to know of a kind of document. */
struct kind {
    show_func *show;
    good_func *is_good;         /* NULL: always. */
    const char *list;           /* The key of its list, if it has one. */
    const char *what;           /* An entry of it, for messages. */
};
static const struct kind kinds[] = {
    [OUTPUT_STATUS] = { show_status, status_is_good, NULL, NULL },
    [OUTPUT_PORTS] = { show_ports, NULL, "ports", "port" },
    [OUTPUT_GROUPS] = { show_groups, NULL, "groups", "group" },
    [OUTPUT_SETS] = { show_sets, NULL, "sets", "set" },
    [OUTPUT_RULES] = { show_rules, NULL, "rules", "rule of a port" },
    [OUTPUT_PLAN] = { show_plan, NULL, NULL, NULL },
    [OUTPUT_RESYNC] = { show_resync, is_done, NULL, NULL },
    [OUTPUT_ENFORCE] = { show_enforce, NULL, NULL, NULL },
    [OUTPUT_WAIT] = { show_wait, is_done, NULL, NULL },
    [OUTPUT_LIMITS] = { show_limits, NULL, "limits", "limit" },
    [OUTPUT_METRICS] = { show_metrics, NULL, NULL, NULL },
    [OUTPUT_LATENCY] = { show_latency, NULL, NULL, NULL },
    [OUTPUT_LOOP] = { show_loop, NULL, NULL, NULL },
    [OUTPUT_VERSION] = { show_version, NULL, NULL, NULL },
};

static char *select_entries(json_t *document, const struct output_query *);
static bool entry_matches(const json_t *entry, const struct output_query *,
                          const struct sset *chains);
static void find_chains(const json_t *rules, const struct output_query *,
                        struct sset *chains);
static bool is_port_rule(const json_t *rule, const char *id);
static bool begins(const json_t *entry, const char *key, const char *id);
static bool equals(const json_t *entry, const char *key, const char *text);

static void show_each(const json_t *list,
                      void (*show)(const json_t *, struct ds *),
                      struct ds *);
static void show_port(const json_t *port, struct ds *);
static void show_group(const json_t *group, struct ds *);
static void show_half(const json_t *group, const char *half, struct ds *);
static void put_if(struct columns *, const json_t *half, const char *key);
static void put_reasons(struct ds *, const json_t *list, const char *title);
static double real(const json_t *, const char *key);
static const char *yes(bool);

char *
output_format(const char *text, const struct output_query *query,
              struct ds *out, bool *good)
{
    const struct kind *kind = &kinds[query->kind];
    json_error_t json_error;
    json_t *document;
    char *error;

    document = json_loads(text, JSON_REJECT_DUPLICATES, &json_error);
    if (!json_is_object(document)) {
        json_decref(document);
        return xasprintf("the agent's answer is not a JSON object");
    }
    error = select_entries(document, query);
    if (!error) {
        *good = !kind->is_good || kind->is_good(document);
        if (query->json) {
            char *dump = json_dumps(document, JSON_INDENT(2)
                                    | JSON_ENSURE_ASCII);

            ds_put_format(out, "%s\n", dump);
            free(dump);
        } else {
            kind->show(document, query, out);
        }
    }
    json_decref(document);
    return error;
}

/* ## Choosing ## */

/* Drops the entries of the document's list that the query does not ask for. */
static char *
select_entries(json_t *document, const struct output_query *query)
{
    const struct kind *kind = &kinds[query->kind];
    json_t *list = kind->list ? json_object_get(document, kind->list) : NULL;
    struct sset chains = SSET_INITIALIZER(&chains);

    if (!kind->list || (!query->id && !query->family)) {
        return NULL;
    }
    find_chains(list, query, &chains);
    json_t *kept = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);

        if (entry_matches(entry, query, &chains)) {
            json_array_append(kept, entry);
        }
    }
    sset_destroy(&chains);

    bool found = json_array_size(kept) > 0;
    json_object_set_new(document, kind->list, kept);
    if (!found && query->id) {
        struct ds safe = DS_EMPTY_INITIALIZER;

        columns_put_safe(&safe, query->id, COLUMNS_ONE_LINE);
        char *error = xasprintf("no %s %s", kind->what, ds_cstr(&safe));
        ds_destroy(&safe);
        return error;
    }
    return NULL;
}

static bool
entry_matches(const json_t *entry, const struct output_query *query,
              const struct sset *chains)
{
    const char *id = query->id;

    if (query->kind == OUTPUT_RULES) {
        return ((!query->family || equals(entry, "family", query->family))
                && (!id || is_port_rule(entry, id)
                    || (!json_is_null(get(entry, "group"))
                        && sset_contains(chains, str(entry, "chain")))));
    }
    return (begins(entry, "id", id) || begins(entry, "group", id)
            || equals(entry, "device", id) || equals(entry, "interface", id)
            || equals(entry, "name", id));
}

/* What decides about a port is its own chains and those of its groups, which
 * its own ones jump to. */
static void
find_chains(const json_t *rules, const struct output_query *query,
            struct sset *chains)
{
    if (query->kind != OUTPUT_RULES || !query->id) {
        return;
    }
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *jump;

        if (!is_port_rule(rule, query->id)) {
            continue;
        }
        jump = strstr(str(rule, "text"), "-j ");
        if (jump) {
            char *chain = xmemdup0(jump + 3, strcspn(jump + 3, " "));

            sset_add_and_free(chains, chain);
        }
    }
}

static bool
is_port_rule(const json_t *rule, const char *id)
{
    return equals(rule, "device", id) || begins(rule, "port", id);
}

static bool
begins(const json_t *entry, const char *key, const char *id)
{
    return *id && !strncasecmp(str(entry, key), id, strlen(id));
}

static bool
equals(const json_t *entry, const char *key, const char *text)
{
    return !strcmp(str(entry, key), text);
}

/* ## Judging ## */

static bool
status_is_good(const json_t *document)
{
    return (is(document, "enforcing") && is(document, "in_sync")
            && !json_array_size(get(document, "reasons")));
}

static bool
is_done(const json_t *document)
{
    return is(document, "done");
}

/* ## Showing ## */

/* "NOT_FOUND 3, ACCESS_REFUSED 1". */
static void
put_refusals(struct ds *out, json_t *refusals)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    const char *name;
    json_t *count;

    json_object_foreach (refusals, name, count) {
        ds_put_format(&text, "%s%s %lld", text.length ? ", " : "", name,
                      (long long int) json_integer_value(count));
    }
    put_value(out, "broker said", "%s", ds_cstr(&text));
    ds_destroy(&text);
}

static void
show_status(const json_t *d, const struct output_query *query OVS_UNUSED,
            struct ds *out)
{
    const json_t *ports = get(d, "ports");
    const json_t *broker = get(d, "broker");
    const json_t *apply = get(d, "last_apply");
    char *beacon = age(d, "beacon_age_ms");
    char *applied = age(apply, "age_ms");

    put_value(out, "state", "%s", str(d, "state"));
    put_value(out, "enforcing", "%s", yes(is(d, "enforcing")));
    put_value(out, "in sync", "%s", yes(is(d, "in_sync")));
    put_value(out, "host", "%s", str(d, "host"));
    put_value(out, "generation", "%lld, in the kernel %lld",
              num(d, "generation"), num(d, "applied"));
    put_value(out, "ports", "%lld: %lld protected, %lld degraded, %lld "
              "closed, %lld unenforceable", num(ports, "total"),
              num(ports, "protected"), num(ports, "degraded"),
              num(ports, "closed"), num(ports, "unenforceable"));
    put_value(out, "controller", "epoch %s, beacon %s", str(d, "epoch"),
              beacon);
    put_value(out, "broker", "%s %s%s%s", str(broker, "broker"),
              str(broker, "stage"), *str(broker, "last_error") ? ", " : "",
              str(broker, "last_error"));
    if (is(get(d, "saved_policy"), "in_force")) {
        char *saved = age(get(d, "saved_policy"), "age_ms");

        put_value(out, "policy", "from file, saved %s", saved);
        free(saved);
    }
    if (num(broker, "malformed")) {
        put_value(out, "refused", "%lld messages; the last: %s",
                  num(broker, "malformed"), str(broker, "last_malformed"));
    }
    if (json_object_size(get(broker, "refusals"))) {
        put_refusals(out, json_object_get(broker, "refusals"));
    }
    if (*str(broker, "last_unbindable")) {
        put_value(out, "not bound", "last failure: %s",
                  str(broker, "last_unbindable"));
    }
    if (json_is_object(apply)) {
        put_value(out, "last apply", "%s, %s", applied,
                  is(apply, "ok") ? "ok" : str(apply, "error"));
    }
    put_value(out, "l2 guard", "%s", str(d, "l2_guard"));
    put_reasons(out, get(d, "reasons"), "reasons");
    put_reasons(out, get(d, "warnings"), "warnings");
    free(beacon);
    free(applied);
}

static void
show_ports(const json_t *d, const struct output_query *query, struct ds *out)
{
    static const char *const headers[] = {
        "DEVICE", "PORT", "STATE", ">GENERATION", ">ZONE", ">GROUPS",
        "ADDRESSES", "REASON", NULL
    };
    const json_t *list = get(d, "ports");
    struct columns columns;

    if (query->id) {
        show_each(list, show_port, out);
        return;
    }
    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *port = json_array_get(list, i);
        const json_t *policy = get(port, "policy");
        char *ips = join(get(policy, "fixed_ips"));

        columns_put(&columns, "%s", str(port, "device"));
        columns_put(&columns, "%s", str(port, "id"));
        columns_put(&columns, "%s", str(port, "state"));
        columns_put(&columns, "%lld", num(port, "generation"));
        columns_put(&columns, "%lld", num(port, "zone"));
        columns_put(&columns, "%zu", json_array_size(get(policy, "groups")));
        columns_put(&columns, "%s", ips);
        columns_put(&columns, "%s", str(port, "reason"));
        free(ips);
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}

static void
show_port(const json_t *port, struct ds *out)
{
    const json_t *policy = get(port, "policy");
    const json_t *pairs = get(policy, "pairs");
    char *ips = join(get(policy, "fixed_ips"));
    char *groups = join(get(policy, "groups"));
    char *since = age(port, "since_ms");

    put_value(out, "port", "%s", str(port, "id"));
    put_value(out, "device", "%s on bridge %s, zone %lld",
              str(port, "device"), str(port, "bridge"), num(port, "zone"));
    put_value(out, "plug", "%s, interface %s, uplink %s", str(port, "plug"),
              str(port, "interface"), str(port, "uplink"));
    put_value(out, "state", "%s %s, generation %lld", str(port, "state"),
              since, num(port, "generation"));
    if (*str(port, "reason")) {
        put_value(out, "reason", "%s: %s%s %s", str(port, "reason"),
                  str(port, "reason_text"),
                  is(port, "closed") ? "; closed" : "", str(port, "detail"));
    }
    put_value(out, "knowledge", "%s, %s %s", str(port, "knowledge"),
              str(port, "sync"), str(port, "problem"));
    if (json_is_object(policy)) {
        put_value(out, "policy", "revision %lld%s%s",
                  num(policy, "revision"),
                  is(policy, "port_security_enabled")
                  ? "" : ", port security off",
                  is(policy, "trusted") ? ", trusted" : "");
        put_value(out, "mac address", "%s", str(policy, "mac_address"));
        put_value(out, "addresses", "%s", ips);
        put_value(out, "groups", "%s", groups);
    }
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);

        put_value(out, i ? "" : "pairs", "%s as %s%s", str(pair, "address"),
                  str(pair, "mac"),
                  is(pair, "member") ? "" : ", no member of its groups");
    }
    put_refused(out, get(policy, "refused"));
    free(ips);
    free(groups);
    free(since);
}

static void
show_groups(const json_t *d, const struct output_query *query, struct ds *out)
{
    static const char *const headers[] = {
        "GROUP", "RULES", ">COUNT", ">REVISION", "MEMBERS", ">IPV4", ">IPV6",
        ">PREFIXES", ">REVISION", NULL
    };
    const json_t *list = get(d, "groups");
    struct columns columns;

    if (query->id) {
        show_each(list, show_group, out);
        return;
    }
    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *group = json_array_get(list, i);
        const json_t *rules = get(group, "rules");
        const json_t *members = get(group, "members");

        columns_put(&columns, "%s", str(group, "id"));
        columns_put(&columns, "%s", str(rules, "state"));
        put_if(&columns, rules, "count");
        put_if(&columns, rules, "revision");
        columns_put(&columns, "%s", str(members, "state"));
        put_if(&columns, members, "ipv4");
        put_if(&columns, members, "ipv6");
        put_if(&columns, members, "prefix_members");
        put_if(&columns, members, "revision");
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}

/* A number of half a group; none if there is nothing that it could count. */
static void
put_if(struct columns *columns, const json_t *half, const char *key)
{
    if (!strcmp(str(half, "state"), "absent")) {
        columns_put(columns, "%s", "");
    } else {
        columns_put(columns, "%lld", num(half, key));
    }
}

static void
show_group(const json_t *group, struct ds *out)
{
    const json_t *rules = get(group, "rules");
    const json_t *members = get(group, "members");

    put_value(out, "group", "%s", str(group, "id"));
    show_half(group, "rules", out);
    put_value(out, "", "%lld rules, %s", num(rules, "count"),
              is(rules, "stateful") ? "stateful" : "stateless");
    show_half(group, "members", out);
    put_value(out, "", "%lld IPv4, %lld IPv6", num(members, "ipv4"),
              num(members, "ipv6"));
    if (num(members, "prefix_members")) {
        put_value(out, "", "%lld prefixes", num(members, "prefix_members"));
    }
    put_refused(out, get(rules, "refused"));
}

static void
show_half(const json_t *group, const char *half, struct ds *out)
{
    const json_t *j = get(group, half);
    bool orphaned = !strcmp(str(j, "state"), "orphaned");
    char *state_since = age(j, "since_ms");

    put_value(out, half, "%s%s%s at revision %lld, %s, %s", str(j, "state"),
              orphaned ? " " : "", orphaned ? state_since : "",
              num(j, "revision"), is(j, "needed") ? "needed" : "not needed",
              str(j, "sync"));
    free(state_since);
    if (*str(j, "problem")) {
        char *since = age(j, "problem_since_ms");

        put_value(out, "", "%s (%s)", str(j, "problem"), since);
        free(since);
    }
}

static void
show_limits(const json_t *d, const struct output_query *query OVS_UNUSED,
            struct ds *out)
{
    static const char *const headers[] = {
        "LIMIT", ">ALLOWED", ">IN USE", ">REFUSED", "OF", "ID", NULL
    };
    const json_t *list = get(d, "limits");
    struct columns columns;

    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *limit = json_array_get(list, i);

        columns_put(&columns, "%s", str(limit, "name"));
        columns_put(&columns, "%lld", num(limit, "limit"));
        if (json_is_integer(get(limit, "in_use"))) {
            columns_put(&columns, "%lld", num(limit, "in_use"));
        } else {
            columns_put(&columns, "%s", "");
        }
        columns_put(&columns, "%lld", num(limit, "refused"));
        columns_put(&columns, "%s", str(limit, "of"));
        columns_put(&columns, "%s", str(limit, "id"));
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
}

static void
show_resync(const json_t *d, const struct output_query *query OVS_UNUSED,
            struct ds *out)
{
    const json_t *lines = get(d, "lines");

    if (!is(d, "done")) {
        put_value(out, "failed", "%s", str(d, "error"));
        return;
    }
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *line = json_string_value(json_array_get(lines, i));

        columns_put_safe(out, line ? line : "", COLUMNS_ONE_LINE);
        ds_put_char(out, '\n');
    }
    ds_put_format(out, "%lld differences between kernel and policy%s; "
                  "generation %lld, before %lld; %lld ms\n",
                  num(d, "differences"),
                  num(d, "differences") ? ", repaired" : "",
                  num(d, "generation"), num(d, "generation_before"),
                  num(d, "duration_ms"));
}

static void
show_enforce(const json_t *d, const struct output_query *query OVS_UNUSED,
             struct ds *out)
{
    put_value(out, "start", "%s", str(d, "start"));
    put_reasons(out, get(d, "reasons"), "reasons");
}

static void
show_wait(const json_t *d, const struct output_query *query OVS_UNUSED,
          struct ds *out)
{
    ds_put_format(out, "%s: generation %lld, in the kernel %lld\n",
                  is(d, "done") ? "done" : "not yet", num(d, "generation"),
                  num(d, "applied"));
}

static void
show_metrics(const json_t *d, const struct output_query *query OVS_UNUSED,
             struct ds *out)
{
    columns_put_safe(out, str(d, "text"), COLUMNS_KEEP_LINES);
}

/* A change of which the bucket is known lies below the end of that. */
static void
put_quantile(struct columns *columns, const json_t *d, const char *key)
{
    if (json_is_integer(get(d, key))) {
        columns_put(columns, "%lld", num(d, key));
    } else {
        columns_put(columns, "%s", num(d, "count") ? "more" : "");
    }
}

static void
show_latency(const json_t *d, const struct output_query *query OVS_UNUSED,
             struct ds *out)
{
    static const char *const headers[] = {
        "KIND", "PUBLISH TO", ">COUNT", ">MEDIAN <=", ">P90 <=", ">P99 <=",
        ">LONGEST, MS", NULL
    };
    const json_t *list = get(d, "latency");
    struct columns columns;

    columns_init(&columns, headers);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);

        columns_put(&columns, "%s", str(row, "kind"));
        columns_put(&columns, "%s", str(row, "phase"));
        columns_put(&columns, "%lld", num(row, "count"));
        put_quantile(&columns, row, "p50_ms");
        put_quantile(&columns, row, "p90_ms");
        put_quantile(&columns, row, "p99_ms");
        if (json_is_integer(get(row, "max_ms"))) {
            columns_put(&columns, "%lld", num(row, "max_ms"));
        } else {
            columns_put(&columns, "%s", "");
        }
    }
    columns_print(&columns, out);
    columns_uninit(&columns);
    if (num(d, "pending")) {
        put_value(out, "pending", "%lld changes are not in the kernel yet",
                  num(d, "pending"));
    }
    if (num(d, "skewed")) {
        put_value(out, "skewed", "%lld changes were published after they "
                  "arrived: clocks differ", num(d, "skewed"));
    }
}

static void
show_loop(const json_t *d, const struct output_query *query OVS_UNUSED,
          struct ds *out)
{
    put_value(out, "turns", "%lld, %lld of them above 5 ms", num(d, "turns"),
              num(d, "long_turns"));
    if (json_is_string(get(d, "longest_turn_what"))) {
        char *ago = age(d, "longest_turn_age_ms");

        put_value(out, "longest", "%.1f ms, of which %.1f ms %s; %s",
                  real(d, "longest_turn_ms"), real(d, "longest_turn_what_ms"),
                  str(d, "longest_turn_what"), ago);
        put_value(out, "waiting", "%.1f ms for a CPU, besides",
                  real(d, "longest_turn_wait_ms"));
        free(ago);
    }
}

static void
show_version(const json_t *d, const struct output_query *query OVS_UNUSED,
             struct ds *out)
{
    char *up = age(d, "uptime_ms");

    put_value(out, "sgctl", "%s", SG_VERSION);
    put_value(out, "sg-agent", "%s on host %s, started %s",
              str(d, "version"), str(d, "host"), up);
    free(up);
}

/* ## Parts ## */

static void
show_each(const json_t *list, void (*show)(const json_t *, struct ds *),
          struct ds *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        ds_put_cstr(out, i ? "\n" : "");
        show(json_array_get(list, i), out);
    }
}

static void
put_reasons(struct ds *out, const json_t *list, const char *title)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *reason = json_array_get(list, i);

        if (json_is_integer(get(reason, "since_ms"))) {
            char *since = age(reason, "since_ms");

            put_value(out, i ? "" : title, "%s: %s (%s)",
                      str(reason, "code"), str(reason, "text"), since);
            free(since);
        } else {
            put_value(out, i ? "" : title, "%s: %s", str(reason, "code"),
                      str(reason, "text"));
        }
    }
}

static double
real(const json_t *j, const char *key)
{
    return json_number_value(get(j, key));
}

static const char *
yes(bool value)
{
    return value ? "yes" : "no";
}
