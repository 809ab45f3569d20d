/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/update-text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/digest.h"
#include "tests/lib/policy-text.h"
#include "util.h"

static void parse_statement(struct sg_update *, char *);
static void parse_port(struct sg_update *, char **);
static void parse_rules(struct sg_update *, char **);
static void parse_members(struct sg_update *, char **);
static void parse_ref(char **, struct sg_ref **, size_t *n);
static bool parse_scalar(struct sg_update *, const char *);

static _Noreturn void
die(const char *what, const char *text)
{
    fprintf(stderr, "update-text: %s: %s\n", what, text ? text : "(end)");
    abort();
}

static char *
next_word(char **save)
{
    return strtok_r(NULL, " \t\n", save);
}

/* The value of "KEY=VALUE" if 'word' is that, else NULL. */
static const char *
value(const char *word, const char *key)
{
    size_t len = strlen(key);

    return (!strncmp(word, key, len) && word[len] == '='
            ? word + len + 1 : NULL);
}

#define GROW(ARRAY, N) \
    ((ARRAY) = xrealloc(ARRAY, ((N) + 1) * sizeof *(ARRAY)), \
     memset(&(ARRAY)[N], 0, sizeof *(ARRAY)), &(ARRAY)[(N)++])

void
update_text_parse(struct sg_update *update, enum sg_method method,
                  const char *text)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    char *statement;

    sg_update_init(update, method);
    while ((statement = strsep(&rest, ";")) != NULL) {
        parse_statement(update, statement);
    }
    free(copy);
}

struct sg_prefix
update_text_member(const char *text)
{
    char address[32];

    if (strspn(text, "0123456789") != strlen(text)) {
        return policy_text_prefix(text);
    }
    snprintf(address, sizeof address, "10.%d.%d.%d", atoi(text) >> 16,
             atoi(text) >> 8 & 255, atoi(text) & 255);
    return policy_text_prefix(address);
}

const char *
update_text_name(const struct uuid *id, char buf[16])
{
    snprintf(buf, 16, "%c%u", (char) (id->parts[0] >> 24), id->parts[3]);
    return buf;
}

static void
parse_statement(struct sg_update *u, char *text)
{
    char *save = NULL;
    char *word = strtok_r(text, " \t\n", &save);

    if (!word) {
        return;
    } else if (!strcmp(word, "port")) {
        parse_port(u, &save);
    } else if (!strcmp(word, "rules")) {
        parse_rules(u, &save);
    } else if (!strcmp(word, "members")) {
        parse_members(u, &save);
    } else if (!strcmp(word, "deleted")) {
        parse_ref(&save, &u->deleted, &u->n_deleted);
    } else if (!strcmp(word, "unknown")) {
        parse_ref(&save, &u->unknown, &u->n_unknown);
    } else if (!strcmp(word, "bad")) {
        parse_ref(&save, &u->bad, &u->n_bad);
        sg_refusal_add(&u->problems, &u->n_problems, "objects[0]",
                       "expected something else");
    } else if (!strcmp(word, "ref")) {
        parse_ref(&save, &u->refs, &u->n_refs);
    } else {
        do {
            if (!parse_scalar(u, word)) {
                die("unknown word", word);
            }
        } while ((word = next_word(&save)) != NULL);
    }
}

/* "KIND:ID:REV" */
static struct sg_ref
parse_triple(const char *text)
{
    char kind[16], id[16];
    struct sg_ref ref;
    int rev;

    if (sscanf(text, "%15[a-z]:%15[a-z0-9]:%d", kind, id, &rev) != 3
        || !sg_kind_from_string(kind, &ref.kind)) {
        die("KIND:ID:REV expected", text);
    }
    ref.id = policy_text_id(id);
    ref.revision = rev;
    return ref;
}

/* "none", or "KIND:ID:REV,..." */
static char *
parse_digest(const char *text)
{
    char *digest = xmalloc(RPC_DIGEST_LEN + 1);
    struct sg_ref *refs = NULL;
    char *copy = xstrdup(text);
    char *rest = copy;
    size_t n = 0;
    char *word;

    while (strcmp(text, "none") && (word = strsep(&rest, ",")) != NULL) {
        struct sg_ref ref = parse_triple(word);

        *GROW(refs, n) = ref;
    }
    rpc_digest(refs, n, digest);
    free(refs);
    free(copy);
    return digest;
}

static bool
parse_scalar(struct sg_update *u, const char *word)
{
    const char *v;

    if ((v = value(word, "epoch")) != NULL) {
        u->epoch.ms = atoll(v);
    } else if ((v = value(word, "sent")) != NULL) {
        u->sent = atoll(v);
    } else if ((v = value(word, "seq")) != NULL) {
        u->seq = atoll(v);
    } else if ((v = value(word, "next")) != NULL) {
        u->next = xstrdup(v);
    } else if ((v = value(word, "ack")) != NULL) {
        free(u->ack);
        u->ack = xstrdup(v);
    } else if ((v = value(word, "boot")) != NULL) {
        *GROW(u->boots, u->n_boots) = xstrdup(v);
    } else if (!strcmp(word, "duplicate_host")) {
        u->duplicate_host = true;
    } else if ((v = value(word, "page")) != NULL) {
        u->page = atoll(v);
    } else if ((v = value(word, "digest")) != NULL) {
        u->digest = parse_digest(v);
    } else if ((v = value(word, "entry")) != NULL) {
        struct sg_beacon_entry *entry = GROW(u->entries, u->n_entries);
        struct sg_ref ref = parse_triple(v);

        entry->hash = sg_ref_hash(ref.kind, &ref.id);
        entry->revision = ref.revision;
    } else if (!strcmp(word, "more")) {
        u->more = true;
    } else if (!strcmp(word, "same")) {
        u->same = true;
    } else if (!strcmp(word, "want_have")) {
        u->want_have = true;
    } else {
        return false;
    }
    return true;
}

