/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* YAML, event by event: the document API resolves aliases and forgets where
 * a key stood twice. */

#include <config.h>
#include "agent/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "agent/config_keys.h"
#include "agent/policy_store.h"
#include "firewall/render.h"
#include "rpc/message.h"
#include "rpc/topology.h"
#include "util.h"

/* Columns of the text that is printed. */
#define WIDTH 78

struct reader {
    const char *file;
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    char *error;
    struct config *config;
    bool *seen;                 /* Of each of 'config_keys'. */
};

static void set_defaults(struct config *, const char *host);
static bool next(struct reader *);
static bool fail_syntax(struct reader *);
static bool fail(struct reader *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
static bool read_document(struct reader *);
static bool read_mapping(struct reader *, const char *section);
static bool read_section(struct reader *, const char *name);
static bool read_value(struct reader *, size_t key);
static bool read_scalar(struct reader *, const struct config_key *);
static bool read_list(struct reader *, const struct config_key *);
static bool is_section(const char *name);
static char *finish(struct config *, const bool seen[]);
static void format_key(const struct config_key *, const struct config *,
                       bool comment, struct ds *);
static void format_section(const struct config_key *, const char **section,
                           struct ds *);
static void format_help(const struct config_key *, struct ds *);
static void format_comment(const char *text, const char *indent,
                           struct ds *);

char *
config_parse(const char *text, size_t len, const char *file, const char *host,
             struct config **configp)
{
    struct reader r = { .file = file };
    char *error;

    if (len > CONFIG_MAX_BYTES) {
        return xasprintf("%s: %"PRIuSIZE" bytes, more than %d", file, len,
                         CONFIG_MAX_BYTES);
    }
    if (!yaml_parser_initialize(&r.parser)) {
        return xasprintf("%s: out of memory", file);
    }
    r.config = xzalloc(sizeof *r.config);
    r.seen = xcalloc(config_n_keys, sizeof *r.seen);
    set_defaults(r.config, host);

    yaml_parser_set_input_string(&r.parser, (const unsigned char *) text,
                                 len);
    read_document(&r);
    error = r.error;
    if (!error) {
        char *problem = finish(r.config, r.seen);

        if (problem) {
            error = xasprintf("%s: %s", file, problem);
            free(problem);
        }
    }

    if (r.has_event) {
        yaml_event_delete(&r.event);
    }
    yaml_parser_delete(&r.parser);
    free(r.seen);
    if (error) {
        config_destroy(r.config);
    } else {
        *configp = r.config;
    }
    return error;
}

void
config_destroy(struct config *config)
{
    if (config) {
        if (config->broker.password) {
            /* Not left behind in freed memory. */
            explicit_bzero(config->broker.password,
                           strlen(config->broker.password));
        }
        for (size_t i = 0; i < config_n_keys; i++) {
            config_key_clear(&config_keys[i], config);
        }
        free(config);
    }
}

void
config_format(const struct config *config, struct ds *s)
{
    const char *section = NULL;

    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];

        format_section(key, &section, s);
        format_key(key, config, key->type == CONFIG_SECRET, s);
    }
}

void
config_format_example(struct ds *s)
{
    struct config *config = xzalloc(sizeof *config);
    const char *section = NULL;

    set_defaults(config, "");
    ds_put_cstr(s,
        "# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later\n"
        "#\n"
        "# The configuration of sg-agent with all keys at their defaults.\n"
        "# A key that is left out has its default; an unknown key is an "
        "error.\n"
        "# sg-agent --check-config prints the configuration in effect.\n");
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];

        ds_put_char(s, '\n');
        format_section(key, &section, s);
        format_help(key, s);
        if (!key->default_text && !config_key_is_list(key)) {
            const char *dot = strchr(key->name, '.');

            ds_put_format(s, "%s#%s: ...\n", dot ? "  " : "",
                          dot ? dot + 1 : key->name);
        } else if (key->type == CONFIG_SECRET) {
            /* With a password the file would have to be secret. */
            ds_put_format(s, "  #%s: \"%s\"\n", strchr(key->name, '.') + 1,
                          key->default_text);
        } else {
            format_key(key, config, false, s);
        }
    }
    config_destroy(config);
}

char *
config_set_password(struct config *config, const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);

    if (end) {
        len = (size_t) (end - text);
    }
    if (!len || len > 255 || memchr(text, '\0', len)) {
        return xstrdup("the first line must be a password of 1 to 255 bytes");
    }
    free(config->broker.password);
    config->broker.password = xmemdup0(text, len);
    return NULL;
}

