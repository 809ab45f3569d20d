/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/ipt_draft.h"

#include <errno.h>
/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "firewall/iptables/ipt_rule.h"
#include "openvswitch/shash.h"
#include "util.h"

struct draft_rule {
    const void *bytes;          /* Of the kernel, or 'made'. */
    void *made;
    uint32_t size;
    uint32_t old;
    enum ipt_target_kind kind;
    int verdict;                /* IPT_TARGET_VERDICT, if 'made'. */
    size_t to;                  /* IPT_TARGET_JUMP: in 'chains'. */
};

struct draft_chain {
    char name[XT_FUNCTION_MAXNAMELEN];
    int hook;                   /* -1: not a built-in chain. */
    bool gone;
    size_t references;          /* Jumps to it. */
    struct draft_rule *rules;
    size_t n, allocated;
    struct draft_rule end;
};

struct ipt_draft {
    enum sg_family family;
    struct draft_chain *chains;
    size_t n, allocated;
    struct shash index;         /* Name to number + 1. */
    bool astray;                /* Has a jump that we cannot keep. */
};

#define STANDARD_SIZE XT_ALIGN(sizeof(struct xt_standard_target))
#define ERROR_SIZE XT_ALIGN(sizeof(struct xt_error_target))

static ipt_blob_cb take_item;
static int insert(struct ipt_draft *, const struct ipt_codec *,
                  struct draft_chain *, const struct fw_edit *,
                  const char **reason);
static void remove_rule(struct ipt_draft *, struct draft_chain *,
                        size_t index);
static void flush(struct ipt_draft *, struct draft_chain *);
static struct draft_chain *add_chain(struct ipt_draft *, const char *name);

static size_t
header_size(enum sg_family family)
{
    return (family == SG_IPV4 ? sizeof(struct ipt_entry)
            : sizeof(struct ip6t_entry));
}

struct ipt_draft *
ipt_draft_create(const struct ipt_blob *blob)
{
    struct ipt_draft *d = xzalloc(sizeof *d);
    uint32_t hooks = 0;

    d->family = blob->family;
    shash_init(&d->index);
    int error = ipt_blob_walk(blob, take_item, d);
    for (size_t i = 0; i < d->n; i++) {
        hooks |= d->chains[i].hook >= 0 ? 1u << d->chains[i].hook : 0;
    }
    if (error || d->astray || hooks != blob->valid_hooks) {
        ipt_draft_destroy(d);
        return NULL;
    }
    for (size_t i = 0; i < d->n; i++) {
        for (size_t j = 0; j < d->chains[i].n; j++) {
            const struct draft_rule *r = &d->chains[i].rules[j];

            if (r->kind == IPT_TARGET_JUMP) {
                d->chains[r->to].references++;
            }
        }
    }
    return d;
}

void
ipt_draft_destroy(struct ipt_draft *d)
{
    if (d) {
        for (size_t i = 0; i < d->n; i++) {
            struct draft_chain *c = &d->chains[i];

            for (size_t j = 0; j < c->n; j++) {
                free(c->rules[j].made);
            }
            free(c->rules);
            free(c->end.made);
        }
        free(d->chains);
        shash_destroy(&d->index);
        free(d);
    }
}

/* Chains come in the order of the numbers that jumps to them have. */
static void
take_item(const struct ipt_blob_item *item, void *d_)
{
    struct ipt_draft *d = d_;
    struct draft_chain *c;

    if (!item->rule.p) {
        c = add_chain(d, item->chain);
        c->hook = item->hook;
        c->allocated = item->n_rules;
        c->rules = xmalloc(MAX(item->n_rules, 1) * sizeof *c->rules);
        c->end = (struct draft_rule) {
            .bytes = item->end.p, .size = item->end.size,
            .old = item->end.number, .kind = IPT_TARGET_UNKNOWN,
        };
        return;
    }
    c = &d->chains[d->n - 1];
    c->rules[c->n++] = (struct draft_rule) {
        .bytes = item->rule.p, .size = item->rule.size,
        .old = item->rule.number, .kind = item->kind, .to = item->to,
    };
    d->astray = d->astray || item->kind == IPT_TARGET_ASTRAY;
}

