/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The configuration: what is refused and with which words, what is printed,
 * and that the shipped example and documentation are those of the table. */

#include <config.h>
#include "agent/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/policy_store.h"
#include "firewall/render.h"
#include "rpc/message.h"
#include "tests/lib/test.h"
#include "util.h"

static struct config *
parse(const char *text)
{
    struct config *config = NULL;

    CHECK_NO_ERROR(config_parse(text, strlen(text), "f", "host1", &config));
    REQUIRE(config);
    return config;
}

static void
check_error(const char *text, const char *expected)
{
    struct config *config = NULL;
    char *error = config_parse(text, strlen(text), "f", "host1", &config);

    CHECK_STR(error, expected);
    CHECK(!config);
    free(error);
}

static char *
format(const struct config *config)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    config_format(config, &s);
    return ds_steal_cstr(&s);
}

/* Prints, parses and prints again. */
static void
check_round_trip(const struct config *config)
{
    char *text = format(config);
    struct config *again = parse(text);
    char *text2 = format(again);

    CHECK_STR(text2, text);
    config_destroy(again);
    free(text);
    free(text2);
}

TEST(defaults)
{
    struct config *c = parse("");

    CHECK_STR(c->host, "host1");
    CHECK_STR(c->ovsdb, "unix:/run/openvswitch/db.sock");
    CHECK_STR(c->control_socket, "/run/sg-agent/sg-agent.ctl");
    CHECK_STR(c->integration_bridge, "br-int");
    CHECK_STR(c->log_level, "info");
    CHECK_STR(c->log_file, "");
    CHECK_UEQ(c->broker.hosts.n, 1);
    CHECK_STR(c->broker.hosts.p[0].host, "127.0.0.1");
    CHECK_UEQ(c->broker.hosts.p[0].port, 5672);
    CHECK_STR(c->broker.vhost, "/");
    CHECK_STR(c->broker.password, "guest");
    CHECK_EQ(c->broker.heartbeat, 10);
    CHECK(!c->host_input);
    CHECK(!c->has_secret);
    CHECK_UEQ(c->unenforceable_ok.n, 0);
    /* A zone for each port. */
    CHECK_EQ(c->zone_max - c->zone_min + 1, c->limits.ports);
    check_round_trip(c);
    config_destroy(c);
    config_destroy(NULL);
}

TEST(defaults_are_those_of_the_modules)
{
    struct config *c = parse("# nothing\n---\n");
    struct rpc_limits rpc, rpc_default;
    struct policy_store_limits store;
    struct fw_layout layout;

    rpc_limits_default(&rpc_default);
    config_get_rpc_limits(c, &rpc);
    CHECK_MEM(&rpc, &rpc_default, sizeof rpc);
    config_get_store_limits(c, &store);
    CHECK_UEQ(store.members, rpc.members);
    CHECK_UEQ(store.ports, 4096);
    CHECK_UEQ(store.set_entries, 4194304);
    CHECK_EQ(c->limits.log_lines, 100);
    CHECK_UEQ(store.groups, 20000);
    CHECK_UEQ(store.rules_per_port, 10000);
    config_get_layout(c, &layout);
    CHECK_STR(layout.bridge_prefix, "qbr");
    CHECK_STR(layout.tap_prefix, "tap");
    CHECK_STR(layout.uplink_prefix, "qvb");
    CHECK(!layout.host_input && !layout.host_output);
    config_destroy(c);
}

TEST(all_kinds_of_values)
{
    struct config *c = parse(
        "host: node-7.example\n"
        "run_dir: /tmp/x\n"
        "integration_bridge: \"\"\n"
        "host_output: open\n"
        "unenforceable_ok: [tap*, \"qvo1\",\n"
        "    5eb00000-0000-4000-8000-00000000000a]\n"
        "log: {level: 'off'}\n"
        "broker:\n"
        "  hosts:\n"
        "  - a.example:5671\n"
        "  - \"[2001:db8::1]:5672\"\n"
        "  user: 'd\"\\e'\n"
        "  password: \"123\"\n"
        "zones:\n"
        "  min: 1\n"
        "  max: 65535\n");

    CHECK_STR(c->host, "node-7.example");
    CHECK_STR(c->control_socket, "/tmp/x/sg-agent.ctl");
    CHECK_STR(c->integration_bridge, "");
    CHECK(c->host_output);
    CHECK_UEQ(c->unenforceable_ok.n, 3);
    CHECK_STR(c->unenforceable_ok.p[0], "tap*");
    CHECK_STR(c->log_level, "off");
    CHECK_UEQ(c->broker.hosts.n, 2);
    CHECK_STR(c->broker.hosts.p[1].host, "2001:db8::1");
    CHECK_UEQ(c->broker.hosts.p[0].port, 5671);
    CHECK_STR(c->broker.user, "d\"\\e");
    CHECK_STR(c->broker.password, "123");
    CHECK(c->has_secret);
    CHECK_EQ(c->zone_min, 1);
    CHECK_EQ(c->zone_max, 65535);
    check_round_trip(c);

    char *text = format(c);
    CHECK(!strstr(text, "123\""));
    CHECK_CONTAINS(text, "  #password: (hidden)\n");
    CHECK_CONTAINS(text, "    - \"[2001:db8::1]:5672\"\n");
    CHECK_CONTAINS(text, "unenforceable_ok:\n  - \"tap*\"\n");
    free(text);
    config_destroy(c);
}

