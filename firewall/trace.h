/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_TRACE_H
#define FIREWALL_TRACE_H 1

/* Why a packet passes a port of this host, or does not.  Pure.
 *
 * The packet is walked through what is installed (firewall/walk.h), and what
 * is intended is walked beside it.  A trace is a value that borrows nothing:
 * the rules that matched, the one that decided and where that comes from, what
 * other rules would have needed, and where the chains that were met are not as
 * they are to be.
 *
 * The order of the hooks is that of a bridged frame: raw PREROUTING, filter
 * FORWARD, security FORWARD.  Other tables, and what foreign rules and chains
 * do, are not known; rules that may do something of that are counted. */

#include "firewall/plan.h"
#include "firewall/render.h"
#include "firewall/walk.h"

/* What connection tracking says of the packet.  To the rules, what is not
 * known is new, whether or not it could begin a flow. */
#define FW_TRACE_STATES                         \
    FW_TRACE_STATE(NEW, "new")                  \
    FW_TRACE_STATE(INVALID, "invalid")          \
    FW_TRACE_STATE(ESTABLISHED, "established")  \
    FW_TRACE_STATE(RELATED, "related")          \
    FW_TRACE_STATE(REVOKED, "revoked")  /* Established, and marked. */
enum fw_trace_state {
#define FW_TRACE_STATE(ENUM, NAME) FW_TRACE_##ENUM,
    FW_TRACE_STATES
#undef FW_TRACE_STATE
};
const char *fw_trace_state_name(enum fw_trace_state);
bool fw_trace_state_from_string(const char *, enum fw_trace_state *)
    SG_MUST_USE;

/* Why: first those of a packet that passes. */
#define FW_TRACE_REASONS                                                    \
    FW_TRACE_REASON(BY_RULE, "rule", "a security-group rule allows it")     \
    FW_TRACE_REASON(BY_FLOW, "known_flow", "it belongs to a known flow")    \
    FW_TRACE_REASON(BASIC, "basic", "every instance may do this: DHCP, "    \
                    "neighbour discovery, multicast membership")            \
    FW_TRACE_REASON(UNFILTERED, "unfiltered",                               \
                    "the port is trusted or has no port security")          \
    FW_TRACE_REASON(NO_HOOK, "no_hook",                                     \
                    "no rule of ours filters this bridge")                  \
    FW_TRACE_REASON(NO_RULE, "no_rule",                                     \
                    "no rule of the port's groups allows it")               \
    FW_TRACE_REASON(SOURCE, "source", "the port may not send from this "    \
                    "address with this MAC address")                        \
    FW_TRACE_REASON(IS_REVOKED, "revoked", "its flow lost its permission")  \
    FW_TRACE_REASON(FORBIDDEN, "forbidden", "no instance may do this: DHCP "\
                    "server, router advertisement, redirect")               \
    FW_TRACE_REASON(CLOSED, "closed", "the port is closed, it has no rules")\
    FW_TRACE_REASON(NO_PORT, "no_port", "the tables know no port on this "  \
                    "bridge")                                               \
    FW_TRACE_REASON(POLICY, "policy", "no rule of a built-in chain decides, "\
                    "and the chain's policy is DROP")                       \
    FW_TRACE_REASON(OTHER, "other", "a rule drops it")
enum fw_trace_reason {
#define FW_TRACE_REASON(ENUM, NAME, TEXT) FW_TRACE_##ENUM,
    FW_TRACE_REASONS
#undef FW_TRACE_REASON
};
const char *fw_trace_reason_name(enum fw_trace_reason);
const char *fw_trace_reason_text(enum fw_trace_reason);

struct fw_trace_query {
    struct uuid port;
    enum sg_direction direction;
    enum fw_trace_state state;
    struct fw_packet packet;    /* But for its devices and its flow. */
};

/* A rule of a chain.  'group' is the one of the port's groups whose chain it
 * is, and 'members' the one whose members its set holds; zero if there is
 * none. */
struct fw_trace_rule {
    enum fw_table_id table;
    char chain[FW_CHAIN_LEN];
    size_t index;
    unsigned int depth;
    struct fw_rule rule;        /* With its origin. */
    struct uuid group, members;
    uint32_t missed;            /* FW_M_*; 0: it matched. */
};

/* At most so many of what else could have let the packet pass. */
#define FW_TRACE_MAX_MISSES 16
/* And of differences from what is intended. */
#define FW_TRACE_MAX_DIFFERENCES 16

struct fw_trace {
    struct fw_trace_query query;        /* With devices and flow. */
    bool allowed;
    enum fw_trace_reason reason;
    uint16_t zone;                      /* That the raw table gives, or 0. */
    bool untracked;

    struct fw_trace_rule *rules;        /* That matched, in order. */
    size_t n_rules, allocated;
    size_t decisive;                    /* Of these; n_rules: none. */
    /* Met in any chain, and who knows what they do: rules that are not
     * understood, and jumps to chains of others, which are not read. */
    size_t n_foreign[FW_N_TABLES];
    int set_error;                      /* Errno: a set could not be asked, and
                                         * counts as one without members. */

    /* If it does not pass: rules that it misses, by the least first. */
    struct fw_trace_rule misses[FW_TRACE_MAX_MISSES];
    size_t n_misses, n_misses_total;

    bool wanted;                        /* Would it pass as intended? */
    enum fw_trace_reason wanted_reason;
    /* What would turn the chains that were met into what is intended. */
    struct {
        enum fw_table_id table;
        struct fw_edit edit;
    } differences[FW_TRACE_MAX_DIFFERENCES];
    size_t n_differences, n_differences_total;
    size_t n_elsewhere;                 /* Edits of other chains. */
};

struct fw_trace_args {
    const struct sg_policy *policy;
    const struct fw_layout *layout;
    /* The tables of the packet's family; origins are set. */
    const struct fw_ruleset *installed;
    const struct fw_ruleset *desired;
    /* Is the address in an installed set?  Returns 0 or an errno. */
    int (*test)(void *aux, const char *set, const struct sg_prefix *address,
                bool *member);
    void *aux;
};

/* Returns NULL and fills in '*trace', which the caller destroys; or a malloc'd
 * sentence that says why this cannot be told. */
char *fw_trace_create(const struct fw_trace_args *,
                      const struct fw_trace_query *, struct fw_trace **)
    SG_MUST_USE;
void fw_trace_destroy(struct fw_trace *);

/* What the rule asks for and the packet has not: "protocol tcp, destination
 * port 80". */
void fw_trace_format_missed(const struct fw_trace_rule *, struct ds *);
/* "IPv4 tcp 10.0.0.1:40000 > 10.0.0.2:80". */
void fw_packet_format(const struct fw_packet *, struct ds *);

#endif /* firewall/trace.h */
