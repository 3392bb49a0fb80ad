"""Numbers, grades and names as the report writes them."""

from __future__ import annotations

from typing import Final

from caveat.batch.report.facts import Named
from caveat.batch.report.markup import Html, foreign, h
from caveat.batch.report.rates import Rate
from caveat.render.words import GRADES, SHORT, fact_words

NOTHING: Final = "–"

_SHAPES: Final = {
    "contraindicated": '<path d="M5 .5h6L15.5 5v6L11 15.5H5L.5 11V5z"/>'
    '<path class="cut" d="M5 5l6 6M11 5l-6 6"/>',
    "major": '<path d="M8 .5 15.5 8 8 15.5 .5 8z"/>',
    "moderate": '<path d="M8 1.5 15.5 14.5H.5z"/>',
    "minor": '<circle cx="8" cy="8" r="7"/>',
    "open": '<rect x="1.5" y="1.5" width="13" height="13" class="dashed"/>'
    '<text x="8" y="12" text-anchor="middle">?</text>',
}


def per_100(value: float | None) -> str:
    """`12.3`, `0.45`, `0.0031`; a dash for None."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def interval(rate: Rate | None) -> str:
    """`11.9 to 12.8`; a dash for None."""
    return NOTHING if rate is None else f"{per_100(rate.low)} to {per_100(rate.high)}"


def word(severity: str) -> str:
    """`Contraindicated`, `Serious`, `Caution`, `Note`; what is not known as it is written."""
    return (SHORT.get(severity) or foreign(severity, 30) or "not stated").capitalize()


def grade(severity: str) -> Html:
    """The word, then the shape, in the colours of the grade."""
    known = severity if severity in GRADES else ""
    name = {"info": "minor"}.get(known, known)
    return h("span", word(severity), shape(name) if name else None, class_=f"grade {name}".strip())


def shape(name: str) -> Html:
    """The shape of a grade; it repeats the word beside it."""

    return Html(f'<svg class="shape" viewBox="0 0 16 16" aria-hidden="true">{_SHAPES[name]}</svg>')


def size(count: int) -> str:
    """`1.2 GB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 rule`, `1,204 rules`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def fact(name: str) -> str:
    """A missing fact in words."""
    return foreign(fact_words(name), 60)


def named(name: Named) -> str:
    """A name that was not recognised, in quotation marks."""
    return f"“{foreign(name.text, 60)}”"
