/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What firewall/l2_guard.h promises, by the model and by the kernel. */

#include <config.h>
#include <errno.h>
#include <stdlib.h>

#include "firewall/l2_guard.h"
#include "openvswitch/dynamic-string.h"
#include "tests/lib/netns.h"
#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "util.h"

struct guard_fixture {
    struct l2_guard *g;
    const struct l2_guard_class *c;
    bool kernel;
};

static void
guard_run(void (*test)(struct guard_fixture *), bool kernel)
{
    const struct l2_guard_config config = {
        .tap_prefix = "tap",
        .uplink_prefix = "qvb",
    };
    struct guard_fixture f = { .kernel = kernel };
    char *error = NULL;

    if (kernel) {
        netns_enter();
        f.g = l2_guard_nft_create(&config, &error);
        CHECK_NO_ERROR(error);
    } else {
        f.g = l2_guard_memory_create();
    }
    REQUIRE(f.g);
    f.c = f.g->class;
    test(&f);
    f.c->destroy(f.g);
}

#define GUARD_TEST(NAME)                                \
    static void NAME(struct guard_fixture *);           \
    TEST(NAME##_memory)                                 \
    {                                                   \
        guard_run(NAME, false);                         \
    }                                                   \
    TEST(NAME##_nft)                                    \
    {                                                   \
        guard_run(NAME, true);                          \
    }                                                   \
    static void                                         \
    NAME(struct guard_fixture *f)

#define KERNEL_TEST(NAME)                               \
    static void NAME(struct guard_fixture *);           \
    TEST(NAME)                                          \
    {                                                   \
        guard_run(NAME, true);                          \
    }                                                   \
    static void                                         \
    NAME(struct guard_fixture *f)

#define M1 "52:54:00:00:00:01"
#define M2 "52:54:00:00:00:02"
#define ALL \
    "seen IPv4\n" \
    "seen IPv6\n" \
    "other tapother 1\n" \
    "other tapother 4294967295\n" \
    "shut tapshut\n" \
    "free tapfree\n" \
    "mac tap1 " M1 "\n" \
    "pair tap1 " M1 " 10.0.0.1\n" \
    "pair tap1 " M1 " 10.1.0.0/16\n" \
    "pair tap1 " M1 " 2001:db8::1\n" \
    "pair tap1 " M1 " 2001:db8:1::/48\n" \
    "pair tap1 " M2 " 0.0.0.0/0\n" \
    "pair tap1 " M2 " ::/0\n"

/* What l2_elements_format() prints. */
static struct l2_elements
elements(const char *text)
{
    struct l2_elements list = L2_ELEMENTS_INIT;
    char *copy = xstrdup(text), *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char kind[8], device[SG_DEVICE_LEN], mac_text[32], prefix_text[64];
        struct sg_prefix prefix;
        struct sg_mac mac;
        int n = sscanf(line, "%7s %15s %31s %63s", kind, device, mac_text,
                       prefix_text);

        if (!strcmp(kind, "seen")) {
            l2_elements_add_seen(&list, !strcmp(device, "IPv4")
                                        ? SG_IPV4 : SG_IPV6);
            continue;
        }
        if (!strcmp(kind, "other")) {
            l2_elements_add_other(&list, device, strtoul(mac_text, NULL, 10));
            continue;
        }
        REQUIRE(n >= 2 && (n < 3 || sg_mac_from_string(mac_text, &mac))
                && (n < 4 || sg_prefix_from_string(prefix_text, &prefix)));
        l2_elements_add(&list, !strcmp(kind, "shut") ? L2_SHUT
                        : !strcmp(kind, "free") ? L2_FREE
                        : !strcmp(kind, "mac") ? L2_MAC : L2_PAIR, device,
                        n < 3 ? NULL : &mac, n < 4 ? NULL : &prefix);
    }
    free(copy);
    l2_elements_order(&list);
    return list;
}

/* Reads; checks what is found, and the elements. */
static void
check_read(struct guard_fixture *f, enum l2_found expected, const char *text)
{
    struct l2_elements list = L2_ELEMENTS_INIT;
    struct ds s = DS_EMPTY_INITIALIZER;
    enum l2_found found;

    REQUIRE(CHECK_EQ(f->c->read(f->g, &found, &list), 0));
    CHECK_EQ(found, expected);
    if (expected == L2_INTACT) {
        l2_elements_format(&list, &s);
        CHECK_STR(ds_cstr(&s), text);
    }
    ds_destroy(&s);
    l2_elements_uninit(&list);
}

static void
replace(struct guard_fixture *f, const char *text)
{
    struct l2_elements list = elements(text);

    if (f->c->replace(f->g, &list)) {
        FAIL("%s", f->c->error(f->g));
    }
    l2_elements_uninit(&list);
}

static int
edit(struct guard_fixture *f, const char *add_text, const char *del_text)
{
    struct l2_elements add = elements(add_text), del = elements(del_text);
    int error = f->c->edit(f->g, &add, &del);

    l2_elements_uninit(&add);
    l2_elements_uninit(&del);
    return error;
}

GUARD_TEST(made_and_read)
{
    check_read(f, L2_NOTHING, "");
    replace(f, ALL);
    check_read(f, L2_INTACT, ALL);
    replace(f, "");
    check_read(f, L2_INTACT, "");
    CHECK_EQ(f->c->remove(f->g), 0);
    check_read(f, L2_NOTHING, "");
    CHECK_EQ(f->c->remove(f->g), 0);
}

GUARD_TEST(edited)
{
    check_read(f, L2_NOTHING, "");
    replace(f, ALL);
    CHECK_EQ(edit(f, "pair tap2 "M2" 10.0.0.2\nfree tap3\n", ""), 0);
    CHECK_EQ(edit(f, "", "seen IPv4\nseen IPv6\n"
                  "free tapfree\nfree tap3\nother tapother 1\n"
                  "other tapother 4294967295\n"
                  "shut tapshut\npair tap1 "M1" 10.1.0.0/16\n"), 0);
    check_read(f, L2_INTACT, "mac tap1 "M1"\npair tap1 "M1" 10.0.0.1\n"
               "pair tap1 "M1" 2001:db8::1\npair tap1 "M1" 2001:db8:1::/48\n"
               "pair tap1 "M2" 0.0.0.0/0\npair tap1 "M2" ::/0\n"
               "pair tap2 "M2" 10.0.0.2\n");
    /* As a whole or not at all. */
    CHECK(edit(f, "free tap4\n", "free tap5\n") != 0);
    check_read(f, L2_INTACT, "mac tap1 "M1"\npair tap1 "M1" 10.0.0.1\n"
               "pair tap1 "M1" 2001:db8::1\npair tap1 "M1" 2001:db8:1::/48\n"
               "pair tap1 "M2" 0.0.0.0/0\npair tap1 "M2" ::/0\n"
               "pair tap2 "M2" 10.0.0.2\n");
}

/* A prefix takes the place of one that it contains, and the other way
 * round, in one transaction. */
GUARD_TEST(overlapping_prefixes)
{
    check_read(f, L2_NOTHING, "");
    replace(f, "pair tap1 "M1" 10.1.0.0/16\npair tap1 "M1" 10.2.0.0/16\n"
            "pair tap1 "M1" 2001:db8::/64\n");
    CHECK_EQ(edit(f, "pair tap1 "M1" 10.0.0.0/8\npair tap1 "M1" ::/0\n",
                  "pair tap1 "M1" 10.1.0.0/16\npair tap1 "M1" 10.2.0.0/16\n"
                  "pair tap1 "M1" 2001:db8::/64\n"), 0);
    check_read(f, L2_INTACT,
               "pair tap1 "M1" 10.0.0.0/8\npair tap1 "M1" ::/0\n");
    CHECK_EQ(edit(f, "pair tap1 "M1" 10.255.0.0/17\npair tap1 "M1" 8000::/1\n",
                  "pair tap1 "M1" 10.0.0.0/8\npair tap1 "M1" ::/0\n"), 0);
    check_read(f, L2_INTACT,
               "pair tap1 "M1" 10.255.0.0/17\npair tap1 "M1" 8000::/1\n");
}

static void
add_many(struct l2_elements *list, size_t n_ports)
{
    for (size_t i = 0; i < n_ports; i++) {
        struct sg_prefix p4 = { .addr = { 10, 0, i >> 8, i },
                                .family = SG_IPV4, .plen = 32 };
        struct sg_prefix p6 = { .addr = { 0x20, 1, [14] = i >> 8, [15] = i },
                                .family = SG_IPV6, .plen = 128 };
        struct sg_mac mac = { { 0x52, 0x54, 0, 0, i >> 8, i } };
        char device[SG_DEVICE_LEN];

        snprintf(device, sizeof device, "tap%"PRIuSIZE, i);
        l2_elements_add(list, L2_MAC, device, &mac, NULL);
        l2_elements_add(list, L2_PAIR, device, &mac, &p4);
        l2_elements_add(list, L2_PAIR, device, &mac, &p6);
    }
    l2_elements_order(list);
}

/* More than one message, and more than one buffer of an answer. */
GUARD_TEST(many)
{
    struct l2_elements many = L2_ELEMENTS_INIT, list = L2_ELEMENTS_INIT;
    struct l2_elements none = L2_ELEMENTS_INIT;
    enum l2_found found;

    add_many(&many, 2000);
    check_read(f, L2_NOTHING, "");
    replace(f, "");
    CHECK_EQ(f->c->edit(f->g, &many, &none), 0);
    CHECK_EQ(f->c->read(f->g, &found, &list), 0);
    CHECK_EQ(found, L2_INTACT);
    CHECK(l2_elements_equal(&list, &many));
    CHECK_EQ(f->c->edit(f->g, &none, &many), 0);
    check_read(f, L2_INTACT, "");
    CHECK_EQ(f->c->replace(f->g, &many), 0);
    l2_elements_clear(&list);
    CHECK_EQ(f->c->read(f->g, &found, &list), 0);
    CHECK(l2_elements_equal(&list, &many));
    l2_elements_uninit(&many);
    l2_elements_uninit(&list);
}

/* A write is for what was read. */
GUARD_TEST(changed_meanwhile)
{
    struct l2_elements none = L2_ELEMENTS_INIT;
    bool changed = true;

    check_read(f, L2_NOTHING, "");
    replace(f, ALL);
    CHECK_EQ(f->c->changed(f->g, &changed), 0);
    CHECK(!changed);
    if (f->kernel) {
        free(netns_run(NULL, "nft add table inet somebody"));
    } else {
        l2_guard_memory_spoil(f->g, L2_INTACT);
    }
    CHECK_EQ(f->c->changed(f->g, &changed), 0);
    CHECK(changed);
    CHECK_EQ(edit(f, "free tap9\n", ""), EAGAIN);
    CHECK_EQ(f->c->replace(f->g, &none), EAGAIN);
    CHECK_EQ(f->c->remove(f->g), EAGAIN);
    check_read(f, L2_INTACT, ALL);
    CHECK_EQ(f->c->changed(f->g, &changed), 0);
    CHECK(!changed);
    CHECK_EQ(edit(f, "", "free tapfree\n"), 0);
}

/* The rules as the nft command lists them, for whoever reads docs/rules.md
 * beside them. */
KERNEL_TEST(rules)
{
    char *expected = test_read_file("tests/conformance/l2-guard.nft", NULL);
    char *actual;

    check_read(f, L2_NOTHING, "");
    replace(f, "seen IPv4\nseen IPv6\nfree tapfree\n");
    actual = netns_run(NULL, "nft list ruleset");
    CHECK_STR(actual, expected);
    free(actual);
    free(expected);
}

/* A host that is to be reached: nothing of these two is there. */
KERNEL_TEST(open_host)
{
    const struct l2_guard_config config = {
        .tap_prefix = "tap",
        .uplink_prefix = "qvb",
        .host_input = true,
        .host_output = true,
    };
    char *error = NULL, *actual;
    enum l2_found found;
    struct l2_elements list = L2_ELEMENTS_INIT;
    struct l2_guard *open = l2_guard_nft_create(&config, &error);

    REQUIRE(open);
    CHECK_EQ(open->class->read(open, &found, &list), 0);
    CHECK_EQ(found, L2_NOTHING);
    CHECK_EQ(open->class->replace(open, &list), 0);
    actual = netns_run(NULL, "nft list chain bridge sg1-guard input");
    CHECK(!strstr(actual, "drop"));
    free(actual);
    actual = netns_run(NULL, "nft list chain bridge sg1-guard output");
    CHECK(!strstr(actual, "drop"));
    free(actual);
    check_read(f, L2_DAMAGED, "");
    open->class->destroy(open);
    l2_elements_uninit(&list);
}

/* All that somebody can do to a table. */
KERNEL_TEST(damage)
{
    static const struct {
        const char *command;
        enum l2_found found;
    } cases[] = {
        { "flush ruleset", L2_NOTHING },
        { "delete table bridge sg1-guard", L2_DAMAGED },
        { "flush table bridge sg1-guard", L2_DAMAGED },
        { "flush chain bridge sg1-guard tap-arp", L2_DAMAGED },
        { "delete chain bridge sg1-guard prerouting", L2_DAMAGED },
        { "add chain bridge sg1-guard another", L2_DAMAGED },
        { "add set bridge sg1-guard another { type ether_addr; }",
          L2_DAMAGED },
        { "insert rule bridge sg1-guard prerouting accept", L2_DAMAGED },
        { "add rule bridge sg1-guard tap accept", L2_DAMAGED },
        { "insert rule bridge sg1-guard tap-ip4 drop", L2_DAMAGED },
        { "add chain bridge sg1-guard prerouting { policy drop; }",
          L2_DAMAGED },
        { "add table bridge sg1-guard { flags dormant; }", L2_DAMAGED },
        { "add element bridge sg1-guard net4 "
          "{ tap1 . "M1" . "M1" . 192.168.0.1-192.168.0.6 }", L2_DAMAGED },
        { "add element bridge sg1-guard macs { tap1 . "M1" . "M2" }",
          L2_DAMAGED },
        { "add element bridge sg1-guard seen { arp }", L2_DAMAGED },
        { "delete table inet sg1-guard", L2_DAMAGED },
        { "delete table arp sg1-guard", L2_DAMAGED },
        { "flush chain inet sg1-guard prerouting", L2_DAMAGED },
        { "insert rule arp sg1-guard input accept", L2_DAMAGED },
        { "add set inet sg1-guard another { type ether_addr; }",
          L2_DAMAGED },
        { "add table ip6 sg1-guard", L2_INTACT },
        { "add table inet another", L2_INTACT },
        { "add table bridge another", L2_INTACT },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct l2_elements list = L2_ELEMENTS_INIT;
        enum l2_found found;
        bool changed = false;

        CHECK_EQ(f->c->read(f->g, &found, &list), 0);
        l2_elements_uninit(&list);
        replace(f, ALL);
        f->c->hint(f->g);
        CHECK(!f->c->hint(f->g));
        free(netns_run(NULL, "nft '%s'", cases[i].command));
        CHECK_EQ(f->c->hint(f->g), !strstr(cases[i].command, "inet another"));
        CHECK_EQ(f->c->changed(f->g, &changed), 0);
        CHECK(changed);
        CHECK_EQ(f->c->read(f->g, &found, &list), 0);
        if (found != cases[i].found) {
            FAIL("%s: found %d", cases[i].command, found);
        }
        l2_elements_uninit(&list);
    }
}

static void
check_tables(struct guard_fixture *f, const char *after, const char *expected)
{
    struct l2_tables tables = L2_TABLES_INIT;
    char *names;

    REQUIRE(CHECK_EQ(f->c->tables(f->g, &tables), 0));
    names = l2_tables_names(&tables);
    if (strcmp(names ? names : "", expected)) {
        FAIL("after %s: \"%s\", not \"%s\"", after, names ? names : "",
             expected);
    }
    CHECK(true);
    free(names);
}

GUARD_TEST(no_tables_of_others)
{
    check_tables(f, "nothing", "");
    check_read(f, L2_NOTHING, "");
    replace(f, ALL);
    check_tables(f, "the guard", "");
    CHECK_EQ(f->c->remove(f->g), 0);
    check_tables(f, "its end", "");
}

/* Of the families of IP, with a hook, and not the guard's own. */
KERNEL_TEST(tables_of_others)
{
    static const struct step {
        const char *command;
        const char *names;      /* Of all that are there then. */
    } steps[] = {
        { "add table ip filter", "" },
        { "add chain ip filter plain", "" },
        { "add rule ip filter plain drop", "" },
        { "add table bridge b; add chain bridge b c "
          "{ type filter hook forward priority 0; }", "" },
        { "add table arp a; add chain arp a c "
          "{ type filter hook input priority 0; }", "" },
        { "add chain ip filter FORWARD "
          "{ type filter hook forward priority 0; }", "ip filter" },
        { "add chain ip filter INPUT "
          "{ type filter hook input priority 0; }", "ip filter" },
        { "add table inet x; add chain inet x c "
          "{ type filter hook output priority 0; }", "ip filter, inet x" },
        { "add table ip6 nat; add chain ip6 nat c "
          "{ type nat hook prerouting priority -100; }",
          "ip filter, inet x, ip6 nat" },
        /* Called like ours, and none of them. */
        { "add table ip sg1-guard; add chain ip sg1-guard c "
          "{ type filter hook forward priority 0; }",
          "ip filter, inet x, ip6 nat, ip sg1-guard" },
        { "delete chain ip filter FORWARD",
          "ip filter, inet x, ip6 nat, ip sg1-guard" },
        { "delete chain ip filter INPUT", "inet x, ip6 nat, ip sg1-guard" },
        { "flush ruleset", "" },
    };

    check_read(f, L2_NOTHING, "");
    replace(f, ALL);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        bool changed = false;

        check_read(f, L2_INTACT, ALL);
        free(netns_run(NULL, "nft '%s'", steps[i].command));
        CHECK_EQ(f->c->changed(f->g, &changed), 0);
        CHECK(changed);
        check_tables(f, steps[i].command, steps[i].names);
        CHECK_EQ(f->c->changed(f->g, &changed), 0);
        CHECK(changed);
    }
}

