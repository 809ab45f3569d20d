/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* One agent (policy store and sync), a broker and a controller on a simulated
 * clock.  Messages are lost, doubled and delayed past each other; connections
 * break; the controller changes its mind, forgets and starts anew.  Once the
 * faults stop the agent must hold what the controller holds, and whenever it
 * says "in sync" for longer than a loss can go unnoticed, that must be so.
 *
 * The net member changes are applied to sets of their own, as the packet
 * filter does: these must be equal as well. */

#include <config.h>
#include "agent/sync.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/topology.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define N_PORTS 5
#define N_GROUPS 6
#define N_ADDRESSES 12
#define PAGE_OBJECTS 4
#define MAX_FLIGHTS 4096
#define BEACON_MS 2000
/* How long a loss may go unnoticed: three beacons and a jittered question. */
#define NOTICE_MS 15000

/* The controller's objects, [0] for ports, rules, members by number. */
struct object {
    bool exists, tombstone;
    int64_t revision;
    int listed;                 /* In how many beacons it is still due. */
    unsigned int groups;        /* Ports: bit per group.  Rules: remotes. */
    unsigned int variant;       /* Of ports and rules. */
    unsigned int members;       /* Bit per address. */
};

enum flight_type { TO_AGENT, REQUEST, ANSWER, BIND, BOUND };
struct flight {
    long long int at;
    enum flight_type type;
    int session;
    struct sg_update update;    /* TO_AGENT, ANSWER. */
    struct sg_sync_request request;
    char msg_id[33];
    char *exchange;             /* BIND, BOUND. */
};

struct sim {
    uint64_t random;
    long long int now;
    bool faults;

    struct object objects[SG_N_KINDS][N_GROUPS];
    struct sg_epoch epoch;
    int64_t seq;
    long long int next_beacon, next_change, last_change, silent_until;
    struct sg_update pages[64]; /* Of the answer under way. */
    size_t n_pages;

    int session;                /* 0: disconnected. */
    int n_sessions;
    long long int reconnect;
    char *bound[2 * N_GROUPS];  /* At the broker. */
    size_t n_bound;
    struct flight flights[MAX_FLIGHTS];
    size_t n_flights;

    struct policy_store *store;
    struct sync *sync;
    char **wished;
    size_t n_wished;
    unsigned int local;         /* Bit per port. */
    unsigned int shadow[N_GROUPS];      /* What the sets hold. */
    size_t n_honest;            /* Times "in sync" was checked. */
};

static unsigned int
roll(struct sim *s, unsigned int n)
{
    return (unsigned int) (test_random(&s->random) % n);
}

static struct uuid
number_id(char letter, size_t i)
{
    char name[16];

    snprintf(name, sizeof name, "%c%u", letter, (unsigned int) i + 1);
    return policy_text_id(name);
}

static size_t
id_number(const struct uuid *id)
{
    return id->parts[3] - 1;
}

static struct uuid
object_id(enum sg_kind kind, size_t i)
{
    return number_id(kind == SG_KIND_PORT ? 'p' : 'g', i);
}

static struct sg_prefix
address(size_t i)
{
    char text[16];

    snprintf(text, sizeof text, "10.0.0.%u", (unsigned int) i + 1);
    return policy_text_prefix(text);
}

/* Bodies, as the controller has them. */

static void
add_port(struct sg_update *u, const struct object *o, size_t i)
{
    struct sg_port_spec *spec;

    u->ports = xrealloc(u->ports, (u->n_ports + 1) * sizeof *u->ports);
    spec = memset(&u->ports[u->n_ports++], 0, sizeof *spec);
    spec->id = number_id('p', i);
    spec->revision = o->revision;
    spec->mac.ea[0] = 2;
    spec->mac.ea[5] = (uint8_t) o->variant;
    spec->port_security_enabled = o->variant % 4 != 0;
    spec->groups = xcalloc(N_GROUPS, sizeof *spec->groups);
    for (size_t g = 0; g < N_GROUPS; g++) {
        if (o->groups & 1u << g) {
            spec->groups[spec->n_groups++] = number_id('g', g);
        }
    }
}

