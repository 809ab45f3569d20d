/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_HOST_VIEW_H
#define SG_CONTROLLER_HOST_VIEW_H 1

/* What a host says of itself, as far as the controller keeps it: the runs of
 * its agent, its last report, whether its digest is right.
 *
 * Pure.  An embedded object of interest.h, which owns it.
 *
 * A host name belongs to one agent.  A boot that another one has followed and
 * that is heard again within HOST_BOOT_MS means that there are two: the host
 * counts as a duplicate until only one was heard for HOST_DUPLICATE_MS.  A
 * restart alone does not look like that. */

#include "rpc/digest.h"
#include "sg/update.h"

struct state;

#define HOST_MAX_BOOTS 8
#define HOST_BOOT_MS (10 * 60 * 1000)
#define HOST_DUPLICATE_MS (90 * 1000)
/* Heard so recently, a host counts as connected: three reports. */
#define HOST_CONNECTED_MS (90 * 1000)
/* A change that is younger may still be on its way to the host.  With the
 * longest time between two reports, 30 s, it bounds how long a loss that only
 * the digest can show stays unseen. */
#define HOST_SETTLE_MS 2000
/* Where something always changes, a digest that is not right for that long is
 * wrong: shorter than the time between two reports. */
#define HOST_EXCUSED_MS (20 * 1000)
/* Between two requests to ask again because the digest is wrong.  While it is
 * the same that is wrong, twice as long each time: an object that the agent
 * goes on to refuse must not make it ask with every report. */
#define HOST_RESYNC_MS 10000
#define HOST_RESYNC_MAX_MS 120000

#define HOST_DIGESTS                    \
    HOST_DIGEST(UNKNOWN, "unknown")     \
    HOST_DIGEST(RIGHT, "right")         \
    HOST_DIGEST(WRONG, "wrong")
enum host_digest {
#define HOST_DIGEST(ENUM, NAME) HOST_DIGEST_##ENUM,
    HOST_DIGESTS
#undef HOST_DIGEST
};
const char *host_digest_name(enum host_digest);

/* One run of an agent under this name. */
struct host_boot {
    char *name;
    long long int heard;
    struct sg_latency latency;  /* Of its last report: since its start. */
};

struct host_view {
    struct host_boot boots[HOST_MAX_BOOTS];     /* Last heard first. */
    size_t n_boots;
    long long int duplicate_at;

    bool asked_all;             /* Has it asked for everything? */
    struct uuid *ports;         /* Of its last question. */
    size_t n_ports;

    bool reported;
    struct sg_report report;    /* The last one, if 'reported'. */
    enum host_digest digest;    /* Of that report. */
    char *acked;                /* The last `ack` that it named; or NULL. */
    long long int acked_at;

    /* Our digest for its ports, as of a revision of the state. */
    char own_digest[RPC_DIGEST_LEN + 1];
    int64_t own_revision;       /* -1: none. */
    long long int changed_at;   /* When the newest of it changed. */
    long long int excused_since;        /* No digest was right since this one
                                         * that is excused; LLONG_MIN: none. */
    long long int last_resync;  /* LLONG_MIN: never. */
    long long int resync_wait;  /* After it, if nothing has changed since: */
    char resync_digest[RPC_DIGEST_LEN + 1];     /* The host's then; or "". */
    char resync_own[RPC_DIGEST_LEN + 1];
};

void host_view_init(struct host_view *);
void host_view_uninit(struct host_view *);

void host_view_heard(struct host_view *, const char *boot,
                     long long int now);
/* Whatever it asks for, a question names all ports of the host. */
void host_view_asked(struct host_view *, const struct sg_sync_request *);
/* Takes what is in 'report' over.  'sum' is over all hosts.  True if the host
 * should be told to ask for everything again. */
bool host_view_report(struct host_view *, const struct state *,
                      struct sg_report *, struct sg_latency *sum,
                      long long int now);
/* Takes what this host has contributed out of 'sum'. */
void host_view_forget_latency(struct host_view *, struct sg_latency *sum);

bool host_view_is_duplicate(const struct host_view *, long long int now);
/* How many of the first boots use the name, as far as we hear: two or more if
 * it is a duplicate. */
size_t host_view_n_duplicates(const struct host_view *, long long int now);

#endif /* tools/sg-controller/host_view.h */
