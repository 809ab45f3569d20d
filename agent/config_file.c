/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>
#include "agent/config_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"
#include "util.h"

/* A password and its line end. */
#define PASSWORD_FILE_MAX 4096

static char *read_file(const char *, size_t max, size_t *len, mode_t *);
static void read_password(struct config *);

struct config *
config_load(const char *name, bool must_exist)
{
    char host[HOST_NAME_MAX + 1] = "localhost";
    struct config *config;
    char *text, *error;
    mode_t mode = 0;
    size_t len = 0;

    gethostname(host, sizeof host);
    text = read_file(name, CONFIG_MAX_BYTES + 1, &len, &mode);
    if (!text && must_exist) {
        ovs_fatal(ENOENT, "%s", name);
    }
    error = config_parse(text ? text : "", len, name, host,
                         &config);
    if (error) {
        ovs_error(0, "%s", error);
        exit(EXIT_FAILURE);
    }
    if (config->has_secret && mode & (S_IROTH | S_IWOTH)) {
        ovs_fatal(0, "%s holds a password and others can read it; "
                  "chmod 0640", name);
    }
    free(text);
    read_password(config);
    return config;
}

/* The first bytes of 'name', at most 'max'; NULL if it does not exist.  A
 * file with a secret that others can read is refused. */
static char *
read_file(const char *name, size_t max, size_t *len, mode_t *mode)
{
    FILE *stream = fopen(name, "re");
    struct stat s;
    char *text;

    if (!stream) {
        if (errno != ENOENT) {
            ovs_fatal(errno, "%s", name);
        }
        return NULL;
    }
    if (fstat(fileno(stream), &s)) {
        ovs_fatal(errno, "%s", name);
    }
    *mode = s.st_mode;
    text = xmalloc(max + 1);
    *len = fread(text, 1, max, stream);
    text[*len] = '\0';
    if (ferror(stream)) {
        ovs_fatal(0, "%s: cannot be read", name);
    }
    fclose(stream);
    return text;
}

static void
read_password(struct config *config)
{
    const char *name = config->broker.password_file;
    char *text, *error;
    mode_t mode;
    size_t len;

    if (!*name) {
        return;
    }
    text = read_file(name, PASSWORD_FILE_MAX, &len, &mode);
    if (!text) {
        ovs_fatal(ENOENT, "broker.password_file %s", name);
    }
    if (mode & (S_IROTH | S_IWOTH)) {
        ovs_fatal(0, "%s: others can read or write this secret; "
                  "chmod 0640", name);
    }
    error = config_set_password(config, text, len);
    if (error) {
        ovs_fatal(0, "%s: %s", name, error);
    }
    memset(text, 0, len);
    free(text);
}
