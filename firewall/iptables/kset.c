/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/kset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libipset/data.h>
#include <libipset/session.h>
#include <libipset/types.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Room for one message of a listing: netlink makes its messages as large as
 * the reader's buffer, up to this. */
#define DUMP_BUFFER_SIZE 32768

BUILD_ASSERT_DECL(FW_SET_LEN == IPSET_MAXNAMELEN);

struct kset {
    struct ipset_session *session;
    /* NULL: not asked yet. */
    const struct ipset_type *types[SG_N_FAMILIES][FW_N_CONTENTS];
    struct mnl_socket *dump;    /* For listing; NULL: not open. */
    uint32_t dump_seq;
    int lookup;                 /* Raw socket for index <-> name. */
    struct ds error;
    char buffer[DUMP_BUFFER_SIZE];
};

static int library_failed(struct kset *, const char *what, const char *set,
                          size_t *line);
static int failed(struct kset *, int error, const char *what,
                  const char *set);
static int ask_version(struct kset *);

static uint8_t
nfproto(enum sg_family family)
{
    return family == SG_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/* Never called, because listing does not go through the library; but without
 * one it would print to standard output. */
static int
ignore_output(struct ipset_session *session OVS_UNUSED, void *aux OVS_UNUSED,
              const char *format OVS_UNUSED, ...)
{
    return 0;
}

/* Returns NULL and a malloc'd sentence in '*error' if sets cannot be used
 * here.  Needs CAP_NET_ADMIN and CAP_NET_RAW. */
struct kset *
kset_create(char **error)
{
    struct kset *k = xzalloc(sizeof *k);

    ds_init(&k->error);
    ipset_load_types();
    k->lookup = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (k->lookup < 0) {
        *error = xasprintf("ipset: raw socket: %s", ovs_strerror(errno));
        kset_destroy(k);
        return NULL;
    }
    if (ask_version(k)) {
        *error = xstrdup(kset_error(k));
        kset_destroy(k);
        return NULL;
    }
    k->session = ipset_session_init(ignore_output, NULL);
    if (!k->session) {
        *error = xstrdup("ipset: out of memory");
        kset_destroy(k);
        return NULL;
    }
    /* "Already there" and "not there" are success, and end no batch. */
    ipset_envopt_set(k->session, IPSET_ENV_EXIST);
    return k;
}

void
kset_destroy(struct kset *k)
{
    if (k) {
        if (k->session) {
            ipset_session_fini(k->session);
        }
        if (k->dump) {
            mnl_socket_close(k->dump);
        }
        if (k->lookup >= 0) {
            close(k->lookup);
        }
        ds_destroy(&k->error);
        free(k);
    }
}

const char *
kset_error(const struct kset *k)
{
    return ds_cstr_ro(&k->error);
}

/* ------------------------------------------------------------------------ */
/* Errors. */

static int
failed(struct kset *k, int error, const char *what, const char *set)
{
    ds_clear(&k->error);
    ds_put_format(&k->error, "ipset: %s %.*s: %s", what,
                  IPSET_MAXNAMELEN, set, ovs_strerror(error));
    return error;
}

/* libipset keeps the kernel's error number to itself: what leaves it is a
 * sentence, begun with "Error in line N: " if the request had line numbers.
 * These are its sentences (errcode.c of libipset) and the numbers behind
 * them; tests/conformance provokes those that can be provoked. */
static const struct {
    const char *text;
    int error;
} sentences[] = {
    { "Hash is full", ENOSPC },
    { "set with the given name does not exist", ENOENT },
    { "second set does not exist", ENOENT },
    { "set with the same name already exists", EEXIST },
    { "it is in use by a kernel component", EBUSY },
    { "their type does not match", EINVAL },
    { "Null-valued element", EINVAL },
    { "CIDR parameter of the IP address is invalid", EINVAL },
    { "ipset protocol error", EINVAL },
    { "address is expected, but not received", EINVAL },
    { "it's already added", EEXIST },
    { "it's not added", ENOENT },
    { "maximal number of sets reached", ENOSPC },
    { "set type not supported", EOPNOTSUPP },
};

/* For errors without a sentence of their own, followed by strerror(). */
#define ERRNO_SENTENCE "Kernel error received: "
#define LINE_SENTENCE "Error in line "

static int
sentence_to_errno(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(sentences); i++) {
        if (strstr(text, sentences[i].text)) {
            return sentences[i].error;
        }
    }

    const char *name = strstr(text, ERRNO_SENTENCE);
    if (name) {
        name += strlen(ERRNO_SENTENCE);
        /* The last errno that Linux has. */
        for (int error = 1; error <= EHWPOISON; error++) {
            const char *known = strerror(error);
            size_t len = strlen(known);

            if (!strncmp(name, known, len)
                && (name[len] == '\n' || !name[len])) {
                return error;
            }
        }
    }
    return 0;
}

