/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_RULESET_H
#define FIREWALL_RULESET_H 1

/* The packet filter as a value: chains, rules, sets, of both families.
 *
 * The renderer makes a desired ruleset from a policy; a backend makes an
 * actual one from the kernel; the planner compares the two.  A ruleset is
 * built, checked, compared, printed and freed; it is never patched in place
 * (the backends' own model aside).  Nothing here knows iptables.
 *
 * A fw_rule is one flat value with a flag per match.  Zero it before filling
 * it: equality of the part up to 'packets' is equality of bytes. */

#include "firewall/names.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "sg/policy.h"

#define FW_TABLES                               \
    FW_TABLE(RAW, "raw")                        \
    FW_TABLE(SECURITY, "security")              \
    FW_TABLE(FILTER, "filter")
enum fw_table_id {
#define FW_TABLE(ENUM, NAME) FW_##ENUM,
    FW_TABLES
#undef FW_TABLE
};
#define FW_N_TABLES 3
const char *fw_table_name(enum fw_table_id);

#define FW_VERDICTS                             \
    FW_VERDICT(NONE, "none")                    \
    FW_VERDICT(ACCEPT, "ACCEPT")                \
    FW_VERDICT(DROP, "DROP")                    \
    FW_VERDICT(RETURN, "RETURN")                \
    FW_VERDICT(JUMP, "jump")                    \
    FW_VERDICT(GOTO, "goto")                    \
    FW_VERDICT(ZONE, "zone")                    \
    FW_VERDICT(NOTRACK, "notrack")
enum fw_verdict {
#define FW_VERDICT(ENUM, NAME) FW_##ENUM,
    FW_VERDICTS
#undef FW_VERDICT
};

/* Matches present in a rule. */
enum fw_match {
    FW_M_SRC         = 1 << 0,  /* 'src' */
    FW_M_DST         = 1 << 1,  /* 'dst' */
    FW_M_IN          = 1 << 2,  /* 'in': name, or a beginning with '+' */
    FW_M_OUT         = 1 << 3,  /* 'out' */
    FW_M_PROTO       = 1 << 4,  /* 'proto' (nonzero) */
    FW_M_PHYSDEV_IN  = 1 << 5,  /* 'physdev_in', may end in '+' */
    FW_M_PHYSDEV_OUT = 1 << 6,
    FW_M_ESTABLISHED = 1 << 7,  /* Conntrack state ESTABLISHED or RELATED. */
    FW_M_MAC         = 1 << 8,  /* Source MAC. */
    FW_M_SET_SRC     = 1 << 9,  /* Source address is in 'set'. */
    FW_M_SET_DST     = 1 << 10,
    FW_M_SPORT       = 1 << 11, /* 'sport_min'..'sport_max' */
    FW_M_DPORT       = 1 << 12,
    FW_M_ICMP_TYPE   = 1 << 13, /* 'icmp_type' */
    FW_M_ICMP_CODE   = 1 << 14, /* 'icmp_code', with FW_M_ICMP_TYPE only. */
    FW_M_COMMENT     = 1 << 15, /* FW_HOOK_COMMENT */
    FW_M_CONNMARK    = 1 << 16, /* The flow's mark has the bit 'connmark'. */
    /* The contrary of one above, which is not in the same rule. */
    FW_M_NOT_PROTO   = 1 << 17, /* The protocol is not 'proto'. */
    FW_M_NOT_CONNMARK = 1 << 18, /* There is a flow, and its mark lacks the bit
                                  * 'connmark'. */
    /* Neither end of the flow sends from port 'flow_port'; what a protocol
     * without ports has in its place may be taken for it.  With
     * FW_M_ESTABLISHED only. */
    FW_M_NOT_FLOW_PORT = 1 << 19,
    /* A rule we did not make and do not understand: it has no other field
     * and is equal to nothing, itself included.  Only in actual rulesets. */
    FW_M_FOREIGN     = 1 << 20,
};

struct fw_rule {
    uint32_t match;             /* FW_M_*. */
    uint8_t verdict;            /* enum fw_verdict. */
    uint8_t proto;
    uint16_t zone;              /* FW_ZONE. */
    uint32_t connmark;          /* One bit. */
    uint16_t sport_min, sport_max, dport_min, dport_max;
    uint16_t flow_port;
    uint8_t icmp_type, icmp_code;
    struct sg_mac mac;
    struct sg_prefix src, dst;
    char in[SG_DEVICE_LEN], out[SG_DEVICE_LEN];
    char physdev_in[SG_DEVICE_LEN], physdev_out[SG_DEVICE_LEN];
    char set[FW_SET_LEN];
    char target[FW_CHAIN_LEN];  /* FW_JUMP, FW_GOTO. */

    /* Not compared. */
    uint64_t packets, bytes;    /* Actual rulesets only. */
    struct uuid origin;         /* Security-group rule id, or zero. */
};

/* "tcp", as iptables calls it; NULL for one without a name. */
const char *fw_protocol_name(uint8_t protocol);
/* Do headers of this protocol have ports that a rule can match? */
bool fw_protocol_has_ports(int protocol);
bool fw_rule_equals(const struct fw_rule *, const struct fw_rule *);
uint32_t fw_rule_hash(const struct fw_rule *);
/* Of a rule in a built-in chain: is it one of ours?  Those that bridged
 * packets pass lead into a chain of ours, and that says it: the kernel calls
 * the comment of a rule like any match, which takes as long as four rules. */
bool fw_rule_is_hook(const struct fw_rule *);
/* Is it one of those that lead into a chain of ours? */
bool fw_rule_enters(const struct fw_rule *);
/* One line in the notation of iptables-save, without "-A CHAIN". */
void fw_rule_format(const struct fw_rule *, enum sg_family, struct ds *);

