"""Derived numbers judged in columns: what reference gives, at and around the very limits."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caveat.columns.records import to_batch
from caveat.compile import nodes
from caveat.compile.nodes import NumberLeaf
from caveat.compile.program import CompiledRule, Texts
from caveat.compile.ruleset import Ruleset, load
from caveat.compile.serial import seal
from caveat.evaluators.columnar import Columnar, screening
from caveat.evaluators.columnar.derived import BY_NAME
from caveat.evaluators.columnar.judging import judge
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from caveat.intervals import Interval
from columnar.agreement import differences, numbered
from strategies import vocabulary as v
from strategies.sources import Drawn, Seeded, Source

IN_CI = os.environ.get("CAVEAT_HYPOTHESIS_PROFILE") == "ci"
DAY: Final = v.AS_OF.isoformat()
UNITS: Final = {
    "serum_creatinine": (("mg/dL", (0.4, 0.7, 0.9, 1.0, 1.3, 2.5, 7.0)), ("umol/L", (62, 88.4, 180, 400))),
    "weight": (("kg", (12, 40, 57.3, 72, 90, 140)), ("[lb_av]", (88, 160))),
    "height": (("cm", (90, 101.5, 120, 152.4, 165, 181)), ("m", (1.6,)), ("[in_i]", (60, 67))),
    "egfr": (("mL/min/{1.73_m2}", (14, 30, 45, 60, 90)),),
    "creatinine_clearance": (("mL/min", (15, 30, 50, 90)), ("mL/s", (0.5,))),
    "bmi": (("kg/m2", (17, 30, 41)),),
    "qtc_interval": (("ms", (430, 500)), ("s", (0.47,))),
    "qt_interval": (("ms", (380, 440)),),
    "heart_rate": (("/min", (0, 48, 60, 61, 100)),),
    "bilirubin_total": (("mg/dL", (1, 2, 2.5, 3, 4)), ("umol/L", (20, 60))),
    "albumin": (("g/dL", (2.5, 2.8, 3.1, 3.5, 4)), ("g/L", (30,))),
    "inr": (("1", (1.1, 1.7, 2, 2.3, 3)),),
    "child_pugh_score": (("1", (5, 7, 9, 9.5, 12)),),
}
STATED: Final = ("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")
WITHIN: Final = (None, 30, 90, 365)
WEIGHTS: Final = (None, "actual", "ideal", "adjusted")


def quantity(source: Source, concept: str) -> dict[str, Any]:
    units = UNITS[concept]
    unit, values = units[0] if source.chance(75) else source.pick(units)
    found: dict[str, Any] = {"value": f"{source.pick(values)}", "unit": unit}
    if source.chance(10):
        found["comparator"] = source.pick(("<", "<=", ">", ">="))
    elif source.chance(4):
        found["upper"] = f"{source.pick(values)}"
    elif source.chance(3):
        found["unit"] = source.pick(("", "banana", "mol"))
    return found


def day(source: Source) -> str:
    """A day, mostly whole, near one of the limits that rules and formulas set."""
    back = dt.timedelta(days=source.pick((0, 1, 29, 30, 31, 89, 90, 91, 179, 180, 181, 364, 365, 366, 700)))
    when = v.AS_OF - back
    form = source.pick(("%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m", "%Y", "%Y-%m-%dT08:30:00Z"))
    return when.strftime(form)


def data(source: Source) -> dict[str, Any]:
    """A patient of whom much is measured."""
    found: dict[str, Any] = {"id": "p", "orders": [], "complete": {"orders": "closed"}}
    if source.chance(85):
        years = source.pick((0, 1, 2, 12, 17, 18, 19, 40, 64, 65, 80, 99, 119, 121, 140, 150))
        born = v.AS_OF.replace(year=v.AS_OF.year - years) + dt.timedelta(days=source.pick((-200, -1, 0, 1)))
        found["birth_date"] = born.strftime(source.pick(("%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m", "%Y")))
    elif source.chance(80):
        found["age"] = source.pick(("70 a", "17 a", "18 a", "23 mo", "40 wk", "3 d", "44.5 a", "121 a"))
    if source.chance(85):
        found["sex"] = source.pick(("female", "male"))
    if source.chance(8):
        found["child_pugh"] = source.pick(("A", "B", "C"))
    for name in STATED:
        if source.chance(12):
            value = quantity(source, name)
            found[name] = {"value": value, "at": day(source)} if source.chance(70) else value
    measured = []
    for name in UNITS:
        for _ in range(
            source.pick((0, 0, 1, 1, 1, 2)) if name != "child_pugh_score" else source.pick((0, 0, 0, 1))
        ):
            entry: dict[str, Any] = {"concept": name}
            if source.chance(96):
                entry["value"] = quantity(source, name)
            if source.chance(94):
                entry["at"] = day(source)
            measured.append(entry)
    found["observations"] = measured
    if source.chance(70):
        codes = ("icd10cm|R18.8", "icd10cm|K72.90", "icd10cm|N18.4")
        found["conditions"] = [
            {"codes": [source.pick(codes)], "clinical_status": source.pick(("active", "resolved"))}
            for _ in range(source.number(0, 2))
        ]
    return found


@cache
def base() -> Ruleset:
    return load(cache=False)


def ruleset(leaves: list[nodes.Leaf]) -> Ruleset:
    """A rule on the patient for each leaf."""
    rules = tuple(
        CompiledRule(
            id=f"generated.rule.number-{place}",
            kind="precaution",
            severity="major",
            status="active",
            title="Generated",
            covers=(),
            subject="patient",
            first=(),
            second=(),
            when=leaf,
            unless=(),
            supersedes=(),
            texts=Texts("x", "y", "z"),
            evidence=(),
        )
        for place, leaf in enumerate(leaves)
    )
    return replace(base(), program=seal("generated", rules), terminology=v.terminology())


def limits(record: Patient, fact: str, within: int | None, using: str | None) -> list[Fraction]:
    """The very ends of what a patient's number is, and what lies just beside them."""
    chart = Chart(record, v.terminology(), as_of=v.AS_OF.toordinal())
    try:
        interval = number(chart, fact, "a", "latest", within, using).interval
    except ValueError:
        return []
    ends = [] if interval is None else [end for end in (interval.low, interval.high) if end is not None]
    return [end * scale for end in ends for scale in (1, 1 + Fraction(1, 10**12), 1 - Fraction(1, 10**6))]


