/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* amqp_client against a broker that does not do what it should: at each stage
 * of connecting, in the middle of a message, and in silence. */

#include <config.h>
#include "rpc/amqp_client.h"

#include <stdlib.h>
#include <string.h>

#include "tests/conformance/amqp_fixture.h"
#include "tests/lib/amqp_fake.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

/* Deadline of a stage, and what a busy machine may add to it. */
#define STAGE_MS 700
#define SLACK_MS 2500

struct scene {
    struct fake_plan plan;
    struct fake *fake;
    struct amqp_broker broker;
    struct amqp_config config;
    struct amqp_client *client;
    long long int began;
};

static char host[] = "127.0.0.1", vhost[] = "/", name[] = "test",
    queue[] = "sg-test.*", exchange[] = "sg-test", topic[] = "topic",
    key[] = "key";

static struct amqp_exchange_spec binding = { exchange, topic, key };

/* Prepares a client and the plan of a broker that does nothing wrong. */
static void
scene_init(struct scene *s)
{
    memset(s, 0, sizeof *s);
    fake_plan_init(&s->plan);
    amqp_config_default(&s->config);
    s->broker.host = host;
    s->config.brokers = &s->broker;
    s->config.n_brokers = 1;
    s->config.vhost = vhost;
    s->config.user = s->config.password = s->config.connection_name = name;
    s->config.queue = queue;
    s->config.bindings = &binding;
    s->config.n_bindings = 1;
    s->config.stage_timeout_ms = STAGE_MS;
}

static void
scene_start(struct scene *s)
{
    s->fake = fake_start(&s->plan);
    s->broker.port = fake_port(s->fake);
    s->began = time_msec();
    s->client = fixture_start(&s->config);
}

static void
scene_end(struct scene *s)
{
    amqp_client_destroy(s->client);
    fake_stop(s->fake);
}

/* --- Stages (F05, F08) --------------------------------------------------- */

static const struct {
    const char *stage;
    unsigned int connection;
    uint32_t at;
} steps[] = {
    { "login", 0, FAKE_AT_HEADER },
    { "login", 0, FAKE_METHOD(10, 11) },    /* start-ok */
    { "login", 0, FAKE_METHOD(10, 40) },    /* connection.open */
    { "login", 1, FAKE_AT_HEADER },
    { "login", 1, FAKE_METHOD(10, 40) },
    { "channel", 0, FAKE_METHOD(20, 10) },  /* channel.open */
    { "channel", 0, FAKE_METHOD(60, 10) },  /* basic.qos */
    { "channel", 1, FAKE_METHOD(20, 10) },
    { "channel", 1, FAKE_METHOD(85, 10) },  /* confirm.select */
    { "declare", 0, FAKE_METHOD(50, 10) },  /* queue.declare */
    { "bind", 0, FAKE_METHOD(40, 10) },     /* exchange.declare */
    { "bind", 0, FAKE_METHOD(50, 20) },     /* queue.bind */
    { "consume", 0, FAKE_METHOD(60, 20) },  /* basic.consume */
};

/* Has a broker fail at each step, all at the same time: the reason names the
 * stage and 'text', and comes after 'min_ms' and one deadline at the latest;
 * the next broker of the list, which is fine, is tried then. */
static void
fail_everywhere(enum fake_fault fault, const char *text, int min_ms)
{
    struct scene scenes[ARRAY_SIZE(steps)];

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        scene_init(&scenes[i]);
        scenes[i].plan.connection = steps[i].connection;
        scenes[i].plan.at = steps[i].at;
        scenes[i].plan.fault = fault;
        scene_start(&scenes[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct scene *s = &scenes[i];
        char *prefix = xasprintf("%s: ", steps[i].stage);
        struct amqp_event event;
        long long int took;

        expect(s->client, AMQP_DOWN, &event);
        took = time_msec() - s->began;
        CHECK_UEQ(event.session, 0);
        if (strncmp(event.reason, prefix, strlen(prefix))
            || !strstr(event.reason, text)) {
            FAIL("step %zu: %s", i, event.reason);
        }
        CHECK_CONTAINS(status_of(s->client).last_error, prefix);
        CHECK(took >= min_ms);
        CHECK(took < STAGE_MS + SLACK_MS);
        amqp_event_uninit(&event);
        free(prefix);
    }
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        scene_end(&scenes[i]);
    }
}