static struct uuid
parse_id(char **save)
{
    char *word = next_word(save);

    if (!word) {
        die("an id is missing", NULL);
    }
    return policy_text_id(word);
}

static int
compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

/* "g1,g2" */
static void
parse_ids(const char *text, struct uuid **ids, size_t *n)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    char *word;

    while ((word = strsep(&rest, ",")) != NULL) {
        *GROW(*ids, *n) = policy_text_id(word);
    }
    free(copy);
}

static void
parse_port(struct sg_update *u, char **save)
{
    struct sg_port_spec *spec = GROW(u->ports, u->n_ports);
    const char *word, *v;

    spec->id = parse_id(save);
    spec->port_security_enabled = true;
    spec->mac.ea[0] = 2;
    while ((word = next_word(save)) != NULL) {
        if ((v = value(word, "rev")) != NULL) {
            spec->revision = atoll(v);
        } else if ((v = value(word, "groups")) != NULL) {
            parse_ids(v, &spec->groups, &spec->n_groups);
            qsort(spec->groups, spec->n_groups, sizeof *spec->groups,
                  compare_uuids);
        } else if ((v = value(word, "ip")) != NULL) {
            *GROW(spec->fixed_ips, spec->n_fixed_ips)
                = update_text_member(v);
        } else if ((v = value(word, "pair")) != NULL) {
            struct sg_pair *pair = GROW(spec->pairs, spec->n_pairs);

            pair->prefix = update_text_member(v);
            pair->mac = spec->mac;
        } else if (!strcmp(word, "trusted")) {
            spec->trusted = true;
        } else if (!strcmp(word, "unprotected")) {
            spec->port_security_enabled = false;
        } else if (!strcmp(word, "refused")) {
            sg_refusal_add(&spec->refused, &spec->n_refused, "pair 1", "bad");
        } else {
            die("unknown word of a port", word);
        }
    }
}

static void
parse_rules(struct sg_update *u, char **save)
{
    struct sg_rules_spec *spec = GROW(u->rules, u->n_rules);
    struct uuid *remotes = NULL;
    size_t n_remotes = 0;
    const char *word, *v;
    int n = 0, variant = 0;

    spec->group = parse_id(save);
    spec->stateful = true;
    while ((word = next_word(save)) != NULL) {
        if ((v = value(word, "rev")) != NULL) {
            spec->revision = atoll(v);
        } else if ((v = value(word, "n")) != NULL) {
            n = atoi(v);
        } else if ((v = value(word, "v")) != NULL) {
            variant = atoi(v);
        } else if ((v = value(word, "remote")) != NULL) {
            parse_ids(v, &remotes, &n_remotes);
        } else if (!strcmp(word, "stateless")) {
            spec->stateful = false;
        } else if (!strcmp(word, "refused")) {
            sg_refusal_add(&spec->refused, &spec->n_refused, "rule r9",
                           "unknown key \"colour\"");
        } else {
            die("unknown word of rules", word);
        }
    }
    for (size_t i = 0; i < (size_t) n + n_remotes; i++) {
        struct sg_rule *rule = GROW(spec->rules, spec->n_rules);

        rule->id = policy_text_id("r1");
        rule->id.parts[1] = (uint32_t) i;
        rule->family = SG_IPV4;
        rule->protocol = 6;
        rule->icmp_type = rule->icmp_code = -1;
        rule->has_ports = true;
        rule->port_min = rule->port_max = (uint16_t) (80 + variant);
        if (i >= (size_t) n) {
            rule->remote = SG_REMOTE_GROUP;
            rule->remote_id = remotes[i - (size_t) n];
        }
    }
    free(remotes);
}

static void
parse_members(struct sg_update *u, char **save)
{
    struct sg_members_spec *spec = GROW(u->members, u->n_members);
    const char *word, *v;

    spec->group = parse_id(save);
    spec->whole = true;
    while ((word = next_word(save)) != NULL) {
        struct sg_prefix p;

        if ((v = value(word, "rev")) != NULL) {
            spec->revision = atoll(v);
        } else if ((v = value(word, "prev")) != NULL) {
            spec->prev = atoll(v);
            spec->whole = false;
        } else if ((v = value(word, "part")) != NULL) {
            if (sscanf(v, "%u/%u", &spec->part, &spec->parts) != 2) {
                die("K/N expected", v);
            }
        } else if (word[0] == '+' || word[0] == '-') {
            p = update_text_member(word + 1);
            sg_prefix_list_add(word[0] == '+' ? &spec->added : &spec->removed,
                               &p);
        } else {
            die("unknown word of members", word);
        }
    }
}

/* "KIND ID [rev=N]" */
static void
parse_ref(char **save, struct sg_ref **refs, size_t *n)
{
    struct sg_ref *ref = GROW(*refs, *n);
    const char *word = next_word(save);
    const char *v;

    if (!word || !sg_kind_from_string(word, &ref->kind)) {
        die("bad kind", word);
    }
    ref->id = parse_id(save);
    if ((word = next_word(save)) != NULL) {
        v = value(word, "rev");
        if (!v) {
            die("unknown word of a reference", word);
        }
        ref->revision = atoll(v);
    }
}
