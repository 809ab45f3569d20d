/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/service.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/message.h"
#include "rpc/topology.h"
#include "timeval.h"
#include "tools/sg-controller/core.h"
#include "tools/sg-controller/files.h"
#include "tools/sg-controller/history.h"
#include "tools/sg-controller/preview.h"
#include "tools/sg-controller/source.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(service);

/* Requests served in one turn, so that the beacon keeps its pace. */
#define TURN_EVENTS 256
/* Requests on their way that the broker may send without an ack. */
#define PREFETCH 256
/* How often the topology file is looked at. */
#define WATCH_INTERVAL_MS 1000
/* How often the ids are saved, at most.  A crash loses those that came since;
 * they will be unknown to the next controller, not deleted. */
#define SAVE_INTERVAL_MS 1000
/* How soon a full client is tried again: no event says that it has room. */
#define FULL_RETRY_MS 10

struct service {
    struct source *source;
    bool watch;
    long long int next_watch;
    char *last_error;           /* Of the last reload, or NULL. */
    char *ids_error;            /* Why the saved ids were ignored, or NULL. */
    uint64_t saved_serial;      /* State of the ids when they were saved. */
    long long int next_save;

    struct rpc_limits limits;
    struct controller_core *core;
    uint64_t logged_flush;      /* The last one that the log has. */
    uint64_t history_flush;     /* Of what is current in the history. */

    struct amqp_client *client;
    size_t max_out;
    bool up;
    struct service_counters counters;
};

static struct amqp_client *create_client(const struct service_config *,
                                         const struct rpc_limits *,
                                         size_t *max_out);
static void receive(struct service *);
static void handle_event(struct service *, struct amqp_event *,
                         uint64_t *stored_session, uint64_t *stored);
static bool handle_body(struct service *, const struct amqp_event *);
static void handle_failure(struct service *, const struct amqp_event *);
static void send_output(struct service *);
static bool has_room(const struct service *);
static void send_message(struct service *, struct core_message *);
static void log_flush(struct service *);
static void watch_file(struct service *);
static uint64_t put_in_force(struct service *, struct topology *,
                             unsigned int flags);
static void load_ids(struct service *);
static void save_ids(struct service *);
static char *check_topology(const struct service *, const struct topology *,
                            unsigned int flags);
static struct core_time get_time(void);

/* A topology that cannot be read refuses the start: a controller that serves
 * nothing would answer every port with `unknown`. */
char *
service_create(const struct service_config *config,
               const struct sg_epoch *epoch, struct service **servicep)
{
    struct service *s = xzalloc(sizeof *s);
    struct core_config core;
    struct uuid seed;
    uint64_t flush;
    char *error;

    s->source = source_create(config->topology, config->state_dir);
    s->watch = config->watch;
    uuid_generate(&seed);
    core_config_init(&core, epoch, &seed);
    s->limits = core.limits;
    s->core = core_create(&core);
    s->client = create_client(config, &s->limits, &s->max_out);

    load_ids(s);
    error = service_reload(s, SERVICE_FORCE, &flush);
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
        /* A start that failed leaves what it found. */
        if (s->counters.reloads) {
            save_ids(s);
        }
        core_destroy(s->core);
        source_destroy(s->source);
        free(s->ids_error);
        free(s->last_error);
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

    const struct core_time at = get_time();
    core_run(s->core, &at);
    log_flush(s);
    send_output(s);
    if (at.now >= s->next_save) {
        s->next_save = at.now + SAVE_INTERVAL_MS;
        save_ids(s);
    }
}

void
service_wait(struct service *s)
{
    amqp_client_wait(s->client);
    poll_timer_wait_until(core_wake(s->core));
    if (core_has_output(s->core)) {
        if (has_room(s)) {
            poll_immediate_wake();
        } else {
            poll_timer_wait(FULL_RETRY_MS);
        }
    }
    if (s->watch) {
        poll_timer_wait_until(s->next_watch);
    }
    if (s->saved_serial != state_ids_serial(core_state(s->core))) {
        poll_timer_wait_until(s->next_save);
    }
}

