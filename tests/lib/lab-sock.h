/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef LAB_SOCK_H
#define LAB_SOCK_H 1

/* Sockets in other network namespaces, for the programs that send packets
 * between a lab's instances.
 *
 * A socket belongs for good to the namespace in which it was made.  So one
 * process, with one clock and one memory, can be the sender in one instance
 * and the receiver in another: nothing has to be merged afterwards, and "was
 * it received" is a look into an array. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address with a port. */
union lab_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* 'text' and 'port' to an address; false if 'text' is none. */
bool lab_addr_parse(const char *text, uint16_t port, union lab_addr *);
void lab_addr_set_port(union lab_addr *, uint16_t port);
socklen_t lab_addr_len(const union lab_addr *);
bool lab_addr_equal(const union lab_addr *, const union lab_addr *);

/* socket(2), non-blocking, in the namespace of the file 'netns'
 * ("/proc/PID/ns/net"); -1 and errno on failure. */
int lab_socket(const char *netns, int family, int type, int protocol);

/* Lets 'fd' use a source address that is not its namespace's; 0 or errno. */
int lab_set_transparent(int fd, int family);

/* As many descriptors as this process may have. */
void lab_raise_fd_limit(void);

/* Microseconds of CLOCK_MONOTONIC. */
int64_t lab_now_us(void);

#endif /* tests/lib/lab-sock.h */
