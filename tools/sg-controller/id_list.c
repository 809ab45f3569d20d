/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/id_list.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "sha1.h"
#include "util.h"
#include "uuid.h"

#define HEADER "sg-controller ids 1\n"
#define DELETED " deleted"
#define TRAILER "sha1 "
/* "sha1 ", the digest and a newline. */
#define TRAILER_LEN (sizeof TRAILER - 1 + SHA1_HEX_DIGEST_LEN + 1)

static void checksum(const char *text, size_t len,
                     char hex[SHA1_HEX_DIGEST_LEN + 1]);
static bool parse_line(char *line, struct sg_ref *);

char *
id_list_format(const struct sg_ref *refs, size_t n, size_t *len)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char hex[SHA1_HEX_DIGEST_LEN + 1];

    ds_put_cstr(&ds, HEADER);
    for (size_t i = 0; i < n; i++) {
        ds_put_format(&ds, "%s "UUID_FMT"%s\n", sg_kind_name(refs[i].kind),
                      UUID_ARGS(&refs[i].id),
                      refs[i].revision == ID_LIST_DELETED ? DELETED : "");
    }
    checksum(ds_cstr(&ds), ds.length, hex);
    ds_put_format(&ds, TRAILER"%s\n", hex);
    *len = ds.length;
    return ds_steal_cstr(&ds);
}

/* The checksum is looked at first; what it covers is ours. */
char *
id_list_parse(const char *text, size_t len, struct sg_ref **refsp, size_t *np)
{
    const size_t header = sizeof HEADER - 1;
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    struct sg_ref *refs = NULL;
    size_t n = 0, allocated = 0;
    char *save = NULL;
    char *body, *line;

    if (len < header + TRAILER_LEN || memcmp(text, HEADER, header)) {
        return xstrdup("not a list of ids");
    }
    len -= TRAILER_LEN;
    checksum(text, len, hex);
    if (memcmp(text + len, TRAILER, sizeof TRAILER - 1)
        || memcmp(text + len + sizeof TRAILER - 1, hex, SHA1_HEX_DIGEST_LEN)) {
        return xstrdup("damaged: the checksum is wrong");
    }

    body = xmemdup0(text + header, len - header);
    for (line = strtok_r(body, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        if (n >= allocated) {
            refs = x2nrealloc(refs, &allocated, sizeof *refs);
        }
        if (!parse_line(line, &refs[n++])) {
            free(body);
            free(refs);
            return xstrdup("a line that is no id");
        }
    }
    free(body);
    *refsp = refs;
    *np = n;
    return NULL;
}

static void
checksum(const char *text, size_t len, char hex[SHA1_HEX_DIGEST_LEN + 1])
{
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_bytes(text, len, digest);
    sha1_to_hex(digest, hex);
}

static bool
parse_line(char *line, struct sg_ref *ref)
{
    char *id = strchr(line, ' ');
    char *deleted;

    if (!id) {
        return false;
    }
    *id++ = '\0';
    deleted = strchr(id, ' ');
    ref->revision = 0;
    if (deleted) {
        if (strcmp(deleted, DELETED)) {
            return false;
        }
        *deleted = '\0';
        ref->revision = ID_LIST_DELETED;
    }
    return (sg_kind_from_string(line, &ref->kind)
            && sg_id_from_string(id, &ref->id));
}