TEST(silence_at_each_stage)
{
    fail_everywhere(FAKE_SILENCE, "does not answer", STAGE_MS - 10);
}

TEST(drip_at_each_stage)
{
    fail_everywhere(FAKE_DRIP, "does not answer", STAGE_MS - 10);
}

TEST(half_an_answer_at_each_stage)
{
    fail_everywhere(FAKE_HALF, "does not answer", STAGE_MS - 10);
}

TEST(flood_at_each_stage)
{
    fail_everywhere(FAKE_FLOOD, "does not answer", STAGE_MS - 10);
}

TEST(rst_at_each_stage)
{
    fail_everywhere(FAKE_RST, "onnection", 0);
}

TEST(fin_at_each_stage)
{
    fail_everywhere(FAKE_FIN, "closed the connection", 0);
}

/* A broker that is silent costs one deadline, then the next one is tried. */
TEST(next_broker)
{
    struct scene bad, good;
    struct amqp_broker brokers[2];
    struct amqp_event event;
    bool up;

    scene_init(&bad);
    bad.plan.at = FAKE_METHOD(50, 10);
    bad.plan.fault = FAKE_SILENCE;
    bad.fake = fake_start(&bad.plan);
    scene_init(&good);
    good.fake = fake_start(&good.plan);
    brokers[0] = brokers[1] = good.broker;
    brokers[0].port = fake_port(good.fake);
    brokers[1].port = fake_port(bad.fake);
    good.config.brokers = brokers;
    good.config.n_brokers = 2;
    good.client = fixture_start(&good.config);
    do {
        REQUIRE(next_event(good.client, &event, LIMIT_MS));
        up = event.type == AMQP_UP;
        CHECK(up || strstr(event.reason, "declare: "));
        amqp_event_uninit(&event);
    } while (!up);
    scene_end(&good);
    fake_stop(bad.fake);
}

/* The end of the client does not wait for a stage that hangs. */
TEST(destroy_in_a_stage)
{
    struct scene s;
    long long int began;

    scene_init(&s);
    s.config.stage_timeout_ms = 20000;
    s.plan.at = FAKE_METHOD(60, 20);
    scene_start(&s);
    WAIT_UNTIL(status_of(s.client).stage == AMQP_STAGE_CONSUME);
    began = time_msec();
    amqp_client_destroy(s.client);
    CHECK(time_msec() - began < SLACK_MS);
    fake_stop(s.fake);
}

/* --- What is agreed on --------------------------------------------------- */

