/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/message.h"
#include "rpc/topology.h"
#include "timeval.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/dispatch.h"
#include "tools/sg-controller/files.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/publish.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(service);

/* Requests served in one turn, so that the beacon keeps its pace. */
#define TURN_EVENTS 256
/* Requests on their way that the broker may send without an ack. */
#define PREFETCH 256
/* How often the topology file is looked at, and old things are forgotten. */
#define WATCH_INTERVAL_MS 1000
#define EXPIRE_INTERVAL_MS 60000

/* What tells that a file is another one or has another content. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec mtime;
};

struct service {
    char *file;                 /* The topology. */
    bool watch;
    struct file_state loaded, seen;
    long long int next_watch;
    char *last_error;           /* Of the last reload, or NULL. */

    struct rpc_limits limits;
    struct state *state;
    struct interest *interest;
    struct beacon *beacon;
    struct dispatcher *dispatcher;
    long long int next_beacon, next_expire;

    struct amqp_client *client;
    size_t max_out;
    bool up;
    struct ovs_list outbox;     /* Contains "struct publication"s. */
    struct service_counters counters;
};

static struct amqp_client *create_client(const struct service_config *,
                                         const struct rpc_limits *,
                                         size_t *max_out);
static void receive(struct service *);
static void handle_event(struct service *, struct amqp_event *,
                         uint64_t *stored_session, uint64_t *stored);
static bool handle_body(struct service *, const struct amqp_event *);
static void send_reply(struct service *, struct dispatch_output *);
static void handle_failure(struct service *, const struct amqp_event *);
static void send_outbox(struct service *);
static bool send_one(struct service *, struct publication *);
static void drop_outbox(struct service *);
static void send_beacon(struct service *);
static void watch_file(struct service *);
static char *load_topology(struct service *, struct topology **);
static bool stat_file(const char *, struct file_state *);
static bool same_file(const struct file_state *, const struct file_state *);
static void make_unique(char hex[33]);

/* A topology that cannot be read refuses the start: a controller that serves
 * nothing would answer every port with `unknown`. */
char *
service_create(const struct service_config *config,
               const struct sg_epoch *epoch, struct service **servicep)
{
    struct service *s = xzalloc(sizeof *s);
    char *error;

    s->file = xstrdup(config->topology);
    s->watch = config->watch;
    rpc_limits_default(&s->limits);
    s->state = state_create(epoch);
    s->interest = interest_create();
    s->beacon = beacon_create();
    s->dispatcher = dispatcher_create(&s->limits);
    ovs_list_init(&s->outbox);
    s->client = create_client(config, &s->limits, &s->max_out);

    error = service_reload(s, NULL);
    if (error) {
        service_destroy(s);
        return error;
    }
    *servicep = s;
    return NULL;
}

int
service_connect(struct service *s)
{
    return amqp_client_start(s->client);
}

void
service_destroy(struct service *s)
{
    if (s) {
        amqp_client_destroy(s->client);
        drop_outbox(s);
        dispatcher_destroy(s->dispatcher);
        beacon_destroy(s->beacon);
        interest_destroy(s->interest);
        state_destroy(s->state);
        free(s->last_error);
        free(s->file);
        free(s);
    }
}

/* Requests first: a sync that stands before a reload in time is answered from
 * the topology before it, and its host is told the difference. */
void
service_run(struct service *s)
{
    receive(s);
    watch_file(s);
    send_outbox(s);
    send_beacon(s);
    if (time_msec() >= s->next_expire) {
        state_expire(s->state, time_msec());
        interest_expire(s->interest, time_msec());
        s->next_expire = time_msec() + EXPIRE_INTERVAL_MS;
    }
}

void
service_wait(struct service *s)
{
    amqp_client_wait(s->client);
    poll_timer_wait_until(s->next_beacon);
    poll_timer_wait_until(s->next_expire);
    if (s->watch) {
        poll_timer_wait_until(s->next_watch);
    }
}

/* Reads, compares, puts into force and hands over in one go; nothing else of
 * the loop sees a state in between. */
