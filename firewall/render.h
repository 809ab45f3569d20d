/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_RENDER_H
#define FIREWALL_RENDER_H 1

/* Policy to ruleset: the semantics of security groups.  Pure.
 *
 * See render.c for the numbered list of semantics, docs/rules.md for the
 * layout and the reason of each rule. */

#include "firewall/ruleset.h"

/* How this host is plugged. */
#define FW_REVOKED_BIT 31       /* By default. */
struct fw_layout {
    char bridge_prefix[SG_DEVICE_LEN];  /* "qbr" */
    char tap_prefix[SG_DEVICE_LEN];     /* "tap" */
    char uplink_prefix[SG_DEVICE_LEN];  /* "qvb" */
    bool host_input;            /* Do not close INPUT from a bridge. */
    bool host_output;           /* Do not close OUTPUT to a bridge. */
    uint32_t revoked;           /* The bit of a flow's mark that says that it
                                 * lost its permission. */
};
void fw_layout_default(struct fw_layout *);
/* Can these prefixes stand in a rule?  NULL or a malloc'd sentence. */
char *fw_layout_check(const struct fw_layout *) SG_MUST_USE;

/* What is to be known of the sets that are there: which slot a set has, of
 * which group, family and content count (absent means slot a); and which sets
 * for prefixes are there. */
struct fw_slots;
struct fw_slots *fw_slots_create(void);
void fw_slots_destroy(struct fw_slots *);
struct fw_slots *fw_slots_clone(const struct fw_slots *);
enum fw_slot fw_slots_get(const struct fw_slots *, const struct fw_set *);
void fw_slots_set(struct fw_slots *, const struct fw_set *, enum fw_slot);
/* Rules name this set, whatever its slot; what 'fw_slots_keep' has not been
 * told, or 'fw_slots_drop' has, is not kept. */
void fw_slots_keep(struct fw_slots *, const char *set);
void fw_slots_drop(struct fw_slots *, const char *set);
bool fw_slots_is_kept(const struct fw_slots *, const char *set);
/* This set, whatever its slot, cannot be had at present, for a reason that is
 * copied: rules that name it are left out.  Unless it is 'pinned': then it is
 * there, and only its other slot cannot be had. */
void fw_slots_refuse(struct fw_slots *, const char *set, const char *reason);
void fw_slots_pin(struct fw_slots *, const char *set);
/* The reason, or NULL: it is not refused, or pinned. */
const char *fw_slots_refusal(const struct fw_slots *, const char *set);
bool fw_slots_is_pinned(const struct fw_slots *, const char *set);
/* Refused or pinned are also those that are so in 'other'. */
void fw_slots_learn(struct fw_slots *, const struct fw_slots *other);
/* Refused or pinned. */
size_t fw_slots_n_refused(const struct fw_slots *);
/* Forgets all of that. */
void fw_slots_forgive(struct fw_slots *);

/* Something that could not be rendered; the rest was. */
struct fw_problem {
    struct uuid port;           /* Or zero. */
    struct uuid group;          /* Or zero. */
    char *text;
};
struct fw_problems {
    struct fw_problem *p;
    size_t n, allocated;
};
void fw_problems_add(struct fw_problems *, const struct uuid *port,
                     const struct uuid *group, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void fw_problems_clear(struct fw_problems *);

/* The chains and hooks that do not depend on the policy. */
void fw_render_fixed(struct fw_ruleset *, const struct fw_layout *);

/* One rule of a group as a rule of the group's chain; 'set' is the name of
 * its remote group's set.  NULL, or why the rule cannot be expressed. */
const char *fw_render_rule(const struct sg_rule *, const char *set,
                           struct fw_rule *) SG_MUST_USE;

/* The whole desired ruleset, for a layout that passes fw_layout_check() (NULL
 * 'slots': slot a everywhere).  Never fails: a port or rule that cannot be
 * expressed is closed and named in 'problems' (may be NULL). */
struct fw_ruleset *fw_render(const struct sg_policy *,
                             const struct fw_layout *,
                             const struct fw_slots *,
                             struct fw_problems *);

#endif /* firewall/render.h */
