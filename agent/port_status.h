/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_PORT_STATUS_H
#define AGENT_PORT_STATUS_H 1

/* How each port and the host as a whole are doing, and since when.
 *
 * Pure: computed from what the other modules say; keeps only the times.
 *
 *   seen ----> asked ----> known ----> protected at N
 *                                          |  ^
 *                             a reason     v  |  the reason is gone
 *                                        degraded
 *
 * seen: OVSDB shows the port.  asked: the controller was asked for it.
 * known: its policy is here, but not in the kernel yet.  protected: the
 * kernel enforces it at generation N.  degraded: something of it is not as
 * the policy says, with the reason; a degraded port is never wider than its
 * policy unless it is unenforceable.
 *
 * Whoever wants honest times calls port_status_update() after each apply and
 * each structure change, and once a second; each call looks at every port. */

#include "firewall/firewall.h"
#include "sg/policy.h"

#define PORT_STATES                             \
    PORT_STATE(SEEN, "seen")                    \
    PORT_STATE(ASKED, "asked")                  \
    PORT_STATE(KNOWN, "known")                  \
    PORT_STATE(PROTECTED, "protected")          \
    PORT_STATE(DEGRADED, "degraded")
enum port_state {
#define PORT_STATE(ENUM, NAME) PORT_##ENUM,
    PORT_STATES
#undef PORT_STATE
};
const char *port_state_name(enum port_state);

/* Why a port is not simply protected; the first that holds is shown. */
#define PORT_REASONS                                                         \
    PORT_REASON(NONE, "none", "")                                            \
    PORT_REASON(UNENFORCEABLE, "unenforceable",                              \
                "its traffic crosses no Linux bridge of ours")               \
    PORT_REASON(SHARED_BRIDGE, "shared_bridge",                              \
                "another device is on its bridge")                           \
    PORT_REASON(NO_DEVICE, "no_device", "there is no tap on its bridge yet") \
    PORT_REASON(NO_ZONE, "no_zone", "no conntrack zone is left")             \
    PORT_REASON(UNKNOWN, "unknown", "the controller does not know it")       \
    PORT_REASON(DELETED, "deleted", "the controller deleted it")             \
    PORT_REASON(NO_POLICY, "no_policy", "no answer for it yet")              \
    PORT_REASON(APPLY_FAILED, "apply_failed",                                \
                "the last apply failed; last good stays")                    \
    PORT_REASON(NOT_APPLIED, "not_applied", "not in the kernel yet")         \
    PORT_REASON(KERNEL, "kernel", "its packets do not pass the tables")      \
    PORT_REASON(L2_GUARD, "l2_guard",                                        \
                "the guard on the taps is not in place")                     \
    PORT_REASON(NOT_RENDERED, "not_rendered",                                \
                "something of it is left out")                               \
    PORT_REASON(HELD, "held",                                                \
                "its removal is held (mass_removal); last good stays")       \
    PORT_REASON(ORPHANED, "orphaned",                                        \
                "the controller forgot it; last good stays")                 \
    PORT_REASON(GROUP_MISSING, "group_missing",                              \
                "the rules or a remote of a group are not here yet")         \
    PORT_REASON(GROUP_HELD, "group_held",                                    \
                "the removal of a group of it is held; last good stays")     \
    PORT_REASON(GROUP_ORPHANED, "group_orphaned",                            \
                "the controller forgot a group of it; last good stays")      \
    PORT_REASON(REFUSED, "refused", "a rule or address pair was left out")   \
    PORT_REASON(FROM_FILE, "from_file",                                      \
                "its policy is the one that was saved before the boot")
enum port_reason {
#define PORT_REASON(ENUM, NAME, TEXT) PORT_REASON_##ENUM,
    PORT_REASONS
#undef PORT_REASON
};
const char *port_reason_name(enum port_reason);
const char *port_reason_text(enum port_reason);

struct port_info {
    struct hmap_node node;
    struct uuid id;
    enum port_state state;
    enum port_reason reason;
    char detail[256];           /* Which group, which sentence; or "". */
    long long int since;        /* Of 'state' and 'reason'. */
    uint64_t generation;        /* In the kernel for this port, or 0. */
    bool closed;                /* Nothing but its drops is in force.  Never
                                 * while the agent starts: the kernel is as
                                 * it was found, which may be open. */
    bool excepted;              /* Named in unenforceable_ok. */
    bool counts;                /* Against the status of the host. */
    bool unfiltered;            /* Its policy is to let everything pass. */
    /* Internal. */
    uint64_t known_at;          /* Generation that must be in the kernel. */
    struct sg_binding binding;  /* At that time. */
    uint64_t mark;
};

