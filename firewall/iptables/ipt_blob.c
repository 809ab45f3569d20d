/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/ipt_blob.h"

#include <errno.h>
/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "util.h"

BUILD_ASSERT_DECL(IPT_N_HOOKS == NF_INET_NUMHOOKS);

#define TARGET_HEADER XT_ALIGN(sizeof(struct xt_entry_target))

/* Offsets, in the table. */
struct span {
    const char *name;
    size_t first;               /* First entry: of a rule, or 'last'. */
    size_t last;                /* What happens at its end. */
    size_t n_rules;
    int hook;                   /* -1: not a built-in chain. */
};

struct walk {
    const struct ipt_blob *blob;
    struct span *spans;         /* In the order of 'first'. */
    size_t n, allocated;
};

struct entry {
    const uint8_t *p;
    size_t size;
    size_t counters;            /* Offset. */
    const struct xt_entry_target *target;
};

static bool get_entry(const struct ipt_blob *, size_t offset,
                      struct entry *);
static bool find_spans(struct walk *);
static void visit(const struct walk *, const struct span *, ipt_blob_cb *cb,
                  void *aux);

int
ipt_blob_walk(const struct ipt_blob *blob, ipt_blob_cb *cb, void *aux)
{
    struct walk walk = { .blob = blob };
    bool ok = find_spans(&walk);

    for (size_t i = 0; ok && i < walk.n; i++) {
        visit(&walk, &walk.spans[i], cb, aux);
    }
    free(walk.spans);
    return ok ? 0 : EPROTO;
}

/* The kernel says nothing at random: what is not compared are counters. */
bool
ipt_blob_equals(const struct ipt_blob *a, const struct ipt_blob *b)
{
    size_t offset = 0;
    struct entry x, y;

    if (a->family != b->family || a->valid_hooks != b->valid_hooks
        || a->size != b->size
        || memcmp(a->hook_entry, b->hook_entry, sizeof a->hook_entry)) {
        return false;
    }
    while (offset < a->size && get_entry(a, offset, &x)
           && get_entry(b, offset, &y)) {
        size_t after = x.counters + sizeof(struct xt_counters);

        if (memcmp(x.p, y.p, x.counters)
            || memcmp(x.p + after, y.p + after, x.size - after)) {
            return false;
        }
        offset += x.size;
    }
    return offset == a->size;
}

/* Finds the entry at 'offset', trusting none of its lengths. */
static bool
get_entry(const struct ipt_blob *blob, size_t offset, struct entry *e)
{
    bool ipv4 = blob->family == SG_IPV4;
    size_t header = (ipv4 ? sizeof(struct ipt_entry)
                     : sizeof(struct ip6t_entry));
    size_t left = blob->size - offset;
    const void *p = (const uint8_t *) blob->entries + offset;
    size_t target;

    if (offset > blob->size || left < header + TARGET_HEADER) {
        return false;
    }
    if (ipv4) {
        target = ((const struct ipt_entry *) p)->target_offset;
        e->size = ((const struct ipt_entry *) p)->next_offset;
        e->counters = offsetof(struct ipt_entry, counters);
    } else {
        target = ((const struct ip6t_entry *) p)->target_offset;
        e->size = ((const struct ip6t_entry *) p)->next_offset;
        e->counters = offsetof(struct ip6t_entry, counters);
    }
    if (e->size > left || e->size % XT_ALIGN(1) || target % XT_ALIGN(1)
        || target < header || e->size < TARGET_HEADER
        || target > e->size - TARGET_HEADER) {
        return false;
    }
    e->p = p;
    e->target = (const void *) (e->p + target);
    return true;
}

/* The name of the chain that the entry begins, or NULL. */
static const char *
chain_name(const struct entry *e)
{
    const struct xt_error_target *t = (const void *) e->target;
    size_t size = e->p + e->size - (const uint8_t *) t;

    return (!strncmp(e->target->u.user.name, XT_ERROR_TARGET,
                     sizeof e->target->u.user.name)
            && size >= sizeof *t
            && memchr(t->errorname, '\0', sizeof t->errorname)
            ? t->errorname : NULL);
}

static const char *
hook_name(int hook)
{
    static const char *const names[] = {
        [NF_INET_PRE_ROUTING] = "PREROUTING",
        [NF_INET_LOCAL_IN] = "INPUT",
        [NF_INET_FORWARD] = "FORWARD",
        [NF_INET_LOCAL_OUT] = "OUTPUT",
        [NF_INET_POST_ROUTING] = "POSTROUTING",
    };

    return names[hook];
}