char *
service_reload(struct service *s, unsigned int flags, uint64_t *flush)
{
    struct topology *topology = NULL;
    char *error;

    error = source_load(s->source, &s->limits, &topology);
    if (!error) {
        error = check_topology(s, topology, flags);
    }
    free(s->last_error);
    s->last_error = nullable_xstrdup(error);
    if (error) {
        topology_destroy(topology);
        s->counters.reload_errors++;
        return error;
    }
    source_in_force(s->source, time_wall_msec());
    *flush = put_in_force(s, topology, flags);
    return NULL;
}

char *
service_rollback(struct service *s, int which, unsigned int flags,
                 uint64_t *flush)
{
    struct topology *topology = NULL;
    char *error;
    size_t i;

    error = source_load_old(s->source, which, &s->limits, &topology, &i);
    if (!error) {
        error = check_topology(s, topology, flags);
    }
    if (error) {
        topology_destroy(topology);
        return error;
    }
    history_set_current(source_history(s->source), i);
    *flush = put_in_force(s, topology, flags & ~SERVICE_CONFIRM);
    return NULL;
}

char *
service_apply(struct service *s, const char *file, uint64_t *flush)
{
    const struct core_time at = get_time();
    size_t len;
    char *error;
    char *text;

    error = file_read(file, TOPOLOGY_MAX_BYTES, &text, &len);
    if (!error) {
        error = core_patch(s->core, text, len, file, &at, flush);
        free(text);
    }
    log_flush(s);
    return error;
}

char *
service_preview(struct service *s, struct preview *preview)
{
    struct topology *topology;
    char *error;

    error = source_preview(s->source, &s->limits, &topology);
    if (!error) {
        preview_init(preview, core_state(s->core), core_interest(s->core),
                     topology, true);
        topology_destroy(topology);
    }
    return error;
}

/* True once nothing that was published can still be on its way: a reload is
 * then everywhere that a message can bring it. */
bool
service_settled(const struct service *s)
{
    struct amqp_status amqp;

    amqp_client_get_status(s->client, &amqp);
    return (!s->up
            || (!core_has_output(s->core) && !amqp.out_bytes));
}

const struct controller_core *
service_core(const struct service *s)
{
    return s->core;
}

const struct service_counters *
service_counters(const struct service *s)
{
    return &s->counters;
}

const struct history *
service_history(const struct service *s)
{
    return source_history(s->source);
}

const char *
service_ids_error(const struct service *s)
{
    return s->ids_error;
}

char *
service_save_error(const struct service *s)
{
    return source_save_error(s->source);
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
    struct core_time at;

    switch (event->type) {
    case AMQP_UP:
        VLOG_INFO("serving from queue %s", event->queue);
        s->up = true;
        at = get_time();
        core_up(s->core, &at);
        break;
    case AMQP_DOWN:
        VLOG_WARN_RL(&rl, "%s, trying again: %s", event->session
                     ? "lost the broker" : "cannot reach the broker",
                     event->reason);
        s->up = false;
        core_down(s->core);
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
        core_too_large(s->core);
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
    const struct core_time at = get_time();
    enum dispatch_result result;
    uint64_t later;
    char *problem;

    later = core_later_epoch(s->core)->n;
    result = core_request(s->core, event->body, event->len, &at, &problem);
    if (core_later_epoch(s->core)->n != later) {
        VLOG_WARN_RL(&rl, "an agent knows a later epoch: another controller "
                     "is at work, and agents follow that one");
    }
    if (problem) {
        VLOG_WARN_RL(&rl, "%s: %s", result == DISPATCH_MALFORMED
                     ? "rejected a message" : "refused a request", problem);
        free(problem);
    }
    return result != DISPATCH_MALFORMED;
}

static void
handle_failure(struct service *s, const struct amqp_event *event)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);
    bool no_exchange = !strcmp(event->reason, AMQP_NO_EXCHANGE);

    if (!no_exchange) {
        VLOG_WARN_RL(&rl, "%s: not published, agents will ask: %s",
                     event->exchange && event->exchange[0]
                     ? event->exchange : "reply",
                     event->reason);
    }
    core_failed(s->core, no_exchange);
}

/* Hands over what the core has to say, in order, as far as there is room. */
static void
send_output(struct service *s)
{
    while (core_has_output(s->core) && has_room(s)) {
        send_message(s, core_pop(s->core));
    }
}