TEST(keys_and_structure)
{
    check_error("hots: a\n", "f:1:1: hots: expected a known key");
    check_error("broker:\n  user: a\n  pasword: b\n",
                "f:3:3: broker.pasword: expected a known key");
    check_error("broker.user: a\n",
                "f:1:1: broker.user: expected a known key");
    check_error("host: a\nhost: b\n", "f:2:1: host: expected each key once");
    check_error("zones: {min: 1,\n min: 2}\n",
                "f:2:2: zones.min: expected each key once");
    check_error("zones:\n  min: 1\nhost: a\nzones:\n  max: 9\n",
                "f:4:1: zones: expected each key once");
    check_error("- a\n", "f:1:1: expected a mapping of keys to values");
    check_error("text\n", "f:1:1: expected a mapping of keys to values");
    check_error("broker: a\n",
                "f:1:9: broker: expected a mapping of keys to values");
    check_error("[a, b]: c\n", "f:1:1: expected a key");
    check_error("host: a\n---\nhost: b\n", "f:2:1: expected one document");
    check_error("a\x01: b", "f:1:1: not YAML: control characters are not "
                "allowed");
    check_error("host: \"a\nzones:\n",
                "f:3:1: not YAML: found unexpected end of stream (while "
                "scanning a quoted scalar, from line 1)");
    check_error("host: a\n\tzones: 1\n", "f:2:1: not YAML: found a tab "
                "character that violates indentation (while scanning a plain "
                "scalar, from line 1)");
    check_error("\"\\x1b[31m\": 1\n", "f:1:1: ?[31m: expected a known key");
    /* A section whose keys are all commented out. */
    config_destroy(parse("broker:\nzones: ~\n"));
}

TEST(anchors_aliases_and_tags)
{
    check_error("host: &a b\n", "f:1:7: expected no anchors and aliases");
    check_error("run_dir: /a\nstate_dir: *a\n",
                "f:2:12: expected no anchors and aliases");
    check_error("broker: &b\n  user: c\n",
                "f:1:9: expected no anchors and aliases");
    check_error("unenforceable_ok: &l [a]\n",
                "f:1:19: expected no anchors and aliases");
    check_error("host: !!str b\n", "f:1:7: expected no tags");
    check_error("zones:\n  <<: *x\n",
                "f:2:3: zones.<<: expected a known key");
}

TEST(types)
{
    check_error("host: 12\n",
                "f:1:7: host: expected a host name: 1 to 64 of A-Z a-z 0-9 "
                ". _ -, in quotes if it looks like a number or a truth "
                "value");
    check_error("broker:\n  user: yes\n",
                "f:2:9: broker.user: expected a string of 1 to 255 bytes, "
                "in quotes if it looks like a number or a truth value");
    check_error("broker:\n  user:\n",
                "f:2:8: broker.user: expected a string of 1 to 255 bytes, "
                "in quotes if it looks like a number or a truth value");
    check_error("broker:\n  user: [a]\n",
                "f:2:9: broker.user: expected a string of 1 to 255 bytes");
    check_error("broker:\n  user: \"a\\0b\"\n",
                "f:2:9: broker.user: expected a string of 1 to 255 bytes");
    check_error("zones:\n  min: \"5\"\n",
                "f:2:8: zones.min: expected an integer from 1 to 65535, not "
                "in quotes");
    check_error("zones:\n  min: {}\n",
                "f:2:8: zones.min: expected an integer from 1 to 65535");
    check_error("broker:\n  hosts: a:1\n",
                "f:2:10: broker.hosts: expected a list of 1 to 32 "
                "HOST:PORT");
    check_error("broker:\n  hosts: []\n",
                "f:2:11: broker.hosts: expected at least 1 item");
    check_error("host_input: true\n",
                "f:1:13: host_input: expected one of closed, open, in quotes "
                "if it looks like a number or a truth value");
    check_error("host_input: shut\n",
                "f:1:13: host_input: expected one of closed, open");
    check_error("exchanges: hardened\n",
                "f:1:12: exchanges: expected one of oslo");
    check_error("log:\n  level: debug\n",
                "f:2:10: log.level: expected one of off, emer, err, warn, "
                "info, dbg");
}

