/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The oracle of security-group semantics against its truth table: alone, with
 * nothing of what it is to judge.  The table says what its rows mean. */

#include "tests/lib/semantics.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define TABLE "tests/unit/semantics.table"

/* Fewer rows than this and somebody has cut the table. */
#define MIN_ROWS 200
#define MAX_RULES 64

#define A "a0000000-0000-4000-8000-000000000000"
#define B "b0000000-0000-4000-8000-000000000000"
#define PORT "00000000-0002-4000-8000-00000000000"
#define OF_GROUP "\"revision\": 1, \"group\": \""

static const char ports[] =
    "{\"kind\": \"port\", \"port\": {\"id\": \"" PORT "1\", \"revision\": 1,"
    " \"mac_address\": \"02:00:00:00:00:01\","
    " \"fixed_ips\": [\"10.0.0.5\", {\"ip_address\": \"2001:db8::5\"}],"
    " \"allowed_address_pairs\": ["
    "  {\"ip_address\": \"10.1.0.0/24\"},"
    "  {\"ip_address\": \"10.2.0.1\", \"mac_address\": \"0200.0000.0099\"},"
    "  {\"ip_address\": \"2001:db8:2::1\","
    "   \"mac_address\": \"02-00-00-00-00-99\"}],"
    " \"security_groups\": [\"" A "\", \"" B "\"]}},";

static const char lists[] =
    "{\"kind\": \"rules\", \"rules\": {" OF_GROUP B "\", \"rules\": ["
    "  {\"id\": \"" B "\", \"direction\": \"ingress\","
    "   \"ethertype\": \"IPv4\", \"protocol\": \"udp\","
    "   \"port_range_min\": 5000, \"port_range_max\": 5000}]}},"
    "{\"kind\": \"members\", \"members\": {" OF_GROUP
    "e0000000-0000-4000-8000-000000000000\", \"members\": []}},"
    "{\"kind\": \"members\", \"members\": {" OF_GROUP
    "90000000-0000-4000-8000-000000000000\", \"members\": [\"10.9.0.1\"]}},"
    "{\"kind\": \"members\", \"deleted\": true, \"revision\": 2,"
    " \"id\": \"90000000-0000-4000-8000-000000000000\"},"
    "{\"kind\": \"members\", \"unknown\": true,"
    " \"id\": \"f0000000-0000-4000-8000-000000000000\"},"
    "{\"kind\": \"members\", \"members\": {" OF_GROUP
    "c0000000-0000-4000-8000-000000000000\", \"members\": [\"10.9.0.1\","
    "  \"10.9.1.0/24\", \"10.9.2.10-10.9.2.20\", \"2001:db8:9::1\","
    "  \"2001:db8:9:1::/64\"]}}";

/* A case of the table: text that grows. */
struct table_case {
    char title[80];
    char rules[16384];
    bool left_out[MAX_RULES];
    int n_rules;
    struct semantics semantics;
    bool is_read;
};

static void
append(struct table_case *c, const char *text, size_t len)
{
    size_t n = strlen(c->rules);

    if (n + len < sizeof c->rules) {
        memcpy(c->rules + n, text, len);
        c->rules[n + len] = '\0';
    } else {
        FAIL("%s: too many rules", c->title);
    }
}

/* Adds a rule with $M and the like replaced, and an id if it has none. */
static void
add_rule(struct table_case *c, const char *json, bool left_out)
{
    static const char letters[] = "MNUE";
    static const char *const ids[] = { "c", "9", "f", "e" };
    char text[64];

    REQUIRE(c->n_rules < MAX_RULES);
    append(c, ", ", c->n_rules ? 2 : 0);
    if (*json == '{' && !strstr(json, "\"id\"")) {
        snprintf(text, sizeof text,
                 "{\"id\": \"00000000-0001-4000-8000-%012d\", ", c->n_rules);
        append(c, text, strlen(text));
        json++;
    }
    for (; *json; json++) {
        const char *letter = *json == '$' ? strchr(letters, json[1]) : NULL;

        if (letter) {
            snprintf(text, sizeof text, "%s0000000-0000-4000-8000-%012d",
                     ids[letter - letters], 0);
            append(c, text, strlen(text));
            json++;
        } else {
            append(c, json, 1);
        }
    }
    c->left_out[c->n_rules++] = left_out;
}

