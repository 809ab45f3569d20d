/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "firewall/l2_tables.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* NULL for those that no IP packet on a bridge meets. */
static const char *
family_name(uint8_t family)
{
    switch (family) {
    case NFPROTO_IPV4:
        return "ip";
    case NFPROTO_IPV6:
        return "ip6";
    case NFPROTO_INET:
        return "inet";
    default:
        return NULL;
    }
}

static bool
is(const struct l2_table *t, uint8_t family, const char *name)
{
    return t->family == family && !strcmp(t->name, name);
}

/* How many are in the array. */
static size_t
n_kept(const struct l2_tables *tables)
{
    return MIN(tables->n, L2_TABLES_NAMED + 1);
}

void
l2_tables_add(struct l2_tables *tables, uint8_t family, const char *name)
{
    struct l2_table *t;

    if (!family_name(family)) {
        return;
    }
    for (size_t i = 0; i < n_kept(tables); i++) {
        if (is(&tables->p[i], family, name)) {
            return;
        }
    }
    t = &tables->p[MIN(tables->n, L2_TABLES_NAMED)];
    t->family = family;
    ovs_strlcpy(t->name, name, sizeof t->name);
    tables->n++;
}

bool
l2_tables_equal(const struct l2_tables *a, const struct l2_tables *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < n_kept(a); i++) {
        if (!is(&a->p[i], b->p[i].family, b->p[i].name)) {
            return false;
        }
    }
    return true;
}

/* A name may have any bytes, those that separate names among them. */
static void
put_name(const char *name, struct ds *s)
{
    size_t i;

    for (i = 0; i < L2_TABLE_NAME_SHOWN && name[i]; i++) {
        unsigned char c = name[i];

        if (c > ' ' && c < 0x7f && c != ',' && c != '\\') {
            ds_put_char(s, c);
        } else {
            ds_put_format(s, "\\x%02x", c);
        }
    }
    if (name[i]) {
        ds_put_cstr(s, "...");
    }
}

char *
l2_tables_names(const struct l2_tables *tables)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!tables->n) {
        return NULL;
    }
    for (size_t i = 0; i < MIN(tables->n, L2_TABLES_NAMED); i++) {
        ds_put_format(&s, "%s%s ", i ? ", " : "",
                      family_name(tables->p[i].family));
        put_name(tables->p[i].name, &s);
    }
    if (tables->n > L2_TABLES_NAMED) {
        ds_put_format(&s, " and %"PRIuSIZE" more",
                      tables->n - L2_TABLES_NAMED);
    }
    return ds_steal_cstr(&s);
}
