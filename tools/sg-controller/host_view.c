/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/host_view.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tools/sg-controller/closure.h"
#include "tools/sg-controller/ref_set.h"
#include "tools/sg-controller/state.h"
#include "util.h"

static void move_to_front(struct host_view *, size_t i);
static void drop_boot(struct host_view *);
static enum host_digest judge(struct host_view *, const struct state *,
                              const struct sg_report *, long long int now);
static bool take_resync(struct host_view *, long long int now);
static void update_own_digest(struct host_view *, const struct state *);
static void replace_latency(struct sg_latency *sum,
                            const struct sg_latency *old,
                            const struct sg_latency *new);

const char *
host_digest_name(enum host_digest digest)
{
    switch (digest) {
#define HOST_DIGEST(ENUM, NAME) case HOST_DIGEST_##ENUM: return NAME;
    HOST_DIGESTS
#undef HOST_DIGEST
    }
    OVS_NOT_REACHED();
}

void
host_view_init(struct host_view *view)
{
    memset(view, 0, sizeof *view);
    view->duplicate_at = LLONG_MIN;
    view->own_revision = -1;
    view->excused_since = LLONG_MIN;
    view->last_resync = LLONG_MIN;
}

void
host_view_uninit(struct host_view *view)
{
    while (view->n_boots) {
        drop_boot(view);
    }
    if (view->reported) {
        sg_report_uninit(&view->report);
    }
    free(view->ports);
    free(view->acked);
}

void
host_view_heard(struct host_view *view, const char *boot, long long int now)
{
    /* A duplicate has two boots, also if the other one is silent by now: both
     * are named. */
    size_t keep = host_view_is_duplicate(view, now) ? 2 : 0;
    size_t i = 0;

    while (view->n_boots > keep
           && now - view->boots[view->n_boots - 1].heard > HOST_BOOT_MS) {
        drop_boot(view);
    }
    while (i < view->n_boots && strcmp(view->boots[i].name, boot)) {
        i++;
    }
    if (i >= view->n_boots) {
        if (view->n_boots >= HOST_MAX_BOOTS) {
            drop_boot(view);
        }
        i = view->n_boots++;
        memset(&view->boots[i], 0, sizeof view->boots[i]);
        view->boots[i].name = xstrdup(boot);
    } else if (i > 0) {
        view->duplicate_at = now;
    }
    view->boots[i].heard = now;
    move_to_front(view, i);
}

void
host_view_asked(struct host_view *view, const struct sg_sync_request *request)
{
    view->asked_all |= !request->partial && !request->page;
    free(view->ports);
    view->n_ports = request->n_ports;
    view->ports = (request->n_ports
                   ? xmemdup(request->ports,
                             request->n_ports * sizeof *request->ports)
                   : NULL);
    view->own_revision = -1;
}

bool
host_view_report(struct host_view *view, const struct state *state,
                 struct sg_report *report, struct sg_latency *sum,
                 long long int now)
{
    /* It has asked in this epoch, and is not told of what changes any more. */
    bool forgotten = (!view->asked_all
                      && !sg_epoch_compare(&report->epoch,
                                           state_epoch(state)));

    if (report->has_latency) {
        /* A run counts from its start; so each has a count of its own. */
        replace_latency(sum, &view->boots[0].latency, &report->latency);
        view->boots[0].latency = report->latency;
    }
    if (report->n_acked) {
        free(view->acked);
        view->acked = xstrdup(report->acked[report->n_acked - 1]);
        view->acked_at = now;
    }
    view->digest = judge(view, state, report, now);

    if (view->reported) {
        sg_report_uninit(&view->report);
    }
    view->report = *report;
    view->reported = true;
    memset(report, 0, sizeof *report);

    return ((view->digest == HOST_DIGEST_WRONG || forgotten)
            && take_resync(view, now));
}

void
host_view_forget_latency(struct host_view *view, struct sg_latency *sum)
{
    static const struct sg_latency none;

    for (size_t i = 0; i < view->n_boots; i++) {
        replace_latency(sum, &view->boots[i].latency, &none);
    }
}

