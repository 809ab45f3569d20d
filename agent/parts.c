/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/parts.h"

#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "sg/types.h"
#include "util.h"
#include "uuid.h"

struct parts_group {
    struct hmap_node node;
    struct uuid id;
    int64_t revision;
    unsigned int parts, n_seen;
    unsigned long *seen;        /* Bit per part; NULL: whole, or dropped. */
    bool dropped;
    struct sg_prefix_list members;
};

static struct parts_group *find(const struct parts *, const struct uuid *);
static void begin(struct parts *, struct parts_group *,
                  const struct sg_members_spec *);
static void stop(struct parts *, struct parts_group *);
static const char *problem_of(const struct parts *,
                              const struct parts_limits *,
                              const struct parts_group *,
                              const struct sg_members_spec *);

void
parts_init(struct parts *p)
{
    hmap_init(&p->groups);
    p->n_members = 0;
}

void
parts_uninit(struct parts *p)
{
    parts_clear(p);
    hmap_destroy(&p->groups);
}

void
parts_clear(struct parts *p)
{
    struct parts_group *g;

    HMAP_FOR_EACH_POP (g, node, &p->groups) {
        stop(p, g);
        free(g);
    }
}

enum parts_result
parts_add(struct parts *p, const struct parts_limits *limits,
          const struct sg_members_spec *part, struct sg_members_spec *whole,
          const char **why)
{
    struct parts_group *g = find(p, &part->group);

    if (!g) {
        if (hmap_count(&p->groups) >= limits->groups) {
            *why = "more groups in parts than this host may have";
            return PARTS_DROPPED;
        }
        g = xzalloc(sizeof *g);
        g->id = part->group;
        hmap_insert(&p->groups, &g->node, sg_id_hash(&g->id));
        begin(p, g, part);
    } else if (!g->seen) {
        /* Dropped; or whole, and then only another revision is news. */
        if (g->dropped || g->revision == part->revision) {
            return PARTS_MORE;
        }
        begin(p, g, part);
    }

    *why = problem_of(p, limits, g, part);
    if (*why) {
        stop(p, g);
        g->dropped = true;
        return PARTS_DROPPED;
    }
    bitmap_set1(g->seen, part->part - 1);
    sg_prefix_list_append(&g->members, &part->added);
    p->n_members += part->added.n;
    if (++g->n_seen < g->parts) {
        return PARTS_MORE;
    }

    *whole = (struct sg_members_spec) {
        .group = g->id, .revision = g->revision, .whole = true,
        .added = g->members,
    };
    p->n_members -= g->members.n;
    memset(&g->members, 0, sizeof g->members);
    stop(p, g);
    return PARTS_WHOLE;
}

bool
parts_pop_missing(struct parts *p, struct uuid *group)
{
    struct parts_group *g;

    HMAP_FOR_EACH (g, node, &p->groups) {
        if (g->seen) {
            *group = g->id;
            stop(p, g);
            g->dropped = true;
            return true;
        }
    }
    return false;
}

static struct parts_group *
find(const struct parts *p, const struct uuid *id)
{
    struct parts_group *g;

    HMAP_FOR_EACH_WITH_HASH (g, node, sg_id_hash(id), &p->groups) {
        if (uuid_equals(&g->id, id)) {
            return g;
        }
    }
    return NULL;
}

static void
begin(struct parts *p, struct parts_group *g,
      const struct sg_members_spec *part)
{
    stop(p, g);
    g->revision = part->revision;
    g->parts = part->parts;
    g->n_seen = 0;
    g->seen = bitmap_allocate(part->parts);
}

/* Frees what was collected. */
static void
stop(struct parts *p, struct parts_group *g)
{
    p->n_members -= g->members.n;
    sg_prefix_list_uninit(&g->members);
    memset(&g->members, 0, sizeof g->members);
    bitmap_free(g->seen);
    g->seen = NULL;
}

/* Why 'part' cannot be added to what was collected, or NULL. */
static const char *
problem_of(const struct parts *p, const struct parts_limits *limits,
           const struct parts_group *g, const struct sg_members_spec *part)
{
    if (part->revision != g->revision || part->parts != g->parts) {
        return "its members changed between two parts of the list";
    } else if (bitmap_is_set(g->seen, part->part - 1)) {
        return "a part of its members came twice";
    } else if (g->members.n + part->added.n > limits->members) {
        return "its members in parts are more than a group may have";
    } else if (p->n_members + part->added.n > limits->set_entries) {
        return "all members in parts are more than this host may have";
    }
    return NULL;
}
