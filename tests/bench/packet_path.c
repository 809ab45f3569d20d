/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "tests/bench/packet_path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/cpu_account.h"
#include "util.h"

/* Frames of one system call.  Softirq work is done after each frame, so this
 * only spreads the cost of entering the kernel. */
#define BATCH 64
#define PAYLOAD_V4 18
#define FRAME_V4 (ETH_HLEN + sizeof(struct ip) + sizeof(struct udphdr)  \
                  + PAYLOAD_V4)
#define FRAME_V6 (ETH_HLEN + sizeof(struct ip6_hdr) + sizeof(struct udphdr))
#define FRAME_MAX 64
/* Prime: neighbouring frames come from sources far apart. */
#define SOURCE_STEP 7919
/* ksoftirqd is made while the machine starts. */
#define MAX_EARLY_PID 4096
#define PATH_LEN 64
#define COMMAND_LEN 1024
#define BUFFER_SIZE 8192        /* An acknowledgement. */

static char ksoftirqd_stat[PATH_LEN];   /* "" if there is none to be seen. */
static int64_t total_sender, total_ksoftirqd;

static const struct {
    const char *name, *value;
} settings[] = {
    /* Nobody but us sends. */
    { "net/ipv6/conf/all/disable_ipv6", "1" },
    { "net/ipv6/conf/default/disable_ipv6", "1" },
};

/* ------------------------------------------------------------------------ */
/* The CPU. */

/* ksoftirqd of 'cpu' by its name; kernel threads have no command line. */
static void
find_ksoftirqd(int cpu)
{
    char want[PATH_LEN], path[PATH_LEN], name[PATH_LEN];

    snprintf(want, sizeof want, "ksoftirqd/%d\n", cpu);
    for (int pid = 2; pid < MAX_EARLY_PID && !ksoftirqd_stat[0]; pid++) {
        FILE *stream;

        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        stream = fopen(path, "re");
        if (stream) {
            if (fgets(name, sizeof name, stream) && !strcmp(name, want)) {
                snprintf(ksoftirqd_stat, sizeof ksoftirqd_stat,
                         "/proc/%d/schedstat", pid);
            }
            fclose(stream);
        }
    }
}

static int64_t
ksoftirqd_ns(void)
{
    FILE *stream = ksoftirqd_stat[0] ? fopen(ksoftirqd_stat, "re") : NULL;
    int64_t ns = 0;

    if (stream) {
        if (fscanf(stream, "%"SCNd64, &ns) != 1) {
            ovs_fatal(0, "%s: no number", ksoftirqd_stat);
        }
        fclose(stream);
    }
    return ns;
}

int
packet_path_pin(void)
{
    int last = -1;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set)) {
        ovs_fatal(errno, "sched_getaffinity");
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            last = cpu;
        }
    }
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        ovs_fatal(errno, "sched_setaffinity");
    }
    find_ksoftirqd(last);
    return last;
}

/* ------------------------------------------------------------------------ */
/* Namespaces and devices. */

static int
new_namespace(void)
{
    int fd;

    if (unshare(CLONE_NEWNET)) {
        ovs_fatal(errno, "no network namespace of our own");
    }
    fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        ovs_fatal(errno, "/proc/thread-self/ns/net");
    }
    return fd;
}

static void
enter(int ns)
{
    if (setns(ns, CLONE_NEWNET)) {
        ovs_fatal(errno, "cannot change the network namespace");
    }
}

static void
set_sysctl(const char *name, const char *value)
{
    char path[PATH_LEN * 2];
    FILE *stream;

    snprintf(path, sizeof path, "/proc/sys/%s", name);
    stream = fopen(path, "we");
    if (!stream || fputs(value, stream) < 0 || fclose(stream)) {
        ovs_fatal(errno, "%s", path);
    }
}

