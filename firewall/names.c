/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sha1.h"
#include "util.h"
#include "uuid.h"

/* Text that stands for a group in chain and set names: the first digits of
 * the id as the reader knows it, '-', digits of a hash. */
#define GROUP_ID_DIGITS 8
#define GROUP_HASH_DIGITS 12
#define GROUP_TEXT_LEN (GROUP_ID_DIGITS + 1 + GROUP_HASH_DIGITS)

/* Length of "sg1-eg-" and "sg1-in-". */
#define GROUP_CHAIN_PREFIX_LEN 7

#define TMP_SET_PREFIX FW_PREFIX "tmp-"

/* Where content, family and slot stand in "sg1-m4a-". */
#define SET_CONTENT_AT 4
#define SET_FAMILY_AT 5
#define SET_SLOT_AT 6
#define SET_GROUP_AT 8

/* A chain named after a group fills the kernel's limit exactly. */
BUILD_ASSERT_DECL(GROUP_CHAIN_PREFIX_LEN + GROUP_TEXT_LEN
                  == FW_CHAIN_LEN - 1);
BUILD_ASSERT_DECL(SET_GROUP_AT + GROUP_TEXT_LEN < FW_SET_LEN);

static void device_chain(char name[FW_CHAIN_LEN], char letter,
                         const char *device);
static void group_text(char text[GROUP_TEXT_LEN + 1], const struct uuid *);
static bool is_group_text(const char *);
static bool is_device_chain(const char *rest);
static bool is_tree_chain(const char *rest);

/* The chain that decides about all frames of the bridge of 'device'. */
void
fw_name_bridge_chain(char name[FW_CHAIN_LEN], const char *device)
{
    device_chain(name, 'b', device);
}

/* The chain of the address pairs of 'device', where they are many. */
void
fw_name_pairs_chain(char name[FW_CHAIN_LEN], const char *device)
{
    device_chain(name, 'p', device);
}

void
fw_name_egress_chain(char name[FW_CHAIN_LEN], const char *device)
{
    device_chain(name, 'e', device);
}

void
fw_name_ingress_chain(char name[FW_CHAIN_LEN], const char *device)
{
    device_chain(name, 't', device);
}

void
fw_name_group_chain(char name[FW_CHAIN_LEN], enum sg_direction direction,
                    const struct uuid *group)
{
    char text[GROUP_TEXT_LEN + 1];

    group_text(text, group);
    snprintf(name, FW_CHAIN_LEN, FW_PREFIX "%s-%s",
             direction == SG_EGRESS ? "eg" : "in", text);
}

/* The node of the dispatch tree 'root' (a fixed chain) for the device names
 * that begin with 'prefix'. */
void
fw_name_tree_chain(char name[FW_CHAIN_LEN], const char *root,
                   const char *prefix)
{
    int n = snprintf(name, FW_CHAIN_LEN, "%s-%s", root, prefix);
    ovs_assert(n < FW_CHAIN_LEN);
}

void
fw_name_set(char name[FW_SET_LEN], const struct fw_set_form *form,
            const struct uuid *group)
{
    char text[GROUP_TEXT_LEN + 1];

    group_text(text, group);
    snprintf(name, FW_SET_LEN, FW_PREFIX "%c%c%c-%s",
             form->content == FW_HOSTS ? 'm' : 'n',
             form->family == SG_IPV4 ? '4' : '6',
             form->slot == FW_SLOT_A ? 'a' : 'b', text);
}

const char *
fw_content_type(enum fw_content content)
{
    return content == FW_HOSTS ? "hash:ip" : "hash:net";
}

/* A set to be filled aside.  'tag' belongs to this run of the agent and 'n'
 * never repeats in it, so that what a crash left behind is never mistaken for
 * the set being filled. */
void
fw_name_tmp_set(char name[FW_SET_LEN], uint32_t tag, unsigned int n)
{
    snprintf(name, FW_SET_LEN, TMP_SET_PREFIX "%08x-%u", tag, n);
}

bool
fw_chain_is_entrance(const char *name)
{
    return (!strcmp(name, FW_CHAIN_ZONES) || !strcmp(name, FW_CHAIN_ROOT)
            || !strcmp(name, FW_CHAIN_PASS));
}

/* What the chain 'name' stands for.  What begins with our prefix and is no
 * name that we make belongs to somebody else. */
enum fw_name_kind
fw_chain_kind(const char *name)
{
    static const char *const fixed[] = {
        FW_CHAIN_ROOT, FW_CHAIN_BRIDGES, FW_CHAIN_OUT, FW_CHAIN_UNSPEC,
        FW_CHAIN_PRE_OUT, FW_CHAIN_PRE_IN, FW_CHAIN_PRE_OUT6,
        FW_CHAIN_PRE_IN6, FW_CHAIN_ZONES, FW_CHAIN_PASS,
    };

    if (strncmp(name, FW_PREFIX, strlen(FW_PREFIX))) {
        return FW_NAME_FOREIGN;
    }
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        if (!strcmp(name, fixed[i])) {
            return FW_NAME_FIXED;
        }
    }

    const char *rest = name + strlen(FW_PREFIX);
    if (is_device_chain(rest)) {
        return FW_NAME_PORT;
    }
    if ((!strncmp(rest, "eg-", 3) || !strncmp(rest, "in-", 3))
        && is_group_text(rest + 3)) {
        return FW_NAME_GROUP;
    }
    return is_tree_chain(rest) ? FW_NAME_TREE : FW_NAME_UNKNOWN;
}

