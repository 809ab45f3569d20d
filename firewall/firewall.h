/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_FIREWALL_H
#define FIREWALL_FIREWALL_H 1

/* The facade: two lanes from policy to packet filter.
 *
 * Member lane: firewall_members() turns the net member changes of one loop
 * turn into set operations at once.  Its cost depends on the delta alone.
 *
 * Structure lane: firewall_apply() renders the policy in full, reads the
 * tables, plans and applies; the caller paces it.
 *
 * The lanes meet in one rule.  While a commit that takes away or narrows a
 * rule naming set S waits or fails, additions to S wait for it; deletions
 * never wait for a commit that waits or fails.  firewall_hold() says what is
 * about to change: every set used by those ports, or by ports of those groups,
 * is held until the next successful firewall_apply().  If users
 * and content of a held set change, that apply does not edit it: the new
 * content goes into the other slot, the commit switches the rules.
 *
 * What leaves a held set may be allowed by a rule that is about to come, and
 * who waits for one set may be leaving another.  So it is deleted by the
 * apply, and firewall_is_urgent() asks for one in this turn of the loop; if
 * that fails, for whatever reason, the member is deleted before it returns,
 * and until one succeeds deletions are written at once.
 *
 * Before the first complete answer (firewall_set_complete) nothing is
 * written: neither lane touches the kernel.
 *
 * The first prefix of a group needs a set of its own and rules that name it:
 * firewall_needs_apply() asks for an apply, and who leaves meanwhile leaves
 * with that.  Later ones take the member lane.
 *
 * A set that the kernel refuses to make (no room for one more, a name taken by
 * somebody's set of another type, a member it does not take) costs only the
 * rules that name it: they are left out and named as problems (or match fewer
 * members, if the set is in use), all else is applied, and
 * firewall_lacks_sets() asks for another try.  If the refused set was to be
 * the other slot of one that is in use, that one is edited in place, with a
 * gap if need be.
 *
 * What a set holds is known while this object filled it or read it since; a
 * set of doubtful content (found at start, failed batch) is read back before
 * it is trusted. */

#include "firewall/backend.h"
#include "firewall/render.h"
#include "firewall/trace.h"

struct firewall;

/* Takes ownership of the backend. */
struct firewall *firewall_create(struct fw_backend *,
                                 const struct fw_layout *, uint32_t tag);
void firewall_destroy(struct firewall *);       /* Leaves the kernel alone. */

/* Reads the kernel for what outlives the agent: conntrack zones that rules of
 * the raw tables give, ours and others', and bridges that ours do not track,
 * in both families.  Calls 'zone' for each.  '*fresh': no security table has a
 * chain or hook of ours, so nothing on this host was filtered by us so far;
 * leaves of ours in raw do not matter: an agent may have ended after it gave
 * the zones.  Call before the first apply.  On an error (EAGAIN: lock held)
 * call again; 'zone' is called again for the same rules. */
int firewall_recover(struct firewall *, fw_zone_cb *zone, void *aux,
                     bool *fresh) SG_MUST_USE;

/* Did firewall_recover() find our hooks in the security tables of both
 * families, leading to chains that end in DROP?  Until the first apply. */
bool firewall_was_hooked(const struct firewall *);

/* From now on writing (and sweeping) is allowed. */
void firewall_set_complete(struct firewall *);
bool firewall_is_complete(const struct firewall *);
/* How far applies go from now on; at first FW_SCOPE_ALL.  An apply in scope
 * ZONES brings no generation into force and leaves the lanes alone. */
void firewall_set_scope(struct firewall *, enum fw_scope);

/* Net change of the members of one group in this turn. */
struct fw_member_change {
    struct uuid group;
    const struct sg_prefix *added, *removed;
    size_t n_added, n_removed;
};
/* Returns 0 or the first errno; the failing set is doubtful from then on, and
 * firewall_needs_apply() is true. */
int firewall_members(struct firewall *, const struct sg_policy *,
                     const struct fw_member_change *, size_t n) SG_MUST_USE;

