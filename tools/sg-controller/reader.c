/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "rpc/message.h"
#include "util.h"

/* A node of ours is a node of libyaml under another name, so that the header
 * does not drag in <yaml.h>. */
#define NODE(NODE) ((const yaml_node_t *) (const void *) (NODE))
#define READER_NODE(NODE) ((const struct reader_node *) (const void *) (NODE))

struct reader {
    const char *file;
    yaml_document_t document;
    char *error;
};

static char *parse_error(const yaml_parser_t *, const char *file);
static void init_parser(yaml_parser_t *, const char *text, size_t len);
static char *check_structure(yaml_parser_t *, const char *file);
static const char *check_event(const yaml_event_t *, int *n_documents,
                               int *depth);
static const yaml_node_t *get_node(struct reader *, int index);
static const char *scalar(const yaml_node_t *);
static bool is_null(const yaml_node_t *);
static bool check_type(struct reader *, const yaml_node_t *,
                       yaml_node_type_t, const char *key);
static bool find_key(struct reader *, const yaml_node_t *, const char *what,
                     const char *const *keys, size_t *index);

/* Two passes.  The first looks at the structure alone and stops at the first
 * thing that is not wanted: the time that libyaml takes for a token grows with
 * its depth, so 200 kB of "[" would keep it busy for a minute.  The second
 * builds the document, in memory in proportion to the text, which the caller
 * limits. */
char *
reader_open(const char *text, size_t len, const char *file,
            struct reader **readerp)
{
    struct reader *reader;
    yaml_parser_t parser;
    char *error;

    init_parser(&parser, text, len);
    error = check_structure(&parser, file);
    yaml_parser_delete(&parser);
    if (error) {
        return error;
    }

    reader = xzalloc(sizeof *reader);
    reader->file = file;
    init_parser(&parser, text, len);
    if (!yaml_parser_load(&parser, &reader->document)) {
        error = parse_error(&parser, file);
        free(reader);
    } else {
        *readerp = reader;
    }
    yaml_parser_delete(&parser);
    return error;
}

void
reader_close(struct reader *reader)
{
    if (reader) {
        yaml_document_delete(&reader->document);
        free(reader->error);
        free(reader);
    }
}

const struct reader_node *
reader_root(struct reader *reader)
{
    return READER_NODE(yaml_document_get_root_node(&reader->document));
}

bool
reader_fail(struct reader *reader, const struct reader_node *node_,
            const char *key, const char *format, ...)
{
    if (!reader->error) {
        const yaml_node_t *node = NODE(node_);
        va_list args;
        char *what;

        va_start(args, format);
        what = xvasprintf(format, args);
        va_end(args);
        reader->error = xasprintf("%s:%zu:%zu: %s: %s",
                                  reader->file, node->start_mark.line + 1,
                                  node->start_mark.column + 1, key, what);
        free(what);
    }
    return false;
}

char *
reader_take_error(struct reader *reader)
{
    char *error = reader->error;

    reader->error = NULL;
    return error;
}

/* The bits of 'seen' stand for 'keys'. */
bool
reader_mapping(struct reader *reader, const struct reader_node *node_,
               const char *what, const char *const *keys,
               const struct reader_node **values)
{
    const yaml_node_t *node = NODE(node_);
    uint64_t seen = 0;

    if (!check_type(reader, node, YAML_MAPPING_NODE, what)) {
        return false;
    }
    for (size_t i = 0; keys[i]; i++) {
        ovs_assert(i < 64);
        values[i] = NULL;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = get_node(reader, pair->key);
        const yaml_node_t *value = get_node(reader, pair->value);
        size_t i;

        if (!find_key(reader, key, what, keys, &i)) {
            return false;
        }
        if (seen & (UINT64_C(1) << i)) {
            return reader_fail(reader, READER_NODE(key), what,
                               "the key %s stands here twice", keys[i]);
        }
        seen |= UINT64_C(1) << i;
        values[i] = is_null(value) ? NULL : READER_NODE(value);
    }
    return true;
}

bool
reader_list(struct reader *reader, const struct reader_node *node_,
            const char *key, size_t max, size_t *n)
{
    const yaml_node_t *node = NODE(node_);

    if (!check_type(reader, node, YAML_SEQUENCE_NODE, key)) {
        return false;
    }

    size_t count = (node->data.sequence.items.top
                    - node->data.sequence.items.start);
    if (count > max) {
        return reader_fail(reader, node_, key,
                           "%zu entries, more than the limit of "
                           "%zu", count, max);
    }
    *n = count;
    return true;
}

const struct reader_node *
reader_item(struct reader *reader, const struct reader_node *node_, size_t i)
{
    const yaml_node_t *node = NODE(node_);

    return READER_NODE(get_node(reader, node->data.sequence.items.start[i]));
}

bool
reader_text(struct reader *reader, const struct reader_node *node_,
            const char *key, const char **text)
{
    const yaml_node_t *node = NODE(node_);

    if (!check_type(reader, node, YAML_SCALAR_NODE, key)) {
        return false;
    }
    if (strlen(scalar(node)) != node->data.scalar.length) {
        return reader_fail(reader, node_, key, "holds a null character");
    }
    *text = scalar(node);
    return true;
}

