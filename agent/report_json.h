/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef AGENT_REPORT_JSON_H
#define AGENT_REPORT_JSON_H 1

/* Values of the vocabulary as JSON, for the files of report. */

#include <jansson.h>

#include "sg/types.h"

/* jansson refuses what is not UTF-8: such a text is replaced by a remark. */
json_t *report_string(const char *);
/* NULL becomes null. */
json_t *report_nullable(const char *);
/* A zero id becomes null. */
json_t *report_id(const struct uuid *);
json_t *report_prefix(const struct sg_prefix *);
json_t *report_count(uint64_t);
/* Milliseconds from 'then' to 'now'; null if 'then' is LLONG_MIN. */
json_t *report_age(long long int now, long long int then);
/* A rule of the packet filter, and one edit of a table. */
struct fw_rule;
struct fw_edit;
json_t *report_rule_json(const struct fw_rule *, enum sg_family);
json_t *report_edit_json(const struct fw_edit *, enum sg_family);
/* What report_loop() says. */
struct loop_watch;
json_t *report_loop_json(const struct loop_watch *, long long int now);
/* Takes ownership of 'json'; a malloc'd text of one line. */
char *report_text(json_t *json);

#endif /* agent/report_json.h */
