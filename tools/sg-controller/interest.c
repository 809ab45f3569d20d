/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/interest.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "hmapx.h"
#include "tools/sg-controller/ref_set.h"
#include "util.h"
#include "uuid.h"

/* An object that at least one host needs. */
struct object {
    struct hmap_node node;      /* In interest 'objects'. */
    enum sg_kind kind;
    struct uuid id;
    struct hmapx hosts;         /* Contains "struct host"s. */
};

struct host {
    struct interest_host public;        /* 'node' is in interest 'hosts'. */
    struct hmapx objects;       /* Contains "struct object"s. */
};

struct interest {
    struct hmap hosts;
    struct hmap objects;
    size_t total, max_total;    /* Of 'objects' of all hosts. */
    struct sg_latency latency;  /* Of all hosts. */
};

static struct host *find_host(const struct interest *, const char *name);
static char *get_host(struct interest *, const char *name, const char *boot,
                      long long int now, struct host **);
static void drop_host(struct interest *, struct host *);
static void clear_objects(struct interest *, struct host *);
static void add_object(struct interest *, struct host *, enum sg_kind,
                       const struct uuid *);
static size_t count_new(const struct interest *, const struct host *,
                        const struct ref_set *);
static struct object *find_object(const struct interest *, enum sg_kind,
                                  const struct uuid *);
static int compare_names(const void *, const void *);
static int compare_hosts(const void *, const void *);

struct interest *
interest_create(size_t max_total)
{
    struct interest *interest = xzalloc(sizeof *interest);

    interest->max_total = max_total;
    hmap_init(&interest->hosts);
    hmap_init(&interest->objects);
    return interest;
}

void
interest_destroy(struct interest *interest)
{
    struct host *host;

    if (!interest) {
        return;
    }
    HMAP_FOR_EACH_SAFE (host, public.node, &interest->hosts) {
        drop_host(interest, host);
    }
    hmap_destroy(&interest->hosts);
    hmap_destroy(&interest->objects);
    free(interest);
}

/* Checks all limits before it changes anything. */
char *
interest_sync(struct interest *interest,
              const struct sg_sync_request *request,
              const struct ref_set *covered, long long int now,
              struct interest_host **hostp)
{
    struct host *host = find_host(interest, request->host);
    bool adds = request->partial || request->page;
    size_t had = host ? hmapx_count(&host->objects) : 0;
    const struct ref_node *ref;
    size_t n = ref_set_count(covered);
    char *error;

    if (adds && host) {
        n = had + count_new(interest, host, covered);
    }
    if (n > INTEREST_MAX_OBJECTS) {
        return xasprintf("%zu objects, more than the limit of %d for a host",
                         n, INTEREST_MAX_OBJECTS);
    }
    if (n > had && interest->total - had + n > interest->max_total) {
        return xasprintf("more objects than the limit of %zu for all hosts",
                         interest->max_total);
    }
    error = get_host(interest, request->host, request->boot, now, &host);
    if (error) {
        return error;
    }

    host->public.last_sync = now;
    host_view_asked(&host->public.view, request);
    if (!adds) {
        clear_objects(interest, host);
    }
    REF_SET_FOR_EACH (ref, covered) {
        add_object(interest, host, ref->ref.kind, &ref->ref.id);
    }
    host->public.n_objects = hmapx_count(&host->objects);
    *hostp = &host->public;
    return NULL;
}

/* A report keeps the host's interest alive but does not change it. */
char *
interest_report(struct interest *interest, const struct state *state,
                struct sg_report *report, long long int now,
                struct interest_host **hostp, bool *resync)
{
    struct host *host;
    char *error;

    error = get_host(interest, report->host, report->boot, now, &host);
    if (error) {
        return error;
    }
    host->public.last_report = now;
    *resync = host_view_report(&host->public.view, state, report,
                               &interest->latency, now);
    *hostp = &host->public;
    return NULL;
}

/* Drops the hosts that have been silent for too long. */
void
interest_expire(struct interest *interest, long long int now)
{
    struct host *host;

    HMAP_FOR_EACH_SAFE (host, public.node, &interest->hosts) {
        long long int last = MAX(host->public.last_sync,
                                 host->public.last_report);

        if (now - last > INTEREST_SILENCE_MS) {
            drop_host(interest, host);
        }
    }
}

/* Sorted, so that the order of messages does not depend on addresses in
 * memory. */
size_t
interest_find(const struct interest *interest, enum sg_kind kind,
              const struct uuid *id, const char ***hostsp)
{
    struct object *object = find_object(interest, kind, id);
    struct hmapx_node *node;
    const char **hosts;
    size_t n = 0;

    if (!object) {
        *hostsp = NULL;
        return 0;
    }
    hosts = xmalloc(hmapx_count(&object->hosts) * sizeof *hosts);
    HMAPX_FOR_EACH (node, &object->hosts) {
        const struct host *host = node->data;

        hosts[n++] = host->public.name;
    }
    qsort(hosts, n, sizeof *hosts, compare_names);
    *hostsp = hosts;
    return n;
}

bool
interest_any(const struct interest *interest, enum sg_kind kind,
             const struct uuid *id)
{
    return find_object(interest, kind, id) != NULL;
}

bool
interest_has(const struct interest *interest, const char *name,
             enum sg_kind kind, const struct uuid *id)
{
    const struct object *object = find_object(interest, kind, id);
    struct host *host = object ? find_host(interest, name) : NULL;

