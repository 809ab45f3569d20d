/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The guard as tables of nf_tables. */

#include <config.h>
#include "firewall/l2_guard.h"

/* Before the kernel's headers, which then leave out what it has. */
#include <netinet/in.h>

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/l2guard/l2_key.h"
#include "firewall/l2guard/nft_others.h"
#include "firewall/l2guard/nft_rules.h"
#include "firewall/l2guard/nft_talk.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Elements in one message: as an attribute their list has at most 65,535
 * bytes, and one takes some 130. */
#define NFT_MAX_ELEMENTS 256
/* How often a read that somebody disturbs is begun anew. */
#define MAX_READS 5

/* Types of the nft command, so that it prints keys as what they are; to the
 * kernel they mean nothing.  A concatenation has six bits for each. */
enum {
    NFT_TYPE_IP4_ADDR = 7,
    NFT_TYPE_IP6_ADDR = 8,
    NFT_TYPE_ETHER_ADDR = 9,
    NFT_TYPE_ETHER_TYPE = 10,
    NFT_TYPE_IFINDEX = 20,
    NFT_TYPE_IFNAME = 41,
};
#define NFT_TYPE_BITS 6
/* Also for nft, of a key that is one field: a name is no number, an EtherType
 * is one as it is sent. */
#define NFT_BYTEORDER_HOST 1
#define NFT_BYTEORDER_BIG_ENDIAN 2
#define MAX_USERDATA 16

struct nft_guard {
    struct l2_guard up;
    struct nft_talk *talk;
    struct nft_rules rules;
    struct ds *texts;           /* Of the rules of each chain. */
    uint32_t generation;        /* Of the last read or write. */
    struct ds error;
};

/* What a read gathers. */
struct reading {
    const struct nft_guard *g;
    struct l2_elements *list;
    enum l2_found found;
    size_t n_tables, n_chains, n_sets;
    struct ds *texts;           /* Of the rules of each chain. */
    enum l2_set set;            /* Whose elements are read. */
};

static const struct l2_guard_class nft_guard_class;

static struct nft_guard *
nft_guard_cast(const struct l2_guard *guard)
{
    ovs_assert(guard->class == &nft_guard_class);
    return CONTAINER_OF(guard, struct nft_guard, up);
}

static struct ds *
create_texts(void)
{
    struct ds *texts = xmalloc(nft_n_chains() * sizeof *texts);

    for (size_t i = 0; i < nft_n_chains(); i++) {
        ds_init(&texts[i]);
    }
    return texts;
}

static void
destroy_texts(struct ds *texts)
{
    for (size_t i = 0; i < nft_n_chains(); i++) {
        ds_destroy(&texts[i]);
    }
    free(texts);
}

/* False if the rule is in no chain of ours. */
static bool
add_text(struct ds *texts, struct nftnl_rule *rule)
{
    size_t i = nft_chain_index(nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
                               nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));

    if (i < nft_n_chains()) {
        nft_rule_text(rule, &texts[i]);
    }
    return i < nft_n_chains();
}

struct l2_guard *
l2_guard_nft_create(const struct l2_guard_config *config, char **error)
{
    struct nft_talk *talk = nft_talk_create(NFT_GUARD_TABLE, error);
    struct nft_guard *g;

    if (!talk) {
        return NULL;
    }
    g = xzalloc(sizeof *g);
    g->up.class = &nft_guard_class;
    g->talk = talk;
    nft_rules_init(&g->rules, config);
    g->texts = create_texts();
    for (size_t i = 0; i < g->rules.n; i++) {
        add_text(g->texts, g->rules.p[i]);
    }
    ds_init(&g->error);
    return &g->up;
}

static void
nft_guard_destroy(struct l2_guard *guard)
{
    struct nft_guard *g = nft_guard_cast(guard);

    nft_talk_destroy(g->talk);
    nft_rules_uninit(&g->rules);
    destroy_texts(g->texts);
    ds_destroy(&g->error);
    free(g);
}

static const char *
nft_guard_error(const struct l2_guard *guard)
{
    return ds_cstr_ro(&nft_guard_cast(guard)->error);
}

static int
failed(struct nft_guard *g, const char *what, int error)
{
    ds_clear(&g->error);
    ds_put_format(&g->error, "nf_tables: %s: %s", what, ovs_strerror(error));
    return error;
}