const char *
config_key(size_t i)
{
    return i < config_n_keys ? config_keys[i].name : NULL;
}

void
config_get_rpc_limits(const struct config *config, struct rpc_limits *limits)
{
    const struct config_limits *l = &config->limits;

    rpc_limits_default(limits);
    limits->body = (size_t) l->body;
    limits->depth = (size_t) l->depth;
    limits->string = (size_t) l->string;
    limits->rules = (size_t) l->rules;
    limits->members = (size_t) l->members;
    limits->groups_per_port = (size_t) l->groups_per_port;
    limits->pairs_per_port = (size_t) l->pairs_per_port;
    limits->objects = (size_t) l->objects;
    limits->set_entries = (size_t) l->set_entries;
}

void
config_get_store_limits(const struct config *config,
                        struct policy_store_limits *limits)
{
    const struct config_limits *l = &config->limits;

    *limits = (struct policy_store_limits) {
        .members = (size_t) l->members,
        .set_entries = (size_t) l->set_entries,
        .rules_per_port = (size_t) l->rules_per_port,
        .groups = (size_t) l->groups,
        .ports = (size_t) l->ports,
    };
}

void
config_get_layout(const struct config *config, struct fw_layout *layout)
{
    memset(layout, 0, sizeof *layout);
    ovs_strlcpy(layout->bridge_prefix, config->bridge_prefix,
                sizeof layout->bridge_prefix);
    ovs_strlcpy(layout->tap_prefix, config->tap_prefix,
                sizeof layout->tap_prefix);
    ovs_strlcpy(layout->uplink_prefix, config->uplink_prefix,
                sizeof layout->uplink_prefix);
    layout->host_input = config->host_input;
    layout->host_output = config->host_output;
    layout->revoked = UINT32_C(1) << config->connmark_bit;
}

static void
set_defaults(struct config *config, const char *host)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];

        if (key->default_text) {
            char *error = config_key_set(key, config, key->default_text);

            /* A default that is not allowed is our own bug. */
            ovs_assert(!error);
        }
    }
    config->host = xstrdup(host);
    /* Follows run_dir, see finish(). */
    config->control_socket = xstrdup("");
}

static bool
begins(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* What no single key can say.  NULL or a malloc'd sentence. */
static char *
finish(struct config *config, const bool seen[])
{
    if (!rpc_host_ok(config->host)) {
        return xstrdup("host: the host name of the system is not 1 to 64 of "
                       "A-Z a-z 0-9 . _ -; give one");
    }
    /* Each uplink would be a tap that may send nothing, or the other way
     * round. */
    if (begins(config->tap_prefix, config->uplink_prefix)
        || begins(config->uplink_prefix, config->tap_prefix)) {
        return xasprintf("uplink_prefix: expected that neither it nor "
                         "tap_prefix, \"%s\", begins with the other",
                         config->tap_prefix);
    }
    if (config->zone_min > config->zone_max) {
        return xasprintf("zones.max: expected at least zones.min, %"PRId64,
                         config->zone_min);
    }
    for (size_t i = 0; i < config_n_keys; i++) {
        if (config_keys[i].type == CONFIG_SECRET && seen[i]
            && config->broker.password[0]) {
            if (config->broker.password_file[0]) {
                return xstrdup("broker.password: expected not to stand "
                               "beside broker.password_file");
            }
            config->has_secret = true;
        }
    }
    if (!config->control_socket[0]) {
        free(config->control_socket);
        config->control_socket = xasprintf("%s/sg-agent.ctl",
                                           config->run_dir);
    }
    return NULL;
}

/* The next event into 'r->event'.  Anchors, aliases and tags make a file mean
 * something else than what it shows. */
static bool
next(struct reader *r)
{
    yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    if (r->has_event) {
        yaml_event_delete(e);
    }
    r->has_event = yaml_parser_parse(&r->parser, e);
    if (!r->has_event) {
        return fail_syntax(r);
    }
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    }
    if (e->type == YAML_ALIAS_EVENT || anchor) {
        return fail(r, "expected no anchors and aliases");
    }
    return !tag || fail(r, "expected no tags");
}

