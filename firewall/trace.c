/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/trace.h"

#include <stdlib.h>
#include <string.h>

#include "firewall/member_delta.h"
#include "firewall/table_diff.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "util.h"

#define SET_MATCHES (FW_M_SET_SRC | FW_M_SET_DST)
/* A set is asked once for each end of the packet, and so is the policy. */
#define KEY_LEN (FW_SET_LEN + 2)

typedef bool in_set_func(void *walker, const char *set,
                         const struct sg_prefix *);

/* Rules that it missed; the nearest are kept. */
struct misses {
    struct fw_trace_rule rules[FW_TRACE_MAX_MISSES];
    size_t n, total;
};

/* One walk: of what is installed, or of what is intended. */
struct walker {
    const struct fw_trace_args *args;
    struct fw_trace *trace;
    const struct fw_ruleset *rs;
    struct sset *chains;        /* Entered or led to; added to. */
    bool by_policy;             /* No rule decided but a policy. */
    in_set_func *in_set;
    struct shash answers;       /* What sets said: "bool", see KEY_LEN. */
    struct misses group_misses, source_misses;
};

static const char *place_packet(const struct sg_port *, struct fw_trace *);
static void walk(const struct fw_trace_args *, const struct fw_ruleset *,
                 struct fw_trace *, struct sset *chains);
static in_set_func in_installed_set, in_intended_set;
static void note_step(const struct fw_walk_step *, void *walker);
static enum fw_trace_reason explain(const struct fw_trace *,
                                    const struct fw_ruleset *);
static void give_misses(struct walker *);
static void compare(const struct fw_trace_args *, const struct sset *chains,
                    struct fw_trace *);

const char *
fw_trace_state_name(enum fw_trace_state state)
{
    switch (state) {
#define FW_TRACE_STATE(ENUM, NAME) case FW_TRACE_##ENUM: return NAME;
    FW_TRACE_STATES
#undef FW_TRACE_STATE
    }
    OVS_NOT_REACHED();
}

bool
fw_trace_state_from_string(const char *text, enum fw_trace_state *state)
{
#define FW_TRACE_STATE(ENUM, NAME)              \
    if (!strcmp(text, NAME)) {                  \
        *state = FW_TRACE_##ENUM;               \
        return true;                            \
    }
    FW_TRACE_STATES
#undef FW_TRACE_STATE
    return false;
}

const char *
fw_trace_reason_name(enum fw_trace_reason reason)
{
    switch (reason) {
#define FW_TRACE_REASON(ENUM, NAME, TEXT) case FW_TRACE_##ENUM: return NAME;
    FW_TRACE_REASONS
#undef FW_TRACE_REASON
    }
    OVS_NOT_REACHED();
}

const char *
fw_trace_reason_text(enum fw_trace_reason reason)
{
    switch (reason) {
#define FW_TRACE_REASON(ENUM, NAME, TEXT) case FW_TRACE_##ENUM: return TEXT;
    FW_TRACE_REASONS
#undef FW_TRACE_REASON
    }
    OVS_NOT_REACHED();
}

char *
fw_trace_create(const struct fw_trace_args *args,
                const struct fw_trace_query *query, struct fw_trace **tracep)
{
    const struct sg_port *port = sg_policy_port(args->policy, &query->port);
    struct sset chains = SSET_INITIALIZER(&chains);
    struct fw_trace *trace = xzalloc(sizeof *trace);
    struct fw_trace *wanted;
    const char *why;

    trace->query = *query;
    why = port ? place_packet(port, trace) : "there is no such port any more";
    if (why) {
        fw_trace_destroy(trace);
        return xstrdup(why);
    }
    wanted = xzalloc(sizeof *wanted);
    wanted->query = trace->query;
    walk(args, args->desired, wanted, &chains);
    walk(args, args->installed, trace, &chains);
    trace->wanted = wanted->allowed;
    trace->wanted_reason = wanted->reason;
    fw_trace_destroy(wanted);

    compare(args, &chains, trace);
    sset_destroy(&chains);
    *tracep = trace;
    return NULL;
}

