/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "agent/config_keys.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/topology.h"
#include "util.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)

/* sun_path of a Unix socket is 108 bytes with its NUL. */
#define SOCKET_MAX 107
#define PATH_MAX_BYTES 1024

static const char *const bridge_nf_words[] = { "repair", "watch", NULL };
static const char *const l2_guard_words[] = { "required", "off", NULL };
static const char *const exchange_words[] = { "oslo", NULL };
static const char *const revoke_words[] = { "cut", "keep", NULL };
static const char *const level_words[] = {
    "off", "emer", "err", "warn", "info", "dbg", NULL
};

/* Keys of one section stand together; the order is that of the example. */
const struct config_key config_keys[] = {
#define KEY(NAME, TYPE, MEMBER, MIN, MAX, DEFAULT, WORDS, HELP)         \
    { NAME, CONFIG_##TYPE, offsetof(struct config, MEMBER), MIN, MAX,   \
      DEFAULT, WORDS, HELP }
    KEY("host", HOST, host, 1, 64, NULL, NULL,
        "Name of this host as the controller knows it.  Default: the host "
        "name of the system."),
    KEY("ovsdb", REMOTE, ovsdb, 1, 256, "unix:/run/openvswitch/db.sock",
        NULL, "The database of Open vSwitch."),
    KEY("integration_bridge", DEVICE, integration_bridge, 0, 15, "br-int",
        NULL,
        "Only interfaces of this Open vSwitch bridge are ports of this host; "
        "empty: those of all bridges."),
    KEY("bridge_prefix", DEVICE, bridge_prefix, 1, 10, "qbr", NULL,
        "Beginning of the names of the Linux bridges that are managed.  "
        "Whatever crosses one of them without a policy is dropped."),
    KEY("tap_prefix", DEVICE, tap_prefix, 1, 10, "tap", NULL,
        "Beginning of the names of the instances' devices."),
    KEY("uplink_prefix", DEVICE, uplink_prefix, 1, 10, "qvb", NULL,
        "Beginning of the names of the bridges' ends towards Open vSwitch.  "
        "Neither it nor tap_prefix may begin with the other."),
    KEY("host_input", OPEN, host_input, 0, 0, "closed", NULL,
        "Whether instances may reach this host over their bridges."),
    KEY("host_output", OPEN, host_output, 0, 0, "closed", NULL,
        "Whether this host may reach instances over their bridges."),
    KEY("l2_guard", WORD, l2_guard, 0, 0, "required", l2_guard_words,
        "The guard on the taps, below the tables: it filters what they never "
        "see, such as ARP, tagged frames and single fragments.  off: there is "
        "none, and ports count as protected without it."),
    KEY("bridge_nf", WORD, bridge_nf, 0, 0, "repair", bridge_nf_words,
        "What to do if net.bridge.bridge-nf-call-iptables or -ip6tables is "
        "not 1.  repair: set it; watch: only say so.  Ports are closed by the "
        "guard until it is 1."),
    KEY("exchanges", WORD, exchanges, 0, 0, "oslo", exchange_words,
        "Who declares exchanges.  oslo: controller and agents, with the "
        "flags of oslo.messaging.  (hardened, where agents only bind, is not "
        "supported yet.)"),
    KEY("run_dir", PATH, run_dir, 1, 80, "/run/sg-agent", NULL,
        "For the control socket."),
    KEY("state_dir", PATH, state_dir, 1, PATH_MAX_BYTES, "/var/lib/sg-agent",
        NULL,
        "For the last policy of a controller, which is to outlive a "
        "reboot.  Made with mode 0700; not used while others may write to "
        "it."),
    KEY("state_grace_s", INTEGER, state_grace_s, 0, 3600, "3", NULL,
        "Seconds that a controller has to answer after a boot before the "
        "last policy is put in force."),
    KEY("control_socket", PATH, control_socket, 1, SOCKET_MAX, NULL, NULL,
        "Where sgctl finds the agent.  Default: sg-agent.ctl in run_dir."),
    KEY("xtables_lock", PATH, xtables_lock, 1, PATH_MAX_BYTES,
        "/run/xtables.lock", NULL,
        "The lock that all writers of iptables tables share."),
    KEY("established_on_revoke", WORD, established_on_revoke, 0, 0, "cut",
        revoke_words,
        "What becomes of a tracked flow that the policy does not allow any "
        "more.  cut: it is marked, and dropped until the policy allows it "
        "again.  keep: it goes on until it ends.  Flows of a port that is "
        "gone, or does not track flows any more, are deleted in any case."),
    KEY("connmark_bit", INTEGER, connmark_bit, 0, 31, "31", NULL,
        "The bit of a flow's connection mark that says it is cut; 0 is the "
        "lowest.  No other program of this host may use it for flows of "
        "managed bridges."),
    KEY("linger_s", INTEGER, linger_s, 0, 3600, "60", NULL,
        "Seconds that a group is kept after its last use."),
    KEY("report_interval_s", INTEGER, report_interval_s, 0, 3600, "30", NULL,
        "Seconds between two reports to the controller, at most; 0: none."),
    KEY("unenforceable_ok", DEVICES, unenforceable_ok, 0, 1000, NULL, NULL,
        "Ports that do not count against the status although their traffic "
        "crosses no managed bridge: port ids, device names, or beginnings of "
        "device names followed by *."),

    KEY("broker.hosts", ENDPOINTS, broker.hosts, 1, 32, "127.0.0.1:5672",
        NULL, "Nodes of the broker as HOST:PORT, tried in this order.  An "
        "IPv6 address stands in brackets."),
    KEY("broker.user", STRING, broker.user, 1, 255, "guest", NULL,
        "Account at the broker."),
    KEY("broker.password", SECRET, broker.password, 0, 255, "guest", NULL,
        "Its password.  A file with a password must not be readable by "
        "others; better use password_file."),
    KEY("broker.password_file", PATH, broker.password_file, 0,
        PATH_MAX_BYTES, "", NULL,
        "File whose first line is the password; empty: none."),
    KEY("broker.vhost", STRING, broker.vhost, 1, 255, "/", NULL,
        "Virtual host at the broker."),
    KEY("broker.heartbeat", INTEGER, broker.heartbeat, 2, 300, "10", NULL,
        "Seconds.  A broker that is gone, or that only one direction reaches, "
        "is given up after 1.3 times that."),
    KEY("broker.timeout_ms", INTEGER, broker.timeout_ms, 100, 60000, "10000",
        NULL, "Milliseconds that each stage of connecting may take."),
    KEY("broker.max_queue_bytes", INTEGER, broker.max_queue_bytes, MIB,
        4096 * MIB, "67108864", NULL,
        "What the broker keeps for this host while it does not read; beyond "
        "it drops the oldest, which the agent notices and asks for."),

    KEY("log.level", WORD, log_level, 0, 0, "info", level_words,
        "How much is logged."),
    KEY("log.file", PATH, log_file, 0, PATH_MAX_BYTES, "", NULL,
        "Where to; empty: standard error."),

    /* Zones 1 to 4095 are taken: the Open vSwitch firewall of other agents
     * uses a network's local VLAN id as its zone, on the same host's kernel.
     * The range has one zone for each port of 'limits.ports'. */
    KEY("zones.min", INTEGER, zone_min, 1, UINT16_MAX, "4097", NULL,
        "First conntrack zone for bridges.  Zones up to 4095 are used by "
        "Open vSwitch firewalls (the local VLAN id)."),
    KEY("zones.max", INTEGER, zone_max, 1, UINT16_MAX, "8192", NULL,
        "Last conntrack zone for bridges.  A bridge for which none is left "
        "stays closed."),

    KEY("pace.gather_ms", INTEGER, gather_ms, 0, 1000, "30", NULL,
        "Milliseconds that changes of ports and rules are gathered before "
        "the tables are written.  Changes of members never wait."),
    KEY("pace.backoff_max_ms", INTEGER, backoff_max_ms, 100, 60000, "5000",
        NULL, "Longest wait between two tries after a failure."),
    KEY("pace.refresh_s", INTEGER, refresh_s, 0, 86400, "60", NULL,
        "Seconds after which the tables are compared with the policy though "
        "nothing changed; 0: never."),

    KEY("limits.body", INTEGER, limits.body, 64 * KIB, 64 * MIB, "8388608",
        NULL, "Bytes of a message."),
    KEY("limits.depth", INTEGER, limits.depth, 8, 100, "32", NULL,
        "Nesting of a message."),
    KEY("limits.string", INTEGER, limits.string, 64, 64 * KIB, "1024", NULL,
        "Bytes of a string in a message."),
    KEY("limits.rules", INTEGER, limits.rules, 1, 10000, "1000", NULL,
        "Rules of a group."),
    KEY("limits.members", INTEGER, limits.members, 1, 262144, "262144", NULL,
        "Members of a group."),
    KEY("limits.groups_per_port", INTEGER, limits.groups_per_port, 1, 1000,
        "64", NULL, "Groups of a port."),
    KEY("limits.pairs_per_port", INTEGER, limits.pairs_per_port, 2, 10000,
        "256", NULL, "Fixed IPs, and allowed address pairs, of a port."),
    KEY("limits.objects", INTEGER, limits.objects, 100, 100000, "20000",
        NULL, "Ports, rule lists and so on in one message."),
    KEY("limits.rules_per_port", INTEGER, limits.rules_per_port, 1, 100000,
        "10000", NULL, "Rules of all groups of a port."),
    KEY("limits.groups", INTEGER, limits.groups, 1, 100000, "20000", NULL,
        "Groups that this host may need."),
    KEY("limits.ports", INTEGER, limits.ports, 1, 4096, "4096", NULL,
        "Ports of this host."),
    KEY("limits.set_entries", INTEGER, limits.set_entries, 1, 64 * MIB,
        "4194304", NULL,
        "Members of all groups of this host together, and of all lists in one "
        "message."),
    KEY("limits.log_lines", INTEGER, limits.log_lines, 1, 10000, "100", NULL,
        "Log lines in a second about what others sent; how many more there "
        "were is said."),
#undef KEY
};
const size_t config_n_keys = ARRAY_SIZE(config_keys);