static void
add_rules(struct sg_update *u, const struct object *o, size_t i)
{
    struct sg_rules_spec *spec;

    u->rules = xrealloc(u->rules, (u->n_rules + 1) * sizeof *u->rules);
    spec = memset(&u->rules[u->n_rules++], 0, sizeof *spec);
    spec->group = number_id('g', i);
    spec->revision = o->revision;
    spec->stateful = true;
    spec->rules = xcalloc(N_GROUPS, sizeof *spec->rules);
    for (size_t g = 0; g < N_GROUPS; g++) {
        if (o->groups & 1u << g) {
            struct sg_rule *rule = &spec->rules[spec->n_rules++];

            rule->id = number_id('r', g);
            rule->protocol = (int) o->variant;
            rule->remote = SG_REMOTE_GROUP;
            rule->remote_id = number_id('g', g);
        }
    }
}

static void
add_members(struct sg_update *u, const struct object *o, size_t i,
            int64_t prev, unsigned int before)
{
    struct sg_members_spec *spec;

    u->members = xrealloc(u->members, (u->n_members + 1)
                                      * sizeof *u->members);
    spec = memset(&u->members[u->n_members++], 0, sizeof *spec);
    spec->group = number_id('g', i);
    spec->revision = o->revision;
    spec->prev = prev;
    spec->whole = !prev;
    for (size_t a = 0; a < N_ADDRESSES; a++) {
        struct sg_prefix p = address(a);
        bool is = o->members & 1u << a;
        bool was = prev && before & 1u << a;

        if (is && !was) {
            sg_prefix_list_add(&spec->added, &p);
        } else if (was && !is) {
            sg_prefix_list_add(&spec->removed, &p);
        }
    }
}

static void
add_ref(struct sg_ref **refs, size_t *n, enum sg_kind kind, size_t i,
        int64_t revision)
{
    *refs = xrealloc(*refs, (*n + 1) * sizeof **refs);
    (*refs)[(*n)++] = (struct sg_ref) {
        .kind = kind, .id = object_id(kind, i), .revision = revision,
    };
}

static void
add_object(struct sim *s, struct sg_update *u, enum sg_kind kind, size_t i)
{
    const struct object *o = &s->objects[kind][i];

    if (!o->exists) {
        if (o->tombstone) {
            add_ref(&u->deleted, &u->n_deleted, kind, i, o->revision);
        } else {
            add_ref(&u->unknown, &u->n_unknown, kind, i, 0);
        }
        return;
    }
    switch (kind) {
    case SG_KIND_PORT: add_port(u, o, i); break;
    case SG_KIND_RULES: add_rules(u, o, i); break;
    case SG_KIND_MEMBERS: add_members(u, o, i, 0, 0); break;
    }
}

/* The network. */

static struct flight *
launch(struct sim *s, enum flight_type type, unsigned int delay)
{
    struct flight *f = &s->flights[s->n_flights++];

    ovs_assert(s->n_flights < MAX_FLIGHTS);
    memset(f, 0, sizeof *f);
    f->type = type;
    f->session = s->session;
    f->at = s->now + 1 + roll(s, delay);
    return f;
}

static void
flight_uninit(struct flight *f)
{
    switch (f->type) {
    case TO_AGENT:
    case ANSWER:
        sg_update_uninit(&f->update);
        break;
    case REQUEST:
        sg_sync_request_uninit(&f->request);
        break;
    case BIND:
    case BOUND:
        free(f->exchange);
        break;
    }
}

static bool
lucky(struct sim *s, unsigned int percent)
{
    return s->faults && roll(s, 100) < percent;
}

static bool
is_bound(const struct sim *s, const char *exchange)
{
    for (size_t i = 0; i < s->n_bound; i++) {
        if (!strcmp(s->bound[i], exchange)) {
            return true;
        }
    }
    return false;
}