static struct draft_chain *
add_chain(struct ipt_draft *d, const char *name)
{
    struct draft_chain *c;

    if (d->n >= d->allocated) {
        d->chains = x2nrealloc(d->chains, &d->allocated, sizeof *d->chains);
    }
    c = &d->chains[d->n++];
    memset(c, 0, sizeof *c);
    c->hook = -1;
    ovs_strlcpy(c->name, name, sizeof c->name);
    shash_replace(&d->index, name, (void *) (uintptr_t) d->n);
    return c;
}

static struct draft_chain *
find_chain(const struct ipt_draft *d, const char *name)
{
    uintptr_t number = (uintptr_t) shash_find_data(&d->index, name);

    return number ? &d->chains[number - 1] : NULL;
}

/* ------------------------------------------------------------------------ */
/* Editing. */

static bool
is_verdict(const char *name)
{
    return !strcmp(name, "ACCEPT") || !strcmp(name, "DROP")
           || !strcmp(name, "QUEUE") || !strcmp(name, "RETURN");
}

/* The entry behind the last rule of a chain that is not built in. */
static void
make_end(struct ipt_draft *d, struct draft_chain *c)
{
    size_t header = header_size(d->family);
    struct draft_rule *end = &c->end;
    struct xt_standard_target *t;

    end->size = header + STANDARD_SIZE;
    end->bytes = end->made = xzalloc(end->size);
    end->old = IPT_NEW_ENTRY;
    end->kind = IPT_TARGET_UNKNOWN;
    if (d->family == SG_IPV4) {
        struct ipt_entry *e = end->made;

        e->target_offset = header;
        e->next_offset = end->size;
    } else {
        struct ip6t_entry *e = end->made;

        e->target_offset = header;
        e->next_offset = end->size;
    }
    t = (void *) ((uint8_t *) end->made + header);
    t->target.u.user.target_size = STANDARD_SIZE;
    t->verdict = XT_RETURN;
}

static int
create_chain(struct ipt_draft *d, const char *name)
{
    if (find_chain(d, name) || is_verdict(name)) {
        return EEXIST;
    }
    make_end(d, add_chain(d, name));
    return 0;
}

static int
delete_chain(struct ipt_draft *d, struct draft_chain *c)
{
    if (c->hook >= 0) {
        return EINVAL;
    }
    if (c->references || c->n) {
        return EBUSY;
    }
    c->gone = true;
    shash_find_and_delete(&d->index, c->name);
    return 0;
}

int
ipt_draft_edit(struct ipt_draft *d, const struct ipt_codec *codec,
               const struct fw_edit *e, const char **reason)
{
    struct draft_chain *c;

    BUILD_ASSERT(FW_CHAIN_LEN <= XT_FUNCTION_MAXNAMELEN);
    if (!e->chain[0] || !memchr(e->chain, '\0', sizeof e->chain)) {
        *reason = "not the name of a chain";
        return EINVAL;
    }
    if (e->kind == FW_EDIT_CHAIN_CREATE) {
        return create_chain(d, e->chain);
    }
    c = find_chain(d, e->chain);
    if (!c) {
        return ENOENT;
    }

    switch (e->kind) {
    case FW_EDIT_CHAIN_CREATE:
        OVS_NOT_REACHED();
    case FW_EDIT_INSERT:
        return (e->index <= c->n ? insert(d, codec, c, e, reason) : EINVAL);
    case FW_EDIT_REPLACE:
        if (e->index >= c->n) {
            return EINVAL;
        }
        remove_rule(d, c, e->index);
        return insert(d, codec, c, e, reason);
    case FW_EDIT_DELETE:
        if (e->index >= c->n) {
            return EINVAL;
        }
        remove_rule(d, c, e->index);
        return 0;
    case FW_EDIT_CHAIN_FLUSH:
        flush(d, c);
        return 0;
    case FW_EDIT_CHAIN_DELETE:
        return delete_chain(d, c);
    }
    OVS_NOT_REACHED();
}

