/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "sg/update.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

const char *
sg_method_name(enum sg_method method)
{
    switch (method) {
#define SG_METHOD(ENUM, NAME) case SG_METHOD_##ENUM: return NAME;
    SG_METHODS
#undef SG_METHOD
    }
    OVS_NOT_REACHED();
}

bool
sg_method_from_string(const char *text, enum sg_method *method)
{
#define SG_METHOD(ENUM, NAME)           \
    if (!strcmp(text, NAME)) {          \
        *method = SG_METHOD_##ENUM;     \
        return true;                    \
    }
    SG_METHODS
#undef SG_METHOD
    return false;
}

void
sg_update_init(struct sg_update *update, enum sg_method method)
{
    memset(update, 0, sizeof *update);
    update->method = method;
}

/* Frees what 'update' owns, all arrays whether the method uses them or not; it
 * must be initialised again before any use. */
void
sg_update_uninit(struct sg_update *update)
{
    for (size_t i = 0; i < update->n_ports; i++) {
        sg_port_spec_uninit(&update->ports[i]);
    }
    free(update->ports);
    for (size_t i = 0; i < update->n_rules; i++) {
        sg_rules_spec_uninit(&update->rules[i]);
    }
    free(update->rules);
    for (size_t i = 0; i < update->n_members; i++) {
        sg_members_spec_uninit(&update->members[i]);
    }
    free(update->members);
    free(update->deleted);
    free(update->unknown);
    free(update->bad);
    sg_refusals_free(update->problems, update->n_problems);
    free(update->entries);
    free(update->ack);
    free(update->next);
    free(update->digest);
    sg_texts_free(update->boots, update->n_boots);
    free(update->refs);
}

/* Frees an array of 'n' malloc'd texts. */
void
sg_texts_free(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(texts[i]);
    }
    free(texts);
}

/* Frees both lists and leaves them empty. */
void
sg_members_spec_uninit(struct sg_members_spec *spec)
{
    sg_prefix_list_uninit(&spec->added);
    sg_prefix_list_uninit(&spec->removed);
}

/* Frees what 'request' owns; an all-zero one owns nothing. */
void
sg_sync_request_uninit(struct sg_sync_request *request)
{
    free(request->host);
    free(request->boot);
    free(request->ports);
    free(request->objects);
    free(request->have);
    free(request->digest);
    free(request->page);
}

/* Frees what 'report' owns; an all-zero one owns nothing. */
void
sg_report_uninit(struct sg_report *report)
{
    free(report->host);
    free(report->boot);
    free(report->digest);
    free(report->state);
    sg_texts_free(report->reasons, report->n_reasons);
    sg_texts_free(report->acked, report->n_acked);
}
