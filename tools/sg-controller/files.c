/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define EPOCH_FILE "epoch"
#define LOCK_FILE "lock"

static char *read_all(int fd, const char *name, size_t max, char **text,
                      size_t *len);
static char *lock_dir(int dir, const char *name);
static char *load_epoch(const char *state_dir, struct sg_epoch *);
static char *save_epoch(const char *state_dir, const struct sg_epoch *);
static int save_in(int dir, const char *name, const char *tmp,
                   const char *text, size_t len);
static int write_synced(int dir, const char *name, const char *text,
                        size_t len);
static int write_all(int fd, const char *text, size_t len);

char *
file_read(const char *name, size_t max, char **text, size_t *len)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *error;

    if (fd < 0) {
        return xasprintf("%s: %s", name, ovs_strerror(errno));
    }
    error = read_all(fd, name, max, text, len);
    close(fd);
    return error;
}

char *
file_save(const char *dir_name, const char *name, const char *text,
          size_t len)
{
    int dir = open(dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *tmp;
    int error;

    if (dir < 0) {
        return xasprintf("%s: %s", dir_name, ovs_strerror(errno));
    }
    tmp = xasprintf("%s.tmp", name);
    error = save_in(dir, name, tmp, text, len);
    free(tmp);
    close(dir);
    return error ? xasprintf("%s/%s: %s", dir_name, name,
                             ovs_strerror(error)) : NULL;
}

char *
epoch_begin(const char *state_dir, int64_t now, struct sg_epoch *epochp)
{
    struct sg_epoch saved = { 0, 0 };
    struct sg_epoch epoch = { .ms = now };
    char *error;
    int dir;

    if (mkdir(state_dir, 0755) && errno != EEXIST) {
        return xasprintf("%s: %s", state_dir, ovs_strerror(errno));
    }
    dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return xasprintf("%s: %s", state_dir, ovs_strerror(errno));
    }

    error = lock_dir(dir, state_dir);
    if (!error) {
        error = load_epoch(state_dir, &saved);
    }
    if (!error && saved.ms > now) {
        error = xasprintf("%s/%s: the clock is %"PRId64" ms behind the last "
                          "start: set the clock, or remove the file if all "
                          "agents may restart", state_dir, EPOCH_FILE,
                          saved.ms - now);
    }
    if (!error && saved.ms == now) {
        epoch.ms++;
    }
    if (!error && getrandom(&epoch.tag, sizeof epoch.tag, 0)
                  != sizeof epoch.tag) {
        error = xasprintf("getrandom: %s", ovs_strerror(errno));
    }
    if (!error) {
        error = save_epoch(state_dir, &epoch);
    }
    close(dir);
    if (!error) {
        *epochp = epoch;
    }
    return error;
}

/* The size is known beforehand, so nothing is read that is too large. */
static char *
read_all(int fd, const char *name, size_t max, char **textp, size_t *lenp)
{
    struct stat s;

    if (fstat(fd, &s)) {
        return xasprintf("%s: %s", name, ovs_strerror(errno));
    }
    if (!S_ISREG(s.st_mode)) {
        return xasprintf("%s: not a regular file", name);
    }
    if ((uint64_t) s.st_size > max) {
        return xasprintf("%s: larger than the limit of %zu bytes", name, max);
    }

    /* A file that grows meanwhile is read up to the size it had. */
    char *text = xmalloc(s.st_size + 1);
    size_t len = 0;
    while (len < (size_t) s.st_size) {
        ssize_t n = read(fd, text + len, s.st_size - len);

        if (n < 0) {
            int error = errno;

            if (error == EINTR) {
                continue;
            }
            free(text);
            return xasprintf("%s: %s", name, ovs_strerror(error));
        }
        if (!n) {
            break;
        }
        len += n;
    }
    text[len] = '\0';
    *textp = text;
    *lenp = len;
    return NULL;
}

/* The descriptor stays open on purpose: it is the lock. */
static char *
lock_dir(int dir, const char *name)
{
    int fd = openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return xasprintf("%s/%s: %s", name, LOCK_FILE, ovs_strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int error = errno;

        close(fd);
        return (error == EWOULDBLOCK
                ? xasprintf("%s: in use by another controller", name)
                : xasprintf("%s/%s: %s", name, LOCK_FILE,
                            ovs_strerror(error)));
    }
    return NULL;
}

/* No file is no epoch; a damaged one is an error, because going on could
 * begin an epoch that agents take for an old one. */
static char *
load_epoch(const char *state_dir, struct sg_epoch *epoch)
{
    char *name = xasprintf("%s/%s", state_dir, EPOCH_FILE);
    char *error = NULL;
    char *text;
    size_t len;

    if (!access(name, F_OK) || errno != ENOENT) {
        error = file_read(name, SG_EPOCH_STRLEN, &text, &len);
        if (!error) {
            text[strcspn(text, "\n")] = '\0';
            if (!sg_epoch_from_string(text, epoch)) {
                error = xasprintf("%s: not an epoch", name);
            }
            free(text);
        }
    }
    free(name);
    return error;
}

static char *
save_epoch(const char *state_dir, const struct sg_epoch *epoch)
{
    char text[SG_EPOCH_STRLEN + 1];

    sg_epoch_format(epoch, text);
    strcat(text, "\n");
    return file_save(state_dir, EPOCH_FILE, text, strlen(text));
}

/* The directory is synced behind the file. */
static int
save_in(int dir, const char *name, const char *tmp, const char *text,
        size_t len)
{
    int error = 0;

    if (text) {
        error = write_synced(dir, tmp, text, len);
        if (!error && renameat(dir, tmp, dir, name)) {
            error = errno;
        }
    } else if (unlinkat(dir, name, 0) && errno != ENOENT) {
        error = errno;
    }
    return error ? error : fsync(dir) ? errno : 0;
}

/* Ours alone: a topology that its owner keeps from others must not become
 * readable by being kept.  A file that a crash left may be of another mode. */
static int
write_synced(int dir, const char *name, const char *text, size_t len)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                    0600);
    int error;

    if (fd < 0) {
        return errno;
    }
    error = fchmod(fd, 0600) ? errno : write_all(fd, text, len);
    if (!error && fsync(fd)) {
        error = errno;
    }
    if (close(fd) && !error) {
        error = errno;
    }
    return error;
}

static int
write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);

        if (n > 0) {
            text += n;
            len -= n;
        } else if (!n || errno != EINTR) {
            return n ? errno : ENOSPC;
        }
    }
    return 0;
}