static void
make_message(struct sim *s, enum sg_kind kind, size_t i, int64_t prev,
             unsigned int before, struct sg_update *u)
{
    const struct object *o = &s->objects[kind][i];

    sg_update_init(u, !o->exists ? SG_METHOD_GROUP_DELETED
                   : kind == SG_KIND_PORT ? SG_METHOD_PORTS_UPDATED
                   : kind == SG_KIND_RULES ? SG_METHOD_RULES_UPDATED
                   : SG_METHOD_MEMBERS_CHANGED);
    u->epoch = s->epoch;
    if (kind == SG_KIND_MEMBERS && o->exists && prev) {
        add_members(u, o, i, prev, before);
    } else {
        add_object(s, u, kind, i);
    }
}

/* Tells the agent of the change of an object, if it listens. */
static void
publish(struct sim *s, enum sg_kind kind, size_t i, int64_t prev,
        unsigned int before)
{
    bool listens = s->session != 0;

    if (kind != SG_KIND_PORT) {
        struct uuid id = object_id(kind, i);
        char *exchange = rpc_group_exchange(kind, &id);

        listens = listens && is_bound(s, exchange);
        free(exchange);
    }
    if (!listens || lucky(s, 10)) {
        return;
    }
    for (int copies = lucky(s, 10) ? 2 : 1; copies; copies--) {
        /* Faults let messages overtake each other. */
        struct flight *f = launch(s, TO_AGENT, s->faults ? 200 : 1);

        make_message(s, kind, i, prev, before, &f->update);
    }
}

/* The controller. */

static void
touch(struct sim *s, enum sg_kind kind, size_t i, int64_t prev,
      unsigned int before)
{
    s->objects[kind][i].listed = 3;
    s->last_change = s->now;
    publish(s, kind, i, prev, before);
}

static void
change_something(struct sim *s)
{
    enum sg_kind kind = (enum sg_kind) roll(s, SG_N_KINDS);
    size_t i = roll(s, kind == SG_KIND_PORT ? N_PORTS : N_GROUPS);
    struct object *o = &s->objects[kind][i];
    int64_t prev = o->exists ? o->revision : 0;
    unsigned int before = o->members;

    o->revision += 1 + roll(s, 3);
    if (o->exists && !roll(s, 12)) {
        o->exists = false;
        o->tombstone = true;
        o->members = o->groups = 0;
    } else {
        o->exists = true;
        o->tombstone = false;
        o->variant = roll(s, 8);
        if (kind == SG_KIND_MEMBERS) {
            o->members ^= 1u << roll(s, N_ADDRESSES);
        } else {
            o->groups = roll(s, 1u << N_GROUPS) & roll(s, 1u << N_GROUPS);
        }
    }
    touch(s, kind, i, prev, before);
}

static void
free_pages(struct sim *s)
{
    for (size_t i = 0; i < s->n_pages; i++) {
        sg_update_uninit(&s->pages[i]);
    }
    s->n_pages = 0;
}

/* A new epoch: deletions are forgotten, revisions begin anew. */
static void
restart_controller(struct sim *s)
{
    s->epoch.ms += 1 + roll(s, 5);
    s->seq = 0;
    free_pages(s);
    s->last_change = s->now;
    for (int k = 0; k < SG_N_KINDS; k++) {
        for (size_t i = 0; i < N_GROUPS; i++) {
            struct object *o = &s->objects[k][i];

            o->tombstone = false;
            o->revision = 1 + roll(s, 3);
            o->listed = 0;
        }
    }
}

static void
send_beacon(struct sim *s)
{
    struct sg_update u;

    s->next_beacon = s->now + BEACON_MS;
    sg_update_init(&u, SG_METHOD_BEACON);
    u.epoch = s->epoch;
    u.seq = ++s->seq;
    u.entries = xcalloc(SG_N_KINDS * N_GROUPS, sizeof *u.entries);
    for (int k = 0; k < SG_N_KINDS; k++) {
        for (size_t i = 0; i < N_GROUPS; i++) {
            struct object *o = &s->objects[k][i];

            if (o->listed) {
                struct uuid id = object_id((enum sg_kind) k, i);

                o->listed--;
                u.entries[u.n_entries++] = (struct sg_beacon_entry) {
                    sg_ref_hash((enum sg_kind) k, &id), o->revision,
                };
            }
        }
    }
    if (lucky(s, 2)) {
        u.n_entries = 0;
        u.more = true;
    }
    /* Beacons are lost one by one, and for a while. */
    if (lucky(s, 3)) {
        s->silent_until = s->now + roll(s, 20000);
    }
    if (s->session && s->now >= s->silent_until && !lucky(s, 10)) {
        launch(s, TO_AGENT, s->faults ? 100 : 1)->update = u;
    } else {
        sg_update_uninit(&u);
    }
}

