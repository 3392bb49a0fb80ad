"""Which values are impossible, which are unlikely, and which of these are not used."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from caveat.dates import When
from caveat.facts.catalog import NumberFact
from caveat.facts.chart import Chart
from caveat.facts.measure import base_interval
from caveat.facts.values import Quantity
from caveat.intervals import Interval, inside
from caveat.truth import FALSE
from caveat.units import convert, parse_unit, to_base


def why_unusable(
    chart: Chart,
    concept: str,
    fact: NumberFact,
    value: Quantity,
    interval: Interval,
    path: str,
    at: When | None,
) -> str:
    """Why the value cannot be used, or an empty string.

    Impossible ones become problems, unlikely ones notes. An unlikely one that was written in another
    unit than that of the fact is not used: 140 mg/dL of sodium is 140 mmol/L, not 61.
    """
    shown = str(value)
    if concept not in chart.terminology.tables.observations:
        if interval.high is not None and interval.high <= 0:
            chart.problem("impossible-value", f"{concept} cannot be {shown}", path, shown)
            return f"{shown} is impossible"
        return ""
    possible, plausible = _limits(chart, concept, fact.unit)
    if inside(interval, possible) == FALSE:
        chart.problem("impossible-value", f"{concept} cannot be {shown}", path, shown)
        return f"{shown} is impossible"
    if inside(interval, plausible) == FALSE:
        when = f" on {at}" if at else ""
        said = f"{concept} of {shown}{when} is unlikely"
        if not _may_be_misprinted(value, fact, plausible):
            chart.note("implausible-value", said, path)
            return ""
        chart.note("implausible-value", f"{said}; its unit may be wrong, so it was not used", path)
        return f"{shown} is unlikely, the unit may be wrong"
    return ""


def _may_be_misprinted(value: Quantity, fact: NumberFact, plausible: Interval) -> bool:
    """Whether an unlikely value may have been written with the wrong one of two usual units.

    So it is where its mass was made moles or the other way round, and where the number alone would be
    likely in the unit of the fact: 4.2 g/L of albumin.
    """
    own, wanted = parse_unit(value.unit or "1"), parse_unit(fact.unit)
    if all(convert(size, own, wanted, analyte=fact.analyte) == size for size in (0, 1)):
        return False  # meq/L of potassium: the same number
    if own.dimension != wanted.dimension:
        return True
    return inside(base_interval(replace(value, unit=fact.unit), fact.unit), plausible) != FALSE


def _limits(chart: Chart, concept: str, unit: str) -> tuple[Interval, Interval]:
    def build() -> tuple[Interval, Interval]:
        base, limits = parse_unit(unit), chart.terminology.observation(concept)

        def span(pair: tuple[float | None, float | None]) -> Interval:
            low, high = (None if end is None else to_base(Fraction(str(end)), base) for end in pair)
            return Interval(low, high)

        return span(limits.possible), span(limits.plausible)

    return chart.terminology.remember(("limits", concept), build)