static bool
nft_guard_hint(struct l2_guard *guard)
{
    return nft_talk_hint(nft_guard_cast(guard)->talk);
}

static void
nft_guard_wait(struct l2_guard *guard)
{
    nft_talk_wait(nft_guard_cast(guard)->talk);
}

static int
nft_guard_changed(struct l2_guard *guard, bool *changed)
{
    struct nft_guard *g = nft_guard_cast(guard);
    uint32_t generation = 0;
    int error = nft_talk_generation(g->talk, &generation);

    if (error) {
        return failed(g, "asking for the generation", error);
    }
    *changed = generation != g->generation;
    return 0;
}

static uint32_t
set_flags(enum l2_set which)
{
    return l2_set_form(which)->ranges ? NFT_SET_CONCAT | NFT_SET_INTERVAL : 0;
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static int
take_table(const struct nlmsghdr *nlh, void *r_)
{
    struct nftnl_table *table = nftnl_table_alloc();
    struct reading *r = r_;

    if (!table) {
        out_of_memory();
    }
    r->n_tables++;
    /* A dormant one has no hook. */
    if (nftnl_table_nlmsg_parse(nlh, table)
        || nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS)) {
        r->found = L2_DAMAGED;
    }
    nftnl_table_free(table);
    return MNL_CB_OK;
}

static bool
chain_is_right(const struct nftnl_chain *chain)
{
    size_t i = nft_chain_index(nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
                               nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
    struct nftnl_chain *ours;
    bool right = true;

    if (i >= nft_n_chains()) {
        return false;
    }
    ours = nft_chain_create(i);
    for (uint16_t a = NFTNL_CHAIN_HOOKNUM; a <= NFTNL_CHAIN_POLICY; a++) {
        right = (right && (nftnl_chain_is_set(ours, a)
                           == nftnl_chain_is_set(chain, a))
                 && (nftnl_chain_get_u32(ours, a)
                     == nftnl_chain_get_u32(chain, a)));
    }
    nftnl_chain_free(ours);
    return right;
}

static int
take_chain(const struct nlmsghdr *nlh, void *r_)
{
    struct nftnl_chain *chain = nftnl_chain_alloc();
    struct reading *r = r_;

    if (!chain) {
        out_of_memory();
    }
    if (nftnl_chain_nlmsg_parse(nlh, chain)) {
        r->found = L2_DAMAGED;
    } else if (!strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
                       NFT_GUARD_TABLE)) {
        r->n_chains++;
        if (!chain_is_right(chain)) {
            r->found = L2_DAMAGED;
        }
    }
    nftnl_chain_free(chain);
    return MNL_CB_OK;
}

static int
take_rule(const struct nlmsghdr *nlh, void *r_)
{
    struct nftnl_rule *rule = nftnl_rule_alloc();
    struct reading *r = r_;

    if (!rule) {
        out_of_memory();
    }
    if (nftnl_rule_nlmsg_parse(nlh, rule) || !add_text(r->texts, rule)) {
        r->found = L2_DAMAGED;
    }
    nftnl_rule_free(rule);
    return MNL_CB_OK;
}

static int
take_set(const struct nlmsghdr *nlh, void *r_)
{
    struct nftnl_set *set = nftnl_set_alloc();
    struct reading *r = r_;
    enum l2_set which;

    if (!set) {
        out_of_memory();
    }
    if (nftnl_set_nlmsg_parse(nlh, set)
        || !l2_set_from_name(nftnl_set_get_str(set, NFTNL_SET_NAME), &which)
        || nftnl_set_get_u32(set, NFTNL_SET_FLAGS) != set_flags(which)
        || (nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN)
            != l2_set_form(which)->key_len)) {
        r->found = L2_DAMAGED;
    }
    r->n_sets++;
    nftnl_set_free(set);
    return MNL_CB_OK;
}

/* False if it is none of ours. */
static bool
read_key(struct nftnl_set_elem *elem, enum l2_set set, struct l2_key *key)
{
    const struct l2_set_form *form = l2_set_form(set);
    const void *first, *last;
    uint32_t len, last_len;

    first = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &len);
    last = first;
    last_len = len;
    if (form->ranges) {
        last = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY_END, &last_len);
    }
    if (!first || !last || len != form->key_len || last_len != form->key_len
        || (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_FLAGS)
            && nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_FLAGS))) {
        return false;
    }
    memset(key, 0, sizeof *key);
    memcpy(key->first, first, len);
    memcpy(key->last, last, len);
    return true;
}

