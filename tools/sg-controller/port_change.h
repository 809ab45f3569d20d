/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_PORT_CHANGE_H
#define SG_CONTROLLER_PORT_CHANGE_H 1

/* Where the change of a port has to stand among rules that change with it.
 *
 * Pure.  A port has the rights of its groups at its addresses.  What it loses
 * must be gone before the rules that it would lose it with become another
 * list, and what it gains may come only after the rules that it comes with
 * are the new list: otherwise it has, for a moment, what neither the old
 * topology allows nor the new one. */

#include "sg/policy.h"

struct ref_set;

struct port_order {
    bool before;                /* It loses something under such rules. */
    bool after;                 /* It gains something under such rules. */
};

/* 'rules' are the lists that are updated with it. */
struct port_order port_change_order(const struct sg_port_spec *old,
                                    const struct sg_port_spec *new,
                                    const struct ref_set *rules);
/* What both are: 'new' without what it gains.  Fills in 'common', which the
 * caller uninitialises. */
void port_change_common(const struct sg_port_spec *old,
                        const struct sg_port_spec *new,
                        struct sg_port_spec *common);

#endif /* tools/sg-controller/port_change.h */
