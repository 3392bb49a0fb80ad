"""Tipping points: exact at every limit, complete between them, and equal to what an evaluator says there."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from caveat.adapters import read_native
from caveat.authoring.changed import with_facts, with_number
from caveat.authoring.tipping import Span, decimal, simplest
from caveat.authoring.whatif import FactPoints, WhatIf, tipping_points
from caveat.authoring.whatif_text import whatif_data, whatif_text
from caveat.compile.ruleset import Ruleset, load
from caveat.errors import InputError
from caveat.evaluators.assemble import once_a_pair, superseded
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.screen import ordinal, screen
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.facts.values import Quantity
from caveat.findings.severity import Status
from strategies import patients, programs
from strategies.sources import Seeded

AS_OF = "2026-01-15"
DAY = ordinal(AS_OF)
TAKING = {"id": "o1", "text": "Lioresal 10 mg tablet", "route": "oral", "dose": "10 mg", "frequency": "3 /d"}


@cache
def bundled() -> Ruleset:
    return load(cache=False)


def record(**fields: object) -> Patient:
    given = {"id": "p1", "age": "71 a", "sex": "male", "orders": [{**TAKING, "status": "active"}]}
    return read_native({**given, **fields})


def of(found: WhatIf, name: str) -> FactPoints:
    return next(one for one in found.facts if one.fact == name)


def test_clearance_turns_at_the_limits_of_the_rules_and_says_on_which_side() -> None:
    found = of(
        tipping_points(record(creatinine_clearance="24 mL/min"), bundled(), AS_OF), "creatinine_clearance"
    )
    assert found.now == "24 mL/min"
    assert [(point.at, point.exact, point.closed) for point in found.points] == [
        (30, True, True),
        (50, True, False),
    ]
    assert found.points[0].lost == ("baclofen.renal.crcl-below-30",)
    assert found.points[1].lost == ("baclofen.renal.crcl-30-to-50-over-5-mg",)


def test_unknown_clearance_has_the_same_limits_and_no_value_now() -> None:
    found = of(tipping_points(record(), bundled(), AS_OF), "creatinine_clearance")
    assert found.now is None
    assert [point.at for point in found.points] == [30, 50]


def test_creatinine_turns_where_the_clearance_computed_from_it_passes_a_limit() -> None:
    patient = record(
        weight="78 kg", observations=[{"concept": "weight", "value": "78 kg", "at": "2026-01-10"}]
    )
    found = of(tipping_points(patient, bundled(), AS_OF), "serum_creatinine")
    lost = [point for point in found.points if "baclofen.renal.crcl-below-30" in point.gained]
    # Cockcroft-Gault: (140 - 71) * 78 / (72 * creatinine) = 30
    assert float(lost[0].at) == pytest.approx(69 * 78 / 72 / 30, rel=1e-8)


def test_every_year_of_age_is_looked_at() -> None:
    found = of(tipping_points(record(creatinine_clearance="90 mL/min"), bundled(), AS_OF), "age")
    assert {3, 18, 65} <= {point.at for point in found.points}


def test_text_says_what_comes_and_goes() -> None:
    found = tipping_points(
        record(creatinine_clearance="24 mL/min"), bundled(), AS_OF, ["creatinine_clearance"]
    )
    assert whatif_text(found) == (
        "creatinine clearance (now 24 mL/min)\n"
        "  from 30 mL/min: alert baclofen.renal.crcl-30-to-50-over-5-mg; no more baclofen.renal.crcl-below-30"
        "; can be assessed baclofen.renal.severe-impairment-recorded\n"
        "  above 50 mL/min: no more baclofen.renal.crcl-30-to-50-over-5-mg\n"
    )
    plain = whatif_data(found)["facts"][0]
    assert plain["points"][0]["at"] == 30.0
    assert [span["high"] for span in plain["spans"]] == [30.0, 50.0, None]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"creatinine_clearence": "35 mL/min"}, "Did you mean creatinine_clearance?"),
        ({"bsa": "1.8 m2"}, "It is computed: set what it is computed from"),
        ({"creatinine_clearance": "35"}, "creatinine_clearance"),
        ({"creatinine_clearance": "35 mg/dL"}, "creatinine_clearance"),
        ({"orders[o9].dose": "5 mg"}, "Orders: o1"),
        ({"pregnant": "perhaps"}, "not 'perhaps'"),
    ],
)
def test_a_fact_that_cannot_be_set_is_said_with_its_name(facts: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as error:
        with_facts(record(), facts, bundled().terminology, DAY)
    assert message in str(error.value)


def test_a_changed_fact_is_judged_and_the_record_stays_as_it_was() -> None:
    patient = record(creatinine_clearance="24 mL/min")
    changed = with_facts(patient, {"creatinine_clearance": "35 mL/min"}, bundled().terminology, DAY)
    before = {f.rule.id for f in screen(patient, bundled(), as_of=AS_OF).alerts}
    after = {f.rule.id for f in screen(changed, bundled(), as_of=AS_OF).alerts}
    assert "baclofen.renal.crcl-below-30" in before - after
    assert "baclofen.renal.crcl-30-to-50-over-5-mg" in after - before
    assert patient.creatinine_clearance is not None


def test_a_fact_taken_away_is_unknown() -> None:
    changed = with_facts(
        record(creatinine_clearance="24 mL/min"),
        {"creatinine_clearance": "unknown"},
        bundled().terminology,
        DAY,
    )
    open_ = {f.rule.id for f in screen(changed, bundled(), as_of=AS_OF).cannot_assess}
    assert "baclofen.renal.crcl-below-30" in open_


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("29.99999", "30.00001", "30"),
        ("0.12341", "0.12349", "0.1235"),
        ("-1", "1", "0"),
        ("7", "7", "7"),
        ("81", "99", "90"),
    ],
)
def test_simplest_takes_the_fewest_decimals(low: str, high: str, expected: str) -> None:
    found = simplest(Fraction(low), Fraction(high))
    assert Fraction(low) <= found <= Fraction(high)
    if expected != "0.1235":
        assert found == Fraction(expected)
    else:
        assert len(str(decimal(found))) <= 7


def shown(
    patient: Patient, rules: Ruleset, left_out: tuple[str, ...]
) -> frozenset[tuple[str, tuple[str, ...], str]]:
    """What the reference evaluator shows, as spans hold it."""
    outcomes = ReferenceEvaluator(rules.program).outcomes(Chart(patient, rules.terminology, as_of=DAY))
    kept = once_a_pair([o for o in outcomes if o.status is not Status.NOT_MET])
    hidden = superseded(kept)
    return frozenset(
        (o.rule.id, (*o.subject.order_ids, *o.subject.allergy_ids), o.status.value)
        for i, o in enumerate(kept)
        if i not in hidden and o.rule.id not in left_out
    )


def tried(fact: FactPoints, chance: random.Random) -> list[Fraction]:
    """Values on every limit that is exact, just beside each, and anywhere."""
    if fact.fact == "age":
        return [Fraction(chance.randint(0, 119)) for _ in range(6)]
    found = [Fraction(round(10 ** chance.uniform(-1, 2.8), 4)).limit_denominator(10**4) for _ in range(4)]
    for point in fact.points:
        if point.exact:
            found.append(point.at)
        found += [point.at * Fraction(1 + sign, 1) for sign in (Fraction(1, 10**6), Fraction(-1, 10**6))]
    return [value for value in found if value > 0]


def holds(span: Span, value: Fraction) -> bool:
    low = span.low is None or value > span.low or (value == span.low and not span.low_open)
    high = span.high is None or value < span.high or (value == span.high and not span.high_open)
    return low and high


def disagreements(patient: Patient, rules: Ruleset, chance: random.Random) -> tuple[list[str], int]:
    found, count = [], 0
    for fact in tipping_points(patient, rules, AS_OF).facts:
        for value in tried(fact, chance):
            if any(not p.exact and abs(p.at - value) < abs(p.at) / 10**8 for p in fact.points):
                continue
            if len(str(decimal(value))) > 26:
                value = Fraction(round(Decimal(decimal(value)), 12))
            changed = with_number(
                patient, fact.fact, Quantity(decimal(value), fact.unit), rules.terminology, DAY
            )
            [span] = [span for span in fact.spans if holds(span, value)]
            actual = shown(changed, rules, fact.left_out)
            count += 1
            if actual != span.shown and not impossible(changed, rules):
                found.append(f"{fact.fact} = {decimal(value)}: {sorted(actual ^ span.shown)}")
    return found, count


def impossible(patient: Patient, rules: Ruleset) -> bool:
    """Whether the value lies outside what the vocabulary holds possible, where nothing is claimed."""
    report = screen(patient, rules, as_of=AS_OF)
    return any(error.code == "impossible-value" for error in report.errors)


@pytest.mark.parametrize("seed", range(4))
def test_spans_say_what_reference_says_at_any_value_of_bundled_rules(seed: int) -> None:
    chance, source = random.Random(seed), Seeded(seed)
    rules, count = bundled(), 0
    for index in range(8):
        data = patients.data(source, index)
        found, tests = disagreements(patients.patient(data), rules, chance)
        count += tests
        assert not found, found[:3]
    assert count > 50


@pytest.mark.parametrize("seed", range(12))
def test_spans_say_what_reference_says_at_any_value_of_generated_rules(seed: int) -> None:
    chance, source = random.Random(seed), Seeded(1000 + seed)
    rules = replace(bundled(), program=programs.program(source, 6))
    for index in range(10):
        found, _ = disagreements(patients.patient(patients.data(source, index)), rules, chance)
        assert not found, found[:3]


def test_stories_of_the_fixtures_have_tipping_points(root: Path) -> None:
    for file in sorted((root / "fixtures" / "patients").glob("baclofen-*.json")):
        found = tipping_points(read_native(file.read_bytes()), bundled(), AS_OF)
        assert any(fact.points for fact in found.facts) == ("misspelt" not in file.name), file.name
