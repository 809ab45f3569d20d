/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/random-answer.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "util.h"

static const char *const port_lists[] = {
    "fixed_ips", "allowed_address_pairs", "security_groups", NULL,
};
enum { FIXED_IPS, PAIRS, GROUPS };
static const char *const rules_lists[] = { "rules", NULL };
static const char *const members_lists[] = { "members", NULL };

static unsigned int
below(unsigned int n, uint64_t *state)
{
    return test_random(state) % n;
}

#define PICK(ARRAY, STATE) ((ARRAY)[below(ARRAY_SIZE(ARRAY), STATE)])

/* True once in 'n' times. */
static bool
once_in(unsigned int n, uint64_t *state)
{
    return !below(n, state);
}

/* ------------------------------------------------------------------------ */
/* Names. */

const char *
answer_port_id(size_t n)
{
    static const char *const ids[ANSWER_N_PORTS] = {
        "00000000-0002-4000-8000-000000000001",
        "00000000-0002-4000-8000-000000000002",
        "00000000-0002-4000-8000-00000000000a",
        "00000000-0002-4000-8000-00000000000b",
        "00000000-0002-4000-8000-0000000000ff",
    };

    return ids[n];
}

/* Ids that differ in the beginning only, two by two in the end only. */
static void
put_group_id(struct ds *ds, size_t n)
{
    ds_put_format(ds, "%02"PRIxSIZE"000000-0000-4000-8000-00000000000%c",
                  0xa0 + n / 2, n % 2 ? 'f' : '0');
}

/* One of those that the answer is about, or the one it is not. */
static void
put_random_group(struct ds *ds, const struct answer *a, uint64_t *state)
{
    put_group_id(ds, below(a->n_groups + 1, state));
}

/* Names that begin alike, for the tree. */
static const char *const suffixes[ANSWER_N_PORTS] = {
    "1", "10", "2a", "2b", "1a0",
};

const char *const answer_macs[ANSWER_N_MACS] = {
    "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:0a",
    "02:00:00:00:00:0b", "02:00:00:00:00:ff", "02:00:00:00:00:99",
};

/* Where packets come from and go to: members, their neighbours, the edges of
 * the prefixes below, and what has a meaning of its own. */
static const char *const addresses4[] = {
    "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6",
    "10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.0", "10.0.0.255",
    "10.0.1.0", "9.255.255.255", "192.0.2.1", "127.255.255.255",
    "128.0.0.0", "0.0.0.1", "255.255.255.255", "224.0.0.1",
};
static const char *const addresses6[] = {
    "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4",
    "2001:db8::5", "2001:db8::6", "2001:db8::7", "2001:db8::8",
    "2001:db8::9", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff",
    "2001:db8:0:1::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::", "::2",
    "fe80::ff:fe00:1", "fe80::ff:fe00:99", "ff02::1", "ff02::1:ff00:1",
};
static const char *const prefixes4[] = {
    "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/29", "10.0.0.4/30",
    "10.0.0.2", "10.0.0.3/32", "10.0.0.7/29", "10.0.0.0/24", "10.0.0.8/31",
};
static const char *const prefixes6[] = {
    "::/0", "::/1", "8000::/1", "2001:db8::/125", "2001:db8::4/126",
    "2001:DB8::2", "2001:db8:0::3/128", "2001:db8::7/125", "2001:db8::/64",
};

static const char *
random_prefix_text(enum sg_family family, uint64_t *state)
{
    return (family == SG_IPV4 ? PICK(prefixes4, state)
            : PICK(prefixes6, state));
}

const char *
random_answer_address(enum sg_family family, uint64_t *state)
{
    return (family == SG_IPV4 ? PICK(addresses4, state)
            : PICK(addresses6, state));
}

/* ------------------------------------------------------------------------ */
/* Objects. */

static struct answer_object *
add_object(struct answer *a, const char *kind, const char *const *lists,
           int revision)
{
    struct answer_object *object = &a->objects[a->n_objects++];

    ovs_assert(a->n_objects <= ANSWER_MAX_OBJECTS);
    object->kind = kind;
    object->lists = lists;
    object->revision = revision;
    object->head[0] = '\0';
    object->n_pieces = 0;
    object->dropped = false;
    return object;
}

