/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* An answer to `sync`, read as docs/protocol.md describes it.
 *
 * Malformed as a whole and hence not there: an object without a readable id,
 * revision, MAC or list, with an unreadable group or member.  Left out of its
 * object: a rule that says something we cannot say exactly, an address that
 * a port cannot have.  Nothing is ever made wider. */

#include "tests/lib/semantics.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------------ */
/* Small things. */

/* Makes room for one more in an array, zeroed. */
static void *
one_more(void **arrayp, size_t *n, size_t size)
{
    char *array = realloc(*arrayp, (*n + 1) * size);

    if (!array) {
        abort();
    }
    *arrayp = array;
    memset(array + *n * size, 0, size);
    return array + (*n)++ * size;
}

/* A null is the same as an absent key. */
static json_t *
get(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

static bool
read_id(const json_t *value, char id[SEMANTICS_ID_LEN])
{
    static const char zero[] = "00000000-0000-0000-0000-000000000000";
    const char *text = json_string_value(value);

    if (!text || strlen(text) != SEMANTICS_ID_LEN - 1) {
        return false;
    }
    for (int i = 0; i < SEMANTICS_ID_LEN - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char) text[i])) {
            return false;
        }
        id[i] = tolower((unsigned char) text[i]);
    }
    id[SEMANTICS_ID_LEN - 1] = '\0';
    return strcmp(id, zero);            /* It stands for "none". */
}

static bool
read_revision(const json_t *object, int64_t *revision)
{
    const json_t *value = get(object, "revision");

    *revision = json_integer_value(value);
    return json_is_integer(value) && *revision >= 1;
}

/* Returns false for something that is neither a boolean nor absent. */
static bool
read_bool(const json_t *object, const char *key, bool *valuep)
{
    const json_t *value = get(object, key);

    if (value) {
        *valuep = json_is_true(value);
    }
    return !value || json_is_boolean(value);
}

/* A MAC of one station, not of a group of them. */
static bool
read_station(const json_t *value, struct semantics_mac *mac)
{
    return json_is_string(value)
           && semantics_mac_read(json_string_value(value), mac)
           && !(mac->byte[0] & 1);
}

/* ------------------------------------------------------------------------ */
/* Ports. */

/* Does all of 'r' lie within the prefix 'text'? */
static bool
is_within(const struct semantics_range *r, const char *text)
{
    struct semantics_range outer;

    return semantics_range_read(text, true, &outer)
           && semantics_in_range(&outer, r->family, r->first)
           && semantics_in_range(&outer, r->family, r->last);
}

/* An address or prefix that can be an instance's. */
static bool
read_own_address(const json_t *value, struct semantics_range *r)
{
    static const char *const cannot[] = {
        "224.0.0.0/4", "127.0.0.0/8", "0.0.0.0", "255.255.255.255",
        "ff00::/8", "::1", "::", "::ffff:0:0/96",
    };

    if (!json_is_string(value)
        || !semantics_range_read(json_string_value(value), false, r)) {
        return false;
    }
    for (size_t i = 0; i < sizeof cannot / sizeof *cannot; i++) {
        if (is_within(r, cannot[i])) {
            return false;
        }
    }
    return true;
}

static void
add_source(struct semantics_port *port, const struct semantics_range *r,
           const struct semantics_mac *mac)
{
    struct semantics_source *source = one_more((void **) &port->sources,
                                               &port->n_sources,
                                               sizeof *source);

    source->addresses = *r;
    source->mac = *mac;
}

static void
read_fixed_ip(struct semantics_port *port, const json_t *value)
{
    struct semantics_range r;

    if (json_is_object(value)) {
        value = json_object_get(value, "ip_address");
    }
    if (read_own_address(value, &r)
        && !memcmp(r.first, r.last, sizeof r.first)) {
        add_source(port, &r, &port->mac);
    }
}

static void
read_pair(struct semantics_port *port, const json_t *value)
{
    struct semantics_mac mac = port->mac;
    struct semantics_range r;

    if ((!get(value, "mac_address")
         || read_station(get(value, "mac_address"), &mac))
        && read_own_address(get(value, "ip_address"), &r)) {
        add_source(port, &r, &mac);
    }
}

static void
add_any_source(struct semantics_port *port)
{
    static const char *const any[] = { "0.0.0.0/0", "::/0" };
    struct semantics_range r;

    for (size_t i = 0; i < sizeof any / sizeof *any; i++) {
        if (semantics_range_read(any[i], false, &r)) {
            add_source(port, &r, &port->mac);
        }
    }
}

