/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/conformance/plug_frames.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "csum.h"
#include "firewall/render.h"
#include "openvswitch/dynamic-string.h"
#include "tests/lib/netns.h"
#include "tests/lib/test.h"
#include "unaligned.h"
#include "util.h"

#define FRAME_MAX 256
/* An EtherType for experiments: no filter for IP looks at it. */
#define FENCE_TYPE 0x88b5
#define FENCE_MS 10000
#define POLL_MS 20
#define TTL 64

static const char magic[] = "sg-plug";

/* What a frame carries behind all headers. */
struct data {
    char magic[sizeof magic];
    ovs_be32 number;
};

/* The MAC address for which a bridge has a fixed entry. */
static void
end_mac(size_t end, uint8_t mac[ETHER_ADDR_LEN])
{
    const uint8_t bytes[ETHER_ADDR_LEN] = { 2, 0xee, 0, 0, 0, end };

    memcpy(mac, bytes, sizeof bytes);
}

static int
open_end(const char *device)
{
    char far[SG_DEVICE_LEN + 1];
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
    };
    int size = 1 << 22;
    int fd;

    snprintf(far, sizeof far, "f%s", device);
    address.sll_ifindex = if_nametoindex(far);
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(fd >= 0 && address.sll_ifindex);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    REQUIRE(!bind(fd, (struct sockaddr *) &address, sizeof address));
    return fd;
}

static void
set_sysctl(const char *path)
{
    FILE *stream = fopen(path, "we");

    if (!stream || fputs("1", stream) < 0 || fclose(stream)) {
        SKIP("%s: %s", path, ovs_strerror(errno));
    }
}

/* On one processor frames cannot overtake each other. */
static void
stay_on_a_cpu(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(sched_getcpu(), &set);
    REQUIRE(!sched_setaffinity(0, sizeof set, &set));
}

