"""Measured and stated values by concept: which one is meant, how old it is, and in which unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from caveat.dates import When
from caveat.errors import UnitError
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.clinical import Coded, Observation
from caveat.facts.likely import why_unusable
from caveat.facts.measure import Measure, base_interval, factor, unknown
from caveat.facts.values import Quantity
from caveat.findings.basis import Basis, Missing
from caveat.intervals import Interval, hull
from caveat.terminology.results import OTHER_FLUIDS, named

_LONGEST_SHOWN = 80
UNREAD: Final = "urn:caveat:unread"
"""System of the code of an answer that stands for a result of which it is open what was measured."""
STATED = ("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")


@dataclass(frozen=True, slots=True)
class Observed:
    """One usable or unusable value; `trouble` says why it is unusable."""

    concept: str
    shown: str
    at: When | None
    source: str | None
    path: str
    interval: Interval | None
    trouble: str = ""

    def basis(self) -> Basis:
        """The value as the record states it."""
        return Basis(self.concept, self.shown, None if self.at is None else self.at.text, self.source)


def observed(chart: Chart) -> dict[str, list[Observed]]:
    """Every value of a bound concept, in the order of the record; impossible ones become problems."""
    return chart.once("observed", lambda: _collect(chart))


def of_concept(chart: Chart, concept: str) -> list[Observed] | None:
    """The values of one concept, in the order of the record; None when there is none.

    Where the record was found to be plain (`facts.quick`), the others are not looked at: nothing
    would come of them.
    """
    if not _is_plain(chart):
        return observed(chart).get(concept)
    kept: dict[str, list[Observed]] = chart.once("observed singly", dict)
    if concept not in kept:
        kept[concept] = [_plainly(chart, row) for row in _rows(chart, concept)]
    return kept[concept] or None


def newest_of(chart: Chart, concept: str) -> list[Observed] | None:
    """Those values of a concept that may be the latest one; None when there is none."""
    if not _is_plain(chart):
        entries = observed(chart).get(concept)
        return None if entries is None else _candidates(entries)
    kept: dict[str, list[Observed]] = chart.once("observed newest", dict)
    if concept not in kept:
        rows = _rows(chart, concept)
        chosen = frozenset(_newest([row[2] for row in rows]))
        found = []
        for place, row in enumerate(rows):
            if place in chosen:
                found.append(_plainly(chart, row))
            elif not _is_checked(chart, row[0], row[1]):
                _plainly(chart, row)  # something may have to be said of it
        kept[concept] = found
    return kept[concept] or None


def dates_of(chart: Chart, concept: str) -> list[When]:
    """The dates of all dated values of a concept, in the order of the record."""
    if _is_plain(chart):
        return [row[2] for row in _rows(chart, concept) if row[2] is not None]
    return [entry.at for entry in of_concept(chart, concept) or () if entry.at is not None]


def _is_plain(chart: Chart) -> bool:
    """Whether the record was looked through (`facts.quick`) and nothing odd was found."""
    memo = chart.memo
    return "quick" in memo and "odd" not in memo and "observed" not in memo


def _rows(chart: Chart, concept: str) -> Sequence[_Raw]:
    return chart.once("observed apart", lambda: _apart(chart)).get(concept, ())


def _plainly(chart: Chart, row: _Raw) -> Observed:
    """One value of a plain record."""
    found: dict[str, list[Observed]] = {}
    _add(chart, found, *row, checked=_is_checked(chart, row[0], row[1]))
    return found[row[0]][0]


def _is_checked(chart: Chart, concept: str, value: Quantity | None) -> bool:
    """Whether looking through a plain record has shown that the value is neither impossible nor unlikely."""
    fact = number_fact(concept, chart.terminology)
    if fact is None or value is None:
        return fact is not None
    return factor(value.unit, fact.unit, fact.analyte) is not None


_Raw = tuple[str, Quantity | None, When | None, str | None, str, Coded | None]


def _apart(chart: Chart) -> dict[str, list[_Raw]]:
    """The entries of a plain record by concept, as they stand."""
    found: dict[str, list[_Raw]] = {}
    patient = chart.patient
    today: When | None = None
    for name in STATED:
        stated = getattr(patient, name)
        if stated is not None:
            if stated.at is None and today is None:
                today = When(chart.day, chart.as_of, chart.as_of)
            found.setdefault(name, []).append(
                (name, stated.value, stated.at or today, stated.source, f"$.{name}", None)
            )
    tables = chart.terminology.tables
    concepts, loinc = tables.observations, tables.loinc
    for index, entry in enumerate(patient.observations or ()):
        said = entry.__dict__
        concept = said["concept"]
        if concept is None and len(said["codes"]) == 1 and said["codes"][0].system == "loinc":
            concept = loinc.get(said["codes"][0].code)
        if concept is None or concept not in concepts:
            concept = concept_of(chart, entry)
        if concept is not None:
            path = f"$.observations[{index}].value"
            row = (concept, said["value"], said["at"], said["source"], path, said["answer"])
            found.setdefault(concept, []).append(row)
    return found


def concept_of(chart: Chart, entry: Observation) -> str | None:
    """The concept an observation is of: as named (an id or a label), else by LOINC code, else by its text.

    A text does not count beside the LOINC code of another fluid.
    None when nothing binds it. A name that no concept has is returned as it stands.
    """
    tables = chart.terminology.tables
    given = entry.concept
    if given is not None:
        return given if given in tables.observations else _named(chart, given) or given
    for code in entry.codes:
        if code.system == "loinc":
            if code.code in tables.loinc:
                return tables.loinc[code.code]
            if code.code in OTHER_FLUIDS:
                return None
    return _named(chart, entry.text) if entry.text else None


def _named(chart: Chart, text: str) -> str | None:
    """The concept of a label, or of a name of the closed list of `terminology.results`."""
    found = chart.terminology.observation_named(text)
    if found is not None:
        return found
    name = named(text)
    known = name is not None and name.is_certain and name.concept in chart.terminology.tables.observations
    return name.concept if name is not None and known else None


def _collect(chart: Chart) -> dict[str, list[Observed]]:
    found: dict[str, list[Observed]] = {}
    patient = chart.patient
    today: When | None = None
    for name in STATED:
        stated = getattr(patient, name)
        if stated is not None:
            if stated.at is None and today is None:
                today = When(chart.day, chart.as_of, chart.as_of)
            _add(chart, found, name, stated.value, stated.at or today, stated.source, f"$.{name}")
    concepts = chart.terminology.tables.observations
    for index, entry in enumerate(patient.observations or ()):
        concept = concept_of(chart, entry)
        if concept is None:
            continue
        if concept not in concepts and number_fact(concept, chart.terminology) is None:
            chart.problem(
                "unknown-observation",
                f"no observation is called {concept!r}",
                f"$.observations[{index}].concept",
                concept,
            )
            continue
        at = entry.at
        if at is not None and at.first > chart.as_of:
            chart.note(
                "after-as-of",
                f"{concept} of {at} lies after {chart.day} and was not used",
                f"$.observations[{index}]",
            )
            continue
        path = f"$.observations[{index}].value"
        _add(chart, found, concept, entry.value, at, entry.source, path, entry.answer)
    return found


def _add(
    chart: Chart,
    found: dict[str, list[Observed]],
    concept: str,
    value: Quantity | None,
    at: When | None,
    source: str | None,
    path: str,
    answer: Coded | None = None,
    *,
    checked: bool = False,
) -> None:
    trouble, interval, shown = "", None, "no value"
    fact = number_fact(concept, chart.terminology)
    if value is None and answer is not None and fact is not None:
        shown = str(answer)[:_LONGEST_SHOWN]
        trouble = f"{shown!r} is recorded and cannot be read as a number"
        if answer.codes and answer.codes[0].system == UNREAD:
            trouble = f"{shown!r} may be it, but has no LOINC code that is known: code it in LOINC"
    elif value is None:
        trouble = "the result is not recorded"
    elif fact is not None:
        shown = str(value)
        try:
            interval = base_interval(value, fact.unit, fact.analyte)
        except UnitError as error:
            trouble = f"{shown}: {error}" if value.unit else f"{shown} has no unit"
        else:
            unusable = "" if checked else why_unusable(chart, concept, fact, value, interval, path, at)
            if unusable:
                trouble, interval = unusable, None
    found.setdefault(concept, []).append(Observed(concept, shown, at, source, path, interval, trouble))


def latest(chart: Chart, concept: str, within: int | None = None) -> Measure:
    """The most recent value; values of the same day that differ make an interval.

    UNKNOWN, with the reason: none recorded, too old, undated where an age limit is asked, a unit
    that is missing or does not fit, an impossible value.
    """
    chosen = newest_of(chart, concept)
    if not chosen:
        return unknown(concept, "not recorded")
    return _combine(chart, concept, chosen, within)


def _candidates(entries: list[Observed]) -> list[Observed]:
    """Those that may be the latest one."""
    return [entries[place] for place in _newest([entry.at for entry in entries])]


def _newest(dates: Sequence[When | None]) -> list[int]:
    """The places of those that may be the latest."""
    newest = max((at.first for at in dates if at is not None), default=None)
    if newest is None:
        return list(range(len(dates)))
    chosen = [place for place, at in enumerate(dates) if at is None or at.last >= newest]
    instants = [at.instant for place in chosen if (at := dates[place]) is not None and at.is_exact]
    known = [instant for instant in instants if instant is not None]
    if len(chosen) > 1 and len(known) == len(chosen):
        last = max(known)
        chosen = [place for place, instant in zip(chosen, known, strict=True) if instant == last]
    return chosen


def _combine(chart: Chart, concept: str, chosen: list[Observed], within: int | None) -> Measure:
    basis = tuple(dict.fromkeys(e.basis() for e in chosen))
    for entry in chosen:
        if entry.interval is None:
            return Measure(None, basis, (Missing(concept, entry.trouble),))
        reason = _stale(chart, entry, within)
        if reason:
            return Measure(None, basis, (Missing(concept, reason),))
    interval = chosen[0].interval
    assert interval is not None
    for entry in chosen[1:]:
        assert entry.interval is not None
        interval = hull(interval, entry.interval)
    return Measure(interval, basis)


def _stale(chart: Chart, entry: Observed, within: int | None) -> str:
    if within is None:
        return ""
    if entry.at is None:
        return f"{entry.shown} has no date"
    limit = chart.as_of - within
    if entry.at.first >= limit:
        return ""
    old = "is" if entry.at.last < limit else "may be"
    return f"{entry.shown} of {entry.at} {old} older than {within} d"


def extreme(chart: Chart, concept: str, pick: str, within: int | None) -> Measure:
    """The lowest or highest value on record, no older than `within` days where that is given."""
    entries = of_concept(chart, concept)
    if not entries:
        return unknown(concept, "not recorded")
    usable: list[Observed] = []
    missing: list[Missing] = []
    for entry in entries:
        stale = _stale(chart, entry, within)
        if stale and entry.at is not None and entry.at.last < chart.as_of - (within or 0):
            continue
        if entry.interval is None or stale:
            missing.append(Missing(concept, entry.trouble or stale))
        else:
            usable.append(entry)
    if not usable:
        return Measure(None, (), tuple(missing)) if missing else unknown(concept, f"none within {within} d")
    lows = [e.interval.low for e in usable if e.interval is not None]
    highs = [e.interval.high for e in usable if e.interval is not None]
    if pick == "lowest":
        low = None if None in lows or missing else min(x for x in lows if x is not None)
        high = min((x for x in highs if x is not None), default=None)
    else:
        high = None if None in highs or missing else max(x for x in highs if x is not None)
        low = max((x for x in lows if x is not None), default=None)
    return Measure(Interval(low, high), tuple(e.basis() for e in usable), tuple(missing))


def time_since(chart: Chart, concept: str) -> Measure:
    """Time since the latest value of a concept, in seconds (base unit of time)."""
    name = f"{concept}_age"
    chosen = newest_of(chart, concept)
    if not chosen:
        return unknown(name, f"no {concept} is recorded", (concept,))
    if any(e.at is None for e in chosen):
        return unknown(name, "the value has no date", (concept,))
    first = min(e.at.first for e in chosen if e.at is not None)
    last = max(e.at.last for e in chosen if e.at is not None)
    basis = tuple(e.basis() for e in chosen)
    return Measure(days_to_base(max(0, chart.as_of - last), chart.as_of - first), basis)


def days_to_base(low: int, high: int | None) -> Interval:
    """Days as an interval in seconds."""
    return Interval(Fraction(low * 86400), None if high is None else Fraction(high * 86400))
