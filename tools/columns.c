/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tools/columns.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Blanks between two columns. */
#define GAP 2

static void print_row(const struct columns *, const size_t *widths,
                      const char *const *cells, struct ds *);
static bool is_right(const struct columns *, size_t column);
static const char *header(const struct columns *, size_t column);

void
columns_init(struct columns *columns, const char *const *headers)
{
    memset(columns, 0, sizeof *columns);
    columns->headers = headers;
    while (headers[columns->n]) {
        columns->n++;
    }
}

void
columns_uninit(struct columns *columns)
{
    for (size_t i = 0; i < columns->n_cells; i++) {
        free(columns->cells[i]);
    }
    free(columns->cells);
}

void
columns_put(struct columns *columns, const char *format, ...)
{
    struct ds safe = DS_EMPTY_INITIALIZER;
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    columns_put_safe(&safe, *text ? text : "-", COLUMNS_ONE_LINE);
    free(text);

    if (columns->n_cells >= columns->allocated) {
        columns->cells = x2nrealloc(columns->cells, &columns->allocated,
                                    sizeof *columns->cells);
    }
    columns->cells[columns->n_cells++] = ds_steal_cstr(&safe);
}

void
columns_print(const struct columns *columns, struct ds *out)
{
    size_t *widths = xcalloc(columns->n, sizeof *widths);
    const char **headers = xcalloc(columns->n, sizeof *headers);

    ovs_assert(columns->n_cells % columns->n == 0);
    for (size_t i = 0; i < columns->n; i++) {
        headers[i] = header(columns, i);
        widths[i] = strlen(headers[i]);
    }
    for (size_t i = 0; i < columns->n_cells; i++) {
        size_t *width = &widths[i % columns->n];

        *width = MAX(*width, strlen(columns->cells[i]));
    }
    print_row(columns, widths, headers, out);
    for (size_t i = 0; i < columns->n_cells; i += columns->n) {
        print_row(columns, widths, (const char *const *) &columns->cells[i],
                  out);
    }
    free(headers);
    free(widths);
}

void
columns_put_safe(struct ds *out, const char *text, enum columns_lines lines)
{
    for (; *text; text++) {
        unsigned char c = *text;

        if ((c >= 0x20 && c < 0x7f)
            || (c == '\n' && lines == COLUMNS_KEEP_LINES)) {
            ds_put_char(out, c);
        } else {
            ds_put_format(out, "\\x%02x", c);
        }
    }
}

/* No blanks at the end of a line. */
static void
print_row(const struct columns *columns, const size_t *widths,
          const char *const *cells, struct ds *out)
{
    for (size_t i = 0; i < columns->n; i++) {
        size_t padding = widths[i] - strlen(cells[i]);
        bool last = i + 1 == columns->n;

        ds_put_char_multiple(out, ' ', is_right(columns, i) ? padding : 0);
        ds_put_cstr(out, cells[i]);
        if (!last) {
            ds_put_char_multiple(out, ' ', GAP + (is_right(columns, i)
                                                  ? 0 : padding));
        }
    }
    ds_put_char(out, '\n');
}

static bool
is_right(const struct columns *columns, size_t column)
{
    return columns->headers[column][0] == '>';
}

static const char *
header(const struct columns *columns, size_t column)
{
    return columns->headers[column] + is_right(columns, column);
}