static void OVS_PRINTF_FORMAT(3, 4)
add_piece(struct answer_object *object, uint8_t list, const char *format, ...)
{
    struct answer_piece *piece = &object->pieces[object->n_pieces++];
    va_list args;

    ovs_assert(object->n_pieces <= ANSWER_MAX_PIECES);
    piece->list = list;
    piece->dropped = false;
    va_start(args, format);
    int n = vsnprintf(piece->text, sizeof piece->text, format, args);
    va_end(args);
    ovs_assert(n >= 0 && (size_t) n < sizeof piece->text);
}

static void
add_addresses(struct answer_object *port, size_t n, uint64_t *state)
{
    static const char *const unusable[] = {
        "\"224.0.0.1\"", "\"127.0.0.1\"", "\"0.0.0.0\"", "\"10.0.0.0/29\"",
        "\"::ffff:10.0.0.6\"", "\"ff02::1\"", "\"::1\"", "\"10.0.0\"", "6",
        "\"255.255.255.255\"", "{}", "null",
    };
    static const char *const pairs[] = {
        "\"10.0.0.4/30\"", "\"2001:db8::4/126\"", "\"10.0.0.7\"",
        "\"2001:db8::7\"", "\"10.0.0.0/24\"", "\"::/0\"", "\"0.0.0.0/0\"",
    };

    if (once_in(8, state)) {
        /* Of any address, or of none, because what it has cannot be one. */
        if (once_in(6, state)) {
            add_piece(port, FIXED_IPS, "%s", PICK(unusable, state));
        } else if (once_in(6, state)) {
            add_piece(port, PAIRS, "{\"ip_address\": %s}",
                      PICK(unusable, state));
        }
        return;
    }
    add_piece(port, FIXED_IPS, "\"10.0.0.%"PRIuSIZE"\"", n + 1);
    add_piece(port, FIXED_IPS, "{\"ip_address\": \"2001:db8::%"PRIuSIZE
              "\", \"subnet_id\": 1}", n + 1);
    if (once_in(6, state)) {
        add_piece(port, FIXED_IPS, "%s", PICK(unusable, state));
    }
    for (unsigned int i = below(4, state); i > 1; i--) {
        const char *address = PICK(pairs, state);

        if (once_in(8, state)) {
            address = PICK(unusable, state);
        }
        switch (below(4, state)) {
        case 0:
            add_piece(port, PAIRS, "{\"ip_address\": %s, \"mac_address\": "
                      "\"0200.0000.0099\"}", address);
            break;
        case 1:
            add_piece(port, PAIRS, "{\"ip_address\": %s, \"mac_address\": "
                      "\"%s\"}", address,
                      once_in(4, state) ? "03:00:00:00:00:99"
                      : PICK(answer_macs, state));
            break;
        default:
            add_piece(port, PAIRS, "{\"ip_address\": %s, \"mac_address\": "
                      "null, \"active\": true}", address);
            break;
        }
    }
}

/* What makes a port, and the bits of it that are seldom there. */
static void
add_port(struct answer *a, size_t n, int flags, int revision,
         uint64_t *state)
{
    static const char *const oddities[] = {
        ", \"trusted\": true", ", \"port_security_enabled\": false",
        ", \"trusted\": null, \"port_security_enabled\": null",
        ", \"trusted\": false, \"port_security_enabled\": true",
    };
    static const char *const faults[] = {
        ", \"trusted\": \"no\"", ", \"port_security_enabled\": 0",
        ", \"network_id\": \"here\"", ", \"device\": \"/dev/tap\"",
    };
    struct answer_object *port = add_object(a, "port", port_lists, revision);
    bool tidy = flags & ANSWER_TIDY;

    snprintf(port->head, sizeof port->head,
             "\"id\": \"%s\", \"mac_address\": \"%s\"%s", answer_port_id(n),
             !tidy && once_in(30, state) ? "02:00:00:00:00" : answer_macs[n],
             !tidy && once_in(30, state) ? PICK(faults, state)
             : once_in(3, state) ? PICK(oddities, state) : "");
    add_addresses(port, n, state);
    for (size_t g = 0; g <= a->n_groups; g++) {
        if (below(flags & ANSWER_MANY ? 4 : 2, state)) {
            struct ds ds = DS_EMPTY_INITIALIZER;

            put_group_id(&ds, g);
            add_piece(port, GROUPS, "\"%s\"", ds_cstr(&ds));
            ds_destroy(&ds);
        }
    }
    if (!tidy && once_in(40, state)) {
        add_piece(port, GROUPS, "\"default\"");
    }
}

struct number {
    const char *json;
    int value;
};

/* Forms of a protocol, with the number both families agree on.  Those of ICMP
 * stand apart, because its family matters. */