TEST(ranges)
{
    static const char *const bad[] = {
        "0", "65536", "-1", "1.0", "1e3", "0x10", "010", "1 2",
        "99999999999999999999",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *text = xasprintf("zones:\n  max: %s\n", bad[i]);

        check_error(text, "f:2:8: zones.max: expected an integer from 1 to "
                    "65535");
        free(text);
    }
    check_error("zones:\n  min: 9\n  max: 8\n",
                "f: zones.max: expected at least zones.min, 9");
    check_error("tap_prefix: veth\nuplink_prefix: veth\n",
                "f: uplink_prefix: expected that neither it nor "
                "tap_prefix, \"veth\", begins with the other");
    check_error("uplink_prefix: tap-up\n",
                "f: uplink_prefix: expected that neither it nor "
                "tap_prefix, \"tap\", begins with the other");
    check_error("tap_prefix: qvbx\n",
                "f: uplink_prefix: expected that neither it nor "
                "tap_prefix, \"qvbx\", begins with the other");
    check_error("run_dir: run\n", "f:1:10: run_dir: expected an absolute "
                "path of at most 80 bytes");
    check_error("run_dir: \"\"\n", "f:1:10: run_dir: expected an absolute "
                "path of at most 80 bytes");
    check_error("log:\n  file: x\n", "f:2:9: log.file: expected empty or an "
                "absolute path of at most 1024 bytes");
    check_error("ovsdb: db.sock\n",
                "f:1:8: ovsdb: expected unix:PATH or tcp:ADDRESS:PORT");
    check_error("bridge_prefix: 0123456789a\n",
                "f:1:16: bridge_prefix: expected a device name: 1 to 10 of "
                "A-Z a-z 0-9 . _ -");
    check_error("bridge_prefix: qbr+\n",
                "f:1:16: bridge_prefix: expected a device name: 1 to 10 of "
                "A-Z a-z 0-9 . _ -");
}

TEST(list_items)
{
    static const char *const bad_hosts[] = {
        "a", "a:0", "a:65536", ":5672", "a b:1", "2001:db8::1:5672",
        "[192.0.2.1]:5672", "[]:1", "[:1", "user@a:1",
    };
    static const char *const bad_devices[] = {
        "a*b", "**", "*", "-a", "0123456789abcdef", "a/b",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad_hosts); i++) {
        char *text = xasprintf("broker:\n  hosts: [\"b:1\", \"%s\"]\n",
                               bad_hosts[i]);

        check_error(text, "f:2:18: broker.hosts: expected a list of 1 to 32 "
                    "HOST:PORT");
        free(text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_devices); i++) {
        char *text = xasprintf("unenforceable_ok:\n- \"%s\"\n",
                               bad_devices[i]);

        check_error(text, "f:2:3: unenforceable_ok: expected a list of at "
                    "most 1000 port ids, device names or NAME*");
        free(text);
    }
}

TEST(the_host_name_of_the_system)
{
    struct config *config = NULL;

    CHECK_ERROR(config_parse("", 0, "f", "a b", &config),
                "host: the host name of the system is not");
    CHECK_NO_ERROR(config_parse("host: ok\n", 9, "f", "a b", &config));
    CHECK_STR(config->host, "ok");
    config_destroy(config);
}

TEST(passwords)
{
    struct config *c = parse("broker:\n  password_file: /etc/x\n");

    CHECK(!c->has_secret);
    CHECK_NO_ERROR(config_set_password(c, "secret\nmore", 11));
    CHECK_STR(c->broker.password, "secret");
    CHECK_NO_ERROR(config_set_password(c, "plain", 5));
    CHECK_STR(c->broker.password, "plain");
    CHECK_ERROR(config_set_password(c, "\n", 1), "1 to 255 bytes");
    CHECK_ERROR(config_set_password(c, "a\0b", 3), "1 to 255 bytes");
    config_destroy(c);

    check_error("broker: {password: a, password_file: /b}\n",
                "f: broker.password: expected not to stand beside "
                "broker.password_file");
}