struct fw_chain {
    struct hmap_node node;      /* In fw_table 'chains'. */
    char name[FW_CHAIN_LEN];
    bool builtin;               /* FORWARD, INPUT, ...: desired: the rules
                                 * that must stand at its top, in order;
                                 * actual: all its rules, foreign ones as
                                 * FW_M_FOREIGN. */
    bool drops;                 /* Actual only: built in, and its policy is
                                 * DROP. */
    uint32_t references;        /* Actual only: jumps to it from rules that
                                 * are not ours. */
    struct fw_rule *rules;
    size_t n_rules, allocated;
    enum { FW_VISIT_NONE, FW_VISIT_PATH, FW_VISIT_DONE }
        visit;                  /* Of fw_table_find_loop(). */
};

struct fw_table {
    struct hmap chains;         /* Contains "struct fw_chain"s: ours, and the
                                 * built-in ones that we use. */
    uint64_t mark;              /* Actual only: what the backend's mark() said
                                 * when it read this.  0: nothing; a copy has
                                 * none. */
};
void fw_table_init(struct fw_table *);
void fw_table_uninit(struct fw_table *);
struct fw_chain *fw_table_find(const struct fw_table *, const char *name);
/* The chain that has the name of 'chain', which is of another table. */
struct fw_chain *fw_table_find_like(const struct fw_table *,
                                    const struct fw_chain *chain);
/* Creates it if it does not exist. */
struct fw_chain *fw_table_chain(struct fw_table *, const char *name);
struct fw_rule *fw_chain_append(struct fw_chain *, const struct fw_rule *);
/* Makes room for 'n' rules in all. */
void fw_chain_reserve(struct fw_chain *, size_t n);
/* Gives each what the other has. */
void fw_table_swap(struct fw_table *, struct fw_table *);
/* Edits of one chain; the index must be in range (insert: up to n_rules). */
void fw_chain_insert(struct fw_chain *, size_t index, const struct fw_rule *);
void fw_chain_delete(struct fw_chain *, size_t index);
void fw_chain_clear(struct fw_chain *);
void fw_table_remove(struct fw_table *, struct fw_chain *);
void fw_table_clone(struct fw_table *, const struct fw_table *);
/* Same chains, same rules?  Foreign rules count, but what they say does
 * not. */
bool fw_table_matches(const struct fw_table *, const struct fw_table *);
/* The chains, built-in ones first, then by name.  Caller frees the array. */
const struct fw_chain **fw_table_sort(const struct fw_table *);
/* The name of a chain from which its own jumps lead back to it, or NULL: the
 * kernel refuses such a table. */
const char *fw_table_find_loop(const struct fw_table *);

/* A member set.  Its members are not here: they live in the policy store and
 * in the kernel. */
struct fw_set {
    struct hmap_node node;      /* In fw_ruleset 'sets', by name. */
    char name[FW_SET_LEN];
    enum sg_family family;
    enum fw_content content;
    enum fw_slot slot;
    struct uuid group;          /* Desired only; zero in an actual ruleset. */
    uint32_t maxelem;
    uint32_t hashsize;          /* What to create it with / what it has. */
    /* Actual only. */
    uint32_t elements, references;
    bool foreign_type;          /* Ours by name, but not of the type and
                                 * family of the name: never used, left
                                 * alone. */
};
/* Has it a name and type that we make? */
bool fw_set_is_ours(const struct fw_set *);

/* A set is made with room: its 'maxelem' is the first step of a ladder that
 * 'n' members fill to no more than half, and it gets a larger one when they
 * fill more than three quarters.  The last step is twice the limit of members
 * of a group, because in a turn additions come before deletions. */
#define FW_SET_MAXELEM 524288
uint32_t fw_set_capacity(size_t n);
/* SIZE_MAX for the largest. */
size_t fw_set_grow_above(uint32_t maxelem);
/* The hash size to create such a set with.  A set whose hash has to grow
 * stalls in the kernel: not before it is tight. */
uint32_t fw_set_hashsize(uint32_t maxelem);

struct fw_ruleset {
    struct fw_table tables[SG_N_FAMILIES][FW_N_TABLES];
    struct hmap sets;
};
struct fw_ruleset *fw_ruleset_create(void);
void fw_ruleset_destroy(struct fw_ruleset *);
struct fw_ruleset *fw_ruleset_clone(const struct fw_ruleset *);
struct fw_set *fw_ruleset_find_set(const struct fw_ruleset *, const char *);
struct fw_set *fw_ruleset_add_set(struct fw_ruleset *, const struct fw_set *);
/* The sets by name.  Caller frees the array. */
const struct fw_set **fw_ruleset_sort_sets(const struct fw_ruleset *);

/* Invariants of a desired ruleset: every jump target exists and no jump leads
 * back, every set named exists and has the family of its table, matches go
 * with their protocol, what leads from a port's bridge into its chains names
 * both devices, as does whatever names the one a frame comes from, names fit.
 * NULL or a malloc'd sentence. */
char *fw_ruleset_check(const struct fw_ruleset *) SG_MUST_USE;

/* Text in the form of iptables-save, chains sorted; for golden tests, plans
 * and `sgctl`. */
void fw_table_format(const struct fw_table *, enum sg_family,
                     enum fw_table_id, struct ds *);
void fw_ruleset_format(const struct fw_ruleset *, struct ds *);

/* Adds the chains reachable from 'chain', itself included, to 'seen', and to
 * 'sets' the names of the sets that their rules use.  Does not look again at
 * chains that are in 'seen' already.  Nothing if there is no such chain. */
struct hmapx;
struct sset;
void fw_table_reach(const struct fw_table *, const char *chain,
                    struct hmapx *seen, struct sset *sets);

#endif /* firewall/ruleset.h */
