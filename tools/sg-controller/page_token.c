/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/sg-controller/page_token.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/message.h"
#include "util.h"
#include "uuid.h"

static bool parse_number(const char **, char end, uint64_t max, uint64_t *);

char *
page_token_format(const struct page_token *token)
{
    return xasprintf("%"PRId64"/%s/"UUID_FMT"/%u/%"PRId64"/%zu",
                     token->page, sg_kind_name(token->ref.kind),
                     UUID_ARGS(&token->ref.id), token->part,
                     token->ref.revision, token->n_given);
}

/* It comes from outside: whatever it says, it only chooses where in its own
 * answer an agent goes on.  There is always a page behind it. */
bool
page_token_parse(const char *text, struct page_token *tokenp)
{
    struct page_token token;
    uint64_t page, part, revision, n_given;
    char word[UUID_LEN + 1];
    size_t len;

    memset(&token, 0, sizeof token);
    if (strlen(text) > PAGE_TOKEN_MAX
        || !parse_number(&text, '/', INT64_MAX - 1, &page) || page < 2) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        len = strcspn(text, "/");
        if (len >= sizeof word || text[len] != '/') {
            return false;
        }
        memcpy(word, text, len);
        word[len] = '\0';
        text += len + 1;
        if (i ? !sg_id_from_string(word, &token.ref.id)
              : !sg_kind_from_string(word, &token.ref.kind)) {
            return false;
        }
    }
    if (!parse_number(&text, '/', RPC_MAX_PARTS, &part)
        || !parse_number(&text, '/', INT64_MAX, &revision)
        || !parse_number(&text, '\0', SIZE_MAX, &n_given)) {
        return false;
    }
    token.page = page;
    token.part = part;
    token.ref.revision = revision;
    token.n_given = n_given;
    *tokenp = token;
    return true;
}

/* Decimal digits up to 'end', which is skipped unless it ends the text. */
static bool
parse_number(const char **textp, char end, uint64_t max, uint64_t *number)
{
    const char *p = *textp;
    uint64_t n = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned int digit = *p - '0';

        if (n > (max - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    if (p == *textp || *p != end) {
        return false;
    }
    *textp = p + (end != '\0');
    *number = n;
    return true;
}
