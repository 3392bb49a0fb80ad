"""Tipping points as sentences and as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from caveat.authoring.tipping import Span, Tipping, decimal
from caveat.authoring.whatif import FactPoints, WhatIf
from caveat.findings.severity import Status
from caveat.render.words import fact_words
from caveat.units.display import format_number


def whatif_data(found: WhatIf) -> dict[str, Any]:
    """The tipping points for JSON; `says` puts each into words."""
    return {
        "patient": found.patient,
        "as_of": found.as_of,
        "facts": [_fact(one) for one in found.facts],
        "not_varied": list(found.not_varied),
    }


def whatif_text(found: WhatIf) -> str:
    """The tipping points as lines, a block a number; numbers that change nothing are said to."""
    lines: list[str] = []
    for one in found.facts:
        now = f" (now {one.now})" if one.now else " (not known now)"
        lines.append(f"{name_of(one.fact)}{now}")
        lines += [f"  {says(one, point)}" for point in one.points] or ["  changes nothing at any value"]
        if one.left_out:
            lines.append(f"  left out, they turn at every step: {', '.join(one.left_out)}")
    if found.not_varied:
        lines.append(f"Not varied: {', '.join(found.not_varied)}")
    return "\n".join(lines) + "\n"


def says(fact: FactPoints, point: Tipping) -> str:
    """One tipping point in words, read upwards: `from 30 mL/min: lost baclofen.renal.crcl-below-30`."""
    side = "from" if point.closed else "above"
    about = "" if point.exact else "about "
    parts = [
        f"{word} {', '.join(rules)}"
        for word, rules in (
            ("alert", point.gained),
            ("no more", point.lost),
            ("cannot assess", point.opened),
            ("can be assessed", tuple(r for r in point.settled if r not in (*point.gained, *point.lost))),
        )
        if rules
    ]
    return f"{side} {about}{amount(point.at, fact.unit)}: {'; '.join(parts) or 'another exception holds'}"


def name_of(fact: str) -> str:
    """The fact in words; `orders[o1].dose` is "dose of order o1"."""
    if fact.startswith("orders["):
        order, prop = fact[7:].split("].", 1)
        return f"{fact_words(prop)} of order {order}"
    return fact_words(fact)


def amount(value: Fraction, unit: str) -> str:
    """The value with its unit, to six digits."""
    number = decimal(value)
    rounded = Decimal(f"{number:.6g}")
    text = format_number(rounded)
    return text if unit in ("1", "") else f"{text} {unit}"


def _fact(one: FactPoints) -> dict[str, Any]:
    return {
        "fact": one.fact,
        "unit": one.unit,
        "now": one.now,
        "points": [
            {
                "at": float(point.at),
                "value": amount(point.at, one.unit),
                "exact": point.exact,
                "belongs": "above" if point.closed else "below",
                "gained": list(point.gained),
                "lost": list(point.lost),
                "opened": list(point.opened),
                "settled": list(point.settled),
                "says": says(one, point),
            }
            for point in one.points
        ],
        "spans": [_span(span) for span in one.spans],
        "left_out": list(one.left_out),
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "low": None if span.low is None else float(span.low),
        "high": None if span.high is None else float(span.high),
        "low_included": span.low is not None and not span.low_open,
        "high_included": span.high is not None and not span.high_open,
        "alerts": _rules(span, (Status.FIRES,)),
        "cannot_assess": _rules(span, (Status.CANNOT_ASSESS,)),
        "excepted": _rules(span, (Status.EXCEPTED,)),
        "errors": _rules(span, (Status.ERROR,)),
    }


def _rules(span: Span, statuses: Iterable[Status]) -> list[str]:
    wanted = {status.value for status in statuses}
    return sorted({rule for rule, _, status in span.shown if status in wanted})
