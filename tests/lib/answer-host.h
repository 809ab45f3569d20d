/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef TESTS_LIB_ANSWER_HOST_H
#define TESTS_LIB_ANSWER_HOST_H 1

/* A host that takes answers to `sync` through both lanes into the model
 * kernel, as an agent does, turn by turn. */

#include "firewall/firewall.h"
#include "tests/lib/answer-store.h"

struct answer_host {
    struct policy_store *store;
    struct fw_backend *backend;
    struct firewall *fw;
    bool started;               /* Just now: an apply is due. */
};

/* Of the answer only the bindings count.  The first answer is still to
 * come. */
void answer_host_init(struct answer_host *, const struct answer *);
void answer_host_uninit(struct answer_host *);
/* One turn of the loop, and as many more as the structure lane needs. */
void answer_host_turn(struct answer_host *);
/* The firewall begins anew with the kernel as it is. */
void answer_host_restart(struct answer_host *);
/* What the model kernel does. */
struct eval_filter answer_host_filter(const struct answer_host *);

#endif /* tests/lib/answer-host.h */