static int
take_element(struct nftnl_set_elem *elem, void *r_)
{
    struct reading *r = r_;
    struct l2_element e;
    struct l2_key key;

    if (read_key(elem, r->set, &key) && l2_key_decode(r->set, &key, &e)) {
        l2_elements_add_one(r->list, &e);
    } else {
        r->found = L2_DAMAGED;
    }
    return 0;
}

static int
take_elements(const struct nlmsghdr *nlh, void *r_)
{
    struct nftnl_set *set = nftnl_set_alloc();
    struct reading *r = r_;

    if (!set) {
        out_of_memory();
    }
    if (nftnl_set_elems_nlmsg_parse(nlh, set)) {
        r->found = L2_DAMAGED;
    } else {
        nftnl_set_elem_foreach(set, take_element, r);
    }
    nftnl_set_free(set);
    return MNL_CB_OK;
}

static int
read_elements(struct nft_guard *g, struct reading *r)
{
    struct nft_question q = {
        .type = NFT_MSG_GETSETELEM,
        .flags = NLM_F_DUMP,
        .family = nft_table_families[0],
        .table = NFT_GUARD_TABLE,
    };
    int error = 0;

    for (size_t i = 0; i < L2_N_SETS && !error && r->found == L2_INTACT;
         i++) {
        r->set = i;
        q.set = l2_set_form(r->set)->name;
        error = nft_talk_get(g->talk, &q, take_elements, r);
    }
    return error;
}

/* One of the tables, without elements. */
static int
read_table(struct nft_guard *g, uint8_t family, struct reading *r)
{
    static const struct { uint16_t type, flags; mnl_cb_t take; } kinds[] = {
        { NFT_MSG_GETTABLE, 0, take_table },
        { NFT_MSG_GETCHAIN, NLM_F_DUMP, take_chain },
        { NFT_MSG_GETSET, NLM_F_DUMP, take_set },
        { NFT_MSG_GETRULE, NLM_F_DUMP, take_rule },
    };
    int error = 0;

    for (size_t i = 0; i < ARRAY_SIZE(kinds) && !error; i++) {
        const struct nft_question q = {
            .type = kinds[i].type,
            .flags = kinds[i].flags,
            .family = family,
            .table = NFT_GUARD_TABLE,
        };

        error = nft_talk_get(g->talk, &q, kinds[i].take, r);
        if (!i && error == ENOENT) {
            return 0;
        }
    }
    return error;
}

static int
read_objects(struct nft_guard *g, struct reading *r)
{
    int error = 0;

    for (size_t i = 0; i < NFT_N_TABLES && !error; i++) {
        error = read_table(g, nft_table_families[i], r);
    }
    if (error) {
        return error;
    }
    if (!r->n_tables) {
        r->found = L2_NOTHING;
        return 0;
    }
    if (r->n_tables != NFT_N_TABLES || r->n_chains != nft_n_chains()
        || r->n_sets != L2_N_SETS) {
        r->found = L2_DAMAGED;
    }
    for (size_t i = 0; i < nft_n_chains(); i++) {
        if (strcmp(ds_cstr(&r->texts[i]), ds_cstr(&g->texts[i]))) {
            r->found = L2_DAMAGED;
        }
    }
    return read_elements(g, r);
}

/* As of one generation. */
static int
read_once(struct nft_guard *g, struct reading *r)
{
    uint32_t before = 0, after = 0;
    int error;

    l2_elements_clear(r->list);
    r->found = L2_INTACT;
    r->n_tables = r->n_chains = r->n_sets = 0;
    r->texts = create_texts();
    error = nft_talk_generation(g->talk, &before);
    if (!error) {
        error = read_objects(g, r);
    }
    if (!error) {
        error = nft_talk_generation(g->talk, &after);
    }
    destroy_texts(r->texts);
    if (!error && before != after) {
        error = EINTR;
    }
    g->generation = after;
    return error;
}

