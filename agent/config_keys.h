/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_CONFIG_KEYS_H
#define AGENT_CONFIG_KEYS_H 1

/* The one table of configuration keys, and what a value of each type is.
 *
 * Pure; a part of config.  This file knows no YAML: values are texts. */

#include "agent/config.h"

enum config_type {
    CONFIG_STRING,              /* 'min' to 'max' bytes. */
    CONFIG_SECRET,              /* The same, never printed. */
    CONFIG_HOST,                /* rpc_host_ok(). */
    CONFIG_DEVICE,              /* Interface name or its beginning. */
    CONFIG_PATH,                /* Absolute; "" if 'min' is 0. */
    CONFIG_REMOTE,              /* Of an OVSDB server. */
    CONFIG_INTEGER,             /* 'min' to 'max'. */
    CONFIG_WORD,                /* One of 'words'. */
    CONFIG_OPEN,                /* "closed" or "open": a bool. */
    CONFIG_ENDPOINTS,           /* List of HOST:PORT, 'min' to 'max' long. */
    CONFIG_DEVICES,             /* List of port ids and name patterns. */
};

struct config_key {
    const char *name;           /* "section.key" or "key". */
    enum config_type type;
    size_t offset;              /* In struct config. */
    int64_t min, max;
    const char *default_text;   /* NULL: see 'help'; or an empty list. */
    const char *const *words;   /* CONFIG_WORD, NULL-terminated. */
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

/* "an integer from 1 to 5", for messages and comments. */
void config_key_describe(const struct config_key *, struct ds *);
bool config_key_is_list(const struct config_key *);

/* Sets the value, or for a list appends it.  A malloc'd sentence that says
 * what was expected if it is not one; then nothing has changed. */
char *config_key_set(const struct config_key *, struct config *,
                     const char *text) SG_MUST_USE;
/* Back to no value; an empty list. */
void config_key_clear(const struct config_key *, struct config *);
size_t config_key_n_items(const struct config_key *, const struct config *);
/* The value, or item 'i' of a list, as YAML scalar. */
void config_key_format(const struct config_key *, const struct config *,
                       size_t i, struct ds *);

#endif /* agent/config_keys.h */
