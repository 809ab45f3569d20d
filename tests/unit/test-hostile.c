/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Bodies that somebody wrote to hurt: what they are refused with, and what
 * that costs.
 *
 * The memory is counted, by a malloc() of this program that sees jansson's
 * blocks as well as ours, and bounded.  The time is printed and not judged:
 * it is another on every machine ("make bench" takes more rounds). */

#include <config.h>
#include "tests/lib/test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/received.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define EPOCH "\"epoch\":\"1763666000000-0a1b2c3d\""
#define GROUP "5eb00000-0000-4000-8000-00000000000a"
#define MB (1024 * 1024)

/* What decoding may take at its highest: so much for each byte of the body,
 * and for what every message costs; docs/protocol.md, section 8. */
#define FACTOR 20
#define CONSTANT (256 * 1024)

/* What is left of a body waits for the loop, in a queue that has a limit: so
 * much more than it says may it take.  Lists double when they grow. */
#define HELD_FACTOR 2
#define HELD_CONSTANT 4096

/* --- Memory -------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_MEMORY 0
#endif
#endif
#ifndef COUNTS_MEMORY
#define COUNTS_MEMORY 1
#endif

static size_t heap, heap_peak;

#if COUNTS_MEMORY
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

static void *
count_block(void *p)
{
    if (p) {
        heap += malloc_usable_size(p) + sizeof(size_t);
        heap_peak = MAX(heap_peak, heap);
    }
    return p;
}

static void
uncount_block(void *p)
{
    if (p) {
        heap -= malloc_usable_size(p) + sizeof(size_t);
    }
}

void *
malloc(size_t size)
{
    return count_block(__libc_malloc(size));
}

void *
calloc(size_t n, size_t size)
{
    return count_block(__libc_calloc(n, size));
}

/* A block that is moved is there twice for a moment. */
void *
realloc(void *old, size_t size)
{
    size_t old_size = old ? malloc_usable_size(old) + sizeof(size_t) : 0;
    void *p = __libc_realloc(old, size);

    if (p || !size) {
        if (p != old) {
            heap_peak = MAX(heap_peak, heap + size);
        }
        heap -= old_size;
        count_block(p);
    }
    return p;
}

void
free(void *p)
{
    uncount_block(p);
    __libc_free(p);
}
#endif

/* --- Bodies -------------------------------------------------------------- */

struct kind {
    const char *name;
    /* Appends a text of some 'size' bytes that goes on an argument of a
     * message, or is the whole. */
    void (*put)(struct ds *, size_t size);
    bool whole;                 /* The text is the body itself. */
    const char *error;          /* What it is refused with; NULL: it is not,
                                 * an unknown key may have any value. */
};

static void
repeat(struct ds *ds, const char *s, size_t size)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < size / len; i++) {
        ds_put_buffer(ds, s, len);
    }
}

/* 'open', 's' many times, the last comma replaced by 'close'. */
static void
list(struct ds *ds, char open, const char *s, char close, size_t size)
{
    ds_put_char(ds, open);
    repeat(ds, s, size);
    ds->string[ds->length - 1] = close;
}

#define LIST(NAME, OPEN, ELEMENT, CLOSE)                                    \
    static void put_##NAME(struct ds *ds, size_t size)                      \
    {                                                                       \
        list(ds, OPEN, ELEMENT, CLOSE, size);                               \
    }
#define REPEAT(NAME, TEXT)                                                  \
    static void put_##NAME(struct ds *ds, size_t size)                      \
    {                                                                       \
        repeat(ds, TEXT, size);                                             \
    }

REPEAT(open_lists, "[")
REPEAT(open_objects, "{\"a\":")
LIST(empty_objects, '[', "{},", ']')
LIST(empty_lists, '[', "[],", ']')
LIST(empty_strings, '[', "\"\",", ']')
LIST(zeros, '[', "0,", ']')
LIST(nulls, '[', "null,", ']')
LIST(small_objects, '[', "{\"\":[]},", ']')
LIST(equal_keys, '{', "\"a\":0,", '}')

