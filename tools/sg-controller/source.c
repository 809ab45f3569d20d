/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/message.h"
#include "tools/sg-controller/files.h"
#include "tools/sg-controller/history.h"
#include "tools/sg-controller/id_list.h"
#include "tools/sg-controller/saver.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

#define IDS_FILE "ids"

/* What tells that a file is another one or has another content. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec mtime;
};

struct source {
    char *file;                 /* The topology. */
    char *state_dir;
    struct file_state loaded, seen;
    struct saver *saver;
    struct history *history;
    char *text;                 /* The last that was read, until it is in
                                 * force or another one is. */
    size_t len;
};

static bool stat_file(const char *, struct file_state *);
static bool same_file(const struct file_state *, const struct file_state *);

struct source *
source_create(const char *file, const char *state_dir)
{
    struct source *source = xzalloc(sizeof *source);

    source->file = xstrdup(file);
    source->state_dir = xstrdup(state_dir);
    source->saver = saver_create(state_dir);
    source->history = history_create(source->state_dir, source->saver);
    return source;
}

void
source_destroy(struct source *source)
{
    if (source) {
        history_destroy(source->history);
        saver_destroy(source->saver);
        free(source->text);
        free(source->state_dir);
        free(source->file);
        free(source);
    }
}

const char *
source_file(const struct source *source)
{
    return source->file;
}

char *
source_load(struct source *source, const struct rpc_limits *limits,
            struct topology **topology)
{
    char *error;

    memset(&source->loaded, 0, sizeof source->loaded);
    stat_file(source->file, &source->loaded);
    free(source->text);
    source->text = NULL;
    error = file_read(source->file, TOPOLOGY_MAX_BYTES, &source->text,
                      &source->len);
    return error ? error : topology_parse(source->text, source->len,
                                          source->file, limits, topology);
}

char *
source_preview(const struct source *source, const struct rpc_limits *limits,
               struct topology **topology)
{
    size_t len;
    char *text;
    char *error = file_read(source->file, TOPOLOGY_MAX_BYTES, &text, &len);

    if (!error) {
        error = topology_parse(text, len, source->file, limits, topology);
        free(text);
    }
    return error;
}

void
source_in_force(struct source *source, int64_t now)
{
    history_add(source->history, source->text, source->len, now);
    source->text = NULL;
}

char *
source_load_old(struct source *source, int which,
                const struct rpc_limits *limits, struct topology **topology,
                size_t *ip)
{
    const struct history *history = source->history;
    size_t i = which < 0 ? history_current(history) + 1 : (size_t) which;
    char *error, *text;
    size_t len;

    if (i >= history_count(history)) {
        return xasprintf("there is no topology %zu: see topologies", i);
    }
    error = history_read(history, i, &text, &len);
    if (!error) {
        error = topology_parse(text, len, "the old topology", limits,
                               topology);
        free(text);
    }
    if (!error) {
        *ip = i;
    }
    return error;
}

struct history *
source_history(struct source *source)
{
    return source->history;
}

/* Whoever writes the file in place may not be done, and the first half of a
 * YAML file is a YAML file. */
bool
source_changed(struct source *source)
{
    struct file_state now;
    bool settled;

    if (!stat_file(source->file, &now) || same_file(&now, &source->loaded)) {
        return false;
    }
    settled = same_file(&now, &source->seen);
    source->seen = now;
    return settled;
}

char *
source_load_ids(const struct source *source, struct sg_ref **refs, size_t *n)
{
    char *name = xasprintf("%s/%s", source->state_dir, IDS_FILE);
    char *error = NULL;
    char *text;
    size_t len;

    *refs = NULL;
    *n = 0;
    if (!access(name, F_OK) || errno != ENOENT) {
        error = file_read(name, ID_LIST_MAX_BYTES, &text, &len);
        if (!error) {
            char *reason = id_list_parse(text, len, refs, n);

            error = reason ? xasprintf("%s: %s", name, reason) : NULL;
            free(reason);
            free(text);
        }
    }
    free(name);
    return error;
}

void
source_save_ids(struct source *source, const struct sg_ref *refs, size_t n)
{
    size_t len;
    char *text = id_list_format(refs, n, &len);

    saver_put(source->saver, IDS_FILE, text, len);
}

char *
source_save_error(const struct source *source)
{
    return saver_error(source->saver);
}

/* False while there is no such file: somebody may be replacing it. */
static bool
stat_file(const char *name, struct file_state *state)
{
    struct stat st;

    if (stat(name, &st)) {
        return false;
    }
    memset(state, 0, sizeof *state);
    state->device = st.st_dev;
    state->inode = st.st_ino;
    state->size = st.st_size;
    state->mtime = st.st_mtim;
    return true;
}

static bool
same_file(const struct file_state *a, const struct file_state *b)
{
    return (a->device == b->device && a->inode == b->inode
            && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec
            && a->mtime.tv_nsec == b->mtime.tv_nsec);
}