void
packet_space_init(struct packet_space *space, bool filtered)
{
    for (int i = 0; i < 2; i++) {
        *(i ? &space->inner : &space->outer) = new_namespace();
        for (size_t j = 0; j < ARRAY_SIZE(settings); j++) {
            set_sysctl(settings[j].name, settings[j].value);
        }
    }
    set_sysctl("net/bridge/bridge-nf-call-iptables", filtered ? "1" : "0");
    set_sysctl("net/bridge/bridge-nf-call-ip6tables", filtered ? "1" : "0");
    space->conntrack = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
                              NETLINK_NETFILTER);
    if (space->conntrack < 0) {
        ovs_fatal(errno, "no netlink socket");
    }
}

void
packet_space_enter(const struct packet_space *space)
{
    enter(space->inner);
}

uint64_t
packet_space_connections(const struct packet_space *space)
{
    const char *path = "/proc/sys/net/netfilter/nf_conntrack_count";
    FILE *stream;
    uint64_t n;

    enter(space->inner);
    stream = fopen(path, "re");
    if (!stream || fscanf(stream, "%"SCNu64, &n) != 1) {
        ovs_fatal(errno, "%s", path);
    }
    fclose(stream);
    return n;
}

void
packet_space_forget(const struct packet_space *space)
{
    char buffer[BUFFER_SIZE];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *nfg;
    ssize_t n;

    nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_UNSPEC;
    nfg->version = NFNETLINK_V0;
    if (send(space->conntrack, nlh, nlh->nlmsg_len, 0) < 0) {
        ovs_fatal(errno, "cannot ask conntrack");
    }
    n = recv(space->conntrack, buffer, sizeof buffer, 0);
    if (n < 0 || mnl_cb_run(buffer, n, 0, 0, NULL, NULL) < 0) {
        ovs_fatal(errno, "conntrack forgets nothing");
    }
}

static void
run_ip(const struct packet_space *space, const char *lines)
{
    FILE *stream;

    enter(space->inner);
    stream = popen("ip -batch -", "we");
    if (!stream || fputs(lines, stream) < 0 || pclose(stream)) {
        ovs_fatal(0, "ip: cannot make the devices");
    }
}

static int
open_socket(const struct packet_space *space, const char *device)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        /* Protocol 0: sends only. */
    };
    int one = 1;
    int fd;

    enter(space->outer);
    address.sll_ifindex = if_nametoindex(device);
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0 || !address.sll_ifindex
        || bind(fd, (struct sockaddr *) &address, sizeof address)
        || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
                      sizeof one)) {
        ovs_fatal(errno, "%s: no packet socket", device);
    }
    return fd;
}

void
packet_path_init(struct packet_path *path, struct packet_space *space,
                 const struct sg_binding *b)
{
    const char *suffix = b->device + 3;
    char lines[COMMAND_LEN], vm[SG_DEVICE_LEN], qvo[SG_DEVICE_LEN];
    char ns[PATH_LEN];

    path->space = space;
    snprintf(vm, sizeof vm, "vm%.12s", suffix);
    snprintf(qvo, sizeof qvo, "qvo%.12s", suffix);
    /* ip(8) is a child of ours and finds our descriptor there. */
    snprintf(ns, sizeof ns, "/proc/%d/fd/%d", getpid(), space->outer);
    snprintf(lines, sizeof lines,
             "link add %s type bridge stp_state 0 forward_delay 0 "
             "mcast_snooping 0 ageing_time 1000000\n"
             "link add %s master %s type veth peer name %s netns %s\n"
             "link add %s master %s type veth peer name %s netns %s\n"
             "link set %s up\nlink set %s up\nlink set %s up\n",
             b->bridge, b->device, b->bridge, vm, ns,
             b->uplink, b->bridge, qvo, ns,
             b->bridge, b->device, b->uplink);
    run_ip(space, lines);
    enter(space->outer);
    snprintf(lines, sizeof lines, "link set %s up\nlink set %s up\n", vm,
             qvo);
    {
        struct packet_space outer = { .inner = space->outer };

        run_ip(&outer, lines);
    }
    path->sockets[PATH_OUT] = open_socket(space, vm);
    path->sockets[PATH_IN] = open_socket(space, qvo);
    ovs_strlcpy(path->ends[PATH_OUT], qvo, sizeof path->ends[PATH_OUT]);
    ovs_strlcpy(path->ends[PATH_IN], vm, sizeof path->ends[PATH_IN]);
}