static void
put_levels(struct ds *ds, size_t size OVS_UNUSED)
{
    ds_put_char_multiple(ds, '[', 10000);
    ds_put_char_multiple(ds, ']', 10000);
}

static void
put_keys(struct ds *ds, size_t size)
{
    size_t end = ds->length + size;

    ds_put_char(ds, '{');
    for (unsigned int i = 0; ds->length < end; i++) {
        ds_put_format(ds, "\"%07x\":0,", i);
    }
    ds->string[ds->length - 1] = '}';
}

/* One for each 21 bytes, a new object after each 'n'. */
static void
put_objects(struct ds *ds, size_t size, unsigned int n)
{
    size_t end = ds->length + size;

    ds_put_cstr(ds, "[{");
    for (unsigned int i = 1; ds->length < end; i++) {
        ds_put_format(ds, "\"%016x\":0%s", i, i % n ? "," : "},{");
    }
    ds_put_cstr(ds, "\"last\":0}]");
}

static void
put_long_keys(struct ds *ds, size_t size)
{
    put_objects(ds, size, UINT_MAX);
}

static void
put_keys_of_objects(struct ds *ds, size_t size)
{
    put_objects(ds, size, 19000);
}

static void
put_digits(struct ds *ds, size_t size)
{
    ds_put_char_multiple(ds, '7', size);
}

static void
put_fraction(struct ds *ds, size_t size)
{
    ds_put_cstr(ds, "0.");
    ds_put_char_multiple(ds, '3', size);
}

static void
put_exponent(struct ds *ds, size_t size)
{
    ds_put_cstr(ds, "1e-");
    ds_put_char_multiple(ds, '9', size);
}

#define STRING(NAME, TEXT)                                                  \
    static void put_##NAME(struct ds *ds, size_t size)                      \
    {                                                                       \
        ds_put_char(ds, '"');                                               \
        repeat(ds, TEXT, size);                                             \
        ds_put_char(ds, '"');                                               \
    }

STRING(escapes, "\\u00e9")
STRING(pairs_of_surrogates, "\\ud83d\\ude00")
STRING(backslashes, "\\\\")
STRING(open_in_string, "[{")

/* In the form of 'kinds', but too large as a whole. */
static void
put_blanks(struct ds *ds, size_t size)
{
    ds_put_char_multiple(ds, ' ', size);
    ds_put_cstr(ds, "{}");
}

static void
put_zip(struct ds *ds, size_t size)
{
    ds_put_cstr(ds, "\x1f\x8b\x08");
    for (uint32_t i = 1; ds->length < size; i = i * 1664525 + 1013904223) {
        ds_put_char(ds, 0x80 | i >> 24);
    }
}

static const struct kind kinds[] = {
    { "lists, never closed", put_open_lists, true, "nested deeper" },
    { "objects, never closed", put_open_objects, true, "nested deeper" },
    { "10,000 levels", put_levels, false, "nested deeper" },
    { "empty objects", put_empty_objects, false, "values" },
    { "empty lists", put_empty_lists, false, "values" },
    { "empty strings", put_empty_strings, false, "values" },
    { "zeros", put_zeros, false, "values" },
    { "nulls", put_nulls, false, "values" },
    { "small objects", put_small_objects, false, "values" },
    { "keys, all the same", put_equal_keys, false, "keys" },
    { "keys, all different", put_keys, false, "keys" },
    { "keys, one object", put_long_keys, false, "keys" },
    { "keys, as many as may be", put_keys_of_objects, false, NULL },
    { "a number of many digits", put_digits, false, "not JSON" },
    { "a long fraction", put_fraction, false, NULL },
    { "a long exponent", put_exponent, false, NULL },
    { "escapes", put_escapes, false, NULL },
    { "pairs of surrogates", put_pairs_of_surrogates, false, NULL },
    { "backslashes", put_backslashes, false, NULL },
    { "brackets in a string", put_open_in_string, false, NULL },
    { "blanks", put_blanks, true, "message" },
    { "compressed", put_zip, true, "not JSON" },
};

