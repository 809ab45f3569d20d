/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What a message costs from the broker's socket to the loop.
 *
 *     tests/lib/with-broker build/tests/bench-amqp
 *
 * A child publishes messages of 350 bytes (a one-member change has about that
 * size), this process does nothing but receive and acknowledge them:
 * "isolated" one each 2 ms, "stream" back to back.  One JSON object per run:
 * CPU time of all threads of this process per message, with what it uses when
 * nothing comes subtracted; the time from publish to the loop; the switches
 * and the CPU time of each thread. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/amqp_client.h"
#include "tests/bench/cpu_account.h"
#include "tests/lib/amqp_peer.h"
#include "tests/lib/test.h"
#include "timeval.h"
#include "util.h"

#define MESSAGE_SIZE 350
#define DEFAULT_MESSAGES 1000
#define STREAM_FACTOR 20
#define GAP_US 2000
#define RUNS 5
#define IDLE_MS 500
#define NS_PER_US 1000.0

/* What the child is asked to publish. */
struct order {
    int n;
    int gap_us;
};

static int64_t *latencies;

/* The child's life. */
static void
publish_orders(int fd)
{
    struct peer *peer = peer_open();
    struct order order;

    while (read(fd, &order, sizeof order) == sizeof order) {
        peer_publish_many(peer, "sg-bench", "key", MESSAGE_SIZE, order.n,
                          order.gap_us);
    }
    peer_close(peer);
    exit(0);
}

/* Receives until 'n' bodies have come, or (n == 0) for IDLE_MS. */
static void
receive(struct amqp_client *client, int n)
{
    long long int end = time_msec() + (n ? 60000 : IDLE_MS);
    int got = 0;

    while ((!n || got < n) && time_msec() < end) {
        struct amqp_event event;
        uint64_t session = 0, delivery = 0;

        while (amqp_client_recv(client, &event)) {
            if (event.type == AMQP_BODY) {
                if (got < n) {
                    latencies[got++] = cpu_now_ns()
                        - strtoll(event.body, NULL, 10);
                }
                session = event.session;
                delivery = event.delivery;
            } else if (event.type == AMQP_DOWN) {
                ovs_fatal(0, "%s", event.reason);
            }
            amqp_event_uninit(&event);
        }
        if (delivery) {
            amqp_client_stored(client, session, delivery);
        }
        if (!n || got < n) {
            amqp_client_wait(client);
            poll_timer_wait_until(end);
            poll_block();
        }
    }
    if (got < n) {
        ovs_fatal(0, "%d of %d messages came", got, n);
    }
}

static int
compare(const void *a_, const void *b_)
{
    const int64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

static double
idle_share(struct amqp_client *client)
{
    struct cpu_account before, after;

    if (cpu_account_read(getpid(), &before)) {
        ovs_fatal(errno, "schedstat");
    }
    receive(client, 0);
    if (cpu_account_read(getpid(), &after)) {
        ovs_fatal(errno, "schedstat");
    }
    return (double) (after.total_ns - before.total_ns)
           / (after.wall_ns - before.wall_ns);
}

static void
run(struct amqp_client *client, int fd, const char *name, int n, int gap_us)
{
    const struct order order = { n, gap_us };
    struct cpu_account before, after;
    double idle = idle_share(client);
    double cpu;

    if (cpu_account_read(getpid(), &before)
        || write(fd, &order, sizeof order) != sizeof order) {
        ovs_fatal(errno, "cannot begin");
    }
    receive(client, n);
    if (cpu_account_read(getpid(), &after)) {
        ovs_fatal(errno, "schedstat");
    }
    cpu = (after.total_ns - before.total_ns)
          - idle * (after.wall_ns - before.wall_ns);
    qsort(latencies, n, sizeof *latencies, compare);
    printf("{\"bench\": \"amqp\", \"run\": \"%s\", \"messages\": %d, "
           "\"us_cpu_each\": %.2f, \"idle_share\": %.5f, "
           "\"us_p50\": %.0f, \"us_p99\": %.0f, ",
           name, n, cpu / n / NS_PER_US, idle,
           latencies[n / 2] / NS_PER_US, latencies[n * 99 / 100] / NS_PER_US);
    cpu_account_print(&before, &after, stdout);
    printf("}\n");
    fflush(stdout);
}

TEST(amqp)
{
    struct amqp_exchange_spec binding = {
        (char[]) { "sg-bench" }, (char[]) { "topic" }, (char[]) { "key" },
    };
    int n = DEFAULT_MESSAGES * test_rounds(1);
    struct amqp_config config;
    struct amqp_client *client;
    struct amqp_event event;
    int fds[2];
    pid_t child;

    peer_require_broker();
    REQUIRE(!pipe(fds));
    fflush(stdout);
    child = fork();
    REQUIRE(child >= 0);
    if (!child) {
        close(fds[1]);
        publish_orders(fds[0]);
    }
    close(fds[0]);

    amqp_config_default(&config);
    peer_config(&config);
    config.connection_name = "bench";
    config.queue = "sg-bench.*";
    config.bindings = &binding;
    config.n_bindings = 1;
    latencies = xcalloc(n * STREAM_FACTOR, sizeof *latencies);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    client = amqp_client_create(&config);
    REQUIRE(!amqp_client_start(client));
    while (!amqp_client_recv(client, &event)) {
        amqp_client_wait(client);
        poll_block();
    }
    CHECK_EQ(event.type, AMQP_UP);
    amqp_event_uninit(&event);

    for (int i = 0; i < RUNS; i++) {
        run(client, fds[1], "isolated", n, GAP_US);
        run(client, fds[1], "stream", n * STREAM_FACTOR, 0);
    }
    amqp_client_destroy(client);
    close(fds[1]);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    free(latencies);
}
