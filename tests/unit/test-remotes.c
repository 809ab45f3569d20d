/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Remotes, names and texts, from the answer to the model kernel: what a rule
 * with a remote lets in while that comes, changes and goes; what a second
 * answer costs that says the same; and what becomes of texts that somebody
 * wrote to hurt. */

#include <config.h>
#include "tests/lib/answer-host.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/l2_keeper.h"
#include "rpc/message.h"
#include "tests/lib/test.h"
#include "util.h"
#include "uuid.h"

#define G1 "a0000000-0000-4000-8000-000000000000"
#define G2 "a0000000-0000-4000-8000-000000000001"
#define HEAD "{\"epoch\": \"1763666000000-0a1b2c3d\", \"sent\": 1, " \
             "\"objects\": [%s]}"

/* Ids that differ at the end only, in what a shortened name would lose. */
#define R1 "b0000000-0000-4000-8000-000000000000"
#define R2 "b0000000-0000-4000-8000-00000000000f"

struct host {
    struct answer world;        /* Only its bindings count. */
    struct answer_host h;
    int revision;
};

/* Two ports, whose devices differ at the end only. */
static void
setup(struct host *host)
{
    memset(host, 0, sizeof *host);
    for (int i = 0; i < ANSWER_N_PORTS; i++) {
        struct sg_binding *b = &host->world.bindings[i];

        if (i >= 2) {
            b->plug = SG_PLUG_MISSING;
            continue;
        }
        b->plug = SG_PLUG_HYBRID;
        b->zone = i + 1;
        snprintf(b->device, sizeof b->device, "tap0123456789a%c", '1' + i);
        snprintf(b->bridge, sizeof b->bridge, "qbr0123456789a%c", '1' + i);
        snprintf(b->uplink, sizeof b->uplink, "qvb0123456789a%c", '1' + i);
    }
    answer_host_init(&host->h, &host->world);
}

static void
teardown(struct host *host)
{
    answer_host_uninit(&host->h);
}

/* Takes an answer with these objects, in which '@' is a revision higher than
 * all before. */
static void
say(struct host *host, const char *objects)
{
    struct ds filled = DS_EMPTY_INITIALIZER;
    struct ds json = DS_EMPTY_INITIALIZER;

    host->revision++;
    for (const char *p = objects; *p; p++) {
        if (*p == '@') {
            ds_put_format(&filled, "%d", host->revision);
        } else {
            ds_put_char(&filled, *p);
        }
    }
    ds_put_format(&json, HEAD, ds_cstr(&filled));
    answer_store_take(host->h.store, &json);
    answer_host_turn(&host->h);
    ds_destroy(&filled);
    ds_destroy(&json);
}

#define PORT_OF(N, GROUP)                                                   \
    "{\"kind\": \"port\", \"port\": {\"id\": \"00000000-0002-4000-8000-"    \
    "00000000000"#N"\", \"revision\": @, \"mac_address\": "                 \
    "\"02:00:00:00:00:0"#N"\", \"fixed_ips\": [\"10.0.0."#N"\", "           \
    "\"2001:db8::"#N"\"], \"allowed_address_pairs\": [], "                  \
    "\"security_groups\": [\""GROUP"\"]}}"
#define RULES_OF(GROUP, RULES)                                              \
    "{\"kind\": \"rules\", \"rules\": {\"group\": \""GROUP"\", "            \
    "\"revision\": @, \"rules\": ["RULES"]}}"
#define MEMBERS_OF(GROUP, MEMBERS)                                          \
    "{\"kind\": \"members\", \"members\": {\"group\": \""GROUP"\", "        \
    "\"revision\": @, \"members\": ["MEMBERS"]}}"
#define DELETED(KIND, ID)                                                   \
    "{\"kind\": \""KIND"\", \"deleted\": true, \"id\": \""ID"\", "          \
    "\"revision\": @}"
#define UNKNOWN(KIND, ID)                                                   \
    "{\"kind\": \""KIND"\", \"unknown\": true, \"id\": \""ID"\"}"