/* What libyaml says, and where the thing began that it was reading. */
static bool
fail_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "%s:%"PRIuSIZE":%"PRIuSIZE": not YAML: %s", r->file,
                  p->problem_mark.line + 1, p->problem_mark.column + 1,
                  p->problem ? p->problem : "unreadable");
    if (p->context) {
        ds_put_format(&s, " (%s, from line %"PRIuSIZE")", p->context,
                      p->context_mark.line + 1);
    }
    r->error = ds_steal_cstr(&s);
    return false;
}

/* At the place of the current event. */
static bool
fail(struct reader *r, const char *format, ...)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    va_list args;

    ds_put_format(&s, "%s:%"PRIuSIZE":%"PRIuSIZE": ", r->file,
                  r->event.start_mark.line + 1,
                  r->event.start_mark.column + 1);
    va_start(args, format);
    ds_put_format_valist(&s, format, args);
    va_end(args);
    free(r->error);
    r->error = ds_steal_cstr(&s);
    return false;
}

/* A name from the text, made fit for a message. */
static const char *
printable(const char *text, char buf[65])
{
    ovs_strlcpy(buf, text, 65);
    for (char *p = buf; *p; p++) {
        if (!isprint((unsigned char) *p)) {
            *p = '?';
        }
    }
    return buf;
}

static bool
is_null(const yaml_event_t *e)
{
    const char *text = (const char *) e->data.scalar.value;

    return (e->type == YAML_SCALAR_EVENT
            && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
            && (!text[0] || !strcmp(text, "~") || !strcmp(text, "null")));
}

static bool
read_document(struct reader *r)
{
    if (!next(r) || !next(r)) {         /* Start of stream, of document. */
        return false;
    }
    if (r->event.type == YAML_STREAM_END_EVENT) {
        return true;
    }
    if (!next(r)) {
        return false;
    }
    if (r->event.type == YAML_MAPPING_START_EVENT) {
        if (!read_mapping(r, NULL)) {
            return false;
        }
    } else if (!is_null(&r->event)) {
        return fail(r, "expected a mapping of keys to values");
    }
    if (!next(r) || !next(r)) {         /* End of document, of stream. */
        return false;
    }
    return (r->event.type == YAML_STREAM_END_EVENT
            || fail(r, "expected one document"));
}

/* From behind the start of a mapping to its end. */
static bool
read_mapping(struct reader *r, const char *section)
{
    while (next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        char buf[65];
        char *name;
        bool ok;

        if (r->event.type != YAML_SCALAR_EVENT) {
            return fail(r, "expected a key");
        }
        printable((const char *) r->event.data.scalar.value, buf);
        name = xasprintf("%s%s%s", section ? section : "",
                         section ? "." : "", buf);
        if (!section && is_section(name)) {
            ok = read_section(r, name);
        } else {
            size_t i;

            for (i = 0; i < config_n_keys; i++) {
                if (!strcmp(config_keys[i].name, name)) {
                    break;
                }
            }
            ok = ((i < config_n_keys && (section || !strchr(name, '.')))
                  ? read_value(r, i)
                  : fail(r, "%s: expected a known key", name));
        }
        free(name);
        if (!ok) {
            return false;
        }
    }
    return !r->error;
}

/* A section that stands twice is as bad as a key that does: which of its keys
 * count would depend on the reader. */
static bool
read_section(struct reader *r, const char *name)
{
    size_t len = strlen(name);
    bool seen = false;

    for (size_t i = 0; i < config_n_keys; i++) {
        if (!strncmp(config_keys[i].name, name, len)
            && config_keys[i].name[len] == '.') {
            seen = seen || r->seen[i];
        }
    }
    if (seen) {
        return fail(r, "%s: expected each key once", name);
    }
    if (!next(r)) {
        return false;
    }
    if (is_null(&r->event)) {
        return true;            /* All its keys are commented out. */
    }
    return (r->event.type == YAML_MAPPING_START_EVENT
            ? read_mapping(r, name)
            : fail(r, "%s: expected a mapping of keys to values", name));
}

static bool
read_value(struct reader *r, size_t i)
{
    const struct config_key *key = &config_keys[i];

    if (r->seen[i]) {
        return fail(r, "%s: expected each key once", key->name);
    }
    r->seen[i] = true;
    return next(r) && (config_key_is_list(key)
                       ? read_list(r, key) : read_scalar(r, key));
}

/* Plain text that other readers of YAML take for something else. */
static bool
looks_like_no_string(const char *text)
{
    static const char *const words[] = {
        "true", "false", "yes", "no", "on", "off", "null", "~", "",
    };
    size_t len = strlen(text);

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcasecmp(text, words[i])) {
            return true;
        }
    }
    return strspn(text, "0123456789+-._eE") == len;
}

