/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/iptables/kset-private.h"

#include <errno.h>
#include <libipset/data.h>
#include <libipset/types.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

BUILD_ASSERT_DECL(FW_SET_LEN == IPSET_MAXNAMELEN);

static int library_failed(struct kset *, const char *what, const char *set,
                          size_t *line);
static int ask_version(struct kset *);

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

int
kset_failed(struct kset *k, int error, const char *what, const char *set)
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
        return kset_failed(k, EINVAL, "create", set->name);
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
        return kset_failed(k, EINVAL, "destroy", name);
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
        return kset_failed(k, EINVAL, "swap", a);
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
        return kset_failed(k, EINVAL, what, set->name);
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
    return error ? kset_failed(k, error, "ask for", "version") : 0;
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
        return kset_failed(k, EINVAL, "look up", name);
    }
    ovs_strlcpy(request.set.name, name, sizeof request.set.name);
    int error = lookup(k, &request, sizeof request);
    if (error) {
        return kset_failed(k, error, "look up", name);
    }
    /* Success, also if there is no such set. */
    if (request.set.index == IPSET_INVALID_ID) {
        return kset_failed(k, ENOENT, "look up", name);
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
        return kset_failed(k, error, "look up", "number");
    }
    ovs_strlcpy(name, request.set.name, FW_SET_LEN);
    return 0;
}
