/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_POLICY_H
#define SG_POLICY_H 1

/* The policy of one host at one generation.
 *
 * agent/policy_store owns and changes it; firewall/ reads it through a const
 * pointer, on the same thread, and keeps nothing of it.  A generation is a
 * number the store raises with every change; it is local to this process.
 *
 * Unknown is never empty.  A port or a group half whose state is SG_ABSENT
 * has not been told to us; it is closed, or matches nothing, and is asked
 * for.  SG_DELETED is an explicit word of the controller.  SG_ORPHANED means
 * the controller no longer knows an object that is in force: it stays as it
 * is and says so. */

#include "openvswitch/hmap.h"
#include "sg/members.h"
#include "sg/types.h"

#define SG_KNOWLEDGES                           \
    SG_KNOWLEDGE(ABSENT, "absent")              \
    SG_KNOWLEDGE(KNOWN, "known")                \
    SG_KNOWLEDGE(ORPHANED, "orphaned")          \
    SG_KNOWLEDGE(DELETED, "deleted")
enum sg_knowledge {
#define SG_KNOWLEDGE(ENUM, NAME) SG_##ENUM,
    SG_KNOWLEDGES
#undef SG_KNOWLEDGE
};
const char *sg_knowledge_name(enum sg_knowledge);

/* Interface names, with the final NUL (IFNAMSIZ). */
#define SG_DEVICE_LEN 16

enum sg_remote_kind {
    SG_REMOTE_ANY,              /* Every address of the family. */
    SG_REMOTE_PREFIX,
    SG_REMOTE_GROUP,            /* A security group. */
    SG_REMOTE_ADDRESS_GROUP,    /* Travels like a group without rules. */
};

/* One security-group rule, Neutron's meanings.  A rule that could not be
 * expressed exactly never becomes one of these: see struct sg_refusal. */
struct sg_rule {
    struct uuid id;
    enum sg_direction direction;
    enum sg_family family;              /* The rule's ethertype. */
    int protocol;                       /* IANA number, or -1 for any. */
    /* Of TCP, UDP, UDP-Lite, SCTP, DCCP; both ends included. */
    bool has_ports, has_source_ports;
    uint16_t port_min, port_max;        /* Destination. */
    uint16_t source_port_min, source_port_max;
    int icmp_type, icmp_code;           /* -1: not given.  Code needs type. */
    enum sg_remote_kind remote;
    struct uuid remote_id;              /* Group or address group. */
    struct sg_prefix remote_prefix;
};

/* Something of an object that was left out, and why. */
struct sg_refusal {
    char *what;                 /* Rule id, or a path within the object;
                                 * of a problem: within the message. */
    char *reason;
};

/* An address pair: an address or prefix the port may send from and is
 * answered at.  Fixed IPs become pairs with the port's own MAC. */
struct sg_pair {
    struct sg_prefix prefix;
    struct sg_mac mac;
};

/* What the controller says about a port. */
struct sg_port_spec {
    struct uuid id;
    int64_t revision;
    struct uuid network_id;             /* Zero if not given. */
    char device[SG_DEVICE_LEN];         /* "" if not given. */
    struct sg_mac mac;
    struct sg_prefix *fixed_ips;        /* Single addresses. */
    size_t n_fixed_ips;
    struct sg_pair *pairs;              /* allowed_address_pairs. */
    size_t n_pairs;
    struct uuid *groups;                /* Sorted, no duplicates. */
    size_t n_groups;
    bool port_security_enabled;
    bool trusted;
    struct sg_refusal *refused;         /* Pairs that were left out. */
    size_t n_refused;
};

/* A group's rule list. */
struct sg_rules_spec {
    struct uuid group;
    int64_t revision;
    bool stateful;
    struct sg_rule *rules;              /* In the order of the message. */
    size_t n_rules;
    struct sg_refusal *refused;
    size_t n_refused;
};