void
fw_trace_destroy(struct fw_trace *trace)
{
    if (trace) {
        free(trace->rules);
        free(trace);
    }
}

/* Puts the packet on the port's bridge.  NULL, or why there is nowhere to put
 * it. */
static const char *
place_packet(const struct sg_port *port, struct fw_trace *trace)
{
    const struct sg_binding *b = &port->binding;
    struct fw_packet *p = &trace->query.packet;
    bool out = trace->query.direction == SG_EGRESS;

    switch (b->plug) {
    case SG_PLUG_MISSING:
        return "the port has no device on this host: there is nothing that a "
               "packet could pass";
    case SG_PLUG_UNENFORCEABLE:
        return "the port's traffic crosses no bridge of ours: it is not "
               "filtered";
    case SG_PLUG_HYBRID:
    case SG_PLUG_SHARED_BRIDGE:
        break;
    }
    ovs_strzcpy(p->in, b->bridge, sizeof p->in);
    ovs_strzcpy(p->out, b->bridge, sizeof p->out);
    ovs_strzcpy(p->physdev_in, out ? b->device : b->uplink,
                sizeof p->physdev_in);
    ovs_strzcpy(p->physdev_out, out ? b->uplink : b->device,
                sizeof p->physdev_out);
    return NULL;
}

/* ## The walks ## */

static void
set_flow(const struct fw_trace_args *args, const struct fw_walk *w,
         struct fw_trace *trace)
{
    struct fw_packet *p = &trace->query.packet;
    enum fw_trace_state state = trace->query.state;
    bool known = state != FW_TRACE_NEW && state != FW_TRACE_INVALID;

    p->flow_zone = known ? w->zone : FW_NO_FLOW;
    p->flow_mark = state == FW_TRACE_REVOKED ? args->layout->revoked : 0;
    trace->zone = w->zone;
    trace->untracked = w->untracked;
}

/* Falling off the end of a built-in chain meets its policy. */
static bool
passes_chain(struct walker *walker, struct fw_walk *w, enum fw_table_id id,
             const char *name)
{
    const struct fw_rule *rule = fw_walk_chain(w, id, name);
    const struct fw_chain *chain
        = fw_table_find(&w->rs->tables[w->packet->family][id], name);

    walker->by_policy = !rule && chain && chain->drops;
    return rule ? rule->verdict == FW_ACCEPT : !walker->by_policy;
}

/* The tracking looks for the flow in the zone that raw gave. */
static bool
walk_tables(struct walker *walker)
{
    struct fw_walk w = {
        .rs = walker->rs,
        .packet = &walker->trace->query.packet,
        .in_set = walker->in_set,
        .step = note_step,
        .aux = walker,
    };
    bool passes;

    walker->trace->query.packet.flow_zone = FW_NO_FLOW;
    passes = passes_chain(walker, &w, FW_RAW, "PREROUTING");
    set_flow(walker->args, &w, walker->trace);
    return (passes && passes_chain(walker, &w, FW_FILTER, "FORWARD")
            && passes_chain(walker, &w, FW_SECURITY, "FORWARD"));
}

static void
walk(const struct fw_trace_args *args, const struct fw_ruleset *rs,
     struct fw_trace *trace, struct sset *chains)
{
    struct walker *walker = xzalloc(sizeof *walker);

    walker->args = args;
    walker->trace = trace;
    walker->rs = rs;
    walker->chains = chains;
    walker->in_set = (rs == args->installed ? in_installed_set
                      : in_intended_set);
    shash_init(&walker->answers);
    trace->allowed = walk_tables(walker);

    /* 'out' only says which way. */
    trace->decisive = trace->n_rules;
    for (size_t i = walker->by_policy ? 0 : trace->n_rules; i-- > 0;) {
        if (strcmp(trace->rules[i].chain, FW_CHAIN_OUT)) {
            trace->decisive = i;
            break;
        }
    }
    trace->reason = (walker->by_policy ? FW_TRACE_POLICY
                     : explain(trace, rs));
    give_misses(walker);
    shash_destroy_free_data(&walker->answers);
    free(walker);
}

