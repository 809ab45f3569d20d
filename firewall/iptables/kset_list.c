/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Reading sets: all headers, the members of one, one address. */

#include <config.h>
#include "firewall/iptables/kset-private.h"

#include <arpa/inet.h>
#include <errno.h>

#include "util.h"

static int
open_dump(struct kset *k)
{
    k->dump = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!k->dump) {
        return errno;
    }
    return mnl_socket_bind(k->dump, 0, MNL_SOCKET_AUTOPID) < 0 ? errno : 0;
}

/* After a failure nobody knows what else is in it. */
static void
close_dump(struct kset *k)
{
    if (k->dump) {
        mnl_socket_close(k->dump);
        k->dump = NULL;
    }
}

static struct nlmsghdr *
request(struct kset *k, enum ipset_cmd cmd, const char *name, uint16_t flags)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(k->buffer);
    nlh->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | cmd;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    nlh->nlmsg_seq = ++k->dump_seq;

    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_INET;
    nfg->version = NFNETLINK_V0;

    mnl_attr_put_u8(nlh, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);
    if (name) {
        mnl_attr_put_strz(nlh, IPSET_ATTR_SETNAME, name);
    }
    return nlh;
}

static struct nlmsghdr *
list_request(struct kset *k, const char *name, uint32_t flags)
{
    struct nlmsghdr *nlh = request(k, IPSET_CMD_LIST, name, NLM_F_DUMP);

    if (flags) {
        mnl_attr_put_u32(nlh, IPSET_ATTR_FLAGS, htonl(flags));
    }
    return nlh;
}

/* Lists one set, or all if 'name' is NULL, and calls 'cb' for each message.
 * 'cb' returns MNL_CB_OK, or MNL_CB_ERROR with errno set.
 *
 * While a listing is under way the kernel refuses to swap or destroy the set:
 * it is always read to its end, or its socket closed. */
static int
list(struct kset *k, const char *name, uint32_t flags, mnl_cb_t cb, void *aux)
{
    int error = k->dump ? 0 : open_dump(k);

    if (!error) {
        struct nlmsghdr *nlh = list_request(k, name, flags);
        unsigned int portid = mnl_socket_get_portid(k->dump);
        int retval = MNL_CB_OK;

        if (mnl_socket_sendto(k->dump, nlh, nlh->nlmsg_len) < 0) {
            error = errno;
        }
        while (!error && retval > MNL_CB_STOP) {
            ssize_t n = mnl_socket_recvfrom(k->dump, k->buffer,
                                            sizeof k->buffer);

            if (n >= 0) {
                retval = mnl_cb_run(k->buffer, n, k->dump_seq, portid,
                                    cb, aux);
                error = retval < MNL_CB_STOP ? errno : 0;
            } else if (errno != EINTR) {
                error = errno;
            }
        }
    }
    if (error) {
        close_dump(k);
        return kset_failed(k, error, "list", name ? name : "all");
    }
    return 0;
}

/* Numbers of a set's header are in network order. */
static uint32_t
attr_u32(const struct nlattr *attr)
{
    return (mnl_attr_get_payload_len(attr) >= sizeof(uint32_t)
            ? ntohl(mnl_attr_get_u32(attr)) : 0);
}

/* Copies a string of at most 'size' bytes with its NUL. */
static void
attr_string(const struct nlattr *attr, char *to, size_t size)
{
    size_t len = MIN(mnl_attr_get_payload_len(attr), size - 1);

    memset(to, 0, size);
    memcpy(to, mnl_attr_get_payload(attr), len);
}

static void
parse_create_data(const struct nlattr *nest, struct fw_set *set)
{
    struct nlattr *attr;

    mnl_attr_for_each_nested (attr, nest) {
        switch (mnl_attr_get_type(attr)) {
        case IPSET_ATTR_HASHSIZE:
            set->hashsize = attr_u32(attr);
            break;
        case IPSET_ATTR_MAXELEM:
            set->maxelem = attr_u32(attr);
            break;
        case IPSET_ATTR_ELEMENTS:
            set->elements = attr_u32(attr);
            break;
        case IPSET_ATTR_REFERENCES:
            set->references = attr_u32(attr);
            break;
        case IPSET_ATTR_NETMASK:
        case IPSET_ATTR_BITMASK:
        case IPSET_ATTR_TIMEOUT:
            /* Members stand for more addresses, or vanish. */
            set->foreign_type = true;
            break;
        case IPSET_ATTR_CADT_FLAGS:
            /* "forceadd": a full set throws a random member out. */
            if (attr_u32(attr)) {
                set->foreign_type = true;
            }
            break;
        }
    }
}