    return host && hmapx_contains(&object->hosts, host);
}

bool
interest_add(struct interest *interest, const char *name, enum sg_kind kind,
             const struct uuid *id)
{
    struct host *host = find_host(interest, name);

    if (!host || hmapx_count(&host->objects) >= INTEREST_MAX_OBJECTS
        || interest->total >= interest->max_total) {
        return false;
    }
    add_object(interest, host, kind, id);
    host->public.n_objects = hmapx_count(&host->objects);
    return true;
}

size_t
interest_hosts(const struct interest *interest,
               const struct interest_host ***hostsp)
{
    size_t n = 0, count = hmap_count(&interest->hosts);
    const struct interest_host **hosts = xmalloc((count + 1) * sizeof *hosts);
    const struct host *host;

    HMAP_FOR_EACH (host, public.node, &interest->hosts) {
        hosts[n++] = &host->public;
    }
    qsort(hosts, n, sizeof *hosts, compare_hosts);
    *hostsp = hosts;
    return n;
}

size_t
interest_count(const struct interest *interest)
{
    return hmap_count(&interest->hosts);
}

size_t
interest_total(const struct interest *interest)
{
    return interest->total;
}

size_t
interest_latency(const struct interest *interest, struct sg_latency *latency)
{
    const struct host *host;
    size_t n = 0;

    HMAP_FOR_EACH (host, public.node, &interest->hosts) {
        n += (host->public.view.reported
              && host->public.view.report.has_latency);
    }
    *latency = interest->latency;
    return n;
}

static struct host *
find_host(const struct interest *interest, const char *name)
{
    struct host *host;

    HMAP_FOR_EACH_WITH_HASH (host, public.node, hash_string(name, 0),
                             &interest->hosts) {
        if (!strcmp(host->public.name, name)) {
            return host;
        }
    }
    return NULL;
}

/* Finds or makes the host 'name', which now runs as 'boot'. */
static char *
get_host(struct interest *interest, const char *name, const char *boot,
         long long int now, struct host **hostp)
{
    struct host *host = find_host(interest, name);

    if (!host) {
        if (hmap_count(&interest->hosts) >= INTEREST_MAX_HOSTS) {
            return xasprintf("already %d hosts, which is the limit",
                             INTEREST_MAX_HOSTS);
        }
        host = xzalloc(sizeof *host);
        host->public.name = xstrdup(name);
        host->public.last_sync = host->public.last_report = LLONG_MIN;
        hmapx_init(&host->objects);
        host_view_init(&host->public.view);
        hmap_insert(&interest->hosts, &host->public.node,
                    hash_string(name, 0));
    }
    host_view_heard(&host->public.view, boot, now);
    *hostp = host;
    return NULL;
}

/* Removes the host from every object it needs, and frees it. */
static void
drop_host(struct interest *interest, struct host *host)
{
    clear_objects(interest, host);
    hmap_remove(&interest->hosts, &host->public.node);
    hmapx_destroy(&host->objects);
    answer_given_clear(&host->public.given);
    host_view_forget_latency(&host->public.view, &interest->latency);
    host_view_uninit(&host->public.view);
    free(host->public.name);
    free(host);
}

/* Objects that nobody needs any more go with their last host. */
static void
clear_objects(struct interest *interest, struct host *host)
{
    struct hmapx_node *node;

    HMAPX_FOR_EACH (node, &host->objects) {
        struct object *object = node->data;

        hmapx_find_and_delete_assert(&object->hosts, host);
        if (hmapx_is_empty(&object->hosts)) {
            hmap_remove(&interest->objects, &object->node);
            hmapx_destroy(&object->hosts);
            free(object);
        }
    }
    interest->total -= hmapx_count(&host->objects);
    hmapx_clear(&host->objects);
}

/* Both directions are kept: from a change to its hosts, and from a host that
 * asks anew to what it asked for before. */
static void
add_object(struct interest *interest, struct host *host, enum sg_kind kind,
           const struct uuid *id)
{
    struct object *object = find_object(interest, kind, id);

    if (!object) {
        object = xmalloc(sizeof *object);
        object->kind = kind;
        object->id = *id;
        hmapx_init(&object->hosts);
        hmap_insert(&interest->objects, &object->node,
                    sg_object_hash(kind, id));
    }
    if (hmapx_add(&object->hosts, host)) {
        hmapx_add_assert(&host->objects, object);
        interest->total++;
    }
}

/* How many of 'covered' the host does not have yet. */
static size_t
count_new(const struct interest *interest, const struct host *host,
          const struct ref_set *covered)
{
    const struct ref_node *ref;
    size_t n = 0;

    REF_SET_FOR_EACH (ref, covered) {
        const struct object *object;

        object = find_object(interest, ref->ref.kind, &ref->ref.id);
        n += !object || !hmapx_contains(&object->hosts, host);
    }
    return n;
}

static struct object *
find_object(const struct interest *interest, enum sg_kind kind,
            const struct uuid *id)
{
    struct object *object;

    HMAP_FOR_EACH_WITH_HASH (object, node, sg_object_hash(kind, id),
                             &interest->objects) {
        if (object->kind == kind && uuid_equals(&object->id, id)) {
            return object;
        }
    }
    return NULL;
}

static int
compare_names(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}

static int
compare_hosts(const void *a_, const void *b_)
{
    const struct interest_host *const *a = a_;
    const struct interest_host *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}