static bool
ask_kernel(struct walker *w, const char *name, const struct sg_prefix *address)
{
    bool answer = false;
    int error = w->args->test(w->args->aux, name, address, &answer);

    if (error) {
        w->trace->set_error = error;
    }
    return !error && answer;
}

static bool
ask_policy(struct walker *w, const char *name, const struct sg_prefix *address)
{
    const struct fw_set *set = fw_ruleset_find_set(w->rs, name);
    const struct sg_group *group = (set ? sg_policy_group(w->args->policy,
                                                          &set->group)
                                    : NULL);

    return group && fw_set_matches(set, &group->members, address);
}

static bool
ask_once(struct walker *w, bool kernel, const char *name,
         const struct sg_prefix *address)
{
    bool is_src = address == &w->trace->query.packet.src;
    char key[KEY_LEN];
    bool *answer;

    snprintf(key, sizeof key, "%c%c%s", kernel ? 'k' : 'p',
             is_src ? 's' : 'd', name);
    answer = shash_find_data(&w->answers, key);
    if (!answer) {
        answer = xmalloc(sizeof *answer);
        *answer = (kernel ? ask_kernel(w, name, address)
                   : ask_policy(w, name, address));
        shash_add(&w->answers, key, answer);
    }
    return *answer;
}

static bool
in_installed_set(void *walker, const char *name,
                 const struct sg_prefix *address)
{
    return ask_once(walker, true, name, address);
}

static bool
in_intended_set(void *walker, const char *name,
                const struct sg_prefix *address)
{
    return ask_once(walker, false, name, address);
}

static uint32_t
missed_sets(struct walker *w, const struct fw_rule *rule, in_set_func *in_set)
{
    const struct fw_packet *p = &w->trace->query.packet;

    return ((rule->match & FW_M_SET_SRC && !in_set(w, rule->set, &p->src)
             ? FW_M_SET_SRC : 0)
            | (rule->match & FW_M_SET_DST && !in_set(w, rule->set, &p->dst)
               ? FW_M_SET_DST : 0));
}

/* Which of the port's groups has this chain; or zero. */
static struct uuid
chain_group(const struct walker *w, const char *chain)
{
    const struct sg_port *port = sg_policy_port(w->args->policy,
                                                &w->trace->query.port);
    struct uuid none;

    memset(&none, 0, sizeof none);
    if (fw_chain_kind(chain) != FW_NAME_GROUP) {
        return none;
    }
    for (size_t i = 0; port && i < port->spec.n_groups; i++) {
        char name[FW_CHAIN_LEN];

        fw_name_group_chain(name, w->trace->query.direction,
                            &port->spec.groups[i]);
        if (!strcmp(name, chain)) {
            return port->spec.groups[i];
        }
    }
    return none;
}

/* What the packet would have to have.  Of another protocol its ports or type
 * mean nothing, so none of those of the rule is there by chance. */
static uint32_t
all_missed(const struct fw_walk_step *step)
{
    const struct fw_rule *rule = &step->chain->rules[step->index];

    return (step->missed
            | (step->missed & FW_M_PROTO
               ? rule->match & (FW_M_SPORT | FW_M_DPORT | FW_M_ICMP_TYPE
                                | FW_M_ICMP_CODE)
               : 0));
}

static struct fw_trace_rule
make_rule(const struct walker *w, const struct fw_walk_step *step)
{
    const struct fw_rule *rule = &step->chain->rules[step->index];
    struct fw_trace_rule r = {
        .table = step->table,
        .index = step->index,
        .depth = step->depth,
        .rule = *rule,
        .missed = all_missed(step),
        .group = chain_group(w, step->chain->name),
    };

    ovs_strzcpy(r.chain, step->chain->name, sizeof r.chain);
    if (rule->match & (FW_M_SET_SRC | FW_M_SET_DST)) {
        const struct fw_set *set = fw_ruleset_find_set(w->rs, rule->set);

        r.members = set ? set->group : r.members;
    }
    return r;
}

static void
append_rule(struct fw_trace *trace, const struct fw_trace_rule *rule)
{
    if (trace->n_rules >= trace->allocated) {
        trace->rules = x2nrealloc(trace->rules, &trace->allocated,
                                  sizeof *trace->rules);
    }
    trace->rules[trace->n_rules++] = *rule;
}