static int
list_cb(const struct nlmsghdr *nlh, void *rs_)
{
    struct fw_ruleset *rs = rs_;
    struct fw_set set = { .slot = FW_SLOT_A };
    char type[IPSET_MAXNAMELEN] = "";
    uint8_t proto = 0;
    struct nlattr *attr;

    mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg)) {
        switch (mnl_attr_get_type(attr)) {
        case IPSET_ATTR_SETNAME:
            attr_string(attr, set.name, sizeof set.name);
            break;
        case IPSET_ATTR_TYPENAME:
            attr_string(attr, type, sizeof type);
            break;
        case IPSET_ATTR_FAMILY:
            proto = mnl_attr_get_u8(attr);
            break;
        case IPSET_ATTR_DATA:
            parse_create_data(attr, &set);
            break;
        }
    }
    if (strncmp(set.name, FW_PREFIX, strlen(FW_PREFIX))) {
        return MNL_CB_OK;
    }

    struct fw_set_form form = {
        .family = proto == NFPROTO_IPV6 ? SG_IPV6 : SG_IPV4,
        .content = (strcmp(type, fw_content_type(FW_NETS))
                    ? FW_HOSTS : FW_NETS),
    };
    fw_set_kind(set.name, &form);
    set.family = form.family;
    set.content = form.content;
    set.slot = form.slot;
    if (strcmp(type, fw_content_type(set.content))
        || proto != nfproto(set.family)) {
        set.foreign_type = true;
    }
    fw_ruleset_add_set(rs, &set);
    return MNL_CB_OK;
}

/* Adds the headers of all sets with our prefix to 'rs->sets'.  A set that is
 * ours by name but not what we would have made is marked 'foreign_type'. */
int
kset_list(struct kset *k, struct fw_ruleset *rs)
{
    return list(k, NULL, IPSET_FLAG_LIST_HEADER, list_cb, rs);
}

struct members_aux {
    const struct fw_set *set;
    struct sg_prefix_list *list;
};

/* One member: DATA { IP { IPADDR_IPV4 or _IPV6 }, CIDR (only of hash:net) }.
 * Returns false if it has no address of the family.  '*excludes' is true of a
 * prefix that somebody put there with "nomatch". */
static bool
parse_member(const struct nlattr *data, enum sg_family family,
             struct sg_prefix *p, bool *excludes)
{
    const struct nlattr *addr;
    struct nlattr *attr;
    size_t size = sg_family_bits(family) / 8;
    bool found = false;

    memset(p, 0, sizeof *p);
    p->family = family;
    p->plen = sg_family_bits(family);
    *excludes = false;
    mnl_attr_for_each_nested (attr, data) {
        switch (mnl_attr_get_type(attr)) {
        case IPSET_ATTR_IP:
            addr = mnl_attr_get_payload(attr);
            if (mnl_attr_ok(addr, mnl_attr_get_payload_len(attr))
                && mnl_attr_get_payload_len(addr) == size) {
                memcpy(p->addr, mnl_attr_get_payload(addr), size);
                found = true;
            }
            break;
        case IPSET_ATTR_CIDR:
            p->plen = MIN(mnl_attr_get_u8(attr), p->plen);
            break;
        case IPSET_ATTR_CADT_FLAGS:
            *excludes = (attr_u32(attr) & IPSET_FLAG_NOMATCH) != 0;
            break;
        }
    }
    return found;
}

