/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_FLOW_VERDICT_H
#define FIREWALL_FLOW_VERDICT_H 1

/* Does the policy still allow a tracked flow?  Pure.
 *
 * A flow is judged by its first packet and by nothing but the policy: would
 * the rules that fw_render() makes let that packet through its port's bridge
 * now?  What the flow was when it began does not matter, so a verdict can be
 * had at any time and as often as one likes.  The numbers in the code are
 * those of the list in render.c; a property test compares with the chains.
 *
 * The tracking does not keep which device a flow came from.  It is the
 * instance's own (egress) if its first source is an address of the port, and
 * if both ends are, the one that a longer prefix names is the instance's.  If
 * that does not decide, or nobody of the two is known, either direction may
 * allow it: better one flow too many than one that the policy allows cut.
 * MAC addresses are not kept either; a frame with a wrong one is dropped
 * whatever the flow.
 *
 * A flow that another one caused is judged as that one. */

#include "firewall/flow.h"
#include "sg/policy.h"

enum flow_verdict {
    FLOW_ALLOWED,
    FLOW_REVOKED,
    /* Its port does not track flows (any more): what is left of it is out of
     * date, and no packet looks at it. */
    FLOW_STALE,
    /* Nothing is to be done: the zone is no port's, or nothing has been told
     * about the port, or its rules cannot be put to it.  It is closed as long
     * as that is so. */
    FLOW_NOBODYS,
};

/* Which port has which zone.  Borrows the policy: to be made anew when that
 * has changed. */
struct flow_judge;
struct flow_judge *flow_judge_create(const struct sg_policy *);
void flow_judge_destroy(struct flow_judge *);
/* NULL: no port that rules can be put to has this zone. */
const struct sg_port *flow_judge_port(const struct flow_judge *,
                                      uint16_t zone);

enum flow_verdict flow_verdict(const struct flow_judge *,
                               const struct flow_entry *);

#endif /* firewall/flow_verdict.h */