/* Rules of one kind for both families and directions. */
#define WAY(N, DIRECTION, ETHERTYPE, MORE)                                  \
    "{\"id\": \"00000000-0001-4000-8000-00000000000"N"\", "                 \
    "\"direction\": \""DIRECTION"\", \"ethertype\": \""ETHERTYPE"\", "MORE"}"
#define WAYS(MORE)                                                          \
    WAY("1", "ingress", "IPv4", MORE)", "WAY("2", "ingress", "IPv6", MORE)  \
    ", "WAY("3", "egress", "IPv4", MORE)", "WAY("4", "egress", "IPv6", MORE)
#define FROM(GROUP) "\"remote_group_id\": \""GROUP"\""
#define ADDRESSES(GROUP) "\"remote_address_group_id\": \""GROUP"\""

static struct sg_prefix
address(const char *text)
{
    struct sg_prefix p;

    if (!sg_address_from_string(text, &p)) {
        OVS_NOT_REACHED();
    }
    return p;
}

/* May port 'n', 1 or 2, and 'remote' talk, begun by either side? */
static bool
passes(const struct host *host, int n, const char *remote, bool egress)
{
    const struct sg_binding *b = &host->world.bindings[n - 1];
    struct eval_filter filter = answer_host_filter(&host->h);
    struct sg_prefix far = address(remote);
    struct eval_packet p = {
        .family = far.family, .proto = IPPROTO_TCP, .sport = 1000,
        .dport = 80, .flow_zone = EVAL_NO_FLOW,
    };
    char own[SG_PREFIX_STRLEN], mac[SG_MAC_STRLEN];

    snprintf(own, sizeof own, far.family == SG_IPV4 ? "10.0.0.%d"
             : "2001:db8::%d", n);
    snprintf(mac, sizeof mac, "02:00:00:00:00:%02d", n);
    p.src = egress ? address(own) : far;
    p.dst = egress ? far : address(own);
    if (!sg_mac_from_string(mac, &p.mac)) {
        OVS_NOT_REACHED();
    }
    ovs_strlcpy(p.bridge, b->bridge, sizeof p.bridge);
    ovs_strlcpy(p.physdev_in, egress ? b->device : b->uplink,
                sizeof p.physdev_in);
    ovs_strlcpy(p.physdev_out, egress ? b->uplink : b->device,
                sizeof p.physdev_out);
    return eval_accepts(&filter, &p);
}

/* Which of these talk with port 'n', both ways alike: a '1' for each. */
#define FRIENDS "10.9.0.1", "10.9.1.7", "2001:db8:9::1", "198.51.100.1", \
                "2001:db8:1::1"
static void
check_friends(const struct host *host, int n, const char *want)
{
    static const char *const friends[] = { FRIENDS };

    for (int egress = 0; egress < 2; egress++) {
        char got[ARRAY_SIZE(friends) + 1] = "";

        for (size_t i = 0; i < ARRAY_SIZE(friends); i++) {
            got[i] = passes(host, n, friends[i], egress) ? '1' : '0';
        }
        CHECK_STR(got, want);
    }
}

/* ------------------------------------------------------------------------ */
/* Remotes that come and go. */

/* Shows V30: an unknown, empty or deleted remote, or one of the other family,
 * matches nothing, and when it comes the rule begins to match. */
TEST(remotes_that_are_not_there)
{
    static const char *const rules[] = {
        RULES_OF(G1, WAYS(FROM(R1))), RULES_OF(G1, WAYS(ADDRESSES(R1))),
    };

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        struct host host;

        setup(&host);
        say(&host, PORT_OF(1, G1));
        check_friends(&host, 1, "00000");
        say(&host, rules[i]);
        check_friends(&host, 1, "00000");
        say(&host, UNKNOWN("members", R1));
        check_friends(&host, 1, "00000");
        say(&host, MEMBERS_OF(R1, ""));
        check_friends(&host, 1, "00000");
        say(&host, MEMBERS_OF(R1, "\"10.9.0.1\", \"10.9.1.0/24\""));
        check_friends(&host, 1, "11000");
        say(&host, MEMBERS_OF(R1, "\"2001:db8:9::/48\""));
        check_friends(&host, 1, "00100");

        /* Who forgets does not take away; who deletes does. */
        say(&host, UNKNOWN("members", R1));
        check_friends(&host, 1, "00100");
        say(&host, DELETED("members", R1));
        check_friends(&host, 1, "00000");
        say(&host, MEMBERS_OF(R1, "\"10.9.0.1\", \"2001:db8:9::1\""));
        check_friends(&host, 1, "10100");
        answer_host_restart(&host.h);
        answer_host_turn(&host.h);
        check_friends(&host, 1, "10100");
        teardown(&host);
    }
}

