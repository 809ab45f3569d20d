/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a packet costs with the rules of P ports and groups of M members.
 *
 *   tests/lib/in-netns build/tests/bench-frames --ports 200 --members 10,50000
 *
 * The rules are those that firewall_apply() writes for a policy of P ports,
 * so sets, trees, chains and zones are the real ones; of the ports, those
 * that are measured are plugged in.  Each kind of packet is sent through
 *
 *   off     the bridge alone: br_netfilter shows iptables nothing
 *   bare    the same bridge with br_netfilter on, without a rule
 *   zone    conntrack and one rule that gives a zone, nothing else
 *   rules   the rules and the layer-2 guard, once for each M
 *
 * each in namespaces of its own, in turn, forth and back.  One JSON object for
 * each kind of packet on standard output; tests/bench/bench-packet runs this
 * program and makes tables of it.
 *
 * In every round it is checked that all packets came out that should, none
 * that should not, and, by the rules' counters, that they took the way that
 * is meant, and in the end that the guard is still there: else the program
 * ends with an error. */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "tests/bench/packet_path.h"
#include "tests/bench/packet_rules.h"
#include "tests/bench/synthetic.h"
#include "tests/bench/table_view.h"
#include "tests/lib/eval.h"
#include "util.h"

#define MAX_ROUNDS 99
#define MAX_PACKETS 50000
/* Sent before each measurement, to warm caches. */
#define WARM_UP 500
/* Established connections that packets belong to in turn, and the members
 * that these come from. */
#define N_FLOWS 32
#define N_FLOW_SOURCES 8
#define N_STRANGERS 64
#define FEW 10
#define SPORT 2000
#define DPORT 4789
#define ARRIVAL_MS 2000
/* How long something is awaited that must not come. */
#define SILENCE_MS 30
/* After many connections were forgotten the kernel frees them. */
#define FORGET_US 5000

enum arm { ARM_OFF, ARM_BARE, ARM_ZONE, ARM_RULES };
#define N_REFERENCES 3
#define MAX_MEMBERS 2           /* Numbers of members to compare. */
#define MAX_ARMS (N_REFERENCES + MAX_MEMBERS)
static const char *const reference_names[N_REFERENCES] = {
    "off", "bare", "zone",
};

enum kind {
    ESTABLISHED, NEW, NEW_FROM_FEW, NEW_FROM_NET, DROPPED, SPOOFED,
};
static const char *const kind_names[] = {
    "established", "new", "new from few", "new from a prefix", "dropped",
    "spoofed",
};

static const struct kind_of_packet {
    enum kind kind;
    enum path_direction direction;
    bool passes;
    unsigned int spots;         /* Where it counts, and nowhere else. */
} kinds[] = {
    { ESTABLISHED, PATH_IN, true,
      1 << SPOT_TO_PORT | 1 << SPOT_ESTABLISHED_IN },
    { ESTABLISHED, PATH_OUT, true,
      1 << SPOT_FROM_PORT | 1 << SPOT_ESTABLISHED_OUT },
    { NEW, PATH_IN, true, 1 << SPOT_TO_PORT | 1 << SPOT_GROUP_IN },
    { NEW_FROM_FEW, PATH_IN, true,
      1 << SPOT_TO_PORT | 1 << SPOT_GROUP_IN },
    { NEW_FROM_NET, PATH_IN, true,
      1 << SPOT_TO_PORT | 1 << SPOT_NETS_IN },
    { NEW, PATH_OUT, true, 1 << SPOT_FROM_PORT | 1 << SPOT_GROUP_OUT },
    { DROPPED, PATH_IN, false, 1 << SPOT_TO_PORT | 1 << SPOT_DROP },
    { SPOOFED, PATH_OUT, false, 1 << SPOT_DROP },
};

struct options {
    struct packet_rules_config rules;
    size_t members[MAX_MEMBERS], n_members;
    size_t n_rounds, n_packets;
    bool median;                /* The port in the middle, too. */
    const char *sabotage;       /* Shell command for the rules' namespaces, to
                                 * see that the checks notice. */
};

