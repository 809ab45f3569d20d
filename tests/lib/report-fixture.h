/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_REPORT_FIXTURE_H
#define TESTS_LIB_REPORT_FIXTURE_H 1

/* What the agent's documents are made of: one port, p1 on tap1, and what else
 * they speak of as it is when all is well; and a look into them. */

#include <jansson.h>

#include "agent/report.h"

struct report_fixture {
    struct policy_store *store;
    struct sync *sync;
    struct port_status *ps;
    struct report_broker broker;
    struct report_saved saved;
    struct fw_stats fw;
    struct fw_result result;
    struct report_input in;
};

/* The port was told with 'answer', a text of update-text.h, and is in the
 * kernel; or NULL: the agent starts. */
void rf_init(struct report_fixture *, const char *answer);
void rf_uninit(struct report_fixture *);

#define ANSWER "port p1 rev=3 groups=g1 ip=1 pair=0.0.0.0/0 pair=2;" \
    "rules g1 rev=2 n=1 remote=g1 refused;" \
    "members g1 rev=7 +1 +2 +10.9.0.0/16 +2001:db8::1"

/* Reads a document, of which it takes ownership. */
json_t *rf_load(char *text);
/* Checks the value at "a.b.0.c", as text; "-" if there is none. */
void rf_check_path(json_t *root, const char *path, const char *expected,
                   int line);
#define PATH(J, P, EXPECTED) rf_check_path(J, P, EXPECTED, __LINE__)

#endif /* tests/lib/report-fixture.h */
