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
    return source;
}

void
source_destroy(struct source *source)
{
    if (source) {
        saver_destroy(source->saver);
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
    size_t len;
    char *error;
    char *text;

    memset(&source->loaded, 0, sizeof source->loaded);
    stat_file(source->file, &source->loaded);
    error = file_read(source->file, TOPOLOGY_MAX_BYTES, &text, &len);
    if (!error) {
        error = topology_parse(text, len, source->file, limits, topology);
        free(text);
    }
    return error;
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
