/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What only a kernel can show of single rules: that our bytes mean what
 * iptables calls by the same words, and that rules which we would not write
 * are foreign. */

#include <config.h>
#include <stdlib.h>

#include "openvswitch/util.h"
#include "tests/conformance/backend.h"
#include "tests/lib/netns.h"
#include "util.h"

/* ------------------------------------------------------------------------ */
/* The same words, the same bytes. */

/* Rules as iptables-save prints them, and as values. */
struct word_row {
    enum sg_family family;
    enum fw_table_id table;
    const char *text;
    struct fw_rule rule;
};

#define IP4(A, B, C, D, PLEN) \
    { .family = SG_IPV4, .plen = PLEN, .addr = { A, B, C, D } }
#define MAC { { 0x52, 0x54, 0, 0x12, 0x34, 0x5a } }
#define MAC_TEXT "52:54:00:12:34:5a"

static const struct word_row word_rows[] = {
    /* raw: hook, tree, leaves. */
    { SG_IPV4, FW_RAW, "-i qbr+ -m comment --comment sg-agent -j sg1-t",
      { .match = FW_M_IN | FW_M_COMMENT, .in = "qbr+",
        .verdict = FW_JUMP, .target = "sg1-t" } },
    { SG_IPV6, FW_RAW, "-i qbr5+ -g sg1-t",
      { .match = FW_M_IN, .in = "qbr5+",
        .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV4, FW_RAW, "-i qbr0123456789a -j CT --zone 4097",
      { .match = FW_M_IN, .in = "qbr0123456789a",
        .verdict = FW_ZONE, .zone = 4097 } },
    { SG_IPV6, FW_RAW, "-i qbr0123456789ab -j CT --zone 65535",
      { .match = FW_M_IN, .in = "qbr0123456789ab",
        .verdict = FW_ZONE, .zone = 65535 } },
    { SG_IPV6, FW_RAW, "-i qbrx -j CT --notrack",
      { .match = FW_M_IN, .in = "qbrx", .verdict = FW_NOTRACK } },
    /* The main table: hooks and fixed rules. */
    { SG_IPV6, FW_SECURITY, "-o qbr+ -m comment --comment sg-agent -j DROP",
      { .match = FW_M_OUT | FW_M_COMMENT, .out = "qbr+",
        .verdict = FW_DROP } },
    { SG_IPV4, FW_SECURITY, "-i qbr+ -j sg1-t",
      { .match = FW_M_IN, .in = "qbr+",
        .verdict = FW_JUMP, .target = "sg1-t" } },
    { SG_IPV4, FW_FILTER, "-i qbr+ -o qbr+ -j sg1-t",
      { .match = FW_M_IN | FW_M_OUT, .in = "qbr+", .out = "qbr+",
        .verdict = FW_JUMP, .target = "sg1-t" } },
    /* The same as an earlier version had it. */
    { SG_IPV4, FW_FILTER,
      "-i qbr+ -o qbr+ -m comment --comment sg-agent -j ACCEPT",
      { .match = FW_M_IN | FW_M_OUT | FW_M_COMMENT, .in = "qbr+",
        .out = "qbr+", .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY, "-j DROP", { .verdict = FW_DROP } },
    { SG_IPV6, FW_SECURITY, "-j RETURN", { .verdict = FW_RETURN } },
    { SG_IPV4, FW_SECURITY, "-j sg1-t",
      { .verdict = FW_JUMP, .target = "sg1-t" } },
    { SG_IPV4, FW_SECURITY, "-m physdev --physdev-out qvb+ -j ACCEPT",
      { .match = FW_M_PHYSDEV_OUT, .physdev_out = "qvb+",
        .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY,
      "-d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67 -g sg1-t",
      { .match = FW_M_DST | FW_M_PROTO | FW_M_SPORT | FW_M_DPORT,
        .dst = IP4(255, 255, 255, 255, 32), .proto = 17,
        .sport_min = 68, .sport_max = 68, .dport_min = 67, .dport_max = 67,
        .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV6, FW_SECURITY,
      "-p udp -m udp --sport 547 --dport 546 -j DROP",
      { .match = FW_M_PROTO | FW_M_SPORT | FW_M_DPORT, .proto = 17,
        .sport_min = 547, .sport_max = 547,
        .dport_min = 546, .dport_max = 546, .verdict = FW_DROP } },
    { SG_IPV4, FW_SECURITY,
      "-m conntrack --ctstate RELATED,ESTABLISHED -g sg1-t",
      { .match = FW_M_ESTABLISHED, .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV6, FW_SECURITY,
      "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      { .match = FW_M_ESTABLISHED, .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY,
      "-m connmark --mark 0x80000000/0x80000000 -j DROP",
      { .match = FW_M_CONNMARK, .connmark = UINT32_C(1) << 31,
        .verdict = FW_DROP } },
    { SG_IPV4, FW_SECURITY,
      "! -p dccp -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      { .match = FW_M_NOT_PROTO | FW_M_ESTABLISHED, .proto = IPPROTO_DCCP,
        .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY,
      "! -p dccp -m conntrack --ctstate RELATED,ESTABLISHED"
      " ! --ctorigsrcport 67 ! --ctreplsrcport 67"
      " -m connmark ! --mark 0x80000000/0x80000000 -j ACCEPT",
      { .match = FW_M_NOT_PROTO | FW_M_ESTABLISHED | FW_M_NOT_FLOW_PORT
                 | FW_M_NOT_CONNMARK,
        .proto = IPPROTO_DCCP, .flow_port = 67,
        .connmark = UINT32_C(1) << 31, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY,
      "! -p dccp -m conntrack --ctstate RELATED,ESTABLISHED"
      " ! --ctorigsrcport 547 ! --ctreplsrcport 547 -j ACCEPT",
      { .match = FW_M_NOT_PROTO | FW_M_ESTABLISHED | FW_M_NOT_FLOW_PORT,
        .proto = IPPROTO_DCCP, .flow_port = 547, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY, "-m connmark --mark 0x1/0x1 -g sg1-t",
      { .match = FW_M_CONNMARK, .connmark = 1,
        .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV6, FW_SECURITY, "-p ipv6-icmp -j sg1-t",
      { .match = FW_M_PROTO, .proto = 58,
        .verdict = FW_JUMP, .target = "sg1-t" } },
    { SG_IPV6, FW_SECURITY,
      "-p ipv6-icmp -m icmp6 --icmpv6-type 143 -g sg1-t",
      { .match = FW_M_PROTO | FW_M_ICMP_TYPE, .proto = 58, .icmp_type = 143,
        .verdict = FW_GOTO, .target = "sg1-t" } },
    /* Ports: pairs, directions. */
    { SG_IPV4, FW_SECURITY,
      "-s 10.0.0.5/32 -m physdev --physdev-in tap0123456789a"
      " -m mac --mac-source " MAC_TEXT " -g sg1-t",
      { .match = FW_M_SRC | FW_M_PHYSDEV_IN | FW_M_MAC,
        .src = IP4(10, 0, 0, 5, 32), .physdev_in = "tap0123456789a",
        .mac = MAC, .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV4, FW_SECURITY,
      "-s 0.0.0.0/32 -m physdev --physdev-in tapx"
      " -m mac --mac-source " MAC_TEXT " -g sg1-t",
      { .match = FW_M_SRC | FW_M_PHYSDEV_IN | FW_M_MAC,
        .src = IP4(0, 0, 0, 0, 32), .physdev_in = "tapx",
        .mac = MAC, .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV6, FW_SECURITY,
      "-s fe80::5054:ff:fe12:345a/128 -m physdev --physdev-in tapx"
      " -m mac --mac-source " MAC_TEXT " -g sg1-t",
      { .match = FW_M_SRC | FW_M_PHYSDEV_IN | FW_M_MAC,
        .src = { .family = SG_IPV6, .plen = 128,
                 .addr = { 0xfe, 0x80, [8] = 0x50, 0x54, 0, 0xff, 0xfe,
                           0x12, 0x34, 0x5a } },
        .physdev_in = "tapx", .mac = MAC,
        .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV6, FW_SECURITY,
      "-s ::/128 -m physdev --physdev-in tapx"
      " -m mac --mac-source " MAC_TEXT " -g sg1-t",
      { .match = FW_M_SRC | FW_M_PHYSDEV_IN | FW_M_MAC,
        .src = { .family = SG_IPV6, .plen = 128 }, .physdev_in = "tapx",
        .mac = MAC, .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV4, FW_SECURITY,
      "-m physdev --physdev-in qvbx --physdev-out tapx -g sg1-t",
      { .match = FW_M_PHYSDEV_IN | FW_M_PHYSDEV_OUT, .physdev_in = "qvbx",
        .physdev_out = "tapx", .verdict = FW_GOTO, .target = "sg1-t" } },
    /* Rules of groups. */
    { SG_IPV4, FW_SECURITY, "-m set --match-set " SET4 " src -j ACCEPT",
      { .match = FW_M_SET_SRC, .set = SET4, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY, "-m set --match-set " SET6 " dst -g sg1-t",
      { .match = FW_M_SET_DST, .set = SET6,
        .verdict = FW_GOTO, .target = "sg1-t" } },
    { SG_IPV4, FW_SECURITY,
      "-p tcp -m set --match-set " SET4 " src -m tcp --dport 22 -j ACCEPT",
      { .match = FW_M_SET_SRC | FW_M_PROTO | FW_M_DPORT, .set = SET4,
        .proto = 6, .dport_min = 22, .dport_max = 22,
        .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY,
      "-s 10.64.0.0/11 -p tcp -m tcp --dport 1000:2000 -j ACCEPT",
      { .match = FW_M_SRC | FW_M_PROTO | FW_M_DPORT,
        .src = IP4(10, 64, 0, 0, 11), .proto = 6,
        .dport_min = 1000, .dport_max = 2000, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY,
      "-d 2001:db8::/33 -p tcp -m tcp -j ACCEPT",
      { .match = FW_M_DST | FW_M_PROTO | FW_M_DPORT,
        .dst = { .family = SG_IPV6, .plen = 33,
                 .addr = { 0x20, 0x01, 0x0d, 0xb8 } },
        .proto = 6, .dport_max = 65535, .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY,
      "-p sctp -m multiport --dports 5 -j ACCEPT",
      { .match = FW_M_PROTO | FW_M_DPORT, .proto = 132,
        .dport_min = 5, .dport_max = 5, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY,
      "-p dccp -m multiport --dports 5:70 -j ACCEPT",
      { .match = FW_M_PROTO | FW_M_DPORT, .proto = 33,
        .dport_min = 5, .dport_max = 70, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY,
      "-p udplite -m multiport --sports 1 -m multiport --dports 0:65535"
      " -j ACCEPT",
      { .match = FW_M_PROTO | FW_M_SPORT | FW_M_DPORT, .proto = 136,
        .sport_min = 1, .sport_max = 1, .dport_max = 65535,
        .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY, "-p icmp -m icmp --icmp-type 8 -j ACCEPT",
      { .match = FW_M_PROTO | FW_M_ICMP_TYPE, .proto = 1, .icmp_type = 8,
        .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY, "-p icmp -m icmp --icmp-type 3/4 -j ACCEPT",
      { .match = FW_M_PROTO | FW_M_ICMP_TYPE | FW_M_ICMP_CODE, .proto = 1,
        .icmp_type = 3, .icmp_code = 4, .verdict = FW_ACCEPT } },
    { SG_IPV6, FW_SECURITY,
      "-p ipv6-icmp -m icmp6 --icmpv6-type 255/0 -j ACCEPT",
      { .match = FW_M_PROTO | FW_M_ICMP_TYPE | FW_M_ICMP_CODE, .proto = 58,
        .icmp_type = 255, .icmp_code = 0, .verdict = FW_ACCEPT } },
    { SG_IPV4, FW_SECURITY, "-p gre -j ACCEPT",
      { .match = FW_M_PROTO, .proto = 47, .verdict = FW_ACCEPT } },
};

/* iptables is given the words: we read the value. */
static void
check_theirs(struct fixture *f, const struct word_row *row)
{
    const char *table_name = fw_table_name(row->table);
    struct ds input = DS_EMPTY_INITIALIZER;
    struct fw_table table;

    ds_put_format(&input, "*%s\n:sg1-x - [0:0]\n:sg1-t - [0:0]\n"
                  "-A sg1-x %s\nCOMMIT\n", table_name, row->text);
    free(netns_run(ds_cstr(&input), "%s-restore",
                   iptables_commands[row->family]));
    ds_destroy(&input);

    fw_table_init(&table);
    REQUIRE(!read_table(f, row->family, row->table, &table));
    const struct fw_chain *chain = fw_table_find(&table, "sg1-x");
    REQUIRE(chain && chain->n_rules == 1);
    if (!CHECK(fw_rule_equals(&chain->rules[0], &row->rule))) {
        struct ds text = DS_EMPTY_INITIALIZER;

        fw_rule_format(&chain->rules[0], row->family, &text);
        FAIL("%s was read as %s", row->text, ds_cstr(&text));
        ds_destroy(&text);
    }
    fw_table_uninit(&table);
}

/* We write the value: iptables prints the words.  (Letters of a MAC may be of
 * either case: versions differ.) */
static void
check_ours(struct fixture *f, const struct word_row *row)
{
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-y", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-y", 0, &row->rule),
    };
    char *line = xasprintf("-A sg1-y %s\n", row->text);

    if (!CHECK_EQ(commit_edits(f, row->family, row->table, edits, 2), 0)) {
        FAIL("%s: %s", row->text, f->c->error(f->b));
    }
    char *saved = netns_save(iptables_commands[row->family],
                             fw_table_name(row->table), false);
    if (!CHECK(strcasestr(saved, line))) {
        FAIL("no %s in %s", line, saved);
    }
    free(saved);
    free(line);
}

KERNEL_TEST(same_words)
{
    for (size_t i = 0; i < ARRAY_SIZE(word_rows); i++) {
        const struct word_row *row = &word_rows[i];
        struct fixture fresh = *f;

        /* A row per namespace, and a backend in it. */
        netns_enter();
        fresh.b = fw_backend_iptables_create(
            &(struct fw_backend_iptables_config) { LOCK }, &(char *) { NULL });
        REQUIRE(fresh.b);
        REQUIRE(!create_set(&fresh, SET4, SG_IPV4, 10));
        REQUIRE(!create_set(&fresh, SET6, SG_IPV6, 10));
        check_theirs(&fresh, row);
        check_ours(&fresh, row);
        fresh.c->destroy(fresh.b);
    }
}

/* ------------------------------------------------------------------------ */
/* Other words. */

/* Rules that we would not write are foreign, however small the difference. */
static const struct {
    enum sg_family family;
    const char *table, *text;
} foreign_rows[] = {
    { SG_IPV4, "security", "-i x" },
    { SG_IPV4, "security", "! -i x -j DROP" },
    { SG_IPV4, "security", "! -o x -j DROP" },
    { SG_IPV4, "security", "! -s 10.0.0.1 -j DROP" },
    { SG_IPV6, "security", "! -d fd00::1 -j DROP" },
    { SG_IPV4, "security", "-f -j DROP" },
    { SG_IPV4, "security", "-s 10.0.0.1/255.0.0.255 -j DROP" },
    { SG_IPV4, "security", "-p tcp -m tcp --syn -j DROP" },
    { SG_IPV4, "security", "-p tcp -m tcp ! --dport 5 -j DROP" },
    { SG_IPV4, "security", "-p udp -m udp ! --sport 5 -j DROP" },
    { SG_IPV4, "security", "-p tcp -m tcp --tcp-option 5 -j DROP" },
    { SG_IPV4, "security", "-p tcp -m multiport --dports 5 -j DROP" },
    { SG_IPV4, "security", "-p sctp -m multiport --dports 5,6 -j DROP" },
    { SG_IPV4, "security", "-p sctp -m multiport --ports 5 -j DROP" },
    { SG_IPV4, "security", "-p sctp -m multiport ! --dports 5 -j DROP" },
    { SG_IPV4, "security", "-p sctp -m multiport --dports 5"
                           " -m multiport --sports 6 -j DROP" },
    { SG_IPV4, "security", "-p icmp -m icmp ! --icmp-type 8 -j DROP" },
    { SG_IPV4, "security", "-p icmp -m icmp --icmp-type any -j DROP" },
    { SG_IPV4, "security", "-m comment --comment other -j DROP" },
    { SG_IPV4, "security", "-m comment --comment sg-agent2 -j DROP" },
    { SG_IPV4, "security", "-m state --state ESTABLISHED,RELATED -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED -j DROP" },
    { SG_IPV4, "security", "-m conntrack ! --ctstate ESTABLISHED,RELATED"
                           " -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " --ctdir ORIGINAL -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " ! --ctreplsrcport 67 -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " ! --ctorigsrcport 67 -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " ! --ctorigsrcport 67 ! --ctorigdstport 67"
                           " -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " --ctorigsrcport 67 --ctreplsrcport 67 -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " ! --ctorigsrcport 67 ! --ctreplsrcport 68"
                           " -j DROP" },
    { SG_IPV4, "security", "-m conntrack --ctstate ESTABLISHED,RELATED"
                           " ! --ctorigsrcport 67:68 ! --ctreplsrcport 67:68"
                           " -j DROP" },
    { SG_IPV4, "security", "-m conntrack ! --ctorigsrcport 67"
                           " ! --ctreplsrcport 67 -j DROP" },
    { SG_IPV4, "security", "-m connmark ! --mark 0x3/0x3 -j DROP" },
    { SG_IPV4, "security", "-m connmark ! --mark 0x1/0x3 -j DROP" },
    { SG_IPV4, "security", "-m mac ! --mac-source 02:00:00:00:00:01"
                           " -j DROP" },
    { SG_IPV4, "security", "-m set ! --match-set " SET4 " src -j DROP" },
    { SG_IPV4, "security", "-m set --match-set " SET4 " src,src -j DROP" },
    { SG_IPV4, "security", "-m set --match-set " SET4 " src"
                           " --return-nomatch -j DROP" },
    { SG_IPV4, "security", "-m physdev --physdev-is-bridged -j DROP" },
    { SG_IPV4, "security", "-m physdev ! --physdev-in x -j DROP" },
    { SG_IPV4, "security", "-m mac --mac-source 02:00:00:00:00:01"
                           " -m physdev --physdev-in x -j DROP" },
    { SG_IPV4, "security", "-m physdev --physdev-in x"
                           " -m physdev --physdev-in x -j DROP" },
    { SG_IPV4, "security", "-m limit --limit 5/sec -j DROP" },
    { SG_IPV6, "security", "-m addrtype --dst-type LOCAL -j DROP" },
    { SG_IPV4, "security", "-j LOG" },
    { SG_IPV4, "security", "-j NFLOG" },
    { SG_IPV4, "filter", "-j REJECT" },
    { SG_IPV4, "raw", "-j NOTRACK" },
    { SG_IPV4, "raw", "-j CT --zone-orig 5" },
    { SG_IPV4, "raw", "-j CT --zone 5 --ctevents new" },
    { SG_IPV6, "raw", "-j TRACE" },
};

KERNEL_TEST(foreign_rules)
{
    REQUIRE(!create_set(f, SET4, SG_IPV4, 10));
    for (size_t i = 0; i < ARRAY_SIZE(foreign_rows); i++) {
        enum sg_family family = foreign_rows[i].family;
        const char *command = iptables_commands[family];
        const char *table_name = foreign_rows[i].table;
        enum fw_table_id id = !strcmp(table_name, "raw") ? FW_RAW
            : !strcmp(table_name, "filter") ? FW_FILTER : FW_SECURITY;
        struct fw_table table;

        free(netns_run(NULL, "%s -t %s -N sg1-x; %s -t %s -F sg1-x; "
                       "%s -t %s -A sg1-x -c 3 300 %s",
                       command, table_name, command, table_name,
                       command, table_name, foreign_rows[i].text));
        fw_table_init(&table);
        REQUIRE(!read_table(f, family, id, &table));
        const struct fw_chain *chain = fw_table_find(&table, "sg1-x");
        REQUIRE(chain && chain->n_rules == 1);
        if (!CHECK_EQ(chain->rules[0].match, FW_M_FOREIGN)) {
            FAIL("%s", foreign_rows[i].text);
        }
        CHECK_UEQ(chain->rules[0].packets, 3);
        CHECK_UEQ(chain->rules[0].bytes, 300);
        fw_table_uninit(&table);
    }
}