/* As the kernel takes them. */
static bool
is_interface_name(const char *text)
{
    return text && *text && strlen(text) < 16 && !strpbrk(text, " /:")
           && strcmp(text, ".") && strcmp(text, "..");
}

static bool
read_port(struct semantics_port *port, const json_t *json)
{
    const json_t *ips = get(json, "fixed_ips");
    const json_t *pairs = get(json, "allowed_address_pairs");
    const json_t *groups = get(json, "security_groups");
    const json_t *device = get(json, "device");
    const json_t *network = get(json, "network_id");
    bool security = true, trusted = false;
    char id[SEMANTICS_ID_LEN];
    const json_t *value;
    size_t i;

    if (!read_id(get(json, "id"), port->id)
        || !read_revision(json, &port->revision)
        || !read_station(get(json, "mac_address"), &port->mac)
        || !json_is_array(ips) || !json_is_array(pairs)
        || !json_is_array(groups)
        || !read_bool(json, "port_security_enabled", &security)
        || !read_bool(json, "trusted", &trusted)
        || (device && !is_interface_name(json_string_value(device)))
        || (network && !read_id(network, id))) {
        return false;
    }
    port->filtered = security && !trusted;
    json_array_foreach (groups, i, value) {
        if (!read_id(value, id)) {
            return false;
        }
        memcpy(one_more((void **) &port->groups, &port->n_groups, sizeof id),
               id, sizeof id);
    }
    json_array_foreach (ips, i, value) {
        read_fixed_ip(port, value);
    }
    json_array_foreach (pairs, i, value) {
        read_pair(port, value);
    }
    /* A port without any address: its MAC is all there is to check. */
    if (!json_array_size(ips) && !json_array_size(pairs)) {
        add_any_source(port);
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Rules. */

/* The header that stands before the packet's protocol, which a packet filter
 * skips: no packet "has" it. */
static bool
is_extension_header(int protocol)
{
    return protocol == 0 || protocol == 43 || protocol == 44
           || protocol == 51 || protocol == 60;
}

static const char *
read_protocol(struct semantics_rule *rule, const json_t *value)
{
    rule->protocol = SEMANTICS_ANY_PROTOCOL;
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);

        if (number < 0 || number > 255) {
            return "protocol number";
        }
        rule->protocol = number ? number : SEMANTICS_ANY_PROTOCOL;
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);

        rule->protocol = semantics_protocol_number(text);
        if (rule->protocol == SEMANTICS_NO_PROTOCOL) {
            return "protocol name";
        }
        /* The name means the ICMP of the rule's family. */
        if (!strcasecmp(text, "icmp") && rule->family == SEMANTICS_IPV6) {
            rule->protocol = IPPROTO_ICMPV6;
        }
    } else if (value) {
        return "protocol type";
    }
    /* Ours: whoever says it by number means 58. */
    return (rule->family == SEMANTICS_IPV6 && rule->protocol == IPPROTO_ICMP
            ? "ICMP in an IPv6 rule" : NULL);
}

/* Well-formed, but no packet is like that. */
static const char *
matches_nothing(const struct semantics_rule *rule)
{
    if (rule->family == SEMANTICS_IPV4 && rule->protocol == IPPROTO_ICMPV6) {
        return "ICMPv6 in an IPv4 rule";
    }
    return (rule->family == SEMANTICS_IPV6
            && is_extension_header(rule->protocol)
            ? "extension header" : NULL);
}

/* The least and the greatest port, for ICMP the type and the code. */
static const char *
read_range(struct semantics_rule *rule, const json_t *min, const json_t *max)
{
    json_int_t a = json_integer_value(min), b = json_integer_value(max);
    bool icmp = rule->protocol == (rule->family == SEMANTICS_IPV4
                                   ? IPPROTO_ICMP : IPPROTO_ICMPV6);

    rule->icmp_type = rule->icmp_code = -1;
    if ((min && !json_is_integer(min)) || (max && !json_is_integer(max))) {
        return "port is not an integer";
    }
    if (!min && !max) {
        return NULL;
    }
    if (icmp) {
        if (!min) {
            return "code without type";
        }
        if (a < 0 || a > 255 || (max && (b < 0 || b > 255))) {
            return "ICMP type or code";
        }
        if (rule->family == SEMANTICS_IPV4 && a == 255) {
            /* Ours: the packet filter cannot tell it from any type. */
            return "ICMP type 255";
        }
        rule->icmp_type = a;
        rule->icmp_code = max ? b : -1;
        return NULL;
    }
    if (!semantics_has_ports(rule->protocol)) {
        return "ports on a protocol without ports";
    }
    if (!min || !max) {
        return "one end of a range";
    }
    if (a < 0 || b > 65535 || a > b) {
        return "port range";
    }
    rule->has_ports = true;
    rule->port_min = a;
    rule->port_max = b;
    return NULL;
}

