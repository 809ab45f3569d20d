/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_PUBLISH_H
#define SG_CONTROLLER_PUBLISH_H 1

/* From changes to messages: what is said, and to whom.
 *
 * Pure but for the interest.  A change is published only if some host is
 * interested in the object.  Ports go to each interested host by a cast, a
 * group's rules and members to the group's fanout exchanges.  The order of the
 * messages is that of the changes, and they have to leave in that order on one
 * channel.
 *
 * What a port or a rule list newly needs, and its host has not asked for yet,
 * comes along with it, as far as there is room, and the host counts as
 * interested in that: it can enforce the change without a question. */

#include "openvswitch/list.h"
#include "sg/update.h"

struct change_list;
struct entry_cache;
struct interest;
struct state;

/* Ports in one cast.  A port is a few hundred bytes, so a message stays well
 * below what a broker takes in one frame. */
#define PUBLISH_MAX_PORTS 100

/* One message: the arguments of its publish and what it says. */
struct publication {
    struct ovs_list node;
    char *exchange;
    const char *declare;        /* Type of the exchange, a literal: the
                                 * client keeps the pointer. */
    char *routing_key;
    struct sg_update update;    /* 'sent' is for whoever sends it. */
    size_t inline_bytes;        /* Text of what it brings along. */
};

struct publish_context {
    const struct state *state;
    struct interest *interest;
    struct entry_cache *cache;
    long long int now;
};

/* Appends the messages for 'changes', which are in force in the state, to the
 * list of "struct publication"s; returns how many. */
size_t publish_changes(const struct publish_context *,
                       const struct change_list *changes,
                       struct ovs_list *publications);
struct publication *publication_beacon(void);
/* A cast to one host, without what it says. */
struct publication *publication_cast(const struct sg_epoch *, enum sg_method,
                                     const char *host);
void publication_destroy(struct publication *);

#endif /* tools/sg-controller/publish.h */
