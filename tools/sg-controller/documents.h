/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_DOCUMENTS_H
#define SG_CONTROLLER_DOCUMENTS_H 1

/* What the control socket shows of the core, as JSON.
 *
 * Pure.  Each function appends to 'ds' one value, or members of an object
 * ("key": value, ...) where it says so.  Texts from outside go through
 * rpc_quote(), and all of it is printable ASCII. */

#include "openvswitch/dynamic-string.h"
#include "sg/types.h"

struct change_list;
struct controller_core;
struct core_flush;
struct preview;
struct topology;

/* Changed objects that are named; all are counted. */
#define DOCUMENT_MAX_CHANGES 10000

void document_string(struct ds *, const char *);        /* NULL: null. */
const char *document_bool(bool);

/* Members: epoch and the state of the core, then its counters without the
 * braces around them. */
void document_state(struct ds *, const struct controller_core *,
                    long long int now);
void document_counters(struct ds *, const struct controller_core *);
/* Members: epoch, revision, how many changes of each kind, messages
 * published. */
void document_flush(struct ds *, const struct controller_core *,
                    const struct core_flush *);
/* An array: the objects that changed. */
void document_changes(struct ds *, const struct change_list *);

/* An object each. */
void document_preview(struct ds *, const struct preview *);
void document_hosts(struct ds *, const struct controller_core *,
                    long long int now);
void document_latency(struct ds *, const struct controller_core *);
void document_topology(struct ds *, const struct topology *);

#endif /* tools/sg-controller/documents.h */
