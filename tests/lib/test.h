/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H 1

/*
 * A small test harness.
 *
 * A test program is one file with any number of TEST(name) { ... } bodies and
 * no main(): tests/lib/test.c has it.  Tests run in the order of the file, all
 * of them or those named on the command line (-l lists them).  Each prints
 * "ok", "not ok" or "skip"; the last line counts them.
 *
 * A CHECK that fails is reported with its place and the test goes on; a
 * REQUIRE that fails ends the test.  Both end up in the exit status: 0 when
 * nothing failed, 1 when something did, 2 for wrong usage.  A test that never
 * checks anything fails, because it is most likely a mistake.
 *
 * CHECK_NO_ERROR and CHECK_ERROR are for the functions that return a malloc'd
 * sentence or NULL; they take ownership of it.
 *
 * Randomised tests take their seed from test_seed(), which is the environment
 * variable TEST_SEED or a fixed number; it is printed when a test fails.
 * test_rounds(n) is n, multiplied by TEST_FACTOR when that is set.
 *
 * The harness has one global state, because the macros need it; tests are not
 * run in parallel within one process.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEST_PRINTF(FMT, ARG) __attribute__((format(printf, FMT, ARG)))

struct test_case {
    const char *name;
    const char *file;
    int line;
    void (*run)(void);
    struct test_case *next;
};

/* Defines and registers the test 'NAME'. */
#define TEST(NAME)                                                          \
    static void test_##NAME(void);                                          \
    static struct test_case test_case_##NAME = {                            \
        #NAME, __FILE__, __LINE__, test_##NAME, NULL                        \
    };                                                                      \
    static void __attribute__((constructor))                                \
    test_register_##NAME(void)                                              \
    {                                                                       \
        test_register(&test_case_##NAME);                                   \
    }                                                                       \
    static void                                                             \
    test_##NAME(void)

#define CHECK(COND) test_check(COND, #COND, __FILE__, __LINE__)
#define CHECK_EQ(A, B)                                                      \
    test_check_int((intmax_t) (A), (intmax_t) (B), #A, #B,                  \
                   __FILE__, __LINE__)
#define CHECK_UEQ(A, B)                                                     \
    test_check_uint((uintmax_t) (A), (uintmax_t) (B), #A, #B,               \
                    __FILE__, __LINE__)
#define CHECK_STR(A, B) test_check_str(A, B, #A, #B, __FILE__, __LINE__)
#define CHECK_MEM(A, B, SIZE)                                               \
    test_check_mem(A, B, SIZE, #A, #B, __FILE__, __LINE__)
#define CHECK_CONTAINS(TEXT, PART)                                          \
    test_check_contains(TEXT, PART, #TEXT, __FILE__, __LINE__)
#define CHECK_NO_ERROR(ERROR)                                               \
    test_check_no_error(ERROR, #ERROR, __FILE__, __LINE__)
#define CHECK_ERROR(ERROR, PART)                                            \
    test_check_error(ERROR, PART, #ERROR, __FILE__, __LINE__)

/* Like CHECK, but the rest of the test makes no sense without it. */
#define REQUIRE(COND)                                                       \
    do {                                                                    \
        if (!CHECK(COND)) {                                                 \
            test_end();                                                     \
        }                                                                   \
    } while (0)

/* Fails with a message; the test goes on. */
#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Ends the test here, counted apart, with a reason for the reader. */
#define SKIP(...) test_skip(__VA_ARGS__)

void test_register(struct test_case *);

bool test_check(bool ok, const char *text, const char *file, int line);
bool test_check_int(intmax_t a, intmax_t b, const char *a_text,
                    const char *b_text, const char *file, int line);
bool test_check_uint(uintmax_t a, uintmax_t b, const char *a_text,
                     const char *b_text, const char *file, int line);
bool test_check_str(const char *a, const char *b, const char *a_text,
                    const char *b_text, const char *file, int line);
bool test_check_mem(const void *a, const void *b, size_t size,
                    const char *a_text, const char *b_text,
                    const char *file, int line);
bool test_check_contains(const char *text, const char *part,
                         const char *a_text, const char *file, int line);
bool test_check_no_error(char *error, const char *text,
                         const char *file, int line);
bool test_check_error(char *error, const char *part, const char *text,
                      const char *file, int line);

void test_fail(const char *file, int line, const char *format, ...)
    TEST_PRINTF(3, 4);
_Noreturn void test_skip(const char *format, ...) TEST_PRINTF(1, 2);
_Noreturn void test_end(void);

bool test_failed(void);

uint64_t test_seed(void);
unsigned int test_rounds(unsigned int n);
uint64_t test_random(uint64_t *state);

char *test_read_file(const char *name, size_t *sizep);

#endif /* tests/lib/test.h */