uint32_t
packet_path_count(const struct packet_path *path, enum path_direction d)
{
    struct ifaddrs *list, *i;
    uint32_t count = 0;
    bool found = false;

    enter(path->space->outer);
    if (getifaddrs(&list)) {
        ovs_fatal(errno, "getifaddrs");
    }
    for (i = list; i; i = i->ifa_next) {
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET && i->ifa_data
            && !strcmp(i->ifa_name, path->ends[d])) {
            const struct rtnl_link_stats *stats = i->ifa_data;

            count = stats->rx_packets;
            found = true;
        }
    }
    freeifaddrs(list);
    if (!found) {
        ovs_fatal(0, "%s: no counters", path->ends[d]);
    }
    return count;
}

/* ------------------------------------------------------------------------ */
/* Frames. */

/* A frame without its source, and the sums of it. */
struct template {
    uint8_t frame[FRAME_MAX];
    size_t len;
    size_t src, src_len;        /* Offset and size of the source address. */
    size_t udp;                 /* Offset of the UDP header. */
    uint32_t ip_sum, udp_sum;   /* Not folded. */
};

static uint32_t
sum_words(const void *data_, size_t len)
{
    const uint8_t *data = data_;
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i += 2) {
        sum += data[i] << 8 | data[i + 1];
    }
    return sum;
}

static uint16_t
checksum(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return htons(~sum);
}

static void
make_template(struct template *t, const struct packet_stream *s)
{
    bool v4 = s->dst.family == SG_IPV4;
    struct udphdr udp = { .dest = htons(s->dport) };
    struct ether_header eth = {
        .ether_type = htons(v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6),
    };

    memset(t, 0, sizeof *t);
    memcpy(eth.ether_shost, s->smac.ea, sizeof eth.ether_shost);
    memcpy(eth.ether_dhost, s->dmac.ea, sizeof eth.ether_dhost);
    memcpy(t->frame, &eth, sizeof eth);
    t->len = v4 ? FRAME_V4 : FRAME_V6;
    if (v4) {
        struct ip ip = {
            .ip_v = 4, .ip_hl = 5, .ip_ttl = 64, .ip_p = IPPROTO_UDP,
            .ip_len = htons(FRAME_V4 - ETH_HLEN),
        };

        memcpy(&ip.ip_dst, s->dst.addr, sizeof ip.ip_dst);
        memcpy(t->frame + ETH_HLEN, &ip, sizeof ip);
        t->src = ETH_HLEN + offsetof(struct ip, ip_src);
        t->src_len = sizeof ip.ip_src;
        t->udp = ETH_HLEN + sizeof ip;
        t->ip_sum = sum_words(&ip, sizeof ip);
    } else {
        struct ip6_hdr ip = {
            .ip6_flow = htonl(6u << 28), .ip6_nxt = IPPROTO_UDP,
            .ip6_hlim = 64, .ip6_plen = htons(sizeof udp),
        };

        memcpy(&ip.ip6_dst, s->dst.addr, sizeof ip.ip6_dst);
        memcpy(t->frame + ETH_HLEN, &ip, sizeof ip);
        t->src = ETH_HLEN + offsetof(struct ip6_hdr, ip6_src);
        t->src_len = sizeof ip.ip6_src;
        t->udp = ETH_HLEN + sizeof ip;
    }
    udp.len = htons(t->len - t->udp);
    memcpy(t->frame + t->udp, &udp, sizeof udp);
    /* The payload is zero; the pseudo header has destination, protocol and
     * length. */
    t->udp_sum = sum_words(&udp, sizeof udp) + IPPROTO_UDP
                 + (t->len - t->udp) + sum_words(s->dst.addr, t->src_len);
}

/* Computed, because reading them from memory would cost more than the kernel's
 * look at its set. */