TEST(frame_sizes)
{
    static const struct {
        uint32_t frame_max;
        bool ok;
    } cases[] = {
        { 1, false }, { 7, false }, { 8, false }, { 12, false },
        { 100, false }, { 4095, false }, { 4096, true }, { 0, true },
        { UINT32_MAX, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct amqp_event event;
        struct scene s;

        scene_init(&s);
        s.plan.frame_max = cases[i].frame_max;
        scene_start(&s);
        expect(s.client, cases[i].ok ? AMQP_UP : AMQP_DOWN, &event);
        if (cases[i].ok) {
            const struct amqp_publish p = { .exchange = "x" };

            /* Many frames of the smallest size, and of the largest. */
            CHECK_EQ(amqp_client_publish(s.client, &p, xzalloc(300000),
                                         300000), 0);
            WAIT_UNTIL(status_of(s.client).published == 1);
        } else {
            CHECK_CONTAINS(event.reason, "login: the broker allows frames");
        }
        amqp_event_uninit(&event);
        scene_end(&s);
    }
}

/* --- In the middle of a message ------------------------------------------ */

#define DELIVER(CHANNEL)                                                \
    "\1\0" CHANNEL "\0\0\0\22" "\0\74\0\74" "\1c"                      \
    "\0\0\0\0\0\0\0\1" "\0" "\1x" "\0" "\316"
#define HEADER(SIZE)                                                    \
    "\2\0\1\0\0\0\16" "\0\74\0\0" SIZE "\0\0" "\316"
#define SIZE4 "\0\0\0\0\0\0\0\4"
#define HUGE "\200\0\0\0\0\0\0\0"
#define BODY4 "\3\0\1\0\0\0\4" "abcd" "\316"
#define BODY5 "\3\0\1\0\0\0\5" "abcde" "\316"
#define HEARTBEAT "\10\0\0\0\0\0\0\316"
#define CASE(BYTES, TEXT) { BYTES, sizeof BYTES - 1, TEXT }

TEST(wrong_frames)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } cases[] = {
        CASE(BODY4, "impossible order"),
        CASE(HEADER(SIZE4), "impossible order"),
        CASE(DELIVER("\1") BODY4, "impossible order"),
        CASE(DELIVER("\1") DELIVER("\1"), "impossible order"),
        CASE(DELIVER("\1") HEADER(SIZE4) HEADER(SIZE4), "impossible order"),
        CASE(DELIVER("\1") HEADER(SIZE4) DELIVER("\1"), "impossible order"),
        CASE(DELIVER("\1") HEADER(SIZE4) BODY5, "longer than announced"),
        CASE(DELIVER("\1") HEADER(HUGE) BODY5 BODY4 DELIVER("\1"),
             "impossible order"),
        /* tx.select-ok, which we did not ask for; a method of no class. */
        CASE(DELIVER("\1") HEADER(SIZE4)
             "\1\0\1\0\0\0\4\0\132\0\13\316", "not for us"),
        CASE("\1\0\1\0\0\0\4\377\377\377\377\316", "not for us"),
        /* Shorter than their own fields. */
        CASE("\1\0\1\0\0\0\0\316" BODY5, "shorter than its own"),
        CASE("\1\0\1\0\0\0\3\0\74\0\316" BODY5,
             "shorter than its own"),
        CASE(DELIVER("\1") "\2\0\1\0\0\0\14\0\74\0\0" SIZE4 "\316",
             "shorter than its own"),
        CASE("\1\0\1\0\0\0\5\0\74\0\74\1\316", "invalid AMQP"),
        /* Of another class, of no type, without end, on no channel. */
        CASE(DELIVER("\1") "\2\0\1\0\0\0\16\0\62\0\0" SIZE4
             "\0\0\316", "unknown class"),
        CASE("\5\0\1\0\0\0\0\316", "unknown type"),
        CASE("\1\0\1\0\0\0\4\0\24\0\13\0", "invalid AMQP"),
        CASE(DELIVER("\1") "\2\0\1\0\0\0\16\0\74\0\0" SIZE4
             "\0\0\0", "without an end"),
        CASE(DELIVER("\3"), "never opened"),
        CASE("\3\0\1\377\377\377\377", "larger than agreed"),
        CASE("\3\0\1\0\2\0\0", "larger than agreed"),
        CASE("\10\0\1\0\0\0\0\316", "heartbeat"),
        CASE("AMQP\0\0\11\1", "larger than agreed"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct amqp_event event;
        struct scene s;

        scene_init(&s);
        s.plan.then = cases[i].bytes;
        s.plan.then_len = cases[i].len;
        scene_start(&s);
        expect_only(s.client, AMQP_UP);
        do {
            REQUIRE(next_event(s.client, &event, LIMIT_MS));
            if (event.type == AMQP_DOWN
                && !strstr(event.reason, cases[i].text)) {
                FAIL("case %zu: %s", i, event.reason);
            }
            amqp_event_uninit(&event);
        } while (event.type == AMQP_TOO_LARGE);
        scene_end(&s);
    }
}

