/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Bindings that the broker may have lost.
 *
 * What comes by a binding that is gone comes no more, and nobody says so.
 * The beacon and the digest tell that something was missed, and the question
 * behind them brings it; but the next change would be missed as well, and
 * without the beacon's own binding nothing would tell.  To bind again costs
 * two small methods and does no harm, so whatever is suspected is.
 *
 * What casts come by is bound again now and then without any suspicion: the
 * word that a digest is wrong is a cast itself. */

#include <config.h>
#include "agent/sync-private.h"

#include <limits.h>
#include <stdlib.h>

#include "rpc/topology.h"
#include "util.h"

/* All hosts of a controller that has died hear nothing. */
#define SYNC_SILENCE_SPREAD_MS 3000
#define SYNC_CASTS_SPREAD_MS 10000

void
sync_renewal_suspect(struct sync *s, struct sync_entry *e)
{
    if (e->kind == SG_KIND_PORT) {
        s->renew_casts = true;
    } else if (e->bound && !e->renewing) {
        e->renew = s->renew_groups = true;
    }
}

/* A cast has said so: those are heard. */
void
sync_renewal_suspect_all(struct sync *s)
{
    struct sync_entry *e;

    HMAP_FOR_EACH (e, node, &s->objects.entries) {
        if (e->kind != SG_KIND_PORT) {
            sync_renewal_suspect(s, e);
        }
    }
}

static long long int
last_heard(const struct sync *s)
{
    return MAX(s->last_beacon, s->connected_at);
}

void
sync_renewal_run(struct sync *s, long long int now)
{
    if (!s->connected || now < s->casts_bound + SYNC_CASTS_MS) {
        s->casts_at = LLONG_MAX;
    } else if (s->casts_at == LLONG_MAX) {
        s->casts_at = sync_spread(s, now, SYNC_CASTS_SPREAD_MS);
    } else if (now >= s->casts_at) {
        s->casts_at = LLONG_MAX;
        s->casts_bound = now;
        s->casts_due = true;
    }
    if (!s->connected || now < last_heard(s) + SYNC_SILENCE_MS) {
        s->silence_at = LLONG_MAX;
    } else if (s->silence_at == LLONG_MAX) {
        s->silence_at = sync_spread(s, now, SYNC_SILENCE_SPREAD_MS);
    } else if (now >= s->silence_at) {
        s->silence_at = sync_spread(s, now + SYNC_SILENCE_MS,
                                    SYNC_SILENCE_SPREAD_MS);
        s->renew_beacons = s->renew_casts = true;
    }
}

long long int
sync_renewal_next(const struct sync *s)
{
    long long int casts = (s->casts_at != LLONG_MAX ? s->casts_at
                           : s->casts_bound + SYNC_CASTS_MS);
    long long int silence = (s->silence_at != LLONG_MAX ? s->silence_at
                             : last_heard(s) + SYNC_SILENCE_MS);

    return MIN(casts, silence);
}

bool
sync_take_renewals(struct sync *s, char ***exchanges, size_t *n,
                   bool *suspected)
{
    size_t unsuspected = s->casts_due && !s->renew_casts ? 1 : 0;
    struct sync_entry *e;
    char **names;

    if (!s->renew_beacons && !s->renew_casts && !s->renew_groups
        && !s->casts_due) {
        return false;
    }
    *n = 0;
    names = xcalloc(hmap_count(&s->objects.entries) + 2, sizeof *names);
    if (s->renew_beacons) {
        names[(*n)++] = xstrdup(RPC_BEACON_EXCHANGE);
    }
    if (s->renew_casts || s->casts_due) {
        names[(*n)++] = xstrdup(RPC_CONTROL_EXCHANGE);
    }
    HMAP_FOR_EACH (e, node, &s->objects.entries) {
        if (e->renew) {
            e->renew = false;
            e->renewing = true;
            names[(*n)++] = rpc_group_exchange(e->kind, &e->id);
        }
    }
    s->renew_beacons = s->renew_casts = s->renew_groups = false;
    s->casts_due = false;
    *suspected = *n > unsuspected;
    s->renewed += *n - unsuspected;
    *exchanges = names;
    if (!*n) {
        free(names);            /* What was suspected is gone. */
    }
    return *n > 0;
}
