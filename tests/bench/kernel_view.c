/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/kernel_view.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* The kernel still takes this version, and it says all that is needed. */
#define PROTOCOL 6
/* One page of a dump is at most 32 kB (kernel, netlink_dump()). */
#define BUFFER_SIZE 65536

BUILD_ASSERT_DECL(sizeof ((struct kernel_set *) 0)->name == IPSET_MAXNAMELEN);

struct kernel_view {
    struct mnl_socket *socket;
    uint32_t port_id;
    uint32_t seq;
    char buffer[BUFFER_SIZE];
};

int
kernel_view_open(struct kernel_view **kvp)
{
    struct kernel_view *kv = xzalloc(sizeof *kv);

    kv->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!kv->socket
        || mnl_socket_bind(kv->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int error = errno;

        kernel_view_close(kv);
        return error;
    }
    kv->port_id = mnl_socket_get_portid(kv->socket);
    *kvp = kv;
    return 0;
}

void
kernel_view_close(struct kernel_view *kv)
{
    if (kv) {
        if (kv->socket) {
            mnl_socket_close(kv->socket);
        }
        free(kv);
    }
}

static struct nlmsghdr *
begin(struct kernel_view *kv, enum ipset_cmd cmd, uint16_t flags,
      uint8_t family, const char *set)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(kv->buffer);
    struct nfgenmsg *nfg;

    nlh->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | cmd;
    nlh->nlmsg_flags = NLM_F_REQUEST | flags;
    nlh->nlmsg_seq = ++kv->seq;
    nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = family;
    nfg->version = NFNETLINK_V0;
    mnl_attr_put_u8(nlh, IPSET_ATTR_PROTOCOL, PROTOCOL);
    if (set) {
        mnl_attr_put_strz(nlh, IPSET_ATTR_SETNAME, set);
    }
    return nlh;
}

/* Sends 'nlh' and feeds the answers to 'cb' up to the last one.  Returns 0, an
 * errno, or one of ipset's own numbers (4096 and above). */
static int
transact(struct kernel_view *kv, struct nlmsghdr *nlh, mnl_cb_t cb, void *aux)
{
    int ret;

    if (mnl_socket_sendto(kv->socket, nlh, nlh->nlmsg_len) < 0) {
        return errno;
    }
    do {
        ssize_t n = mnl_socket_recvfrom(kv->socket, kv->buffer,
                                        sizeof kv->buffer);

        if (n < 0) {
            return errno;
        }
        ret = mnl_cb_run(kv->buffer, n, kv->seq, kv->port_id, cb, aux);
    } while (ret > 0);
    return ret < 0 ? errno : 0;
}

/* Searching for one set in a dump of all headers. */
struct search {
    const char *name;
    struct kernel_set found;
    bool current;               /* The message is about that set. */
    bool hit;
    uint32_t n_sets;
};

static int
set_header_data(const struct nlattr *attr, void *search_)
{
    struct search *search = search_;

    if (mnl_attr_get_type(attr) == IPSET_ATTR_ELEMENTS) {
        search->found.n_elements = ntohl(mnl_attr_get_u32(attr));
    }
    return MNL_CB_OK;
}

static int
set_header(const struct nlattr *attr, void *search_)
{
    struct search *search = search_;

    if (mnl_attr_get_type(attr) == IPSET_ATTR_SETNAME) {
        search->current = !strcmp(mnl_attr_get_str(attr), search->name);
        search->hit |= search->current;
    } else if (mnl_attr_get_type(attr) == IPSET_ATTR_DATA
               && search->current) {
        search->found.position = search->n_sets;
        return mnl_attr_parse_nested(attr, set_header_data, search);
    }
    return MNL_CB_OK;
}

static int
set_message(const struct nlmsghdr *nlh, void *search_)
{
    struct search *search = search_;
    int ret;

    search->current = false;
    ret = mnl_attr_parse(nlh, sizeof(struct nfgenmsg), set_header, search);
    search->n_sets++;
    return ret;
}

static int
search_headers(struct kernel_view *kv, struct search *search)
{
    struct nlmsghdr *nlh = begin(kv, IPSET_CMD_LIST, NLM_F_DUMP | NLM_F_ACK,
                                 AF_INET, NULL);

    mnl_attr_put_u32(nlh, IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER,
                     htonl(IPSET_FLAG_LIST_HEADER));
    return transact(kv, nlh, set_message, search);
}

int
kernel_view_count(struct kernel_view *kv, size_t *n)
{
    struct search search = { .name = "" };
    int error = search_headers(kv, &search);

    if (!error) {
        *n = search.n_sets;
    }
    return error;
}

int
kernel_view_find(struct kernel_view *kv, const char *set,
                 struct kernel_set *found)
{
    struct search search = { .name = set };
    int error = search_headers(kv, &search);

    if (error) {
        return error;
    }
    if (!search.hit) {
        return ENOENT;
    }
    ovs_strlcpy(search.found.name, set, sizeof search.found.name);
    search.found.n_sets = search.n_sets;
    *found = search.found;
    return 0;
}

static int
element(struct kernel_view *kv, enum ipset_cmd cmd, const char *set,
        const struct sg_prefix *p)
{
    bool v4 = p->family == SG_IPV4;
    struct nlmsghdr *nlh = begin(kv, cmd, NLM_F_ACK | NLM_F_EXCL,
                                 v4 ? AF_INET : AF_INET6, set);
    struct nlattr *data = mnl_attr_nest_start(nlh, IPSET_ATTR_DATA);
    struct nlattr *ip = mnl_attr_nest_start(nlh, IPSET_ATTR_IP);

    mnl_attr_put(nlh, ((v4 ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6)
                       | NLA_F_NET_BYTEORDER),
                 sg_family_bits(p->family) / 8, p->addr);
    mnl_attr_nest_end(nlh, ip);
    mnl_attr_nest_end(nlh, data);
    return transact(kv, nlh, NULL, NULL);
}

int
kernel_view_test(struct kernel_view *kv, const char *set,
                 const struct sg_prefix *p, bool *present)
{
    int error = element(kv, IPSET_CMD_TEST, set, p);

    if (error && error != IPSET_ERR_EXIST) {
        return error;
    }
    *present = !error;
    return 0;
}

int
kernel_view_create(struct kernel_view *kv, const char *set)
{
    struct nlmsghdr *nlh = begin(kv, IPSET_CMD_CREATE,
                                 NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                                 AF_INET, set);
    struct nlattr *data;

    mnl_attr_put_strz(nlh, IPSET_ATTR_TYPENAME, "hash:ip");
    mnl_attr_put_u8(nlh, IPSET_ATTR_REVISION, 0);
    mnl_attr_put_u8(nlh, IPSET_ATTR_FAMILY, AF_INET);
    data = mnl_attr_nest_start(nlh, IPSET_ATTR_DATA);
    mnl_attr_nest_end(nlh, data);
    return transact(kv, nlh, NULL, NULL);
}

int
kernel_view_add(struct kernel_view *kv, const char *set,
                const struct sg_prefix *p)
{
    return element(kv, IPSET_CMD_ADD, set, p);
}

int
kernel_view_remove(struct kernel_view *kv, const char *set,
                   const struct sg_prefix *p)
{
    return element(kv, IPSET_CMD_DEL, set, p);
}

int
kernel_view_destroy(struct kernel_view *kv, const char *set)
{
    return transact(kv, begin(kv, IPSET_CMD_DESTROY, NLM_F_ACK, AF_INET, set),
                    NULL, NULL);
}
