/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#ifndef SG_CONTROLLER_PAGE_TOKEN_H
#define SG_CONTROLLER_PAGE_TOKEN_H 1

/* Where the next page of an answer begins, as the text that the agent hands
 * back.  All of it is in the text, so that a page can be asked for twice and
 * a question that is given up leaves nothing behind.  Pure. */

#include "sg/types.h"

/* Bytes of a token, at most. */
#define PAGE_TOKEN_MAX 160

struct page_token {
    int64_t page;               /* Its number, from 2. */
    struct sg_ref ref;          /* The first object of the page... */
    unsigned int part;          /* ...from this part on, at the revision in
                                 * 'ref'; 0: all of it. */
    size_t n_given;             /* Objects on the pages before. */
};

char *page_token_format(const struct page_token *);     /* Malloc'd. */
bool page_token_parse(const char *, struct page_token *) SG_MUST_USE;

#endif /* tools/sg-controller/page_token.h */