static char *expected(const struct config_key *);
static bool device_ok(const char *, bool pattern);
static bool parse_endpoint(const char *, struct config_endpoint *);
static bool parse_integer(const char *, int64_t *);
static void put_quoted(struct ds *, const char *);

/* The value of 'key' in 'config', as a pointer to its type. */
#define VALUE(TYPE, KEY, CONFIG) \
    ((TYPE *) (void *) ((char *) (CONFIG) + (KEY)->offset))
#define CONST_VALUE(TYPE, KEY, CONFIG) \
    ((TYPE const *) (const void *) ((const char *) (CONFIG) + (KEY)->offset))

bool
config_key_is_list(const struct config_key *key)
{
    return key->type == CONFIG_ENDPOINTS || key->type == CONFIG_DEVICES;
}

void
config_key_describe(const struct config_key *key, struct ds *s)
{
    switch (key->type) {
    case CONFIG_STRING:
    case CONFIG_SECRET:
        ds_put_format(s, "a string of %"PRId64" to %"PRId64" bytes",
                      key->min, key->max);
        break;
    case CONFIG_HOST:
        ds_put_cstr(s, "a host name: 1 to 64 of A-Z a-z 0-9 . _ -");
        break;
    case CONFIG_DEVICE:
        ds_put_format(s, "%s 1 to %"PRId64" of A-Z a-z 0-9 . _ -",
                      key->min ? "a device name:" : "empty or a device name:",
                      key->max);
        break;
    case CONFIG_PATH:
        ds_put_format(s, "%san absolute path of at most %"PRId64" bytes",
                      key->min ? "" : "empty or ", key->max);
        break;
    case CONFIG_REMOTE:
        ds_put_cstr(s, "unix:PATH or tcp:ADDRESS:PORT");
        break;
    case CONFIG_INTEGER:
        ds_put_format(s, "an integer from %"PRId64" to %"PRId64,
                      key->min, key->max);
        break;
    case CONFIG_WORD:
        ds_put_cstr(s, "one of");
        for (size_t i = 0; key->words[i]; i++) {
            ds_put_format(s, "%s %s", i ? "," : "", key->words[i]);
        }
        break;
    case CONFIG_OPEN:
        ds_put_cstr(s, "one of closed, open");
        break;
    case CONFIG_ENDPOINTS:
        ds_put_format(s, "a list of %"PRId64" to %"PRId64" HOST:PORT",
                      key->min, key->max);
        break;
    case CONFIG_DEVICES:
        ds_put_format(s, "a list of at most %"PRId64" port ids, device names "
                      "or NAME*", key->max);
        break;
    }
}

