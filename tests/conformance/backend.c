/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/conformance/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

#include "tests/lib/netns.h"
#include "svec.h"
#include "util.h"

const char *const iptables_commands[SG_N_FAMILIES] = {
    "iptables-legacy", "ip6tables-legacy",
};

void
fixture_run(void (*test)(struct fixture *), bool kernel)
{
    static const struct fw_backend_iptables_config config = {
        .lock_path = LOCK,
    };
    struct fixture f = { .kernel = kernel };
    char *error = NULL;

    if (kernel) {
        netns_enter();
        f.b = fw_backend_iptables_create(&config, &error);
        CHECK_NO_ERROR(error);
    } else {
        f.b = fw_backend_memory_create();
    }
    REQUIRE(f.b);
    f.c = f.b->class;
    test(&f);
    f.c->destroy(f.b);
}

/* ------------------------------------------------------------------------ */
/* The other program. */

/* A listing whose reader takes only its first part: the kernel remembers
 * that it is not finished. */
static struct mnl_socket *
start_dump(const char *set)
{
    char buffer[1024];
    struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

    REQUIRE(nl && !mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID));
    nlh->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;

    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_INET;
    mnl_attr_put_u8(nlh, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);
    mnl_attr_put_strz(nlh, IPSET_ATTR_SETNAME, set);
    REQUIRE(mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) > 0);
    return nl;
}

void
hold_dump(struct fixture *f, const char *set)
{
    if (f->kernel) {
        f->dump = start_dump(set);
    } else {
        fw_backend_memory_hold_dump(f->b, set, true);
    }
}

void
release_dump(struct fixture *f, const char *set)
{
    if (f->kernel) {
        mnl_socket_close(f->dump);
    } else {
        fw_backend_memory_hold_dump(f->b, set, false);
    }
}

/* The iptables command without the lock that we may be holding. */
#define IPTABLES "XTABLES_LOCKFILE=/run/other.lock iptables-legacy -t security"

static struct fw_chain *
model_chain(struct fixture *f, const char *chain)
{
    struct fw_ruleset *rs = fw_backend_memory_state(f->b);
    struct fw_chain *found
        = fw_table_find(&rs->tables[SG_IPV4][FW_SECURITY], chain);

    REQUIRE(found);
    return found;
}

void
other_append(struct fixture *f, const char *chain, const struct fw_rule *rule)
{
    if (f->kernel) {
        struct ds text = DS_EMPTY_INITIALIZER;

        fw_rule_format(rule, SG_IPV4, &text);
        free(netns_run(NULL, IPTABLES " -A %s %s", chain, ds_cstr(&text)));
        ds_destroy(&text);
    } else {
        fw_chain_append(model_chain(f, chain), rule);
    }
}

void
other_delete_first(struct fixture *f, const char *chain)
{
    if (f->kernel) {
        free(netns_run(NULL, IPTABLES " -D %s 1", chain));
    } else {
        struct fw_chain *c = model_chain(f, chain);

        c->n_rules--;
        memmove(c->rules, c->rules + 1, c->n_rules * sizeof *c->rules);
    }
}

void
other_count(struct fixture *f, const char *chain, const struct fw_rule *rule,
            uint64_t packets, uint64_t bytes)
{
    if (f->kernel) {
        struct ds text = DS_EMPTY_INITIALIZER;

        fw_rule_format(rule, SG_IPV4, &text);
        free(netns_run(NULL, IPTABLES " -R %s 1 -c %"PRIu64" %"PRIu64" %s",
                       chain, packets, bytes, ds_cstr(&text)));
        ds_destroy(&text);
    } else {
        struct fw_chain *c = model_chain(f, chain);

        c->rules[0].packets = packets;
        c->rules[0].bytes = bytes;
    }
}

/* ------------------------------------------------------------------------ */
/* Short hands. */

struct fw_edit
make_edit(enum fw_edit_kind kind, const char *chain, size_t index,
          const struct fw_rule *rule)
{
    struct fw_edit e;

    memset(&e, 0, sizeof e);
    e.kind = kind;
    ovs_strlcpy(e.chain, chain, sizeof e.chain);
    e.index = index;
    if (rule) {
        e.rule = *rule;
    }
    return e;
}