static int
nft_guard_read(struct l2_guard *guard, enum l2_found *found,
               struct l2_elements *list)
{
    struct nft_guard *g = nft_guard_cast(guard);
    struct reading r = { .g = g, .list = list };
    int error = EINTR;

    /* ENOENT: gone between two questions. */
    for (int i = 0; i < MAX_READS && (error == EINTR || error == ENOENT);
         i++) {
        error = read_once(g, &r);
    }
    if (error) {
        return failed(g, "reading tables " NFT_GUARD_TABLE,
                      error == EINTR ? EAGAIN : error);
    }
    l2_elements_order(list);
    *found = r.found;
    return 0;
}

static int
nft_guard_tables(struct l2_guard *guard, struct l2_tables *tables)
{
    struct nft_guard *g = nft_guard_cast(guard);
    int error = nft_others_read(g->talk, tables);

    return error ? failed(g, "listing chains", error) : 0;
}

/* ------------------------------------------------------------------------ */
/* Writing. */

static void
put_tables(struct nft_guard *g, uint16_t type, uint16_t flags)
{
    for (size_t i = 0; i < NFT_N_TABLES; i++) {
        uint8_t family = nft_table_families[i];
        struct nftnl_table *table = nftnl_table_alloc();

        if (!table) {
            out_of_memory();
        }
        nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, family);
        nftnl_table_set_str(table, NFTNL_TABLE_NAME, NFT_GUARD_TABLE);
        nftnl_table_nlmsg_build_payload(
            nft_talk_add(g->talk, family, type, flags), table);
        nftnl_table_free(table);
    }
}

/* Of the 'i'th field of a key. */
static uint32_t
field_type(size_t i, size_t len)
{
    return (len == 2 ? NFT_TYPE_ETHER_TYPE
            : i == 0 ? NFT_TYPE_IFNAME
            : i == 1 && len == 4 ? NFT_TYPE_IFINDEX
            : i < 3 ? NFT_TYPE_ETHER_ADDR
            : len == 4 ? NFT_TYPE_IP4_ADDR : NFT_TYPE_IP6_ADDR);
}

static struct nftnl_set *
create_set(enum l2_set which)
{
    const struct l2_set_form *form = l2_set_form(which);
    struct nftnl_set *set = nftnl_set_alloc();

    if (!set) {
        out_of_memory();
    }
    nftnl_set_set_u32(set, NFTNL_SET_FAMILY, nft_table_families[0]);
    nftnl_set_set_str(set, NFTNL_SET_TABLE, NFT_GUARD_TABLE);
    nftnl_set_set_str(set, NFTNL_SET_NAME, form->name);
    return set;
}

static void
put_byteorder(struct nftnl_set *set, uint32_t byteorder)
{
    struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(MAX_USERDATA);

    if (!data) {
        out_of_memory();
    }
    nftnl_udata_put_u32(data, NFTNL_UDATA_SET_KEYBYTEORDER, byteorder);
    nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(data),
                       nftnl_udata_buf_len(data));
    nftnl_udata_buf_free(data);
}

static void
put_set(struct nft_guard *g, enum l2_set which)
{
    const struct l2_set_form *form = l2_set_form(which);
    struct nftnl_set *set = create_set(which);
    uint32_t type = 0;

    for (size_t i = 0; i < form->n_fields; i++) {
        type = type << NFT_TYPE_BITS | field_type(i, form->field_len[i]);
    }
    nftnl_set_set_u32(set, NFTNL_SET_FLAGS, set_flags(which));
    nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, type);
    nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, form->key_len);
    /* Only has to differ within the transaction. */
    nftnl_set_set_u32(set, NFTNL_SET_ID, which + 1);
    if (form->ranges) {
        nftnl_set_set_data(set, NFTNL_SET_DESC_CONCAT, form->field_len,
                           form->n_fields);
    } else if (form->n_fields == 1) {
        put_byteorder(set, type == NFT_TYPE_ETHER_TYPE
                           ? NFT_BYTEORDER_BIG_ENDIAN : NFT_BYTEORDER_HOST);
    }
    nftnl_set_nlmsg_build_payload(
        nft_talk_add(g->talk, nft_table_families[0], NFT_MSG_NEWSET,
                     NLM_F_CREATE), set);
    nftnl_set_free(set);
}