/* The body of kind 'k'.  With 'envelope' it is encoded twice, as usual. */
static void
make_body(const struct kind *k, size_t size, bool envelope, struct ds *body)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    if (k->whole) {
        k->put(&text, size);
    } else {
        ds_put_cstr(&text, "{\"method\":\"beacon\",\"args\":{"EPOCH","
                    "\"seq\":1,\"changed\":{},\"more\":false,\"x\":");
        k->put(&text, size);
        ds_put_cstr(&text, "}}");
    }
    if (envelope) {
        ds_put_cstr(body, "{\"oslo.version\":\"2.0\",\"oslo.message\":\"");
        for (size_t i = 0; i < text.length; i++) {
            if (strchr("\"\\", text.string[i])) {
                ds_put_char(body, '\\');
            }
            ds_put_char(body, text.string[i]);
        }
        ds_put_cstr(body, "\"}");
    } else {
        ds_put_buffer(body, text.string, text.length);
    }
    ds_destroy(&text);
}

/* --- Costs --------------------------------------------------------------- */

struct cost {
    double ms, free_ms;
    size_t peak;
    size_t held, size;          /* What is left then, and is said to be. */
    char *error;
};

static double
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Everything that is done with a body. */
static struct cost
decode(const void *body, size_t len, const struct rpc_limits *limits)
{
    size_t before = heap, size;
    double start = now_ms();
    struct received *r;
    struct cost cost;

    heap_peak = heap;
    r = received_decode(body, len, limits, &size);
    cost.ms = now_ms() - start;
    cost.held = heap - before;
    cost.size = size;
    cost.error = nullable_xstrdup(r->error);
    start = now_ms();
    received_destroy(r);
    cost.free_ms = now_ms() - start;
    cost.peak = heap_peak - before;
    return cost;
}

static int
compare_doubles(const void *a_, const void *b_)
{
    const double *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* The same several times: the median of the time. */
static struct cost
decode_often(const void *body, size_t len, const struct rpc_limits *limits)
{
    enum { MAX_ROUNDS = 41 };
    double ms[MAX_ROUNDS] = { 0 };
    /* A time under a sanitizer says nothing. */
    size_t n = COUNTS_MEMORY ? MIN(2 * test_rounds(1) + 1, MAX_ROUNDS) : 1;
    struct cost cost = { .error = NULL };

    for (size_t i = 0; i < n; i++) {
        free(cost.error);
        cost = decode(body, len, limits);
        ms[i] = cost.ms;
    }
    qsort(ms, n, sizeof *ms, compare_doubles);
    cost.ms = ms[n / 2];
    return cost;
}

/* Prints the row of a table and checks the memory. */
static void
check_cost(const char *name, size_t len, const struct cost *cost,
           size_t allowed)
{
    printf("# %-28s %8zu bytes %8.2f ms per MB", name, len,
           cost->ms * MB / len);
    if (COUNTS_MEMORY) {
        printf(" %7.1f bytes per byte", (double) cost->peak / len);
        printf(" %6.2f ms to free", cost->free_ms);
        if (cost->peak > allowed) {
            FAIL("%s: %zu bytes of memory for a body of %zu, more than %zu",
                 name, cost->peak, len, allowed);
        }
        if (cost->held > HELD_FACTOR * cost->size + HELD_CONSTANT) {
            FAIL("%s: %zu bytes of memory held, which are said to be %zu",
                 name, cost->held, cost->size);
        }
    }
    printf("  %s\n", cost->error ? cost->error : "taken");
}

static void
try_kinds(size_t size, bool envelope)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const struct kind *k = &kinds[i];
        struct ds body = DS_EMPTY_INITIALIZER;
        struct cost cost;

        make_body(k, size, envelope, &body);
        cost = decode_often(body.string, body.length, &limits);
        check_cost(k->name, body.length, &cost,
                   FACTOR * body.length + CONSTANT);
        if (k->error) {
            CHECK_ERROR(cost.error, k->error);
        } else {
            CHECK_NO_ERROR(cost.error);
        }
        ds_destroy(&body);
    }
}

