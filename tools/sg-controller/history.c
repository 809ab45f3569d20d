/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/history.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/sg-controller/files.h"
#include "tools/sg-controller/saver.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

struct history {
    const char *dir;
    struct saver *saver;
    struct history_entry entries[HISTORY_MAX];  /* Newest first. */
    size_t n, current;
};

static void scan(struct history *);
static void insert(struct history *, const struct history_entry *);
static bool is_newest(const struct history *, const char *text, size_t len);
static char *file_name(const struct history_entry *);
static bool parse_name(const char *, struct history_entry *);

struct history *
history_create(const char *dir, struct saver *saver)
{
    struct history *history = xzalloc(sizeof *history);

    history->dir = dir;
    history->saver = saver;
    scan(history);
    return history;
}

void
history_destroy(struct history *history)
{
    free(history);
}

void
history_add(struct history *history, char *text, size_t len, int64_t now)
{
    struct history_entry entry = { .time = now, .size = len };
    char *name;

    history->current = 0;
    if (is_newest(history, text, len)) {
        free(text);
        return;
    }
    entry.number = history->n ? history->entries[0].number + 1 : 1;
    if (history->n >= HISTORY_MAX) {
        name = file_name(&history->entries[--history->n]);
        saver_put(history->saver, name, NULL, 0);
        free(name);
    }
    insert(history, &entry);
    name = file_name(&entry);
    saver_put(history->saver, name, text, len);
    free(name);
}

void
history_set_current(struct history *history, size_t i)
{
    history->current = i;
}

void
history_set_revision(struct history *history, int64_t revision)
{
    if (history->n) {
        history->entries[history->current].revision = revision;
    }
}

size_t
history_count(const struct history *history)
{
    return history->n;
}

size_t
history_current(const struct history *history)
{
    return history->current;
}

const struct history_entry *
history_get(const struct history *history, size_t i)
{
    return &history->entries[i];
}

/* What was added a moment ago may not be written yet. */
char *
history_read(const struct history *history, size_t i, char **text,
             size_t *len)
{
    char *base = file_name(&history->entries[i]);
    char *error = NULL;

    if (!saver_get(history->saver, base, text, len)) {
        char *name = xasprintf("%s/%s", history->dir, base);

        error = file_read(name, TOPOLOGY_MAX_BYTES, text, len);
        free(name);
    }
    free(base);
    return error;
}

/* A directory that cannot be read has none: that is no reason not to start. */
static void
scan(struct history *history)
{
    DIR *dir = opendir(history->dir);
    struct dirent *item;

    while (dir && (item = readdir(dir)) != NULL) {
        struct history_entry entry;
        struct stat st;

        if (parse_name(item->d_name, &entry)
            && !fstatat(dirfd(dir), item->d_name, &st, 0)
            && S_ISREG(st.st_mode)) {
            entry.size = st.st_size;
            insert(history, &entry);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* In its place; the oldest falls out. */
static void
insert(struct history *history, const struct history_entry *entry)
{
    size_t i = 0;

    while (i < history->n && history->entries[i].number > entry->number) {
        i++;
    }
    if (i < HISTORY_MAX) {
        size_t n = MIN(history->n, HISTORY_MAX - 1) - i;

        memmove(&history->entries[i + 1], &history->entries[i],
                n * sizeof *entry);
        history->entries[i] = *entry;
        history->n = MIN(history->n + 1, HISTORY_MAX);
    }
}

static bool
is_newest(const struct history *history, const char *text, size_t len)
{
    bool same = false;
    size_t old_len;
    char *old;

    if (history->n && history->entries[0].size == len) {
        char *error = history_read(history, 0, &old, &old_len);

        if (!error) {
            same = old_len == len && !memcmp(old, text, len);
            free(old);
        }
        free(error);
    }
    return same;
}

static char *
file_name(const struct history_entry *entry)
{
    return xasprintf("topology-%u-%"PRId64".yaml", entry->number,
                     entry->time);
}

/* Only a name that we would give ourselves. */
static bool
parse_name(const char *name, struct history_entry *entry)
{
    char *again;
    bool same;

    memset(entry, 0, sizeof *entry);
    if (sscanf(name, "topology-%9u-%18"SCNd64".yaml", &entry->number,
               &entry->time) != 2) {
        return false;
    }
    again = file_name(entry);
    same = !strcmp(again, name);
    free(again);
    return same;
}
