/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* lab-flow: does a packet of this kind get from here to there?
 *
 * Reads one check per line, tries them all at the same time, prints one JSON
 * line per check:
 *
 *   {"id":"7","seen":true,"reply":false,"us":812,"error":null}
 *
 * 'seen' says that the packet itself came out of the receiving socket in the
 * other instance; for TCP, that the connection was established.  'reply' says
 * that the answer came back as well (TCP, and echo requests).  'us' is the
 * time from the first try to the first sight.  'error' is what kept the check
 * from being made at all; a check that was not made is not a denied one.
 *
 * A line is words KEY=VALUE:
 *   id=WORD                 printed again
 *   proto=tcp|udp|icmp|N    N: a protocol number, with a small payload
 *   src=PATH from=ADDR      namespace and address of the sender
 *   dst=PATH to=ADDR        and of the receiver
 *   port=N                  destination port (tcp, udp)
 *   sport=N                 source port
 *   type=N                  ICMP type, default echo request
 *   smac=MAC dmac=MAC       udp only: build the frame, with these addresses
 *   spoof=1                 'from' is not an address of the sender
 */

#include <errno.h>
#include <inttypes.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/lib/lab-sock.h"

enum { MAX_CHECKS = 512, MAX_WORD = 128, MAX_LINE = 1024, TCP_TRIES_MAX = 8 };

/* What lab-flow puts into each packet. */
struct payload {
    uint32_t nonce;             /* Of this run. */
    uint32_t index;             /* Of the check. */
};

struct check {
    char id[MAX_WORD];
    char src[MAX_WORD], dst[MAX_WORD];
    char from_text[MAX_WORD], to_text[MAX_WORD];
    int protocol;               /* IPPROTO_*; ICMP also stands for ICMPv6. */
    int port, sport, icmp_type;
    bool spoof, frame;
    uint8_t smac[6], dmac[6];

    union lab_addr from, to;
    int rx;                     /* Receives at the destination. */
    int tx;                     /* Sends; hears echo replies. */
    int tcp[TCP_TRIES_MAX];
    int n_tcp;
    int64_t first_us, seen_us;  /* 0: not yet. */
    bool reply;
    char error[160];
};

static struct check checks[MAX_CHECKS];
static size_t n_checks;
static uint32_t nonce;

static bool
is_v4(const struct check *c)
{
    return c->to.sa.sa_family == AF_INET;
}

static bool
done(const struct check *c)
{
    bool wants_reply = c->protocol == IPPROTO_TCP
                       || c->protocol == IPPROTO_ICMP;
    return c->error[0] || (c->seen_us && (c->reply || !wants_reply));
}

static void
fail(struct check *c, const char *what)
{
    snprintf(c->error, sizeof c->error, "%s: %s", what, strerror(errno));
}

/* --- Reading --- */

static void
die_at(size_t line, const char *what, const char *word)
{
    fprintf(stderr, "lab-flow: line %zu: %s: %s\n", line, what, word);
    exit(2);
}

static bool
parse_mac(const char *text, uint8_t mac[6])
{
    return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0],
                  &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) == 6;
}

/* Takes one word apart; false if it makes no sense. */
static bool
parse_word(struct check *c, char *word)
{
    static const struct {
        const char *key;
        size_t offset;
    } texts[] = {
        { "id", offsetof(struct check, id) },
        { "src", offsetof(struct check, src) },
        { "dst", offsetof(struct check, dst) },
        { "from", offsetof(struct check, from_text) },
        { "to", offsetof(struct check, to_text) },
    };
    char *value = strchr(word, '=');

    if (!value) {
        return false;
    }
    *value++ = '\0';
    if (strlen(value) >= MAX_WORD || strpbrk(value, "\"\\")) {
        return false;
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!strcmp(word, texts[i].key)) {
            strcpy((char *) c + texts[i].offset, value);
            return true;
        }
    }
    if (!strcmp(word, "smac") || !strcmp(word, "dmac")) {
        c->frame = true;
        return parse_mac(value, word[0] == 's' ? c->smac : c->dmac);
    }
    if (!strcmp(word, "proto")) {
        c->protocol = !strcmp(value, "tcp") ? IPPROTO_TCP
                      : !strcmp(value, "udp") ? IPPROTO_UDP
                      : !strcmp(value, "icmp") ? IPPROTO_ICMP : atoi(value);
        return c->protocol > 0 && c->protocol < 256;
    }
    int *number = !strcmp(word, "port") ? &c->port
                  : !strcmp(word, "sport") ? &c->sport
                  : !strcmp(word, "type") ? &c->icmp_type : NULL;
    if (number) {
        *number = atoi(value);
        return *number >= 0 && *number <= 65535;
    }
    if (!strcmp(word, "spoof")) {
        c->spoof = value[0] == '1';
        return true;
    }
    return false;
}

