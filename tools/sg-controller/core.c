/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/core.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha1.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/entry_cache.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/publish.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

struct controller_core {
    struct core_config config;
    struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    struct beacon *beacon;
    struct dispatcher *dispatcher;
    struct core_counters counters;
    struct core_later_epoch later_epoch;

    uint64_t n_ids;             /* Of messages, made from the seed. */

    struct topology *pending;   /* Waits for its flush, or NULL. */
    bool incomplete;            /* It was patched. */
    unsigned int flags;         /* For that flush: enum core_flags. */
    size_t n_patches;           /* Since the last whole one. */
    struct core_flush last_flush;
    long long int next_flush;   /* Not before. */
    long long int next_beacon, next_expire;

    bool up;
    struct ovs_list outbox;     /* Contains "struct core_message"s. */
    size_t out_bytes;
    bool beacon_waits;          /* In the outbox. */
};

static void note_epoch(struct controller_core *, const struct sg_epoch *,
                       const struct core_time *);
static void answer_host(struct controller_core *,
                        const struct interest_host *, bool resync,
                        const struct core_time *);
static void flush(struct controller_core *, const struct core_time *);
static void put_in_force(struct controller_core *, struct topology *,
                         const struct core_time *);
static void send_publications(struct controller_core *, struct ovs_list *,
                              const struct core_time *);
static void send_beacon(struct controller_core *, const struct core_time *);
static void send_update(struct controller_core *, struct publication *,
                        const struct core_time *);
static void queue_message(struct controller_core *, struct core_message *);
static struct core_message *remove_front(struct controller_core *);
static void flush_uninit(struct core_flush *);
static void make_unique(struct controller_core *, char hex[33]);

void
core_config_init(struct core_config *config, const struct sg_epoch *epoch,
                 const struct uuid *seed)
{
    *config = (struct core_config) {
        .epoch = *epoch,
        .seed = *seed,
        .max_out_bytes = CORE_MAX_OUT_BYTES,
        .page_bytes = RPC_PAGE_BYTES,
        .part_members = CORE_PART_MEMBERS,
        .cache_bytes = ENTRY_CACHE_MAX_BYTES,
        .beacon_entries = BEACON_MAX_ENTRIES,
    };
    rpc_limits_default(&config->limits);
}

struct controller_core *
core_create(const struct core_config *config)
{
    const struct entry_cache_config cache = {
        .max_bytes = config->cache_bytes,
        .whole_bytes = config->page_bytes,
        .part_members = config->part_members,
    };
    struct controller_core *core = xzalloc(sizeof *core);

    core->config = *config;
    core->state = state_create(&config->epoch);
    core->interest = interest_create(INTEREST_MAX_TOTAL);
    core->beacon = beacon_create(config->beacon_entries);
    core->cache = entry_cache_create(&cache);
    core->dispatcher = dispatcher_create(&config->limits);
    core->next_flush = LLONG_MIN;
    core->next_beacon = core->next_expire = LLONG_MIN;
    ovs_list_init(&core->outbox);
    return core;
}

void
core_destroy(struct controller_core *core)
{
    if (core) {
        core_down(core);
        topology_destroy(core->pending);
        flush_uninit(&core->last_flush);
        dispatcher_destroy(core->dispatcher);
        beacon_destroy(core->beacon);
        entry_cache_destroy(core->cache);
        interest_destroy(core->interest);
        state_destroy(core->state);
        free(core);
    }
}