/* Where a port is plugged on this host, as OVSDB and the kernel show it. */
#define SG_PLUGS                                                        \
    SG_PLUG(MISSING, "no_device")         /* Row, but no tap yet. */    \
    SG_PLUG(HYBRID, "hybrid")             /* Enforceable. */            \
    SG_PLUG(SHARED_BRIDGE, "shared_bridge")                             \
    SG_PLUG(UNENFORCEABLE, "unenforceable")
enum sg_plug {
#define SG_PLUG(ENUM, NAME) SG_PLUG_##ENUM,
    SG_PLUGS
#undef SG_PLUG
};
const char *sg_plug_name(enum sg_plug);

struct sg_binding {
    enum sg_plug plug;
    char interface[SG_DEVICE_LEN];      /* The row's name, e.g. qvo.... */
    char device[SG_DEVICE_LEN];         /* The tap. */
    char bridge[SG_DEVICE_LEN];         /* The Linux bridge, e.g. qbr.... */
    char uplink[SG_DEVICE_LEN];         /* Its other port, e.g. qvb.... */
    uint16_t zone;                      /* Conntrack zone; 0: none yet. */
};

struct sg_port {
    struct hmap_node node;              /* In sg_policy 'ports', by id. */
    struct uuid id;
    enum sg_knowledge state;
    struct sg_port_spec spec;           /* Meaningful unless SG_ABSENT. */
    struct sg_binding binding;
};

struct sg_group {
    struct hmap_node node;              /* In sg_policy 'groups', by id. */
    struct uuid id;
    enum sg_knowledge rules_state;
    struct sg_rules_spec rules;         /* Meaningful unless SG_ABSENT. */
    enum sg_knowledge members_state;
    int64_t members_revision;
    struct sg_members members;
};

struct sg_policy {
    uint64_t generation;
    struct hmap ports;                  /* Ports of this host. */
    struct hmap groups;                 /* Groups they need. */
};

void sg_policy_init(struct sg_policy *);
void sg_policy_uninit(struct sg_policy *);
const struct sg_port *sg_policy_port(const struct sg_policy *,
                                     const struct uuid *);
const struct sg_group *sg_policy_group(const struct sg_policy *,
                                       const struct uuid *);

/* Does this port get pair rules and group jumps?  (Not trusted, port security
 * on.) */
static inline bool
sg_port_filters(const struct sg_port_spec *spec)
{
    return spec->port_security_enabled && !spec->trusted;
}

/* Does a port track its flows, so that answers pass without a rule?  Only if
 * all its groups are stateless it does not: a packet is tracked, or not,
 * before anybody knows by which rule it will pass.  A group whose rules are
 * not known, or deleted, has no say. */
enum sg_tracking {
    SG_STATEFUL,
    SG_STATELESS,
    SG_MIXED,                   /* Some are stateless: tracked. */
};
enum sg_tracking sg_port_tracking(const struct sg_policy *,
                                  const struct sg_port_spec *);

void sg_port_spec_uninit(struct sg_port_spec *);
void sg_port_spec_clone(struct sg_port_spec *, const struct sg_port_spec *);
bool sg_port_spec_equals(const struct sg_port_spec *,
                         const struct sg_port_spec *);  /* Not revision. */
void sg_rules_spec_uninit(struct sg_rules_spec *);
void sg_rules_spec_clone(struct sg_rules_spec *,
                         const struct sg_rules_spec *);
bool sg_rules_spec_equals(const struct sg_rules_spec *,
                          const struct sg_rules_spec *); /* Not revision. */
bool sg_rule_equals(const struct sg_rule *, const struct sg_rule *);
/* Takes ownership of nothing; copies both strings. */
void sg_refusal_add(struct sg_refusal **, size_t *n,
                    const char *what, const char *reason);
void sg_refusals_free(struct sg_refusal *, size_t n);

#endif /* sg/policy.h */