static int
kernel_verdict(enum fw_verdict verdict)
{
    return (verdict == FW_ACCEPT ? -NF_ACCEPT - 1
            : verdict == FW_DROP ? -NF_DROP - 1 : XT_RETURN);
}

/* Fills in what the rule says about its target. */
static int
set_target(struct ipt_draft *d, const struct fw_rule *rule,
           struct draft_rule *r, const char **reason)
{
    const struct draft_chain *to;

    switch ((enum fw_verdict) rule->verdict) {
    case FW_ACCEPT:
    case FW_DROP:
    case FW_RETURN:
        r->kind = IPT_TARGET_VERDICT;
        r->verdict = kernel_verdict(rule->verdict);
        return 0;
    case FW_JUMP:
    case FW_GOTO:
        to = (memchr(rule->target, '\0', sizeof rule->target)
              ? find_chain(d, rule->target) : NULL);
        if (!to || to->hook >= 0) {
            *reason = "no such target";
            return ENOENT;
        }
        r->kind = IPT_TARGET_JUMP;
        r->to = to - d->chains;
        return 0;
    case FW_ZONE:
    case FW_NOTRACK:
        r->kind = IPT_TARGET_EXTENSION;
        return 0;
    case FW_NONE:
        break;
    }
    return EINVAL;
}

static int
insert(struct ipt_draft *d, const struct ipt_codec *codec,
       struct draft_chain *c, const struct fw_edit *e, const char **reason)
{
    struct draft_rule r = { .old = IPT_NEW_ENTRY };
    struct ipt_entry_buf buf;
    int error;

    *reason = ipt_rule_problem(codec->family, &e->rule);
    error = *reason ? EINVAL : set_target(d, &e->rule, &r, reason);
    error = error ? error : ipt_encode(codec, &e->rule, &buf);
    if (error) {
        return error;
    }
    r.size = buf.size;
    r.bytes = r.made = xmemdup(buf.words, buf.size);
    if (r.kind == IPT_TARGET_JUMP) {
        d->chains[r.to].references++;
    }

    if (c->n >= c->allocated) {
        c->rules = x2nrealloc(c->rules, &c->allocated, sizeof *c->rules);
    }
    memmove(&c->rules[e->index + 1], &c->rules[e->index],
            (c->n - e->index) * sizeof *c->rules);
    c->rules[e->index] = r;
    c->n++;
    return 0;
}

static void
remove_rule(struct ipt_draft *d, struct draft_chain *c, size_t index)
{
    struct draft_rule *r = &c->rules[index];

    if (r->kind == IPT_TARGET_JUMP) {
        d->chains[r->to].references--;
    }
    free(r->made);
    c->n--;
    memmove(r, r + 1, (c->n - index) * sizeof *r);
}

static void
flush(struct ipt_draft *d, struct draft_chain *c)
{
    while (c->n) {
        remove_rule(d, c, c->n - 1);
    }
}

/* ------------------------------------------------------------------------ */
/* Compiling. */

/* Where things go. */
struct press {
    const struct ipt_draft *draft;
    struct ipt_image *image;
    size_t *first;              /* Offset of each chain's first entry. */
    size_t offset;              /* Of the next entry. */
};

static void lay_out(struct press *);
static void print_chain(struct press *, const struct draft_chain *);
static void print_head(struct press *, const char *name);
static void print_rule(struct press *, const struct draft_rule *);

