/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The kernel's table of flows, over ctnetlink.
 *
 * Neither a change nor a deletion is ever sent without a tuple and a zone: a
 * deletion without a tuple empties the table, on kernels before 6.8 that of
 * all zones.  What is asked for by tuple and zone and is not there answers
 * ENOENT. */

#include <config.h>
#include "firewall/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Netlink makes the messages of a dump as large as the reader's buffer, up to
 * this. */
#define DUMP_BUFFER_SIZE 32768

/* Changes that are sent in one go.  The kernel puts an answer to each into our
 * receive buffer before the send returns; these fit into the smallest one that
 * there is by default. */
#define MAX_BATCH 64
/* More than one of them takes. */
#define CHANGE_SIZE 256

/* A bit of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS that no header for
 * user space has. */
#define FILTER_IP_SRC (1u << 0)

struct conntrack {
    struct flow_table up;
    struct mnl_socket *dump, *changes;
    struct ds error;
    uint32_t seq;

    /* The dump. */
    bool dumping;
    bool rebuilt;               /* Something may have been left out. */
    uint32_t dump_seq;
    struct nlmsghdr *next;      /* In 'buffer'; 'left' bytes of it. */
    int left;
    char buffer[DUMP_BUFFER_SIZE];
};

static const struct flow_table_class conntrack_class;

static struct conntrack *
conntrack_cast(const struct flow_table *table)
{
    ovs_assert(table->class == &conntrack_class);
    return CONTAINER_OF(CONST_CAST(struct flow_table *, table),
                        struct conntrack, up);
}

static int
failed(struct conntrack *ct, const char *what, int error)
{
    ds_clear(&ct->error);
    ds_put_format(&ct->error, "conntrack: %s: %s", what,
                  ovs_strerror(error));
    return error;
}

static struct mnl_socket *
open_socket(void)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER,
                                             SOCK_CLOEXEC);
    int on = 1;

    if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID)) {
        int error = errno;

        mnl_socket_close(nl);
        errno = error;
        return NULL;
    }
    if (nl) {
        /* Answers without the question; if not, they are only larger. */
        mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof on);
    }
    return nl;
}

static void
conntrack_destroy(struct flow_table *table)
{
    struct conntrack *ct = conntrack_cast(table);

    if (ct->dump) {
        mnl_socket_close(ct->dump);
    }
    if (ct->changes) {
        mnl_socket_close(ct->changes);
    }
    ds_destroy(&ct->error);
    free(ct);
}

struct flow_table *
flow_table_kernel_create(char **error)
{
    struct conntrack *ct = xzalloc(sizeof *ct);

    ct->up.class = &conntrack_class;
    ds_init(&ct->error);
    ct->changes = open_socket();
    if (!ct->changes) {
        *error = xasprintf("conntrack: netlink: %s", ovs_strerror(errno));
        conntrack_destroy(&ct->up);
        return NULL;
    }
    return &ct->up;
}

static const char *
conntrack_error(const struct flow_table *table)
{
    return ds_cstr_ro(&conntrack_cast(table)->error);
}

static struct nlmsghdr *
put_header(void *buffer, uint16_t type, uint16_t flags, uint32_t seq,
           uint8_t family)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *nfg;

    h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type;
    h->nlmsg_flags = NLM_F_REQUEST | flags;
    h->nlmsg_seq = seq;
    nfg = mnl_nlmsg_put_extra_header(h, sizeof *nfg);
    nfg->nfgen_family = family;
    nfg->version = NFNETLINK_V0;
    return h;
}

static uint8_t
nfproto(const struct sg_prefix *address)
{
    return address->family == SG_IPV4 ? AF_INET : AF_INET6;
}

/* ------------------------------------------------------------------------ */
/* Tuples. */