static void
put_chain(struct nft_guard *g, size_t i)
{
    struct nftnl_chain *chain = nft_chain_create(i);

    nftnl_chain_nlmsg_build_payload(
        nft_talk_add(g->talk, nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
                     NFT_MSG_NEWCHAIN, NLM_F_CREATE), chain);
    nftnl_chain_free(chain);
}

static void
put_rule(struct nft_guard *g, struct nftnl_rule *rule)
{
    nftnl_rule_nlmsg_build_payload(
        nft_talk_add(g->talk, nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY),
                     NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), rule);
}

static void
add_elem(struct nftnl_set *set, const struct l2_element *e)
{
    const struct l2_set_form *form = l2_set_form(l2_element_set(e));
    struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
    struct l2_key key;

    if (!elem) {
        out_of_memory();
    }
    l2_key_encode(e, &key);
    nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key.first, form->key_len);
    if (form->ranges) {
        nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY_END, key.last,
                           form->key_len);
    }
    nftnl_set_elem_add(set, elem);
}

/* The elements of one set among 'list'. */
static void
put_elements_of(struct nft_guard *g, enum l2_set which,
                const struct l2_elements *list, uint16_t type, uint16_t flags)
{
    struct nftnl_set *set = NULL;
    size_t n = 0;

    for (size_t i = 0; i <= list->n; i++) {
        bool last = i == list->n;

        if (!last && l2_element_set(&list->p[i]) == which) {
            set = set ? set : create_set(which);
            add_elem(set, &list->p[i]);
            n++;
        }
        if (set && (last || n == NFT_MAX_ELEMENTS)) {
            nftnl_set_elems_nlmsg_build_payload(
                nft_talk_add(g->talk, nft_table_families[0], type, flags),
                set);
            nftnl_set_free(set);
            set = NULL;
            n = 0;
        }
    }
}

static void
put_elements(struct nft_guard *g, const struct l2_elements *list,
             uint16_t type, uint16_t flags)
{
    for (size_t i = 0; i < L2_N_SETS && list->n; i++) {
        put_elements_of(g, i, list, type, flags);
    }
}

static int
commit(struct nft_guard *g, const char *what)
{
    int error = nft_talk_commit(g->talk, &g->generation);

    return error ? failed(g, what, error) : 0;
}

static int
nft_guard_edit(struct l2_guard *guard, const struct l2_elements *add,
               const struct l2_elements *del)
{
    struct nft_guard *g = nft_guard_cast(guard);

    nft_talk_begin(g->talk, g->generation);
    put_elements(g, del, NFT_MSG_DELSETELEM, 0);
    put_elements(g, add, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
    return commit(g, "changing elements");
}

static int
nft_guard_replace(struct l2_guard *guard, const struct l2_elements *list)
{
    struct nft_guard *g = nft_guard_cast(guard);

    nft_talk_begin(g->talk, g->generation);
    /* So that there is one to delete. */
    put_tables(g, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    put_tables(g, NFT_MSG_DELTABLE, 0);
    put_tables(g, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    for (size_t i = 0; i < L2_N_SETS; i++) {
        put_set(g, i);
    }
    for (size_t i = 0; i < nft_n_chains(); i++) {
        put_chain(g, i);
    }
    for (size_t i = 0; i < g->rules.n; i++) {
        put_rule(g, g->rules.p[i]);
    }
    put_elements(g, list, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
    return commit(g, "making tables " NFT_GUARD_TABLE);
}

static int
nft_guard_remove(struct l2_guard *guard)
{
    struct nft_guard *g = nft_guard_cast(guard);

    nft_talk_begin(g->talk, g->generation);
    put_tables(g, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    put_tables(g, NFT_MSG_DELTABLE, 0);
    return commit(g, "removing tables " NFT_GUARD_TABLE);
}

static const struct l2_guard_class nft_guard_class = {
    .name = "nft",
    .destroy = nft_guard_destroy,
    .error = nft_guard_error,
    .hint = nft_guard_hint,
    .changed = nft_guard_changed,
    .read = nft_guard_read,
    .edit = nft_guard_edit,
    .replace = nft_guard_replace,
    .remove = nft_guard_remove,
    .tables = nft_guard_tables,
    .wait = nft_guard_wait,
};