enum dispatch_result
core_request(struct controller_core *core, const void *body, size_t len,
             const struct core_time *at, char **problem)
{
    const struct dispatch_context context = {
        core->state, core->interest, core->cache, core->config.page_bytes
    };
    struct dispatch_output output;
    enum dispatch_result result;
    char unique_id[33];

    make_unique(core, unique_id);
    struct dispatch_input input = {
        .body = body,
        .len = len,
        .unique_id = unique_id,
        .sent = at->wall,
        .now = at->now,
    };
    result = dispatch(core->dispatcher, &context, &input, &output);
    switch (result) {
    case DISPATCH_MALFORMED:
        core->counters.malformed++;
        break;
    case DISPATCH_DUPLICATE:
        core->counters.duplicates++;
        break;
    case DISPATCH_REFUSED:
        core->counters.refused++;
        break;
    case DISPATCH_SYNC:
        core->counters.syncs++;
        break;
    case DISPATCH_REPORT:
        core->counters.reports++;
        break;
    }

    if (output.reply_queue) {
        struct core_message *message = xzalloc(sizeof *message);

        /* A reply that cannot be sent is lost: its caller asks again. */
        message->exchange = xstrdup("");
        message->routing_key = output.reply_queue;
        message->mandatory = true;
        message->body = output.reply;
        message->len = output.reply_len;
        output.reply_queue = output.reply = NULL;
        queue_message(core, message);
    }
    note_epoch(core, &output.epoch, at);
    if (output.host) {
        answer_host(core, output.host, output.resync, at);
    }
    *problem = output.problem;
    output.problem = NULL;
    dispatch_output_uninit(&output);
    return result;
}

void
core_too_large(struct controller_core *core)
{
    core->counters.malformed++;
}

void
core_set_saved(struct controller_core *core, const struct sg_ref *refs,
               size_t n)
{
    state_set_saved(core->state, refs, n);
}

uint64_t
core_set_topology(struct controller_core *core, struct topology *topology,
                  unsigned int flags, const struct core_time *at)
{
    uint64_t number;

    if (core->pending && core->incomplete) {
        /* Whoever made the patches is told what became of them, not what
         * became of this. */
        flush(core, at);
    }
    number = core->counters.flushes + 1;
    topology_destroy(core->pending);
    core->pending = topology;
    core->incomplete = false;
    core->n_patches = 0;
    core->flags |= flags;
    if (at->now >= core->next_flush) {
        flush(core, at);
    }
    return number;
}

char *
core_ack_text(uint64_t flush)
{
    return xasprintf("flush-%"PRIu64, flush);
}

/* One copy for all patches that wait for the same flush.  A whole topology
 * does not wait with them: if one of them fails they all do, and it must not
 * be lost with them. */
char *
core_patch(struct controller_core *core, const char *text, size_t len,
           const char *file, const struct core_time *at, uint64_t *flushp)
{
    struct topology *topology;
    char *error;

    if (core->pending && !core->incomplete) {
        flush(core, at);
    }
    topology = core->pending;
    if (!topology) {
        topology = topology_clone(state_topology(core->state));
    }
    error = topology_patch(topology, text, len, file, &core->config.limits);
    if (error) {
        if (!core->pending) {
            topology_destroy(topology);
        }
        return error;
    }
    core->pending = topology;
    core->incomplete = true;
    core->n_patches++;
    *flushp = core->counters.flushes + 1;
    if (at->now >= core->next_flush) {
        flush(core, at);
    }
    return NULL;
}

size_t
core_n_patches(const struct controller_core *core)
{
    return core->n_patches;
}

const struct core_flush *
core_last_flush(const struct controller_core *core)
{
    return &core->last_flush;
}

/* A beacon at once: who came back with us learns what it is behind. */
void
core_up(struct controller_core *core, const struct core_time *at)
{
    core->up = true;
    core->next_beacon = at->now;
}

void
core_down(struct controller_core *core)
{
    core->up = false;
    while (core_has_output(core)) {
        core_message_destroy(remove_front(core));
        core->counters.dropped++;
    }
}

void
core_failed(struct controller_core *core, bool no_exchange)
{
    if (no_exchange) {
        core->counters.unheard++;
    } else {
        core->counters.dropped++;
    }
}

void
core_run(struct controller_core *core, const struct core_time *at)
{
    if (core->pending && at->now >= core->next_flush) {
        flush(core, at);
    }
    if (at->now >= core->next_beacon) {
        core->next_beacon = at->now + BEACON_INTERVAL_MS;
        send_beacon(core, at);
    }
    if (at->now >= core->next_expire) {
        core->next_expire = at->now + CORE_EXPIRE_INTERVAL_MS;
        state_expire(core->state, at->now);
        interest_expire(core->interest, at->now);
        entry_cache_trim(core->cache, at->now);
    }
}