static bool
has(const struct sim *s, const struct sg_sync_request *r, enum sg_kind kind,
    size_t i)
{
    struct uuid id = object_id(kind, i);

    if (sg_epoch_compare(&r->epoch, &s->epoch)) {
        return false;
    }
    for (size_t k = 0; k < r->n_have; k++) {
        if (r->have[k].kind == kind && uuid_equals(&r->have[k].id, &id)) {
            return r->have[k].revision == s->objects[kind][i].revision;
        }
    }
    return false;
}

/* Marks the object and what it brings along. */
static void
mark(const struct sim *s, enum sg_kind kind, size_t i,
     bool marks[SG_N_KINDS][N_GROUPS])
{
    const struct object *o = &s->objects[kind][i];

    marks[kind][i] = true;
    for (size_t g = 0; g < N_GROUPS; g++) {
        if (kind == SG_KIND_PORT && o->exists && o->groups & 1u << g) {
            const struct object *rules = &s->objects[SG_KIND_RULES][g];

            marks[SG_KIND_RULES][g] = true;
            for (size_t h = 0; h < N_GROUPS; h++) {
                if (rules->exists && rules->groups & 1u << h) {
                    marks[SG_KIND_MEMBERS][h] = true;
                }
            }
        }
    }
}

static void
new_page(struct sim *s)
{
    struct sg_update *u = &s->pages[s->n_pages++];

    sg_update_init(u, SG_METHOD_SYNC);
    u->epoch = s->epoch;
    u->page = (int64_t) s->n_pages;
}

/* Of what is marked and exists. */
static void
make_digest(const struct sim *s, bool marks[SG_N_KINDS][N_GROUPS],
            char digest[RPC_DIGEST_LEN + 1])
{
    struct sg_ref *refs = NULL;
    size_t n = 0;

    for (int k = 0; k < SG_N_KINDS; k++) {
        for (size_t i = 0; i < N_GROUPS; i++) {
            if (marks[k][i] && s->objects[k][i].exists) {
                add_ref(&refs, &n, (enum sg_kind) k, i,
                        s->objects[k][i].revision);
            }
        }
    }
    rpc_digest(refs, n, digest);
    free(refs);
}

static void
make_pages(struct sim *s, const struct sg_sync_request *r)
{
    bool marks[SG_N_KINDS][N_GROUPS] = { { false } };
    char digest[RPC_DIGEST_LEN + 1];
    size_t n = 0;

    for (size_t i = 0; !r->partial && i < r->n_ports; i++) {
        mark(s, SG_KIND_PORT, id_number(&r->ports[i]), marks);
    }
    for (size_t i = 0; i < r->n_objects; i++) {
        mark(s, r->objects[i].kind, id_number(&r->objects[i].id), marks);
    }
    free_pages(s);
    new_page(s);
    make_digest(s, marks, digest);
    if (!r->partial && r->digest
        && !sg_epoch_compare(&r->epoch, &s->epoch)) {
        s->pages[0].same = !strcmp(r->digest, digest);
        s->pages[0].want_have = !s->pages[0].same;
        return;
    }
    for (int k = 0; k < SG_N_KINDS; k++) {
        for (size_t i = 0; i < N_GROUPS; i++) {
            if (marks[k][i] && !has(s, r, (enum sg_kind) k, i)) {
                if (n && n % PAGE_OBJECTS == 0) {
                    char token[16];

                    snprintf(token, sizeof token, "%d", (int) s->n_pages);
                    s->pages[s->n_pages - 1].next = xstrdup(token);
                    new_page(s);
                }
                add_object(s, &s->pages[s->n_pages - 1], (enum sg_kind) k, i);
                n++;
            }
        }
    }
    s->pages[0].same = !n;
    if (!r->partial) {
        s->pages[s->n_pages - 1].digest = xstrdup(digest);
    }
}