/* A rule with a verdict and, if 'in' is not NULL, an interface. */
struct fw_rule
make_rule(enum fw_verdict verdict, const char *target, const char *in)
{
    struct fw_rule r;

    memset(&r, 0, sizeof r);
    r.verdict = verdict;
    if (target) {
        ovs_strlcpy(r.target, target, sizeof r.target);
    }
    if (in) {
        r.match |= FW_M_IN;
        ovs_strlcpy(r.in, in, sizeof r.in);
    }
    return r;
}

struct fw_set
make_set(const char *name, enum sg_family family, uint32_t maxelem)
{
    struct fw_set_form form = { .slot = FW_SLOT_A };
    struct fw_set set;

    memset(&set, 0, sizeof set);
    ovs_strlcpy(set.name, name, sizeof set.name);
    fw_set_kind(name, &form);
    set.family = family;
    set.content = form.content;
    set.slot = form.slot;
    set.maxelem = maxelem;
    set.hashsize = 1024;
    return set;
}

int
create_set(struct fixture *f, const char *name, enum sg_family family,
           uint32_t maxelem)
{
    struct fw_set set = make_set(name, family, maxelem);

    return f->c->set_create(f->b, &set);
}

struct fw_set
named(const char *name, enum sg_family family)
{
    struct fw_set set = make_set(name, family, 0);

    memcpy(set.name, name, strnlen(name, sizeof set.name));
    return set;
}

/* Address number 'n' of a private range. */
struct sg_prefix
make_host(enum sg_family family, uint32_t n)
{
    struct sg_prefix p;

    memset(&p, 0, sizeof p);
    p.family = family;
    p.plen = sg_family_bits(family);
    p.addr[0] = family == SG_IPV4 ? 10 : 0xfd;
    uint8_t *tail = p.addr + (family == SG_IPV4 ? 1 : 13);
    tail[0] = n >> 16;
    tail[1] = n >> 8;
    tail[2] = n;
    return p;
}

struct sg_prefix *
make_hosts(enum sg_family family, uint32_t first, size_t n)
{
    struct sg_prefix *p = xmalloc(n * sizeof *p);

    for (size_t i = 0; i < n; i++) {
        p[i] = make_host(family, first + i);
    }
    return p;
}

int
read_table(struct fixture *f, enum sg_family family, enum fw_table_id id,
           struct fw_table *table)
{
    int error = f->c->begin(f->b);

    if (!error) {
        error = f->c->read(f->b, family, id, table);
        f->c->end(f->b);
    }
    return error;
}

int
commit_edits(struct fixture *f, enum sg_family family, enum fw_table_id id,
             const struct fw_edit *edits, size_t n)
{
    int error = f->c->begin(f->b);

    if (!error) {
        struct fw_table table;

        fw_table_init(&table);
        error = f->c->read(f->b, family, id, &table);
        if (!error) {
            error = f->c->commit(f->b, family, id, edits, n);
        }
        f->c->end(f->b);
        fw_table_uninit(&table);
    }
    return error;
}

static void
note_zone(const struct fw_zone_rule *rule, void *lines_)
{
    struct svec *lines = lines_;

    svec_add_nocopy(lines, xasprintf("%s %d %s%s",
                                     sg_family_name(rule->family),
                                     rule->zone, rule->device,
                                     rule->ours ? " ours" : ""));
}

char *
get_zones(struct fixture *f, enum sg_family family)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;

    REQUIRE(!f->c->begin(f->b));
    CHECK_EQ(f->c->zone_rules(f->b, family, note_zone, &lines), 0);
    f->c->end(f->b);
    svec_sort(&lines);
    char *text = svec_join(&lines, "\n", "");
    svec_destroy(&lines);
    return text;
}

size_t
count_members(struct fixture *f, const char *set, enum sg_family family)
{
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;

    struct fw_set meant = named(set, family);

    CHECK_EQ(f->c->set_members(f->b, &meant, &list), 0);
    size_t n = list.n;
    sg_prefix_list_uninit(&list);
    return n;
}

struct fw_set
get_header(struct fixture *f, const char *name)
{
    struct fw_ruleset *rs = fw_ruleset_create();
    struct fw_set found;

    memset(&found, 0, sizeof found);
    CHECK_EQ(f->c->list_sets(f->b, rs), 0);
    const struct fw_set *set = fw_ruleset_find_set(rs, name);
    if (set) {
        found = *set;
    }
    fw_ruleset_destroy(rs);
    return found;
}