static size_t
count_sets(const struct host *host)
{
    return hmap_count(&fw_backend_memory_state(host->h.backend)->sets);
}

/* Shows V31: former members of a remote that was deleted, emptied or dropped
 * from all rules never match again. */
TEST(former_members)
{
    struct host host;

    setup(&host);
    say(&host, PORT_OF(1, G1) ", " RULES_OF(G1, WAYS(FROM(R1))) ", "
        MEMBERS_OF(R1, "\"10.9.0.1\", \"10.9.1.0/24\", \"2001:db8:9::1\""));
    check_friends(&host, 1, "11100");
    CHECK(count_sets(&host) >= 2);

    /* Emptied, and filled with others. */
    say(&host, MEMBERS_OF(R1, ""));
    check_friends(&host, 1, "00000");
    say(&host, MEMBERS_OF(R1, "\"198.51.100.0/24\""));
    check_friends(&host, 1, "00010");

    /* Deleted, and made again with others. */
    say(&host, DELETED("members", R1));
    check_friends(&host, 1, "00000");
    say(&host, MEMBERS_OF(R1, "\"2001:db8:1::1\""));
    check_friends(&host, 1, "00001");

    /* The last rule that names it, and one that names it again. */
    say(&host, RULES_OF(G1, ""));
    check_friends(&host, 1, "00000");
    CHECK_UEQ(count_sets(&host), 0);
    say(&host, RULES_OF(G1, WAYS(FROM(R1))));
    say(&host, MEMBERS_OF(R1, "\"10.9.1.0/24\""));
    check_friends(&host, 1, "01000");

    /* The group with the rule itself, and the port. */
    say(&host, DELETED("rules", G1));
    check_friends(&host, 1, "00000");
    say(&host, RULES_OF(G1, WAYS(FROM(R1))));
    check_friends(&host, 1, "01000");
    say(&host, MEMBERS_OF(R1, "\"10.9.0.1\""));
    check_friends(&host, 1, "10000");
    say(&host, DELETED("port", "00000000-0002-4000-8000-000000000001"));
    check_friends(&host, 1, "00000");
    CHECK_UEQ(count_sets(&host), 0);
    teardown(&host);
}

/* Shows V02: a member of length 0 is everybody of its family, beside others
 * and alone, and its removal takes it back. */
TEST(members_of_length_0)
{
    static const char *const halves[2][2] = {
        { "1.2.3.4", "203.0.113.9" }, { "2001:db8:1::1", "fd00::1" },
    };
    struct host host;

    setup(&host);
    say(&host, PORT_OF(1, G1) ", " RULES_OF(G1, WAYS(FROM(R1))) ", "
        MEMBERS_OF(R1, "\"10.9.0.1\""));
    for (int v6 = 0; v6 < 2; v6++) {
        say(&host, v6 ? MEMBERS_OF(R1, "\"10.9.0.1\", \"::/0\"")
            : MEMBERS_OF(R1, "\"10.9.0.1\", \"0.0.0.0/0\""));
        for (int i = 0; i < 2; i++) {
            CHECK(passes(&host, 1, halves[v6][i], false));
            CHECK(passes(&host, 1, halves[v6][i], true));
            CHECK(!passes(&host, 1, halves[!v6][i], false));
            CHECK(!passes(&host, 1, halves[!v6][i], true));
        }
        say(&host, MEMBERS_OF(R1, "\"10.9.0.1\""));
        check_friends(&host, 1, "10000");
    }
    say(&host, MEMBERS_OF(R1, "\"0.0.0.0/0\", \"::/0\""));
    check_friends(&host, 1, "11111");
    teardown(&host);
}

