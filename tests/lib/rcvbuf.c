/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Larger receive buffers for the lab's datapaths, preloaded into
 * ovs-vswitchd.
 *
 * Its userspace datapath fetches frames through packet sockets of the default
 * size, 208 KiB, which is some 300 small frames: less than 20 ms at the rate
 * of a prober.  When the machine has other work, frames are dropped there that
 * no filter has seen.  The default is one for all network namespaces, and not
 * ours to change. */

#include <config.h>

#include <dlfcn.h>
#include <sys/socket.h>

enum { RCVBUF = 2 << 20 };        /* The kernel doubles it. */

typedef int socket_func(int, int, int);

int
socket(int domain, int type, int protocol)
{
    socket_func *next = (socket_func *) dlsym(RTLD_NEXT, "socket");
    int fd = next(domain, type, protocol);

    if (fd >= 0 && domain == AF_PACKET) {
        int size = RCVBUF;

        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    }
    return fd;
}
