/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/report-fixture.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/policy-text.h"
#include "tests/lib/test.h"
#include "tests/lib/update-text.h"
#include "util.h"

static const struct policy_store_limits LIMITS = {
    .members = 10, .rules_per_port = 10, .groups = 10, .ports = 4,
    .set_entries = 100,
};
static const struct sync_config CONFIG = {
    .host = "h1", .boot = "b1", .timeout_ms = 10000, .backoff_min_ms = 200,
    .backoff_max_ms = 60000, .beacon_ms = 2000, .seed = 1,
};

void
rf_init(struct report_fixture *f, const char *text)
{
    struct local_port local;
    struct sg_sync_request request;
    struct sg_update update;
    char msg_id[33];

    memset(f, 0, sizeof *f);
    f->store = policy_store_create(&LIMITS);
    f->sync = sync_create(&CONFIG, f->store);
    f->ps = port_status_create(NULL, 0);
    f->broker = (struct report_broker) {
        .stage = "up", .broker = "b:5672", .queue = "sg-agent.h1.00000001",
        .last_error = "", .sessions = 2, .n_bindings = 3, .n_bound = 3,
    };
    f->saved = (struct report_saved) { .age_ms = -1, .saved = LLONG_MIN };
    f->in = (struct report_input) {
        .now = 5000, .host = "h1", .boot = "b1", .version = "9.9",
        .store = f->store, .sync = f->sync, .ports = f->ps,
        .broker = &f->broker, .fw = &f->fw, .started = 1000,
        .saved = &f->saved,
        .l2_guard = "in place",
        .last_apply = LLONG_MIN, .lag_ms = -1, .start = "asking",
    };
    memset(&local, 0, sizeof local);
    local.id = policy_text_id("p1");
    local.binding.plug = SG_PLUG_HYBRID;
    strcpy(local.binding.device, "tap1");
    strcpy(local.binding.bridge, "qbr1");
    local.binding.zone = 4097;
    policy_store_set_local(f->store, &local, 1);
    if (!text) {
        return;
    }

    sync_connected(f->sync, 4000);
    REQUIRE(sync_run(f->sync, 4000, msg_id, &request));
    sg_sync_request_uninit(&request);
    update_text_parse(&update, SG_METHOD_SYNC, text);
    update.epoch.ms = 100;
    sync_answer(f->sync, msg_id, &update, NULL, 4000);
    sg_update_uninit(&update);
    f->in.result = &f->result;
    f->in.last_apply = 4500;
    f->in.applied = policy_store_policy(f->store)->generation;
    f->result.generation = f->in.applied;
}

void
rf_uninit(struct report_fixture *f)
{
    port_status_destroy(f->ps);
    sync_destroy(f->sync);
    policy_store_destroy(f->store);
}

json_t *
rf_load(char *text)
{
    json_error_t error;
    json_t *j;

    CHECK(!strchr(text, '\n'));
    j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!j) {
        FAIL("%s: %s", error.text, text);
    }
    free(text);
    REQUIRE(j);
    return j;
}

void
rf_check_path(json_t *root, const char *path, const char *expected,
              int line)
{
    char *copy = xstrdup(path);
    char *save = NULL;
    json_t *j = root;
    char *text;

    for (char *part = strtok_r(copy, ".", &save); part && j;
         part = strtok_r(NULL, ".", &save)) {
        j = (json_is_array(j) ? json_array_get(j, (size_t) atoi(part))
             : json_object_get(j, part));
    }
    text = j ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT) : xstrdup("-");
    if (strcmp(text, expected)) {
        FAIL("line %d: %s is %s, not %s", line, path, text, expected);
    }
    CHECK(true);
    free(text);
    free(copy);
}