static void
answer(struct sim *s, struct flight *request)
{
    const struct sg_sync_request *r = &request->request;
    size_t page = r->page ? (size_t) atoi(r->page) : 0;

    if (!page) {
        make_pages(s, r);
    }
    if (page >= s->n_pages || lucky(s, 10)) {
        return;
    }

    /* The page moves into the answer; a restart in between loses the rest. */
    struct flight *f = launch(s, ANSWER, s->faults ? 300 : 5);
    f->session = request->session;
    memcpy(f->msg_id, request->msg_id, sizeof f->msg_id);
    f->update = s->pages[page];
    sg_update_init(&s->pages[page], SG_METHOD_SYNC);
}

/* The agent. */

static void
set_local(struct sim *s, unsigned int local)
{
    struct local_port locals[N_PORTS];
    size_t n = 0;

    memset(locals, 0, sizeof locals);
    s->local = local;
    for (size_t i = 0; i < N_PORTS; i++) {
        if (local & 1u << i) {
            locals[n].id = number_id('p', i);
            locals[n].binding.plug = SG_PLUG_HYBRID;
            locals[n++].binding.zone = (uint16_t) (i + 1);
        }
    }
    policy_store_set_local(s->store, locals, n);
    sync_needs_changed(s->sync, s->now);
    s->last_change = s->now;
}

static void
bind_all(struct sim *s)
{
    for (size_t i = 0; i < s->n_wished; i++) {
        struct flight *f = launch(s, BIND, s->faults ? 300 : 5);

        f->exchange = xstrdup(s->wished[i]);
    }
}

/* What amqp_client does with a wish: what is bound stays, what is new is
 * bound and reported, what is gone is unbound. */
static void
take_bindings(struct sim *s)
{
    char **names;
    size_t n;

    if (!sync_take_bindings(s->sync, s->now, &names, &n)) {
        return;
    }
    for (size_t i = 0; i < s->n_bound; ) {
        bool keep = false;

        for (size_t k = 0; k < n; k++) {
            keep = keep || !strcmp(s->bound[i], names[k]);
        }
        if (keep) {
            i++;
        } else {
            free(s->bound[i]);
            s->bound[i] = s->bound[--s->n_bound];
        }
    }
    for (size_t i = 0; i < s->n_wished; i++) {
        free(s->wished[i]);
    }
    free(s->wished);
    s->wished = names;
    s->n_wished = n;
    if (s->session) {
        bind_all(s);
    }
}

static void
check_changes(struct sim *s)
{
    struct store_change *changes;
    size_t n = policy_store_take_changes(s->store, &changes);

    for (size_t i = 0; i < n; i++) {
        unsigned int *set = &s->shadow[id_number(&changes[i].group)];

        for (size_t k = 0; k < changes[i].added.n; k++) {
            unsigned int bit = 1u << (changes[i].added.p[k].addr[3] - 1);

            CHECK(!(*set & bit));
            *set |= bit;
        }
        for (size_t k = 0; k < changes[i].removed.n; k++) {
            unsigned int bit = 1u << (changes[i].removed.p[k].addr[3] - 1);

            CHECK(*set & bit);
            *set &= ~bit;
        }
    }
    policy_store_changes_free(changes, n);
}

static void
run_agent(struct sim *s)
{
    struct sg_sync_request request;
    char msg_id[33];

    if (policy_store_expire(s->store, s->now, 5000)) {
        sync_needs_changed(s->sync, s->now);
    }
    take_bindings(s);
    if (sync_run(s->sync, s->now, msg_id, &request)) {
        if (lucky(s, 5)) {
            sg_sync_request_uninit(&request);
            if (roll(s, 2)) {
                sync_answer(s->sync, msg_id, NULL, "refused", s->now);
            }
        } else {
            struct flight *f = launch(s, REQUEST, s->faults ? 300 : 5);

            memcpy(f->msg_id, msg_id, sizeof f->msg_id);
            f->request = request;
        }
    }
    check_changes(s);
}