char *
config_key_set(const struct config_key *key, struct config *config,
               const char *text)
{
    int64_t len = (int64_t) strlen(text);
    bool ok = len >= key->min && len <= key->max;
    char **string = VALUE(char *, key, config);
    int64_t integer;

    switch (key->type) {
    case CONFIG_STRING:
    case CONFIG_SECRET:
        break;
    case CONFIG_HOST:
        ok = rpc_host_ok(text);
        break;
    case CONFIG_DEVICE:
        ok = ok && (!len || device_ok(text, false));
        break;
    case CONFIG_PATH:
        ok = ok && (!len || text[0] == '/');
        break;
    case CONFIG_REMOTE:
        ok = ok && ((!strncmp(text, "unix:/", 6) && text[6])
                    || (!strncmp(text, "tcp:", 4) && text[4]));
        break;

    case CONFIG_WORD:
        ok = false;
        for (size_t i = 0; key->words[i]; i++) {
            ok = ok || !strcmp(text, key->words[i]);
        }
        break;

    case CONFIG_INTEGER:
        if (!parse_integer(text, &integer)
            || integer < key->min || integer > key->max) {
            return expected(key);
        }
        *VALUE(int64_t, key, config) = integer;
        return NULL;

    case CONFIG_OPEN:
        ok = !strcmp(text, "open");
        if (!ok && strcmp(text, "closed")) {
            return expected(key);
        }
        *VALUE(bool, key, config) = ok;
        return NULL;

    case CONFIG_ENDPOINTS: {
        struct config_endpoints *list = VALUE(struct config_endpoints, key,
                                              config);
        struct config_endpoint endpoint;

        if (list->n >= (size_t) key->max
            || !parse_endpoint(text, &endpoint)) {
            return expected(key);
        }
        list->p = xrealloc(list->p, (list->n + 1) * sizeof *list->p);
        list->p[list->n++] = endpoint;
        return NULL;
    }
    case CONFIG_DEVICES: {
        struct config_list *list = VALUE(struct config_list, key, config);
        struct uuid id;

        if (list->n >= (size_t) key->max
            || !(sg_id_from_string(text, &id) || device_ok(text, true))) {
            return expected(key);
        }
        list->p = xrealloc(list->p, (list->n + 1) * sizeof *list->p);
        list->p[list->n++] = xstrdup(text);
        return NULL;
    }
    }
    if (!ok) {
        return expected(key);
    }
    free(*string);
    *string = xstrdup(text);
    return NULL;
}