char *
service_reload(struct service *s, struct service_reload *reloadp)
{
    struct service_reload reload;
    struct topology *topology;
    char *error;

    free(s->last_error);
    s->last_error = NULL;
    error = load_topology(s, &topology);
    if (error) {
        s->last_error = xstrdup(error);
        s->counters.reload_errors++;
        return error;
    }

    memset(&reload, 0, sizeof reload);
    state_replace(s->state, topology, time_msec(), &reload.changes);
    for (size_t i = 0; i < reload.changes.n; i++) {
        const struct change *change = &reload.changes.changes[i];

        /* What an epoch begins with is no change: who has anything of this
         * epoch has all of it.  Thousands of names would make every host ask
         * for everything again. */
        if (s->counters.reloads) {
            beacon_changed(s->beacon, change->kind, &change->id,
                           change->revision);
        }
        reload.n_kind[change->kind]++;
    }
    reload.n_messages = publish_changes(s->state, s->interest,
                                        &reload.changes, &s->outbox);
    reload.revision = state_revision(s->state);
    s->counters.reloads++;
    VLOG_INFO("%s: revision %"PRId64", changed: %zu ports, %zu rule lists, "
              "%zu member lists; %zu messages", s->file, reload.revision,
              reload.n_kind[SG_KIND_PORT], reload.n_kind[SG_KIND_RULES],
              reload.n_kind[SG_KIND_MEMBERS], reload.n_messages);
    send_outbox(s);
    if (reloadp) {
        *reloadp = reload;
    } else {
        service_reload_uninit(&reload);
    }
    return NULL;
}

void
service_reload_uninit(struct service_reload *reload)
{
    change_list_uninit(&reload->changes);
}

/* True once nothing that was published can still be on its way: a reload is
 * then everywhere that a message can bring it. */
bool
service_settled(const struct service *s)
{
    struct amqp_status amqp;

    amqp_client_get_status(s->client, &amqp);
    return (!s->up
            || (ovs_list_is_empty(&s->outbox) && !amqp.out_bytes));
}

const struct state *
service_state(const struct service *s)
{
    return s->state;
}

const struct interest *
service_interest(const struct service *s)
{
    return s->interest;
}

const struct beacon *
service_beacon(const struct service *s)
{
    return s->beacon;
}

const struct service_counters *
service_counters(const struct service *s)
{
    return &s->counters;
}

const char *
service_last_error(const struct service *s)
{
    return s->last_error;
}

void
service_get_amqp(const struct service *s, struct amqp_status *status)
{
    amqp_client_get_status(s->client, status);
}

/* amqp_client_create() copies what it is given, so borrowed pointers and
 * locals will do. */
static struct amqp_client *
create_client(const struct service_config *config,
              const struct rpc_limits *limits, size_t *max_out)
{
    struct amqp_exchange_spec binding = {
        CONST_CAST(char *, RPC_CONTROL_EXCHANGE),
        CONST_CAST(char *, "topic"),
        CONST_CAST(char *, RPC_CONTROLLER_TOPIC),
    };
    struct amqp_config amqp = config->amqp;

    /* The flags of a stock RPC server's queue; a restart finds it again, with
     * what has come meanwhile. */
    amqp.queue = CONST_CAST(char *, RPC_CONTROLLER_TOPIC);
    amqp.queue_kind = AMQP_QUEUE_SHARED;
    amqp.queue_max_bytes = 0;
    amqp.bindings = &binding;
    amqp.n_bindings = 1;
    amqp.prefetch = PREFETCH;
    amqp.max_body = limits->body;
    amqp.connection_name = CONST_CAST(char *, "sg-controller");
    amqp.confirm = true;
    /* Room for the largest answer, and for others beside it. */
    amqp.max_out = MAX(amqp.max_out, 4 * limits->body);
    *max_out = amqp.max_out;
    return amqp_client_create(&amqp);
}

/* Acknowledges once per turn.  What is served is acknowledged afterwards, but
 * a request that is delivered again is harmless: agents ask by revision. */