/* More than one buffer of an answer; and what the command of the other
 * kind of iptables makes. */
KERNEL_TEST(many_tables_of_others)
{
    struct ds script = DS_EMPTY_INITIALIZER;

    free(netns_run(NULL, "iptables-nft -A FORWARD -j ACCEPT"));
    free(netns_run(NULL, "ip6tables-nft -t mangle -A PREROUTING -j ACCEPT"));
    check_tables(f, "iptables-nft", "ip filter, ip6 mangle");
    for (int i = 0; i < 300; i++) {
        ds_put_format(&script, "add table inet t%d\n", i);
        for (int j = 0; j < 10; j++) {
            ds_put_format(&script, "add chain inet t%d c%d%s\n", i, j,
                          j % 5 ? "" : " { type filter hook forward "
                          "priority 0; }");
        }
    }
    free(netns_run(ds_cstr(&script), "nft -f -"));
    check_tables(f, "300 tables", "ip filter, ip6 mangle, inet t0, inet t1, "
                 "inet t2 and 297 more");
    ds_destroy(&script);
}

/* An element of somebody's is one more; the table is not damaged by it. */
KERNEL_TEST(foreign_element)
{
    check_read(f, L2_NOTHING, "");
    replace(f, "mac tap1 "M1"\n");
    free(netns_run(NULL, "nft 'add element bridge sg1-guard free { tap1 }'"));
    check_read(f, L2_INTACT, "free tap1\nmac tap1 "M1"\n");
    CHECK_EQ(edit(f, "", "free tap1\n"), 0);
    check_read(f, L2_INTACT, "mac tap1 "M1"\n");
}
