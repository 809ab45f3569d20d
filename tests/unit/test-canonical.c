/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Every way to spell an address or a prefix, on the wire and in a topology:
 * each is refused, or becomes the one canonical member.  Two spellings that
 * were two members would be added and deleted apart. */

#include <config.h>
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "rpc/message.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

#define GROUP "5eb00000-0000-4000-8000-00000000000a"
#define EPOCH "1763666000000-0a1b2c3d"

/* What an address group's or a pair's text becomes in a topology.  It is
 * stricter than the wire: nobody's address is refused as well. */
enum topology_verdict {
    SAME,                       /* As on the wire. */
    REFUSED,
    NO_MEMBER,                  /* A pair that makes nobody a member. */
};

static const struct spelling {
    const char *text;
    const char *canonical;      /* NULL: refused. */
    enum topology_verdict topology;
} spellings[] = {
    { "10.0.0.1", "10.0.0.1", SAME },
    { "10.0.0.1/32", "10.0.0.1", SAME },
    { "255.255.255.254", "255.255.255.254", SAME },
    { "2001:db8::1", "2001:db8::1", SAME },
    { "2001:db8::1/128", "2001:db8::1", SAME },
    /* Letter case, zeros that IPv6 may have, where "::" stands. */
    { "2001:DB8::A", "2001:db8::a", SAME },
    { "2001:0db8:0000:0000:0000:0000:0000:000a", "2001:db8::a", SAME },
    { "2001:db8:0:0:0:0:0:a", "2001:db8::a", SAME },
    { "2001:db8::0:a", "2001:db8::a", SAME },
    { "2001:db8:0:1::/64", "2001:db8:0:1::/64", SAME },
    { "2001:db8:0:1:0:0:0:0/64", "2001:db8:0:1::/64", SAME },
    { "64:ff9b::10.0.0.1", "64:ff9b::a00:1", SAME },
    { "fe80::1", "fe80::1", SAME },
    /* Host bits are masked. */
    { "10.0.0.77/24", "10.0.0.0/24", SAME },
    { "10.0.0.1/31", "10.0.0.0/31", SAME },
    { "10.255.255.255/8", "10.0.0.0/8", SAME },
    { "255.255.255.255/1", "128.0.0.0/1", SAME },
    { "2001:db8::ffff/112", "2001:db8::/112", SAME },
    { "2001:db8::1/127", "2001:db8::/127", SAME },
    { "2001:db8:ffff::/33", "2001:db8:8000::/33", SAME },
    /* Everybody.  The wire has it, a controller never makes it of a pair. */
    { "0.0.0.0/0", "0.0.0.0/0", NO_MEMBER },
    { "10.0.0.1/0", "0.0.0.0/0", NO_MEMBER },
    { "::/0", "::/0", NO_MEMBER },
    { "ffff::1/0", "::/0", NO_MEMBER },
    { "0.0.0.0/1", "0.0.0.0/1", SAME },
    /* Nobody's address. */
    { "0.0.0.0", "0.0.0.0", REFUSED },
    { "::", "::", REFUSED },
    { "127.0.0.1", "127.0.0.1", REFUSED },
    { "::1", "::1", REFUSED },
    { "224.0.0.1", "224.0.0.1", REFUSED },
    { "239.0.0.0/8", "239.0.0.0/8", REFUSED },
    { "255.255.255.255", "255.255.255.255", REFUSED },
    { "ff02::1", "ff02::1", REFUSED },
    /* IPv4 in IPv6: the kernel would see another family. */
    { "::ffff:10.0.0.1", NULL, SAME },
    { "::FFFF:10.0.0.1", NULL, SAME },
    { "::ffff:a00:1", NULL, SAME },
    { "0:0:0:0:0:ffff:10.0.0.1", NULL, SAME },
    { "::ffff:10.0.0.1/128", NULL, SAME },
    { "::ffff:0.0.0.0/96", NULL, SAME },
    { "::ffff:10.0.0.0/64", NULL, SAME },
    /* Leading zeros are octal to some. */
    { "010.0.0.1", NULL, SAME },
    { "10.0.0.01", NULL, SAME },
    { "10.00.0.1", NULL, SAME },
    { "10.0.0.1/08", NULL, SAME },
    { "10.0.0.1/032", NULL, SAME },
    { "2001:db8::1/0128", NULL, SAME },
    { "2001:00db8::1", NULL, SAME },
    /* Lengths. */
    { "10.0.0.0/33", NULL, SAME },
    { "2001:db8::/129", NULL, SAME },
    { "10.0.0.0/", NULL, SAME },
    { "10.0.0.0/-1", NULL, SAME },
    { "10.0.0.0/+8", NULL, SAME },
    { "10.0.0.0/8.0", NULL, SAME },
    { "10.0.0.0/24/24", NULL, SAME },
    { "10.0.0.0/255.255.255.0", NULL, SAME },
    { "10.0.0.0/4294967304", NULL, SAME },
    { "10.0.0.0/0x8", NULL, SAME },
    { "/24", NULL, SAME },
    /* Zones. */
    { "fe80::1%eth0", NULL, SAME },
    { "fe80::1%1", NULL, SAME },
    { "fe80::1%", NULL, SAME },
    { "fe80::%eth0/64", NULL, SAME },
    { "fe80::/64%eth0", NULL, SAME },
    /* Short forms, other bases, other writings. */
    { "10", NULL, SAME },
    { "10.1", NULL, SAME },
    { "10.0.1", NULL, SAME },
    { "10.0.0/8", NULL, SAME },
    { "167772161", NULL, SAME },
    { "0x0a000001", NULL, SAME },
    { "0xa.0.0.1", NULL, SAME },
    { "10.0.0.1.", NULL, SAME },
    { ".10.0.0.1", NULL, SAME },
    { "10..0.1", NULL, SAME },
    { "10.0.0.256", NULL, SAME },
    { "10.0.0.-1", NULL, SAME },
    { "1.10.0.0.1", NULL, SAME },
    { "[2001:db8::1]", NULL, SAME },
    { "2001:db8::1::2", NULL, SAME },
    { "2001:db8", NULL, SAME },
    { "1:2:3:4:5:6:7:8:9", NULL, SAME },
    { "1:2:3:4:5:6:7:8::", NULL, SAME },
    { ":1:2:3:4:5:6:7", NULL, SAME },
    { "2001:db8::g", NULL, SAME },
    { "2001:db8::1.2.3", NULL, SAME },
    { "1.0.0.10.in-addr.arpa", NULL, SAME },
    { "localhost", NULL, SAME },
    { "any", NULL, SAME },
    /* Blanks and what looks like digits. */
    { " 10.0.0.1", NULL, SAME },
    { "10.0.0.1 ", NULL, SAME },
    { "10.0.0.0 /8", NULL, SAME },
    { "10.0.0.0/ 8", NULL, SAME },
    { "\xd9\xa1\xd9\xa0.0.0.1", NULL, SAME },
    { "\xef\xbc\x91\xef\xbc\x90.0.0.1", NULL, SAME },
    { "", NULL, SAME },
};

