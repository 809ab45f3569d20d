/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_PORT_READER_H
#define SG_CONTROLLER_PORT_READER_H 1

/* One port of a topology. */

#include "sg/policy.h"

struct reader;
struct reader_node;
struct ref_set;
struct rpc_limits;
struct topology;

struct port_context {
    struct reader *reader;
    const struct rpc_limits *limits;
    const struct topology *topology;    /* With all groups. */
    const struct ref_set *taken;        /* With the ports of this text. */
};

/* Reads the port at 'node' into 'spec', all zero before, which owns what was
 * read even on failure; '*host', NULL before, becomes a malloc'd name if there
 * is one.  Refuses a port whose id is taken. */
bool port_read(const struct port_context *, const struct reader_node *,
               struct sg_port_spec *, char **host) SG_MUST_USE;

#endif /* tools/sg-controller/port_reader.h */