void
config_key_clear(const struct config_key *key, struct config *config)
{
    switch (key->type) {
    case CONFIG_STRING:
    case CONFIG_SECRET:
    case CONFIG_HOST:
    case CONFIG_DEVICE:
    case CONFIG_PATH:
    case CONFIG_REMOTE:
    case CONFIG_WORD: {
        char **string = VALUE(char *, key, config);

        free(*string);
        *string = NULL;
        break;
    }
    case CONFIG_INTEGER:
        *VALUE(int64_t, key, config) = 0;
        break;
    case CONFIG_OPEN:
        *VALUE(bool, key, config) = false;
        break;
    case CONFIG_ENDPOINTS: {
        struct config_endpoints *list = VALUE(struct config_endpoints, key,
                                              config);

        for (size_t i = 0; i < list->n; i++) {
            free(list->p[i].host);
        }
        free(list->p);
        memset(list, 0, sizeof *list);
        break;
    }
    case CONFIG_DEVICES: {
        struct config_list *list = VALUE(struct config_list, key, config);

        for (size_t i = 0; i < list->n; i++) {
            free(list->p[i]);
        }
        free(list->p);
        memset(list, 0, sizeof *list);
        break;
    }
    }
}

size_t
config_key_n_items(const struct config_key *key, const struct config *config)
{
    return (key->type == CONFIG_ENDPOINTS
            ? CONST_VALUE(struct config_endpoints, key, config)->n
            : key->type == CONFIG_DEVICES
            ? CONST_VALUE(struct config_list, key, config)->n : 1);
}