static void
put_ip(struct nlmsghdr *h, const struct sg_prefix *src,
       const struct sg_prefix *dst)
{
    bool v4 = src->family == SG_IPV4;
    size_t len = sg_family_bits(src->family) / 8;
    struct nlattr *nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);

    mnl_attr_put(h, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, len, src->addr);
    if (dst) {
        mnl_attr_put(h, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, len, dst->addr);
    }
    mnl_attr_nest_end(h, nest);
}

static void
put_tuple(struct nlmsghdr *h, const struct flow_tuple *t)
{
    bool v4 = t->src.family == SG_IPV4;
    struct nlattr *tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG);
    struct nlattr *proto;

    put_ip(h, &t->src, &t->dst);
    proto = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(h, CTA_PROTO_NUM, t->proto);
    if (t->has_ports) {
        mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(t->sport));
        mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(t->dport));
    }
    if (t->has_icmp) {
        mnl_attr_put_u16(h, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID,
                         t->icmp_id);
        mnl_attr_put_u8(h, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE,
                        t->icmp_type);
        mnl_attr_put_u8(h, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE,
                        t->icmp_code);
    }
    mnl_attr_nest_end(h, proto);
    mnl_attr_nest_end(h, tuple);
}

static bool
get_address(const struct nlattr *a, struct sg_prefix *p)
{
    enum sg_family family;

    switch (mnl_attr_get_type(a)) {
    case CTA_IP_V4_SRC:
    case CTA_IP_V4_DST:
        family = SG_IPV4;
        break;
    case CTA_IP_V6_SRC:
    case CTA_IP_V6_DST:
        family = SG_IPV6;
        break;
    default:
        return true;
    }
    if (mnl_attr_get_payload_len(a) != sg_family_bits(family) / 8) {
        return false;
    }
    p->family = family;
    p->plen = sg_family_bits(family);
    memcpy(p->addr, mnl_attr_get_payload(a), sg_family_bits(family) / 8);
    return true;
}

static bool
get_ip(const struct nlattr *nest, struct flow_tuple *t)
{
    const struct nlattr *a;
    bool src = false, dst = false;

    mnl_attr_for_each_nested (a, nest) {
        uint16_t type = mnl_attr_get_type(a);
        bool is_src = type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC;

        if (!get_address(a, is_src ? &t->src : &t->dst)) {
            return false;
        }
        src = src || is_src;
        dst = dst || type == CTA_IP_V4_DST || type == CTA_IP_V6_DST;
    }
    return src && dst && t->src.family == t->dst.family;
}

/* Numbers of one or two bytes; '*value' is as the kernel has it. */
static bool
get_number(const struct nlattr *a, uint16_t *value)
{
    switch (mnl_attr_get_payload_len(a)) {
    case 1:
        *value = mnl_attr_get_u8(a);
        return true;
    case 2:
        *value = mnl_attr_get_u16(a);
        return true;
    default:
        return false;
    }
}

static bool
get_proto(const struct nlattr *nest, struct flow_tuple *t)
{
    const struct nlattr *a;
    bool known = false;

    mnl_attr_for_each_nested (a, nest) {
        uint16_t value;

        if (!get_number(a, &value)) {
            continue;
        }
        switch (mnl_attr_get_type(a)) {
        case CTA_PROTO_NUM:
            t->proto = value;
            known = true;
            break;
        case CTA_PROTO_SRC_PORT:
            t->sport = ntohs(value);
            t->has_ports = true;
            break;
        case CTA_PROTO_DST_PORT:
            t->dport = ntohs(value);
            t->has_ports = true;
            break;
        case CTA_PROTO_ICMP_ID:
        case CTA_PROTO_ICMPV6_ID:
            t->icmp_id = value;
            t->has_icmp = true;
            break;
        case CTA_PROTO_ICMP_TYPE:
        case CTA_PROTO_ICMPV6_TYPE:
            t->icmp_type = value;
            t->has_icmp = true;
            break;
        case CTA_PROTO_ICMP_CODE:
        case CTA_PROTO_ICMPV6_CODE:
            t->icmp_code = value;
            t->has_icmp = true;
            break;
        default:
            break;
        }
    }
    return known;
}