void
ipt_draft_compile(const struct ipt_draft *d, struct ipt_image *image)
{
    struct press press = {
        .draft = d,
        .image = image,
        .first = xcalloc(MAX(d->n, 1), sizeof *press.first),
    };

    memset(image, 0, sizeof *image);
    lay_out(&press);
    image->entries = xmalloc(image->size);
    image->old = xcalloc(image->n_entries, sizeof *image->old);
    image->n_entries = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->chains[i].gone) {
            print_chain(&press, &d->chains[i]);
        }
    }
    print_head(&press, XT_ERROR_TARGET);
    ovs_assert(press.offset == image->size);
    free(press.first);
}

static void
lay_out(struct press *press)
{
    const struct ipt_draft *d = press->draft;
    size_t head = header_size(d->family) + ERROR_SIZE;
    struct ipt_image *image = press->image;
    size_t offset = 0;

    for (size_t i = 0; i < d->n; i++) {
        const struct draft_chain *c = &d->chains[i];

        if (c->gone) {
            continue;
        }
        offset += c->hook >= 0 ? 0 : head;
        image->n_entries += c->n + (c->hook >= 0 ? 1 : 2);
        press->first[i] = offset;
        for (size_t j = 0; j < c->n; j++) {
            offset += c->rules[j].size;
        }
        if (c->hook >= 0) {
            image->hook_entry[c->hook] = press->first[i];
            image->underflow[c->hook] = offset;
        }
        offset += c->end.size;
    }
    image->n_entries++;
    image->size = offset + head;
}

/* Room for the next entry. */
static uint8_t *
put(struct press *press, size_t size, uint32_t old)
{
    struct ipt_image *image = press->image;
    uint8_t *p = (uint8_t *) image->entries + press->offset;

    ovs_assert(size <= image->size - press->offset);
    image->old[image->n_entries++] = old;
    press->offset += size;
    return p;
}

static void
print_chain(struct press *press, const struct draft_chain *c)
{
    if (c->hook < 0) {
        print_head(press, c->name);
    }
    for (size_t i = 0; i < c->n; i++) {
        print_rule(press, &c->rules[i]);
    }
    print_rule(press, &c->end);
}

static void
print_head(struct press *press, const char *name)
{
    size_t header = header_size(press->draft->family);
    size_t size = header + ERROR_SIZE;
    uint8_t *p = put(press, size, IPT_NEW_ENTRY);
    struct xt_error_target *t = (void *) (p + header);

    memset(p, 0, size);
    if (press->draft->family == SG_IPV4) {
        ((struct ipt_entry *) (void *) p)->target_offset = header;
        ((struct ipt_entry *) (void *) p)->next_offset = size;
    } else {
        ((struct ip6t_entry *) (void *) p)->target_offset = header;
        ((struct ip6t_entry *) (void *) p)->next_offset = size;
    }
    t->target.u.user.target_size = ERROR_SIZE;
    ovs_strlcpy(t->target.u.user.name, XT_ERROR_TARGET,
                sizeof t->target.u.user.name);
    ovs_strlcpy(t->errorname, name, sizeof t->errorname);
}

static void
print_rule(struct press *press, const struct draft_rule *r)
{
    uint8_t *p = put(press, r->size, r->old);
    struct xt_standard_target *t;
    size_t target;

    memcpy(p, r->bytes, r->size);
    target = (press->draft->family == SG_IPV4
              ? ((struct ipt_entry *) (void *) p)->target_offset
              : ((struct ip6t_entry *) (void *) p)->target_offset);
    t = (void *) (p + target);
    switch (r->kind) {
    case IPT_TARGET_JUMP:
        t->verdict = press->first[r->to];
        break;
    case IPT_TARGET_NONE:
        t->verdict = press->offset;
        break;
    case IPT_TARGET_VERDICT:
        if (!r->made) {
            return;
        }
        t->verdict = r->verdict;
        break;
    case IPT_TARGET_EXTENSION:
    case IPT_TARGET_UNKNOWN:
    case IPT_TARGET_ASTRAY:
        return;
    }
    /* The codec wrote a name; to the kernel these targets have none. */
    memset(t->target.u.user.name, 0, sizeof t->target.u.user.name);
}
