/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* Prints the size of each kind of message, one JSON object per line: the body
 * that travels, with its envelope.  The policy is that of synthetic.h; its
 * members are consecutive addresses, or every other one, which is the worst
 * case for a list that is sent as ranges. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/message.h"
#include "tests/bench/synthetic.h"
#include "util.h"

/* Of the usual length. */
#define UNIQUE_ID "0123456789abcdef0123456789abcdef"
#define SENT INT64_C(1790000000000)
static const struct sg_epoch epoch = { SENT, 0x12345678 };

static void
print_size(const struct synthetic *s, const char *what, size_t bytes)
{
    printf("{\"measure\": \"message\", \"what\": \"%s\", \"bytes\": "
           "%"PRIuSIZE", \"ports\": %"PRIuSIZE", \"members\": %"PRIuSIZE", "
           "\"gaps\": %s}\n", what, bytes, s->config.n_ports,
           s->groups[0].n_members, s->config.gaps ? "true" : "false");
}

/* Uninits 'update'. */
static void
measure_update(const struct synthetic *s, const char *what,
               struct sg_update *update)
{
    size_t len;

    update->sent = SENT;
    free(rpc_encode_update(update, UNIQUE_ID, &len));
    sg_update_uninit(update);
    print_size(s, what, len);
}

/* The answer to a question for 'n' of the objects at 'refs', or, without
 * these, for all ports. */
static void
measure_answer(const struct synthetic *s, const char *what,
               struct sg_ref *refs, size_t n)
{
    struct sg_sync_request request = {
        .partial = refs != NULL,
        .objects = refs,
        .n_objects = refs ? n : 0,
    };
    struct sg_update answer;
    size_t len;

    if (!refs) {
        request.n_ports = s->config.n_ports;
        request.ports = xcalloc(request.n_ports, sizeof *request.ports);
        for (size_t i = 0; i < request.n_ports; i++) {
            request.ports[i] = synthetic_port_id(i);
        }
    }
    synthetic_answer(s, &request, &answer);
    answer.sent = SENT;
    free(rpc_encode_sync_reply(&answer, UNIQUE_ID, UNIQUE_ID, &len));
    sg_update_uninit(&answer);
    free(request.ports);
    print_size(s, what, len);
}

static void
measure(size_t n_ports, size_t n_members, bool gaps)
{
    const struct synthetic_config config = {
        .n_ports = n_ports,
        .n_groups = 1,
        .n_members = n_members,
        .gaps = gaps,
    };
    struct sg_update update;
    struct sg_ref members;
    struct synthetic s;

    synthetic_init(&s, &config, &epoch);
    members = (struct sg_ref) { SG_KIND_MEMBERS, s.groups[0].id, 0 };
    measure_answer(&s, "sync", NULL, 0);
    measure_answer(&s, "members", &members, 1);
    if (!gaps) {
        synthetic_change_members(&s, 0, SYNTHETIC_ADD, 1, &update);
        measure_update(&s, "members_changed", &update);
        synthetic_update_port(&s, 0, &update);
        measure_update(&s, "ports_updated", &update);
        synthetic_change_rule(&s, SYNTHETIC_ADD, &update);
        measure_update(&s, "rules_updated", &update);
        synthetic_beacon(&s, 12345, &update);
        measure_update(&s, "beacon", &update);
    }
}

int
main(void)
{
    static const size_t sizes[][2] = { { 20, 500 }, { 200, 10000 } };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        measure(sizes[i][0], sizes[i][1], false);
        measure(sizes[i][0], sizes[i][1], true);
    }
    return 0;
}
