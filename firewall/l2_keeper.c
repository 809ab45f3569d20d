/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2_keeper.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* How often a step that somebody disturbs is begun anew before it waits. */
#define MAX_TRIES 3

enum intent {
    INTENT_NONE,                /* Not told yet: only look. */
    INTENT_FOUND,               /* The same; and if it is intact, to be present
                                 * as it is. */
    INTENT_PRESENT,
    INTENT_ABSENT,
};

struct l2_keeper {
    struct l2_guard *guard;     /* NULL: there is none. */
    enum intent intent;
    struct l2_elements wanted;  /* If it is to be present. */
    enum { UNTOLD, BLIND, JUDGING } tables;     /* l2_keeper_tables(). */

    bool known;                 /* The next two are what the kernel has, as
                                 * far as nobody has changed it since. */
    enum l2_found found;
    struct l2_elements installed;
    enum l2_found found_before; /* At the end of the last look. */
    bool tampered;              /* Somebody changed what was in place, and
                                 * that is not undone yet. */
    bool mismatch;              /* What was written is not what is read. */

    struct l2_tables others;    /* Tables of others. */
    bool others_stale;          /* Since they were read the kernel was found
                                 * changed. */
    long long int next_others;  /* Not before. */

    char *problem;
    long long int last_look;
    long long int next_look;    /* For unannounced changes, or a hint. */
    long long int next_try;     /* After a failure; LLONG_MIN: at once. */
    long long int retry_ms;
    uint64_t n_reads, n_writes, n_failures, n_restored, n_others_reads;
};

static void look(struct l2_keeper *, long long int now);
static void look_at_others(struct l2_keeper *, long long int now);
static int look_once(struct l2_keeper *);
static int write_difference(struct l2_keeper *);
static int write_anew(struct l2_keeper *);
static int edit(struct l2_keeper *);
static int edit_or_less(struct l2_keeper *);
static void take_away(struct l2_keeper *);
static int read_back(struct l2_keeper *);
static bool is_done(const struct l2_keeper *);

struct l2_keeper *
l2_keeper_create(struct l2_guard *guard, const char *problem)
{
    struct l2_keeper *k = xzalloc(sizeof *k);

    k->guard = guard;
    k->problem = nullable_xstrdup(problem);
    k->next_look = k->next_try = k->next_others = LLONG_MIN;
    k->retry_ms = L2_KEEPER_RETRY_MIN_MS;
    return k;
}

void
l2_keeper_destroy(struct l2_keeper *k)
{
    if (k) {
        if (k->guard) {
            k->guard->class->destroy(k->guard);
        }
        l2_elements_uninit(&k->wanted);
        l2_elements_uninit(&k->installed);
        free(k->problem);
        free(k);
    }
}

void
l2_keeper_keep_found(struct l2_keeper *k)
{
    k->intent = INTENT_FOUND;
}

/* Is something to be left to the tables?  Until that is told, what an earlier
 * run left.  (SEEN sorts first.) */
static bool
leaves_to_tables(const struct l2_keeper *k)
{
    return (k->tables == JUDGING
            || (k->tables == UNTOLD && k->known && k->found == L2_INTACT
                && k->installed.n && k->installed.p[0].kind == L2_SEEN));
}

void
l2_keeper_apply(struct l2_keeper *k, const struct l2_input *in,
                long long int now)
{
    l2_elements_clear(&k->wanted);
    l2_elements_render(in, &k->wanted);
    l2_elements_set_seen(&k->wanted, leaves_to_tables(k));
    k->intent = INTENT_PRESENT;
    look(k, now);
}

void
l2_keeper_tables(struct l2_keeper *k, bool judge, long long int now)
{
    bool was_told = k->tables != UNTOLD, before = k->tables == JUDGING;

    k->tables = judge ? JUDGING : BLIND;
    if (k->intent == INTENT_PRESENT && (judge != before || !was_told)) {
        l2_elements_set_seen(&k->wanted, judge);
        if (!is_done(k)) {
            look(k, now);
        }
    }
}