const char *
fw_direction_chain_device(const char *name)
{
    const char *rest = name + strlen(FW_PREFIX);

    return (!strncmp(name, FW_PREFIX, strlen(FW_PREFIX))
            && (rest[0] == 'e' || rest[0] == 't') && is_device_chain(rest)
            ? rest + 2 : NULL);
}

/* What the set 'name' stands for; '*form' is filled in for FW_NAME_SET
 * only. */
enum fw_name_kind
fw_set_kind(const char *name, struct fw_set_form *form)
{
    if (strncmp(name, FW_PREFIX, strlen(FW_PREFIX))) {
        return FW_NAME_FOREIGN;
    }
    if (!strncmp(name, TMP_SET_PREFIX, strlen(TMP_SET_PREFIX))) {
        return FW_NAME_TMP_SET;
    }
    if (strlen(name) == SET_GROUP_AT + GROUP_TEXT_LEN
        && (name[SET_CONTENT_AT] == 'm' || name[SET_CONTENT_AT] == 'n')
        && (name[SET_FAMILY_AT] == '4' || name[SET_FAMILY_AT] == '6')
        && (name[SET_SLOT_AT] == 'a' || name[SET_SLOT_AT] == 'b')
        && name[SET_GROUP_AT - 1] == '-'
        && is_group_text(name + SET_GROUP_AT)) {
        form->content = name[SET_CONTENT_AT] == 'm' ? FW_HOSTS : FW_NETS;
        form->family = name[SET_FAMILY_AT] == '4' ? SG_IPV4 : SG_IPV6;
        form->slot = name[SET_SLOT_AT] == 'a' ? FW_SLOT_A : FW_SLOT_B;
        return FW_NAME_SET;
    }
    return FW_NAME_UNKNOWN;
}

/* 'set' must be a FW_NAME_SET. */
void
fw_name_other_slot(char name[FW_SET_LEN], const char *set)
{
    ovs_strlcpy(name, set, FW_SET_LEN);
    name[SET_SLOT_AT] = set[SET_SLOT_AT] == 'a' ? 'b' : 'a';
}

/* 'set' must be a FW_NAME_SET. */
void
fw_name_slot_a(char name[FW_SET_LEN], const char *set)
{
    ovs_strlcpy(name, set, FW_SET_LEN);
    name[SET_SLOT_AT] = 'a';
}

bool
fw_device_name_ok(const char *name)
{
    size_t len = strlen(name);

    /* The kernel refuses '.' and '..'; a '+' at the end is a wildcard in a
     * rule; '-' and '!' in front are options to the tools. */
    if (!len || len >= SG_DEVICE_LEN || name[len - 1] == '+'
        || name[0] == '-' || name[0] == '!'
        || !strcmp(name, ".") || !strcmp(name, "..")) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = name[i];
        if (c <= ' ' || c >= 0x7f || c == '/') {
            return false;
        }
    }
    return true;
}

static void
device_chain(char name[FW_CHAIN_LEN], char letter, const char *device)
{
    snprintf(name, FW_CHAIN_LEN, FW_PREFIX "%c-%s", letter, device);
}

/* The hash is over the canonical text of the id, so that an operator can
 * compute it with sha1sum. */
static void
group_text(char text[GROUP_TEXT_LEN + 1], const struct uuid *group)
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    char id[UUID_LEN + 1];

    snprintf(id, sizeof id, UUID_FMT, UUID_ARGS(group));
    sha1_bytes(id, UUID_LEN, digest);
    sha1_to_hex(digest, hex);
    snprintf(text, GROUP_TEXT_LEN + 1, "%.*s-%.*s", GROUP_ID_DIGITS, id,
             GROUP_HASH_DIGITS, hex);
}

static bool
is_group_text(const char *text)
{
    for (size_t i = 0; i < GROUP_TEXT_LEN; i++) {
        if (i == GROUP_ID_DIGITS ? text[i] != '-'
            : !isxdigit((unsigned char) text[i])) {
            return false;
        }
    }
    return !text[GROUP_TEXT_LEN];
}

static bool
is_device_chain(const char *rest)
{
    return rest[0] && strchr("bpet", rest[0]) && rest[1] == '-'
           && fw_device_name_ok(rest + 2);
}

static bool
is_tree_chain(const char *rest)
{
    const char *prefix = (!strncmp(rest, "br-", 3) ? rest + 3
                          : !strncmp(rest, "z-", 2) ? rest + 2
                          : "");
    return fw_device_name_ok(prefix);
}
