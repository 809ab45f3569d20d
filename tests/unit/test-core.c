/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* The controller without io: how requests are answered and changes sent, and
 * what becomes of objects that a start lacks or a reload would delete. */

#include <config.h>
#include "tools/sg-controller/core.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "tests/lib/core-fixture.h"
#include "tests/lib/test.h"
#include "tools/sg-controller/beacon.h"
#include "tools/sg-controller/id_list.h"
#include "tools/sg-controller/interest.h"
#include "tools/sg-controller/preview.h"
#include "tools/sg-controller/state.h"
#include "tools/sg-controller/topology.h"
#include "util.h"
#include "uuid.h"

/* Puts 'n' ports without groups into force. */
static struct topology *
parse_ports(struct core_fixture *f, int n)
{
    struct ds text = DS_EMPTY_INITIALIZER;
    struct topology *topology = NULL;

    ds_put_cstr(&text, "groups: []\nports:\n");
    for (int i = 0; i < n; i++) {
        ds_put_format(&text, "- {id: 90000000-0000-4000-8000-%012d,\n"
                      "   mac_address: '02:00:00:00:00:01'}\n", i + 1);
    }
    if (!n) {
        ds_put_cstr(&text, "  []\n");
    }
    REQUIRE(CHECK_NO_ERROR(topology_parse(ds_cstr(&text), text.length, "t",
                                          &f->limits, &topology)));
    ds_destroy(&text);
    return topology;
}

TEST(a_request_is_answered_and_a_change_follows)
{
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_advance(&f, 0);
    CHECK_OUTPUT(&f, "beacon");
    cf_sync(&f);
    cf_set_addresses(&f, "10.0.0.1, 10.0.0.2");
    CHECK_OUTPUT(&f, "reply, ports_updated, members_changed +1-0");
    CHECK_EQ(core_counters(f.core)->syncs, 1);
    CHECK_EQ(core_counters(f.core)->published, 3);
    cf_teardown(&f);
}

TEST(a_beacon_every_two_seconds_if_there_is_a_connection)
{
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    cf_advance(&f, 0);
    CHECK_OUTPUT(&f, "");
    CHECK_EQ(beacon_seq(core_beacon(f.core)), 0);
    cf_advance(&f, 100);
    core_up(f.core, &f.at);
    CHECK_EQ(core_wake(f.core), f.at.now);
    cf_advance(&f, 0);
    CHECK_OUTPUT(&f, "beacon");
    CHECK_EQ(core_wake(f.core), f.at.now + BEACON_INTERVAL_MS);
    cf_advance(&f, BEACON_INTERVAL_MS - 1);
    CHECK_OUTPUT(&f, "");
    cf_advance(&f, 1);
    /* One that does not leave lets no other be made. */
    cf_advance(&f, BEACON_INTERVAL_MS);
    CHECK_EQ(beacon_seq(core_beacon(f.core)), 2);
    f.at.wall -= BEACON_INTERVAL_MS;
    CHECK_OUTPUT(&f, "beacon");
    cf_teardown(&f);
}

TEST(what_comes_within_50_ms_is_one_difference)
{
    const struct core_flush *done;
    struct core_fixture f;
    uint64_t first;

    cf_setup(&f);
    first = cf_set_addresses(&f, "10.0.0.1");
    done = core_last_flush(f.core);
    CHECK_EQ(done->number, first);
    core_up(f.core, &f.at);
    cf_sync(&f);
    cf_advance(&f, 0);
    CHECK_OUTPUT(&f, "reply, beacon");

    /* The first after a rest at once. */
    CHECK_EQ(cf_set_addresses(&f, "10.0.0.2"), first + 1);
    CHECK_EQ(done->number, first + 1);
    CHECK_OUTPUT(&f, "members_changed +0-1, ports_updated, "
                 "members_changed +1-0");
    cf_advance(&f, 10);
    CHECK_EQ(cf_set_addresses(&f, "10.0.0.2, 10.0.0.3"), first + 2);
    CHECK_EQ(core_wake(f.core), f.at.now + CORE_COALESCE_MS - 10);
    cf_advance(&f, 30);
    CHECK_EQ(cf_set_addresses(&f, "10.0.0.2, 10.0.0.4, 10.0.0.5"), first + 2);
    cf_advance(&f, 9);
    CHECK_EQ(done->number, first + 1);
    CHECK_OUTPUT(&f, "");
    cf_advance(&f, 1);
    CHECK_EQ(done->number, first + 2);
    CHECK_OUTPUT(&f, "ports_updated, members_changed +2-0");

    /* There and back is nothing. */
    cf_set_addresses(&f, "10.0.0.6");
    cf_set_addresses(&f, "10.0.0.2, 10.0.0.4, 10.0.0.5");
    cf_advance(&f, CORE_COALESCE_MS);
    CHECK_EQ(done->number, first + 3);
    CHECK_EQ(done->changes.n, 0);
    CHECK_OUTPUT(&f, "");
    cf_teardown(&f);
}