void
plug_frames_init(struct plug_frames *f, const struct sg_binding *bindings,
                 size_t n)
{
    struct ds links = DS_EMPTY_INITIALIZER, fdb = DS_EMPTY_INITIALIZER;

    REQUIRE(n <= PLUG_FRAMES_MAX);
    stay_on_a_cpu();
    memset(f, 0, sizeof *f);
    f->n = n;
    set_sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6");
    set_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables");
    set_sysctl("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
    for (size_t i = 0; i < n; i++) {
        const struct sg_binding *b = &bindings[i];
        struct plug_end *ends = &f->ends[i * PLUG_ENDS];

        ovs_strzcpy(f->bridges[i].name, b->bridge, SG_DEVICE_LEN);
        ovs_strzcpy(ends[0].device, b->device, SG_DEVICE_LEN);
        ovs_strzcpy(ends[1].device, b->uplink, SG_DEVICE_LEN);
        snprintf(ends[2].device, SG_DEVICE_LEN, "third%u",
                 (unsigned int) i % PLUG_FRAMES_MAX);
        ds_put_format(&links, "link add %s type bridge stp_state 0 "
                      "forward_delay 0 mcast_snooping 0\nlink set %s up\n",
                      b->bridge, b->bridge);
        for (size_t j = 0; j < PLUG_ENDS; j++) {
            const char *device = ends[j].device;

            ds_put_format(&links, "link add %s type veth peer name f%s\n"
                          "link set %s master %s up\nlink set f%s up\n",
                          device, device, device, b->bridge, device);
            ds_put_format(&fdb, "fdb replace 02:ee:00:00:00:%02"PRIxSIZE
                          " dev %s master static\n", i * PLUG_ENDS + j,
                          device);
        }
    }
    free(netns_run(ds_cstr(&links), "ip -batch -"));
    free(netns_run(ds_cstr(&fdb), "bridge -batch -"));
    ds_destroy(&links);
    ds_destroy(&fdb);
    for (size_t i = 0; i < n * PLUG_ENDS; i++) {
        f->ends[i].fd = open_end(f->ends[i].device);
    }
}

void
plug_frames_uninit(struct plug_frames *f)
{
    for (size_t i = 0; i < f->n * PLUG_ENDS; i++) {
        close(f->ends[i].fd);
    }
}

/* ------------------------------------------------------------------------ */
/* Frames. */

static void
put16(uint8_t *p, uint16_t value)
{
    put_unaligned_be16((ovs_be16 *) p, htons(value));
}

/* Writes the checksum of 'upper' to 'at' in it; 'pseudo': with the addresses,
 * 'size' bytes each. */
static void
put_checksum(const struct eval_packet *p, bool pseudo, size_t size,
             uint8_t *upper, size_t len, size_t at)
{
    uint8_t tail[8] = { 0, 0, len >> 8, len, 0, 0, 0, p->proto };
    uint32_t sum = 0;

    if (pseudo) {
        sum = csum_continue(sum, p->src.addr, size);
        sum = csum_continue(sum, p->dst.addr, size);
        sum = csum_continue(sum, tail, sizeof tail);
    }
    ovs_be16 value = csum_finish(csum_continue(sum, upper, len));
    value = value ? value : OVS_BE16_MAX;
    memcpy(upper + at, &value, sizeof value);
}

/* The header behind IP; returns its size.  '*sum_at' is where its checksum is,
 * 0 if it has none that anybody looks at. */
static size_t
put_upper_header(const struct eval_packet *p, uint8_t *h, size_t data_len,
                 size_t *sum_at)
{
    *sum_at = 0;
    if (fw_protocol_has_ports(p->proto)) {
        put16(h, p->sport);
        put16(h + 2, p->dport);
    }
    switch (p->proto) {
    case IPPROTO_TCP:
        h[12] = 5 << 4;
        h[13] = 0x02;           /* SYN. */
        *sum_at = 16;
        return 20;

    case IPPROTO_UDP:
        put16(h + 4, 8 + data_len);
        *sum_at = 6;
        return 8;

    case IPPROTO_UDPLITE:       /* The checksum covers all of it. */
        *sum_at = 6;
        return 8;

    case IPPROTO_DCCP:
        h[4] = 5;
        h[8] = 1;               /* A request, long sequence numbers. */
        *sum_at = 6;
        return 20;

    case IPPROTO_SCTP:
        h[12] = 1;              /* INIT. */
        h[15] = 20;
        return 32;

    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        h[0] = p->icmp_type;
        h[1] = p->icmp_code;
        *sum_at = 2;
        return 8;

    default:
        return 8;
    }
}

/* Returns the size of the frame. */
static size_t
make_frame(const struct eval_packet *p, size_t to, uint32_t number,
           uint8_t frame[FRAME_MAX])
{
    bool v4 = p->family == SG_IPV4;
    size_t size = v4 ? 4 : 16;
    uint8_t *ip = frame + ETH_HLEN;
    uint8_t *upper = ip + (v4 ? sizeof(struct ip) : sizeof(struct ip6_hdr));
    struct data data = { .number = htonl(number) };
    size_t len, sum_at;

    memcpy(data.magic, magic, sizeof magic);
    memset(frame, 0, FRAME_MAX);
    end_mac(to, frame);
    memcpy(frame + ETHER_ADDR_LEN, &p->mac, ETHER_ADDR_LEN);
    put16(frame + 2 * ETHER_ADDR_LEN, v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);

    len = put_upper_header(p, upper, sizeof data, &sum_at);
    memcpy(upper + len, &data, sizeof data);
    len += sizeof data;
    if (v4) {
        ip[0] = 0x45;
        put16(ip + 2, sizeof(struct ip) + len);
        ip[8] = TTL;
        ip[9] = p->proto;
        memcpy(ip + 12, p->src.addr, size);
        memcpy(ip + 16, p->dst.addr, size);
        ovs_be16 sum = csum(ip, sizeof(struct ip));
        memcpy(ip + 10, &sum, sizeof sum);
    } else {
        ip[0] = 0x60;
        put16(ip + 4, len);
        ip[6] = p->proto;
        ip[7] = TTL;
        memcpy(ip + 8, p->src.addr, size);
        memcpy(ip + 24, p->dst.addr, size);
    }
    if (sum_at) {
        put_checksum(p, p->proto != IPPROTO_ICMP, size, upper, len, sum_at);
    }
    return upper + len - frame;
}

static size_t
find_end(const struct plug_frames *f, const char *bridge, const char *device)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!strcmp(f->bridges[i].name, bridge)) {
            size_t end = i * PLUG_ENDS;

            while (end < (i + 1) * PLUG_ENDS - 1
                   && strcmp(f->ends[end].device, device)) {
                end++;
            }
            return end;
        }
    }
    FAIL("%s: no such bridge", bridge);
    test_end();
}

