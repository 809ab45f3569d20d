/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_SIM_CLOUD_H
#define TESTS_LIB_SIM_CLOUD_H 1

/* Agents, controllers and a broker on a virtual clock.  Both sides are the
 * programs' own code as far as it is pure, and what they say to each other
 * goes as bytes.  Everything that happens follows from one seed. */

#include "tests/lib/sim-agent.h"
#include "tests/lib/sim-bus.h"
#include "tests/lib/sim-controller.h"
#include "tests/lib/sim-world.h"

#define CLOUD_MAX_AGENTS 3
#define CLOUD_CONTROLLERS 2

/* What happened; the test wants each to have happened often enough. */
#define CLOUD_EVENTS                                                    \
    CLOUD_EVENT(CHANGES, "changes of the world")                        \
    CLOUD_EVENT(PURGES, "most ports deleted or emptied at once")        \
    CLOUD_EVENT(OLD_CHANGES, "changes that only a replaced one heard")  \
    CLOUD_EVENT(PLUGS, "ports plugged and unplugged")                   \
    CLOUD_EVENT(AGENT_BREAKS, "agents lost the broker")                 \
    CLOUD_EVENT(AGENT_RESTARTS, "agents restarted")                     \
    CLOUD_EVENT(CONTROLLER_BREAKS, "controllers lost the broker")       \
    CLOUD_EVENT(CONTROLLER_RESTARTS, "controllers restarted")           \
    CLOUD_EVENT(EMPTY_STARTS, "controllers started empty")              \
    CLOUD_EVENT(TRUNCATED_STARTS, "controllers started truncated")      \
    CLOUD_EVENT(OLD_STARTS, "controllers started with an old world")    \
    CLOUD_EVENT(SPLITS, "two controllers at once")                      \
    CLOUD_EVENT(BROKER_RESTARTS, "broker restarted")                    \
    CLOUD_EVENT(NAMESAKES, "schedules with two agents of one name")     \
    CLOUD_EVENT(UNBINDABLE, "bindings refused")                         \
    CLOUD_EVENT(BINDINGS_LOST, "bindings lost")                         \
    CLOUD_EVENT(RENEWED, "bindings made again")                         \
    CLOUD_EVENT(OVERFLOWS, "queues overflowed")                         \
    CLOUD_EVENT(LOST, "messages lost")                                  \
    CLOUD_EVENT(DOUBLED, "messages doubled")                            \
    CLOUD_EVENT(GARBLED, "messages garbled")                            \
    CLOUD_EVENT(OVERTAKEN, "messages overtaken")                        \
    CLOUD_EVENT(EXPIRED, "questions expired")                           \
    CLOUD_EVENT(TWICE, "questions that came twice")                     \
    CLOUD_EVENT(RESYNCS, "hosts told that their digest is wrong")       \
    CLOUD_EVENT(DUPLICATE, "agents that heard of a namesake")           \
    CLOUD_EVENT(CONFLICTS, "agents that heard of conflicting epochs")   \
    CLOUD_EVENT(GAPS, "gaps noticed")                                   \
    CLOUD_EVENT(OLD_EPOCHS, "messages of an earlier epoch")             \
    CLOUD_EVENT(SAME, "digests that were right")                        \
    CLOUD_EVENT(DIFFER, "digests that were wrong")                      \
    CLOUD_EVENT(PAGES, "pages after the first")                         \
    CLOUD_EVENT(PARTS, "parts of lists")                                \
    CLOUD_EVENT(MORE, "beacons that say there is more")                 \
    CLOUD_EVENT(INLINE, "bodies that a change brought along")           \
    CLOUD_EVENT(HELD, "objects held back by mass_removal")              \
    CLOUD_EVENT(TIMEOUTS, "questions without an answer")                \
    CLOUD_EVENT(KEPT, "looks at last good of an earlier epoch")         \
    CLOUD_EVENT(HONEST, "looks whether \"in sync\" is true")            \
    CLOUD_EVENT(CHECKS, "looks at all that an agent holds")             \
    CLOUD_EVENT(BODIES, "bodies that agents got")
enum cloud_event {
#define CLOUD_EVENT(ENUM, NAME) CLOUD_##ENUM,
    CLOUD_EVENTS
#undef CLOUD_EVENT
    CLOUD_N_EVENTS
};
const char *cloud_event_name(enum cloud_event);

/* Plays one schedule.  Reports by FAIL; adds to 'counts'.  With 'trace', says
 * what happens.  Returns how long the agents needed in the end until they were
 * right, virtual ms. */
long long int cloud_play(uint64_t seed, bool trace,
                         uint64_t counts[CLOUD_N_EVENTS]);

#endif /* tests/lib/sim-cloud.h */