def leaves_for(source: Source, records: list[Patient]) -> list[nodes.Leaf]:
    """Ranges of every derived number whose ends are those of the patients themselves."""
    found: list[nodes.Leaf] = []
    for fact in BY_NAME:
        unit = number_fact(fact, v.terminology()).unit  # type: ignore[union-attr]
        within = source.pick(WITHIN)
        using = source.pick(WEIGHTS) if fact == "creatinine_clearance" else None
        ends = [end for record in records for end in limits(record, fact, within, using)]
        ends += [Fraction(0), Fraction(50)]
        for _ in range(3):
            end, other = source.pick(tuple(ends)), source.pick(tuple(ends))
            low, high = source.pick(
                ((end, None), (None, end), (end, end), (min(end, other), max(end, other)))
            )
            opened = source.chance(50), source.chance(50)
            target = Interval(low, high, low is not None and opened[0], high is not None and opened[1])
            if low is not None and low == high:
                target = Interval(low, high)
            found.append(NumberLeaf(fact, target, unit, "x", "latest", within, using, source.chance(25)))
        found.append(nodes.KnownLeaf(fact, source.chance(30)))
    found.append(nodes.ChoiceLeaf("child_pugh_class", source.pick((("A",), ("B", "C"), ("C",)))))
    found.append(nodes.KnownLeaf("child_pugh_class"))
    return found


def check(source: Source, count: int) -> tuple[int, int]:
    """Each rule by itself, as one limit that is met exactly has a patient judged alone for all rules."""
    records = numbered([Patient.model_validate(data(source)) for _ in range(count)])
    alone = judged = 0
    for leaf in leaves_for(source, records):
        found, screened = differences(records, ruleset([leaf]), DAY)
        assert not found, f"{leaf}: {found[0]}"
        alone, judged = alone + screened.one_by_one, judged + len(records)
    return alone, judged


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    max_examples=100 if IN_CI else 10,
)
def test_derived_numbers_are_those_of_reference(draw: st.DataObject) -> None:
    check(Drawn(draw.draw), 2)


@pytest.mark.parametrize("seed", range(20 if IN_CI else 3))
def test_in_bulk(seed: int) -> None:
    alone, judged = check(Seeded(5_000 + seed), 20)
    assert alone < judged * 0.6  # these limits are the very ends of what the patients have


def test_every_derived_number_is_decided_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has power: each number is known in columns to lie in a range, not to, or not at all."""
    seen: Counter[tuple[str, int]] = Counter()

    def spy(index: int, rule: Any, facts: Any, frame: Any) -> Any:
        found = judge(index, rule, facts, frame)
        for leaf, truths in frame.leaves.items():
            for truth in truths.low[truths.low == truths.high].tolist():
                seen[leaf.fact, truth] += 1
        return found

    monkeypatch.setattr(screening, "judge", spy)
    source = Seeded(7)
    records = numbered([Patient.model_validate(data(source)) for _ in range(60)])
    for leaf in leaves_for(source, records):
        if isinstance(leaf, NumberLeaf):
            Columnar(ruleset([leaf]), as_of=DAY).screen(to_batch(records))
    assert all(seen[fact, truth] for fact in BY_NAME for truth in (0, 1, 2)), seen


def test_an_age_that_cannot_be_is_told_whoever_asks() -> None:
    """Birth after the day, and an age past any seen, are said of the record only where a rule asks."""
    born = ("2026-01-16", "2027", "1904-06-01", "1906-01-15", "1905-01-15", "1880")
    records = [Patient.model_validate({"id": day, "birth_date": day, "orders": []}) for day in born]
    target = Interval(Fraction(1), None)
    for leaf in (NumberLeaf("egfr", target, "mL/min/{1.73_m2}", "x"), NumberLeaf("inr", target, "1", "x")):
        found, _ = differences(records, ruleset([leaf]), DAY)
        assert not found, found[0]