/* Turns the failure of a call of libipset into an errno, says in '*line' (if
 * not NULL) which line the kernel stopped at, 0 if that is not known, and
 * makes the session usable again. */
static int
library_failed(struct kset *k, const char *what, const char *set,
               size_t *line)
{
    const char *text = ipset_session_report_msg(k->session);
    int error = sentence_to_errno(text);

    /* With any other sentence the library speaks of itself, and the line is
     * the one that it was given last. */
    if (line) {
        *line = (error && !strncmp(text, LINE_SENTENCE, strlen(LINE_SENTENCE))
                 ? strtoul(text + strlen(LINE_SENTENCE), NULL, 10)
                 : 0);
    }
    ds_clear(&k->error);
    ds_put_format(&k->error, "ipset: %s %s: %s", what, set, text);
    ds_chomp(&k->error, '\n');
    ipset_session_report_reset(k->session);
    ipset_data_reset(ipset_session_data(k->session));
    return error ? error : EIO;
}

/* The library cuts longer names without a word, and the kernel would then
 * change some other set. */
static bool
is_name_ok(const char *name)
{
    size_t len = strnlen(name, IPSET_MAXNAMELEN);

    return len && len < IPSET_MAXNAMELEN;
}

/* ------------------------------------------------------------------------ */
/* Writing. */

/* Returns the type of 'set', or NULL after a failure: then '*error' is the
 * errno.  Asking once and giving the type with every request spares the
 * library a walk over its list of sets, which may also be outdated. */
static const struct ipset_type *
get_type(struct kset *k, const struct fw_set *set, int *error)
{
    const struct ipset_type **type = &k->types[set->family][set->content];

    if (!*type) {
        struct ipset_data *data = ipset_session_data(k->session);
        const char *name = fw_content_type(set->content);
        uint8_t proto = nfproto(set->family);

        ipset_data_set(data, IPSET_OPT_TYPENAME, name);
        ipset_data_set(data, IPSET_OPT_FAMILY, &proto);
        *type = ipset_type_get(k->session, IPSET_CMD_CREATE);
        if (!*type) {
            *error = library_failed(k, "ask for type", name, NULL);
            return NULL;
        }
        ipset_data_reset(data);
    }
    return *type;
}

/* Executes a command for which "already there" and "not there" are errors. */
static int
strict_cmd(struct kset *k, enum ipset_cmd cmd)
{
    ipset_envopt_unset(k->session, IPSET_ENV_EXIST);
    int retval = ipset_cmd(k->session, cmd, 0);
    ipset_envopt_set(k->session, IPSET_ENV_EXIST);
    return retval;
}

/* Creates a set with the name, family, content, maxelem and hashsize of '*set'
 * (0: the kernel's default). */
int
kset_set_create(struct kset *k, const struct fw_set *set)
{
    struct ipset_data *data = ipset_session_data(k->session);
    const struct ipset_type *type;
    uint8_t proto = nfproto(set->family);
    int error = 0;

    if (!is_name_ok(set->name)) {
        return failed(k, EINVAL, "create", set->name);
    }
    type = get_type(k, set, &error);
    if (!type) {
        return error;
    }
    ipset_data_set(data, IPSET_SETNAME, set->name);
    ipset_data_set(data, IPSET_OPT_TYPENAME, fw_content_type(set->content));
    ipset_data_set(data, IPSET_OPT_FAMILY, &proto);
    ipset_data_set(data, IPSET_OPT_TYPE, type);
    if (set->maxelem) {
        ipset_data_set(data, IPSET_OPT_MAXELEM, &set->maxelem);
    }
    if (set->hashsize) {
        ipset_data_set(data, IPSET_OPT_HASHSIZE, &set->hashsize);
    }

    if (strict_cmd(k, IPSET_CMD_CREATE) < 0) {
        return library_failed(k, "create", set->name, NULL);
    }
    /* The list that the library appends each set to, walking all of it. */
    ipset_cache_del(NULL);
    return 0;
}

