/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A controller that goes back.  Revisions grow within an epoch, so an answer
 * knows at least what was held when the question was asked.  One that does not
 * comes from a controller that runs on older data and has not begun another
 * epoch.  What it says is ignored as any older revision is; that its changes
 * will be, too, until they have caught up, somebody should be told. */

#include <config.h>
#include "agent/sync-private.h"

#include <limits.h>

static void
look(struct sync *s, enum sg_kind kind, const struct uuid *id,
     int64_t revision, long long int now)
{
    const struct sync_entry *e = sync_objects_find(&s->objects, kind, id);

    if (e && e->asked && revision < e->asked_revision) {
        s->regressed++;
        s->regressed_at = now;
    }
}

/* A page of an answer, before it is used. */
void
sync_regress_look(struct sync *s, const struct sg_update *page,
                  long long int now)
{
    if (sg_epoch_compare(&s->epoch, &page->epoch)) {
        return;
    }
    for (size_t i = 0; i < page->n_ports; i++) {
        look(s, SG_KIND_PORT, &page->ports[i].id, page->ports[i].revision,
             now);
    }
    for (size_t i = 0; i < page->n_rules; i++) {
        look(s, SG_KIND_RULES, &page->rules[i].group, page->rules[i].revision,
             now);
    }
    for (size_t i = 0; i < page->n_members; i++) {
        look(s, SG_KIND_MEMBERS, &page->members[i].group,
             page->members[i].revision, now);
    }
    for (size_t i = 0; i < page->n_deleted; i++) {
        look(s, page->deleted[i].kind, &page->deleted[i].id,
             page->deleted[i].revision, now);
    }
}

/* A later epoch is in force: whoever went back has been replaced. */
void
sync_regress_over(struct sync *s)
{
    s->regressed_at = LLONG_MIN;
}