static bool
get_tuple(const struct nlattr *nest, struct flow_tuple *t)
{
    const struct nlattr *a;
    bool ip = false, proto = false;

    mnl_attr_for_each_nested (a, nest) {
        switch (mnl_attr_get_type(a)) {
        case CTA_TUPLE_IP:
            ip = get_ip(a, t);
            break;
        case CTA_TUPLE_PROTO:
            proto = get_proto(a, t);
            break;
        default:
            break;
        }
    }
    return ip && proto;
}

/* False for what is no flow that we understand: it is left alone. */
static bool
get_entry(const struct nlmsghdr *h, struct flow_entry *e)
{
    const struct nlattr *a;
    bool orig = false, reply = false;

    memset(e, 0, sizeof *e);
    mnl_attr_for_each (a, h, sizeof(struct nfgenmsg)) {
        switch (mnl_attr_get_type(a)) {
        case CTA_TUPLE_ORIG:
            orig = get_tuple(a, &e->orig);
            break;
        case CTA_TUPLE_REPLY:
            reply = get_tuple(a, &e->reply);
            break;
        case CTA_TUPLE_MASTER:
            e->related = get_tuple(a, &e->master);
            break;
        case CTA_ZONE:
            if (mnl_attr_get_payload_len(a) == sizeof(uint16_t)) {
                e->zone = ntohs(mnl_attr_get_u16(a));
            }
            break;
        case CTA_MARK:
            if (mnl_attr_get_payload_len(a) == sizeof(uint32_t)) {
                e->mark = ntohl(mnl_attr_get_u32(a));
            }
            break;
        default:
            break;
        }
    }
    return orig && reply;
}

/* ------------------------------------------------------------------------ */
/* Looking. */

static int
conntrack_count(struct flow_table *table, size_t *n)
{
    struct conntrack *ct = conntrack_cast(table);
    char buffer[1024];
    struct nlmsghdr *h = put_header(buffer, IPCTNL_MSG_CT_GET_STATS, 0,
                                    ++ct->seq, AF_UNSPEC);
    const struct nlattr *a;
    int len;

    if (mnl_socket_sendto(ct->changes, h, h->nlmsg_len) < 0) {
        return failed(ct, "count", errno);
    }
    do {
        len = mnl_socket_recvfrom(ct->changes, buffer, sizeof buffer);
        if (len < 0) {
            return failed(ct, "count", errno);
        }
        h = (struct nlmsghdr *) (void *) buffer;
    } while (!mnl_nlmsg_ok(h, len) || h->nlmsg_seq != ct->seq);
    if (h->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

        return failed(ct, "count", e->error ? -e->error : EPROTO);
    }
    mnl_attr_for_each (a, h, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(a) == CTA_STATS_GLOBAL_ENTRIES
            && mnl_attr_get_payload_len(a) == sizeof(uint32_t)) {
            *n = ntohl(mnl_attr_get_u32(a));
            return 0;
        }
    }
    return failed(ct, "count", EPROTO);
}

static uint8_t
filter_family(const struct flow_filter *f)
{
    switch (f->kind) {
    case FLOW_ALL:
    case FLOW_OF_ZONE:
        return AF_UNSPEC;
    case FLOW_OF_IPV6:
        return AF_INET6;
    case FLOW_FROM:
    case FLOW_TO:
        ovs_assert(f->address.family == SG_IPV4);
        return AF_INET;
    }
    OVS_NOT_REACHED();
}

/* There is no filter by an IPv6 address: where IPv4 ones have to be equal,
 * the kernel (6.18) wants these to differ. */