static void
send_frame(const struct plug_end *end, const uint8_t *frame, size_t len)
{
    if (send(end->fd, frame, len, 0) != (ssize_t) len) {
        FAIL("%s: send: %s", end->device, ovs_strerror(errno));
        test_end();
    }
}

void
plug_frames_send(struct plug_frames *f, const struct eval_packet *p,
                 uint32_t number)
{
    size_t from = find_end(f, p->bridge, p->physdev_in);
    size_t to = find_end(f, p->bridge, p->physdev_out);
    uint8_t frame[FRAME_MAX];

    REQUIRE(!p->routed[0] && from != to);
    send_frame(&f->ends[from], frame, make_frame(p, to, number, frame));
}

/* ------------------------------------------------------------------------ */
/* What comes out. */

/* From each device to its neighbours on the bridge, behind all that it sent:
 * numbers that nothing else has. */
static size_t
send_fences(struct plug_frames *f)
{
    uint8_t frame[ETH_ZLEN] = { 0 };
    struct data data = { .number = htonl(UINT32_MAX - f->n_fences++) };
    size_t n = 0;

    memcpy(data.magic, magic, sizeof magic);
    memcpy(frame + ETH_HLEN, &data, sizeof data);
    put16(frame + 2 * ETHER_ADDR_LEN, FENCE_TYPE);
    for (size_t from = 0; from < f->n * PLUG_ENDS; from++) {
        for (size_t j = 1; j < PLUG_ENDS; j++) {
            size_t first = from - from % PLUG_ENDS;

            end_mac(first + (from + j) % PLUG_ENDS, frame);
            end_mac(from, frame + ETHER_ADDR_LEN);
            send_frame(&f->ends[from], frame, sizeof frame);
            n++;
        }
    }
    return n;
}

/* Reads what there is at one end; returns how many fences. */
static size_t
drain(const struct plug_frames *f, size_t end, bool *passed, size_t n)
{
    struct sockaddr_ll from;
    uint8_t frame[FRAME_MAX], mac[ETHER_ADDR_LEN];
    size_t n_fences = 0;
    ssize_t len;

    end_mac(end, mac);
    for (;;) {
        socklen_t from_len = sizeof from;
        struct data data;

        len = recvfrom(f->ends[end].fd, frame, sizeof frame, 0,
                       (struct sockaddr *) &from, &from_len);
        if (len < 0) {
            return n_fences;
        }
        const uint8_t *found = memmem(frame, len, magic, sizeof magic);
        if (from.sll_pkttype == PACKET_OUTGOING || !found
            || frame + len < found + sizeof data
            || memcmp(frame, mac, sizeof mac)) {
            continue;
        }
        memcpy(&data, found, sizeof data);
        uint32_t number = ntohl(data.number);
        if (number < n) {
            passed[number] = true;
        }
        n_fences += number == UINT32_MAX - (f->n_fences - 1);
    }
}

void
plug_frames_receive(struct plug_frames *f, bool *passed, size_t n)
{
    size_t left = send_fences(f);

    memset(passed, 0, n * sizeof *passed);
    for (int ms = 0; left; ms += POLL_MS) {
        if (ms > FENCE_MS) {
            FAIL("%"PRIuSIZE" frames that nobody filters do not come", left);
            test_end();
        }
        for (size_t i = 0; i < f->n * PLUG_ENDS; i++) {
            left -= drain(f, i, passed, n);
        }
        if (left) {
            poll(NULL, 0, POLL_MS);
        }
    }
}