static void
read_checks(FILE *stream)
{
    char text[MAX_LINE];

    for (size_t line = 1; fgets(text, sizeof text, stream); line++) {
        if (n_checks == MAX_CHECKS) {
            die_at(line, "too many checks", "limit 512");
        }
        struct check *c = &checks[n_checks];
        *c = (struct check) { .rx = -1, .tx = -1, .icmp_type = -1 };
        char *save = NULL;
        char *word = strtok_r(text, " \n", &save);
        if (!word) {
            continue;
        }
        for (; word; word = strtok_r(NULL, " \n", &save)) {
            if (!parse_word(c, word)) {
                die_at(line, "not understood", word);
            }
        }
        if (!lab_addr_parse(c->from_text, c->sport, &c->from)
            || !lab_addr_parse(c->to_text, c->port, &c->to)
            || c->from.sa.sa_family != c->to.sa.sa_family) {
            die_at(line, "from= and to= must be addresses of one family",
                   c->id);
        }
        if (!c->protocol || !c->src[0] || !c->dst[0]
            || (c->frame && c->protocol != IPPROTO_UDP)) {
            die_at(line, "proto=, src= and dst= are needed; smac= for udp",
                   c->id);
        }
        if (c->icmp_type < 0) {
            c->icmp_type = is_v4(c) ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
        }
        n_checks++;
    }
}

/* --- Sockets --- */

static int
raw_protocol(const struct check *c)
{
    return c->protocol == IPPROTO_ICMP && !is_v4(c) ? IPPROTO_ICMPV6
                                                    : c->protocol;
}