bool
host_view_is_duplicate(const struct host_view *view, long long int now)
{
    return (view->duplicate_at != LLONG_MIN
            && now - view->duplicate_at < HOST_DUPLICATE_MS);
}

size_t
host_view_n_duplicates(const struct host_view *view, long long int now)
{
    size_t n = MIN(2, view->n_boots);

    while (n < view->n_boots
           && now - view->boots[n].heard < HOST_DUPLICATE_MS) {
        n++;
    }
    return n;
}

static void
move_to_front(struct host_view *view, size_t i)
{
    struct host_boot boot = view->boots[i];

    memmove(&view->boots[1], &view->boots[0], i * sizeof boot);
    view->boots[0] = boot;
}

/* Forgets the boot that was heard longest ago.  What it counted stays in the
 * sum: it was. */
static void
drop_boot(struct host_view *view)
{
    free(view->boots[--view->n_boots].name);
}

/* A change that concerns the host may be on its way: that excuses it, but not
 * one report after the other where something changes all the time. */
static bool
is_excused(struct host_view *view, long long int now)
{
    if (now - view->changed_at >= HOST_SETTLE_MS) {
        return false;
    }
    if (view->excused_since == LLONG_MIN) {
        view->excused_since = now;
    }
    return now - view->excused_since < HOST_EXCUSED_MS;
}

/* A host is judged by the same epoch only. */
static enum host_digest
judge(struct host_view *view, const struct state *state,
      const struct sg_report *report, long long int now)
{
    bool known = (report->digest && view->ports
                  && !sg_epoch_compare(&report->epoch, state_epoch(state)));

    if (known) {
        update_own_digest(view, state);
        if (strcmp(report->digest, view->own_digest)) {
            return (is_excused(view, now)
                    ? HOST_DIGEST_UNKNOWN : HOST_DIGEST_WRONG);
        }
    }
    view->excused_since = LLONG_MIN;
    return known ? HOST_DIGEST_RIGHT : HOST_DIGEST_UNKNOWN;
}

/* May the host be told now?  Then it counts as told. */
static bool
take_resync(struct host_view *view, long long int now)
{
    bool wrong = view->digest == HOST_DIGEST_WRONG;
    bool same = (wrong && !strcmp(view->report.digest, view->resync_digest)
                 && !strcmp(view->own_digest, view->resync_own));
    long long int wait = same ? view->resync_wait : HOST_RESYNC_MS;

    if (view->last_resync != LLONG_MIN && now - view->last_resync < wait) {
        return false;
    }
    view->last_resync = now;
    view->resync_wait = same ? MIN(2 * wait, HOST_RESYNC_MAX_MS)
                        : HOST_RESYNC_MS;
    ovs_strlcpy(view->resync_digest, wrong ? view->report.digest : "",
                sizeof view->resync_digest);
    ovs_strlcpy(view->resync_own, view->own_digest, sizeof view->resync_own);
    return true;
}

static void
update_own_digest(struct host_view *view, const struct state *state)
{
    const struct ref_node *ref;
    struct ref_set refs;

    if (view->own_revision == state_revision(state)) {
        return;
    }
    ref_set_init(&refs);
    for (size_t i = 0; i < view->n_ports; i++) {
        closure_add_port(state_topology(state), &view->ports[i], &refs);
    }
    closure_digest(state, &refs, view->own_digest);
    view->changed_at = 0;
    REF_SET_FOR_EACH (ref, &refs) {
        view->changed_at = MAX(view->changed_at,
                               state_changed_at(state, ref->ref.kind,
                                                &ref->ref.id));
    }
    view->own_revision = state_revision(state);
    ref_set_destroy(&refs);
}

/* Unsigned on purpose: what was added comes out again, also if a host counts
 * backwards. */
static void
replace_latency(struct sg_latency *sum, const struct sg_latency *old,
                const struct sg_latency *new)
{
    for (size_t k = 0; k < SG_N_KINDS; k++) {
        for (size_t p = 0; p < SG_LATENCY_N_PHASES; p++) {
            for (size_t i = 0; i < SG_LATENCY_BUCKETS; i++) {
                sum->counts[k][p][i] += (new->counts[k][p][i]
                                         - old->counts[k][p][i]);
            }
        }
    }
}
