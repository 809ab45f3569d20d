/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2guard/nft_talk.h"

/* Before the kernel's headers, which then leave out what it has. */
#include <netinet/in.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "openvswitch/poll-loop.h"
#include "util.h"

/* Room for one message of an answer; dumps come in messages as large as the
 * reader's buffer, up to this. */
#define ANSWER_SIZE 32768
/* Room for one message of a transaction: more than NFT_MAX_ELEMENTS elements
 * of ours, and than one attribute can hold. */
#define MESSAGE_SIZE 65536
/* Notifications taken at once. */
#define MAX_EVENTS 256

struct nft_talk {
    const char *table;
    struct mnl_socket *requests;
    struct mnl_socket *events;
    uint32_t seq;

    char *batch;                /* The transaction so far. */
    size_t length, allocated;
    bool open;                  /* A message is made behind 'length'. */
    alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
};

static int
open_socket(struct mnl_socket **socket, int flags, unsigned int groups)
{
    *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | flags);
    if (!*socket) {
        return errno;
    }
    return mnl_socket_bind(*socket, groups, MNL_SOCKET_AUTOPID) ? errno : 0;
}

struct nft_talk *
nft_talk_create(const char *table, char **error)
{
    struct nft_talk *t = xzalloc(sizeof *t);
    int group = NFNLGRP_NFTABLES;
    int retval;

    t->table = table;
    retval = open_socket(&t->requests, 0, 0);
    if (!retval) {
        retval = open_socket(&t->events, SOCK_NONBLOCK, 0);
    }
    if (!retval && mnl_socket_setsockopt(t->events, NETLINK_ADD_MEMBERSHIP,
                                         &group, sizeof group)) {
        retval = errno;
    }
    if (retval) {
        *error = xasprintf("nf_tables: netlink socket: %s",
                           ovs_strerror(retval));
        nft_talk_destroy(t);
        return NULL;
    }
    return t;
}

void
nft_talk_destroy(struct nft_talk *t)
{
    if (t) {
        if (t->requests) {
            mnl_socket_close(t->requests);
        }
        if (t->events) {
            mnl_socket_close(t->events);
        }
        free(t->batch);
        free(t);
    }
}

/* ------------------------------------------------------------------------ */
/* Notifications. */

struct event {
    const char *table;
    bool ours;
};

/* Whatever it is about, its table is attribute 1, see nft_talk_get(). */
static bool
is_about(const struct nlmsghdr *nlh, const char *table)
{
    const struct nlattr *attr;

    mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME) {
            return (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0
                    && !strcmp(mnl_attr_get_str(attr), table));
        }
    }
    return false;
}

static int
note_event(const struct nlmsghdr *nlh, void *event_)
{
    const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
    struct event *event = event_;

    if (nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof *nfg
        && (nfg->nfgen_family == NFPROTO_BRIDGE
            || is_about(nlh, event->table))) {
        event->ours = true;
    }
    return MNL_CB_OK;
}

bool
nft_talk_hint(struct nft_talk *t)
{
    struct event event = { .table = t->table };

    for (int i = 0; i < MAX_EVENTS; i++) {
        ssize_t n = mnl_socket_recvfrom(t->events, t->answer,
                                        sizeof t->answer);

        if (n <= 0) {
            /* ENOBUFS: some got lost. */
            return event.ours || errno != EAGAIN;
        }
        if (mnl_cb_run(t->answer, n, 0, 0, note_event, &event) < 0) {
            return true;
        }
    }
    return true;
}

void
nft_talk_wait(struct nft_talk *t)
{
    poll_fd_wait(mnl_socket_get_fd(t->events), POLLIN);
}

/* ------------------------------------------------------------------------ */
/* Questions. */

static struct nlmsghdr *
put_header(struct nft_talk *t, char *buf, uint16_t type, uint16_t family,
           uint16_t flags)
{
    return nftnl_nlmsg_build_hdr(buf, type, family, flags, ++t->seq);
}

/* What is left of an answer that failed in the middle. */
static void
drain(struct nft_talk *t)
{
    char byte;

    while (recv(mnl_socket_get_fd(t->requests), &byte, sizeof byte,
                MSG_DONTWAIT) > 0) {
        continue;
    }
}