long long int
core_wake(const struct controller_core *core)
{
    long long int wake = MIN(core->next_beacon, core->next_expire);

    return core->pending ? MIN(wake, core->next_flush) : wake;
}

struct core_message *
core_pop(struct controller_core *core)
{
    struct core_message *message;

    if (!core_has_output(core)) {
        return NULL;
    }
    message = remove_front(core);
    /* Replies are counted as requests served. */
    core->counters.published += message->exchange[0] != '\0';
    return message;
}

void
core_message_destroy(struct core_message *message)
{
    if (message) {
        free(message->exchange);
        free(message->routing_key);
        free(message->body);
        free(message);
    }
}

bool
core_has_output(const struct controller_core *core)
{
    return !ovs_list_is_empty(&core->outbox);
}

size_t
core_out_bytes(const struct controller_core *core)
{
    return core->out_bytes;
}

const struct state *
core_state(const struct controller_core *core)
{
    return core->state;
}

const struct interest *
core_interest(const struct controller_core *core)
{
    return core->interest;
}

const struct beacon *
core_beacon(const struct controller_core *core)
{
    return core->beacon;
}

const struct entry_cache *
core_cache(const struct controller_core *core)
{
    return core->cache;
}

const struct core_later_epoch *
core_later_epoch(const struct controller_core *core)
{
    return &core->later_epoch;
}

const struct core_counters *
core_counters(const struct controller_core *core)
{
    return &core->counters;
}

static void
note_epoch(struct controller_core *core, const struct sg_epoch *epoch,
           const struct core_time *at)
{
    struct core_later_epoch *later = &core->later_epoch;

    if (sg_epoch_compare(epoch, state_epoch(core->state)) > 0) {
        later->n++;
        later->last = at->now;
        if (sg_epoch_compare(epoch, &later->epoch) > 0) {
            later->epoch = *epoch;
        }
    }
}

/* What a host has to be told because of what it said. */
static void
answer_host(struct controller_core *core, const struct interest_host *host,
            bool resync, const struct core_time *at)
{
    const struct sg_epoch *epoch = state_epoch(core->state);
    const struct host_view *view = &host->view;

    if (host_view_is_duplicate(view, at->now)) {
        struct publication *cast;
        struct sg_update *update;

        cast = publication_cast(epoch, SG_METHOD_DUPLICATE_HOST, host->name);
        update = &cast->update;
        update->n_boots = host_view_n_duplicates(view, at->now);
        update->boots = xcalloc(update->n_boots, sizeof *update->boots);
        for (size_t i = 0; i < update->n_boots; i++) {
            update->boots[i] = xstrdup(view->boots[i].name);
        }
        send_update(core, cast, at);
    }
    if (resync) {
        core->counters.resyncs++;
        send_update(core, publication_cast(epoch, SG_METHOD_RESYNC,
                                           host->name), at);
    }
}

static void
flush(struct controller_core *core, const struct core_time *at)
{
    struct topology *topology = core->pending;
    struct core_flush *done = &core->last_flush;
    char *error = NULL;

    if (core->incomplete) {
        error = topology_complete(topology, &core->config.limits);
    }
    flush_uninit(done);
    done->number = ++core->counters.flushes;
    done->error = error;
    if (error) {
        /* Whose patch it was nobody can tell any more. */
        topology_destroy(topology);
    } else {
        put_in_force(core, topology, at);
    }
    core->pending = NULL;
    core->incomplete = false;
    core->flags = 0;
    done->revision = state_revision(core->state);
    /* The first is not the latest news to anybody. */
    core->next_flush = (done->number == 1 ? LLONG_MIN
                        : at->now + CORE_COALESCE_MS);
}

/* Compares, puts into force and queues in one go: no request sees a state in
 * between. */