static const struct number protocols[] = {
    { "\"tcp\"", 6 }, { "\"TCP\"", 6 }, { "6", 6 }, { "\"6\"", 6 },
    { "\"udp\"", 17 }, { "17", 17 }, { "\"Udp\"", 17 }, { "\"17\"", 17 },
    { "\"sctp\"", 132 }, { "\"dccp\"", 33 }, { "\"UDPlite\"", 136 },
    { "47", 47 }, { "\"gre\"", 47 }, { "\"vrrp\"", 112 }, { "255", 255 },
    { "\"esp\"", 50 }, { "\"ah\"", 51 }, { "\"ipv6-opts\"", 60 },
    { "\"ipv6-nonxt\"", 59 }, { "\"ipip\"", 4 },
};
static const struct number any_protocols[] = {
    { "null", -1 }, { "\"any\"", -1 }, { "\"Any\"", -1 }, { "0", -1 },
    { "\"0\"", -1 }, { "\"ip\"", -1 },
};
static const struct number icmps[] = {
    { "\"icmp\"", 1 }, { "\"ICMP\"", 1 }, { "1", 1 }, { "\"1\"", 1 },
    { "\"icmp\"", 58 }, { "\"ipv6-icmp\"", 58 }, { "\"icmpv6\"", 58 },
    { "58", 58 }, { "\"58\"", 58 },
};
static const struct number bad_protocols[] = {
    { "\"hopopt\"", 0 }, { "\"tpc\"", 6 }, { "256", 6 }, { "-1", 6 },
    { "\"\"", 6 }, { "\"06\"", 6 }, { "\" 6\"", 6 }, { "6.0", 6 },
    { "true", 6 }, { "[6]", 6 }, { "\"-1\"", 6 },
};

static const int interesting_ports[] = {
    0, 1, 22, 53, 66, 67, 68, 69, 80, 443, 545, 546, 547, 548, 1023, 65534,
    65535,
};
static const int interesting_types[] = {
    0, 3, 8, 127, 128, 130, 131, 132, 133, 134, 135, 136, 137, 138, 143, 144,
    254,
};

static const struct number *
random_protocol(enum sg_family family, uint64_t *state)
{
    switch (below(10, state)) {
    case 0:
    case 1:
        return &PICK(any_protocols, state);
    case 2:
    case 3:
        /* Most are of the rule's family. */
        return (once_in(5, state) ? &PICK(icmps, state)
                : &icmps[family == SG_IPV4 ? below(4, state)
                         : 4 + below(5, state)]);
    case 4:
        return once_in(4, state) ? &PICK(bad_protocols, state)
                                 : &PICK(protocols, state);
    default:
        return &protocols[below(12, state)];
    }
}

/* Both ends of a range, or type and code, or what is none. */
static void
put_range(struct ds *ds, struct answer_hint *hint, uint64_t *state)
{
    bool icmp = hint->protocol == 1 || hint->protocol == 58;
    bool ports = hint->protocol == 6 || hint->protocol == 17
                 || hint->protocol > 130;
    const char *quote = "";

    hint->min = icmp ? PICK(interesting_types, state)
                     : PICK(interesting_ports, state);
    hint->max = (icmp ? (int) below(3, state)
                 : once_in(3, state) ? hint->min
                 : PICK(interesting_ports, state));
    if (!icmp && !ports && !once_in(10, state)) {
        return;
    }
    if (!icmp && hint->min > hint->max && !once_in(8, state)) {
        int min = hint->max;

        hint->max = hint->min;
        hint->min = min;
    }
    switch (below(16, state)) {
    case 0:
        quote = "\"";
        break;
    case 1:
        hint->min = -1;
        break;
    case 2:
        hint->max = icmp ? 256 : 65536;
        break;
    case 3:
    case 4:
        hint->min = icmp ? 255 : hint->min;
        break;
    }

    if (once_in(icmp ? 8 : 16, state)) {
        if (!icmp) {
            hint->max = hint->min;
        }
        ds_put_cstr(ds, ", \"port_range_min\": null");
    } else {
        ds_put_format(ds, ", \"port_range_min\": %s%d%s", quote, hint->min,
                      quote);
    }
    if (once_in(icmp ? 3 : 16, state)) {
        ds_put_cstr(ds, ", \"port_range_max\": null");
    } else {
        ds_put_format(ds, ", \"port_range_max\": %d", hint->max);
    }
}

static const int source_ports[] = { 0, 1, 52, 53, 67, 80, 40000, 65535 };