TEST(what_waits_for_a_lost_connection_is_dropped)
{
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_sync(&f);
    cf_set_addresses(&f, "10.0.0.1, 10.0.0.2");
    core_down(f.core);
    CHECK_EQ(core_counters(f.core)->dropped, 3);
    cf_advance(&f, CORE_COALESCE_MS);
    cf_set_addresses(&f, "10.0.0.1");
    CHECK_EQ(core_counters(f.core)->dropped, 5);
    CHECK_OUTPUT(&f, "");

    /* The beacon says what was missed. */
    core_up(f.core, &f.at);
    cf_advance(&f, 0);
    CHECK_OUTPUT(&f, "beacon 2");
    core_failed(f.core, true);
    core_failed(f.core, false);
    CHECK_EQ(core_counters(f.core)->unheard, 1);
    CHECK_EQ(core_counters(f.core)->dropped, 6);
    cf_teardown(&f);
}

TEST(the_outbox_is_bounded_and_the_beacon_always_fits)
{
    struct core_fixture f;

    cf_setup_with(&f, 1200);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_sync(&f);              /* Some 1,000 bytes. */
    CHECK(core_out_bytes(f.core) > 900 && core_out_bytes(f.core) <= 1200);
    cf_set_addresses(&f, "10.0.0.1, 10.0.0.2");
    CHECK_EQ(core_counters(f.core)->dropped, 2);
    CHECK(core_out_bytes(f.core) <= 1200);
    cf_advance(&f, 0);
    CHECK_OUTPUT(&f, "reply, beacon 2");
    CHECK_EQ(core_out_bytes(f.core), 0);
    cf_set_addresses(&f, "10.0.0.1");
    cf_advance(&f, CORE_COALESCE_MS);
    CHECK_OUTPUT(&f, "members_changed +0-1, ports_updated");
    cf_teardown(&f);
}

TEST(the_same_calls_give_the_same_bytes)
{
    struct core_message *messages[2][3];
    struct core_fixture f[2];

    for (int i = 0; i < 2; i++) {
        cf_setup(&f[i]);
        cf_set_addresses(&f[i], "10.0.0.1");
        core_up(f[i].core, &f[i].at);
        cf_sync(&f[i]);
        cf_set_addresses(&f[i], "10.0.0.1, 10.0.0.2");
        for (int j = 0; j < 3; j++) {
            messages[i][j] = core_pop(f[i].core);
            REQUIRE(messages[i][j]);
        }
    }
    for (int j = 0; j < 3; j++) {
        CHECK_STR(messages[0][j]->body, messages[1][j]->body);
        CHECK(!j || strcmp(messages[0][j]->body, messages[0][0]->body));
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) {
            core_message_destroy(messages[i][j]);
        }
        cf_teardown(&f[i]);
    }
}

TEST(a_beacon_names_ports_of_known_hosts_only)
{
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_advance(&f, 0);
    core_set_topology(f.core, parse_ports(&f, 400), 0, &f.at);
    free(cf_output(&f));
    cf_advance(&f, BEACON_INTERVAL_MS);
    /* The rules and the members of the group that went. */
    CHECK_OUTPUT(&f, "beacon 2");
    cf_sync(&f);
    cf_set_addresses(&f, "10.0.0.1");
    free(cf_output(&f));
    cf_advance(&f, BEACON_INTERVAL_MS);
    CHECK_OUTPUT(&f, "beacon 3");
    cf_teardown(&f);
}