void
config_key_format(const struct config_key *key, const struct config *config,
                  size_t i, struct ds *s)
{
    switch (key->type) {
    case CONFIG_SECRET:
        ds_put_cstr(s, "(hidden)");
        break;
    case CONFIG_STRING:
    case CONFIG_HOST:
    case CONFIG_DEVICE:
    case CONFIG_PATH:
    case CONFIG_REMOTE:
    case CONFIG_WORD:
        /* In quotes, for some YAML readers take "off" for false. */
        put_quoted(s, *CONST_VALUE(char *, key, config));
        break;
    case CONFIG_INTEGER:
        ds_put_format(s, "%"PRId64, *CONST_VALUE(int64_t, key, config));
        break;
    case CONFIG_OPEN:
        ds_put_cstr(s, *CONST_VALUE(bool, key, config) ? "open" : "closed");
        break;
    case CONFIG_ENDPOINTS: {
        const struct config_endpoint *e
            = &CONST_VALUE(struct config_endpoints, key, config)->p[i];
        bool v6 = strchr(e->host, ':') != NULL;

        ds_put_format(s, "\"%s%s%s:%u\"", v6 ? "[" : "", e->host,
                      v6 ? "]" : "", e->port);
        break;
    }
    case CONFIG_DEVICES:
        put_quoted(s, CONST_VALUE(struct config_list, key, config)->p[i]);
        break;
    }
}

static char *
expected(const struct config_key *key)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "expected ");
    config_key_describe(key, &s);
    return ds_steal_cstr(&s);
}

/* A name we can put into a rule; with 'pattern' a '*' may end it. */
static bool
device_ok(const char *name, bool pattern)
{
    size_t len = strlen(name);

    if (pattern && len && name[len - 1] == '*') {
        len--;
    }
    if (!len || len > 15 || name[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char) name[i]) && !strchr("._-", name[i])) {
            return false;
        }
    }
    return true;
}

/* "name:port", "192.0.2.1:port", "[2001:db8::1]:port". */
static bool
parse_endpoint(const char *text, struct config_endpoint *endpoint)
{
    const char *colon = strrchr(text, ':');
    struct sg_prefix address;
    int64_t port;
    char *host;
    bool ok;

    if (!colon || !parse_integer(colon + 1, &port)
        || port < 1 || port > UINT16_MAX) {
        return false;
    }
    if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
        host = xmemdup0(text + 1, (size_t) (colon - text) - 2);
        ok = (sg_address_from_string(host, &address)
              && address.family == SG_IPV6);
    } else {
        size_t len = (size_t) (colon - text);

        host = xmemdup0(text, len);
        ok = len && len <= 253;
        for (size_t i = 0; i < len; i++) {
            ok = ok && (isalnum((unsigned char) host[i])
                        || strchr("._-", host[i]));
        }
    }
    if (!ok) {
        free(host);
        return false;
    }
    *endpoint = (struct config_endpoint) { host, (uint16_t) port };
    return true;
}

/* Decimal digits without leading zeros, of at most 18 digits. */
static bool
parse_integer(const char *text, int64_t *value)
{
    size_t len = strlen(text);

    if (!len || len > 18 || strspn(text, "0123456789") != len
        || (text[0] == '0' && len > 1)) {
        return false;
    }
    *value = strtoll(text, NULL, 10);
    return true;
}

static void
put_quoted(struct ds *s, const char *text)
{
    ds_put_char(s, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            ds_put_char(s, '\\');
        }
        ds_put_char(s, *p);
    }
    ds_put_char(s, '"');
}