/* The members that the wire makes of 'list', JSON texts; "refused" if the
 * message is. */
static char *
wire(const char *key, const char *list)
{
    bool whole = !strcmp(key, "members");
    char *body = xasprintf("{\"method\": \"members_changed\", \"args\": "
                           "{\"epoch\": \""EPOCH"\", \"members\": "
                           "{\"group\": \""GROUP"\", \"revision\": 2, %s"
                           "\"%s\": [%s]}}}", whole ? "" : "\"prev\": 1, ",
                           key, list);
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct rpc_message message;
    struct rpc_limits limits;
    struct sg_update update;
    char *error;

    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, strlen(body), &limits,
                                              &message)));
    error = rpc_update_from_request(&message, &limits, &update);
    rpc_message_uninit(&message);
    free(body);
    if (error) {
        free(error);
        return xstrdup("refused");
    }

    const struct sg_members_spec *spec = &update.members[0];
    const struct sg_prefix_list *p = (strcmp(key, "removed")
                                      ? &spec->added : &spec->removed);
    for (size_t i = 0; i < p->n; i++) {
        char text[SG_PREFIX_STRLEN];

        ds_put_format(&ds, "%s%s", i ? " " : "",
                      sg_prefix_format(&p->p[i], text));
    }
    sg_update_uninit(&update);
    return ds_steal_cstr(&ds);
}

/* The members that a topology with this text makes, of an address group or of
 * an address pair. */
static char *
topology(const char *form, const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct topology *t = NULL;
    struct sg_members_spec spec;
    struct rpc_limits limits;
    struct uuid id;
    char *error;

    /* Two forms, one of which is used. */
    ds_put_format(&ds, "groups:\n%s",
                  strcmp(form, "pair") ? "" : "- {id: "GROUP"}\n");
    if (!strcmp(form, "pair")) {
        ds_put_format(&ds, "ports: [{id: 90000000-0000-4000-8000-00000000000"
                      "1, mac_address: '02:00:00:00:00:01', "
                      "security_groups: ["GROUP"], "
                      "allowed_address_pairs: [{ip_address: \"%s\"}]}]\n",
                      text);
    } else {
        ds_clear(&ds);
        ds_put_format(&ds, "groups: []\nports: []\naddress_groups:\n"
                      "- {id: "GROUP", addresses: [\"%s\"]}\n", text);
    }
    rpc_limits_default(&limits);
    error = topology_parse(ds_cstr(&ds), ds.length, "t", &limits, &t);
    ds_clear(&ds);
    if (error) {
        free(error);
        ds_destroy(&ds);
        return xstrdup("refused");
    }
    REQUIRE(sg_id_from_string(GROUP, &id));
    topology_group_members(topology_group(t, &id), 1, &spec);
    for (size_t i = 0; i < spec.added.n; i++) {
        char member[SG_PREFIX_STRLEN];

        ds_put_format(&ds, "%s%s", i ? " " : "",
                      sg_prefix_format(&spec.added.p[i], member));
    }
    sg_members_spec_uninit(&spec);
    topology_destroy(t);
    return ds_steal_cstr(&ds);
}

