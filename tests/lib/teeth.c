/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A deliberate fault for sg-agent, preloaded into it.
 *
 * Changes of set members that the agent sends to the kernel do the opposite
 * of what it asked for, and the kernel says that all is well.  The program
 * itself is the one that users run.  The file that TEETH_FILE names decides,
 * for as long as it is there:
 *
 *   leak    a member to be deleted stays: its packets go on passing
 *   lose    a member to be added does not come: its packets never pass
 *
 * Or a larger set takes the place of one that its members fill:
 *
 *   swap    it gets as many members, but others
 *
 * Or flows that lost their permission are not marked:
 *
 *   unmark  their mark stays as it is
 *
 * The prober has to find it out.  One more, which no packet notices:
 *
 *   misread   a rule that names a source address is read from an IPv4 table
 *             with another one: the agent repairs what is not broken
 *
 * And one of time:
 *
 *   hurry     some milliseconds after the IPv6 raw table was written, a
 *             second has passed: at a first start the rules do not wait for
 *             the zones */

#include <config.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>

typedef ssize_t sendto_func(int, const void *, size_t, int,
                            const struct sockaddr *, socklen_t);
typedef int getsockopt_func(int, int, int, void *, socklen_t *);

typedef int setsockopt_func(int, int, int, const void *, socklen_t);
typedef int clock_gettime_func(clockid_t, struct timespec *);

/* When a second is skipped, in milliseconds of the clock; 0: never. */
static _Atomic int64_t hurry_at;
#define HURRY_MS 10

/* The second letter of the file, in which the two words differ, or '\0'. */
static char
fault(void)
{
    const char *name = getenv("TEETH_FILE");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    char letters[2] = "";

    if (fd >= 0) {
        if (read(fd, letters, sizeof letters) != sizeof letters) {
            letters[1] = '\0';
        }
        close(fd);
    }
    return letters[1];
}

/* Turns the command 'from' into 'to'.  The flag that lets the kernel refuse a
 * member that is there already, or is not, goes. */
static void
spoil(struct nlmsghdr *nlh, int from, int to)
{
    if (nlh->nlmsg_type == (NFNL_SUBSYS_IPSET << 8 | from)) {
        nlh->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | to;
        nlh->nlmsg_flags &= ~NLM_F_EXCL;
    }
}

/* The payload of the first attribute of this type in 'size' bytes, or NULL;
 * its size in '*found'. */
static char *
find_attr(char *p, size_t size, int type, size_t *found)
{
    while (size >= NLA_HDRLEN) {
        const struct nlattr *attr = (const struct nlattr *) p;
        size_t len = attr->nla_len;

        if (len < NLA_HDRLEN || len > size) {
            break;
        }
        if ((attr->nla_type & NLA_TYPE_MASK) == type) {
            *found = len - NLA_HDRLEN;
            return p + NLA_HDRLEN;
        }
        len = NLA_ALIGN(len);
        p += len;
        size -= len < size ? len : size;
    }
    return NULL;
}

/* Changes the address of one member, DATA { IP { address } }, in its first
 * byte, of either family. */
static void
swap_address(char *data, size_t size)
{
    size_t ip_size;
    char *ip = find_attr(data, size, IPSET_ATTR_IP, &ip_size);

    if (ip && ip_size > NLA_HDRLEN) {
        ip[NLA_HDRLEN] ^= 1;
    }
}

/* Has the mark of a flow set to what it has not. */
static void
unmark(struct nlmsghdr *nlh)
{
    size_t skip = NLMSG_LENGTH(sizeof(struct nfgenmsg));
    size_t n;
    char *mark;

    if (nlh->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8
                            | IPCTNL_MSG_CT_NEW)) {
        mark = find_attr((char *) nlh + skip, nlh->nlmsg_len - skip,
                         CTA_MARK, &n);
        if (mark) {
            memset(mark, 0, n);
        }
    }
}