static void
put_filter(struct nlmsghdr *h, const struct flow_filter *f)
{
    struct nlattr *nest;

    if (f->mark) {
        mnl_attr_put_u32(h, CTA_MARK, htonl(f->mark));
        mnl_attr_put_u32(h, CTA_MARK_MASK, htonl(f->mark));
    }
    switch (f->kind) {
    case FLOW_ALL:
    case FLOW_OF_IPV6:
        break;
    case FLOW_OF_ZONE:
        mnl_attr_put_u16(h, CTA_ZONE, htons(f->zone));
        break;
    case FLOW_FROM:
    case FLOW_TO:
        nest = mnl_attr_nest_start(h, f->kind == FLOW_FROM ? CTA_TUPLE_ORIG
                                                           : CTA_TUPLE_REPLY);
        put_ip(h, &f->address, NULL);
        mnl_attr_nest_end(h, nest);
        nest = mnl_attr_nest_start(h, CTA_FILTER);
        mnl_attr_put_u32(h, CTA_FILTER_ORIG_FLAGS,
                         f->kind == FLOW_FROM ? FILTER_IP_SRC : 0);
        mnl_attr_put_u32(h, CTA_FILTER_REPLY_FLAGS,
                         f->kind == FLOW_FROM ? 0 : FILTER_IP_SRC);
        mnl_attr_nest_end(h, nest);
        break;
    }
}

/* A socket of its own each time: what is left of a dump that was given up
 * would have to be read first. */
static int
conntrack_begin(struct flow_table *table, const struct flow_filter *f)
{
    struct conntrack *ct = conntrack_cast(table);
    char buffer[512];
    struct nlmsghdr *h;

    if (ct->dump) {
        mnl_socket_close(ct->dump);
    }
    ct->dump = open_socket();
    if (!ct->dump) {
        return failed(ct, "netlink", errno);
    }
    ct->dump_seq = ++ct->seq;
    h = put_header(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, ct->dump_seq,
                   filter_family(f));
    put_filter(h, f);
    if (mnl_socket_sendto(ct->dump, h, h->nlmsg_len) < 0) {
        return failed(ct, "dump", errno);
    }
    ct->dumping = true;
    ct->rebuilt = false;
    ct->left = 0;
    return 0;
}

static int
end_dump(struct conntrack *ct, int error)
{
    ct->dumping = false;
    ct->left = 0;
    if (!error && ct->rebuilt) {
        error = EAGAIN;
    }
    return error ? failed(ct, "dump", error) : 0;
}

static int
read_more(struct conntrack *ct)
{
    ct->left = mnl_socket_recvfrom(ct->dump, ct->buffer, sizeof ct->buffer);
    if (ct->left <= 0) {
        return end_dump(ct, ct->left ? errno : EPROTO);
    }
    ct->next = (struct nlmsghdr *) (void *) ct->buffer;
    return 0;
}

/* Takes one message; '*n' counts if it is an entry. */
static int
take_message(struct conntrack *ct, struct flow_entry *entries, size_t *n)
{
    const struct nlmsghdr *h = ct->next;

    if (!mnl_nlmsg_ok(h, ct->left)) {
        return end_dump(ct, EPROTO);
    }
    ct->next = mnl_nlmsg_next(h, &ct->left);
    if (h->nlmsg_seq != ct->dump_seq) {
        return 0;
    }
    ct->rebuilt = ct->rebuilt || h->nlmsg_flags & NLM_F_DUMP_INTR;
    if (h->nlmsg_type == NLMSG_DONE) {
        int32_t error = 0;

        if (mnl_nlmsg_get_payload_len(h) >= sizeof error) {
            memcpy(&error, mnl_nlmsg_get_payload(h), sizeof error);
        }
        return end_dump(ct, -error);
    } else if (h->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

        return end_dump(ct, e->error ? -e->error : EPROTO);
    }
    *n += get_entry(h, &entries[*n]);
    return 0;
}

/* Returns after what one read from the kernel brought, unless that is
 * nothing. */