/* The receiving socket; checks with the same destination share it. */
static void
open_rx(struct check *c)
{
    int on = 1;

    for (struct check *o = checks; o < c; o++) {
        if (o->rx >= 0 && !strcmp(o->dst, c->dst)
            && o->protocol == c->protocol && lab_addr_equal(&o->to, &c->to)) {
            c->rx = o->rx;
            return;
        }
    }
    bool tcp = c->protocol == IPPROTO_TCP;
    bool udp = c->protocol == IPPROTO_UDP;
    c->rx = lab_socket(c->dst, c->to.sa.sa_family,
                       tcp ? SOCK_STREAM : udp ? SOCK_DGRAM : SOCK_RAW,
                       tcp || udp ? 0 : raw_protocol(c));
    if (c->rx < 0) {
        fail(c, "receiver");
        return;
    }
    setsockopt(c->rx, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    union lab_addr to = c->to;
    if (!tcp && !udp) {
        to.in.sin_port = 0;     /* The same place in both families. */
    }
    if (bind(c->rx, &to.sa, lab_addr_len(&to))
        || (tcp && listen(c->rx, 128))) {
        fail(c, "receiver");
    }
}

static int
open_tx(struct check *c, int type, int protocol)
{
    int on = 1;
    int fd = lab_socket(c->src, c->from.sa.sa_family, type, protocol);

    if (fd < 0) {
        fail(c, "sender");
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    errno = c->spoof ? lab_set_transparent(fd, c->from.sa.sa_family) : 0;
    union lab_addr from = c->from;
    if (type == SOCK_RAW) {
        from.in.sin_port = 0;
    }
    if (errno || bind(fd, &from.sa, lab_addr_len(&from))) {
        fail(c, "sender");
        close(fd);
        return -1;
    }
    return fd;
}

static int
open_frame(struct check *c)
{
    int fd = lab_socket(c->src, AF_PACKET, SOCK_RAW, 0);
    struct ifreq ifreq = { .ifr_name = "eth0" };
    struct sockaddr_ll ll = { .sll_family = AF_PACKET };

    if (fd < 0 || ioctl(fd, SIOCGIFINDEX, &ifreq)) {
        fail(c, "eth0");
        return fd;
    }
    ll.sll_ifindex = ifreq.ifr_ifindex;
    if (bind(fd, (struct sockaddr *) &ll, sizeof ll)) {
        fail(c, "eth0");
    }
    return fd;
}

static void
open_check(struct check *c)
{
    open_rx(c);
    if (c->error[0]) {
        return;
    }
    if (c->frame) {
        c->tx = open_frame(c);
    } else if (c->protocol == IPPROTO_UDP) {
        c->tx = open_tx(c, SOCK_DGRAM, 0);
    } else if (c->protocol != IPPROTO_TCP) {
        c->tx = open_tx(c, SOCK_RAW, raw_protocol(c));
    }
}

/* --- Sending --- */

static uint32_t
sum16(uint32_t sum, const void *data, size_t size)
{
    const uint8_t *p = data;

    for (size_t i = 0; i + 1 < size; i += 2) {
        sum += p[i] << 8 | p[i + 1];
    }
    return sum + (size % 2 ? (uint32_t) p[size - 1] << 8 : 0);
}

static uint16_t
fold16(uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum;
}

static void
put16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

/* Builds an Ethernet frame with a UDP packet in 'f'; returns its size. */
static size_t
build_frame(const struct check *c, const struct payload *payload, uint8_t *f)
{
    bool v4 = is_v4(c);
    size_t addr_size = v4 ? 4 : 16;
    size_t udp_size = 8 + sizeof *payload;
    uint8_t *ip = f + ETH_HLEN;
    uint8_t *udp = ip + (v4 ? 20 : 40);
    const void *src = v4 ? (const void *) &c->from.in.sin_addr
                         : &c->from.in6.sin6_addr;
    const void *dst = v4 ? (const void *) &c->to.in.sin_addr
                         : &c->to.in6.sin6_addr;

    memset(f, 0, udp + udp_size - f);
    memcpy(f, c->dmac, 6);
    memcpy(f + 6, c->smac, 6);
    put16(f + 12, v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
    if (v4) {
        ip[0] = 0x45;
        put16(ip + 2, 20 + udp_size);
        ip[8] = 64;
        ip[9] = IPPROTO_UDP;
        memcpy(ip + 12, src, 4);
        memcpy(ip + 16, dst, 4);
        put16(ip + 10, fold16(sum16(0, ip, 20)));
    } else {
        ip[0] = 0x60;
        put16(ip + 4, udp_size);
        ip[6] = IPPROTO_UDP;
        ip[7] = 64;
        memcpy(ip + 8, src, 16);
        memcpy(ip + 24, dst, 16);
    }
    put16(udp, c->sport ? c->sport : 40000);
    put16(udp + 2, c->port);
    put16(udp + 4, udp_size);
    memcpy(udp + 8, payload, sizeof *payload);
    uint32_t sum = IPPROTO_UDP + udp_size;
    sum = sum16(sum, src, addr_size);
    sum = sum16(sum, dst, addr_size);
    uint16_t checksum = fold16(sum16(sum, udp, udp_size));
    put16(udp + 6, checksum ? checksum : 0xffff);
    return udp + udp_size - f;
}

static void
send_once(struct check *c, const void *data, size_t size)
{
    union lab_addr to = c->to;

    if (c->protocol != IPPROTO_UDP) {
        to.in.sin_port = 0;
    }
    ssize_t n = c->frame ? send(c->tx, data, size, 0)
                         : sendto(c->tx, data, size, 0, &to.sa,
                                  lab_addr_len(&to));
    /* An earlier try's ICMP error is reported here; it is no answer. */
    if (n < 0 && errno != ECONNREFUSED && errno != EHOSTUNREACH
        && errno != EAGAIN && errno != EACCES) {
        fail(c, "send");
    }
}

static void
try_tcp(struct check *c)
{
    struct linger linger = { .l_onoff = 1 };
    int fd;

    if (c->n_tcp == TCP_TRIES_MAX || (c->sport && c->n_tcp)) {
        return;                 /* The kernel repeats the SYN itself. */
    }
    fd = open_tx(c, SOCK_STREAM, 0);
    if (fd < 0) {
        return;
    }
    /* Leave no connection behind: close with a reset. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    c->tcp[c->n_tcp++] = fd;
    if (connect(fd, &c->to.sa, lab_addr_len(&c->to))
        && errno != EINPROGRESS) {
        fail(c, "connect");
    }
}

static void
try_once(struct check *c)
{
    struct payload payload = { nonce, c - checks };
    uint8_t buffer[256] = { 0 };
    size_t size = sizeof payload;

    if (!c->first_us) {
        c->first_us = lab_now_us();
    }
    if (c->protocol == IPPROTO_TCP) {
        try_tcp(c);
        return;
    }
    if (c->frame) {
        size = build_frame(c, &payload, buffer);
    } else if (c->protocol == IPPROTO_ICMP) {
        buffer[0] = c->icmp_type;
        put16(buffer + 4, nonce);
        put16(buffer + 6, payload.index);
        memcpy(buffer + 8, &payload, sizeof payload);
        size += 8;
        if (is_v4(c)) {
            put16(buffer + 2, fold16(sum16(0, buffer, size)));
        }
    } else {
        memcpy(buffer, &payload, sizeof payload);
    }
    send_once(c, buffer, size);
}

/* --- Receiving --- */

/* Looks for the payload in what came out of 'fd'; the packet must be the one
 * that its check sent, the right type of ICMP included. */
static void
receive(int fd, const struct check *owner, bool at_receiver)
{
    uint8_t buffer[2048];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof buffer, 0)) >= 0) {
        const uint8_t *p = buffer;
        bool raw = owner->protocol != IPPROTO_UDP;
        struct payload payload;

        if (raw && is_v4(owner)) {
            size_t header = (buffer[0] & 0x0f) * 4;     /* IPv4 only. */
            p += header;
            n -= header;
        }
        const uint8_t *icmp = p;
        if (owner->protocol == IPPROTO_ICMP) {
            p += 8;
            n -= 8;
        }
        if (n < (ssize_t) sizeof payload) {
            continue;
        }
        memcpy(&payload, p, sizeof payload);
        if (payload.nonce != nonce || payload.index >= n_checks) {
            continue;
        }
        struct check *c = &checks[payload.index];
        if (c->protocol != owner->protocol || is_v4(c) != is_v4(owner)) {
            continue;
        }
        if (c->protocol == IPPROTO_ICMP) {
            int answer = is_v4(c) ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
            if (!at_receiver) {
                c->reply = c->reply || icmp[0] == answer;
                continue;
            }
            if (icmp[0] != c->icmp_type) {
                continue;
            }
        }
        if (at_receiver && !c->seen_us) {
            c->seen_us = lab_now_us();
        }
    }
}

static void
look_tcp(struct check *c)
{
    for (int i = 0; i < c->n_tcp; i++) {
        struct pollfd pfd = { .fd = c->tcp[i], .events = POLLOUT };
        int error = 0;
        socklen_t size = sizeof error;

        if (poll(&pfd, 1, 0) > 0
            && !getsockopt(pfd.fd, SOL_SOCKET, SO_ERROR, &error, &size)
            && !error && !(pfd.revents & (POLLERR | POLLHUP))) {
            c->seen_us = lab_now_us();
            c->reply = true;
            return;
        }
    }
}

static void
drain_accepts(struct check *c)
{
    int fd;

    while ((fd = accept(c->rx, NULL, NULL)) >= 0) {
        close(fd);
    }
}

/* Receives for all checks until 'deadline' or until all are done. */
static bool
look_until(int64_t deadline)
{
    for (;;) {
        bool all = true;
        for (struct check *c = checks; c < checks + n_checks; c++) {
            if (c->error[0]) {
                continue;
            }
            if (c->protocol == IPPROTO_TCP) {
                if (!c->seen_us) {
                    look_tcp(c);
                }
                drain_accepts(c);
            } else {
                receive(c->rx, c, true);
                if (c->protocol == IPPROTO_ICMP) {
                    receive(c->tx, c, false);
                }
            }
            all = all && done(c);
        }
        if (all || lab_now_us() >= deadline) {
            return all;
        }
        usleep(2000);
    }
}

static void
print_results(void)
{
    for (const struct check *c = checks; c < checks + n_checks; c++) {
        printf("{\"id\":\"%s\",\"seen\":%s,\"reply\":%s,\"us\":%"PRId64","
               "\"error\":", c->id, c->seen_us ? "true" : "false",
               c->reply ? "true" : "false",
               c->seen_us ? c->seen_us - c->first_us : 0);
        printf(c->error[0] ? "\"%s\"}\n" : "null}\n", c->error);
    }
}

int
main(int argc, char *argv[])
{
    int tries = 3, wait_ms = 150, last_ms = 300, option;

    while ((option = getopt(argc, argv, "t:w:l:h")) != -1) {
        switch (option) {
        case 't':
            tries = atoi(optarg);
            break;
        case 'w':
            wait_ms = atoi(optarg);
            break;
        case 'l':
            last_ms = atoi(optarg);
            break;
        default:
            fprintf(option == 'h' ? stdout : stderr,
                    "usage: lab-flow [-t TRIES] [-w MS between tries] "
                    "[-l MS after the last] < CHECKS\n");
            return option == 'h' ? 0 : 2;
        }
    }
    lab_raise_fd_limit();
    nonce = (uint32_t) lab_now_us() ^ (uint32_t) getpid() << 16;
    read_checks(stdin);
    for (struct check *c = checks; c < checks + n_checks; c++) {
        open_check(c);
    }
    for (int i = 0; i < tries; i++) {
        for (struct check *c = checks; c < checks + n_checks; c++) {
            if (!done(c)) {
                try_once(c);
            }
        }
        int ms = i < tries - 1 ? wait_ms : last_ms;
        if (look_until(lab_now_us() + ms * INT64_C(1000))) {
            break;
        }
    }
    print_results();
    return 0;
}