/* A heartbeat may come between any two frames. */
TEST(heartbeat_in_a_message)
{
    static const char bytes[]
        = DELIVER("\1") HEARTBEAT HEADER(SIZE4) HEARTBEAT BODY4;
    uint64_t session, delivery;
    struct scene s;

    scene_init(&s);
    s.plan.then = bytes;
    s.plan.then_len = sizeof bytes - 1;
    scene_start(&s);
    expect_only(s.client, AMQP_UP);
    expect_body(s.client, "abcd", &session, &delivery);
    CHECK_UEQ(delivery, 1);
    scene_end(&s);
}

/* The end in the middle of a message, and of a frame. */
TEST(end_in_a_message)
{
    static const char bytes[] = DELIVER("\1") HEADER(SIZE4) BODY4;
    static const enum fake_fault ends[] = { FAKE_RST, FAKE_FIN };

    for (size_t len = 1; len < sizeof bytes - 1; len++) {
        struct amqp_event event;
        struct scene s;

        scene_init(&s);
        s.plan.then = bytes;
        s.plan.then_len = len;
        s.plan.ends = true;
        s.plan.end = ends[len % 2];
        scene_start(&s);
        expect_only(s.client, AMQP_UP);
        expect(s.client, AMQP_DOWN, &event);
        CHECK_UEQ(event.session, 1);
        CHECK_CONTAINS(event.reason, "onnection");
        amqp_event_uninit(&event);
        scene_end(&s);
    }
}

/* --- Silence ------------------------------------------------------------- */

/* Nothing is heard on one of the two connections any more, also if that is
 * in the middle of a frame. */
TEST(silent_connection)
{
    static const char half[] = "\3\0\1\0\0";

    for (int i = 0; i < 3; i++) {
        struct amqp_event event;
        struct scene s;
        long long int took;

        scene_init(&s);
        s.config.heartbeat = 2;
        s.plan.beats[i % 2] = false;
        if (i == 2) {
            s.plan.then = half;
            s.plan.then_len = sizeof half - 1;
            s.plan.ends = true;
            s.plan.end = FAKE_SILENCE;
        }
        scene_start(&s);
        expect_only(s.client, AMQP_UP);
        expect(s.client, AMQP_DOWN, &event);
        took = time_msec() - s.began;
        CHECK_CONTAINS(event.reason, "the broker is silent");
        CHECK_EQ(i == 1, strstr(event.reason, "publish: ") != NULL);
        CHECK(took >= 2000);
        CHECK(took < 3000 + SLACK_MS);
        amqp_event_uninit(&event);
        scene_end(&s);
    }
}

/* A loop that takes nothing keeps the client from reading; that is not the
 * broker's silence. */
TEST(silence_while_paused)
{
    static const char bytes[]
        = DELIVER("\1") HEADER(SIZE4) BODY4 DELIVER("\1") HEADER(SIZE4) BODY4;
    uint64_t session, delivery;
    struct amqp_event event;
    struct scene s;

    scene_init(&s);
    s.config.heartbeat = 2;
    s.config.max_in = 1;
    s.plan.then = bytes;
    s.plan.then_len = sizeof bytes - 1;
    s.plan.ends = true;
    s.plan.end = FAKE_SILENCE;
    scene_start(&s);
    WAIT_UNTIL(status_of(s.client).in_bytes > 0);
    poll(NULL, 0, 4000);
    CHECK_EQ(status_of(s.client).stage, AMQP_STAGE_UP);
    expect_only(s.client, AMQP_UP);
    expect_body(s.client, "abcd", &session, &delivery);
    expect_body(s.client, "abcd", &session, &delivery);
    expect(s.client, AMQP_DOWN, &event);
    CHECK_CONTAINS(event.reason, "the broker is silent");
    CHECK_UEQ(event.session, 1);
    amqp_event_uninit(&event);
    scene_end(&s);
}