/* Does so in an addition to a set that is filled aside. */
static void
swap_members(struct nlmsghdr *nlh)
{
    static const char tmp[] = "sg1-tmp-";
    size_t skip = NLMSG_LENGTH(sizeof(struct nfgenmsg));
    char *attrs = (char *) nlh + skip;
    size_t size = nlh->nlmsg_len - skip, n, rest;
    char *name = find_attr(attrs, size, IPSET_ATTR_SETNAME, &n);
    char *list, *data;

    if (nlh->nlmsg_type != (NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_ADD)
        || !name || n < sizeof tmp || memcmp(name, tmp, sizeof tmp - 1)) {
        return;
    }
    list = find_attr(attrs, size, IPSET_ATTR_ADT, &rest);
    if (!list) {
        data = find_attr(attrs, size, IPSET_ATTR_DATA, &n);
        if (data) {
            swap_address(data, n);
        }
        return;
    }
    while ((data = find_attr(list, rest, IPSET_ATTR_DATA, &n)) != NULL) {
        swap_address(data, n);
        n = NLA_ALIGN(n) + (data - list);
        list += n;
        rest -= n < rest ? n : rest;
    }
}

/* What libmnl sends by. */
ssize_t
sendto(int fd, const void *data, size_t size, int flags,
       const struct sockaddr *to, socklen_t to_len)
{
    sendto_func *next = (sendto_func *) dlsym(RTLD_NEXT, "sendto");
    char copy[1 << 17];
    char letter;

    if (!to || to->sa_family != AF_NETLINK || size > sizeof copy
        || !(letter = fault())) {
        return next(fd, data, size, flags, to, to_len);
    }
    struct nlmsghdr *nlh = (struct nlmsghdr *) copy;
    int left = size;
    memcpy(copy, data, size);
    for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
        if (letter == 'e') {
            spoil(nlh, IPSET_CMD_DEL, IPSET_CMD_ADD);
        } else if (letter == 'o') {
            spoil(nlh, IPSET_CMD_ADD, IPSET_CMD_DEL);
        } else if (letter == 'w') {
            swap_members(nlh);
        } else if (letter == 'n') {
            unmark(nlh);
        }
    }
    return next(fd, copy, size, flags, to, to_len);
}

/* Changes the first rule with a source address. */
static void
misread(struct ipt_get_entries *entries)
{
    char *start = (char *) entries->entrytable;

    for (size_t at = 0; at < entries->size;) {
        struct ipt_entry *entry = (struct ipt_entry *) (start + at);

        if (entry->ip.smsk.s_addr == UINT32_MAX) {
            entry->ip.src.s_addr ^= UINT32_C(1) << 24;
            return;
        }
        at += entry->next_offset;
    }
}

/* What tables are read by. */
int
getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    getsockopt_func *next = (getsockopt_func *) dlsym(RTLD_NEXT,
                                                      "getsockopt");
    int retval = next(fd, level, option, value, size);

    if (!retval && level == IPPROTO_IP && option == IPT_SO_GET_ENTRIES
        && fault() == 'i') {
        misread(value);
    }
    return retval;
}

/* What libiptc writes by. */
int
setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    setsockopt_func *next = (setsockopt_func *) dlsym(RTLD_NEXT,
                                                      "setsockopt");
    int retval = next(fd, level, option, value, size);

    if (!retval && level == IPPROTO_IPV6 && option == IP6T_SO_SET_REPLACE
        && !strcmp(((const struct ip6t_replace *) value)->name, "raw")
        && !hurry_at && fault() == 'u') {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        hurry_at = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000
                   + HURRY_MS;
    }
    return retval;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    static clock_gettime_func *next;
    int retval;

    if (!next) {
        next = (clock_gettime_func *) dlsym(RTLD_NEXT, "clock_gettime");
    }
    retval = next(id, ts);
    if (!retval && id == CLOCK_MONOTONIC) {
        int64_t ms = ts->tv_sec * INT64_C(1000) + ts->tv_nsec / 1000000;

        ts->tv_sec += hurry_at && ms >= hurry_at;
    }
    return retval;
}
