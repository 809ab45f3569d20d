/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include "tests/lib/test.h"

#include <errno.h>
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Failures printed per test; a loop that fails a million times says so once
 * at the end. */
#define MAX_REPORTS 20

#define DEFAULT_SEED 20240229

static struct test_case *first_test;
static struct test_case **next_test = &first_test;

/* The running test. */
static struct {
    const struct test_case *test;
    jmp_buf end;
    unsigned int n_checks;
    unsigned int n_failures;
    bool skipped;
    bool used_seed;
    char skip_reason[256];
} current;

static bool quiet;

static void run_one(const struct test_case *);
static const struct test_case *find_test(const char *name);
static void catch_crashes(void);
static bool report(const char *file, int line);
static size_t first_difference(const char *a, const char *b);

/* Called before main() by what TEST() expands to. */
void
test_register(struct test_case *test)
{
    *next_test = test;
    next_test = &test->next;
}

static void
usage(const char *program, FILE *stream)
{
    fprintf(stream,
            "usage: %s [-q] [-l] [TEST...]\n"
            "  -l  list the tests and exit\n"
            "  -q  print failures, skips and the final count only\n"
            "Environment: TEST_SEED, TEST_FACTOR\n", program);
}

int
main(int argc, char *argv[])
{
    int n_passed = 0, n_failed = 0, n_skipped = 0;
    bool list = false;
    int option;

    while ((option = getopt(argc, argv, "hlq")) != -1) {
        switch (option) {
        case 'h':
            usage(argv[0], stdout);
            return 0;
        case 'l':
            list = true;
            break;
        case 'q':
            quiet = true;
            break;
        default:
            usage(argv[0], stderr);
            return 2;
        }
    }

    for (const struct test_case *test = first_test; list && test;
         test = test->next) {
        puts(test->name);
    }
    if (list) {
        return 0;
    }
    for (int i = optind; i < argc; i++) {
        if (!find_test(argv[i])) {
            fprintf(stderr, "%s: no test is called \"%s\"\n",
                    argv[0], argv[i]);
            return 2;
        }
    }

    catch_crashes();
    for (const struct test_case *test = first_test; test; test = test->next) {
        bool wanted = optind == argc;

        for (int i = optind; i < argc; i++) {
            wanted = wanted || !strcmp(argv[i], test->name);
        }
        if (!wanted) {
            continue;
        }
        run_one(test);
        n_failed += current.n_failures != 0;
        n_skipped += !current.n_failures && current.skipped;
        n_passed += !current.n_failures && !current.skipped;
    }
    if (!(n_passed + n_failed + n_skipped)) {
        printf("not ok - no tests in this program\n");
        n_failed = 1;
    }

    const char *slash = strrchr(argv[0], '/');
    printf("# %s: %d passed, %d failed, %d skipped\n",
           slash ? slash + 1 : argv[0], n_passed, n_failed, n_skipped);
    return n_failed ? 1 : 0;
}

/* Runs 'test' and leaves what happened in 'current'. */
static void
run_one(const struct test_case *test)
{
    memset(&current, 0, sizeof current);
    current.test = test;
    if (!setjmp(current.end)) {
        test->run();
    }
    if (!current.n_checks && !current.n_failures && !current.skipped) {
        test_fail(test->file, test->line, "the test checks nothing");
    }

    if (current.n_failures) {
        if (current.n_failures > MAX_REPORTS) {
            printf("#   ... and %u more\n", current.n_failures - MAX_REPORTS);
        }
        if (current.used_seed) {
            printf("#   to repeat: TEST_SEED=%"PRIu64"\n", test_seed());
        }
        printf("not ok - %s\n", test->name);
    } else if (current.skipped) {
        printf("skip - %s: %s\n", test->name, current.skip_reason);
    } else if (!quiet) {
        printf("ok - %s\n", test->name);
    }
    fflush(stdout);
    current.test = NULL;
}

static const struct test_case *
find_test(const char *name)
{
    for (const struct test_case *test = first_test; test; test = test->next) {
        if (!strcmp(test->name, name)) {
            return test;
        }
    }
    return NULL;
}

/* Says which test was running.  Only calls that are safe in a handler. */
static void
crashed(int signal_number)
{
    const char *name = current.test ? current.test->name : "no test";
    ssize_t ignored = 0;

    ignored += write(STDOUT_FILENO, "not ok - crashed: ", 18);
    ignored += write(STDOUT_FILENO, name, strlen(name));
    ignored += write(STDOUT_FILENO, "\n", 1);
    (void) ignored;
    raise(signal_number);
}

static void
catch_crashes(void)
{
    static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE };

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction old;

        /* A sanitizer's own handler tells more than ours: leave it. */
        if (!sigaction(signals[i], NULL, &old)
            && old.sa_handler == SIG_DFL) {
            struct sigaction new = { .sa_handler = crashed };

            new.sa_flags = (int) SA_RESETHAND;
            sigaction(signals[i], &new, NULL);
        }
    }
}

/* Counts a failure and prints its place; returns whether the caller should
 * print details. */
static bool
report(const char *file, int line)
{
    if (++current.n_failures > MAX_REPORTS) {
        return false;
    }
    printf("#   %s:%d: ", file, line);
    return true;
}

bool
test_check(bool ok, const char *text, const char *file, int line)
{
    current.n_checks++;
    if (!ok && report(file, line)) {
        printf("failed: %s\n", text);
    }
    return ok;
}