TEST(large)
{
    try_kinds(MB, false);
}

/* Encoded twice, and so read twice. */
TEST(large_in_an_envelope)
{
    try_kinds(MB, true);
}

/* As large as can be: no kind has a cost that grows faster than the body. */
TEST(largest)
{
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    try_kinds(limits.body - 1024, false);
}

TEST(above_the_limit)
{
    struct ds body = DS_EMPTY_INITIALIZER;
    struct rpc_limits limits;
    struct cost cost;

    rpc_limits_default(&limits);
    make_body(&kinds[0], limits.body + 1, false, &body);
    cost = decode_often(body.string, body.length, &limits);
    check_cost("one byte too many", body.length, &cost, 4096);
    CHECK_ERROR(cost.error, "above the limit");
    ds_destroy(&body);
}

/* --- Large and honest ---------------------------------------------------- */

/* Each member unfolded from a range takes so much while the list grows. */
#define MEMBER_BYTES 64

/* 'n' addresses from 'first' on, every second one: no range fits. */
static void
put_members(struct ds *ds, unsigned int first, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        unsigned int a = first + 2 * i;

        ds_put_format(ds, "%s\"10.%u.%u.%u\"", i ? "," : "", a >> 16,
                      a >> 8 & 255, a & 255);
    }
}

static void
put_change(struct ds *body)
{
    ds_put_cstr(body, "{\"method\":\"members_changed\",\"args\":{"EPOCH","
                "\"members\":{\"group\":\""GROUP"\",\"revision\":2,"
                "\"prev\":1,\"added\":[");
    put_members(body, 0, 262144);
    ds_put_cstr(body, "],\"removed\":[");
    put_members(body, 1, 262144);
    ds_put_cstr(body, "]}}}");
}

static void
put_whole(struct ds *body)
{
    ds_put_cstr(body, "{\"method\":\"members_changed\",\"args\":{"EPOCH","
                "\"members\":{\"group\":\""GROUP"\",\"revision\":2,"
                "\"members\":[");
    put_members(body, 0, 262144);
    ds_put_cstr(body, "]}}}");
}

/* A page of sg-controller's. */
static void
put_page(struct ds *body)
{
    ds_put_cstr(body, "{\"method\":\"members_changed\",\"args\":{"EPOCH","
                "\"members\":{\"group\":\""GROUP"\",\"revision\":2,"
                "\"members\":[");
    put_members(body, 0, 72000);
    ds_put_cstr(body, "]}}}");
}

static void
put_ports(struct ds *body)
{
    ds_put_cstr(body, "{\"method\":\"ports_updated\",\"args\":{"EPOCH","
                "\"ports\":[");
    for (int i = 0; i < 20000; i++) {
        ds_put_format(body, "%s{\"id\":\"5eb00000-0002-4000-8000-%012d\","
                      "\"revision\":1,\"mac_address\":"
                      "\"fa:16:3e:00:00:01\",\"fixed_ips\":["
                      "{\"ip_address\":\"10.0.0.1\"},"
                      "{\"ip_address\":\"fd00::1\"}],"
                      "\"allowed_address_pairs\":[],"
                      "\"security_groups\":[\""GROUP"\"]}",
                      i ? "," : "", i);
    }
    ds_put_cstr(body, "]}}");
}

/* As many addresses as a message may have, in 16 ranges. */
static void
put_ranges(struct ds *body)
{
    ds_put_cstr(body, "{\"_msg_id\":\"1\",\"ending\":true,\"result\":{"EPOCH","
                "\"objects\":[");
    for (int i = 0; i < 16; i++) {
        ds_put_format(body, "%s{\"kind\":\"members\",\"members\":{"
                      "\"group\":\"5eb00000-0000-4000-8000-%012d\","
                      "\"revision\":1,\"members\":"
                      "[\"10.0.0.0-10.3.255.255\"]}}", i ? "," : "", i);
    }
    ds_put_cstr(body, "]}}");
}

