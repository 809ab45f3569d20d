/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_PREVIEW_H
#define SG_CONTROLLER_PREVIEW_H 1

/* What a topology would change, before it does.  Pure. */

#include "tools/sg-controller/diff.h"

struct interest;
struct state;

/* A topology without more than half of the ports, and more than a few, is more
 * likely an accident than an intention. */
#define PREVIEW_FEW_PORTS 10

struct preview {
    struct change_list changes; /* Without revisions. */
    size_t n_kind[SG_N_KINDS];  /* How many of each kind. */
    size_t n_members;           /* Addresses that join or leave. */
    size_t n_hosts;             /* That are told. */
    size_t n_ports;             /* That hosts may have now... */
    size_t n_ports_deleted;     /* ...and of those, would be deleted. */
};

/* 'confirm': also what state_confirm() would delete. */
void preview_init(struct preview *, const struct state *,
                  const struct interest *, const struct topology *,
                  bool confirm);
void preview_uninit(struct preview *);

/* NULL, or why it should not be done without being insisted on. */
char *preview_refusal(const struct preview *) SG_MUST_USE;
/* "3 ports, 1 rules, 4 members change; ..." */
char *preview_text(const struct preview *);

#endif /* tools/sg-controller/preview.h */