int
kset_set_destroy(struct kset *k, const char *name)
{
    /* Without a name the library would destroy all sets. */
    if (!is_name_ok(name)) {
        return failed(k, EINVAL, "destroy", name);
    }
    ipset_data_set(ipset_session_data(k->session), IPSET_SETNAME, name);
    if (strict_cmd(k, IPSET_CMD_DESTROY) < 0) {
        return library_failed(k, "destroy", name, NULL);
    }
    return 0;
}

/* Swaps the content of two sets; rules stay on the name. */
int
kset_swap(struct kset *k, const char *a, const char *b)
{
    struct ipset_data *data = ipset_session_data(k->session);

    if (!is_name_ok(a) || !is_name_ok(b)) {
        return failed(k, EINVAL, "swap", a);
    }
    ipset_data_set(data, IPSET_SETNAME, a);
    ipset_data_set(data, IPSET_OPT_SETNAME2, b);
    if (ipset_cmd(k->session, IPSET_CMD_SWAP, 0) < 0) {
        return library_failed(k, "swap", a, NULL);
    }
    return 0;
}

/* A prefix given to hash:ip would be expanded into its addresses, and /0
 * refused; the library has a way to say it, so it is refused here. */
static bool
is_batch_ok(const struct kset_batch *batch)
{
    const struct fw_set *set = batch->set;

    if (!is_name_ok(set->name)) {
        return false;
    }
    for (size_t i = 0; i < batch->n; i++) {
        const struct sg_prefix *p = &batch->members[i];

        if (p->family != set->family
            || !(set->content == FW_NETS ? p->plen : sg_prefix_is_host(p))) {
            return false;
        }
    }
    return true;
}

/* Adds or deletes.  One member goes alone, without a line number, and its
 * answer is waited for; more are gathered by the library into messages of one
 * page.  The error of such a message is returned by a later call, and the
 * kernel stops in it at the first line that fails. */
static int
change(struct kset *k, enum ipset_cmd cmd, const struct kset_batch *batch,
       size_t *n_done)
{
    struct ipset_data *data = ipset_session_data(k->session);
    const char *what = cmd == IPSET_CMD_ADD ? "add to" : "delete from";
    const struct fw_set *set = batch->set;
    uint8_t proto = nfproto(set->family);
    const struct ipset_type *type;
    int error = 0;

    if (n_done) {
        *n_done = 0;
    }
    if (!is_batch_ok(batch)) {
        return failed(k, EINVAL, what, set->name);
    }
    type = get_type(k, set, &error);
    if (!type) {
        return error;
    }

    int retval = 0;
    for (size_t i = 0; i < batch->n && retval >= 0; i++) {
        ipset_data_set(data, IPSET_SETNAME, set->name);
        /* Before the address, which it gives its length. */
        ipset_data_set(data, IPSET_OPT_FAMILY, &proto);
        ipset_data_set(data, IPSET_OPT_TYPE, type);
        ipset_data_set(data, IPSET_OPT_IP, batch->members[i].addr);
        if (set->content == FW_NETS) {
            ipset_data_set(data, IPSET_OPT_CIDR, &batch->members[i].plen);
        }
        retval = ipset_cmd(k->session, cmd, batch->n > 1 ? i + 1 : 0);
    }
    if (retval >= 0) {
        retval = ipset_commit(k->session);
    }
    if (retval < 0) {
        size_t line;

        error = library_failed(k, what, set->name, &line);
        if (n_done && line) {
            *n_done = line - 1;
        }
        /* Whatever the library still holds must not end up in the next
         * request. */
        if (ipset_commit(k->session) < 0) {
            ipset_session_report_reset(k->session);
        }
    } else if (n_done) {
        *n_done = batch->n;
    }
    return error;
}

