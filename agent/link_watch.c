/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/link_watch.h"

#include <limits.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "agent/plug.h"
#include "netlink-notifier.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rtnetlink.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(link_watch);

/* Plugging one port makes a dozen notifications; a dump of 3,000 links takes
 * some 10 ms.  So the first one is followed at once, the next ones wait. */
#define LINK_WATCH_INTERVAL_MS 20
/* A host has at most some thousand links; more is somebody else's error. */
#define LINK_WATCH_MAX_LINKS 65536

struct link_watch {
    struct nln_notifier *notifier;
    struct plug_table *table;
    bool dirty;
    long long int next_dump;    /* Not before this time. */
    int error;
};

static void
link_watch_changed(const struct rtnetlink_change *change OVS_UNUSED,
                   void *lw_)
{
    struct link_watch *lw = lw_;

    lw->dirty = true;
}

struct link_watch *
link_watch_create(void)
{
    struct link_watch *lw = xzalloc(sizeof *lw);

    /* Listen first, then look: nothing falls between. */
    lw->notifier = rtnetlink_notifier_create(link_watch_changed, lw);
    lw->dirty = true;
    return lw;
}

void
link_watch_destroy(struct link_watch *lw)
{
    if (lw) {
        rtnetlink_notifier_destroy(lw->notifier);
        plug_table_destroy(lw->table);
        free(lw);
    }
}

/* One RTM_NEWLINK of a dump.  False if it cannot be read. */
static bool
parse_link(struct ofpbuf *msg, struct plug_link *link)
{
    static const struct nl_policy policy[] = {
        [IFLA_IFNAME] = { .type = NL_A_STRING, .optional = false,
                          .max_len = IFNAMSIZ },
        [IFLA_MASTER] = { .type = NL_A_U32, .optional = true },
        [IFLA_LINK] = { .type = NL_A_U32, .optional = true },
        [IFLA_LINK_NETNSID] = { .type = NL_A_U32, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    const struct ifinfomsg *ifi;

    if (!nl_policy_parse(msg, NLMSG_HDRLEN + sizeof *ifi, policy, attrs,
                         ARRAY_SIZE(policy))) {
        return false;
    }
    ifi = ofpbuf_at_assert(msg, NLMSG_HDRLEN, sizeof *ifi);
    memset(link, 0, sizeof *link);
    link->index = ifi->ifi_index;
    ovs_strlcpy(link->name, nl_attr_get_string(attrs[IFLA_IFNAME]),
                sizeof link->name);
    if (attrs[IFLA_MASTER]) {
        link->master = nl_attr_get_u32(attrs[IFLA_MASTER]);
    }
    /* With IFLA_LINK_NETNSID the peer's index belongs to another namespace
     * and says nothing here (drivers/net/veth.c, rtnetlink.c). */
    if (attrs[IFLA_LINK] && !attrs[IFLA_LINK_NETNSID]) {
        link->peer = nl_attr_get_u32(attrs[IFLA_LINK]);
    }
    return true;
}

/* Dumps all links.  0 and a new table, or errno. */
static int
dump_links(struct plug_table **table)
{
    uint64_t stub[NL_DUMP_BUFSIZE / 8];
    struct ofpbuf request, reply, buf;
    struct plug_link *links = NULL;
    size_t n = 0, allocated = 0;
    struct ifinfomsg *ifi;
    struct nl_dump dump;
    int error;

    ofpbuf_init(&request, 0);
    nl_msg_put_nlmsghdr(&request, sizeof *ifi, RTM_GETLINK, NLM_F_REQUEST);
    ifi = ofpbuf_put_zeros(&request, sizeof *ifi);
    ifi->ifi_family = AF_UNSPEC;
    /* Names, masters and peers are all we want: without this each link comes
     * with its statistics and with 800 bytes about its IPv6 (kernel,
     * rtnl_fill_ifinfo()). */
    nl_msg_put_u32(&request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    nl_dump_start(&dump, NETLINK_ROUTE, &request);
    ofpbuf_uninit(&request);

    ofpbuf_use_stub(&buf, stub, sizeof stub);
    while (nl_dump_next(&dump, &reply, &buf)) {
        if (n >= LINK_WATCH_MAX_LINKS) {
            continue;
        }
        if (n >= allocated) {
            links = x2nrealloc(links, &allocated, sizeof *links);
        }
        n += parse_link(&reply, &links[n]);
    }
    ofpbuf_uninit(&buf);
    error = nl_dump_done(&dump);
    if (!error) {
        *table = plug_table_create(links, n);
    }
    free(links);
    return error;
}

bool
link_watch_run(struct link_watch *lw, long long int now)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct plug_table *table;
    bool changed;

    rtnetlink_run();
    if (!lw->dirty || now < lw->next_dump) {
        return false;
    }
    lw->next_dump = now + LINK_WATCH_INTERVAL_MS;
    lw->dirty = false;
    lw->error = dump_links(&table);
    if (lw->error) {
        VLOG_WARN_RL(&rl, "listing links failed (%s), trying again",
                     ovs_strerror(lw->error));
        lw->dirty = true;
        return false;
    }
    changed = !lw->table || !plug_table_equals(lw->table, table);
    plug_table_destroy(lw->table);
    lw->table = table;
    return changed;
}

void
link_watch_wait(struct link_watch *lw)
{
    rtnetlink_wait();
    if (lw->dirty) {
        poll_timer_wait_until(lw->next_dump);
    }
}

const struct plug_table *
link_watch_table(const struct link_watch *lw)
{
    return lw->table;
}

int
link_watch_error(const struct link_watch *lw)
{
    return lw->error;
}