static void
check_text(const char *where, const char *text, char *got,
           const char *expected)
{
    if (strcmp(got, expected)) {
        test_fail(__FILE__, __LINE__, "%s \"%s\": %s, not %s", where, text,
                  got, expected);
    }
    CHECK(!strcmp(got, expected));
    free(got);
}

TEST(on_the_wire)
{
    static const char *const keys[] = { "members", "added", "removed" };

    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        const struct spelling *s = &spellings[i];
        char *list = xasprintf("\"%s\"", s->text);

        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            check_text(keys[k], s->text, wire(keys[k], list),
                       s->canonical ? s->canonical : "refused");
        }
        free(list);
    }
}

TEST(in_a_topology)
{
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        const struct spelling *s = &spellings[i];
        bool refused = !s->canonical || s->topology == REFUSED;

        check_text("pair", s->text, topology("pair", s->text),
                   refused ? "refused"
                   : s->topology == NO_MEMBER ? "" : s->canonical);
        /* For an address group, everybody is a mistake. */
        check_text("address group", s->text, topology("group", s->text),
                   refused || s->topology == NO_MEMBER
                   ? "refused" : s->canonical);
    }
}

/* What is printed is read back as the same, and printed the same. */
TEST(canonical_texts_are_their_own)
{
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        char again[SG_PREFIX_STRLEN];
        struct sg_prefix a, b;

        if (spellings[i].canonical) {
            REQUIRE(sg_prefix_from_string(spellings[i].text, &a));
            REQUIRE(sg_prefix_from_string(spellings[i].canonical, &b));
            CHECK_MEM(&a, &b, sizeof a);
            CHECK_STR(sg_prefix_format(&b, again), spellings[i].canonical);
        }
    }
}

TEST(lists)
{
    static const struct {
        const char *key, *list, *expected;
    } cases[] = {
        /* One that cannot be read spoils the list. */
        { "members", "\"10.0.0.1\", \"10.0.0.01\"", "refused" },
        { "members", "\"10.0.0.1\", 1", "refused" },
        { "members", "\"10.0.0.1\", null", "refused" },
        { "members", "\"10.0.0.1\", [\"10.0.0.2\"]", "refused" },
        { "members", "\"10.0.0.1\\u0000\"", "refused" },
        /* Ranges. */
        { "members", "\"10.0.0.1-10.0.0.1\"", "10.0.0.1" },
        { "members", "\"2001:DB8::FFFF-2001:db8::1:0\"",
          "2001:db8::ffff 2001:db8::1:0" },
        { "members", "\"255.255.255.254-255.255.255.255\"",
          "255.255.255.254 255.255.255.255" },
        { "members", "\"10.0.0.2-10.0.0.1\"", "refused" },
        { "members", "\"10.0.0.1-2001:db8::1\"", "refused" },
        { "members", "\"2001:db8::1-10.0.0.1\"", "refused" },
        { "members", "\"10.0.0.0/30-10.0.0.9\"", "refused" },
        { "members", "\"10.0.0.1/32-10.0.0.2\"", "refused" },
        { "members", "\"::fffe:ffff:ffff-::ffff:0:1\"", "refused" },
        { "members", "\"::ffff:0:1-::ffff:0:2\"", "refused" },
        { "members", "\"::fffe:ffff:ffff-::1:0:0:0\"", "refused" },
        { "members", "\"fe80::1%1-fe80::2\"", "refused" },
        { "members", "\"0.0.0.0-255.255.255.255\"", "refused" },
        { "members", "\"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"",
          "refused" },
        /* No ranges in a change. */
        { "added", "\"10.0.0.1-10.0.0.2\"", "refused" },
        { "removed", "\"10.0.0.1-10.0.0.2\"", "refused" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        /* "\u0000" refuses the message before there are members. */
        if (strstr(cases[i].list, "u0000")) {
            struct rpc_limits limits;
            struct rpc_message message;
            char *body = xasprintf("{\"method\": \"m\", \"args\": [%s]}",
                                   cases[i].list);

            rpc_limits_default(&limits);
            CHECK_ERROR(rpc_message_decode(body, strlen(body), &limits,
                                           &message), "not JSON");
            free(body);
        } else {
            check_text(cases[i].key, cases[i].list,
                       wire(cases[i].key, cases[i].list), cases[i].expected);
        }
    }
}

/* Spellings of one address on both sides of a change contradict each other. */
TEST(both_added_and_removed)
{
    static const char body[] =
        "{\"method\": \"members_changed\", \"args\": {\"epoch\": \""EPOCH"\", "
        "\"members\": {\"group\": \""GROUP"\", \"revision\": 2, \"prev\": 1, "
        "\"added\": [\"2001:DB8::0:1\"], \"removed\": [\"2001:db8::1/128\"]}}"
        "}";
    struct rpc_message message;
    struct rpc_limits limits;
    struct sg_update update;

    rpc_limits_default(&limits);
    REQUIRE(CHECK_NO_ERROR(rpc_message_decode(body, strlen(body), &limits,
                                              &message)));
    CHECK_ERROR(rpc_update_from_request(&message, &limits, &update),
                "both added and removed");
    rpc_message_uninit(&message);
}