/* The source ports mean what the other ones do, but there are no types. */
static const char *
read_source_range(struct semantics_rule *rule, const json_t *min,
                  const json_t *max)
{
    struct semantics_rule scratch = *rule;
    const char *reason;

    if ((min || max) && !semantics_has_ports(rule->protocol)) {
        return "source ports on a protocol without ports";
    }
    reason = read_range(&scratch, min, max);
    if (!reason && min) {
        rule->has_source_ports = true;
        rule->source_port_min = scratch.port_min;
        rule->source_port_max = scratch.port_max;
    }
    return reason;
}

static const char *
read_remote(struct semantics_rule *rule, const json_t *json)
{
    const json_t *group = get(json, "remote_group_id");
    const json_t *prefix = get(json, "remote_ip_prefix");
    const json_t *addresses = get(json, "remote_address_group_id");

    if (!!group + !!prefix + !!addresses > 1) {
        return "more than one remote";
    }
    if (group || addresses) {
        rule->remote = SEMANTICS_MEMBERS;
        return (read_id(group ? group : addresses, rule->remote_id)
                ? NULL : "remote id");
    }
    if (prefix) {
        rule->remote = SEMANTICS_PREFIX;
        if (!json_is_string(prefix)
            || !semantics_range_read(json_string_value(prefix), false,
                                     &rule->remote_range)) {
            return "remote prefix";
        }
        if (rule->remote_range.family != rule->family) {
            return "remote prefix of the other family";
        }
    }
    return NULL;
}

/* A key we do not know may make the rule narrower than what we would read. */
static bool
has_unknown_key(json_t *json)
{
    static const char *const keys[] = {
        "id", "direction", "ethertype", "protocol", "port_range_min",
        "port_range_max", "source_port_range_min", "source_port_range_max",
        "remote_group_id", "remote_ip_prefix", "remote_address_group_id",
    };
    const char *key;
    json_t *value;

    json_object_foreach (json, key, value) {
        bool known = false;

        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            known = known || !strcmp(key, keys[i]);
        }
        if (!known) {
            return true;
        }
    }
    return false;
}

static bool
is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && !strcmp(json_string_value(value), text);
}

static const char *
read_rule(struct semantics_rule *rule, json_t *json)
{
    const json_t *direction = get(json, "direction");
    const json_t *ethertype = get(json, "ethertype");
    const char *reason;

    if (!read_id(get(json, "id"), rule->id)) {
        return "id";
    }
    if (has_unknown_key(json)) {
        return "unknown key";
    }
    rule->egress = is_text(direction, "egress");
    if (!rule->egress && !is_text(direction, "ingress")) {
        return "direction";
    }
    rule->family = (is_text(ethertype, "IPv4") ? SEMANTICS_IPV4
                    : SEMANTICS_IPV6);
    if (rule->family == SEMANTICS_IPV6 && !is_text(ethertype, "IPv6")) {
        return "ethertype";
    }
    reason = read_protocol(rule, get(json, "protocol"));
    if (!reason) {
        reason = read_range(rule, get(json, "port_range_min"),
                            get(json, "port_range_max"));
    }
    if (!reason) {
        reason = read_source_range(rule, get(json, "source_port_range_min"),
                                   get(json, "source_port_range_max"));
    }
    return reason ? reason : read_remote(rule, json);
}