static bool
has_room(const struct service *s)
{
    struct amqp_status amqp;

    amqp_client_get_status(s->client, &amqp);
    return amqp.out_bytes <= s->max_out / 2;
}

/* Takes over 'message'. */
static void
send_message(struct service *s, struct core_message *message)
{
    const struct amqp_publish publish = {
        .exchange = message->exchange,
        .declare = message->declare,
        .routing_key = message->routing_key,
        .mandatory = message->mandatory,
    };

    if (amqp_client_publish(s->client, &publish, message->body,
                            message->len)) {
        core_failed(s->core, false);
    }
    message->body = NULL;       /* The client took it. */
    core_message_destroy(message);
}

static void
log_flush(struct service *s)
{
    const struct core_flush *flush = core_last_flush(s->core);

    if (flush->number != s->logged_flush) {
        s->logged_flush = flush->number;
        if (flush->number == s->history_flush) {
            history_set_revision(source_history(s->source), flush->revision);
        }
        if (flush->error) {
            VLOG_WARN("a patch had no effect: %s", flush->error);
            return;
        }
        VLOG_INFO("%s: revision %"PRId64", changed: %zu ports, %zu rule "
                  "lists, %zu member lists; %zu messages",
                  source_file(s->source),
                  flush->revision, flush->n_kind[SG_KIND_PORT],
                  flush->n_kind[SG_KIND_RULES],
                  flush->n_kind[SG_KIND_MEMBERS], flush->n_messages);
    }
}

/* Takes over 'topology'.  Returns the number of its flush. */
static uint64_t
put_in_force(struct service *s, struct topology *topology,
             unsigned int flags)
{
    const unsigned int core_flags
        = ((flags & SERVICE_CONFIRM ? CORE_CONFIRM : 0)
           | (flags & SERVICE_ACK ? CORE_ACK : 0));
    const struct core_time at = get_time();

    s->counters.reloads++;
    s->history_flush = core_set_topology(s->core, topology, core_flags, &at);
    log_flush(s);
    return s->history_flush;
}

/* A changed file is taken, but it confirms nothing: nobody is there to look at
 * what goes. */
static void
watch_file(struct service *s)
{
    if (!s->watch || time_msec() < s->next_watch) {
        return;
    }
    s->next_watch = time_msec() + WATCH_INTERVAL_MS;
    if (source_changed(s->source)) {
        uint64_t flush;
        char *error = service_reload(s, 0, &flush);

        if (error) {
            VLOG_WARN("keeping the last good topology: %s", error);
            free(error);
        }
    }
}

/* Without them the controller only answers `unknown` where it could have
 * learnt `deleted`. */
static void
load_ids(struct service *s)
{
    struct sg_ref *refs;
    size_t n;

    s->ids_error = source_load_ids(s->source, &refs, &n);
    if (s->ids_error) {
        VLOG_WARN("starting without the saved ids: %s", s->ids_error);
    } else {
        core_set_saved(s->core, refs, n);
        free(refs);
    }
    s->saved_serial = UINT64_MAX;
}

static void
save_ids(struct service *s)
{
    const struct state *state = core_state(s->core);

    if (s->saved_serial != state_ids_serial(state)) {
        struct sg_ref *refs;
        size_t n = state_ids(state, &refs);

        source_save_ids(s->source, refs, n);
        free(refs);
        s->saved_serial = state_ids_serial(state);
    }
}

/* Refuses what is more likely an accident than an intention. */
static char *
check_topology(const struct service *s, const struct topology *topology,
               unsigned int flags)
{
    struct preview preview;
    char *refusal, *error;

    if (flags & SERVICE_FORCE) {
        return NULL;
    }
    preview_init(&preview, core_state(s->core), core_interest(s->core),
                 topology, flags & SERVICE_CONFIRM);
    refusal = preview_refusal(&preview);
    preview_uninit(&preview);
    error = (refusal ? xasprintf("%s: %s", source_file(s->source), refusal)
             : NULL);
    free(refusal);
    return error;
}

static struct core_time
get_time(void)
{
    return (struct core_time) { time_msec(), time_wall_msec() };
}