/* A port that is measured. */
struct subject {
    const char *name;           /* "worst" or "median" */
    const struct sg_port *port;
    struct packet_path paths[MAX_ARMS];
};

struct bench {
    struct options o;
    int cpu;
    size_t n_arms;
    struct packet_space spaces[MAX_ARMS];
    struct packet_rules rules[MAX_MEMBERS];     /* Of arm ARM_RULES + i. */
    struct subject subjects[2];
    size_t n_subjects;
};

/* ------------------------------------------------------------------------ */
/* Packets. */

static const struct sg_mac router_mac = {
    .ea = { 0xfa, 0x16, 0x3f, 0, 0, 1 },
};

/* The packets of 'kind' to or from 'port'; new ones come from 'n_members'
 * members. */
static void
make_stream(const struct sg_port *port, size_t n_members,
            enum sg_family family, const struct kind_of_packet *kind,
            struct packet_stream *s)
{
    const struct sg_prefix *own = &port->spec.fixed_ips[family];
    bool established = kind->kind == ESTABLISHED;

    ovs_assert(own->family == family);
    *s = (struct packet_stream) {
        .sport = SPORT,
        .n_sports = established ? N_FLOWS : MAX_PACKETS + WARM_UP,
        .dport = DPORT,
    };
    if (kind->direction == PATH_IN) {
        s->smac = router_mac;
        s->dmac = port->spec.mac;
        s->dst = *own;
        s->source = packet_rules_member(family, 0);
        s->n_sources = MIN(n_members, (established ? N_FLOW_SOURCES
                                       : kind->kind == NEW_FROM_FEW ? FEW
                                       : n_members));
        if (kind->kind == NEW_FROM_NET) {
            s->source = packet_rules_net_host(family, 0);
            s->n_sources = FEW;
        }
    } else {
        s->smac = port->spec.mac;
        s->dmac = router_mac;
        s->dst = packet_rules_stranger(family, N_STRANGERS);
        s->source = *own;
        s->n_sources = 1;
    }
    if (!kind->passes) {
        s->source = packet_rules_stranger(family, 0);
        s->n_sources = N_STRANGERS;
    }
}

/* The answer to frame 'i' of '*s'. */
static void
make_answer(const struct packet_stream *s, size_t i,
            struct packet_stream *answer)
{
    *answer = (struct packet_stream) {
        .smac = s->dmac,
        .dmac = s->smac,
        .source = s->dst,
        .n_sources = 1,
        .dst = packet_stream_source(s, i),
        .sport = s->dport,
        .n_sports = 1,
        .dport = s->sport + i % s->n_sports,
    };
}

/* Makes the connections of '*s' established: one packet each way. */
static void
establish(const struct packet_path *path, enum path_direction d,
          const struct packet_stream *s)
{
    enum path_direction back = d == PATH_IN ? PATH_OUT : PATH_IN;

    /* After so many, ports and addresses begin again together. */
    for (size_t i = 0; i < s->n_sports * s->n_sources; i++) {
        struct packet_stream answer;

        make_answer(s, i, &answer);
        packet_path_send(path, d, s, i, 1);
        packet_path_send(path, back, &answer, 0, 1);
    }
}

/* How the evaluator sees frame 0 of '*s'. */
static void
make_eval_packet(const struct sg_port *port, const struct packet_stream *s,
                 const struct kind_of_packet *kind, struct eval_packet *p)
{
    const struct sg_binding *b = &port->binding;
    bool in = kind->direction == PATH_IN;

    *p = (struct eval_packet) {
        .family = s->dst.family,
        .src = packet_stream_source(s, 0),
        .dst = s->dst,
        .mac = s->smac,
        .proto = IPPROTO_UDP,
        .sport = s->sport,
        .dport = s->dport,
        .flow_zone = kind->kind == ESTABLISHED ? b->zone : EVAL_NO_FLOW,
    };
    ovs_strzcpy(p->bridge, b->bridge, sizeof p->bridge);
    ovs_strzcpy(p->physdev_in, in ? b->uplink : b->device,
                sizeof p->physdev_in);
    ovs_strzcpy(p->physdev_out, in ? b->device : b->uplink,
                sizeof p->physdev_out);
}