/* Shows V32: ids and devices that differ only where a shortened name would
 * end have sets and chains of their own. */
TEST(names_that_begin_alike)
{
    struct host host;

    setup(&host);
    say(&host, PORT_OF(1, G1) ", {\"kind\": \"port\", \"port\": {\"id\": "
        "\"00000000-0002-4000-8000-000000000002\", \"revision\": @, "
        "\"mac_address\": \"02:00:00:00:00:02\", \"fixed_ips\": "
        "[\"10.0.0.2\", \"2001:db8::2\"], \"allowed_address_pairs\": [], "
        "\"security_groups\": [\""G2"\"]}}, "
        RULES_OF(G1, WAYS(FROM(R1))) ", "
        "{\"kind\": \"rules\", \"rules\": {\"group\": \""G2"\", "
        "\"revision\": @, \"rules\": [{\"id\": "
        "\"00000000-0001-4000-8000-000000000005\", \"direction\": "
        "\"ingress\", \"ethertype\": \"IPv4\", "FROM(R2)"}, {\"id\": "
        "\"00000000-0001-4000-8000-000000000006\", \"direction\": "
        "\"egress\", \"ethertype\": \"IPv4\", "FROM(R2)"}]}}, "
        MEMBERS_OF(R1, "\"10.9.0.1\", \"2001:db8:9::1\"") ", "
        MEMBERS_OF(R2, "\"198.51.100.1\", \"2001:db8:1::1\""));
    check_friends(&host, 1, "10100");
    check_friends(&host, 2, "00010");

    /* An id in upper case is the same id. */
    say(&host, "{\"kind\": \"members\", \"members\": {\"group\": "
        "\"B0000000-0000-4000-8000-00000000000F\", \"revision\": @, "
        "\"members\": [\"10.9.1.7\"]}}");
    check_friends(&host, 1, "10100");
    check_friends(&host, 2, "01000");
    say(&host, DELETED("members", R2));
    check_friends(&host, 1, "10100");
    check_friends(&host, 2, "00000");
    teardown(&host);
}

/* ------------------------------------------------------------------------ */
/* The same in other words. */

/* Shows V06: each notation of a MAC address is the same address, and what says
 * the same once more writes nothing, in the tables, sets or guard. */
TEST(a_second_answer_that_says_the_same)
{
    /* MAC, pair's MAC, group, addresses, protocol. */
    static const char *const notations[][5] = {
        { "02:00:00:00:ab:cd", "02:00:5e:00:53:ff", "a", "2001:db8::f",
          "\"tcp\"" },
        { "02:00:00:00:AB:CD", "02:00:5E:00:53:FF", "A", "2001:DB8::F",
          "\"TCP\"" },
        { "02-00-00-00-ab-cd", "02-00-5e-00-53-ff", "a",
          "2001:0db8:0000:0000:0000:0000:0000:000f", "6" },
        { "0200.0000.abcd", "0200.5e00.53ff", "A", "2001:db8:0:0::f/128",
          "\"6\"" },
        { "0200.0000.ABCD", "02-00-5E-00-53-FF", "a", "2001:db8::0:f",
          "\"Tcp\"" },
    };
    struct l2_guard *guard = l2_guard_memory_create();
    struct l2_keeper *keeper = l2_keeper_create(l2_guard_memory_ref(guard),
                                                NULL);
    uint64_t writes = 0, guard_writes = 0;
    struct host host;

    setup(&host);
    for (size_t i = 0; i < 2 * ARRAY_SIZE(notations); i++) {
        const char *const *n = notations[i % ARRAY_SIZE(notations)];
        /* A fixed IP is an address, which has no length. */
        const char *fixed = strchr(n[3], '/') ? "2001:db8::f" : n[3];
        char *objects = xasprintf(
            "{\"kind\": \"port\", \"port\": {\"id\": "
            "\"00000000-0002-4000-8000-000000000001\", \"revision\": @, "
            "\"mac_address\": \"%s\", \"fixed_ips\": [\"10.0.0.1\", "
            "\"%s\"], \"allowed_address_pairs\": [{\"ip_address\": "
            "\"%s\", \"mac_address\": \"%s\"}], \"security_groups\": "
            "[\"%s0000000-0000-4000-8000-000000000000\"]}}, "
            "{\"kind\": \"rules\", \"rules\": {\"group\": "
            "\"%s0000000-0000-4000-8000-000000000000\", \"revision\": @, "
            "\"rules\": [{\"id\": \"00000000-0001-4000-8000-000000000001\", "
            "\"direction\": \"ingress\", \"ethertype\": \"IPv6\", "
            "\"protocol\": %s, \"remote_group_id\": \""R1"\"}]}}, "
            "{\"kind\": \"members\", \"members\": {\"group\": \""R1"\", "
            "\"revision\": @, \"members\": [\"%s\", \"10.9.0.1/32\", "
            "\"10.9.1.7/24\"]}}",
            n[0], fixed, n[3], n[1], n[2], n[2], n[4], n[3]);

        say(&host, objects);
        free(objects);
        l2_keeper_apply(keeper, &(struct l2_input) {
            .policy = policy_store_policy(host.h.store),
        }, 1000 + i);
        if (!i) {
            writes = fw_backend_memory_writes(host.h.backend);
            guard_writes = l2_guard_memory_writes(guard);
            CHECK(writes > 0 && guard_writes > 0);
        } else if (i == ARRAY_SIZE(notations)) {
            answer_host_restart(&host.h);
            answer_host_turn(&host.h);
        }
        CHECK_UEQ(fw_backend_memory_writes(host.h.backend), writes);
        CHECK_UEQ(l2_guard_memory_writes(guard), guard_writes);
    }
    teardown(&host);
    l2_keeper_destroy(keeper);
    guard->class->destroy(guard);
}

