/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_FIELDS_H
#define SG_CONTROLLER_FIELDS_H 1

/* Values of a topology that are texts in YAML: ids, addresses, MACs, labels.
 *
 * Pure; on top of reader.h and with its conventions.  'parent' is the mapping
 * that should have the value: where to point if it is missing (NULL). */

#include "tools/sg-controller/reader.h"

bool field_id(struct reader *, const struct reader_node *parent,
              const struct reader_node *, const char *key, struct uuid *)
    SG_MUST_USE;
bool field_mac(struct reader *, const struct reader_node *parent,
               const struct reader_node *, const char *key, struct sg_mac *)
    SG_MUST_USE;
/* An address or prefix that an instance may have. */
bool field_prefix(struct reader *, const struct reader_node *parent,
                  const struct reader_node *, const char *key,
                  struct sg_prefix *) SG_MUST_USE;
bool field_address(struct reader *, const struct reader_node *parent,
                   const struct reader_node *, const char *key,
                   struct sg_prefix *) SG_MUST_USE;

/* Names and the like are for people, not for policy: those of 'values' that
 * are there only have to be texts. */
bool field_labels(struct reader *, const struct reader_node *const *values,
                  const char *const *keys, size_t n) SG_MUST_USE;

#endif /* tools/sg-controller/fields.h */