static void
receive(struct service *s)
{
    uint64_t stored_session = 0, stored = 0;
    struct amqp_event event;

    for (int i = 0; i < TURN_EVENTS; i++) {
        if (!amqp_client_recv(s->client, &event)) {
            break;
        }
        handle_event(s, &event, &stored_session, &stored);
        amqp_event_uninit(&event);
    }
    if (stored) {
        amqp_client_stored(s->client, stored_session, stored);
    }
}

static void
handle_event(struct service *s, struct amqp_event *event,
             uint64_t *stored_session, uint64_t *stored)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);

    switch (event->type) {
    case AMQP_UP:
        VLOG_INFO("serving from queue %s", event->queue);
        s->up = true;
        s->next_beacon = 0;
        break;
    case AMQP_DOWN:
        VLOG_WARN_RL(&rl, "%s, trying again: %s", event->session
                     ? "lost the broker" : "cannot reach the broker",
                     event->reason);
        s->up = false;
        drop_outbox(s);
        break;
    case AMQP_BODY:
        if (handle_body(s, event)) {
            *stored_session = event->session;
            *stored = event->delivery;
        } else {
            amqp_client_reject(s->client, event->session, event->delivery);
        }
        break;
    case AMQP_PUBLISH_FAILED:
        handle_failure(s, event);
        break;
    case AMQP_TOO_LARGE:
        VLOG_WARN_RL(&rl, "dropped a request of %zu bytes",
                     event->len);
        s->counters.malformed++;
        break;
    case AMQP_NONE:
    case AMQP_BOUND:
    case AMQP_BIND_FAILED:
        break;
    }
}

/* False if the body must be rejected. */
static bool
handle_body(struct service *s, const struct amqp_event *event)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);
    struct dispatch_output output;
    char unique_id[33];

    make_unique(unique_id);
    struct dispatch_input input = {
        .body = event->body,
        .len = event->len,
        .unique_id = unique_id,
        .sent = time_wall_msec(),
        .now = time_msec(),
    };
    enum dispatch_result result = dispatch(s->dispatcher, s->state,
                                           s->interest, &input, &output);
    switch (result) {
    case DISPATCH_MALFORMED:
        VLOG_WARN_RL(&rl, "rejected a message: %s", output.problem);
        s->counters.malformed++;
        break;
    case DISPATCH_DUPLICATE:
        s->counters.duplicates++;
        break;
    case DISPATCH_REFUSED:
        VLOG_WARN_RL(&rl, "refused a request: %s", output.problem);
        s->counters.refused++;
        break;
    case DISPATCH_SYNC:
        s->counters.syncs++;
        break;
    case DISPATCH_REPORT:
        s->counters.reports++;
        break;
    }
    send_reply(s, &output);
    dispatch_output_uninit(&output);
    return result != DISPATCH_MALFORMED;
}

/* A reply that cannot be sent is dropped: its caller asks again. */
static void
send_reply(struct service *s, struct dispatch_output *output)
{
    const struct amqp_publish publish = {
        .exchange = "",
        .routing_key = output->reply_queue,
        .mandatory = true,
    };

    if (output->reply_queue) {
        if (amqp_client_publish(s->client, &publish, output->reply,
                                output->reply_len)) {
            s->counters.dropped++;
        }
        output->reply = NULL;
    }
}

static void
handle_failure(struct service *s, const struct amqp_event *event)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);

    if (!strcmp(event->reason, AMQP_NO_EXCHANGE)) {
        s->counters.unheard++;
    } else {
        VLOG_WARN_RL(&rl, "%s: not published, agents will ask: %s",
                     event->exchange && event->exchange[0]
                     ? event->exchange : "reply",
                     event->reason);
        s->counters.dropped++;
    }
}

