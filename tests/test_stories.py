"""The FHIR stories: each shows what its table says, and together they put every rule in every state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from caveat.adapters import read_records
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.assemble import superseded
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.findings.severity import Status
from scripts import make_stories

PREFIX = "baclofen."
STATES = (Status.FIRES, Status.NOT_MET, Status.CANNOT_ASSESS)

ALWAYS_IN_SCOPE = "holds for every pair in its scope, so it never stays silent there"
ONLY_KNOWN = "asks only whether facts are known, which is never unknown itself"

# Rule and state that no record can reach, with the reason. An entry that is reached fails.
UNREACHABLE = {
    ("interaction.central-depressant", Status.NOT_MET): ALWAYS_IN_SCOPE,
    ("interaction.opioid", Status.NOT_MET): ALWAYS_IN_SCOPE,
    ("interaction.antihypertensive", Status.NOT_MET): ALWAYS_IN_SCOPE,
    ("interaction.alcohol-containing", Status.NOT_MET): ALWAYS_IN_SCOPE,
    ("renal.function-unknown", Status.CANNOT_ASSESS): ONLY_KNOWN,
    ("activity.hazardous-work", Status.CANNOT_ASSESS): ONLY_KNOWN,
}

Judged = dict[str, tuple[Patient, list[Outcome]]]


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return load(cache=False)


@pytest.fixture(scope="module")
def judged(fixtures_dir: Path, rules: Ruleset) -> Judged:
    found: Judged = {}
    evaluator = ReferenceEvaluator(rules.program)
    for file in sorted((fixtures_dir / "fhir" / "stories").glob("*.json")):
        (patient,) = read_records([file])
        assert isinstance(patient, Patient), f"{file.name}: {patient}"
        chart = Chart(patient, rules.terminology, as_of=ordinal(make_stories.AS_OF))
        found[file.stem] = patient, evaluator.outcomes(chart)
    return found


def rows(readme: str) -> Iterator[tuple[str, set[str]]]:
    for line in readme.splitlines():
        row = re.fullmatch(r"\| ([a-z0-9-]+) \| (.+) \| (.+) \|", line)
        if row and row[1] != "story":
            yield row[1], set() if row[3] == "nothing" else set(row[3].split(", "))


def shown(outcomes: list[Outcome]) -> set[str]:
    kept = [o for o in outcomes if o.status is not Status.NOT_MET]
    hidden = superseded(kept)
    fires = (o for i, o in enumerate(kept) if o.status is Status.FIRES and i not in hidden)
    return {o.rule.id.removeprefix(PREFIX) for o in fires}


def test_files_are_as_written_by_the_script() -> None:
    assert make_stories.main(["--check"]) == 0


def test_each_story_shows_what_its_table_says(fixtures_dir: Path, judged: Judged) -> None:
    table = dict(rows((fixtures_dir / "fhir" / "stories" / "README.md").read_text(encoding="utf-8")))
    assert set(table) == set(judged)
    different = {
        name: {"missing": wanted - got, "unexpected": got - wanted}
        for name, wanted in table.items()
        if (got := shown(judged[name][1])) != wanted
    }
    assert different == {}


def test_no_story_has_an_unreadable_value(judged: Judged) -> None:
    assert {name: patient.problems for name, (patient, _) in judged.items() if patient.problems} == {}


def test_no_rule_fails(judged: Judged) -> None:
    assert [o.error for _, outcomes in judged.values() for o in outcomes if o.status is Status.ERROR] == []


def test_every_rule_is_seen_in_every_state(rules: Ruleset, judged: Judged) -> None:
    seen = {(o.rule.id.removeprefix(PREFIX), o.status) for _, outcomes in judged.values() for o in outcomes}
    wanted = {
        (rule.id.removeprefix(PREFIX), state)
        for rule in rules.program.rules
        if rule.id.startswith(PREFIX)
        for state in STATES
    }
    assert wanted - seen - set(UNREACHABLE) == set()


def test_nothing_unreachable_is_reached(rules: Ruleset, judged: Judged) -> None:
    seen = {(o.rule.id.removeprefix(PREFIX), o.status) for _, outcomes in judged.values() for o in outcomes}
    known = {rule.id.removeprefix(PREFIX) for rule in rules.program.rules}
    assert seen & set(UNREACHABLE) == set()
    assert {name for name, _ in UNREACHABLE} <= known


def test_a_misspelt_order_is_never_clear(judged: Judged) -> None:
    patient, outcomes = judged["sparse-misspelt-only"]
    assert [order.text for order in patient.orders or ()] == ["baclofn 10 mg tablet"]
    assert outcomes == []  # no rule is in scope: only "unrecognised" keeps the report from being clear


def test_exceptions_are_met_and_left_unchecked_in_some_story(judged: Judged) -> None:
    outcomes = [o for _, found in judged.values() for o in found]
    assert any(o.status is Status.EXCEPTED for o in outcomes)
    assert any(o.status is Status.FIRES and o.unchecked for o in outcomes)