TEST(size)
{
    size_t len = CONFIG_MAX_BYTES + 1;
    char *text = xmalloc(len);
    struct config *config = NULL;

    memset(text, '#', len);
    CHECK_NO_ERROR(config_parse(text, len - 1, "f", "h", &config));
    config_destroy(config);
    CHECK_ERROR(config_parse(text, len, "f", "h", &config),
                "f: 262145 bytes, more than 262144");
    free(text);
}

/* Deep nesting and cut texts must end in an error, nothing else. */
TEST(every_prefix_of_a_text)
{
    static const char text[] =
        "broker: {hosts: [\"a:1\", 'b:2'], user: \"\\u00e4\"}\n"
        "zones:\n  min: 5\n  max: 9\nunenforceable_ok:\n- a*\n";

    for (size_t len = 0; len < sizeof text; len++) {
        struct config *config = NULL;
        char *error = config_parse(text, len, "f", "h", &config);

        CHECK(!error == (config != NULL));
        config_destroy(config);
        free(error);
    }

    char *deep = xmalloc(100000);
    memset(deep, '[', 100000);
    struct config *config = NULL;
    CHECK_ERROR(config_parse(deep, 100000, "f", "h", &config), "f:1:1: ");
    free(deep);
}

/* What lies between two lines of 'document' is 'expected', or becomes that
 * with "make update-docs".  Both NULL: the whole document. */
static void
check_document(const char *document, const char *begin, const char *end,
               const char *expected)
{
    char *text = test_read_file(document, NULL);
    char *from = begin ? strstr(text, begin) : text;
    char *to;

    REQUIRE(from);
    from += begin ? strlen(begin) : 0;
    to = end ? strstr(from, end) : from + strlen(from);
    REQUIRE(to);
    if (getenv("TEST_UPDATE_DOCS")) {
        FILE *stream = fopen(document, "w");

        REQUIRE(stream);
        fprintf(stream, "%.*s%s%s", (int) (from - text), text, expected, to);
        CHECK(!fclose(stream));
    } else {
        char *found = xmemdup0(from, (size_t) (to - from));

        /* If not: "make update-docs". */
        CHECK_STR(found, expected);
        free(found);
    }
    free(text);
}

TEST(documents_are_those_of_the_table)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    config_format_example(&s);
    check_document("etc/sg-agent.yaml", NULL, NULL, ds_cstr(&s));
    ds_clear(&s);
    config_format_page(&s);
    check_document("agent/sg-agent.yaml.5", ".\\\" begin: keys\n",
                   ".\\\" end: keys\n", ds_cstr(&s));
    ds_clear(&s);
    config_format_table(&s);
    check_document("docs/configuration.md", "<!-- begin: keys -->\n",
                   "<!-- end: keys -->\n", ds_cstr(&s));
    ds_destroy(&s);
}

TEST(the_example_is_the_defaults)
{
    char *example = test_read_file("etc/sg-agent.yaml", NULL);
    struct config *config = parse(example);
    struct config *defaults = parse("");
    char *a = format(config);
    char *b = format(defaults);

    CHECK_STR(a, b);
    CHECK(!config->has_secret);
    config_destroy(config);
    config_destroy(defaults);
    free(example);
    free(a);
    free(b);
}

/* Text does not begin like a macro, and each key is there once. */
TEST(the_page_can_be_set)
{
    size_t n_items = 0, n_keys = 0;
    struct ds s = DS_EMPTY_INITIALIZER;
    char *save = NULL;
    char *line;

    config_format_page(&s);
    line = strtok_r(ds_cstr(&s), "\n", &save);
    while (line) {
        bool item = !strncmp(line, ".It Cm ", 7);

        n_items += item;
        CHECK(item || (line[0] != '.' && line[0] != '\'')
              || !strcmp(line, ".El") || !strncmp(line, ".Ss ", 4)
              || !strcmp(line, ".Bl -tag -width Ds"));
        line = strtok_r(NULL, "\n", &save);
    }
    while (config_key(n_keys)) {
        n_keys++;
    }
    CHECK_UEQ(n_items, n_keys);
    ds_destroy(&s);
}