static void
add_port(char *buf, size_t size, int n, const char *more)
{
    size_t len = strlen(buf);

    snprintf(buf + len, size - len,
             "{\"kind\": \"port\", \"port\": {\"id\": \"" PORT "%d\","
             " \"revision\": 1, \"mac_address\": \"02:00:00:00:00:01\","
             " \"fixed_ips\": [\"10.0.0.5\", \"2001:db8::5\"], %s}},",
             n, more);
}

/* Ports without addresses: not given any, and given one that cannot be. */
static void
add_bare_ports(char *buf, size_t size)
{
    static const char *const ips[] = { "", "\"224.0.0.5\"" };

    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        size_t len = strlen(buf);

        snprintf(buf + len, size - len,
                 "{\"kind\": \"port\", \"port\": {\"id\": \"" PORT "%s\","
                 " \"revision\": 1, \"mac_address\": \"02:00:00:00:00:01\","
                 " \"allowed_address_pairs\": [], \"fixed_ips\": [%s],"
                 " \"security_groups\": [\"" A "\"]}},",
                 i ? "a" : "9", ips[i]);
    }
}

/* The whole answer, once the case's rules are known. */
static void
read_case(struct table_case *c)
{
    static char text[32768];
    const struct semantics_rules *rules;

    if (c->is_read) {
        return;
    }
    snprintf(text, sizeof text, "{\"objects\": [%s", ports);
    add_port(text, sizeof text, 2, "\"allowed_address_pairs\": [],"
             " \"security_groups\": [], \"trusted\": true");
    add_port(text, sizeof text, 3, "\"allowed_address_pairs\": [],"
             " \"security_groups\": [], \"port_security_enabled\": false");
    add_port(text, sizeof text, 4, "\"allowed_address_pairs\": [],"
             " \"security_groups\": []");
    add_port(text, sizeof text, 5, "\"allowed_address_pairs\": [],"
             " \"security_groups\": [\"" A "\"]");
    add_port(text, sizeof text, 7, "\"allowed_address_pairs\": [],"
             " \"security_groups\": [\"" A "\"]");
    add_port(text, sizeof text, 8, "\"allowed_address_pairs\":"
             " [{\"ip_address\": \"0.0.0.0/0\"}],"
             " \"security_groups\": [\"" A "\"]");
    add_bare_ports(text, sizeof text);

    size_t len = strlen(text);
    snprintf(text + len, sizeof text - len,
             "{\"kind\": \"port\", \"id\": \"" PORT "5\", \"deleted\": true,"
             " \"revision\": 2},"
             "{\"kind\": \"rules\", \"rules\": {" OF_GROUP A "\","
             " \"rules\": [%s]}}, %s]}", c->rules, lists);

    c->is_read = true;
    REQUIRE(semantics_read(&c->semantics, text, strlen(text)));

    /* Just those that are said to be left out are. */
    rules = &c->semantics.rules[0];
    REQUIRE(rules->n_rules == (size_t) c->n_rules);
    for (int i = 0; i < c->n_rules; i++) {
        const char *left_out = rules->rules[i].left_out;

        if (!CHECK(c->left_out[i] == (left_out != NULL))) {
            FAIL("%s: rule %d is %s", c->title, i + 1,
                 left_out ? left_out : "in force");
        }
    }
}

/* Returns false if it cannot be understood. */
static bool
parse_l4(const char *word, struct semantics_packet *p)
{
    if (strchr(word, '/')) {
        return sscanf(word, "%d/%d", &p->icmp_type, &p->icmp_code) == 2;
    }
    p->sport = 1024;
    return sscanf(word, "%d>%d", &p->sport, &p->dport) == 2
           || (p->sport = 1024, sscanf(word, "%d", &p->dport) == 1);
}

static bool
parse_addresses(const char *src, const char *dst, struct semantics_packet *p)
{
    struct semantics_range a, b;

    if (!src || !dst || !semantics_range_read(src, false, &a)
        || !semantics_range_read(dst, false, &b) || a.family != b.family) {
        return false;
    }
    p->family = a.family;
    memcpy(p->src, a.first, sizeof p->src);
    memcpy(p->dst, b.first, sizeof p->dst);
    return true;
}

