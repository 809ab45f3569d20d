/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_TOPOLOGY_H
#define SG_CONTROLLER_TOPOLOGY_H 1

/* What the network looks like: security groups with their rules, address
 * groups, ports.  Read from YAML; etc/topology.yaml explains every key.
 *
 * Pure.  A topology is a value: parsed and checked as a whole, and not changed
 * once it is in force; a patch changes a copy.  Two of them are compared by
 * diff.h.
 *
 * Parsing is strict: an unknown key, a key twice, a wrong type, a value out
 * of range, a tag, a reference to something that is not defined refuses the
 * whole text with one sentence, "FILE:LINE:COLUMN: KEY: what is wrong".  The
 * limits are those of the wire, so that what was read can also be sent.
 *
 * The member list of every group is derived from the ports as a set: see
 * membership.h. */

#include "sg/update.h"

struct rpc_limits;

/* Bytes of a topology text, and how many ports and groups it may define. */
#define TOPOLOGY_MAX_BYTES (64 * 1024 * 1024)
#define TOPOLOGY_MAX_PORTS 100000
#define TOPOLOGY_MAX_GROUPS 50000

struct topology_port {
    struct hmap_node node;      /* In topology 'ports', by id. */
    struct sg_port_spec spec;   /* Revision 0. */
    char *host;                 /* Where it is, for people; or NULL. */
};

/* A security group or an address group; both travel as groups. */
struct topology_group {
    struct hmap_node node;      /* In topology 'groups', by id. */
    struct uuid id;
    bool is_address_group;
    struct sg_rules_spec rules; /* Empty for an address group; revision 0. */
    struct sg_members members;
    struct sg_prefix_list sorted;       /* The members as they travel. */
};

struct topology {
    struct hmap ports;          /* Contains "struct topology_port"s. */
    struct hmap groups;         /* Contains "struct topology_group"s. */
};

/* Parses 'text' of 'len' bytes; 'file' is only for the messages.  On success
 * stores a new topology, which the caller destroys. */
char *topology_parse(const char *text, size_t len, const char *file,
                     const struct rpc_limits *, struct topology **)
    SG_MUST_USE;

/* Changes 'topology' as 'text' says: groups, address groups and ports as in a
 * topology, which take the place of those with their ids or are new, and the
 * ids in `remove_ports` and `remove_groups`.  On failure nothing has changed.
 * To be followed by topology_complete(), once for any number of patches. */
char *topology_patch(struct topology *, const char *text, size_t len,
                     const char *file, const struct rpc_limits *)
    SG_MUST_USE;
/* Derives the members of all groups anew. */
char *topology_complete(struct topology *, const struct rpc_limits *)
    SG_MUST_USE;

struct topology *topology_create(void);
/* A copy that may be patched, and has to be completed. */
struct topology *topology_clone(const struct topology *);
void topology_destroy(struct topology *);
/* What is in no topology. */
void topology_port_destroy(struct topology_port *);
void topology_group_destroy(struct topology_group *);

const struct topology_port *topology_port(const struct topology *,
                                          const struct uuid *);
const struct topology_group *topology_group(const struct topology *,
                                            const struct uuid *);

/* Does it have this object? */
bool topology_has(const struct topology *, enum sg_kind, const struct uuid *);

/* The whole member list of a group as it travels, sorted; that was done when
 * the topology was read, so an answer costs a copy.  Fills in 'spec', which
 * the caller uninitialises. */
void topology_group_members(const struct topology_group *, int64_t revision,
                            struct sg_members_spec *spec);

struct topology_counts {
    size_t n_ports, n_groups, n_address_groups, n_rules, n_members;
};
void topology_count(const struct topology *, struct topology_counts *);

#endif /* tools/sg-controller/topology.h */
