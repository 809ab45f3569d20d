/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/kept.h"

#include <stdlib.h>

#include "util.h"

/* About what a refusal takes besides itself: a path and a sentence. */
#define REFUSAL_TEXTS 128

static void clone_update(struct sg_update *, const struct sg_update *);

void
kept_init(struct kept *k)
{
    ovs_list_init(&k->updates);
    k->n = k->bytes = 0;
    k->overflow = false;
}

void
kept_uninit(struct kept *k)
{
    kept_clear(k);
}

void
kept_clear(struct kept *k)
{
    struct kept_update *u;

    while ((u = kept_pop(k)) != NULL) {
        kept_update_destroy(u);
    }
    k->overflow = false;
}

void
kept_add(struct kept *k, const struct sg_update *update)
{
    size_t bytes = kept_update_bytes(update);

    if (k->n >= KEPT_MAX_UPDATES || bytes > KEPT_MAX_BYTES - k->bytes) {
        kept_clear(k);
        k->overflow = true;
        return;
    }

    struct kept_update *u = xzalloc(sizeof *u);
    clone_update(&u->update, update);
    kept_push(k, u);
}

void
kept_push(struct kept *k, struct kept_update *u)
{
    ovs_list_push_back(&k->updates, &u->node);
    k->n++;
    k->bytes += kept_update_bytes(&u->update);
}

struct kept_update *
kept_pop(struct kept *k)
{
    if (ovs_list_is_empty(&k->updates)) {
        return NULL;
    }

    struct kept_update *u = CONTAINER_OF(ovs_list_pop_front(&k->updates),
                                         struct kept_update, node);
    k->n--;
    k->bytes -= kept_update_bytes(&u->update);
    return u;
}

void
kept_update_destroy(struct kept_update *u)
{
    sg_update_uninit(&u->update);
    free(u);
}

static void *
clone_array(const void *array, size_t n, size_t size)
{
    return n ? xmemdup(array, n * size) : NULL;
}

static void
clone_prefixes(struct sg_prefix_list *dst, const struct sg_prefix_list *src)
{
    dst->p = clone_array(src->p, src->n, sizeof *src->p);
    dst->n = dst->allocated = src->n;
}

static void
clone_refusals(struct sg_update *dst, const struct sg_update *src)
{
    for (size_t i = 0; i < src->n_problems; i++) {
        sg_refusal_add(&dst->problems, &dst->n_problems,
                       src->problems[i].what, src->problems[i].reason);
    }
}

static void
clone_update(struct sg_update *dst, const struct sg_update *src)
{
    sg_update_init(dst, src->method);
    dst->epoch = src->epoch;
    dst->sent = src->sent;
    dst->seq = src->seq;
    dst->more = src->more;
    dst->same = src->same;
    dst->want_have = src->want_have;
    dst->page = src->page;
    dst->next = nullable_xstrdup(src->next);
    dst->digest = nullable_xstrdup(src->digest);

    dst->n_ports = src->n_ports;
    dst->ports = xcalloc(src->n_ports ? src->n_ports : 1, sizeof *dst->ports);
    for (size_t i = 0; i < src->n_ports; i++) {
        sg_port_spec_clone(&dst->ports[i], &src->ports[i]);
    }
    dst->n_rules = src->n_rules;
    dst->rules = xcalloc(src->n_rules ? src->n_rules : 1, sizeof *dst->rules);
    for (size_t i = 0; i < src->n_rules; i++) {
        sg_rules_spec_clone(&dst->rules[i], &src->rules[i]);
    }
    dst->n_members = src->n_members;
    dst->members = clone_array(src->members, src->n_members,
                               sizeof *dst->members);
    for (size_t i = 0; i < src->n_members; i++) {
        clone_prefixes(&dst->members[i].added, &src->members[i].added);
        clone_prefixes(&dst->members[i].removed, &src->members[i].removed);
    }

    clone_refusals(dst, src);
#define CLONE(MEMBER)                                                   \
    dst->n_##MEMBER = src->n_##MEMBER;                                  \
    dst->MEMBER = clone_array(src->MEMBER, src->n_##MEMBER,             \
                              sizeof *src->MEMBER)
    CLONE(deleted);
    CLONE(unknown);
    CLONE(bad);
    CLONE(entries);
    CLONE(refs);
#undef CLONE
}

/* To measure the texts would take longer than the rest. */
static size_t
refusal_bytes(size_t n)
{
    return n * (sizeof(struct sg_refusal) + REFUSAL_TEXTS);
}

size_t
kept_update_bytes(const struct sg_update *u)
{
    size_t n = sizeof(struct kept_update) + refusal_bytes(u->n_problems);

    for (size_t i = 0; i < u->n_ports; i++) {
        const struct sg_port_spec *p = &u->ports[i];

        n += (sizeof *p + p->n_fixed_ips * sizeof *p->fixed_ips
              + p->n_pairs * sizeof *p->pairs
              + p->n_groups * sizeof *p->groups
              + refusal_bytes(p->n_refused));
    }
    for (size_t i = 0; i < u->n_rules; i++) {
        n += (sizeof *u->rules
              + u->rules[i].n_rules * sizeof *u->rules[i].rules
              + refusal_bytes(u->rules[i].n_refused));
    }
    for (size_t i = 0; i < u->n_members; i++) {
        n += (sizeof *u->members
              + (u->members[i].added.n + u->members[i].removed.n)
              * sizeof *u->members[i].added.p);
    }
    return n + (u->n_entries * sizeof *u->entries
                + (u->n_deleted + u->n_unknown + u->n_bad + u->n_refs)
                * sizeof(struct sg_ref));
}
