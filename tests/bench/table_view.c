/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/table_view.h"

#include <errno.h>
/* Before the kernel's headers: theirs gives way, the C library's does not. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "util.h"

struct table_view {
    int sockets[SG_N_FAMILIES];
};

/* One answer serves both families. */
BUILD_ASSERT_DECL(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo));
BUILD_ASSERT_DECL(offsetof(struct ipt_getinfo, num_entries)
                  == offsetof(struct ip6t_getinfo, num_entries));
BUILD_ASSERT_DECL(offsetof(struct ipt_getinfo, size)
                  == offsetof(struct ip6t_getinfo, size));

int
table_view_open(struct table_view **tvp)
{
    struct table_view *tv = xzalloc(sizeof *tv);

    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        tv->sockets[f] = -1;
    }
    for (size_t f = 0; f < SG_N_FAMILIES; f++) {
        tv->sockets[f] = socket(f == SG_IPV4 ? AF_INET : AF_INET6,
                                SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        if (tv->sockets[f] < 0) {
            int error = errno;

            table_view_close(tv);
            return error;
        }
    }
    *tvp = tv;
    return 0;
}

void
table_view_close(struct table_view *tv)
{
    if (tv) {
        for (size_t f = 0; f < SG_N_FAMILIES; f++) {
            if (tv->sockets[f] >= 0) {
                close(tv->sockets[f]);
            }
        }
        free(tv);
    }
}

int
table_view_entries(struct table_view *tv, enum sg_family family,
                   const char *table, uint32_t *n)
{
    uint32_t bytes;

    return table_view_size(tv, family, table, n, &bytes);
}

int
table_view_size(struct table_view *tv, enum sg_family family,
                const char *table, uint32_t *n, uint32_t *bytes)
{
    struct ipt_getinfo info = { .valid_hooks = 0 };
    socklen_t len = sizeof info;

    ovs_strlcpy(info.name, table, sizeof info.name);
    if (getsockopt(tv->sockets[family],
                   family == SG_IPV4 ? IPPROTO_IP : IPPROTO_IPV6,
                   family == SG_IPV4 ? IPT_SO_GET_INFO : IP6T_SO_GET_INFO,
                   &info, &len)) {
        return errno;
    }
    *n = info.num_entries;
    *bytes = info.size;
    return 0;
}
