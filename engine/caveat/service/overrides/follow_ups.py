"""What was promised with "will monitor", and whether the record shows that it was done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from caveat.dates import When
from caveat.facts.catalog import PATIENT_NUMBERS
from caveat.facts.chart import Chart
from caveat.facts.observed import STATED, observed
from caveat.service.question import Override
from caveat.terminology.concepts import Terminology

State = Literal["done", "open", "overdue"]
SHOWN_BY: Final[dict[str, tuple[str, ...]]] = {
    "creatinine_clearance": ("creatinine_clearance", "serum_creatinine"),
    "egfr": ("egfr", "serum_creatinine"),
    "bmi": ("bmi", "weight"),
    "bsa": ("weight",),
    "child_pugh_score": ("child_pugh_score", "bilirubin_total"),
    "qtc": ("qtc_interval", "qt_interval"),
    "qtc_bazett": ("qt_interval",),
}
"""The results that show a promise kept, where it names a number that is derived from them."""
_NOT_MEASURED: Final = ("age", "gestation", "ideal_weight", "adjusted_weight", "pump_refill_age")


@dataclass(frozen=True, slots=True)
class Notice:
    """One promise on a screen. `value` and `at` are the result that kept it; `known` is False where
    no record was there to look at."""

    override: str
    rule: str
    drugs: tuple[str, ...]
    fact: str
    by: str
    state: State
    text: str
    value: str = ""
    at: str = ""
    note: str = ""


def followed(terminology: Terminology, name: str) -> str | None:
    """The fact that a promise may name: an observation (by id or label) or a number derived from some.

    None where nothing measures it, so that it could never be seen to be done.
    """
    if name in PATIENT_NUMBERS:
        return None if name in _NOT_MEASURED else name
    if name in terminology.tables.observations:
        return name
    return terminology.observation_named(name)


def notices(overrides: Sequence[Override], chart: Chart) -> tuple[Notice, ...]:
    """Each promise as the chart shows it on its day, the overdue first.

    Done is a result of that fact after the override was made: of a later day, or of a later instant
    where both are known. A result of the same day without its time may be older, so it does not count.
    """
    found = [_notice(override, chart) for override in overrides if override.follow_up is not None]
    return _sorted(found)


def unseen(overrides: Sequence[Override], day: str) -> tuple[Notice, ...]:
    """Each promise where there is no record to look at: due or not, by the day alone."""
    found = []
    for one in overrides:
        if one.follow_up is None:
            continue
        overdue = day > one.follow_up.by
        past = "; that day is past, and without a record it is not known whether it was done"
        text = f"{_promised(one)}{past if overdue else ''}"
        found.append(_made(one, "overdue" if overdue else "open", text))
    return _sorted(found)


def _sorted(found: Sequence[Notice]) -> tuple[Notice, ...]:
    order = {"overdue": 0, "open": 1, "done": 2}
    return tuple(sorted(found, key=lambda n: (order[n.state], n.by, n.fact, n.override)))


def _notice(override: Override, chart: Chart) -> Notice:
    follow = override.follow_up
    assert follow is not None
    seen = _result(chart, follow.fact, override.created)
    if seen is not None:
        value, at = seen
        text = f"{_promised(override)}: {_label(follow.fact)} was {value} on {at.text}"
        return _made(override, "done", text, value, at.text)
    none = f"the record has no {_label(follow.fact)} after {override.created[:10]}"
    if chart.day > follow.by:
        return _made(override, "overdue", f"Overdue: {_promised(override)}, and {none}")
    return _made(override, "open", f"{_promised(override)}; {none} yet")


def _made(override: Override, state: State, text: str, value: str = "", at: str = "") -> Notice:
    follow = override.follow_up
    assert follow is not None
    return Notice(
        override=override.id,
        rule=override.rule,
        drugs=override.drugs,
        fact=follow.fact,
        by=follow.by,
        state=state,
        text=text,
        value=value,
        at=at,
        note=follow.note,
    )


def _promised(override: Override) -> str:
    follow = override.follow_up
    assert follow is not None
    what = f"{_label(follow.fact)} was to be checked by {follow.by}"
    return f"{what} ({', '.join(override.drugs)})" if override.drugs else what


def _label(fact: str) -> str:
    return fact.replace("_", " ")


def _result(chart: Chart, fact: str, created: str) -> tuple[str, When] | None:
    """The newest result after the override was made, as recorded."""
    found: list[tuple[str, When]] = []
    for concept in SHOWN_BY.get(fact, (fact,)):
        name = "" if concept == fact else f"{_label(concept)} "
        for entry in observed(chart).get(concept, ()):
            if entry.at is None or entry.shown == "no value" or _undated(chart, concept, entry.path):
                continue
            if _after(entry.at, created):
                found.append((f"{name}{entry.shown}", entry.at))
    return max(found, key=lambda one: (one[1].first, one[1].instant or 0), default=None)


def _undated(chart: Chart, concept: str, path: str) -> bool:
    """Whether that entry is the shortcut that states a current value without a date."""
    stated = getattr(chart.patient, concept, None) if concept in STATED else None
    return stated is not None and stated.at is None and path == f"$.{concept}"


def _after(at: When, created: str) -> bool:
    try:
        made = dt.datetime.fromisoformat(created)
    except ValueError:
        return False
    if at.instant is not None:
        return at.instant > made.timestamp()
    return at.first > made.date().toordinal()
