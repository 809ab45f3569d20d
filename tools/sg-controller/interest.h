/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_INTEREST_H
#define SG_CONTROLLER_INTEREST_H 1

/* Which host needs which object: who is told about a change.
 *
 * Pure.  Known from `sync` alone: the first page of a full one replaces what
 * the host is interested in, other pages and partial ones add to it.  An id
 * that was answered `unknown` counts as well, so that its host hears of it
 * when it appears.  A host that has been silent for INTEREST_SILENCE_MS is
 * dropped; should it still be there, its next report has it told to ask again.
 *
 * The memory is bounded: so many hosts, so many objects each, so many of all
 * hosts together.  Beyond that a sync is refused, never half remembered. */

#include "openvswitch/hmap.h"
#include "sg/update.h"
#include "tools/sg-controller/answer.h"
#include "tools/sg-controller/host_view.h"

struct interest;
struct ref_set;
struct state;

#define INTEREST_MAX_HOSTS 10000
#define INTEREST_MAX_OBJECTS 65536
/* Of all hosts, an object counted for each that needs it: some 100 bytes. */
#define INTEREST_MAX_TOTAL 4194304
#define INTEREST_SILENCE_MS (10 * 60 * 1000)

struct interest_host {
    struct hmap_node node;
    char *name;
    size_t n_objects;
    struct answer_given given;  /* On the pages of an answer so far. */
    long long int last_sync, last_report;       /* LLONG_MIN: never. */
    struct host_view view;
};

/* 'max_total' is INTEREST_MAX_TOTAL, or less in a test. */
struct interest *interest_create(size_t max_total);
void interest_destroy(struct interest *);

/* A request that covers 'covered' came.  A refusal leaves everything as it
 * was; otherwise stores the host, which stays until interest_expire(). */
char *interest_sync(struct interest *, const struct sg_sync_request *,
                    const struct ref_set *covered, long long int now,
                    struct interest_host **) SG_MUST_USE;
/* Takes what is in the report over.  '*resync': the host should ask for
 * everything again. */
char *interest_report(struct interest *, const struct state *,
                      struct sg_report *, long long int now,
                      struct interest_host **, bool *resync) SG_MUST_USE;
void interest_expire(struct interest *, long long int now);

/* The hosts that need this object, sorted by name; '*hosts' is malloc'd. */
size_t interest_find(const struct interest *, enum sg_kind,
                     const struct uuid *, const char ***hosts);
bool interest_any(const struct interest *, enum sg_kind,
                  const struct uuid *);
bool interest_has(const struct interest *, const char *host, enum sg_kind,
                  const struct uuid *);
/* The host is told of this object unasked.  False if there is no such host, or
 * it has, or all have, as many as they may. */
bool interest_add(struct interest *, const char *host, enum sg_kind,
                  const struct uuid *) SG_MUST_USE;

/* All hosts, sorted by name; malloc'd. */
size_t interest_hosts(const struct interest *,
                      const struct interest_host ***);
size_t interest_count(const struct interest *);
/* Objects of all hosts, counted for each. */
size_t interest_total(const struct interest *);

/* Of all hosts that are known, and how many of them count. */
size_t interest_latency(const struct interest *, struct sg_latency *);

#endif /* tools/sg-controller/interest.h */
