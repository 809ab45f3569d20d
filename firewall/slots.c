/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What the renderer is told and what it tells besides the policy and the
 * ruleset: the slots of sets, the layout of the host, problems. */

#include <config.h>
#include "firewall/render.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

/* A set that is not in slot a. */
struct slot {
    struct hmap_node node;
    struct uuid group;
    enum sg_family family;
    enum fw_content content;
};

struct fw_slots {
    struct hmap in_b;           /* Contains "struct slot"s. */
    struct sset kept;           /* Names of sets, with slot a. */
    struct shash refused;       /* Reasons by such names; NULL: pinned. */
};

static struct slot *find_slot(const struct fw_slots *, const struct fw_set *);
static void add_slot(struct fw_slots *, const struct slot *);
static uint32_t hash_slot(const struct uuid *, enum sg_family,
                          enum fw_content);
static char *check_prefix(const char *what, const char *prefix);

struct fw_slots *
fw_slots_create(void)
{
    struct fw_slots *slots = xmalloc(sizeof *slots);

    hmap_init(&slots->in_b);
    sset_init(&slots->kept);
    shash_init(&slots->refused);
    return slots;
}

void
fw_slots_destroy(struct fw_slots *slots)
{
    struct slot *slot;

    if (!slots) {
        return;
    }
    HMAP_FOR_EACH_POP (slot, node, &slots->in_b) {
        free(slot);
    }
    hmap_destroy(&slots->in_b);
    sset_destroy(&slots->kept);
    shash_destroy_free_data(&slots->refused);
    free(slots);
}

struct fw_slots *
fw_slots_clone(const struct fw_slots *src)
{
    struct fw_slots *dst = fw_slots_create();
    const struct slot *slot;

    HMAP_FOR_EACH (slot, node, &src->in_b) {
        add_slot(dst, slot);
    }
    sset_destroy(&dst->kept);
    sset_clone(&dst->kept, &src->kept);

    fw_slots_learn(dst, src);
    return dst;
}

enum fw_slot
fw_slots_get(const struct fw_slots *slots, const struct fw_set *set)
{
    return slots && find_slot(slots, set) ? FW_SLOT_B : FW_SLOT_A;
}

void
fw_slots_set(struct fw_slots *slots, const struct fw_set *set,
             enum fw_slot value)
{
    struct slot *slot = find_slot(slots, set);

    if (value == FW_SLOT_A && slot) {
        hmap_remove(&slots->in_b, &slot->node);
        free(slot);
    } else if (value == FW_SLOT_B && !slot) {
        add_slot(slots, &(struct slot) {
            .group = set->group,
            .family = set->family,
            .content = set->content,
        });
    }
}

void
fw_slots_keep(struct fw_slots *slots, const char *set)
{
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    sset_add(&slots->kept, name);
}

void
fw_slots_drop(struct fw_slots *slots, const char *set)
{
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    sset_find_and_delete(&slots->kept, name);
}

bool
fw_slots_is_kept(const struct fw_slots *slots, const char *set)
{
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    return slots && sset_contains(&slots->kept, name);
}

void
fw_slots_refuse(struct fw_slots *slots, const char *set, const char *reason)
{
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    free(shash_replace(&slots->refused, name, xstrdup(reason)));
}

void
fw_slots_pin(struct fw_slots *slots, const char *set)
{
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    free(shash_replace(&slots->refused, name, NULL));
}

const char *
fw_slots_refusal(const struct fw_slots *slots, const char *set)
{
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    return slots ? shash_find_data(&slots->refused, name) : NULL;
}

bool
fw_slots_is_pinned(const struct fw_slots *slots, const char *set)
{
    const struct shash_node *node;
    char name[FW_SET_LEN];

    fw_name_slot_a(name, set);
    node = shash_find(&slots->refused, name);
    return node && !node->data;
}

void
fw_slots_learn(struct fw_slots *slots, const struct fw_slots *other)
{
    const struct shash_node *node;

    HMAP_FOR_EACH (node, node, &other->refused.map) {
        free(shash_replace(&slots->refused, node->name,
                           nullable_xstrdup(node->data)));
    }
}

size_t
fw_slots_n_refused(const struct fw_slots *slots)
{
    return shash_count(&slots->refused);
}

void
fw_slots_forgive(struct fw_slots *slots)
{
    shash_clear_free_data(&slots->refused);
}

void
fw_layout_default(struct fw_layout *layout)
{
    *layout = (struct fw_layout) {
        .bridge_prefix = "qbr",
        .tap_prefix = "tap",
        .uplink_prefix = "qvb",
        .revoked = UINT32_C(1) << FW_REVOKED_BIT,
    };
}

char *
fw_layout_check(const struct fw_layout *layout)
{
    char *error = check_prefix("bridge", layout->bridge_prefix);

    if (!error) {
        error = check_prefix("tap", layout->tap_prefix);
    }
    if (!error) {
        error = check_prefix("uplink", layout->uplink_prefix);
    }
    if (!error && (!layout->revoked
                   || layout->revoked & (layout->revoked - 1))) {
        error = xstrdup("the mark of revoked flows is not one bit");
    }
    return error;
}

void
fw_problems_add(struct fw_problems *problems, const struct uuid *port,
                const struct uuid *group, const char *format, ...)
{
    struct fw_problem *problem;
    va_list args;

    if (!problems) {
        return;
    }
    if (problems->n >= problems->allocated) {
        problems->p = x2nrealloc(problems->p, &problems->allocated,
                                 sizeof *problems->p);
    }
    problem = &problems->p[problems->n++];
    problem->port = port ? *port : UUID_ZERO;
    problem->group = group ? *group : UUID_ZERO;
    va_start(args, format);
    problem->text = xvasprintf(format, args);
    va_end(args);
}

/* Frees everything; 'problems' is empty and can be used again. */
void
fw_problems_clear(struct fw_problems *problems)
{
    for (size_t i = 0; i < problems->n; i++) {
        free(problems->p[i].text);
    }
    free(problems->p);
    memset(problems, 0, sizeof *problems);
}

static struct slot *
find_slot(const struct fw_slots *slots, const struct fw_set *set)
{
    struct slot *slot;

    HMAP_FOR_EACH_WITH_HASH (slot, node,
                             hash_slot(&set->group, set->family,
                                       set->content), &slots->in_b) {
        if (slot->family == set->family && slot->content == set->content
            && uuid_equals(&slot->group, &set->group)) {
            return slot;
        }
    }
    return NULL;
}

static void
add_slot(struct fw_slots *slots, const struct slot *src)
{
    struct slot *slot = xmemdup(src, sizeof *src);

    hmap_insert(&slots->in_b, &slot->node,
                hash_slot(&slot->group, slot->family, slot->content));
}

static uint32_t
hash_slot(const struct uuid *group, enum sg_family family,
          enum fw_content content)
{
    return hash_int(family * FW_N_CONTENTS + content, sg_id_hash(group));
}

/* An empty prefix would be every device of the host; the longest leaves room
 * for the '+' behind it. */
static char *
check_prefix(const char *what, const char *prefix)
{
    if (!fw_device_name_ok(prefix) || strlen(prefix) > SG_DEVICE_LEN - 2) {
        return xasprintf("%s prefix: not the beginning of a device name",
                         what);
    }
    return NULL;
}