/* The hook whose chain begins at 'offset', or -1. */
static int
find_hook(const struct ipt_blob *blob, size_t offset)
{
    for (int i = 0; i < IPT_N_HOOKS; i++) {
        if (blob->valid_hooks & 1u << i && blob->hook_entry[i] == offset) {
            return i;
        }
    }
    return -1;
}

static struct span *
add_span(struct walk *walk, const struct span *span)
{
    if (walk->n >= walk->allocated) {
        walk->spans = x2nrealloc(walk->spans, &walk->allocated,
                                 sizeof *walk->spans);
    }
    walk->spans[walk->n] = *span;
    return &walk->spans[walk->n++];
}

/* Finds where chains begin and end.  A span under way has seen 'n_rules'
 * entries, the last of which turns out to be none when the next chain
 * begins. */
static bool
find_spans(struct walk *walk)
{
    const struct ipt_blob *blob = walk->blob;
    struct span *span = NULL;
    size_t offset = 0;
    struct entry e;

    for (; get_entry(blob, offset, &e); offset += e.size) {
        const char *user = chain_name(&e);
        int hook = user ? -1 : find_hook(blob, offset);

        if (user || hook >= 0) {
            if (span && !span->n_rules--) {
                return false;   /* It has no end. */
            }
            if (offset + e.size == blob->size) {
                return user && !strcmp(user, XT_ERROR_TARGET);
            }
            span = add_span(walk, &(struct span) {
                .name = user ? user : hook_name(hook),
                .first = user ? offset + e.size : offset,
                .hook = hook,
            });
        }
        if (!user) {
            if (!span) {
                return false;
            }
            span->last = offset;
            span->n_rules++;
        }
    }
    return false;
}

static int
compare_span(const void *offset_, const void *span_)
{
    const size_t *offset = offset_;
    const struct span *span = span_;

    return *offset < span->first ? -1 : *offset > span->first;
}

static void
name_jump(const struct walk *walk, size_t to, struct ipt_blob_item *item)
{
    const struct span *span = bsearch(&to, walk->spans, walk->n,
                                      sizeof *walk->spans, compare_span);

    if (span) {
        item->kind = IPT_TARGET_JUMP;
        item->target = span->name;
    } else {
        item->kind = IPT_TARGET_ASTRAY;
    }
}

/* What the target of the rule at 'offset' is called. */
static void
name_target(const struct walk *walk, size_t offset, const struct entry *e,
            struct ipt_blob_item *item)
{
    const struct xt_entry_target *t = e->target;
    size_t size = e->p + e->size - (const uint8_t *) t;
    int verdict;

    item->kind = IPT_TARGET_UNKNOWN;
    item->target = NULL;
    if (t->u.user.name[0]) {
        if (memchr(t->u.user.name, '\0', sizeof t->u.user.name)) {
            item->kind = IPT_TARGET_EXTENSION;
            item->target = t->u.user.name;
        }
        return;
    }
    if (size < sizeof(struct xt_standard_target)) {
        return;
    }
    memcpy(&verdict, (const uint8_t *) t
           + offsetof(struct xt_standard_target, verdict), sizeof verdict);
    if (verdict >= 0 && verdict != (int) (offset + e->size)) {
        name_jump(walk, verdict, item);
    } else if (verdict >= 0) {
        item->kind = IPT_TARGET_NONE;
        item->target = "";
    } else {
        item->target = (verdict == -NF_ACCEPT - 1 ? "ACCEPT"
                        : verdict == -NF_DROP - 1 ? "DROP"
                        : verdict == XT_RETURN ? "RETURN"
                        : NULL);
        item->kind = item->target ? IPT_TARGET_VERDICT : IPT_TARGET_UNKNOWN;
    }
}

static void
visit(const struct walk *walk, const struct span *span, ipt_blob_cb *cb,
      void *aux)
{
    struct ipt_blob_item item = {
        .chain = span->name,
        .hook = span->hook,
        .n_rules = span->n_rules,
    };
    size_t offset = span->first;
    struct entry e;

    if (get_entry(walk->blob, span->last, &e)) {
        name_target(walk, span->last, &e, &item);
    }
    cb(&item, aux);
    for (size_t i = 0; i < span->n_rules; i++) {
        if (!get_entry(walk->blob, offset, &e)) {
            return;             /* It was there before. */
        }
        item.rule = e.p;
        item.size = e.size;
        name_target(walk, offset, &e, &item);
        cb(&item, aux);
        offset += e.size;
    }
}
