/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef FIREWALL_BACKEND_MEMORY_PRIVATE_H
#define FIREWALL_BACKEND_MEMORY_PRIVATE_H 1

/* The inside of the model in backend_memory.c, which has the lock, the tables
 * and the faults, for backend_memory_sets.c, which has the sets. */

#include <string.h>

#include "firewall/backend.h"
#include "sset.h"

/* What read() saw and commit() works on. */
struct open_table {
    bool open;
    struct fw_table table;
};

struct fault {
    int nth;                    /* Counts down; 0: none. */
    int error;
    bool persistent;
};

struct backend_memory {
    struct fw_backend up;
    unsigned int n_owners;
    struct fw_ruleset *state;
    struct hmap contents;       /* Of sets, by name. */
    struct open_table opened[SG_N_FAMILIES][FW_N_TABLES];
    bool locked;
    struct sset dumps;          /* Names of sets being listed. */
    struct fault faults[FW_N_FAULTS];
    uint64_t writes;
    uint64_t n_reads;           /* Of tables. */
    fw_backend_memory_cb *observer;
    void *aux;
    char *error;
};

static inline bool
terminated(const char *text, size_t size)
{
    return text[0] && memchr(text, '\0', size);
}

struct backend_memory *memory_cast(const struct fw_backend *);
/* Tells the observer. */
void memory_changed(const struct backend_memory *);
/* Keeps the sentence for error() and returns 'error'. */
int memory_failed(struct backend_memory *, int error, const char *what,
                  const char *name);
/* Does this operation fail by order of the test?  Then with this error.  A
 * write is counted as well. */
int memory_fault(struct backend_memory *, enum fw_fault_op, const char *name);
int memory_write_fault(struct backend_memory *, enum fw_fault_op,
                       const char *name);

void memory_sets_init(struct backend_memory *);
void memory_sets_uninit(struct backend_memory *);

/* Functions of the class. */
int memory_list_sets(struct fw_backend *, struct fw_ruleset *);
int memory_set_members(struct fw_backend *, const struct fw_set *,
                       struct sg_prefix_list *);
int memory_set_create(struct fw_backend *, const struct fw_set *);
int memory_set_add(struct fw_backend *, const struct fw_set *,
                   const struct sg_prefix *, size_t n, size_t *n_done);
int memory_set_del(struct fw_backend *, const struct fw_set *,
                   const struct sg_prefix *, size_t n, size_t *n_done);
int memory_set_swap(struct fw_backend *, const char *a, const char *b);
int memory_set_destroy(struct fw_backend *, const char *name);

#endif /* firewall/backend_memory-private.h */
