/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_NAMES_H
#define FIREWALL_NAMES_H 1

/* Names of everything we put into the kernel, made in one place.
 *
 * Everything of ours is recognisable with no memory of the past: chains and
 * sets begin with "sg1-" (the digit is the format version) and have one of the
 * forms below, our rules in built-in chains lead into one of three chains that
 * nobody else enters or carry the comment FW_HOOK_COMMENT.  Port chains carry
 * the device name (unique on a host, at most 15 bytes); group objects carry
 * the first 8 digits of the id and 12 digits of the SHA-1 of the id, so that
 * ids with a common beginning stay apart; the renderer still checks for
 * collisions.
 *
 *   sg1-root sg1-br sg1-out sg1-unspec sg1-pre-out sg1-pre-in sg1-pre-out6
 *   sg1-pre-in6 sg1-z sg1-pass           fixed
 *   sg1-br-PREFIX  sg1-z-PREFIX          nodes of the dispatch trees
 *   sg1-b-DEV sg1-e-DEV sg1-t-DEV        port: bridge, egress, ingress ("to")
 *   sg1-p-DEV                            port: its address pairs, if many
 *   sg1-eg-XXXXXXXX-YYYYYYYYYYYY         group: egress rules
 *   sg1-in-XXXXXXXX-YYYYYYYYYYYY         group: ingress rules
 *   sg1-m4a-XXXXXXXX-YYYYYYYYYYYY        set: addresses, IPv4, slot a (or b)
 *   sg1-n4a-XXXXXXXX-YYYYYYYYYYYY        set: prefixes
 *   sg1-tmp-...                          set being filled, before a swap
 *
 * Limits of the kernel: a chain 28 bytes, a set 31, a device 15. */

#include "sg/policy.h"

#define FW_CHAIN_LEN 29         /* With NUL: XT_EXTENSION_MAXNAMELEN. */
#define FW_SET_LEN 32           /* With NUL: IPSET_MAXNAMELEN. */
#define FW_PREFIX "sg1-"
#define FW_HOOK_COMMENT "sg-agent"

/* The fixed chains. */
#define FW_CHAIN_ROOT FW_PREFIX "root"
#define FW_CHAIN_BRIDGES FW_PREFIX "br"
#define FW_CHAIN_OUT FW_PREFIX "out"
#define FW_CHAIN_UNSPEC FW_PREFIX "unspec"
#define FW_CHAIN_PRE_OUT FW_PREFIX "pre-out"
#define FW_CHAIN_PRE_IN FW_PREFIX "pre-in"
#define FW_CHAIN_PRE_OUT6 FW_PREFIX "pre-out6"
#define FW_CHAIN_PRE_IN6 FW_PREFIX "pre-in6"
#define FW_CHAIN_ZONES FW_PREFIX "z"
#define FW_CHAIN_PASS FW_PREFIX "pass"

enum fw_slot {
    FW_SLOT_A,
    FW_SLOT_B,
};

/* What members a set is for. */
enum fw_content {
    FW_HOSTS,                   /* Single addresses: a hash:ip. */
    FW_NETS,                    /* Prefixes: a hash:net. */
};
#define FW_N_CONTENTS 2
const char *fw_content_type(enum fw_content);   /* "hash:ip", "hash:net" */

/* What the name of a set says besides the group. */
struct fw_set_form {
    enum sg_family family;
    enum fw_content content;
    enum fw_slot slot;
};

/* What a name of ours stands for. */
enum fw_name_kind {
    FW_NAME_FOREIGN,            /* Not ours. */
    FW_NAME_FIXED,
    FW_NAME_TREE,
    FW_NAME_PORT,
    FW_NAME_GROUP,
    FW_NAME_SET,
    FW_NAME_TMP_SET,
    FW_NAME_UNKNOWN,            /* Begins like ours; we do not make it. */
};

void fw_name_bridge_chain(char name[FW_CHAIN_LEN], const char *device);
void fw_name_pairs_chain(char name[FW_CHAIN_LEN], const char *device);
void fw_name_egress_chain(char name[FW_CHAIN_LEN], const char *device);
void fw_name_ingress_chain(char name[FW_CHAIN_LEN], const char *device);
void fw_name_group_chain(char name[FW_CHAIN_LEN], enum sg_direction,
                         const struct uuid *group);
void fw_name_tree_chain(char name[FW_CHAIN_LEN], const char *root,
                        const char *prefix);
void fw_name_set(char name[FW_SET_LEN], const struct fw_set_form *,
                 const struct uuid *group);
void fw_name_tmp_set(char name[FW_SET_LEN], uint32_t tag, unsigned int n);

enum fw_name_kind fw_chain_kind(const char *name);
/* Is it one that rules of ours in built-in chains lead into? */
bool fw_chain_is_entrance(const char *name);
/* The device, if it is the chain of one direction of a port ("e", "t"), else
 * NULL. */
const char *fw_direction_chain_device(const char *name);
/* For FW_NAME_SET also fills in the form. */
enum fw_name_kind fw_set_kind(const char *name, struct fw_set_form *);
/* The same set in the other slot. */
void fw_name_other_slot(char name[FW_SET_LEN], const char *set);
/* The same set in slot a, whichever slot it is in. */
void fw_name_slot_a(char name[FW_SET_LEN], const char *set);
/* A device or bridge name we can use in a rule: no '/', blank, control
 * character, leading '-' or '!', no '+' at the end, 1 to 15 bytes. */
bool fw_device_name_ok(const char *);

#endif /* firewall/names.h */