/* ------------------------------------------------------------------------ */
/* Texts that hurt. */

/* In a text of the message, as JSON. */
static const char *const hostile[] = {
    "\\n", "\\r", "\\n-A INPUT -j ACCEPT", "\\u0000", "\\\"", "\\\\", ";",
    " -A", "%n%n%s", "\\u001b[2J", "\\u2028", "\\u202e", "\\u00e9", "'",
    "`id`", "$(id)", "\\t", "#", "\\u007f", "\\u009b1m",
};

/* An answer in which 'more' stands at the 'n'th place for a text; NULL if it
 * has not so many. */
static char *
hostile_answer(int n, const char *more, int revision)
{
    static const char text[] =
        "{\"kind\": \"~port\", \"port\": {\"id\": "
        "\"00000000-0002-4000-8000-000000000001~\", \"revision\": @, "
        "\"device\": \"tap0123456789a1~\", \"network_id\": "
        "\"c0000000-0000-4000-8000-000000000000~\", \"mac_address\": "
        "\"02:00:00:00:00:01~\", \"fixed_ips\": [\"10.0.0.1~\", "
        "{\"ip_address\": \"2001:db8::1~\"}], \"allowed_address_pairs\": "
        "[{\"ip_address\": \"10.1.0.0/24~\", \"mac_address\": "
        "\"02:00:00:00:00:99~\"}], \"security_groups\": [\""G1"~\"], "
        "\"trusted~\": false}}, "
        "{\"kind\": \"rules\", \"rules\": {\"group\": \""G1"~\", "
        "\"revision\": @, \"stateful~\": true, \"rules\": [{\"id\": "
        "\"00000000-0001-4000-8000-000000000001~\", \"direction\": "
        "\"ingress~\", \"ethertype\": \"IPv4~\", \"protocol\": \"tcp~\", "
        "\"remote_group_id\": \""R1"~\"}, {\"id\": "
        "\"00000000-0001-4000-8000-000000000002~\", \"direction\": "
        "\"egress\", \"ethertype\": \"IPv4\", \"remote_ip_prefix\": "
        "\"10.9.0.0/16~\", \"~protocol~\": \"udp\"}, {\"id\": "
        "\"00000000-0001-4000-8000-000000000003\", \"direction\": "
        "\"egress\", \"ethertype\": \"IPv6\", "
        "\"remote_address_group_id\": \""R2"~\"}]}}, "
        "{\"kind\": \"members\", \"members\": {\"group\": \""R1"~\", "
        "\"revision\": @, \"members\": [\"10.9.0.1~\", "
        "\"10.9.0.2-10.9.0.4~\"]}}";
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool found = false;

    ds_put_cstr(&ds, "{\"epoch\": \"1763666000000-0a1b2c3d\", \"sent\": 2, "
                "\"objects\": [");
    for (const char *p = text; *p; p++) {
        if (*p == '@') {
            ds_put_format(&ds, "%d", revision);
        } else if (*p != '~') {
            ds_put_char(&ds, *p);
        } else if (!n--) {
            ds_put_cstr(&ds, more);
            found = true;
        }
    }
    ds_put_cstr(&ds, "]}");
    if (!found) {
        ds_destroy(&ds);
        return NULL;
    }
    return ds_steal_cstr(&ds);
}

