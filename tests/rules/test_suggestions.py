"""Suggestions: checked when rules are read, and each dose that ships clears the rule that suggests it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from authoring.small import rule
from caveat.authoring.cases import read_all
from caveat.authoring.english import rule_in_english
from caveat.authoring.prepared import CasesOf, by_rule, prepare
from caveat.compile.program import CompiledRule, Suggestion
from caveat.compile.ruleset import Ruleset, bundled, load
from caveat.compile.serial import canonical, load_program
from caveat.evaluators.reference import judge_rule
from caveat.evaluators.subjects import subjects
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.facts.values import quantity
from caveat.findings.severity import Status
from caveat.rules.diagnostics import Problems
from rules.test_messages import problems

WHEN = "\norder: {route: oral}\n"


@lru_cache
def shipped() -> Ruleset:
    return load(cache=False)


def with_suggestion(text: str, **parts: str) -> str:
    return rule("baclofen.renal.low", WHEN, suggest=f"[{text}]", **parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{id: a, kind: dose, label: L, dose: 5 mg, frequency: 3 /d}", None),
        ("{id: a, kind: dose, label: L, frequency: 3 /d}", None),
        ("{id: a, kind: alternative, label: L, ingredient: morphine}", None),
        ("{id: a, kind: cancel, label: L}", None),
        ("{id: a, kind: dose, label: L}", "C012 missing key"),
        ("{id: a, kind: alternative, label: L}", "C012 missing key"),
        ("{id: a, kind: cancel, label: L, dose: 5 mg}", "C022 key does not fit"),
        ("{id: a, kind: dose, label: L, dose: 5}", "C015 value does not fit"),
        ("{id: a, kind: dose, label: L, dose: 5 mg/d}", "C021 unit does not fit"),
        ("{id: a, kind: dose, label: L, dose: 5-10 mg}", "C021 unit does not fit"),
        ("{id: a, kind: dose, label: L, dose: 5 mg, frequency: 8 h}", "C021 unit does not fit"),
        ("{id: a, kind: alternative, label: L, ingredient: morphin}", "C020 unknown ingredient 'morphin'"),
        ("{id: A b, kind: cancel, label: L}", "C014 value has the wrong form"),
        ("{id: a, kind: stop, label: L}", "C013 value is not one of the choices"),
        (
            "{id: a, kind: cancel, label: L}, {id: a, kind: cancel, label: M}",
            "C008 suggestion id 'a' stands twice",
        ),
    ],
)
def test_a_suggestion_is_checked_with_its_place(tmp_path: Path, text: str, expected: str | None) -> None:
    found = [f"{one.code} {one.title}" for one in problems(tmp_path, with_suggestion(text))]
    assert found == ([] if expected is None else [expected])


def test_unknown_ingredient_of_a_suggestion_in_full(tmp_path: Path) -> None:
    [found] = problems(tmp_path, with_suggestion("{id: a, kind: alternative, label: L, ingredient: morphin}"))
    assert str(found).endswith("No table of the vocabulary has it.\nDid you mean morphine?")
    assert "^^^^^^^" in str(found)


def dose_suggestions() -> list[tuple[CompiledRule, Suggestion]]:
    rules = shipped().program.rules
    return [(one, each) for one in rules for each in one.suggestions if each.kind == "dose"]


def test_suggestions_survive_being_stored() -> None:
    program = shipped().program
    assert dose_suggestions()
    assert load_program(canonical(program.version, program.rules)) == program


def taken_over(patient: Patient, orders: tuple[str, ...], suggestion: Suggestion) -> Patient:
    changed = {
        "dose": quantity(suggestion.dose) if suggestion.dose else None,
        "frequency": quantity(suggestion.frequency) if suggestion.frequency else None,
    }
    update = {name: value for name, value in changed.items() if value is not None} | {"daily_dose": None}
    update |= {"as_needed": None, "max_per_day": None, "rate": None}
    return patient.model_copy(
        update={
            "orders": tuple(
                one.model_copy(update=update) if one.id == orders[0] else one for one in patient.orders or ()
            )
        }
    )


@lru_cache
def shipped_cases() -> CasesOf:
    """Every case that ships, read once."""
    return by_rule(read_all(bundled(), shipped().program.rules, Problems()))


@pytest.mark.parametrize(
    ("one", "suggestion"), dose_suggestions(), ids=lambda value: getattr(value, "id", "")
)
def test_the_dose_suggested_clears_the_rule_in_every_case_that_fires(
    one: CompiledRule, suggestion: Suggestion
) -> None:
    tried = 0
    for case in prepare(shipped_cases(), one, shipped().terminology):
        for subject in case.subjects:
            if judge_rule(one, case.chart, subject).outcome.status is not Status.FIRES:
                continue
            if len(subject.orders[0].ingredients) > 1:
                continue  # no dose is suggested for a combination product
            changed = taken_over(case.placed.patient, subject.order_ids, suggestion)
            chart = Chart(changed, shipped().terminology, as_of=case.placed.as_of)
            [again] = [s for s in subjects(one, chart) if s.order_ids == subject.order_ids]
            assert judge_rule(one, chart, again).outcome.status is Status.NOT_MET, case.placed.case.id
            tried += 1
    assert tried


def test_the_rule_in_english_names_what_it_suggests() -> None:
    one, suggestion = dose_suggestions()[0]
    text = rule_in_english(one, shipped().terminology, dict(shipped().sources))
    assert f"Suggests: {suggestion.label}" in text
