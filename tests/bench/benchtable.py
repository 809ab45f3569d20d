# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Pieces of tables in Markdown, and files that contain such."""

import statistics


def spread(values, form="%.1f"):
    """"median [least..most]"."""
    return ("%s [%s..%s]" % (form, form, form)) % (
        statistics.median(values), min(values), max(values))


def pressure(runs):
    found = [x["pressure"] for x in runs if "pressure" in x]
    return "%.0f" % (100 * statistics.median(found)) if found else "-"


def verdict(value, budget, aim=None):
    if value > budget:
        return "OVER"
    return "aim met" if aim is not None and value <= aim else "ok"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |"
                              for row in rows])


def write_between_marks(path, name, text):
    """Puts `text' between the marks that `name' has in the file."""
    begin, end = ("<!-- %s: %s -->" % (word, name) for word in ("begin",
                                                                "end"))
    with open(path) as f:
        old = f.read()
    before, mark, rest = old.partition(begin)
    _, last, after = rest.partition(end)
    if not mark or not last:
        raise SystemExit("%s: no %s ... %s" % (path, begin, end))
    with open(path, "w") as f:
        f.write(before + begin + "\n" + text + "\n" + end + after)