/* Seldom, and seldom what is none. */
static void
put_source_range(struct ds *ds, struct answer_hint *hint, uint64_t *state)
{
    bool ports = hint->protocol == 6 || hint->protocol == 17
                 || hint->protocol > 130;
    int a = PICK(source_ports, state), b = PICK(source_ports, state);

    hint->source_min = MIN(a, b);
    hint->source_max = MAX(a, b);
    if (!once_in(ports ? 5 : 40, state)) {
        hint->source_min = hint->source_max = 40000;
        return;
    }
    if (once_in(12, state)) {
        hint->source_min = b;   /* May be the greater one. */
        hint->source_max = a;
    }
    ds_put_format(ds, ", \"source_port_range_min\": %d", hint->source_min);
    if (!once_in(16, state)) {
        ds_put_format(ds, ", \"source_port_range_max\": %d",
                      hint->source_max);
    }
}

static void
put_remote(struct ds *ds, const struct answer *a, enum sg_family family,
           uint64_t *state)
{
    enum sg_family other = once_in(16, state) ? !family : family;

    switch (below(14, state)) {
    case 0:
    case 1:
    case 2:
    case 3:
        ds_put_cstr(ds, ", \"remote_group_id\": \"");
        put_random_group(ds, a, state);
        ds_put_char(ds, '"');
        break;
    case 4:
    case 5:
        ds_put_cstr(ds, ", \"remote_address_group_id\": \"");
        put_random_group(ds, a, state);
        ds_put_char(ds, '"');
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        ds_put_format(ds, ", \"remote_ip_prefix\": \"%s\"",
                      random_prefix_text(other, state));
        break;
    case 10:
        if (once_in(3, state)) {
            ds_put_cstr(ds, ", \"remote_group_id\": \"");
            put_random_group(ds, a, state);
            ds_put_format(ds, "\", \"remote_ip_prefix\": \"%s\"",
                          random_prefix_text(family, state));
        } else {
            ds_put_cstr(ds, ", \"remote_ip_prefix\": null");
        }
        break;
    case 11:
        if (once_in(3, state)) {
            ds_put_cstr(ds, ", \"remote_ip_prefix\": \"10.0.0/24\"");
        }
        break;
    }
}