/* Adds members, which must all be what the set holds: addresses of its family,
 * or prefixes; those already there are fine.  '*n_done' (if not NULL): that
 * many from the front certainly are in the set, also after a failure. */
int
kset_add(struct kset *k, const struct kset_batch *batch, size_t *n_done)
{
    return change(k, IPSET_CMD_ADD, batch, n_done);
}

/* The same, deleting. */
int
kset_del(struct kset *k, const struct kset_batch *batch, size_t *n_done)
{
    return change(k, IPSET_CMD_DEL, batch, n_done);
}

/* ------------------------------------------------------------------------ */
/* Listing. */

static int
open_dump(struct kset *k)
{
    k->dump = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!k->dump) {
        return errno;
    }
    return mnl_socket_bind(k->dump, 0, MNL_SOCKET_AUTOPID) < 0 ? errno : 0;
}

static struct nlmsghdr *
list_request(struct kset *k, const char *name, uint32_t flags)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(k->buffer);
    nlh->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP;
    nlh->nlmsg_seq = ++k->dump_seq;

    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_INET;
    nfg->version = NFNETLINK_V0;

    mnl_attr_put_u8(nlh, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);
    if (name) {
        mnl_attr_put_strz(nlh, IPSET_ATTR_SETNAME, name);
    }
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
        if (k->dump) {
            mnl_socket_close(k->dump);
            k->dump = NULL;
        }
        return failed(k, error, "list", name ? name : "all");
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
        return failed(k, EINVAL, "list", set->name);
    }

    int error = list(k, set->name, 0, members_cb, &aux);
    if (error) {
        members->n = n;
    }
    return error;
}

/* ------------------------------------------------------------------------ */
/* Index and name. */

/* The socket option exists for IPv4 sockets only, but speaks of all sets. */
static int
lookup(struct kset *k, void *request, socklen_t size)
{
    return getsockopt(k->lookup, SOL_IP, SO_IP_SET, request, &size) < 0
        ? errno : 0;
}

static int
ask_version(struct kset *k)
{
    struct ip_set_req_version request = { .op = IP_SET_OP_VERSION };
    int error = lookup(k, &request, sizeof request);

    /* No such option: the kernel module is missing. */
    if (error == ENOPROTOOPT) {
        error = EOPNOTSUPP;
    }
    return error ? failed(k, error, "ask for", "version") : 0;
}

/* Finds the number that a rule must hold to mean the set 'name', which must
 * have addresses of 'family'. */
int
kset_index(struct kset *k, const char *name, enum sg_family family,
           uint16_t *index)
{
    struct ip_set_req_get_set_family request = {
        .op = IP_SET_OP_GET_FNAME,
        .version = IPSET_PROTOCOL,
    };

    if (!is_name_ok(name)) {
        return failed(k, EINVAL, "look up", name);
    }
    ovs_strlcpy(request.set.name, name, sizeof request.set.name);
    int error = lookup(k, &request, sizeof request);
    if (error) {
        return failed(k, error, "look up", name);
    }
    /* Success, also if there is no such set. */
    if (request.set.index == IPSET_INVALID_ID) {
        return failed(k, ENOENT, "look up", name);
    }
    if (request.family != nfproto(family)) {
        ds_clear(&k->error);
        ds_put_format(&k->error, "ipset: %s: not a set of %s addresses",
                      name, sg_family_name(family));
        return EINVAL;
    }
    *index = request.set.index;
    return 0;
}

/* The other way.  Costs the same however many sets there are. */
int
kset_name(struct kset *k, uint16_t index, char name[FW_SET_LEN])
{
    struct ip_set_req_get_set request = {
        .op = IP_SET_OP_GET_BYINDEX,
        .version = IPSET_PROTOCOL,
        .set.index = index,
    };
    int error = lookup(k, &request, sizeof request);

    if (!error && !request.set.name[0]) {
        error = ENOENT;
    }
    if (error) {
        return failed(k, error, "look up", "number");
    }
    ovs_strlcpy(name, request.set.name, FW_SET_LEN);
    return 0;
}
