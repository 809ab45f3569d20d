/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H 1

/* The configuration of sg-agent: YAML text to a struct, checked as a whole.
 *
 * Pure: the caller reads files and asks the kernel for the host name.  One
 * table in config_keys.c holds every key with its type, range, default and
 * help; parsing, printing and all documents follow it.
 *
 * Strict.  An unknown key, a key twice, a wrong type, a value out of range,
 * an anchor, alias or tag refuses the whole text with one sentence,
 * "FILE:LINE:COLUMN: KEY: what was expected".  Every key has a default, so
 * the empty text is a complete configuration.
 *
 * A password never leaves this struct in print: config_format() hides it. */

#include "openvswitch/dynamic-string.h"
#include "sg/types.h"

/* Bytes of a configuration text; keys and values are short. */
#define CONFIG_MAX_BYTES (256 * 1024)

struct config_endpoint {
    char *host;
    uint16_t port;
};
struct config_endpoints {
    struct config_endpoint *p;
    size_t n;
};

struct config_list {
    char **p;
    size_t n;
};

struct config_broker {
    struct config_endpoints hosts;
    char *user;
    char *password;
    char *password_file;        /* "": none.  The caller reads it. */
    char *vhost;
    int64_t heartbeat;          /* Seconds. */
    int64_t max_queue_bytes;
    int64_t timeout_ms;         /* Of each stage of connecting. */
};

/* Limits on what a peer may make us hold. */
struct config_limits {
    int64_t body, depth, string, rules, members, groups_per_port;
    int64_t pairs_per_port, objects;            /* As struct rpc_limits. */
    int64_t set_entries;                        /* Of this host, too. */
    int64_t rules_per_port, groups, ports;      /* Of this host. */
    int64_t log_lines;                          /* In a second. */
};

struct config {
    char *host;
    struct config_broker broker;
    char *exchanges;            /* Who declares them: "oslo". */
    char *ovsdb;
    char *run_dir, *state_dir;
    char *control_socket;
    char *log_level;            /* A level of vlog. */
    char *log_file;             /* "": standard error. */
    char *integration_bridge;   /* "": any. */
    char *bridge_prefix, *tap_prefix, *uplink_prefix;
    int64_t zone_min, zone_max;
    bool host_input, host_output;       /* True: open. */
    char *l2_guard;             /* "required", "off". */
    char *bridge_nf;            /* "repair", "watch". */
    char *xtables_lock;
    char *established_on_revoke;        /* "cut", "keep". */
    int64_t connmark_bit;
    struct config_limits limits;
    int64_t gather_ms, backoff_max_ms, refresh_s;
    int64_t linger_s;
    int64_t state_grace_s;
    int64_t report_interval_s;
    struct config_list unenforceable_ok; /* Port ids, device names, and
                                          * beginnings of names with '*'. */

    bool has_secret;            /* The text holds a password: the file must
                                 * not be readable by others. */
};

/* Parses 'text' of 'len' bytes; 'file' is only for the messages.  'host' is
 * the default of the key of that name.  On success stores a new
 * configuration, which the caller destroys. */
char *config_parse(const char *text, size_t len, const char *file,
                   const char *host, struct config **) SG_MUST_USE;
void config_destroy(struct config *);

/* The effective configuration as text that config_parse() reads back; a
 * password is printed as a comment. */
void config_format(const struct config *, struct ds *);
/* The same with the meaning, type, range and default of each key: the text of
 * etc/sg-agent.yaml. */
void config_format_example(struct ds *);
/* All keys with that, as they stand in agent/sg-agent.yaml.5 and in
 * docs/configuration.md. */
void config_format_page(struct ds *);
void config_format_table(struct ds *);

/* Sets a password that was read from 'password_file'; cuts one line end. */
char *config_set_password(struct config *, const char *text, size_t len)
    SG_MUST_USE;

/* The keys, in the order of the table: "broker.heartbeat".  NULL after the
 * last. */
const char *config_key(size_t i);

/* What the keys mean to the other modules. */
struct rpc_limits;
struct policy_store_limits;
struct fw_layout;
void config_get_rpc_limits(const struct config *, struct rpc_limits *);
void config_get_store_limits(const struct config *,
                             struct policy_store_limits *);
void config_get_layout(const struct config *, struct fw_layout *);

#endif /* agent/config.h */
