"""What the reader says of its source: warnings loud, counts as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from caveat.batch.report.markup import Html, foreign, h, simple_table
from caveat.batch.report.view import View
from caveat.batch.report.words import shape

MOST: Final = 200
"""Entries of what a reader says that are shown."""

_KNOWN: Final = frozenset(("reader", "patients", "warnings"))
_EXAMPLES: Final = frozenset(("commonest", "examples"))
"""Texts of single records: those that many share stand among the names not recognised."""

_GAPS: Final = (
    "unmapped unresolved unknown unrecognised unread skipped lost missing dropped without orphan ignored "
    "reject set_aside"
).split()


def source(view: View) -> Html | None:
    """Gaps of the source, called out, and all that its reader says; None when it says nothing.

    A reader that has `warnings` in words is taken at these; of another, whatever counts things
    without something.
    """
    content = view.facts.run.source
    told = [(name, value) for name, value in _flat(content) if name not in _KNOWN][:MOST]
    warnings = content.get("warnings")
    if isinstance(warnings, list):
        loud = [foreign(str(text), 400) for text in warnings]
    else:
        shares = dict(told)
        loud = [_said(name, value, shares) for name, value in told if _is_gap(name, value)]
    if not told and not loud:
        return None
    parts = [h("h2", "The source")]
    if loud:
        lead = "What the source could not give. Alerts that hang on it are missing from every figure below."
        items = [h("li", h("strong", text)) for text in loud]
        parts.append(
            h("div", h("p", shape("open"), h("strong", lead)), h("ul", *items), class_="notice loud")
        )
    if told:
        rows = [h("tr", h("th", _label(name), scope="row"), h("td", _value(name, v))) for name, v in told]
        table = simple_table(("What", "How many"), rows, "Source", texts=2)
        parts.append(h("details", h("summary", "All that the reader says of its source"), table))
    return h("section", *parts, id="source")


def _is_gap(name: str, value: Any) -> bool:
    last = name.rpartition(".")[2].lower()
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value or _is_share(last):
        return False
    return any(mark in name.lower() for mark in _GAPS)


def _is_share(name: str) -> bool:
    return name == "share" or name.endswith("_share")


def _flat(content: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        name = f"{within}.{key}" if within else str(key)
        if isinstance(value, dict):
            yield from _flat(value, name)
        elif key in _EXAMPLES or value is None or name == "warnings":
            continue
        elif isinstance(value, (list, tuple)):
            yield name, ", ".join(str(one) for one in value)
        else:
            yield name, value


def _label(name: str) -> str:
    return foreign(name.replace("_", " ").replace(".", ": "), 80)


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return (
            f"{100 * value:.1f} %" if _is_share(name.rpartition(".")[2]) and 0 <= value <= 1 else f"{value:g}"
        )
    return f"{value:,}" if isinstance(value, int) else foreign(str(value), 400)


def _said(name: str, value: Any, shares: dict[str, Any]) -> str:
    """A gap with its share, where the reader gives both."""
    share = shares.get(f"{name}_share")
    text = f"{_label(name)}: {_value(name, value)}"
    return f"{text} ({_value('share', share)})" if isinstance(share, float) else text