static bool
parse_packet(char *line, struct semantics_packet *p,
             const struct semantics_plug *plugs, size_t n_plugs)
{
    char *save;
    const char *direction = strtok_r(line, " ", &save);
    const char *port = strtok_r(NULL, " ", &save);
    const char *protocol = strtok_r(NULL, " ", &save);
    const char *src = strtok_r(NULL, " ", &save);
    const char *dst = strtok_r(NULL, " ", &save);
    size_t n = port ? strtoul(port + 1, NULL, 10) : 0;
    const char *word;

    memset(p, 0, sizeof *p);
    if (!direction || !n || n > n_plugs || !protocol
        || !parse_addresses(src, dst, p)) {
        return false;
    }
    p->protocol = semantics_protocol_number(protocol);
    semantics_mac_read("02:00:00:00:00:01", &p->mac);

    const char *other = plugs[n - 1].uplink;
    while ((word = strtok_r(NULL, " ", &save))) {
        if (!strcmp(word, "flow")) {
            p->known_flow = true;
        } else if (!strcmp(word, "revoked")) {
            p->known_flow = p->revoked_flow = true;
        } else if (!strncmp(word, "by=", 3)) {
            other = word + 3;
        } else if (!strncmp(word, "mac=", 4)) {
            if (!semantics_mac_read(word + 4, &p->mac)) {
                return false;
            }
        } else if (!parse_l4(word, p)) {
            return false;
        }
    }
    p->from = !strcmp(direction, "from") ? plugs[n - 1].device : other;
    p->to = !strcmp(direction, "from") ? other : plugs[n - 1].device;
    return p->protocol > 0;
}

static void
check_row(struct table_case *c, const char *line, bool wanted, int line_no)
{
    static const struct semantics_plug plugs[] = {
        { PORT "1", "tap1", "qvb1", true }, { PORT "2", "tap2", "qvb2", true },
        { PORT "3", "tap3", "qvb3", true }, { PORT "4", "tap4", "qvb4", true },
        { PORT "5", "tap5", "qvb5", true }, { PORT "6", "tap6", "qvb6", true },
        { PORT "7", "tap7", "qvb7", false },
        { PORT "8", "tap8", "qvb8", true }, { PORT "9", "tap9", "qvb9", true },
        { PORT "a", "tapa", "qvba", true },
    };
    size_t n_plugs = sizeof plugs / sizeof *plugs;
    struct semantics_verdict v;
    struct semantics_packet p;
    char copy[256];

    snprintf(copy, sizeof copy, "%s", line);
    if (!parse_packet(copy, &p, plugs, n_plugs)) {
        FAIL("%s:%d: cannot be understood: %s", TABLE, line_no, line);
        return;
    }
    read_case(c);
    semantics_judge(&c->semantics, plugs, n_plugs, &p, &v);
    if (!CHECK(v.allowed == wanted)) {
        FAIL("%s:%d: %s: %s: %s, because: %s", TABLE, line_no, c->title,
             line, v.allowed ? "passes" : "does not pass", v.why);
    }
}

TEST(every_row_of_the_table)
{
    static struct table_case c;
    int n_yes = 0, n_no = 0, line_no = 0;
    char *text = test_read_file(TABLE, NULL);

    for (char *line = text, *next; line; line = next) {
        line_no++;
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        if (!strncmp(line, "== ", 3)) {
            semantics_free(&c.semantics);
            memset(&c, 0, sizeof c);
            snprintf(c.title, sizeof c.title, "%s", line + 3);
        } else if (!strncmp(line, "rule ", 5)) {
            add_rule(&c, line + 5, false);
        } else if (!strncmp(line, "left-out ", 9)) {
            add_rule(&c, line + 9, true);
        } else if (!strncmp(line, "yes ", 4)) {
            check_row(&c, line + 4, true, line_no);
            n_yes++;
        } else if (!strncmp(line, "no ", 3)) {
            check_row(&c, line + 3, false, line_no);
            n_no++;
        } else if (*line && *line != '#') {
            FAIL("%s:%d: cannot be understood: %s", TABLE, line_no, line);
        }
    }
    CHECK(n_yes + n_no >= MIN_ROWS);
    CHECK(n_yes >= MIN_ROWS / 4);
    semantics_free(&c.semantics);
    free(text);
}
