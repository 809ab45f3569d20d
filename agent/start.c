/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/start.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "uuid.h"

struct start {
    enum start_state state;
    long long int since;        /* Of 'state'. */
    bool word;                  /* An operator said: enough. */
    long long int zones_since;  /* LLONG_MIN: no zones yet. */
    struct ds reason;
};

static enum start_state next_state(struct start *,
                                   const struct start_input *,
                                   long long int now);
static void explain(struct start *, const struct start_input *);

const char *
start_state_name(enum start_state state)
{
    switch (state) {
#define START_STATE(ENUM, NAME) case START_##ENUM: return NAME;
    START_STATES
#undef START_STATE
    }
    OVS_NOT_REACHED();
}

struct start *
start_create(long long int now)
{
    struct start *s = xzalloc(sizeof *s);

    s->state = START_READING;
    s->since = now;
    s->zones_since = LLONG_MIN;
    ds_init(&s->reason);
    explain(s, NULL);
    return s;
}

void
start_destroy(struct start *s)
{
    if (s) {
        ds_destroy(&s->reason);
        free(s);
    }
}

bool
start_run(struct start *s, const struct start_input *in, long long int now)
{
    enum start_state old = s->state;

    if (old == START_ENFORCING) {
        return false;
    }
    s->state = next_state(s, in, now);
    if (s->state != old) {
        s->since = now;
    }
    explain(s, in);
    return s->state != old;
}

static enum start_state
next_state(struct start *s, const struct start_input *in, long long int now)
{
    bool first = in->fresh && !in->known_host;

    if (!in->recovered) {
        return START_READING;
    }
    if (!in->complete) {
        return START_ASKING;
    }
    if (!in->fresh && in->found_ports && in->n_unknown == in->n_ports) {
        return in->n_held ? START_HELD : START_FORGOTTEN;
    }
    if (!in->fresh && in->n_held) {
        return START_HELD;
    }
    if (!first || !in->n_ports) {
        return START_ENFORCING;
    }
    if (in->n_uncovered && !s->word) {
        /* The zone of a port that comes now is to have its second, too. */
        s->zones_since = LLONG_MIN;
        return START_UNCOVERED;
    }
    if (in->zones_applied && s->zones_since == LLONG_MIN) {
        s->zones_since = now;
    }
    return (s->zones_since != LLONG_MIN
            && now >= s->zones_since + START_ZONES_MS
            ? START_ENFORCING : START_ZONES);
}

const char *
start_enforce(struct start *s)
{
    switch (s->state) {
    case START_READING:
        return "the kernel could not be read yet";
    case START_ASKING:
        return "no controller has answered in full: every port would be "
               "closed";
    case START_FORGOTTEN:
        return "the controller knows none of the ports that an earlier run "
               "protected: every port would be closed";
    case START_HELD:
        return "the controller deletes many of the ports that an earlier run "
               "may have protected: sgctl accept-removal closes them";
    case START_UNCOVERED:
    case START_ZONES:
    case START_ENFORCING:
        s->word = true;
        return NULL;
    }
    OVS_NOT_REACHED();
}

enum start_state
start_state(const struct start *s)
{
    return s->state;
}

long long int
start_since(const struct start *s)
{
    return s->since;
}

long long int
start_next(const struct start *s)
{
    if (s->state == START_UNCOVERED && s->word) {
        return LLONG_MIN;
    }
    return (s->state == START_ZONES && s->zones_since != LLONG_MIN
            ? s->zones_since + START_ZONES_MS : LLONG_MAX);
}

bool
start_may_write(const struct start *s)
{
    return s->state == START_ZONES || s->state == START_ENFORCING;
}

bool
start_is_enforcing(const struct start *s)
{
    return s->state == START_ENFORCING;
}

const char *
start_reason(const struct start *s)
{
    return s->state == START_ENFORCING ? NULL : ds_cstr_ro(&s->reason);
}

static void
explain_uncovered(struct ds *ds, const struct start_input *in)
{
    size_t n_named = MIN(in->n_uncovered, START_MAX_NAMED);

    ds_put_format(ds, "first start: %"PRIuSIZE" of %"PRIuSIZE" ports "
                  "unknown to the controller: ", in->n_uncovered,
                  in->n_ports);
    for (size_t i = 0; i < n_named; i++) {
        ds_put_format(ds, "%s"UUID_FMT, i ? ", " : "",
                      UUID_ARGS(&in->uncovered[i]));
    }
    ds_put_format(ds, "%s; nothing is filtered (sgctl enforce ends this and "
                  "closes them)", in->n_uncovered > n_named ? ", ..." : "");
}

static void
explain(struct start *s, const struct start_input *in)
{
    struct ds *ds = &s->reason;

    ds_clear(ds);
    switch (s->state) {
    case START_READING:
        ds_put_cstr(ds, "the kernel's tables have not been read yet");
        break;
    case START_ASKING:
        ds_put_cstr(ds, "no complete answer of a controller since the "
                    "start; the kernel is as it was found");
        break;
    case START_FORGOTTEN:
        ds_put_cstr(ds, "the controller knows none of the ports that an "
                    "earlier run protected; the kernel is as it was found");
        break;
    case START_HELD:
        ds_put_format(ds, "the controller deletes %"PRIuSIZE" of %"PRIuSIZE
                      " ports at once, which an earlier run may have "
                      "protected; the kernel is as it was found (sgctl "
                      "accept-removal closes them)", in->n_held, in->n_ports);
        break;
    case START_UNCOVERED:
        explain_uncovered(ds, in);
        break;
    case START_ZONES:
        ds_put_cstr(ds, "first start on this host: running flows get to be "
                    "known in their zones, the rules come in a second");
        break;
    case START_ENFORCING:
        break;
    }
}