void
l2_keeper_dismiss(struct l2_keeper *k, long long int now)
{
    l2_elements_clear(&k->wanted);
    k->intent = INTENT_ABSENT;
    look(k, now);
}

void
l2_keeper_run(struct l2_keeper *k, long long int now)
{
    if (!k->guard) {
        return;
    }
    if (k->guard->class->hint(k->guard)) {
        k->next_look = MIN(k->next_look, k->last_look + L2_KEEPER_PAUSE_MS);
    }
    if (now >= l2_keeper_next(k)) {
        look(k, now);
    }
}

void
l2_keeper_wait(struct l2_keeper *k)
{
    if (k->guard) {
        k->guard->class->wait(k->guard);
    }
}

long long int
l2_keeper_next(const struct l2_keeper *k)
{
    return (!k->guard ? LLONG_MAX
            : k->next_try != LLONG_MIN ? MIN(k->next_look, k->next_try)
            : k->next_look);
}

void
l2_keeper_get_status(const struct l2_keeper *k,
                     struct l2_keeper_status *status)
{
    *status = (struct l2_keeper_status) {
        .in_place = k->intent == INTENT_PRESENT && is_done(k) && !k->problem,
        .problem = k->problem,
        .n_elements = k->wanted.n,
        .n_reads = k->n_reads,
        .n_writes = k->n_writes,
        .n_failures = k->n_failures,
        .n_restored = k->n_restored,
        .n_others_reads = k->n_others_reads,
    };
}

const struct l2_elements *
l2_keeper_installed(const struct l2_keeper *k)
{
    struct l2_keeper_status status;

    l2_keeper_get_status(k, &status);
    return status.in_place ? &k->installed : NULL;
}

const struct l2_tables *
l2_keeper_others(const struct l2_keeper *k)
{
    return &k->others;
}

/* Makes the kernel what it is to be, or says why not. */
static void
look(struct l2_keeper *k, long long int now)
{
    int error = EAGAIN;

    if (!k->guard) {
        return;
    }
    for (int i = 0; i < MAX_TRIES && error == EAGAIN; i++) {
        error = look_once(k);
        if (error) {
            k->known = false;
        }
    }
    k->found_before = k->known ? k->found : L2_NOTHING;
    free(k->problem);
    k->problem = NULL;
    k->last_look = now;
    k->next_look = now + L2_KEEPER_LOOK_MS;
    if (error) {
        k->problem = xstrdup(k->mismatch ? "what was written reads back as "
                             "something else"
                             : k->guard->class->error(k->guard));
        k->n_failures++;
        k->next_try = now + k->retry_ms;
        k->retry_ms = MIN(k->retry_ms * 2, L2_KEEPER_RETRY_MAX_MS);
    } else {
        k->next_try = LLONG_MIN;
        k->retry_ms = L2_KEEPER_RETRY_MIN_MS;
        if (k->intent != INTENT_ABSENT && k->found != L2_INTACT) {
            k->problem = xstrdup(k->found == L2_DAMAGED
                                 ? "its table has been changed"
                                 : "there is no table of it");
        }
    }
    look_at_others(k, now);
}

/* Comes with each look, so one that has to wait is made up for. */
static void
look_at_others(struct l2_keeper *k, long long int now)
{
    struct l2_tables others = L2_TABLES_INIT;

    if (!k->others_stale || now < k->next_others) {
        return;
    }
    k->next_others = now + L2_KEEPER_OTHERS_MS;
    k->n_others_reads++;
    if (!k->guard->class->tables(k->guard, &others)) {
        k->others = others;
        k->others_stale = false;
    }
}

static int
look_once(struct l2_keeper *k)
{
    bool was_done = k->known && k->intent != INTENT_NONE, changed = false;
    struct l2_elements before;
    int error;

    k->mismatch = false;
    if (k->known) {
        error = k->guard->class->changed(k->guard, &changed);
        if (error || !changed) {
            return error ? error : write_difference(k);
        }
    }
    before = k->installed;
    k->installed = (struct l2_elements) L2_ELEMENTS_INIT;
    error = read_back(k);
    if (!error && was_done && k->found_before == L2_INTACT
        && (k->found != L2_INTACT
            || !l2_elements_equal(&before, &k->installed))) {
        k->tampered = true;
    }
    l2_elements_uninit(&before);
    if (!error && k->intent == INTENT_FOUND) {
        l2_elements_copy(&k->wanted, &k->installed);
        if (k->tables == BLIND) {
            l2_elements_set_seen(&k->wanted, false);
        }
        k->intent = k->found == L2_INTACT ? INTENT_PRESENT : INTENT_NONE;
    }
    return error ? error : write_difference(k);
}