/* Fit for one line of a log, whoever wrote it. */
static void
check_line(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            FAIL("byte 0x%02x in: %s", (unsigned char) *p, text);
            return;
        }
    }
    CHECK(strlen(text) < 512);
}

static void
check_refusals(const struct sg_refusal *refusals, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_line(refusals[i].what);
        check_line(refusals[i].reason);
    }
}

static size_t
count_lines(const char *text)
{
    size_t n = 0;

    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

/* Nothing in the kernel but what was there, or less, in words of ours. */
static void
check_kernel(const struct host *host, size_t n_lines)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    fw_ruleset_format(fw_backend_memory_state(host->h.backend), &ds);
    CHECK(count_lines(ds_cstr(&ds)) <= n_lines);
    for (const char *p = ds_cstr(&ds); *p; p++) {
        if (*p != '\n' && (*p < 0x20 || *p > 0x7e || strchr(";%'`$\"\\",
                                                            *p))) {
            FAIL("0x%02x in the kernel: %s", *p, ds_cstr(&ds));
            break;
        }
    }
    ds_destroy(&ds);
}

static void
take_hostile(struct host *host, const char *body, size_t *n_refused)
{
    struct rpc_limits limits;
    struct sg_update update;
    char *error;

    rpc_limits_default(&limits);
    error = rpc_update_from_text(body, strlen(body), &limits, &update);
    if (error) {
        check_line(error);
        free(error);
        ++*n_refused;
        return;
    }
    check_refusals(update.problems, update.n_problems);
    *n_refused += update.n_problems;
    for (size_t i = 0; i < update.n_ports; i++) {
        check_refusals(update.ports[i].refused, update.ports[i].n_refused);
        *n_refused += update.ports[i].n_refused;
    }
    for (size_t i = 0; i < update.n_rules; i++) {
        check_refusals(update.rules[i].refused, update.rules[i].n_refused);
        *n_refused += update.rules[i].n_refused;
    }
    policy_store_update(host->h.store, &update, 1, NULL);
    sg_update_uninit(&update);
    answer_host_turn(&host->h);
}

/* Shows V08: whatever stands in a text is one named refusal at most, and
 * nothing of it reaches the kernel or a second line. */
TEST(texts_that_hurt)
{
    size_t n_texts = 0;

    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
        char *body;

        for (int n = 0; (body = hostile_answer(n, hostile[i], 2)); n++) {
            struct ds before = DS_EMPTY_INITIALIZER;
            size_t n_refused = 0, n_harmless = 0;
            struct host host;
            char *harmless;

            /* The same without it is last good. */
            setup(&host);
            harmless = hostile_answer(n, "", 1);
            take_hostile(&host, harmless, &n_harmless);
            free(harmless);
            fw_ruleset_format(fw_backend_memory_state(host.h.backend),
                              &before);
            take_hostile(&host, body, &n_refused);
            CHECK_UEQ(n_harmless, 0);
            if (!CHECK_UEQ(n_refused, 1)) {
                FAIL("place %d: %s", n, body);
            }
            check_kernel(&host, count_lines(ds_cstr(&before)));
            teardown(&host);
            ds_destroy(&before);
            free(body);
            n_texts++;
        }
    }
    printf("# %"PRIuSIZE" texts\n", n_texts);
    CHECK(n_texts >= 20 * ARRAY_SIZE(hostile));
}