/* What is allowed costs no more than what is not. */
TEST(large_and_honest)
{
    static const struct {
        const char *name;
        void (*put)(struct ds *);
        size_t unfolded;
    } bodies[] = {
        { "change of 524,288 members", put_change, 0 },
        { "262,144 members", put_whole, 0 },
        { "72,000 members: a page", put_page, 0 },
        { "20,000 ports", put_ports, 0 },
        { "4,194,304 members in ranges", put_ranges, 4194304 },
    };
    struct rpc_limits limits;

    rpc_limits_default(&limits);
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct ds body = DS_EMPTY_INITIALIZER;
        struct cost cost;

        bodies[i].put(&body);
        cost = decode_often(body.string, body.length, &limits);
        check_cost(bodies[i].name, body.length, &cost,
                   FACTOR * body.length + CONSTANT
                   + MEMBER_BYTES * bodies[i].unfolded);
        printf("# %.1f ms in all, %.1f MB\n", cost.ms,
               (double) cost.peak / MB);
        CHECK_NO_ERROR(cost.error);
        ds_destroy(&body);
    }
}

/* --- Small and wrong ----------------------------------------------------- */

/* Takes ownership of nothing.  'len' because a body may have any bytes. */
static char *
try_body(const char *body, size_t len)
{
    struct rpc_limits limits;
    struct cost cost;

    rpc_limits_default(&limits);
    cost = decode(body, len, &limits);
    if (COUNTS_MEMORY) {
        CHECK(cost.peak <= FACTOR * len + CONSTANT);
    }
    return cost.error;
}

/* A revision that is written as 'number'. */
static char *
try_number(const char *number)
{
    char *body = xasprintf("{\"method\":\"group_deleted\",\"args\":{"EPOCH","
                           "\"group\":\""GROUP"\",\"revision\":%s}}",
                           number);
    char *error = try_body(body, strlen(body));

    free(body);
    return error;
}

TEST(numbers)
{
    static const struct {
        const char *number, *error;
    } cases[] = {
        { "1", NULL },
        { "9223372036854775807", NULL },
        { "9223372036854775808", "too big integer" },
        { "18446744073709551616", "too big integer" },
        { "-9223372036854775809", "too big negative integer" },
        { "-1", "number is too low" },
        { "-0", "number is too low" },
        { "0", "number is too low" },
        { "1e999", "real number overflow" },
        { "-1e999", "real number overflow" },
        { "1e-999", "not an integer" },
        { "1e0", "not an integer" },
        { "1.0", "not an integer" },
        { "\"1\"", "not an integer" },
        { "true", "not an integer" },
        { "NaN", "not JSON" },
        { "Infinity", "not JSON" },
        { "-Infinity", "not JSON" },
        { "01", "not JSON" },
        { "+1", "not JSON" },
        { "0x1", "not JSON" },
        { "1.", "not JSON" },
        { ".5", "not JSON" },
        { "1e", "not JSON" },
        { "--1", "not JSON" },
        { "1_000", "not JSON" },
        { "\xd9\xa1", "not JSON" },     /* An Arabic 1. */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = try_number(cases[i].number);

        if (cases[i].error) {
            CHECK_ERROR(error, cases[i].error);
        } else {
            CHECK_NO_ERROR(error);
        }
    }
}

/* The host of a report, in a string or as a key. */
static void
try_text(const char *text, size_t len, const char *error)
{
    static const char *const around[][2] = {
        { "{\"method\":\"beacon\",\"args\":{"EPOCH",\"seq\":1,"
          "\"changed\":{},\"x\":\"", "\"}}" },
        { "{\"method\":\"beacon\",\"args\":{"EPOCH",\"seq\":1,"
          "\"changed\":{},\"", "\":1}}" },
        { "{\"oslo.version\":\"2.0\",\"oslo.message\":\"", "\"}" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
        struct ds body = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&body, around[i][0]);
        ds_put_buffer(&body, text, len);
        ds_put_cstr(&body, around[i][1]);
        CHECK_ERROR(try_body(body.string, body.length), error);
        ds_destroy(&body);
    }
}