/* Rules that a packet of 'kind' is compared with, according to the evaluator;
 * which must agree about what happens to it. */
static size_t
count_compared(const struct packet_rules *rules, const struct sg_port *port,
               enum sg_family family, const struct kind_of_packet *kind)
{
    struct eval_policy policy = { rules->rs, &rules->policy.policy };
    struct eval_filter filter = eval_policy_filter(&policy);
    struct eval_result result;
    struct packet_stream s;
    struct eval_packet p;

    make_stream(port, rules->config.n_members, family, kind, &s);
    make_eval_packet(port, &s, kind, &p);
    eval_forward(&filter, &p, &result);
    if (result.accepted != kind->passes) {
        ovs_fatal(0, "%s: %s packets would%s pass", port->binding.device,
                  kind_names[kind->kind], result.accepted ? "" : " not");
    }
    return result.n_compared;
}

/* ------------------------------------------------------------------------ */
/* Setting up. */

struct place {
    const struct sg_port *port;
    size_t n_compared;
};

static int
compare_places(const void *a_, const void *b_)
{
    const struct place *a = a_, *b = b_;

    return (a->n_compared != b->n_compared
            ? (a->n_compared < b->n_compared ? -1 : 1)
            : strcmp(a->port->binding.device, b->port->binding.device));
}

/* The port whose frames meet most rules before they are known, and the one in
 * the middle. */
static void
choose_subjects(struct bench *b)
{
    const struct packet_rules *rules = &b->rules[0];
    struct place *places = xcalloc(b->o.rules.n_ports, sizeof *places);
    const struct sg_port *port;
    size_t n = 0;

    HMAP_FOR_EACH (port, node, &rules->policy.policy.ports) {
        places[n].port = port;
        places[n++].n_compared = count_compared(rules, port, SG_IPV4,
                                                &kinds[0]);
    }
    qsort(places, n, sizeof *places, compare_places);
    b->subjects[b->n_subjects++] = (struct subject) {
        .name = "worst", .port = places[n - 1].port,
    };
    if (b->o.median && n > 1) {
        b->subjects[b->n_subjects++] = (struct subject) {
            .name = "median", .port = places[n / 2].port,
        };
    }
    free(places);
}

static void
make_zone_rule(void)
{
    if (system("iptables-legacy -w -t raw -A PREROUTING -i qbr+ "
               "-j CT --zone 1 && ip6tables-legacy -w -t raw -A PREROUTING "
               "-i qbr+ -j CT --zone 1")) {
        ovs_fatal(0, "iptables-legacy: no zone rule");
    }
}