/* Hands over what was published, in order, as far as there is room. */
static void
send_outbox(struct service *s)
{
    if (!s->up) {
        drop_outbox(s);
    }
    while (!ovs_list_is_empty(&s->outbox)) {
        struct publication *publication;

        publication = CONTAINER_OF(ovs_list_front(&s->outbox),
                                   struct publication, node);
        if (!send_one(s, publication)) {
            /* No event says that there is room again. */
            poll_timer_wait(10);
            break;
        }
        ovs_list_remove(&publication->node);
        publication_destroy(publication);
    }
}

/* False if it has to wait. */
static bool
send_one(struct service *s, struct publication *publication)
{
    const struct amqp_publish publish = {
        .exchange = publication->exchange,
        .declare = publication->declare,
        .routing_key = publication->routing_key,
    };
    struct amqp_status amqp;
    char unique_id[33];
    char *body;
    size_t len;

    amqp_client_get_status(s->client, &amqp);
    if (amqp.out_bytes > s->max_out / 2) {
        return false;
    }
    make_unique(unique_id);
    publication->update.sent = time_wall_msec();
    body = rpc_encode_update(&publication->update, unique_id, &len);
    if (len > s->limits.body
        || amqp_client_publish(s->client, &publish, body, len)) {
        s->counters.dropped++;
    } else {
        s->counters.published++;
    }
    return true;
}

static void
drop_outbox(struct service *s)
{
    struct publication *publication;

    LIST_FOR_EACH_POP (publication, node, &s->outbox) {
        s->counters.dropped++;
        publication_destroy(publication);
    }
}

/* Beacons that cannot be sent are not made: 'seq' then shows no gap that
 * nobody could have filled. */
static void
send_beacon(struct service *s)
{
    if (time_msec() < s->next_beacon) {
        return;
    }
    s->next_beacon = time_msec() + BEACON_INTERVAL_MS;
    if (s->up) {
        struct publication *publication = publication_beacon();

        beacon_next(s->beacon, state_epoch(s->state), &publication->update);
        ovs_list_push_back(&s->outbox, &publication->node);
        send_outbox(s);
    }
}

/* Reloads a file that has changed and then stayed the same for one interval:
 * whoever writes it in place may not be done, and the first half of a YAML
 * file is a YAML file. */
static void
watch_file(struct service *s)
{
    struct file_state now;

    if (!s->watch || time_msec() < s->next_watch) {
        return;
    }
    s->next_watch = time_msec() + WATCH_INTERVAL_MS;
    if (!stat_file(s->file, &now) || same_file(&now, &s->loaded)) {
        return;
    }
    if (same_file(&now, &s->seen)) {
        char *error = service_reload(s, NULL);

        if (error) {
            VLOG_WARN("keeping the last good topology: %s", error);
            free(error);
        }
    }
    s->seen = now;
}

/* Whatever comes of it, the same file is not tried again. */
static char *
load_topology(struct service *s, struct topology **topology)
{
    size_t len;
    char *error;
    char *text;

    memset(&s->loaded, 0, sizeof s->loaded);
    stat_file(s->file, &s->loaded);
    error = file_read(s->file, TOPOLOGY_MAX_BYTES, &text, &len);
    if (!error) {
        error = topology_parse(text, len, s->file, &s->limits, topology);
        free(text);
    }
    return error;
}

/* False while there is no such file: somebody may be replacing it. */
static bool
stat_file(const char *name, struct file_state *state)
{
    struct stat st;

    if (stat(name, &st)) {
        return false;
    }
    memset(state, 0, sizeof *state);
    state->device = st.st_dev;
    state->inode = st.st_ino;
    state->size = st.st_size;
    state->mtime = st.st_mtim;
    return true;
}

static bool
same_file(const struct file_state *a, const struct file_state *b)
{
    return (a->device == b->device && a->inode == b->inode
            && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec
            && a->mtime.tv_nsec == b->mtime.tv_nsec);
}

/* 32 hex digits nobody else has. */
static void
make_unique(char hex[33])
{
    struct uuid uuid;

    uuid_generate(&uuid);
    snprintf(hex, 33, "%08x%08x%08x%08x", uuid.parts[0], uuid.parts[1],
             uuid.parts[2], uuid.parts[3]);
}