static bool
read_scalar(struct reader *r, const struct config_key *key)
{
    const yaml_event_t *e = &r->event;
    const char *text = (const char *) e->data.scalar.value;
    struct ds what = DS_EMPTY_INITIALIZER;
    const char *hint = "";
    char *error = NULL;
    bool ok = e->type == YAML_SCALAR_EVENT;

    if (ok) {
        bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

        for (size_t i = 0; i < e->data.scalar.length; i++) {
            unsigned char c = (unsigned char) text[i];

            ok = ok && c >= 0x20 && c != 0x7f;
        }
        if (key->type == CONFIG_INTEGER && !plain) {
            hint = ", not in quotes";
            ok = false;
        } else if (key->type != CONFIG_INTEGER && key->type != CONFIG_WORD
                   && plain && looks_like_no_string(text)) {
            hint = ", in quotes if it looks like a number or a truth value";
            ok = false;
        }
    }
    if (ok) {
        error = config_key_set(key, r->config, text);
    } else {
        ds_put_cstr(&what, "expected ");
        config_key_describe(key, &what);
        error = ds_steal_cstr(&what);
    }
    if (error) {
        fail(r, "%s: %s%s", key->name, error, hint);
        free(error);
        return false;
    }
    return true;
}

static bool
read_list(struct reader *r, const struct config_key *key)
{
    if (r->event.type != YAML_SEQUENCE_START_EVENT) {
        struct ds what = DS_EMPTY_INITIALIZER;

        config_key_describe(key, &what);
        fail(r, "%s: expected %s", key->name, ds_cstr(&what));
        ds_destroy(&what);
        return false;
    }
    config_key_clear(key, r->config);
    while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        if (!read_scalar(r, key)) {
            return false;
        }
    }
    if (r->error) {
        return false;
    }
    return (config_key_n_items(key, r->config) >= (size_t) key->min
            || fail(r, "%s: expected at least %"PRId64" item", key->name,
                    key->min));
}

static bool
is_section(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < config_n_keys; i++) {
        if (!strncmp(config_keys[i].name, name, len)
            && config_keys[i].name[len] == '.') {
            return true;
        }
    }
    return false;
}

/* Prints "section:" where one begins. */
static void
format_section(const struct config_key *key, const char **section,
               struct ds *s)
{
    const char *dot = strchr(key->name, '.');
    size_t len = dot ? (size_t) (dot - key->name) : 0;

    if (dot && (!*section || strncmp(*section, key->name, len + 1))) {
        ds_put_format(s, "%.*s:\n", (int) len, key->name);
        *section = key->name;
    }
}

static void
format_key(const struct config_key *key, const struct config *config,
           bool comment, struct ds *s)
{
    const char *dot = strchr(key->name, '.');
    const char *indent = dot ? "  " : "";
    size_t n = config_key_n_items(key, config);

    ds_put_format(s, "%s%s%s:", indent, comment ? "#" : "",
                  dot ? dot + 1 : key->name);
    if (config_key_is_list(key)) {
        ds_put_cstr(s, n ? "\n" : " []\n");
        for (size_t i = 0; i < n; i++) {
            ds_put_format(s, "%s  - ", indent);
            config_key_format(key, config, i, s);
            ds_put_char(s, '\n');
        }
    } else {
        ds_put_char(s, ' ');
        config_key_format(key, config, 0, s);
        ds_put_char(s, '\n');
    }
}

/* The meaning of the key and what its value may be, as a comment. */
static void
format_help(const struct config_key *key, struct ds *s)
{
    const char *indent = strchr(key->name, '.') ? "  # " : "# ";
    struct ds what = DS_EMPTY_INITIALIZER;

    config_key_describe(key, &what);
    format_comment(key->help, indent, s);
    ds_put_format(s, "%s(%s)\n", indent, ds_cstr(&what));
    ds_destroy(&what);
}

/* Fills lines of WIDTH columns with the words of 'text'. */
static void
format_comment(const char *text, const char *indent, struct ds *s)
{
    size_t column = 0;

    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " ");

        if (column && column + 1 + len > WIDTH) {
            ds_put_char(s, '\n');
            column = 0;
        }
        ds_put_format(s, "%s%.*s", column ? " " : indent, (int) len, p);
        column += (column ? 1 : strlen(indent)) + len;
        p += len;
        p += strspn(p, " ");
    }
    ds_put_char(s, '\n');
}