static void
set_up(struct bench *b)
{
    b->n_arms = N_REFERENCES + b->o.n_members;
    for (size_t arm = 0; arm < b->n_arms; arm++) {
        packet_space_init(&b->spaces[arm], arm != ARM_OFF);
        packet_space_enter(&b->spaces[arm]);
        if (arm == ARM_ZONE) {
            make_zone_rule();
        } else if (arm >= ARM_RULES) {
            struct packet_rules_config config = b->o.rules;

            config.n_members = b->o.members[arm - ARM_RULES];
            packet_rules_init(&b->rules[arm - ARM_RULES], &config);
            if (b->o.sabotage && system(b->o.sabotage)) {
                ovs_fatal(0, "%s: failed", b->o.sabotage);
            }
        }
    }
    choose_subjects(b);
    for (size_t arm = 0; arm < b->n_arms; arm++) {
        for (size_t i = 0; i < b->n_subjects; i++) {
            packet_path_init(&b->subjects[i].paths[arm], &b->spaces[arm],
                             &b->subjects[i].port->binding);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Measuring. */

static void
check_counts(const struct subject *subject,
             const struct kind_of_packet *kind, enum sg_family family,
             const uint64_t before[PACKET_N_SPOTS],
             const uint64_t after[PACKET_N_SPOTS], size_t n)
{
    for (size_t i = 0; i < PACKET_N_SPOTS; i++) {
        uint64_t want = kind->spots & 1u << i ? n : 0;

        if (after[i] - before[i] != want) {
            ovs_fatal(0, "%s, %s port, %s packets: the rule \"%s\" counted "
                      "%"PRIu64", not %"PRIu64, sg_family_name(family),
                      subject->name, kind_names[kind->kind],
                      packet_spot_names[i], after[i] - before[i], want);
        }
    }
}

static void
check_arrival(const struct packet_path *path,
              const struct kind_of_packet *kind, uint32_t before,
              size_t want, size_t sent)
{
    uint32_t arrived = 0;

    for (int i = 0; i < ARRIVAL_MS; i++) {
        arrived = packet_path_count(path, kind->direction) - before;
        if (arrived >= want) {
            break;
        }
        usleep(1000);
    }
    if (arrived != want) {
        ovs_fatal(0, "%s: %"PRIu32" of %"PRIuSIZE" %s packets came out, "
                  "%"PRIuSIZE" should have",
                  path->ends[kind->direction], arrived, sent,
                  kind_names[kind->kind], want);
    }
}

/* What one packet costs, in ns. */
static double
measure(const struct bench *b, const struct subject *subject, size_t arm,
        enum sg_family family, const struct kind_of_packet *kind)
{
    const struct packet_path *path = &subject->paths[arm];
    const struct packet_rules *rules = (arm < ARM_RULES ? NULL
                                        : &b->rules[arm - ARM_RULES]);
    const char *device = subject->port->binding.device;
    uint64_t before[PACKET_N_SPOTS], after[PACKET_N_SPOTS];
    size_t n = b->o.n_packets, all = n + WARM_UP;
    bool passes = kind->passes || !rules;
    struct packet_stream s;
    uint32_t arrived;
    int64_t ns;

    make_stream(subject->port, (rules ? rules : b->rules)->config.n_members,
                family, kind, &s);
    if (rules || arm == ARM_ZONE) {
        packet_space_forget(&b->spaces[arm]);
        usleep(FORGET_US);
    }
    if (kind->kind == ESTABLISHED) {
        establish(path, kind->direction, &s);
    }
    if (rules) {
        packet_space_enter(&b->spaces[arm]);
        packet_rules_count(rules, device, family, before);
    }
    arrived = packet_path_count(path, kind->direction);

    packet_path_send(path, kind->direction, &s, 0, WARM_UP);
    ns = packet_path_send(path, kind->direction, &s, WARM_UP, n);

    check_arrival(path, kind, arrived, passes ? all : 0, all);
    if (rules) {
        packet_space_enter(&b->spaces[arm]);
        packet_rules_count(rules, device, family, after);
        check_counts(subject, kind, family, before, after, all);
    }
    if (kind->passes
        && (packet_space_connections(&b->spaces[arm]) != 0)
            != (arm >= ARM_ZONE)) {
        ovs_fatal(0, "%s: connections are tracked where they should not be, "
                  "or not where they should", path->ends[kind->direction]);
    }
    return (double) ns / n;
}

/* One packet, byte by byte: it comes out as it was, or not at all. */
static void
probe(const struct bench *b, const struct subject *subject,
      enum sg_family family, const struct kind_of_packet *kind)
{
    struct packet_stream s;

    make_stream(subject->port, 1, family, kind, &s);
    for (size_t arm = 0; arm < b->n_arms; arm++) {
        const struct packet_path *path = &subject->paths[arm];
        bool passes = kind->passes || arm < ARM_RULES;
        bool passed = packet_path_probe(path, kind->direction, &s, 0,
                                        passes ? ARRIVAL_MS : SILENCE_MS);

        if (passed != passes) {
            ovs_fatal(0, "%s: a packet (%s, %s) did%s come out",
                      path->ends[kind->direction], sg_family_name(family),
                      kind_names[kind->kind], passed ? "" : " not");
        }
    }
}

static void
print_config(const struct bench *b)
{
    printf("\"ports\": %"PRIuSIZE", \"groups\": %"PRIuSIZE
           ", \"nets\": %"PRIuSIZE, b->o.rules.n_ports, b->o.rules.n_groups,
           b->o.rules.n_nets);
}

static void
print_rounds(const char *head, const double *values, size_t n)
{
    printf(", %s[", head);
    for (size_t i = 0; i < n; i++) {
        printf("%s%.0f", i ? ", " : "", values[i]);
    }
    printf("]");
}

/* The other references say nothing new of packets that do not pass. */
static bool
is_measured(const struct kind_of_packet *kind, size_t arm)
{
    return kind->passes || arm == ARM_BARE || arm >= ARM_RULES;
}

static void
run_kind(const struct bench *b, const struct subject *subject,
         enum sg_family family, const struct kind_of_packet *kind)
{
    static double values[MAX_ARMS][MAX_ROUNDS];

    probe(b, subject, family, kind);
    for (size_t round = 0; round < b->o.n_rounds; round++) {
        for (size_t i = 0; i < b->n_arms; i++) {
            /* Forth and back, lest a drift look like a difference. */
            size_t arm = round % 2 ? b->n_arms - 1 - i : i;

            if (is_measured(kind, arm)) {
                values[arm][round] = measure(b, subject, arm, family, kind);
            }
        }
    }

    printf("{\"measure\": \"packet\", ");
    print_config(b);
    printf(", \"port\": \"%s\", \"family\": \"%s\", \"kind\": \"%s\", "
           "\"direction\": \"%s\", \"compared\": %"PRIuSIZE
           ", \"n\": %"PRIuSIZE", \"cpu\": %d", subject->name,
           sg_family_name(family), kind_names[kind->kind],
           kind->direction == PATH_IN ? "in" : "out",
           count_compared(&b->rules[0], subject->port, family, kind),
           b->o.n_packets, b->cpu);
    for (size_t arm = 0; arm < b->n_arms; arm++) {
        char head[64];

        if (arm >= ARM_RULES) {
            snprintf(head, sizeof head, "\"rules_%"PRIuSIZE"_ns\": ",
                     b->o.members[arm - ARM_RULES]);
        } else {
            snprintf(head, sizeof head, "\"%s_ns\": ", reference_names[arm]);
        }
        if (is_measured(kind, arm)) {
            print_rounds(head, values[arm], b->o.n_rounds);
        }
    }
    printf("}\n");
    fflush(stdout);
}

static void
print_tables(const struct bench *b)
{
    struct table_view *tv;

    packet_space_enter(&b->spaces[ARM_RULES]);
    if (table_view_open(&tv)) {
        ovs_fatal(0, "no socket to ask for tables");
    }
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        printf("{\"measure\": \"tables\", ");
        print_config(b);
        printf(", \"family\": \"%s\"", sg_family_name(family));
        for (int id = 0; id < FW_N_TABLES; id++) {
            const char *name = fw_table_name(id);
            uint32_t entries, bytes;
            int error = table_view_size(tv, family, name, &entries, &bytes);

            if (error) {
                ovs_fatal(error, "table %s", name);
            }
            printf(", \"%s\": {\"entries\": %"PRIu32", \"bytes\": %"PRIu32
                   "}", name, entries, bytes);
        }
        printf("}\n");
    }
    table_view_close(tv);
}

static void
print_softirq(const struct bench *b)
{
    int64_t sender, ksoftirqd;

    packet_path_total(&sender, &ksoftirqd);
    printf("{\"measure\": \"softirq\", ");
    print_config(b);
    printf(", \"sender_ns\": %"PRId64", \"ksoftirqd_ns\": %"PRId64"}\n",
           sender, ksoftirqd);
}

/* ------------------------------------------------------------------------ */
/* Options. */

static size_t
number(const char *text, const char *option, size_t max)
{
    unsigned long long int value;

    if (!str_to_ullong(text, 10, &value) || !value || value > max) {
        ovs_fatal(0, "--%s: a number from 1 to %"PRIuSIZE" is wanted",
                  option, max);
    }
    return value;
}

static void
parse_members(char *text, struct options *o)
{
    char *save = NULL;

    o->n_members = 0;
    for (char *word = strtok_r(text, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        if (o->n_members >= MAX_MEMBERS) {
            ovs_fatal(0, "--members: at most %d numbers", MAX_MEMBERS);
        }
        o->members[o->n_members++] = number(word, "members",
                                            SYNTHETIC_MAX_MEMBERS);
    }
    if (!o->n_members) {
        ovs_fatal(0, "--members: a number is wanted");
    }
}

static void
parse_options(int argc, char *argv[], struct options *o)
{
    enum {
        OPT_PORTS = UCHAR_MAX + 1, OPT_MEMBERS, OPT_NETS, OPT_GROUPS,
        OPT_ROUNDS, OPT_PACKETS, OPT_MEDIAN, OPT_SABOTAGE,
    };
    static const struct option options[] = {
        {"ports", required_argument, NULL, OPT_PORTS},
        {"members", required_argument, NULL, OPT_MEMBERS},
        {"nets", required_argument, NULL, OPT_NETS},
        {"groups", required_argument, NULL, OPT_GROUPS},
        {"rounds", required_argument, NULL, OPT_ROUNDS},
        {"packets", required_argument, NULL, OPT_PACKETS},
        {"median", no_argument, NULL, OPT_MEDIAN},
        {"sabotage", required_argument, NULL, OPT_SABOTAGE},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPT_PORTS:
            o->rules.n_ports = number(optarg, "ports",
                                      PACKET_RULES_MAX_PORTS);
            break;
        case OPT_MEMBERS:
            parse_members(optarg, o);
            break;
        case OPT_NETS:
            o->rules.n_nets = number(optarg, "nets", PACKET_RULES_MAX_NETS);
            break;
        case OPT_GROUPS:
            o->rules.n_groups = number(optarg, "groups",
                                       PACKET_RULES_MAX_GROUPS);
            break;
        case OPT_ROUNDS:
            o->n_rounds = number(optarg, "rounds", MAX_ROUNDS);
            break;
        case OPT_PACKETS:
            o->n_packets = number(optarg, "packets", MAX_PACKETS);
            break;
        case OPT_MEDIAN:
            o->median = true;
            break;
        case OPT_SABOTAGE:
            o->sabotage = optarg;
            break;
        default:
            exit(2);
        }
    }
}

int
main(int argc, char *argv[])
{
    struct bench b = {
        .o = {
            .rules = { .n_ports = 1, .n_groups = 1 },
            .members = { 10 },
            .n_members = 1,
            .n_rounds = 3,
            .n_packets = 10000,
        },
    };

    set_program_name(argv[0]);
    parse_options(argc, argv, &b.o);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    b.cpu = packet_path_pin();
    set_up(&b);
    print_tables(&b);
    for (size_t i = 0; i < b.n_subjects; i++) {
        for (int family = 0; family < SG_N_FAMILIES; family++) {
            for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                if (kinds[k].kind != NEW_FROM_NET || b.o.rules.n_nets) {
                    run_kind(&b, &b.subjects[i], family, &kinds[k]);
                }
            }
        }
    }
    print_softirq(&b);
    for (size_t i = 0; i < b.o.n_members; i++) {
        packet_rules_check_guard(&b.rules[i]);
        packet_rules_uninit(&b.rules[i]);
    }
    return 0;
}
