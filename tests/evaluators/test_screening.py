"""From outcomes to a report: superseding, failing rules, second opinions, threads."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.nodes import All, Always, AnyOf, AtLeast, Node, OrderIsLeaf
from caveat.compile.program import CompiledRule, Exclusion, Program, SubjectKind
from caveat.compile.ruleset import Ruleset, load
from caveat.compile.serial import seal
from caveat.errors import CaveatError, DateError
from caveat.evaluators.inprocess import InprocessEvaluator
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.screen import build, compare, screen
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.findings.severity import Status
from caveat.render.json import report_json
from strategies import patients, programs
from strategies.outcomes import needs_durable
from strategies.sources import Seeded

ONE = {"id": "o1", "text": "baclofen", "route": "oral", "status": "active"}
TWO = {"id": "o2", "text": "baclofen", "route": "intrathecal", "status": "active"}
THREE = {"id": "o3", "text": "morphine", "route": "oral", "status": "active"}
RECORD = patients.patient({"id": "p", "orders": [ONE, TWO, THREE]})
BROKEN = OrderIsLeaf(0, "no_such_property", ("true",))


@cache
def bundled() -> Ruleset:
    return load(cache=False)


def rule(
    name: str,
    when: Node = Always(),  # noqa: B008 - frozen
    *unless: Node,
    subject: SubjectKind = "order",
    supersedes: tuple[str, ...] = (),
) -> CompiledRule:
    template = programs.rule(Seeded(1), 0)
    return replace(
        template,
        id=name,
        subject=subject,
        first=() if subject == "patient" else ("baclofen",),
        second=("morphine",) if subject == "pair" else (),
        when=when,
        unless=tuple(Exclusion(f"e{i}", "because", node) for i, node in enumerate(unless)),
        supersedes=supersedes,
    )


def with_rules(*rules: CompiledRule) -> Ruleset:
    return replace(bundled(), program=seal("test", rules))


def judged(*rules: CompiledRule, record: Patient = RECORD, **options: Any) -> Report:
    return screen(record, with_rules(*rules), as_of="2026-01-15", **options)


def suppressed(report: Report) -> set[tuple[str, tuple[str, ...], str | None]]:
    return {(f.rule.id, f.orders, f.suppressed_by) for f in report.suppressed}


def test_a_rule_supersedes_another_on_the_same_order() -> None:
    oral = OrderIsLeaf(0, "route", ("oral",))
    report = judged(rule("strong", oral, supersedes=("weak",)), rule("weak"))
    assert suppressed(report) == {("weak", ("o1",), "strong")}
    assert {(f.rule.id, f.orders) for f in report.alerts} == {("strong", ("o1",)), ("weak", ("o2",))}


@pytest.mark.parametrize("first", ["strong", "weak"])
def test_the_order_of_the_rules_does_not_matter(first: str) -> None:
    rules = [rule("strong", supersedes=("weak",)), rule("weak")]
    report = judged(*(rules if first == "strong" else rules[::-1]))
    assert suppressed(report) == {("weak", ("o1",), "strong"), ("weak", ("o2",), "strong")}


def test_a_pair_and_its_order_supersede_each_other() -> None:
    report = judged(rule("pair", subject="pair", supersedes=("alone",)), rule("alone"))
    assert suppressed(report) == {("alone", ("o1",), "pair"), ("alone", ("o2",), "pair")}
    report = judged(rule("pair", subject="pair"), rule("alone", supersedes=("pair",)))
    assert suppressed(report) == {("pair", ("o1", "o3"), "alone"), ("pair", ("o2", "o3"), "alone")}


def test_a_patient_rule_supersedes_on_every_order() -> None:
    report = judged(rule("whole", subject="patient", supersedes=("alone",)), rule("alone"))
    assert {f.rule.id for f in report.alerts} == {"whole"}


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (rule("strong", Always(negated=True), supersedes=("weak",)), rule("weak")),
        (rule("strong", Always(), Always(), supersedes=("weak",)), rule("weak")),
        (rule("strong", OrderIsLeaf(0, "tapered", ("true",)), supersedes=("weak",)), rule("weak")),
        (rule("strong", BROKEN, supersedes=("weak",)), rule("weak")),
        (rule("strong", supersedes=("another",)), rule("weak")),
    ],
    ids=["not met", "excepted", "cannot assess", "failed", "names another"],
)
def test_only_a_firing_rule_supersedes(winner: CompiledRule, loser: CompiledRule) -> None:
    report = judged(winner, loser)
    assert not report.suppressed
    assert ("weak", ("o1",)) in {(f.rule.id, f.orders) for f in report.alerts}


def test_only_a_firing_finding_is_superseded() -> None:
    report = judged(rule("strong", supersedes=("open",)), rule("open", OrderIsLeaf(0, "tapered", ("true",))))
    assert not report.suppressed
    assert {f.rule.id for f in report.cannot_assess} == {"open"}


def test_a_superseded_finding_is_not_clear() -> None:
    report = judged(rule("strong", supersedes=("weak",)), rule("weak"))
    assert len(report.findings) == 4
    assert not report.is_clear


@pytest.mark.parametrize("evaluator", ["reference", "inprocess"])
@pytest.mark.parametrize("record", [RECORD, patients.patient({"id": "p", "orders": [ONE]})])
def test_a_rule_that_raises_is_an_error_and_harms_no_other(evaluator: str, record: Patient) -> None:
    sound = [
        rule("fires"),
        rule("quiet", Always(negated=True)),
        rule("open", OrderIsLeaf(0, "tapered", ("true",))),
    ]
    broken = [rule("broken", BROKEN), rule("broken.exception", Always(), BROKEN)]
    expected = judged(*sound, record=record, evaluator=evaluator)
    report = judged(sound[0], broken[0], sound[1], broken[1], sound[2], record=record, evaluator=evaluator)
    assert [f for f in map(shape, report.findings) if "broken" not in f[0]] == [
        *map(shape, expected.findings)
    ]
    failed = [f for f in report.findings if f.status is Status.ERROR]
    assert {f.rule.id for f in failed} == {"broken", "broken.exception"}
    assert len(failed) == 2 * len([o for o in record.orders or () if o.text == "baclofen"])
    assert {e.rule for e in report.errors if e.code == "rule-failed"} == {"broken", "broken.exception"}
    assert not report.is_clear
    assert not judged(rule("broken", BROKEN), record=record, evaluator=evaluator).is_clear


TAPERED = OrderIsLeaf(0, "tapered", ("true",))
"""UNKNOWN for the orders of RECORD."""
NEVER = Always(negated=True)


@pytest.mark.parametrize(
    "evaluator", ["reference", "inprocess", pytest.param("durable", marks=needs_durable)]
)
@pytest.mark.parametrize(
    ("when", "unless", "status"),
    [
        (All((NEVER, BROKEN)), (), Status.NOT_MET),
        (All((BROKEN, NEVER)), (), Status.NOT_MET),
        (All((Always(), BROKEN)), (), Status.ERROR),
        (All((TAPERED, BROKEN)), (), Status.ERROR),
        (AnyOf((Always(), BROKEN)), (), Status.FIRES),
        (AnyOf((BROKEN, NEVER)), (), Status.ERROR),
        (AtLeast(2, (BROKEN, Always(), Always())), (), Status.FIRES),
        (AtLeast(2, (BROKEN, NEVER, Always())), (), Status.ERROR),
        (All((TAPERED, AnyOf((Always(), BROKEN)))), (), Status.CANNOT_ASSESS),
        (NEVER, (BROKEN,), Status.NOT_MET),
        (TAPERED, (BROKEN,), Status.ERROR),
        (Always(), (BROKEN,), Status.ERROR),
        (Always(), (BROKEN, Always()), Status.EXCEPTED),
        (Always(), (All((BROKEN, NEVER)), TAPERED), Status.FIRES),
        (BROKEN, (Always(),), Status.ERROR),
    ],
)
def test_a_part_that_raises_is_an_error_unless_the_verdict_is_the_same_without_it(
    evaluator: str, when: Node, unless: tuple[Node, ...], status: Status
) -> None:
    record = patients.patient({"id": "p", "orders": [ONE]})
    report = judged(rule("asked", when, *unless), record=record, evaluator=evaluator)
    assert [f.status for f in report.findings] == ([] if status is Status.NOT_MET else [status])
    assert bool(report.errors) is (status is Status.ERROR)


def shape(finding: Any) -> tuple[Any, ...]:
    return finding.rule.id, finding.status, finding.orders, finding.because, finding.missing


@dataclass
class Wrong:
    """The reference evaluator with one outcome changed, dropped or added."""

    program: Program
    how: str
    name: str = "wrong"

    def outcomes(self, chart: Chart) -> list[Outcome]:
        found = ReferenceEvaluator(self.program).outcomes(chart)
        place = next(i for i, o in enumerate(found) if o.status is Status.FIRES)
        if self.how == "dropped":
            return found[:place] + found[place + 1 :]
        if self.how == "added":
            return [*found, replace(found[place], rule=rule("invented"))]
        found[place] = replace(found[place], status=Status(self.how))
        return found


@pytest.mark.parametrize("how", ["dropped", "added", "not-met", "excepted", "cannot-assess", "error"])
@pytest.mark.parametrize("wrong_first", [False, True])
def test_every_difference_of_a_second_opinion_is_an_error(how: str, wrong_first: bool) -> None:
    rules = (rule("fires"), rule("quiet", Always(negated=True)))
    program = with_rules(*rules).program
    evaluators = [ReferenceEvaluator(program), Wrong(program, how)]
    first, second = evaluators[::-1] if wrong_first else evaluators
    report = judged(*rules, evaluator=first, second_opinion=second)
    differing = [e for e in report.errors if e.code == "evaluators-differ"]
    assert [e.rule for e in differing] == ["invented" if how == "added" else "fires"]
    assert "wrong" in differing[0].message
    assert "o1" in differing[0].message
    assert not report.is_clear


@needs_durable
@pytest.mark.parametrize(
    "pair", [("inprocess", "reference"), ("inprocess", "durable"), ("durable", "reference")]
)
def test_agreeing_opinions_add_nothing(pair: tuple[str, str]) -> None:
    source = Seeded(11)
    for index in range(25):
        record = patients.patient(patients.data(source, index))
        first, second = pair
        options = {"as_of": "2026-01-15", "evaluator": first}
        alone = screen(record, bundled(), **options)  # type: ignore[arg-type]
        both = screen(record, bundled(), second_opinion=second, **options)  # type: ignore[arg-type]
        assert dump(both) == dump(alone)


def test_compare_is_the_same_both_ways() -> None:
    program = programs.program(Seeded(3), 8)
    chart = patients.chart(RECORD)
    found = ReferenceEvaluator(program).outcomes(chart)
    assert compare(found, InprocessEvaluator(program).outcomes(patients.chart(RECORD))) == []
    assert [rule for rule, _ in compare(found, [])] == [rule for rule, _ in compare([], found)]
    assert len(compare(found, [])) == len([o for o in found if o.status is not Status.NOT_MET])


def test_unknown_evaluators_and_days_are_refused() -> None:
    with pytest.raises(CaveatError, match="no evaluator is called 'fast'"):
        build("fast", bundled().program)
    for day in ("2026-01", "yesterday"):
        with pytest.raises(DateError):
            screen(RECORD, bundled(), as_of=day)


def dump(report: Report) -> str:
    return json.dumps(report_json(report), sort_keys=True, ensure_ascii=False)


def test_threads_give_the_same_bytes() -> None:
    """Sixteen threads over one ruleset, in shuffled order, each record several times."""
    source = Seeded(21)
    records = [patients.patient(patients.data(source, i)) for i in range(40)]
    expected = [dump(screen(record, bundled(), as_of="2026-01-15")) for record in records]
    fresh = load(cache=False)
    places = [i for i in range(len(records)) for _ in range(8)]
    random.Random(5).shuffle(places)
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda i: dump(screen(records[i], fresh, as_of="2026-01-15")), places)
    assert [(i, text) for i, text in zip(places, found, strict=True) if text != expected[i]] == []


@given(st.integers(0, 10_000))
def test_a_screen_is_the_same_twice(seed: int) -> None:
    record = patients.patient(patients.data(Seeded(seed)))
    reports = [screen(record, bundled(), as_of="2026-01-15", evaluator=e) for e in ("inprocess", "inprocess")]
    assert dump(reports[0]) == dump(reports[1])


@pytest.mark.parametrize("evaluator", ["reference", "inprocess"])
def test_a_birth_date_that_cannot_be_is_an_error_though_no_rule_asks_the_age(evaluator: str) -> None:
    """A record without any rule to judge it was clear with a birth date in the future."""
    orders = [{"id": "o1", "text": "amlodipine", "status": "active"}]
    whole = {"id": "p", "orders": orders, "conditions": [], "allergies": []}
    for born, errors, notes in (
        ("2030-01-01", ["impossible-value"], []),
        ("1850-01-01", [], ["implausible-value"]),
    ):
        record = patients.patient({**whole, "birth_date": born})
        report = screen(record, bundled(), as_of="2026-01-15", evaluator=evaluator)
        assert [error.code for error in report.errors] == errors
        assert [note.code for note in report.notes] == notes
        assert report.is_clear is not bool(errors)


def test_an_egfr_is_shown_as_people_write_it() -> None:
    data = {
        "id": "p",
        "sex": "female",
        "age": "70 a",
        "orders": [
            {"id": "o1", "text": "metformin 500 mg tablet", "status": "active", "start": "2025-06-01"}
        ],
        "observations": [{"concept": "egfr", "value": "25 mL/min/{1.73_m2}", "at": "2026-01-01"}],
    }
    found = screen(patients.patient(data), load(), as_of="2026-01-15")
    summaries = [alert.summary for alert in found.alerts]
    assert any("25 mL/min/1.73 m²" in text for text in summaries), summaries
    assert not any("{" in text for text in summaries)
