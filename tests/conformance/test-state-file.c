/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The saved policy on a disk: what is not a file, what was left lying about,
 * and a disk that hangs. */

#include <config.h>
#include "agent/state_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/last_good.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

/* Stands for the C library's: waits while 'hangs'. */
static bool hangs;

int
fsync(int fd OVS_UNUSED)
{
    while (__atomic_load_n(&hangs, __ATOMIC_SEQ_CST)) {
        xnanosleep(10 * 1000 * 1000);
    }
    return 0;
}

static char dir[64];

static void
make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/test-state-file.XXXXXX");
    REQUIRE(mkdtemp(dir) != NULL);
}

static char *
in_dir(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static void
remove_dir(void)
{
    static const char *const names[] = {
        STATE_FILE_NAME, STATE_FILE_NAME ".new",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *name = in_dir(names[i]);

        remove(name);
        free(name);
    }
    CHECK(!rmdir(dir));
}

static void
save(struct state_file *sf, int64_t saved)
{
    struct sg_update update;

    sg_update_init(&update, SG_METHOD_SYNC);
    state_file_save(sf, &update, saved);
}

static char *
wait_ended(struct state_file *sf)
{
    long long int until = time_msec() + 10000;
    char *error = NULL;
    int64_t cpu_us;

    while (!state_file_ended(sf, &error, &cpu_us)) {
        REQUIRE(time_msec() < until);
        xnanosleep(10 * 1000 * 1000);
    }
    return error;
}

static bool
holds(struct state_file *sf, int64_t saved)
{
    char *expected = xasprintf("\"saved\": %d}", (int) saved);
    char *text = NULL, *copy;
    bool found;
    size_t len;

    REQUIRE(CHECK_NO_ERROR(state_file_read(sf, &text, &len)));
    copy = text ? xmemdup0(text, len) : xstrdup("");
    found = strstr(copy, expected) != NULL;
    free(copy);
    free(text);
    free(expected);
    return found;
}

TEST(there_and_back)
{
    struct state_file *sf;
    char *text = NULL, *name;
    size_t len;

    make_dir();
    sf = state_file_create(dir, "h1");
    CHECK_NO_ERROR(state_file_read(sf, &text, &len));
    CHECK(!text);
    /* What a crash left of the last try. */
    name = in_dir(STATE_FILE_NAME ".new");
    CHECK(!mkfifo(name, 0600));
    save(sf, 11);
    CHECK_NO_ERROR(wait_ended(sf));
    CHECK(holds(sf, 11));
    CHECK(access(name, F_OK));
    save(sf, 12);
    CHECK(state_file_destroy(sf));
    sf = state_file_create(dir, "h1");
    CHECK(holds(sf, 12));
    CHECK(state_file_destroy(sf));
    free(name);
    remove_dir();
}

static void
check_not_read(const char *why)
{
    struct state_file *sf = state_file_create(dir, "h1");
    char *text = NULL;
    size_t len;

    CHECK_ERROR(state_file_read(sf, &text, &len), why);
    CHECK(!text);
    CHECK(state_file_destroy(sf));
}

/* None of these may be waited for, or be read to its end. */
TEST(what_is_not_a_file)
{
    struct state_file *sf;
    char *name;
    int fd;

    make_dir();
    name = in_dir(STATE_FILE_NAME);
    CHECK(!mkfifo(name, 0600));
    check_not_read("not a regular file");
    CHECK(!remove(name));
    CHECK(!symlink("/dev/zero", name));
    check_not_read("cannot be opened");
    CHECK(!remove(name));
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    CHECK(!ftruncate(fd, (off_t) LAST_GOOD_MAX_BYTES << 10));
    close(fd);
    check_not_read("longer than");
    CHECK(!remove(name));

    CHECK(!mkdir(name, 0700));
    check_not_read("not a regular file");
    sf = state_file_create(dir, "h1");
    save(sf, 11);
    CHECK_ERROR(wait_ended(sf), "cannot be renamed");
    CHECK(state_file_destroy(sf));
    CHECK(!remove(name));
    free(name);
    name = in_dir(STATE_FILE_NAME ".new");
    CHECK(!mkdir(name, 0700));
    sf = state_file_create(dir, "h1");
    save(sf, 11);
    CHECK_ERROR(wait_ended(sf), "cannot be removed");
    CHECK(state_file_destroy(sf));
    CHECK(!remove(name));
    free(name);
    remove_dir();
}

/* Nobody waits for it for ever, and what there was is whole. */
TEST(a_disk_that_hangs)
{
    struct state_file *sf, *other;
    long long int began;
    char *error;
    int64_t cpu_us;

    make_dir();
    sf = state_file_create(dir, "h1");
    save(sf, 11);
    CHECK_NO_ERROR(wait_ended(sf));

    __atomic_store_n(&hangs, true, __ATOMIC_SEQ_CST);
    began = time_msec();
    save(sf, 12);
    xnanosleep(100 * 1000 * 1000);
    save(sf, 13);
    save(sf, 14);
    CHECK(!state_file_ended(sf, &error, &cpu_us));
    CHECK(time_msec() < began + 1000);
    CHECK(!state_file_destroy(sf));
    CHECK(time_msec() < began + STATE_FILE_END_S * 1000 + 2000);
    other = state_file_create(dir, "h1");
    CHECK(holds(other, 11));

    __atomic_store_n(&hangs, false, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 500 && !holds(other, 14); i++) {
        xnanosleep(10 * 1000 * 1000);
    }
    CHECK(holds(other, 14));
    CHECK(state_file_destroy(other));
    remove_dir();
}