static int
conntrack_next(struct flow_table *table, struct flow_entry *entries,
               size_t max, size_t *n)
{
    struct conntrack *ct = conntrack_cast(table);
    int error = 0;

    *n = 0;
    while (ct->dumping && *n < max && !error) {
        if (ct->left > 0) {
            error = take_message(ct, entries, n);
        } else if (*n) {
            break;
        } else {
            error = read_more(ct);
        }
    }
    return error;
}

/* ------------------------------------------------------------------------ */
/* Changing. */

static struct nlmsghdr *
put_change(void *buffer, const struct flow_change *c, uint32_t bit,
           uint32_t seq)
{
    struct nlmsghdr *h = put_header(buffer, c->action == FLOW_DELETE
                                            ? IPCTNL_MSG_CT_DELETE
                                            : IPCTNL_MSG_CT_NEW,
                                    NLM_F_ACK, seq, nfproto(&c->orig.src));

    put_tuple(h, &c->orig);
    mnl_attr_put_u16(h, CTA_ZONE, htons(c->zone));
    if (c->action != FLOW_DELETE) {
        mnl_attr_put_u32(h, CTA_MARK,
                         c->action == FLOW_MARK ? htonl(bit) : 0);
        mnl_attr_put_u32(h, CTA_MARK_MASK, htonl(bit));
    }
    return h;
}

/* Reads the answers to the 'n' changes that end with ct->seq. */
static int
read_answers(struct conntrack *ct, size_t n, struct flow_changed *changed)
{
    char buffer[8192];
    size_t n_answers = 0;
    int retval = 0;

    while (n_answers < n) {
        int len = mnl_socket_recvfrom(ct->changes, buffer, sizeof buffer);
        struct nlmsghdr *h = (struct nlmsghdr *) (void *) buffer;

        if (len < 0) {
            changed->n_failed += n - n_answers;
            return failed(ct, "change", errno);
        }
        for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

            if (h->nlmsg_type != NLMSG_ERROR
                || ct->seq - h->nlmsg_seq >= n) {
                continue;
            }
            n_answers++;
            if (!e->error) {
                changed->n_done++;
            } else if (e->error == -ENOENT) {
                changed->n_gone++;
            } else {
                changed->n_failed++;
                retval = retval ? retval : failed(ct, "change", -e->error);
            }
        }
    }
    return retval;
}

static int
change_batch(struct conntrack *ct, const struct flow_change *changes,
             size_t n, uint32_t bit, struct flow_changed *changed)
{
    uint64_t buffer[MAX_BATCH * CHANGE_SIZE / sizeof(uint64_t)];
    char *p = (char *) buffer;

    for (size_t i = 0; i < n; i++) {
        struct nlmsghdr *h = put_change(p, &changes[i], bit, ++ct->seq);

        ovs_assert(h->nlmsg_len <= CHANGE_SIZE);
        p += MNL_ALIGN(h->nlmsg_len);
    }
    if (mnl_socket_sendto(ct->changes, buffer, p - (char *) buffer) < 0) {
        changed->n_failed += n;
        return failed(ct, "change", errno);
    }
    return read_answers(ct, n, changed);
}

static int
conntrack_change(struct flow_table *table, const struct flow_change *changes,
                 size_t n, uint32_t bit, struct flow_changed *changed)
{
    struct conntrack *ct = conntrack_cast(table);
    int retval = 0;

    for (size_t i = 0; i < n; i += MAX_BATCH) {
        int error = change_batch(ct, &changes[i], MIN(n - i, MAX_BATCH), bit,
                                 changed);
        retval = retval ? retval : error;
    }
    return retval;
}

static const struct flow_table_class conntrack_class = {
    .name = "conntrack",
    .destroy = conntrack_destroy,
    .error = conntrack_error,
    .count = conntrack_count,
    .begin = conntrack_begin,
    .next = conntrack_next,
    .change = conntrack_change,
};
