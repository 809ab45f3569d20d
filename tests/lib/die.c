/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* A sudden death, preloaded into sg-agent.
 *
 * DIE_AT says behind which write into the kernel, counted from 1: a table
 * replaced, a netlink message that changes a set, or a transaction of
 * nf_tables.  The process is killed
 * in no way that it could notice.  Afterwards the file that DIE_FILE names is
 * there. */

#include <config.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>

typedef ssize_t sendto_func(int, const void *, size_t, int,
                            const struct sockaddr *, socklen_t);
typedef int setsockopt_func(int, int, int, const void *, socklen_t);

/* Counts a write that was made. */
static void
count(void)
{
    static int n;
    const char *at = getenv("DIE_AT");
    const char *file = getenv("DIE_FILE");

    if (at && ++n == atoi(at)) {
        if (file) {
            close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        }
        kill(getpid(), SIGKILL);
        pause();
    }
}

static bool
is_write(const void *data, size_t size)
{
    const struct nlmsghdr *nlh = data;

    if (size >= sizeof *nlh && nlh->nlmsg_type == NFNL_MSG_BATCH_BEGIN) {
        return true;
    }
    if (size < sizeof *nlh
        || nlh->nlmsg_type >> 8 != NFNL_SUBSYS_IPSET) {
        return false;
    }
    switch (nlh->nlmsg_type & 0xff) {
    case IPSET_CMD_CREATE:
    case IPSET_CMD_DESTROY:
    case IPSET_CMD_FLUSH:
    case IPSET_CMD_RENAME:
    case IPSET_CMD_SWAP:
    case IPSET_CMD_ADD:
    case IPSET_CMD_DEL:
        return true;
    default:
        return false;
    }
}

/* What libmnl sends by. */
ssize_t
sendto(int fd, const void *data, size_t size, int flags,
       const struct sockaddr *to, socklen_t to_len)
{
    sendto_func *next = (sendto_func *) dlsym(RTLD_NEXT, "sendto");
    bool counts = (to && to->sa_family == AF_NETLINK
                   && is_write(data, size));
    ssize_t retval = next(fd, data, size, flags, to, to_len);

    if (counts) {
        count();
    }
    return retval;
}

/* What tables are committed by. */
int
setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    setsockopt_func *next = (setsockopt_func *) dlsym(RTLD_NEXT,
                                                      "setsockopt");
    bool counts = ((level == IPPROTO_IP || level == IPPROTO_IPV6)
                   && option == IPT_SO_SET_REPLACE);
    int retval = next(fd, level, option, value, size);

    if (counts) {
        count();
    }
    return retval;
}