/* Sends what is in t->answer and takes the answer. */
static int
transact(struct nft_talk *t, const struct nlmsghdr *nlh, mnl_cb_t cb,
         void *aux)
{
    unsigned int portid = mnl_socket_get_portid(t->requests);
    int error = 0;
    ssize_t n;

    drain(t);
    if (mnl_socket_sendto(t->requests, nlh, nlh->nlmsg_len) < 0) {
        return errno;
    }
    for (;;) {
        int status;

        n = mnl_socket_recvfrom(t->requests, t->answer, sizeof t->answer);
        if (n < 0) {
            return errno;
        }
        status = mnl_cb_run(t->answer, n, t->seq, portid, cb, aux);
        if (status < 0) {
            /* The rest of an interrupted dump is still to come. */
            if (errno != EINTR) {
                return errno;
            }
            error = EINTR;
        } else if (status == 0) {
            return error;
        }
    }
}

static int
take_generation(const struct nlmsghdr *nlh, void *generation)
{
    const struct nlattr *attr;

    mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(attr) == NFTA_GEN_ID
            && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0) {
            *(uint32_t *) generation = ntohl(mnl_attr_get_u32(attr));
        }
    }
    return MNL_CB_STOP;
}

int
nft_talk_generation(struct nft_talk *t, uint32_t *generation)
{
    return transact(t, put_header(t, t->answer, NFT_MSG_GETGEN, AF_UNSPEC, 0),
                    take_generation, generation);
}

int
nft_talk_get(struct nft_talk *t, const struct nft_question *q, mnl_cb_t cb,
             void *aux)
{
    /* Of each request the table is attribute 1: NFTA_TABLE_NAME,
     * NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE,
     * NFTA_SET_ELEM_LIST_TABLE. */
    struct nlmsghdr *nlh = put_header(t, t->answer, q->type, q->family,
                                      q->flags ? q->flags : NLM_F_ACK);

    if (q->table) {
        mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, q->table);
    }
    if (q->set) {
        mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, q->set);
    }
    return transact(t, nlh, cb, aux);
}

/* ------------------------------------------------------------------------ */
/* Transactions. */

/* Ends the message that is being made, and makes room for the next one. */
static char *
next_message(struct nft_talk *t)
{
    if (t->open) {
        const struct nlmsghdr *last
            = ALIGNED_CAST(const struct nlmsghdr *, t->batch + t->length);

        ovs_assert(last->nlmsg_len <= MESSAGE_SIZE);
        t->length += MNL_ALIGN(last->nlmsg_len);
    }
    t->open = true;
    if (t->allocated - t->length < MESSAGE_SIZE) {
        t->allocated = (t->length + MESSAGE_SIZE) * 2;
        t->batch = xrealloc(t->batch, t->allocated);
    }
    return t->batch + t->length;
}

void
nft_talk_begin(struct nft_talk *t, uint32_t generation)
{
    struct nlmsghdr *nlh;

    t->length = 0;
    t->open = false;
    nlh = nftnl_batch_begin(next_message(t), ++t->seq);
    mnl_attr_put_u32(nlh, NFNL_BATCH_GENID, htonl(generation));
}

struct nlmsghdr *
nft_talk_add(struct nft_talk *t, uint8_t family, uint16_t type,
             uint16_t flags)
{
    return put_header(t, next_message(t), type, family, flags);
}

static int
first_error(const struct nlmsghdr *nlh, void *error_)
{
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
    int *error = error_;

    if (nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + sizeof *e && !*error) {
        *error = -e->error;
    }
    return MNL_CB_OK;
}

/* The kernel has done all before sendto() returns, and what it has to say is
 * in the socket: only what went wrong, because nothing asks for an ACK. */
int
nft_talk_commit(struct nft_talk *t, uint32_t *generation)
{
    mnl_cb_t handlers[] = { [NLMSG_ERROR] = first_error };
    int fd = mnl_socket_get_fd(t->requests);
    int error = 0, size;
    ssize_t n;

    nftnl_batch_end(next_message(t), ++t->seq);
    next_message(t);
    drain(t);
    size = t->length + MESSAGE_SIZE;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size)) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    if (mnl_socket_sendto(t->requests, t->batch, t->length) < 0) {
        return errno;
    }
    while ((n = recv(fd, t->answer, sizeof t->answer, MSG_DONTWAIT)) > 0) {
        mnl_cb_run2(t->answer, n, 0, 0, NULL, &error, handlers,
                    ARRAY_SIZE(handlers));
    }
    if (!error && n < 0 && errno != EAGAIN) {
        error = errno;          /* ENOBUFS: too many errors, then. */
    }
    if (!error) {
        ++*generation;
    }
    return error == ERESTART ? EAGAIN : error;
}