static void
add_rule(struct answer *a, struct answer_object *rules, size_t group,
         uint64_t *state)
{
    static const char *const oddities[] = {
        ", \"description\": null", ", \"source_port\": 80",
        ", \"priority\": 1", ", \"source_port_range\": null",
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct answer_hint *hint;
    /* Now and then an id is used twice. */
    size_t n = rules->n_pieces - (rules->n_pieces && once_in(24, state));

    ovs_assert(a->n_hints < ANSWER_MAX_HINTS);
    hint = &a->hints[a->n_hints++];
    hint->egress = below(2, state);
    hint->family = below(2, state);
    const struct number *protocol = random_protocol(hint->family, state);
    hint->protocol = protocol->value;

    ds_put_format(&ds, "{\"id\": \"00000000-0001-4000-8000-000000%02"PRIuSIZE
                  "000%"PRIuSIZE"\", \"direction\": \"%s\", "
                  "\"ethertype\": \"%s\"", group, n,
                  hint->egress ? "egress" : "ingress",
                  once_in(40, state) ? "ipv4"
                  : hint->family == SG_IPV4 ? "IPv4" : "IPv6");
    if (strcmp(protocol->json, "null") || below(2, state)) {
        ds_put_format(&ds, ", \"protocol\": %s", protocol->json);
    }
    if (!once_in(5, state)) {
        put_range(&ds, hint, state);
    }
    put_source_range(&ds, hint, state);
    put_remote(&ds, a, hint->family, state);
    if (once_in(24, state)) {
        ds_put_cstr(&ds, PICK(oddities, state));
    }
    add_piece(rules, 0, "%s}", ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
put_group_head(struct answer_object *object, size_t group, const char *more)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_group_id(&ds, group);
    snprintf(object->head, sizeof object->head, "\"group\": \"%s\"%s",
             ds_cstr(&ds), more);
    ds_destroy(&ds);
}

static void
add_rules(struct answer *a, size_t group, int flags, int revision,
          uint64_t *state)
{
    bool tidy = flags & ANSWER_TIDY;
    struct answer_object *rules
        = add_object(a, "rules", rules_lists,
                     !tidy && once_in(30, state) ? 0 : revision);

    put_group_head(rules, group,
                   once_in(a->mostly_stateless ? 8 : 2, state)
                   ? ", \"stateful\": true"
                   : a->mostly_stateless || once_in(4, state)
                   ? ", \"stateful\": false" : "");
    for (unsigned int i = below(7, state); i; i--) {
        add_rule(a, rules, group, state);
    }
}

static void
add_members(struct answer *a, size_t group, int flags, int revision,
            uint64_t *state)
{
    static const char *const bad[] = {
        "\"10.0.0.9-10.0.0.1\"", "\"host\"", "17", "\"10.0.0.1-2001:db8::1\"",
    };
    struct answer_object *members = add_object(a, "members", members_lists,
                                               revision);

    put_group_head(members, group, "");
    for (unsigned int i = below(8, state); i; i--) {
        enum sg_family family = below(2, state);

        switch (below(8, state)) {
        case 0:
            add_piece(members, 0, family == SG_IPV4
                      ? "\"10.0.0.3-10.0.0.5\""
                      : "\"2001:db8::3-2001:db8::5\"");
            break;
        case 1:
        case 2:
            add_piece(members, 0, "\"%s\"",
                      random_prefix_text(family, state));
            break;
        default:
            add_piece(members, 0, "\"%s\"",
                      random_answer_address(family, state));
            break;
        }
    }
    if (!(flags & ANSWER_TIDY) && once_in(20, state)) {
        add_piece(members, 0, "%s", PICK(bad, state));
    }
}

/* An entry without a body. */
static void
add_word(struct answer *a, const char *kind, const char *id, int revision,
         uint64_t *state)
{
    struct answer_object *object = add_object(a, NULL, NULL, 0);

    if (below(2, state)) {
        snprintf(object->head, sizeof object->head, "{\"kind\": \"%s\", "
                 "\"id\": \"%s\", \"deleted\": true, \"revision\": %d}",
                 kind, id, revision);
    } else {
        snprintf(object->head, sizeof object->head, "{\"kind\": \"%s\", "
                 "\"id\": \"%s\", \"unknown\": true}", kind, id);
    }
}

static void
random_binding(struct sg_binding *b, size_t n, uint64_t *state)
{
    static const enum sg_plug plugs[] = {
        SG_PLUG_SHARED_BRIDGE, SG_PLUG_MISSING, SG_PLUG_UNENFORCEABLE,
    };

    memset(b, 0, sizeof *b);
    b->plug = once_in(20, state) ? PICK(plugs, state) : SG_PLUG_HYBRID;
    b->zone = once_in(20, state) ? 0 : n + 1;
    snprintf(b->interface, sizeof b->interface, "qvo%s", suffixes[n]);
    snprintf(b->device, sizeof b->device, "tap%s", suffixes[n]);
    snprintf(b->bridge, sizeof b->bridge, "qbr%s", suffixes[n]);
    snprintf(b->uplink, sizeof b->uplink, "qvb%s", suffixes[n]);
}

void
random_answer_init(struct answer *a, int flags, int revision,
                   uint64_t *state)
{
    bool tidy = flags & ANSWER_TIDY;

    /* It is large: what is not counted is not set. */
    a->n_objects = a->n_hints = 0;
    a->n_groups = (!(flags & ANSWER_MANY) ? ANSWER_N_GROUPS
                   : 2 + below(ANSWER_MAX_GROUPS - 1, state));
    a->mostly_stateless = once_in(3, state);
    for (size_t i = 0; i < ANSWER_N_PORTS; i++) {
        random_binding(&a->bindings[i], i, state);
        if (tidy || !once_in(16, state)) {
            add_port(a, i, flags, revision, state);
        }
    }
    for (size_t g = 0; g < a->n_groups; g++) {
        if (tidy || !once_in(16, state)) {
            add_rules(a, g, flags, revision, state);
        }
        if (tidy || !once_in(16, state)) {
            add_members(a, g, flags, revision, state);
        }
    }
    if (tidy) {
        return;
    }

    /* Words that win over what came before, older bodies, second bodies. */
    for (unsigned int i = below(4, state); i; i--) {
        static const char *const kinds[] = { "port", "rules", "members" };
        size_t kind = below(ARRAY_SIZE(kinds), state);
        size_t port = below(ANSWER_N_PORTS, state);
        size_t group = below(a->n_groups, state);
        int other = revision + 2 * below(3, state);

        if (below(2, state)) {
            /* Odd: two things at one revision mean nothing. */
            struct ds id = DS_EMPTY_INITIALIZER;

            put_group_id(&id, group);
            add_word(a, kinds[kind],
                     kind ? ds_cstr(&id) : answer_port_id(port),
                     other + 1 - 2 * below(2, state), state);
            ds_destroy(&id);
        } else if (kind == 0) {
            add_port(a, port, flags, other, state);
        } else if (kind == 1) {
            add_rules(a, group, flags, other, state);
        } else {
            add_members(a, group, flags, other, state);
        }
    }
}

/* In a tidy answer: the ports, then rules and members of each group. */
static void
replace_object(struct answer *a, size_t index, int revision, uint64_t *state)
{
    static struct answer fresh;
    size_t group = (index - ANSWER_N_PORTS) / 2;

    fresh.n_objects = fresh.n_hints = 0;
    fresh.n_groups = a->n_groups;
    fresh.mostly_stateless = once_in(2, state);
    if (index < ANSWER_N_PORTS) {
        add_port(&fresh, index, ANSWER_TIDY, revision, state);
    } else if ((index - ANSWER_N_PORTS) % 2) {
        add_members(&fresh, group, ANSWER_TIDY, revision, state);
    } else {
        add_rules(&fresh, group, ANSWER_TIDY, revision, state);
    }
    a->objects[index] = fresh.objects[0];
    for (size_t i = 0; i < fresh.n_hints; i++) {
        size_t at = (a->n_hints < ANSWER_MAX_HINTS ? a->n_hints++
                     : below(ANSWER_MAX_HINTS, state));

        a->hints[at] = fresh.hints[i];
    }
}

void
random_answer_change(struct answer *a, bool members_only, int revision,
                     uint64_t *state)
{
    for (unsigned int i = below(3, state); i < 3; i++) {
        size_t index = below(ANSWER_N_PORTS + 2 * a->n_groups, state);
        struct answer_object *object;

        if (members_only) {
            index = ANSWER_N_PORTS + 2 * below(a->n_groups, state) + 1;
        }
        object = &a->objects[index];
        if (once_in(members_only ? 4 : 2, state) || !object->n_pieces) {
            replace_object(a, index, revision, state);
        } else {
            object->pieces[below(object->n_pieces, state)].dropped ^= true;
            object->revision = revision;
        }
    }
}

static void
format_object(const struct answer_object *object, struct ds *ds)
{
    if (!object->kind) {
        ds_put_cstr(ds, object->head);
        return;
    }
    ds_put_format(ds, "{\"kind\": \"%s\", \"%s\": {%s, \"revision\": %d",
                  object->kind, object->kind, object->head,
                  object->revision);
    for (size_t list = 0; object->lists[list]; list++) {
        const char *separator = "";

        ds_put_format(ds, ",\n  \"%s\": [", object->lists[list]);
        for (size_t i = 0; i < object->n_pieces; i++) {
            const struct answer_piece *piece = &object->pieces[i];

            if (piece->list == list && !piece->dropped) {
                ds_put_format(ds, "%s\n   %s", separator, piece->text);
                separator = ",";
            }
        }
        ds_put_char(ds, ']');
    }
    ds_put_cstr(ds, "}}");
}

void
answer_format(const struct answer *a, struct ds *ds)
{
    const char *separator = "";

    ds_put_cstr(ds, "{\"epoch\": \"1763666000000-0a1b2c3d\", \"sent\": 1,\n"
                "\"objects\": [\n ");
    for (size_t i = 0; i < a->n_objects; i++) {
        if (!a->objects[i].dropped) {
            ds_put_cstr(ds, separator);
            format_object(&a->objects[i], ds);
            separator = ",\n ";
        }
    }
    ds_put_cstr(ds, "]}\n");
}

/* Objects first, they are the larger ones; and again, because what two things
 * hide behind each other goes one after the other. */
void
answer_shrink(struct answer *a,
              bool (*fails)(const struct answer *, void *aux), void *aux)
{
    bool smaller = true;

    while (smaller) {
        smaller = false;
        for (size_t i = 0; i < a->n_objects; i++) {
            struct answer_object *object = &a->objects[i];

            if (object->dropped) {
                continue;
            }
            object->dropped = true;
            if (fails(a, aux)) {
                smaller = true;
                continue;
            }
            object->dropped = false;
            for (size_t j = 0; j < object->n_pieces; j++) {
                struct answer_piece *piece = &object->pieces[j];

                if (!piece->dropped) {
                    piece->dropped = true;
                    piece->dropped = fails(a, aux);
                    smaller = smaller || piece->dropped;
                }
            }
        }
    }
}