static unsigned int
n_missed(const struct fw_trace_rule *rule)
{
    return count_1bits(rule->missed);
}

/* Would it be kept, missing this? */
static bool
is_near(const struct misses *misses, uint32_t missed)
{
    return (misses->n < FW_TRACE_MAX_MISSES
            || n_missed(&misses->rules[misses->n - 1]) > count_1bits(missed));
}

/* Puts it behind those that miss as much; without room the last one goes. */
static void
keep_miss(struct misses *misses, const struct fw_trace_rule *rule)
{
    size_t i;

    misses->n = MIN(misses->n + 1, FW_TRACE_MAX_MISSES);
    for (i = misses->n - 1;
         i > 0 && n_missed(&misses->rules[i - 1]) > n_missed(rule); i--) {
        misses->rules[i] = misses->rules[i - 1];
    }
    misses->rules[i] = *rule;
}

/* Keeps those that miss the least, of equals the first.  Of a rule that misses
 * something else the set was not asked: what the policy has in it will do,
 * until those that are kept are asked. */
static void
note_miss(struct walker *w, const struct fw_walk_step *step,
          struct misses *misses)
{
    const struct fw_rule *rule = &step->chain->rules[step->index];
    uint32_t missed = all_missed(step);

    misses->total++;
    if (is_near(misses, missed) && !(missed & SET_MATCHES)) {
        missed |= missed_sets(w, rule, in_intended_set);
    }
    if (is_near(misses, missed)) {
        struct fw_trace_rule r = make_rule(w, step);

        r.missed = missed;
        keep_miss(misses, &r);
    }
}

/* A source is a rule that leads from the port's bridge to its egress. */
static bool
is_source(const struct fw_rule *rule)
{
    return (rule->match & FW_M_MAC
            && fw_direction_chain_device(rule->target) != NULL);
}

/* Is it a rule that is not understood, or one that leads to what is not
 * known? */
static bool
is_foreign(const struct walker *w, const struct fw_walk_step *step)
{
    enum sg_family family = w->trace->query.packet.family;
    const struct fw_table *table = &w->rs->tables[family][step->table];
    const struct fw_rule *rule = &step->chain->rules[step->index];

    return (rule->match & FW_M_FOREIGN
            || (!step->missed && rule->target[0]
                && !fw_table_find(table, rule->target)));
}

static void
note_step(const struct fw_walk_step *step, void *w_)
{
    const struct fw_rule *rule = &step->chain->rules[step->index];
    enum fw_name_kind kind = fw_chain_kind(step->chain->name);
    struct walker *w = w_;
    bool foreign = is_foreign(w, step);

    sset_add(w->chains, step->chain->name);
    w->trace->n_foreign[step->table] += foreign;
    if (!step->missed) {
        struct fw_trace_rule r = make_rule(w, step);

        append_rule(w->trace, &r);
        if (rule->target[0]) {
            sset_add(w->chains, rule->target);
        }
    } else if (kind == FW_NAME_GROUP && !foreign) {
        note_miss(w, step, &w->group_misses);
    } else if (kind == FW_NAME_PORT && is_source(rule)) {
        note_miss(w, step, &w->source_misses);
    }
}

/* ## Why ## */

static enum fw_trace_reason
explain_passing(const struct fw_trace_rule *rule)
{
    if (rule->table != FW_SECURITY) {
        return FW_TRACE_NO_HOOK;
    }
    switch (fw_chain_kind(rule->chain)) {
    case FW_NAME_GROUP:
        return FW_TRACE_BY_RULE;
    case FW_NAME_PORT:
        return FW_TRACE_UNFILTERED;
    case FW_NAME_FIXED:
        return (rule->rule.match & FW_M_ESTABLISHED ? FW_TRACE_BY_FLOW
                : FW_TRACE_BASIC);
    case FW_NAME_FOREIGN:
    case FW_NAME_TREE:
    case FW_NAME_SET:
    case FW_NAME_TMP_SET:
    case FW_NAME_UNKNOWN:
        break;
    }
    return FW_TRACE_NO_HOOK;
}

