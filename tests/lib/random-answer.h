/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_RANDOM_ANSWER_H
#define TESTS_LIB_RANDOM_ANSWER_H 1

/* Random answers to `sync`, as JSON, and packets that come close to what they
 * say.
 *
 * The answers have what the structures of the project cannot hold: unknown
 * keys, numbers as text, names in any case, swapped ranges, objects twice or
 * malformed.  An answer is kept in pieces, so that one that shows a fault can
 * be made smaller: a piece that does not matter is dropped. */

#include "openvswitch/dynamic-string.h"
#include "tests/lib/eval.h"
#include "tests/lib/semantics.h"

#define ANSWER_N_PORTS 5
#define ANSWER_N_GROUPS 4       /* Unless there are many. */
#define ANSWER_MAX_GROUPS 50
#define ANSWER_MAX_OBJECTS 112
#define ANSWER_MAX_PIECES 64
#define ANSWER_MAX_HINTS 512

/* One entry of a list of an object. */
struct answer_piece {
    uint8_t list;
    bool dropped;
    char text[400];
};

struct answer_object {
    const char *kind;           /* NULL: 'head' is all of it. */
    const char *const *lists;   /* Their keys, NULL at the end. */
    int revision;
    char head[300];             /* Its other members. */
    struct answer_piece pieces[ANSWER_MAX_PIECES];
    size_t n_pieces;
    bool dropped;
};

/* What a rule is about, for packets at its edges. */
struct answer_hint {
    bool egress;
    enum sg_family family;
    int protocol;               /* -1: any. */
    int min, max;
    int source_min, source_max;
};

struct answer {
    struct answer_object objects[ANSWER_MAX_OBJECTS];
    size_t n_objects;
    struct answer_hint hints[ANSWER_MAX_HINTS];
    size_t n_hints;
    size_t n_groups;            /* That the answer is about; rules name one
                                 * more. */
    bool mostly_stateless;
    struct sg_binding bindings[ANSWER_N_PORTS];
};

enum {
    ANSWER_TIDY = 1,            /* Every object once and well-formed. */
    ANSWER_MANY = 2,            /* 2 to ANSWER_MAX_GROUPS groups, most of them
                                 * at every port. */
};

/* 'revision' is the least one of the objects. */
void random_answer_init(struct answer *, int flags, int revision,
                        uint64_t *state);
/* Of a tidy answer: gives some objects another content and this revision;
 * only member lists, and these a little, if 'members_only'. */
void random_answer_change(struct answer *, bool members_only, int revision,
                          uint64_t *state);
/* Its text. */
void answer_format(const struct answer *, struct ds *);
/* The world: the UUID and the MAC of the n-th port, from 0, and one MAC more;
 * addresses, those at the edges of what the answers name among them. */
#define ANSWER_N_MACS (ANSWER_N_PORTS + 1)
extern const char *const answer_macs[ANSWER_N_MACS];
const char *answer_port_id(size_t n);
const char *random_answer_address(enum sg_family, uint64_t *state);

/* The same packet for both judges. */
void random_answer_packet(const struct answer *, struct eval_packet *,
                          uint64_t *state);
void answer_plugs(const struct answer *,
                  struct semantics_plug[ANSWER_N_PORTS]);
void answer_packet_for_semantics(const struct answer *,
                                 const struct eval_packet *,
                                 struct semantics_packet *);

/* Drops as much as still leaves 'fails' true. */
void answer_shrink(struct answer *,
                   bool (*fails)(const struct answer *, void *aux),
                   void *aux);

#endif /* tests/lib/random-answer.h */