TEST(an_ack_is_asked_for_once)
{
    struct topology *topology;
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_sync(&f);
    CHECK_OUTPUT(&f, "reply");
    topology = parse_ports(&f, 1);
    core_set_topology(f.core, topology, CORE_CONFIRM | CORE_ACK, &f.at);
    CHECK_OUTPUT(&f, "ports_updated (flush-2), group_deleted (flush-2), "
                 "group_deleted (flush-2)");
    cf_advance(&f, CORE_COALESCE_MS);
    free(cf_output(&f));
    cf_set_addresses(&f, "10.0.0.1");
    CHECK_OUTPUT(&f, "rules_updated, ports_updated, members_changed +1-0");

    char *acked[] = { CONST_CAST(char *, "x"), CONST_CAST(char *, "flush-2") };
    f.report.acked = acked;
    f.report.n_acked = 2;
    cf_report(&f, "boot-1", NULL);
    CHECK_STR(cf_view(&f)->acked, "flush-2");
    CHECK_EQ(cf_view(&f)->acked_at, f.at.now);
    cf_teardown(&f);
}

static enum state_answer
find_port(struct core_fixture *f)
{
    struct uuid port;
    int64_t revision;

    REQUIRE(sg_id_from_string(P1, &port));
    return state_find(core_state(f->core), SG_KIND_PORT, &port, &revision);
}

/* Starts the controller again, with what it saved. */
static void
restart(struct core_fixture *f)
{
    struct sg_ref *saved, *ids;
    size_t n = state_ids(core_state(f->core), &saved), n_ids, len;
    char *text = id_list_format(saved, n, &len);

    cf_teardown(f);
    cf_setup(f);
    REQUIRE(CHECK_NO_ERROR(id_list_parse(text, len, &ids, &n_ids)));
    CHECK_EQ(n_ids, n);
    core_set_saved(f->core, ids, n_ids);
    free(ids);
    free(saved);
    free(text);
}

TEST(what_a_start_lacks_is_unknown_until_an_operator_confirms)
{
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);
    CHECK_EQ(state_n_saved(core_state(f.core)), 3);
    core_up(f.core, &f.at);
    cf_sync(&f);
    CHECK_OUTPUT(&f, "reply");

    /* Nobody said so: a file that is watched, another start. */
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    core_up(f.core, &f.at);
    cf_sync(&f);
    free(cf_output(&f));
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);

    core_set_topology(f.core, parse_ports(&f, 0), CORE_CONFIRM, &f.at);
    CHECK_EQ(find_port(&f), STATE_DELETED);
    CHECK_EQ(state_n_saved(core_state(f.core)), 0);
    CHECK_OUTPUT(&f, "ports_deleted");
    CHECK_EQ(core_last_flush(f.core)->changes.n, 3);
    /* Once. */
    cf_advance(&f, CORE_COALESCE_MS);
    free(cf_output(&f));
    core_set_topology(f.core, parse_ports(&f, 0), CORE_CONFIRM, &f.at);
    CHECK_OUTPUT(&f, "");

    /* A tombstone is known to the next one, too. */
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    CHECK_EQ(find_port(&f), STATE_UNKNOWN);
    CHECK_EQ(state_n_saved(core_state(f.core)), 3);
    cf_teardown(&f);
}

TEST(what_comes_back_needs_no_confirmation)
{
    uint64_t serial;
    struct core_fixture f;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    serial = state_ids_serial(core_state(f.core));
    cf_advance(&f, CORE_COALESCE_MS);
    cf_set_addresses(&f, "10.0.0.2");
    CHECK_UEQ(state_ids_serial(core_state(f.core)), serial);
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 0), 0, &f.at);
    cf_set_addresses(&f, "10.0.0.1");
    CHECK_EQ(find_port(&f), STATE_PRESENT);
    CHECK_EQ(state_n_saved(core_state(f.core)), 0);
    cf_teardown(&f);
}