/* It fell off all chains, back to 'root': how far had it got? */
static enum fw_trace_reason
explain_falling_off(const struct fw_trace *trace, const struct fw_ruleset *rs)
{
    const struct fw_table *table
        = &rs->tables[trace->query.packet.family][FW_SECURITY];
    const struct fw_chain *port = NULL;

    for (size_t i = 0; i < trace->n_rules; i++) {
        const struct fw_rule *rule = &trace->rules[i].rule;

        if (trace->rules[i].table != FW_SECURITY) {
            continue;
        }
        if (fw_direction_chain_device(rule->target)) {
            return FW_TRACE_NO_RULE;
        }
        if (fw_chain_kind(rule->target) == FW_NAME_PORT && !port) {
            port = fw_table_find(table, rule->target);
        }
    }
    return (!port ? FW_TRACE_NO_PORT
            : !port->n_rules ? FW_TRACE_CLOSED
            : trace->query.direction == SG_EGRESS ? FW_TRACE_SOURCE
            : FW_TRACE_OTHER);
}

static enum fw_trace_reason
explain(const struct fw_trace *trace, const struct fw_ruleset *rs)
{
    const struct fw_trace_rule *rule;

    if (trace->decisive == trace->n_rules) {
        return FW_TRACE_NO_HOOK;
    }
    rule = &trace->rules[trace->decisive];
    if (trace->allowed) {
        return explain_passing(rule);
    }
    return (rule->table != FW_SECURITY ? FW_TRACE_OTHER
            : rule->rule.match & FW_M_CONNMARK ? FW_TRACE_IS_REVOKED
            : !strcmp(rule->chain, FW_CHAIN_ROOT)
            ? explain_falling_off(trace, rs)
            : !strcmp(rule->chain, FW_CHAIN_UNSPEC) ? FW_TRACE_SOURCE
            : fw_chain_kind(rule->chain) == FW_NAME_FIXED ? FW_TRACE_FORBIDDEN
            : FW_TRACE_OTHER);
}

/* Now their sets are asked. */
static void
give_misses(struct walker *w)
{
    struct fw_trace *trace = w->trace;
    const struct misses *from
        = (trace->reason == FW_TRACE_NO_RULE ? &w->group_misses
           : trace->reason == FW_TRACE_SOURCE ? &w->source_misses : NULL);
    struct misses sorted = { .n = 0 };

    for (size_t i = 0; from && i < from->n; i++) {
        struct fw_trace_rule r = from->rules[i];

        r.missed = ((r.missed & ~SET_MATCHES)
                    | missed_sets(w, &r.rule, w->in_set));
        keep_miss(&sorted, &r);
    }
    trace->n_misses_total = from ? from->total : 0;
    trace->n_misses = sorted.n;
    for (size_t i = 0; i < sorted.n; i++) {
        trace->misses[i] = sorted.rules[i];
    }
}

/* ## What is intended ## */

static void
note_difference(enum fw_table_id table, const struct fw_edit *edit,
                const struct sset *chains, struct fw_trace *trace)
{
    if (!sset_contains(chains, edit->chain)) {
        trace->n_elsewhere++;
        return;
    }
    if (trace->n_differences < FW_TRACE_MAX_DIFFERENCES) {
        trace->differences[trace->n_differences].table = table;
        trace->differences[trace->n_differences++].edit = *edit;
    }
    trace->n_differences_total++;
}

static void
compare(const struct fw_trace_args *args, const struct sset *chains,
        struct fw_trace *trace)
{
    enum sg_family family = trace->query.packet.family;

    for (int t = 0; t < FW_N_TABLES; t++) {
        struct fw_edits edits = FW_EDITS_INITIALIZER;

        fw_table_diff(&args->installed->tables[family][t],
                      &args->desired->tables[family][t], true, &edits);
        for (size_t i = 0; i < edits.n; i++) {
            note_difference((enum fw_table_id) t, &edits.edits[i], chains,
                            trace);
        }
        fw_edits_uninit(&edits);
    }
}