bool
test_check_int(intmax_t a, intmax_t b, const char *a_text, const char *b_text,
               const char *file, int line)
{
    current.n_checks++;
    if (a != b && report(file, line)) {
        printf("%s is %"PRIdMAX", not %s, which is %"PRIdMAX"\n",
               a_text, a, b_text, b);
    }
    return a == b;
}

bool
test_check_uint(uintmax_t a, uintmax_t b, const char *a_text,
                const char *b_text, const char *file, int line)
{
    current.n_checks++;
    if (a != b && report(file, line)) {
        printf("%s is %"PRIuMAX" (%#"PRIxMAX"), "
               "not %s, which is %"PRIuMAX" (%#"PRIxMAX")\n",
               a_text, a, a, b_text, b, b);
    }
    return a == b;
}

/* Either may be NULL, which equals only NULL. */
bool
test_check_str(const char *a, const char *b, const char *a_text,
               const char *b_text, const char *file, int line)
{
    bool ok = a && b ? !strcmp(a, b) : a == b;

    current.n_checks++;
    if (!ok && report(file, line)) {
        printf("%s differs from %s\n#     first:  %s\n#     second: %s\n",
               a_text, b_text, a ? a : "(null)", b ? b : "(null)");
        if (a && b) {
            printf("#     from byte %zu on\n", first_difference(a, b));
        }
    }
    return ok;
}

static size_t
first_difference(const char *a, const char *b)
{
    size_t i = 0;

    while (a[i] && a[i] == b[i]) {
        i++;
    }
    return i;
}

bool
test_check_mem(const void *a_, const void *b_, size_t size,
               const char *a_text, const char *b_text,
               const char *file, int line)
{
    const unsigned char *a = a_;
    const unsigned char *b = b_;
    bool ok = !size || !memcmp(a, b, size);

    current.n_checks++;
    if (!ok && report(file, line)) {
        size_t i = 0;

        while (a[i] == b[i]) {
            i++;
        }
        printf("%s differs from %s at byte %zu of %zu: %02x, %02x\n",
               a_text, b_text, i, size, a[i], b[i]);
    }
    return ok;
}

bool
test_check_contains(const char *text, const char *part, const char *a_text,
                    const char *file, int line)
{
    bool ok = text && strstr(text, part);

    current.n_checks++;
    if (!ok && report(file, line)) {
        printf("%s does not contain \"%s\":\n#     %s\n",
               a_text, part, text ? text : "(null)");
    }
    return ok;
}

/* Takes ownership of 'error', which should be NULL. */
bool
test_check_no_error(char *error, const char *text, const char *file, int line)
{
    bool ok = !error;

    current.n_checks++;
    if (!ok && report(file, line)) {
        printf("%s failed: %s\n", text, error);
    }
    free(error);
    return ok;
}

/* Takes ownership of 'error', which should contain 'part'. */
bool
test_check_error(char *error, const char *part, const char *text,
                 const char *file, int line)
{
    bool ok = error && strstr(error, part);

    current.n_checks++;
    if (!ok && report(file, line)) {
        if (error) {
            printf("%s failed, but without \"%s\": %s\n", text, part, error);
        } else {
            printf("%s should have failed with \"%s\"\n", text, part);
        }
    }
    free(error);
    return ok;
}

void
test_fail(const char *file, int line, const char *format, ...)
{
    if (report(file, line)) {
        va_list args;

        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
    }
}

void
test_skip(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(current.skip_reason, sizeof current.skip_reason, format, args);
    va_end(args);
    current.skipped = true;
    test_end();
}

/* Ends the running test with what it has found so far. */
void
test_end(void)
{
    longjmp(current.end, 1);
}

/* Has the running test failed already?  For loops that want to stop. */
bool
test_failed(void)
{
    return current.n_failures != 0;
}

/* The seed of randomised tests. */
uint64_t
test_seed(void)
{
    const char *text = getenv("TEST_SEED");

    current.used_seed = true;
    return text && *text ? strtoull(text, NULL, 0) : DEFAULT_SEED;
}

/* How many rounds a test should make that makes 'n' on an ordinary day. */
unsigned int
test_rounds(unsigned int n)
{
    const char *text = getenv("TEST_FACTOR");
    unsigned long factor = text && *text ? strtoul(text, NULL, 0) : 1;

    return factor > 0 && factor <= UINT32_MAX / (n ? n : 1)
           ? n * (unsigned int) factor : n;
}

/* The next number after '*state' (splitmix64): the same on every machine. */
uint64_t
test_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Reads the whole file 'name' (as seen from the top of the tree, where tests
 * run), with a null byte behind its content.  The caller frees the result.
 * Ends the test if it cannot be read. */
char *
test_read_file(const char *name, size_t *sizep)
{
    FILE *stream = fopen(name, "r");
    size_t allocated = 4096;
    size_t size = 0;
    char *text = malloc(allocated);

    if (!stream || !text) {
        test_fail(__FILE__, __LINE__, "%s: %s", name, strerror(errno));
        if (stream) {
            fclose(stream);
        }
        free(text);
        test_end();
    }
    for (;;) {
        size_t n = fread(text + size, 1, allocated - size - 1, stream);

        size += n;
        if (!n) {
            break;
        }
        if (allocated - size < 2) {
            char *larger = realloc(text, allocated *= 2);

            if (!larger) {
                abort();
            }
            text = larger;
        }
    }
    fclose(stream);
    text[size] = '\0';
    if (sizep) {
        *sizep = size;
    }
    return text;
}
