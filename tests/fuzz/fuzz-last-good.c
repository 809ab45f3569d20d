/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Any bytes as a saved policy: reading survives them, and what is read and
 * taken by a policy store can be saved and read again.
 *
 * Bytes that begin with 's' stand for a file with the right checksum, of
 * which only what comes behind the first line is given. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/last_good.h"
#include "agent/policy_store.h"
#include "rpc/message.h"
#include "sha1.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
sign(const uint8_t *data, size_t size, size_t *len)
{
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    uint8_t digest[SHA1_DIGEST_SIZE];
    char *first, *text;

    sha1_bytes(data, (uint32_t) size, digest);
    sha1_to_hex(digest, hex);
    first = xasprintf("{\"format\": 1, \"sha1\": \"%s\"}\n", hex);
    *len = strlen(first) + size;
    text = xmalloc(*len + 1);
    memcpy(text, first, strlen(first));
    memcpy(text + strlen(first), data, size);
    free(first);
    return text;
}

/* A store in which every port of 'update' is plugged. */
static struct policy_store *
store_for(const struct sg_update *update)
{
    static const struct policy_store_limits limits = {
        .members = 1000, .rules_per_port = 100, .groups = 50, .ports = 20,
        .set_entries = 4000,
    };
    struct policy_store *store = policy_store_create(&limits);
    struct local_port *locals = xcalloc(update->n_ports + 1, sizeof *locals);

    for (size_t i = 0; i < update->n_ports; i++) {
        locals[i].id = update->ports[i].id;
        locals[i].binding.plug = SG_PLUG_HYBRID;
    }
    policy_store_set_local(store, locals, update->n_ports);
    free(locals);
    return store;
}

static void
save_again(const struct last_good *lg, const struct rpc_limits *limits)
{
    struct policy_store *store = store_for(&lg->update);
    struct sg_update update;
    struct last_good again;
    char *text, *error;
    size_t len;

    policy_store_update(store, &lg->update, 1, NULL);
    last_good_collect(store, &lg->update.epoch, &update);
    text = last_good_encode(&update, "h1", lg->saved, &len);
    error = last_good_decode(text, len, "h1", limits, &again);
    ovs_assert(!error);
    ovs_assert(again.saved == lg->saved && !again.update.n_problems);
    ovs_assert(again.update.n_ports == update.n_ports
               && again.update.n_rules == update.n_rules
               && again.update.n_members == update.n_members
               && again.update.n_deleted == update.n_deleted);
    sg_update_uninit(&again.update);
    sg_update_uninit(&update);
    policy_store_destroy(store);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rpc_limits limits;
    struct last_good lg;
    char *signed_text = NULL;
    const char *text = (const char *) data;
    size_t len = size;
    char *error;

    if (size && data[0] == 's') {
        text = signed_text = sign(data + 1, size - 1, &len);
    }
    rpc_limits_default(&limits);
    error = last_good_decode(text, len, "h1", &limits, &lg);
    if (!error) {
        save_again(&lg, &limits);
        sg_update_uninit(&lg.update);
    }
    free(error);
    free(signed_text);
    return 0;
}