static bool
read_rules(struct semantics_rules *rules, const json_t *json)
{
    json_t *array = get(json, "rules"), *value;
    size_t i;

    rules->stateful = true;
    if (!read_id(get(json, "group"), rules->id)
        || !read_revision(json, &rules->revision)
        || !read_bool(json, "stateful", &rules->stateful)
        || !json_is_array(array)) {
        return false;
    }
    json_array_foreach (array, i, value) {
        struct semantics_rule *rule = one_more((void **) &rules->rules,
                                               &rules->n_rules,
                                               sizeof *rule);

        /* Two rules that can be read and have one id: the first holds. */
        rule->left_out = read_rule(rule, value);
        for (size_t j = 0; !rule->left_out && j < i; j++) {
            if (!rules->rules[j].left_out
                && !strcmp(rules->rules[j].id, rule->id)) {
                rule->left_out = "id used twice";
            }
        }
    }
    for (i = 0; i < rules->n_rules; i++) {
        struct semantics_rule *rule = &rules->rules[i];

        if (!rule->left_out) {
            rule->left_out = matches_nothing(rule);
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Members. */

static bool
read_members(struct semantics_members *members, const json_t *json)
{
    json_t *array = get(json, "members"), *value;
    size_t i;

    /* A change of a list cannot stand in an answer: it builds on nothing. */
    if (!read_id(get(json, "group"), members->id)
        || !read_revision(json, &members->revision)
        || !json_is_array(array) || get(json, "prev") || get(json, "added")
        || get(json, "removed")) {
        return false;
    }
    json_array_foreach (array, i, value) {
        struct semantics_range *r = one_more((void **) &members->ranges,
                                             &members->n_ranges, sizeof *r);

        if (!json_is_string(value)
            || !semantics_range_read(json_string_value(value), true, r)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* The answer. */

static void
free_port(struct semantics_port *port)
{
    free(port->sources);
    free(port->groups);
}

/* A deleted object has an id and a revision and nothing else. */
static bool
read_deleted(const json_t *object, char *id, int64_t *revision)
{
    return read_id(get(object, "id"), id) && read_revision(object, revision);
}

static void
take_port(struct semantics *s, const json_t *body, const json_t *object)
{
    struct semantics_port port = { .deleted = !body };

    if (body ? read_port(&port, body)
        : read_deleted(object, port.id, &port.revision)) {
        memcpy(one_more((void **) &s->ports, &s->n_ports, sizeof port),
               &port, sizeof port);
    } else {
        free_port(&port);
    }
}

static void
take_rules(struct semantics *s, const json_t *body, const json_t *object)
{
    struct semantics_rules rules = { .deleted = !body };

    if (body ? read_rules(&rules, body)
        : read_deleted(object, rules.id, &rules.revision)) {
        memcpy(one_more((void **) &s->rules, &s->n_rules, sizeof rules),
               &rules, sizeof rules);
    } else {
        free(rules.rules);
    }
}

static void
take_members(struct semantics *s, const json_t *body, const json_t *object)
{
    struct semantics_members members = { .revision = 0 };

    if (body ? read_members(&members, body)
        : read_deleted(object, members.id, &members.revision)) {
        memcpy(one_more((void **) &s->members, &s->n_members, sizeof members),
               &members, sizeof members);
    } else {
        free(members.ranges);
    }
}

/* `unknown` takes nothing away and gives nothing. */
static void
take_object(struct semantics *s, const json_t *object)
{
    const char *kind = json_string_value(get(object, "kind"));
    bool deleted = json_is_true(get(object, "deleted"));
    const json_t *body = kind && !deleted ? get(object, kind) : NULL;

    if (!kind || !(deleted || body)) {
        return;
    }
    if (!strcmp(kind, "port")) {
        take_port(s, body, object);
    } else if (!strcmp(kind, "rules")) {
        take_rules(s, body, object);
    } else if (!strcmp(kind, "members")) {
        take_members(s, body, object);
    }
}

bool
semantics_read(struct semantics *s, const char *text, size_t len)
{
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    json_t *object;
    size_t i;

    memset(s, 0, sizeof *s);
    if (!json_is_object(json) || !json_is_array(get(json, "objects"))) {
        json_decref(json);
        return false;
    }
    json_array_foreach (get(json, "objects"), i, object) {
        take_object(s, object);
    }
    json_decref(json);
    return true;
}

void
semantics_free(struct semantics *s)
{
    for (size_t i = 0; i < s->n_ports; i++) {
        free_port(&s->ports[i]);
    }
    for (size_t i = 0; i < s->n_rules; i++) {
        free(s->rules[i].rules);
    }
    for (size_t i = 0; i < s->n_members; i++) {
        free(s->members[i].ranges);
    }
    free(s->ports);
    free(s->rules);
    free(s->members);
    memset(s, 0, sizeof *s);
}
