"""HTML in which everything is escaped that was not made here."""

from __future__ import annotations

import csv
import html
import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Final

from caveat.render.clean import clean, encodable

_VOID: Final = frozenset(("br", "col", "hr", "input", "meta"))
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | None


def h(name: str, /, *children: Child | Iterable[Child], **attributes: str | int | bool | None) -> Html:
    """An element. Children and attributes are escaped unless they are Html; None is left out.

    A trailing `_` of an attribute's name is dropped and other `_` become `-`: `class_`, `data_v`.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.removesuffix("_").replace("_", "-")
        parts.append(f" {key}" if value is True else f' {key}="{html.escape(encodable(str(value)))}"')
    parts.append(">")
    if name not in _VOID:
        parts += [*(_escaped(child) for child in _flat(children)), f"</{name}>"]
    return Html("".join(parts))


def _flat(children: Iterable[Child | Iterable[Child]]) -> Iterable[Child]:
    for child in children:
        if child is None or isinstance(child, (str, int)):
            yield child
        else:
            yield from child


def _escaped(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Html) else html.escape(encodable(str(child)), quote=False)


def simple_table(head: Sequence[str], rows: Iterable[Html], label: str, *, texts: int = 1) -> Html:
    """A table that scrolls sideways where it must; the first `texts` columns are text, the rest numbers."""
    cells = [h("th", name, scope="col", class_="n" if at >= texts else None) for at, name in enumerate(head)]
    table = h("table", h("thead", h("tr", *cells)), h("tbody", *rows), aria_label=label)
    return h("div", table, class_="wide")


def foreign(text: str, limit: int = 120) -> str:
    """Text of records, files or rules for a reader: one line, cut, what is invisible written out."""
    return clean(text, limit)


def csv_link(name: str, words: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A link that saves the rows as a CSV file which the page itself carries."""
    data = b64encode(csv_text(header, rows).encode("utf-8")).decode("ascii")
    return h("a", words, class_="download", download=name, href=f"data:text/csv;charset=utf-8;base64,{data}")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows as CSV (RFC 4180, with a byte order mark): no text of theirs is run as a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return "\ufeff" + out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        value = encodable(value)
        return "'" + value if value.startswith(_FORMULA) else value
    return "" if value is None else value