/* The ports on these devices and the rules of these groups are about to
 * change: hold every set that is used by one of those ports, or by a port of
 * one of those groups. */
void firewall_hold(struct firewall *,
                   const char *const *devices, size_t n_devices,
                   const struct uuid *groups, size_t n_groups);

/* Is there a deletion that is written by the next apply?  Then the caller
 * calls firewall_apply() in this turn, whatever else it gathers or waits
 * for. */
bool firewall_is_urgent(const struct firewall *);

/* Is everybody out of the sets who has left a group?  While a commit waits or
 * fails that is so long before the generation is in force. */
bool firewall_has_deleted(const struct firewall *);

/* Does something wait for an apply besides what the caller knows (doubtful
 * sets, failed steps, first prefixes, urgent deletions)? */
bool firewall_needs_apply(const struct firewall *);
/* Is there a set that the last apply could not destroy, because somebody lists
 * it?  It harms nobody and is in no generation's way: try again some time. */
bool firewall_has_litter(const struct firewall *);
/* Did the kernel refuse sets in the last apply?  All else is in force; it is
 * for the caller to try again some time. */
bool firewall_lacks_sets(const struct firewall *);

/* The next apply reads every table.  Others leave out tables that are as they
 * are to be by all that is known and have not changed their size: an edit of
 * another program that leaves the size as it was is found, and undone, by an
 * apply after this. */
void firewall_refresh(struct firewall *);

/* What an apply did, or why it did not.  Kept until the next one. */
struct fw_result {
    int error;                  /* 0: the kernel is at 'generation'. */
    char *error_text;           /* "step, object: text", or NULL. */
    uint64_t generation;        /* What was tried. */
    size_t n_steps, n_commits, n_edits, n_added, n_removed;
    struct fw_problems problems; /* Of the last rendering. */
};
int firewall_apply(struct firewall *, const struct sg_policy *) SG_MUST_USE;
const struct fw_result *firewall_result(const struct firewall *);
uint64_t firewall_applied(const struct firewall *);     /* Generation. */
/* The caller knows of nothing that waits for an apply.  Unless something
 * waits here, 'policy' is in force: the member lane alone brings a generation
 * into the kernel, too. */
void firewall_note_applied(struct firewall *, const struct sg_policy *);

/* Re-reads everything, sets included, and repairs on the next apply; what
 * differed is appended to 'text' (one line each, and one per table as a
 * heading).  0 or errno. */
int firewall_verify(struct firewall *, const struct sg_policy *, struct ds *,
                    size_t *n_differences) SG_MUST_USE;

/* What an apply would do now with 'policy'; no write.  Caller destroys. */
int firewall_dry_run(struct firewall *, const struct sg_policy *,
                     struct fw_plan **) SG_MUST_USE;

/* The installed state with counters (read from the kernel now) in which each
 * rule's 'origin' is set; caller destroys. */
int firewall_snapshot(struct firewall *, const struct sg_policy *,
                      struct fw_ruleset **) SG_MUST_USE;

/* What becomes of a packet now, by the installed state of its family, and
 * why; nothing is written.  Returns 0 and a trace that the caller destroys, or
 * a malloc'd sentence in '*why'; or an errno.  Reads the three tables of the
 * family and renders the policy: some 20 ms with 1,000 ports. */
int firewall_trace(struct firewall *, const struct sg_policy *,
                   const struct fw_trace_query *, struct fw_trace **,
                   char **why) SG_MUST_USE;

/* Counters since start. */
struct fw_stats {
    uint64_t applies, applies_failed, commits, edits;
    uint64_t member_batches, members_added, members_removed;
    uint64_t members_failed, lock_busy, sets_created, sets_destroyed;
    uint64_t sets_grown, sets_grow_failed;      /* To a larger size. */
    size_t n_sets, n_held, n_waiting;   /* Now; additions that wait. */
    size_t n_refused;           /* Sets the last apply had to do without, or
                                 * that did not take all their members. */
};
void firewall_get_stats(const struct firewall *, struct fw_stats *);

#endif /* firewall/firewall.h */