static void
put_in_force(struct controller_core *core, struct topology *topology,
             const struct core_time *at)
{
    const struct publish_context context = {
        core->state, core->interest, core->cache, at->now
    };
    struct ovs_list publications = OVS_LIST_INITIALIZER(&publications);
    struct core_flush *done = &core->last_flush;
    struct publication *publication;

    state_replace(core->state, topology, at->now, &done->changes);
    if (core->flags & CORE_CONFIRM) {
        state_confirm(core->state, at->now, &done->changes);
    }
    for (size_t i = 0; i < done->changes.n; i++) {
        const struct change *change = &done->changes.changes[i];

        /* What an epoch begins with is no change: who has anything of this
         * epoch has all of it.  Thousands of names would make every host ask
         * for everything again.  A host names all ports that it has; what is
         * nobody's port is no news. */
        if (done->number > 1
            && (change->kind != SG_KIND_PORT
                || interest_any(core->interest, change->kind,
                                &change->id))) {
            beacon_changed(core->beacon, change->kind, &change->id,
                           change->revision);
        }
        done->n_kind[change->kind] += !change->common;
    }
    done->n_messages = publish_changes(&context, &done->changes,
                                       &publications);
    entry_cache_trim(core->cache, at->now);
    if (core->flags & CORE_ACK) {
        LIST_FOR_EACH (publication, node, &publications) {
            publication->update.ack = core_ack_text(done->number);
        }
    }
    send_publications(core, &publications, at);
}

static void
send_publications(struct controller_core *core,
                  struct ovs_list *publications, const struct core_time *at)
{
    struct publication *publication;

    LIST_FOR_EACH_POP (publication, node, publications) {
        if (core->up) {
            send_update(core, publication, at);
        } else {
            publication_destroy(publication);
            core->counters.dropped++;
        }
    }
}

/* A beacon that cannot leave is not made: 'seq' then shows no gap that nobody
 * could have filled, and no change loses one of its mentions. */
static void
send_beacon(struct controller_core *core, const struct core_time *at)
{
    if (core->up && !core->beacon_waits) {
        struct publication *publication = publication_beacon();

        beacon_next(core->beacon, state_epoch(core->state),
                    &publication->update);
        send_update(core, publication, at);
    }
}

/* Encodes 'publication', which is freed, and queues it. */
static void
send_update(struct controller_core *core, struct publication *publication,
            const struct core_time *at)
{
    struct core_message *message = xzalloc(sizeof *message);
    char unique_id[33];

    make_unique(core, unique_id);
    publication->update.sent = at->wall;
    message->exchange = publication->exchange;
    message->declare = publication->declare;
    message->routing_key = publication->routing_key;
    message->is_beacon = publication->update.method == SG_METHOD_BEACON;
    message->body = rpc_encode_update(&publication->update, unique_id,
                                      &message->len);
    publication->exchange = publication->routing_key = NULL;
    publication_destroy(publication);
    queue_message(core, message);
}

/* Takes over 'message'.  There is always room for the one beacon that may
 * wait, for it is how agents learn that the others were dropped. */
static void
queue_message(struct controller_core *core, struct core_message *message)
{
    if (!core->up || message->len > core->config.limits.body
        || (!message->is_beacon
            && core->out_bytes + message->len > core->config.max_out_bytes)) {
        core->counters.dropped++;
        core_message_destroy(message);
        return;
    }
    core->out_bytes += message->len;
    core->beacon_waits |= message->is_beacon;
    ovs_list_push_back(&core->outbox, &message->node);
}

static struct core_message *
remove_front(struct controller_core *core)
{
    struct core_message *message;

    message = CONTAINER_OF(ovs_list_pop_front(&core->outbox),
                           struct core_message, node);
    core->out_bytes -= message->len;
    if (message->is_beacon) {
        core->beacon_waits = false;
    }
    return message;
}

static void
flush_uninit(struct core_flush *done)
{
    change_list_uninit(&done->changes);
    free(done->error);
    memset(done, 0, sizeof *done);
}

/* 32 hex digits nobody else has: a hash of the seed and a number. */
static void
make_unique(struct controller_core *core, char hex[33])
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx sha1;

    core->n_ids++;
    sha1_init(&sha1);
    sha1_update(&sha1, &core->config.seed,
                sizeof core->config.seed);
    sha1_update(&sha1, &core->n_ids, sizeof core->n_ids);
    sha1_final(&sha1, digest);
    for (int i = 0; i < 16; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}