struct sg_prefix
packet_stream_source(const struct packet_stream *s, size_t i)
{
    struct sg_prefix p = s->source;
    uint8_t *last = p.addr + sg_family_bits(p.family) / 8 - sizeof(uint32_t);
    uint32_t number;

    memcpy(&number, last, sizeof number);
    number = htonl(ntohl(number) + i * SOURCE_STEP % s->n_sources);
    memcpy(last, &number, sizeof number);
    return p;
}

/* Makes frame 'i' out of a copy of the template. */
static void
put_source(uint8_t *frame, const struct template *t,
           const struct packet_stream *s, size_t i)
{
    struct sg_prefix src = packet_stream_source(s, i);
    uint16_t sport = s->sport + i % s->n_sports;
    uint32_t src_sum = sum_words(src.addr, t->src_len);
    uint16_t sum, port = htons(sport);

    memcpy(frame + t->src, src.addr, t->src_len);
    if (t->ip_sum) {
        sum = checksum(t->ip_sum + src_sum);
        memcpy(frame + ETH_HLEN + offsetof(struct ip, ip_sum), &sum, 2);
    }
    memcpy(frame + t->udp + offsetof(struct udphdr, source), &port, 2);
    sum = checksum(t->udp_sum + src_sum + sport);
    sum = sum ? sum : UINT16_MAX;
    memcpy(frame + t->udp + offsetof(struct udphdr, check), &sum, 2);
}

int64_t
packet_path_send(const struct packet_path *path, enum path_direction d,
                 const struct packet_stream *s, size_t first, size_t n)
{
    uint8_t frames[BATCH][FRAME_MAX];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct template t;
    int64_t start, own, soft;

    make_template(&t, s);
    memset(messages, 0, sizeof messages);
    for (size_t i = 0; i < BATCH; i++) {
        memcpy(frames[i], t.frame, sizeof frames[i]);
        parts[i] = (struct iovec) { frames[i], t.len };
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }

    soft = ksoftirqd_ns();
    start = cpu_thread_ns();
    for (size_t i = 0; i < n; ) {
        size_t batch = MIN(n - i, BATCH);
        size_t done = 0;

        for (size_t j = 0; j < batch; j++) {
            put_source(frames[j], &t, s, first + i + j);
        }
        while (done < batch) {
            int sent = sendmmsg(path->sockets[d], messages + done,
                                batch - done, 0);

            if (sent <= 0) {
                ovs_fatal(errno, "cannot send towards %s", path->ends[d]);
            }
            done += sent;
        }
        i += batch;
    }
    own = cpu_thread_ns() - start;
    soft = ksoftirqd_ns() - soft;
    total_sender += own;
    total_ksoftirqd += soft;
    return own + soft;
}

void
packet_path_total(int64_t *sender, int64_t *ksoftirqd)
{
    *sender = total_sender;
    *ksoftirqd = ksoftirqd_stat[0] ? total_ksoftirqd : -1;
}

bool
packet_path_probe(const struct packet_path *path, enum path_direction d,
                  const struct packet_stream *s, size_t i, int ms)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
    };
    uint8_t got[FRAME_MAX * 2], want[FRAME_MAX];
    struct pollfd pollfd = { .events = POLLIN };
    bool same = false;
    struct template t;

    make_template(&t, s);
    memcpy(want, t.frame, sizeof want);
    put_source(want, &t, s, i);

    enter(path->space->outer);
    address.sll_ifindex = if_nametoindex(path->ends[d]);
    pollfd.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (pollfd.fd < 0
        || bind(pollfd.fd, (struct sockaddr *) &address, sizeof address)) {
        ovs_fatal(errno, "%s: no packet socket", path->ends[d]);
    }
    packet_path_send(path, d, s, i, 1);
    while (!same && poll(&pollfd, 1, ms) == 1) {
        ssize_t n = recv(pollfd.fd, got, sizeof got, 0);

        same = n == (ssize_t) t.len && !memcmp(got, want, t.len);
    }
    close(pollfd.fd);
    return same;
}
