/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Additions to sets that rules refer to, and the growth of such sets. */

#include <config.h>
#include "firewall/firewall-private.h"

#include "firewall/plan.h"
#include "util.h"

static void new_content(const struct sg_policy *,
                        const struct live_addition *,
                        struct sg_prefix_list *);

/* The set has room for what comes, as a rule: then that is all.  Who is to be
 * deleted later counts, although some may be gone already. */
int
firewall_add_live(struct firewall *fw, const struct sg_policy *policy,
                  const struct live_addition *a, struct set_room *room)
{
    size_t n = (fw_set_count(policy, a->set) + a->later->n
                + (a->known ? sg_members_count(&a->known->leaving) : 0));
    bool grows = n > room->grow_above || n > room->maxelem;
    bool many = a->members->n > SET_WRITER_MAX_BATCH;

    if (!grows && !many) {
        return set_writer_add(&fw->writer, a->set, a->members);
    }

    struct sg_prefix_list content = SG_PREFIX_LIST_INITIALIZER;
    new_content(policy, a, &content);
    uint32_t maxelem = MAX(room->maxelem, fw_set_capacity(content.n));
    int error = set_writer_replace(&fw->writer, a->set, &content, maxelem);
    sg_prefix_list_uninit(&content);
    if (!error) {
        fw->stats.sets_grown += maxelem > room->maxelem;
        set_room_init(room, maxelem);
        return 0;
    }

    fw->stats.sets_grow_failed += grows;
    if (many || n > room->maxelem) {
        return error;
    }
    /* There is room, so the members need not wait for more of it. */
    set_room_failed(room, n);
    return set_writer_add(&fw->writer, a->set, a->members);
}

/* What the set is to hold until the deletions come that belong to this
 * addition: a member that moves to another set must not be missing in both.
 * Whoever waits for the next apply is not among them. */
static void
new_content(const struct sg_policy *policy, const struct live_addition *a,
            struct sg_prefix_list *content)
{
    struct sg_members members;
    const struct sg_member *m;

    fw_set_wanted(policy, a->set, content);
    if (!a->later->n
        && (!a->known || (!sg_members_count(&a->known->leaving)
                          && !sg_members_count(&a->known->waiting)))) {
        return;                 /* As a rule; and they may be many. */
    }

    sg_members_init(&members);
    for (size_t i = 0; i < content->n; i++) {
        sg_members_add(&members, &content->p[i]);
    }
    for (size_t i = 0; i < a->later->n; i++) {
        sg_members_add(&members, &a->later->p[i]);
    }
    if (a->known) {
        SG_MEMBERS_FOR_EACH (m, &a->known->leaving) {
            sg_members_add(&members, &m->prefix);
        }
        SG_MEMBERS_FOR_EACH (m, &a->known->waiting) {
            sg_members_remove(&members, &m->prefix);
        }
    }

    content->n = 0;
    SG_MEMBERS_FOR_EACH (m, &members) {
        sg_prefix_list_add(content, &m->prefix);
    }
    sg_members_uninit(&members);
}