TEST(texts)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "\xc0\x80", "decode byte" },   /* NUL, overlong. */
        { "\xc1\xbf", "decode byte" },
        { "\xe0\x80\xaf", "decode byte" },   /* '/', overlong. */
        { "\xf0\x80\x80\xaf", "decode byte" },
        { "\xed\xa0\x80", "decode byte" },   /* Half a surrogate pair. */
        { "\xed\xbf\xbf", "decode byte" },
        { "\xed\xa0\xbd\xed\xb8\x80", "decode byte" },   /* Both, CESU-8. */
        { "\xf4\x90\x80\x80", "decode byte" },   /* Above U+10FFFF. */
        { "\xf8\x88\x80\x80\x80", "decode byte" },
        { "\xff", "decode byte" },
        { "\x80", "decode byte" },
        { "\xe2\x82", "decode byte" },   /* Cut short. */
        { "\\ud800", "invalid Unicode" },
        { "\\udc00", "invalid Unicode" },
        { "\\ud83d\\u0041", "invalid Unicode" },
        { "\\ud83dx", "invalid Unicode" },
        { "\\u00", "invalid escape" },
        { "\\u00g0", "invalid escape" },
        { "\\x41", "invalid escape" },
        { "\\u0000", "not JSON" },
        { "a\nb", "unexpected newline" },
        { "a\tb", "control character" },
        { "a\x1b[2Jb", "control character" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        try_text(cases[i].text, strlen(cases[i].text), cases[i].error);
    }
    try_text("a\0b", 3, "control character");
}

/* Bodies that are text, but not ours. */
TEST(other_encodings)
{
    static const char beacon[] = "{\"method\":\"beacon\"}";
    struct ds wide = DS_EMPTY_INITIALIZER;

    CHECK_ERROR(try_body("\xef\xbb\xbf{}", 5), "not JSON");
    for (int big = 0; big < 2; big++) {
        for (int bom = 0; bom < 2; bom++) {
            ds_clear(&wide);
            if (bom) {
                ds_put_cstr(&wide, big ? "\xfe\xff" : "\xff\xfe");
            }
            for (const char *p = beacon; *p; p++) {
                ds_put_char(&wide, big ? '\0' : *p);
                ds_put_char(&wide, big ? *p : '\0');
            }
            CHECK_ERROR(try_body(wide.string, wide.length), "not JSON");
        }
    }
    ds_destroy(&wide);
    CHECK_ERROR(try_body("", 0), "not JSON");
    CHECK_ERROR(try_body("\0", 1), "not JSON");
    CHECK_ERROR(try_body("{}{}", 4), "not JSON");
    CHECK_ERROR(try_body("{} x", 4), "not JSON");
    CHECK_ERROR(try_body("{}\0", 3), "not JSON");
    CHECK_ERROR(try_body("\"a\"", 3), "not JSON");
    CHECK_ERROR(try_body("[]", 2), "not an object");
}

/* The same key twice: which of them would count? */
TEST(duplicate_keys)
{
    static const char *const bodies[] = {
        "{\"method\":\"beacon\",\"method\":\"resync\",\"args\":{}}",
        "{\"method\":\"beacon\",\"\\u006dethod\":\"resync\"}",
        "{\"oslo.version\":\"2.0\",\"oslo.version\":\"2.0\","
            "\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":\"2.0\",\"oslo.message\":"
            "\"{\\\"method\\\":1,\\\"method\\\":2}\"}",
        "{\"method\":\"resync\",\"args\":{"EPOCH","EPOCH"}}",
        "{\"method\":\"resync\",\"args\":{"EPOCH",\"x\":{\"\":1,\"\":2}}}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        CHECK_ERROR(try_body(bodies[i], strlen(bodies[i])),
                    "duplicate object key");
    }
}