TEST(a_damaged_list_of_ids_is_none)
{
    struct sg_ref ref = {
        SG_KIND_RULES, { { 1, 2, 3, 4 } }, ID_LIST_DELETED
    };
    struct sg_ref *refs = NULL;
    size_t n = 0, len;
    char *text = id_list_format(&ref, 1, &len);

    for (size_t i = 0; i < len - 1; i++) {
        char *cut = xmemdup0(text, i);

        CHECK_ERROR(id_list_parse(cut, i, &refs, &n), "");
        free(cut);
        text[i] ^= 1;
        CHECK_ERROR(id_list_parse(text, len, &refs, &n), "");
        text[i] ^= 1;
    }
    CHECK(!refs && !n);
    REQUIRE(CHECK_NO_ERROR(id_list_parse(text, len, &refs, &n)));
    REQUIRE(n == 1);
    CHECK(refs[0].kind == SG_KIND_RULES
          && refs[0].revision == ID_LIST_DELETED
          && uuid_equals(&refs[0].id, &ref.id));
    free(refs);
    free(text);
}

/* What a reload from 'n' to 'm' ports, with 'n_saved' besides, meets. */
static char *
refusal(int n, int m, size_t n_saved)
{
    struct topology *topology;
    struct sg_ref *saved = xcalloc(n_saved + 1, sizeof *saved);
    struct preview preview;
    struct core_fixture f;
    char *text;

    cf_setup(&f);
    for (size_t i = 0; i < n_saved; i++) {
        saved[i].id.parts[0] = i + 1;
    }
    core_set_saved(f.core, saved, n_saved);
    free(saved);
    core_set_topology(f.core, parse_ports(&f, n), 0, &f.at);
    topology = parse_ports(&f, m);
    preview_init(&preview, core_state(f.core), core_interest(f.core),
                 topology, true);
    CHECK_EQ(preview.n_ports, n + n_saved);
    text = preview_refusal(&preview);
    preview_uninit(&preview);
    topology_destroy(topology);
    cf_teardown(&f);
    return text;
}

TEST(what_deletes_more_than_half_must_be_insisted_on)
{
    CHECK_NO_ERROR(refusal(10, 0, 0));
    CHECK_ERROR(refusal(11, 0, 0), "would delete 11 of 11 ports");
    CHECK_NO_ERROR(refusal(40, 20, 0));
    CHECK_ERROR(refusal(40, 19, 0), "would delete 21 of 40 ports");
    CHECK_NO_ERROR(refusal(5, 30, 0));
    /* What an empty start has not shown to anybody yet counts as well. */
    CHECK_ERROR(refusal(10, 10, 30), "would delete 30 of 40 ports");
    CHECK_NO_ERROR(refusal(30, 30, 20));
}

TEST(what_was_deleted_before_a_start_is_no_loss)
{
    struct topology *topology;
    struct preview preview;
    struct core_fixture f;

    cf_setup(&f);
    core_set_topology(f.core, parse_ports(&f, 40), 0, &f.at);
    core_set_topology(f.core, parse_ports(&f, 5), CORE_CONFIRM, &f.at);
    restart(&f);
    core_set_topology(f.core, parse_ports(&f, 5), 0, &f.at);
    CHECK_EQ(state_n_saved(core_state(f.core)), 35);
    topology = parse_ports(&f, 5);
    preview_init(&preview, core_state(f.core), core_interest(f.core),
                 topology, true);
    CHECK_EQ(preview.changes.n, 35);
    CHECK_EQ(preview.n_ports, 5);
    CHECK_EQ(preview.n_ports_deleted, 0);
    preview_uninit(&preview);
    topology_destroy(topology);
    cf_teardown(&f);
}

TEST(a_preview_counts_and_changes_nothing)
{
    struct topology *topology;
    struct preview preview;
    struct core_fixture f;
    char *text;

    cf_setup(&f);
    cf_set_addresses(&f, "10.0.0.1");
    core_up(f.core, &f.at);
    cf_sync(&f);
    topology = parse_ports(&f, 2);
    preview_init(&preview, core_state(f.core), core_interest(f.core),
                 topology, true);
    text = preview_text(&preview);
    CHECK_STR(text, "2 ports, 1 rules, 0 members change; 0 ports are "
              "deleted; 1 hosts are told");
    free(text);
    preview_uninit(&preview);
    topology_destroy(topology);
    CHECK_OUTPUT(&f, "reply");
    CHECK_EQ(core_last_flush(f.core)->number, 1);
    cf_teardown(&f);
}