static int
read_back(struct l2_keeper *k)
{
    int error;

    l2_elements_clear(&k->installed);
    error = k->guard->class->read(k->guard, &k->found, &k->installed);
    k->known = !error;
    k->others_stale = true;
    k->n_reads++;
    return error;
}

static bool
is_done(const struct l2_keeper *k)
{
    switch (k->intent) {
    case INTENT_NONE:
    case INTENT_FOUND:
        return true;
    case INTENT_ABSENT:
        return k->known && k->found == L2_NOTHING;
    case INTENT_PRESENT:
        return (k->known && k->found == L2_INTACT
                && l2_elements_equal(&k->installed, &k->wanted));
    }
    OVS_NOT_REACHED();
}

static int
write_difference(struct l2_keeper *k)
{
    int error;

    if (!is_done(k)) {
        error = (k->intent == INTENT_PRESENT && k->found == L2_INTACT
                 ? edit_or_less(k) : write_anew(k));
        if (error) {
            return error;
        }
        k->n_writes++;
        k->n_restored += k->tampered;
    }
    k->tampered = false;
    return 0;
}

/* One transaction: the tables are what they were, or what is wanted. */
static int
edit(struct l2_keeper *k)
{
    struct l2_elements add = L2_ELEMENTS_INIT, del = L2_ELEMENTS_INIT;
    int error;

    l2_elements_diff(&k->installed, &k->wanted, &add, &del);
    error = k->guard->class->edit(k->guard, &add, &del);
    l2_elements_uninit(&add);
    l2_elements_uninit(&del);
    if (!error) {
        l2_elements_copy(&k->installed, &k->wanted);
    }
    return error;
}

/* One element that the kernel refuses is no reason to let pass what is allowed
 * no more: what takes away does not wait for what gives.  Perhaps what is in
 * the way is not the element but what is there, so all is made anew, too. */
static int
edit_or_less(struct l2_keeper *k)
{
    int error = edit(k);

    if (error && error != EAGAIN && error != EPERM) {
        take_away(k);
        error = write_anew(k);
    }
    return error;
}

/* The part of the difference after which less passes than before. */
static void
take_away(struct l2_keeper *k)
{
    struct l2_elements all[2] = { L2_ELEMENTS_INIT, L2_ELEMENTS_INIT };
    struct l2_elements less[2] = { L2_ELEMENTS_INIT, L2_ELEMENTS_INIT };

    l2_elements_diff(&k->installed, &k->wanted, &all[0], &all[1]);
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < all[i].n; j++) {
            bool adds = i == 0, shuts = all[i].p[j].kind == L2_SHUT;

            if (adds == shuts) {
                l2_elements_add_one(&less[i], &all[i].p[j]);
            }
        }
        l2_elements_order(&less[i]);
    }
    if ((less[0].n || less[1].n)
        && !k->guard->class->edit(k->guard, &less[0], &less[1])) {
        k->n_writes++;
    }
    for (size_t i = 0; i < 2; i++) {
        l2_elements_uninit(&all[i]);
        l2_elements_uninit(&less[i]);
    }
}

/* A table that was made is read once: if the kernel took something for what it
 * is not, that would be found, and made again, each time. */
static int
write_anew(struct l2_keeper *k)
{
    int error = (k->intent == INTENT_PRESENT
                 ? k->guard->class->replace(k->guard, &k->wanted)
                 : k->guard->class->remove(k->guard));

    if (!error) {
        error = read_back(k);
    }
    if (!error) {
        k->mismatch = !is_done(k);
    }
    return error ? error : k->mismatch ? EPROTO : 0;
}
