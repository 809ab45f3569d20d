/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The table of keys as documents show it. */

#include <config.h>
#include "agent/config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config_keys.h"
#include "util.h"

/* Columns of the source of the page. */
#define WIDTH 78

static struct config *make_defaults(void);
static void put_default(const struct config_key *, const struct config *,
                        struct ds *);
static void put_sentences(const char *text, struct ds *);
static void put_escaped(const char *word, size_t len, struct ds *);

void
config_format_page(struct ds *s)
{
    struct config *defaults = make_defaults();
    const char *section = NULL;

    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        const char *dot = strchr(key->name, '.');
        size_t len = dot ? (size_t) (dot - key->name) + 1 : 0;
        struct ds value = DS_EMPTY_INITIALIZER;

        if (!i || strncmp(section, key->name, len)) {
            ds_put_cstr(s, i ? ".El\n" : "");
            ds_put_format(s, ".Ss %s%.*s\n.Bl -tag -width Ds\n",
                          dot ? "Section " : "Top level",
                          dot ? (int) len - 1 : 0, key->name);
            section = key->name;
        }
        ds_put_format(s, ".It Cm %s\n", key->name);
        put_sentences(key->help, s);
        ds_put_char(&value, '(');
        config_key_describe(key, &value);
        if (key->default_text || config_key_is_list(key)) {
            ds_put_cstr(&value, "; default ");
            put_default(key, defaults, &value);
        }
        ds_put_char(&value, ')');
        put_sentences(ds_cstr(&value), s);
        ds_destroy(&value);
    }
    ds_put_cstr(s, ".El\n");
    config_destroy(defaults);
}

void
config_format_table(struct ds *s)
{
    struct config *defaults = make_defaults();

    ds_put_cstr(s, "| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];

        ds_put_format(s, "| `%s` | ", key->name);
        config_key_describe(key, s);
        ds_put_cstr(s, " | ");
        if (key->default_text || config_key_is_list(key)) {
            ds_put_char(s, '`');
            put_default(key, defaults, s);
            ds_put_char(s, '`');
        }
        ds_put_cstr(s, " |");
        for (const char *p = key->help; *p;) {
            size_t len = strcspn(p, " ");

            ds_put_format(s, " %.*s", (int) len, p);
            p += len;
            p += strspn(p, " ");
        }
        ds_put_cstr(s, " |\n");
    }
    config_destroy(defaults);
}

static struct config *
make_defaults(void)
{
    struct config *config = NULL;
    char *error = config_parse("", 0, "", "localhost", &config);

    /* The empty text is a complete configuration. */
    ovs_assert(!error);
    return config;
}

/* As it would stand in the file.  The default of a secret is none. */
static void
put_default(const struct config_key *key, const struct config *defaults,
            struct ds *s)
{
    size_t n = config_key_n_items(key, defaults);

    if (key->type == CONFIG_SECRET) {
        ds_put_format(s, "\"%s\"", key->default_text);
    } else if (config_key_is_list(key)) {
        ds_put_char(s, '[');
        for (size_t i = 0; i < n; i++) {
            ds_put_cstr(s, i ? ", " : "");
            config_key_format(key, defaults, i, s);
        }
        ds_put_char(s, ']');
    } else {
        config_key_format(key, defaults, 0, s);
    }
}

/* Lines of mdoc(7) text, of at most WIDTH columns where words allow it.  Two
 * spaces, which part sentences in the table, begin a line. */
static void
put_sentences(const char *text, struct ds *s)
{
    size_t start = s->length;

    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " ");
        size_t column = s->length - start;
        bool sentence = p > text + 1 && p[-1] == ' ' && p[-2] == ' ';

        if (column && (sentence || column + 1 + len > WIDTH)) {
            ds_put_char(s, '\n');
            start = s->length;
        } else if (column) {
            ds_put_char(s, ' ');
        }
        if (s->length == start && (*p == '.' || *p == '\'')) {
            ds_put_cstr(s, "\\&");
        }
        put_escaped(p, len, s);
        p += len;
        p += strspn(p, " ");
    }
    ds_put_char(s, '\n');
}

static void
put_escaped(const char *word, size_t len, struct ds *s)
{
    for (const char *p = word; p < word + len; p++) {
        if (*p == '\\') {
            ds_put_cstr(s, "\\e");
        } else if (*p == '-') {
            /* A plain one is set as a hyphen, which nobody can paste. */
            ds_put_cstr(s, "\\-");
        } else {
            ds_put_char(s, *p);
        }
    }
}
