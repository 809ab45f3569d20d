/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/answer-host.h"

#include <stdlib.h>

#include "tests/lib/test.h"
#include "util.h"

/* Enough tries for one fault. */
#define MAX_TRIES 4

void
answer_host_init(struct answer_host *h, const struct answer *a)
{
    h->store = answer_store_create(a);
    h->backend = fw_backend_memory_create();
    h->fw = NULL;
    answer_host_restart(h);
}

void
answer_host_uninit(struct answer_host *h)
{
    firewall_destroy(h->fw);
    h->backend->class->destroy(h->backend);
    policy_store_destroy(h->store);
}

void
answer_host_restart(struct answer_host *h)
{
    struct fw_layout layout;

    firewall_destroy(h->fw);
    fw_layout_default(&layout);
    h->fw = firewall_create(fw_backend_memory_ref(h->backend), &layout, 1);
    firewall_set_complete(h->fw);
    h->started = true;
}

/* Returns true if there is something for the structure lane. */
static bool
hold(struct answer_host *h)
{
    const char *devices[ANSWER_N_PORTS];
    struct store_dirty dirty;

    if (!policy_store_take_dirty(h->store, &dirty)) {
        return false;
    }
    ovs_assert(dirty.n_devices <= ANSWER_N_PORTS);
    for (size_t i = 0; i < dirty.n_devices; i++) {
        devices[i] = dirty.devices[i];
    }
    firewall_hold(h->fw, devices, dirty.n_devices, dirty.groups,
                  dirty.n_groups);
    store_dirty_uninit(&dirty);
    return true;
}

static void
change_members(struct answer_host *h)
{
    struct store_change *taken;
    size_t n = policy_store_take_changes(h->store, &taken);
    struct fw_member_change *changes = xcalloc(MAX(n, 1), sizeof *changes);

    for (size_t i = 0; i < n; i++) {
        changes[i] = (struct fw_member_change) {
            .group = taken[i].group,
            .added = taken[i].added.p,
            .n_added = taken[i].added.n,
            .removed = taken[i].removed.p,
            .n_removed = taken[i].removed.n,
        };
    }
    if (firewall_members(h->fw, policy_store_policy(h->store), changes, n)) {
        CHECK(firewall_needs_apply(h->fw));
    }
    free(changes);
    policy_store_changes_free(taken, n);
}

void
answer_host_turn(struct answer_host *h)
{
    bool dirty = hold(h) || h->started;

    h->started = false;
    change_members(h);
    for (int i = 0; i < MAX_TRIES; i++) {
        if (!dirty && !firewall_needs_apply(h->fw)) {
            break;
        }
        dirty = firewall_apply(h->fw, policy_store_policy(h->store)) != 0;
    }
    if (dirty) {
        FAIL("apply: %s", firewall_result(h->fw)->error_text);
    }
    CHECK(!firewall_needs_apply(h->fw));
}

static const struct sg_members *
kernel_members(const void *backend, const char *set)
{
    return fw_backend_memory_members(backend, set);
}

struct eval_filter
answer_host_filter(const struct answer_host *h)
{
    return (struct eval_filter) {
        .rs = fw_backend_memory_state(h->backend),
        .members = kernel_members,
        .aux = h->backend,
    };
}