/* What counts against the status of the host. */
#define HOST_REASONS                                                         \
    HOST_REASON(STARTING, "starting")       /* See agent/start.h. */         \
    HOST_REASON(FROM_FILE, "from_file")     /* A saved policy. */            \
    HOST_REASON(OVSDB_DOWN, "ovsdb_down")                                    \
    HOST_REASON(ROWS, "rows")               /* OVSDB rows not understood. */ \
    HOST_REASON(BROKER_DOWN, "broker_down")                                  \
    HOST_REASON(NOT_IN_SYNC, "not_in_sync")                                  \
    HOST_REASON(STALE, "stale")                                              \
    HOST_REASON(CONFLICTING_EPOCHS, "conflicting_epochs")                    \
    HOST_REASON(REVISION_REGRESSED, "revision_regressed")                    \
    HOST_REASON(DUPLICATE_HOST, "duplicate_host")                            \
    HOST_REASON(MASS_REMOVAL, "mass_removal")   /* Of ports, held. */        \
    HOST_REASON(KERNEL, "kernel")           /* The caller's sentence. */     \
    HOST_REASON(L2_GUARD, "l2_guard")       /* Likewise. */                  \
    HOST_REASON(APPLY_FAILED, "apply_failed")                                \
    HOST_REASON(NOT_APPLIED, "not_applied") /* Longer than allowed. */       \
    HOST_REASON(FLOWS, "flows")             /* Not cut: the caller's word. */ \
    HOST_REASON(UNENFORCEABLE, "unenforceable")                              \
    HOST_REASON(PORTS, "ports")             /* Degraded or without policy. */
enum host_reason {
#define HOST_REASON(ENUM, NAME) HOST_REASON_##ENUM,
    HOST_REASONS
#undef HOST_REASON
};
#define HOST_REASON(ENUM, NAME) + 1
enum { N_HOST_REASONS = 0 HOST_REASONS };
#undef HOST_REASON
const char *host_reason_name(enum host_reason);

/* A change must be in the kernel within this time, else it counts. */
#define PORT_STATUS_APPLY_MS 1000

struct policy_store;
struct sync;
struct port_status_input {
    const struct sg_policy *policy;
    const struct policy_store *store;
    const struct sync *sync;            /* For seen, asked, unknown. */
    const struct fw_result *result;     /* NULL before the first apply. */
    uint64_t applied;                   /* Generation in the kernel. */
    const char *starting;               /* What is waited for before the
                                         * policy is enforced, or NULL. */
    long long int starting_since;
    bool ovsdb_ok;
    size_t n_refused_rows;              /* Without a port id we can use. */
    size_t n_duplicate_rows;            /* A port that is there twice. */
    const char *broker_problem;         /* NULL: session is up. */
    const char *kernel_problem;         /* NULL: none (links, bridge-nf). */
    const char *guard_problem;          /* NULL: the layer-2 guard is in place,
                                         * or is not to be. */
    const char *flow_problem;           /* NULL: what was revoked is cut. */
    bool from_file;                     /* No controller has answered: the
                                         * policy is one that was saved. */
    int64_t from_file_age_ms;
};

struct host_problem {
    bool active;
    long long int since;
    char text[256];
};

struct host_info {
    bool enforcing;             /* The kernel enforces the newest policy on
                                 * every port that counts. */
    bool in_sync;
    bool ok;                    /* No problem is active. */
    struct host_problem problems[N_HOST_REASONS];
    size_t n_ports, n_protected, n_closed, n_degraded;
    size_t n_unenforceable, n_excepted, n_unfiltered;
};

struct port_status;

/* 'exceptions': port ids, device names, or beginnings of names with '*';
 * borrowed. */
struct port_status *port_status_create(char *const *exceptions, size_t n);
void port_status_destroy(struct port_status *);
void port_status_update(struct port_status *,
                        const struct port_status_input *, long long int now);

const struct host_info *port_status_host(const struct port_status *);
/* NULL if there is no such port. */
const struct port_info *port_status_port(const struct port_status *,
                                         const struct uuid *);

#endif /* agent/port_status.h */