static int
members_cb(const struct nlmsghdr *nlh, void *aux_)
{
    const struct members_aux *aux = aux_;
    const struct fw_set *set = aux->set;
    char type[IPSET_MAXNAMELEN];
    struct nlattr *attr, *data;
    bool excludes;

    mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg)) {
        /* An empty set has a family and a type, too. */
        if (mnl_attr_get_type(attr) == IPSET_ATTR_FAMILY
            && mnl_attr_get_u8(attr) != nfproto(set->family)) {
            errno = EINVAL;
            return MNL_CB_ERROR;
        }
        if (mnl_attr_get_type(attr) == IPSET_ATTR_TYPENAME) {
            attr_string(attr, type, sizeof type);
            if (strcmp(type, fw_content_type(set->content))) {
                errno = EINVAL;
                return MNL_CB_ERROR;
            }
        }
        if (mnl_attr_get_type(attr) != IPSET_ATTR_ADT) {
            continue;
        }
        mnl_attr_for_each_nested (data, attr) {
            struct sg_prefix p;

            if (!parse_member(data, set->family, &p, &excludes)) {
                errno = EINVAL;
                return MNL_CB_ERROR;
            }
            /* Not said to be there, it is added, which makes it match. */
            if (!excludes) {
                sg_prefix_list_add(aux->list, &p);
            }
        }
    }
    return MNL_CB_OK;
}

/* Appends the members of a set to '*members'; EINVAL if it is of another
 * family or type.  After a failure nothing was appended. */
int
kset_members(struct kset *k, const struct fw_set *set,
             struct sg_prefix_list *members)
{
    struct members_aux aux = { set, members };
    size_t n = members->n;

    if (!is_name_ok(set->name)) {
        return kset_failed(k, EINVAL, "list", set->name);
    }

    int error = list(k, set->name, 0, members_cb, &aux);
    if (error) {
        members->n = n;
    }
    return error;
}

/* ------------------------------------------------------------------------ */
/* Asking for one address. */

/* Sends a request that is answered by nothing but its acknowledgement. */
static int
ask(struct kset *k, const struct nlmsghdr *nlh)
{
    unsigned int portid = mnl_socket_get_portid(k->dump);
    int retval = MNL_CB_OK;

    if (mnl_socket_sendto(k->dump, nlh, nlh->nlmsg_len) < 0) {
        return errno;
    }
    while (retval > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(k->dump, k->buffer, sizeof k->buffer);

        if (n >= 0) {
            retval = mnl_cb_run(k->buffer, n, k->dump_seq, portid, NULL,
                                NULL);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return retval < MNL_CB_STOP ? errno : 0;
}

static struct nlmsghdr *
test_request(struct kset *k, const struct fw_set *set,
             const struct sg_prefix *address)
{
    struct nlmsghdr *nlh = request(k, IPSET_CMD_TEST, set->name, 0);
    uint16_t type = (address->family == SG_IPV4 ? IPSET_ATTR_IPADDR_IPV4
                     : IPSET_ATTR_IPADDR_IPV6);
    struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
    struct nlattr *data, *ip;

    nfg->nfgen_family = nfproto(set->family);
    data = mnl_attr_nest_start(nlh, IPSET_ATTR_DATA);
    ip = mnl_attr_nest_start(nlh, IPSET_ATTR_IP);
    mnl_attr_put(nlh, type | NLA_F_NET_BYTEORDER,
                 sg_family_bits(address->family) / 8, address->addr);
    mnl_attr_nest_end(nlh, ip);
    mnl_attr_nest_end(nlh, data);
    return nlh;
}

/* Is 'address', a single one, in the set, of which name, family and content
 * count?  Prefixes of a hash:net that contain it count. */
int
kset_test(struct kset *k, const struct fw_set *set,
          const struct sg_prefix *address, bool *member)
{
    int error;

    if (!is_name_ok(set->name) || address->family != set->family
        || !sg_prefix_is_host(address)) {
        return kset_failed(k, EINVAL, "test", set->name);
    }
    error = k->dump ? 0 : open_dump(k);
    error = error ? error : ask(k, test_request(k, set, address));

    /* The kernel's own numbers of ipset: "not there", and all else that is
     * wrong with the set or the request. */
    if (!error || error == IPSET_ERR_EXIST) {
        *member = !error;
        return 0;
    }
    close_dump(k);
    return kset_failed(k, error >= IPSET_ERR_PRIVATE ? EINVAL : error,
                       "test", set->name);
}