static void
disconnect(struct sim *s)
{
    s->session = 0;
    s->reconnect = s->now + roll(s, 3000);
    sync_disconnected(s->sync, s->now);
    for (size_t i = 0; i < s->n_bound; i++) {
        free(s->bound[i]);
    }
    s->n_bound = 0;
}

static void
connect_agent(struct sim *s)
{
    s->session = ++s->n_sessions;
    s->reconnect = LLONG_MAX;
    sync_connected(s->sync, s->now);
    bind_all(s);
}

static void
land(struct sim *s, struct flight *f)
{
    /* An answer or message of an earlier session has no queue any more, but
     * a request on its way still reaches the controller. */
    if (f->type == REQUEST) {
        answer(s, f);
    } else if (f->session != s->session) {
        return;
    } else if (f->type == TO_AGENT) {
        sync_update(s->sync, &f->update, s->now);
    } else if (f->type == ANSWER) {
        sync_answer(s->sync, f->msg_id, &f->update, NULL, s->now);
    } else if (f->type == BIND) {
        bool wished = false;

        for (size_t i = 0; i < s->n_wished; i++) {
            wished = wished || !strcmp(s->wished[i], f->exchange);
        }
        if (wished) {
            struct flight *bound;

            if (!is_bound(s, f->exchange)) {
                s->bound[s->n_bound++] = xstrdup(f->exchange);
            }
            bound = launch(s, BOUND, s->faults ? 100 : 5);
            bound->exchange = xstrdup(f->exchange);
        }
    } else if (is_bound(s, f->exchange)) {
        sync_bound(s->sync, f->exchange, s->now);
    }
}

/* Does the agent hold what the controller has?  Prints what differs. */
static bool
equal(struct sim *s, bool complain)
{
    const struct sg_policy *policy = policy_store_policy(s->store);
    struct sg_ref_list needs = { NULL, 0, 0 };
    bool ok = true;

    policy_store_needs(s->store, &needs);
    for (size_t i = 0; i < needs.n; i++) {
        enum sg_kind kind = needs.refs[i].kind;
        size_t n = id_number(&needs.refs[i].id);
        const struct object *o = &s->objects[kind][n];
        const struct sg_group *g = sg_policy_group(policy,
                                                   &needs.refs[i].id);
        struct store_object object;
        bool same = policy_store_object(s->store, kind, &needs.refs[i].id,
                                        &object);

        if (o->exists) {
            same = (same && object.state == SG_KNOWN
                    && object.revision == o->revision);
        } else if (o->tombstone) {
            same = same && object.state == SG_DELETED;
        }
        if (same && kind == SG_KIND_MEMBERS) {
            unsigned int bits = 0;

            for (size_t a = 0; a < N_ADDRESSES; a++) {
                struct sg_prefix p = address(a);

                bits |= (unsigned int) sg_members_contains(&g->members, &p)
                        << a;
            }
            /* Last good of what the controller forgot stays. */
            same = (bits == s->shadow[n]
                    && (bits == o->members || !(o->exists || o->tombstone)));
        } else if (same && kind == SG_KIND_RULES && o->exists) {
            same = g->rules.n_rules == (size_t) __builtin_popcount(o->groups);
        }
        if (!same && complain) {
            FAIL("%s %d: held %s@%d, controller %s@%d", sg_kind_name(kind),
                 (int) n + 1, sg_knowledge_name(object.state),
                 (int) object.revision, o->exists ? "has" : "has not",
                 (int) o->revision);
        }
        ok = ok && same;
    }
    sg_ref_list_clear(&needs);
    return ok;
}

static void
check_honest(struct sim *s)
{
    struct sync_status status;

    sync_get_status(s->sync, s->now, &status);
    if (status.in_sync && !status.stale
        && !sg_epoch_compare(&status.epoch, &s->epoch)
        && s->now - s->last_change > NOTICE_MS) {
        s->n_honest++;
        if (!equal(s, true)) {
            FAIL("\"in sync\" is not true at %lld", s->now);
        }
    }
}

