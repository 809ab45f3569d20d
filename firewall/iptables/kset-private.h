/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef IPTABLES_KSET_PRIVATE_H
#define IPTABLES_KSET_PRIVATE_H 1

/* The inside of a struct kset, for kset.c, which writes and knows names, and
 * kset_list.c, which reads. */

#include <libipset/nfproto.h>
#include <libipset/session.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "firewall/iptables/kset.h"
#include "openvswitch/dynamic-string.h"

/* Room for one message of a listing: netlink makes its messages as large as
 * the reader's buffer, up to this. */
#define DUMP_BUFFER_SIZE 32768

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

static inline uint8_t
nfproto(enum sg_family family)
{
    return family == SG_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/* The library cuts longer names without a word, and the kernel would then
 * change some other set. */
static inline bool
is_name_ok(const char *name)
{
    size_t len = strnlen(name, IPSET_MAXNAMELEN);

    return len && len < IPSET_MAXNAMELEN;
}

/* Keeps the sentence for kset_error() and returns 'error'. */
int kset_failed(struct kset *, int error, const char *what, const char *set);

#endif /* kset-private.h */