bool
reader_bool(struct reader *reader, const struct reader_node *node,
            const char *key, bool *value)
{
    const char *text;

    if (!reader_text(reader, node, key, &text)) {
        return false;
    }

    bool is_true = !strcmp(text, "true");
    if (NODE(node)->data.scalar.style != YAML_PLAIN_SCALAR_STYLE
        || (!is_true && strcmp(text, "false"))) {
        return reader_fail(reader, node, key, "expected true or false");
    }
    *value = is_true;
    return true;
}

bool
reader_integer(struct reader *reader, const struct reader_node *node,
               const char *key, int64_t min, int64_t max, int64_t *value)
{
    const char *text;

    if (!reader_text(reader, node, key, &text)) {
        return false;
    }

    /* Decimal without leading zeros: "010" is 8 to some readers of YAML. */
    bool negative = *text == '-';
    const char *digits = text + negative;
    size_t n = strspn(digits, "0123456789");
    int64_t number = 0;
    bool ok = (NODE(node)->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
               && n > 0 && n <= 18 && !digits[n]
               && (*digits != '0' || n == 1));

    for (size_t i = 0; ok && i < n; i++) {
        number = number * 10 + (digits[i] - '0');
    }
    number = negative ? -number : number;
    if (!ok || number < min || number > max) {
        return reader_fail(reader, node, key,
                           "expected an integer from %"PRId64" to %"PRId64,
                           min, max);
    }
    *value = number;
    return true;
}

static char *
parse_error(const yaml_parser_t *parser, const char *file)
{
    /* Reader errors (bad UTF-8) come with a byte offset and no mark. */
    if (parser->error == YAML_READER_ERROR) {
        return xasprintf("%s: byte %zu: %s", file,
                         parser->problem_offset, parser->problem);
    }
    return xasprintf("%s:%zu:%zu: %s", file,
                     parser->problem_mark.line + 1,
                     parser->problem_mark.column + 1,
                     parser->problem ? parser->problem : "not YAML");
}

static void
init_parser(yaml_parser_t *parser, const char *text, size_t len)
{
    if (!yaml_parser_initialize(parser)) {
        out_of_memory();
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *) text, len);
}

/* Exactly one document, not too deep, without anchors: what stands in the
 * text is all there is. */
static char *
check_structure(yaml_parser_t *parser, const char *file)
{
    yaml_event_type_t type;
    char *error = NULL;
    int n_documents = 0;
    int depth = 0;

    do {
        yaml_event_t event;
        const char *problem;

        if (!yaml_parser_parse(parser, &event)) {
            return parse_error(parser, file);
        }
        type = event.type;
        problem = check_event(&event, &n_documents, &depth);
        if (problem) {
            error = xasprintf("%s:%zu:%zu: %s", file,
                              event.start_mark.line + 1,
                              event.start_mark.column + 1, problem);
        }
        yaml_event_delete(&event);
    } while (!error && type != YAML_STREAM_END_EVENT);
    return error;
}

static const char *
check_event(const yaml_event_t *event, int *n_documents, int *depth)
{
    const yaml_char_t *anchor = NULL;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++*n_documents > 1 ? "a second document" : NULL;
    case YAML_STREAM_END_EVENT:
        return *n_documents ? NULL : "the file is empty";
    case YAML_ALIAS_EVENT:
        return "aliases are not allowed";

    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        ++*depth;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        ++*depth;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        --*depth;
        break;

    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return (anchor ? "anchors are not allowed"
            : *depth > READER_MAX_DEPTH ? "nested too deep" : NULL);
}

static const yaml_node_t *
get_node(struct reader *reader, int index)
{
    const yaml_node_t *node = yaml_document_get_node(&reader->document, index);

    ovs_assert(node);
    return node;
}

/* libyaml ends every scalar with a NUL of its own. */
static const char *
scalar(const yaml_node_t *node)
{
    return (const char *) node->data.scalar.value;
}

static bool
is_null(const yaml_node_t *node)
{
    return (node->type == YAML_SCALAR_NODE
            && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
            && (!node->data.scalar.length || !strcmp(scalar(node), "~")
                || !strcmp(scalar(node), "null")));
}

static bool
check_type(struct reader *reader, const yaml_node_t *node,
           yaml_node_type_t type, const char *key)
{
    /* The tags that libyaml gives to nodes without an explicit one. */
    static const struct {
        const char *tag, *name;
    } types[] = {
        [YAML_SCALAR_NODE] = { YAML_DEFAULT_SCALAR_TAG, "a single value" },
        [YAML_SEQUENCE_NODE] = { YAML_DEFAULT_SEQUENCE_TAG, "a list" },
        [YAML_MAPPING_NODE] = { YAML_DEFAULT_MAPPING_TAG, "a mapping" },
    };

    if (node->type != type) {
        return reader_fail(reader, READER_NODE(node), key, "expected %s",
                           types[type].name);
    }
    if (strcmp((const char *) node->tag, types[type].tag)) {
        return reader_fail(reader, READER_NODE(node), key,
                           "tags are not allowed");
    }
    return true;
}

/* Looks up a key of the mapping called 'what' among 'keys'. */
static bool
find_key(struct reader *reader, const yaml_node_t *key, const char *what,
         const char *const *keys, size_t *index)
{
    const char *text;

    if (!reader_text(reader, READER_NODE(key), what, &text)) {
        return false;
    }
    for (size_t i = 0; keys[i]; i++) {
        if (!strcmp(keys[i], text)) {
            *index = i;
            return true;
        }
    }

    char *quoted = rpc_quote(text, strlen(text));
    reader_fail(reader, READER_NODE(key), quoted, "unknown key in %s", what);
    free(quoted);
    return false;
}