static void
step(struct sim *s)
{
    long long int next = MIN(s->next_beacon, s->next_change);
    size_t first = SIZE_MAX;

    next = MIN(next, sync_next(s->sync));
    next = MIN(next, s->reconnect);
    for (size_t i = 0; i < s->n_flights; i++) {
        if (s->flights[i].at < next) {
            next = s->flights[i].at;
            first = i;
        }
    }
    s->now = MAX(s->now, next);
    if (first != SIZE_MAX) {
        struct flight f = s->flights[first];

        /* Keep the order: without faults nothing overtakes. */
        memmove(&s->flights[first], &s->flights[first + 1],
                (--s->n_flights - first) * sizeof f);
        land(s, &f);
        flight_uninit(&f);
    } else if (s->now >= s->next_beacon) {
        send_beacon(s);
    } else if (s->now >= s->reconnect) {
        connect_agent(s);
    } else if (s->now >= s->next_change) {
        unsigned int what = roll(s, 100);

        /* Bursts and quiet times. */
        s->next_change = s->now + (roll(s, 6) ? 20 + roll(s, 400)
                                   : 5000 + roll(s, 40000));
        if (what < 2) {
            restart_controller(s);
        } else if (what < 5 && s->session) {
            disconnect(s);
        } else if (what < 12) {
            set_local(s, roll(s, 1u << N_PORTS));
        } else {
            change_something(s);
        }
    }
    run_agent(s);
}

static void
sim_uninit(struct sim *s)
{
    for (size_t i = 0; i < s->n_flights; i++) {
        flight_uninit(&s->flights[i]);
    }
    for (size_t i = 0; i < s->n_wished; i++) {
        free(s->wished[i]);
    }
    free(s->wished);
    for (size_t i = 0; i < s->n_bound; i++) {
        free(s->bound[i]);
    }
    free_pages(s);
    sync_destroy(s->sync);
    policy_store_destroy(s->store);
    free(s);
}

TEST(the_agent_ends_where_the_controller_is)
{
    const struct policy_store_limits limits = {
        .members = 100, .rules_per_port = 1000, .groups = 100, .ports = 16,
        .set_entries = 1000,
    };
    uint64_t seed = test_seed();
    size_t n_honest = 0;

    for (unsigned int round = 0; round < test_rounds(400); round++) {
        struct sim *s = xzalloc(sizeof *s);
        const struct sync_config config = {
            .host = "h1", .boot = "b1", .timeout_ms = 10000,
            .backoff_min_ms = 200, .backoff_max_ms = 60000,
            .beacon_ms = BEACON_MS, .seed = (uint32_t) test_random(&seed),
        };
        struct sync_status status;
        long long int quiet;

        s->random = seed;
        s->faults = true;
        s->now = 1000;
        s->epoch.ms = 100;
        s->next_beacon = s->next_change = s->reconnect = s->now;
        s->store = policy_store_create(&limits);
        s->sync = sync_create(&config, s->store);
        set_local(s, roll(s, 1u << N_PORTS));
        while (s->now < 400000) {
            step(s);
            check_honest(s);
        }

        /* The faults stop, the changes as well. */
        s->faults = false;
        s->next_change = LLONG_MAX;
        quiet = s->now + 150000;
        while (s->now < quiet) {
            step(s);
        }
        sync_get_status(s->sync, s->now, &status);
        equal(s, true);
        CHECK_EQ(status.state, SYNC_SYNCED);
        CHECK_UEQ(status.n_unbound, 0);
        CHECK_UEQ(status.n_unconfirmed, 0);
        CHECK(!status.stale);
        CHECK(!sg_epoch_compare(&status.epoch, &s->epoch));
        n_honest += s->n_honest;
        sim_uninit(s);
        if (test_failed()) {
            FAIL("round %u", round);
            break;
        }
    }
    /* The check of honesty must have had something to look at. */
    CHECK(n_honest > 10000);
}
