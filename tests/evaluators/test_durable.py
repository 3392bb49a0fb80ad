"""The durable evaluator: its network is Kleene's logic, and none of its failures is silent."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.nodes import All, Always, AnyOf, AtLeast, ChoiceLeaf, ConditionLeaf, Node, OrderIsLeaf
from caveat.compile.program import CompiledRule, Exclusion, Program
from caveat.compile.ruleset import load
from caveat.compile.serial import seal
from caveat.errors import CaveatError, CompileError
from caveat.evaluators import durable, durable_process
from caveat.evaluators.durable import FAILURE, DurableEvaluator
from caveat.evaluators.durable_network import (
    MOST_ATOMS,
    MOST_SETS,
    MOST_USES,
    atoms_of,
    build,
    conclusion,
    fingerprint,
)
from caveat.evaluators.durable_process import WorkerFailure, WorkerProcess
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.screen import screen
from caveat.facts.chart import Chart
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, all_of, any_of, at_least, negate
from strategies import patients, programs
from strategies.outcomes import needs_durable, statuses
from strategies.sources import Drawn, Seeded

FACTS = 5


def fact(number: int, *, negated: bool = False) -> ChoiceLeaf:
    return ChoiceLeaf("context.care_setting", (f"place-{number}",), negated)


def absence(number: int, *, negated: bool) -> ConditionLeaf:
    return ConditionLeaf((f"set-{number}",), "active", negated=negated)


def rule(when: Node, *unless: Node, index: int = 0) -> CompiledRule:
    template = programs.rule(Seeded(1), index)
    exclusions = tuple(Exclusion(f"e{i}", "because", node) for i, node in enumerate(unless))
    return replace(
        template,
        id=f"rule.{index}",
        subject="patient",
        first=(),
        second=(),
        when=when,
        unless=exclusions,
        supersedes=(),
    )


def sealed(*rules: CompiledRule) -> Program:
    return seal("test", rules)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Node:
    source = Drawn(draw)

    def tree(level: int) -> Node:
        if level == 0 or source.chance(30):
            return fact(source.number(0, FACTS - 1), negated=source.chance(50))
        parts = tuple(tree(level - 1) for _ in range(source.number(0, 3)))
        kind = source.pick((All, AnyOf, AtLeast))
        return AtLeast(source.number(0, 4), parts) if kind is AtLeast else kind(parts)

    return tree(depth)


def truth_of(node: Node, truths: dict[int, Truth]) -> Truth:
    """Strong Kleene, by the definitions alone."""
    if isinstance(node, All):
        return all_of(truth_of(part, truths) for part in node.parts)
    if isinstance(node, AnyOf):
        return any_of(truth_of(part, truths) for part in node.parts)
    if isinstance(node, AtLeast):
        return at_least(node.count, [truth_of(part, truths) for part in node.parts])
    assert isinstance(node, ChoiceLeaf)
    plain = truths[int(node.values[0].removeprefix("place-"))]
    return negate(plain) if node.negated else plain


@given(trees(), st.lists(st.sampled_from((FALSE, UNKNOWN, TRUE)), min_size=FACTS, max_size=FACTS))
def test_network_is_strong_kleene(node: Node, given_truths: list[Truth]) -> None:
    truths = dict(enumerate(given_truths))
    network = build(sealed(rule(node)))
    there: set[str] = set()
    for number, leaf in enumerate(network.leaves):
        assert isinstance(leaf, ChoiceLeaf)
        assert not leaf.negated
        there.update(atoms_of(number, truth_of(leaf, truths)))
    (ruleset,) = network.rulesets
    drawn = {text for atoms, texts in ruleset.sets if atoms <= there for text in texts}
    found = TRUE if "0.0" in drawn else UNKNOWN if "0.0?" in drawn else FALSE
    assert found == truth_of(node, truths)


def test_absence_keeps_its_own_number() -> None:
    """A negated condition asks another question than the condition: it is no minus side of it."""
    network = build(sealed(rule(AnyOf((absence(1, negated=False), absence(1, negated=True))))))
    assert [getattr(leaf, "negated", None) for leaf in network.leaves] == [False, True]
    assert not [a for ruleset in network.rulesets for a in ruleset.atoms if a.endswith("-")]


def test_conclusions_are_distinct() -> None:
    names = [conclusion(r, p, surely=s) for r, p, s in product(range(12), range(12), (True, False))]
    assert len(set(names)) == len(names)


def test_fingerprint_is_that_of_the_library() -> None:
    """Published FNV-1a values of 32 bits; and none of the ids that are used collide."""
    assert [fingerprint(text) for text in ("", "a", "foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]
    ids = [f"{n}{side}" for n in range(2_000) for side in ("+", "-", "?+", "?-")]
    assert len({fingerprint(text) for text in ids}) == len(ids)


def test_colliding_ids_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caveat.evaluators.durable_network.fingerprint", lambda text: len(text))
    with pytest.raises(CompileError, match="for one"):
        build(sealed(rule(All((fact(0), fact(1))))))


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (All(tuple(fact(i) for i in range(15))), "15 facts must hold together; at most 14 can"),
        (AtLeast(4, tuple(fact(i) for i in range(9))), "more than 64 ways"),
        (All(tuple(AnyOf((fact(2 * i), fact(2 * i + 1))) for i in range(7))), "more than 64 ways"),
    ],
)
def test_rules_past_the_limits_are_refused_by_name(node: Node, why: str) -> None:
    small = rule(fact(0), index=1)
    with pytest.raises(CompileError) as caught:
        build(sealed(rule(node), small, rule(fact(0), node, index=2)))
    text = str(caught.value)
    assert text.count(why) == 2
    assert "rule.0: " in text
    assert "rule.2: " in text
    assert "rule.1" not in text


@pytest.mark.parametrize(
    "node",
    [
        All(tuple(fact(i) for i in range(14))),
        AnyOf(tuple(fact(i) for i in range(64))),
        AtLeast(3, tuple(fact(i) for i in range(7))),
    ],
)
def test_rules_at_the_limits_are_taken(node: Node) -> None:
    assert len(build(sealed(rule(node))).rulesets) == 1


def many_rules() -> Program:
    """Rules that need several rulesets, many of them alike."""
    made = []
    for i in range(400):
        node = All((fact(i % 90), fact(200 + i % 7, negated=True), AnyOf((fact(i % 11), fact(300 + i % 13)))))
        made.append(rule(node, fact(500), fact(i % 3), index=i))
    return sealed(*made)


def test_rulesets_keep_within_the_limits() -> None:
    network = build(many_rules())
    assert len(network.rulesets) > 1
    for ruleset in network.rulesets:
        uses: dict[str, int] = {}
        for atoms, _ in ruleset.sets:
            for atom in atoms:
                uses[atom] = uses.get(atom, 0) + 1
        assert len(ruleset.sets) <= MOST_SETS
        assert len(ruleset.atoms) <= MOST_ATOMS
        assert max(uses.values()) <= MOST_USES
    places = [ruling.ruleset for ruling in network.rulings]
    assert places == sorted(places)


def some_charts(count: int = 6) -> list[Chart]:
    source = Seeded(7)
    return [patients.chart(patients.data(source, i)) for i in range(count)]


def same(evaluator: DurableEvaluator, charts: list[Chart]) -> None:
    for chart, found in zip(charts, evaluator.outcomes_of(charts), strict=True):
        assert statuses(found) == statuses(ReferenceEvaluator(evaluator.program).outcomes(chart))


@needs_durable
def test_many_and_equal_rules_run() -> None:
    program = many_rules()
    equal = tuple(
        replace(r, id=f"same.{i}", when=All((Always(), Always()))) for i, r in enumerate(program.rules)
    )
    same(DurableEvaluator.of(program), some_charts())
    same(DurableEvaluator.of(sealed(*equal)), some_charts())


@needs_durable
def test_nothing_in_scope_asks_nothing() -> None:
    program = sealed(replace(rule(fact(0)), subject="order", first=("baclofen",)))
    assert DurableEvaluator.of(program).outcomes(patients.chart({"id": "p"})) == []
    assert DurableEvaluator.of(program).outcomes_of([]) == []


@needs_durable
def test_outcomes_are_the_whole_ones_of_the_reference() -> None:
    """With what they rest on, and in the same order, not met included."""
    program = judging_something()
    for chart in some_charts(20):
        expected = ReferenceEvaluator(program).outcomes(chart)
        found = DurableEvaluator.of(program).outcomes(chart)
        assert [o.key for o in found] == [o.key for o in expected]
        assert [(o.status, o.because, o.missing, o.unchecked, o.exceptions) for o in found] == [
            (o.status, o.because, o.missing, o.unchecked, o.exceptions) for o in expected
        ]


@needs_durable
def test_programs_are_kept_and_workers_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_process, "MOST_PROGRAMS", 2)
    worker = WorkerProcess()
    try:
        for seed in (1, 2, 3, 1, 4, 5):
            same(DurableEvaluator(programs.program(Seeded(seed)), worker), some_charts(3))
    finally:
        worker.close()
    program = programs.program(Seeded(1))
    assert DurableEvaluator.of(program) is DurableEvaluator.of(program)
    for seed in range(durable.MOST_KEPT + 2):
        DurableEvaluator.of(programs.program(Seeded(100 + seed)))
    assert len(durable._SHARED.kept) == durable.MOST_KEPT


@needs_durable
def test_the_library_is_not_loaded_into_the_host() -> None:
    """In a process of its own: another test may have loaded it here for a comparison."""
    code = """
import sys
import caveat
patient = caveat.Patient(id="p", orders=[{"id": "o1", "text": "baclofen", "status": "active"}])
report = caveat.screen(patient, caveat.load(), as_of="2026-01-15", evaluator="durable")
assert report.evaluator == "durable" and report.findings, report
assert not {"durable", "durable_rules_engine"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_durable
@pytest.mark.skipif(not hasattr(os, "fork"), reason="durable: this system does not fork")
def test_a_forked_child_has_a_worker_of_its_own() -> None:
    program = programs.program(Seeded(5), 8)
    evaluator = DurableEvaluator.of(program)
    charts = some_charts()
    same(evaluator, charts)
    child = os.fork()
    if child == 0:
        try:
            same(evaluator, charts)
            same(DurableEvaluator.of(program), charts)
        except BaseException:
            os._exit(1)
        os._exit(0)
    same(evaluator, charts)
    assert os.waitpid(child, 0)[1] == 0
    same(evaluator, charts)


@needs_durable
def test_threads_share_one_worker() -> None:
    made = [programs.program(Seeded(seed), 6) for seed in range(4)]
    wrong: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for step in range(6):
                same(DurableEvaluator.of(made[(seed + step) % 4]), some_charts(4))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Workers that fail in each way. Each answers the first request, so that the program is loaded.
FAILING = {
    "ended with signal": "import os; input(); print('{}', flush=True); input(); os.kill(os.getpid(), 11)",
    "ended with exit code 3": "import sys; input(); print('{}', flush=True); sys.exit(3)",
    "no answer within": "import sys; input(); print('{}', flush=True); [None for _ in sys.stdin]",
    "refused": "input(); print('{}', flush=True); input(); print('{\"error\": \"no\"}', flush=True); input()",
    "no answer for some": "for i in range(9): input(); print('{\"drawn\": []}', flush=True)",
    "exit code": "input(); print('neither JSON nor anything', flush=True); input()",
}


def judging_something() -> Program:
    """A program that judges the first chart at all."""
    made = (programs.program(Seeded(seed), 8) for seed in range(3, 99))
    return next(one for one in made if ReferenceEvaluator(one).outcomes(some_charts(1)[0]))


@pytest.fixture
def failing(request: pytest.FixtureRequest) -> Iterator[WorkerProcess]:
    worker = WorkerProcess([sys.executable, "-I", "-c", FAILING[request.param]], patience=0.5)
    yield worker
    worker.close()


@pytest.mark.parametrize("failing", list(FAILING), indirect=True)
def test_a_failing_worker_is_seen(failing: WorkerProcess, request: pytest.FixtureRequest) -> None:
    """The reference evaluator answers, and an error says so: never agreement, never clear."""
    program = judging_something()
    evaluator = DurableEvaluator(program, failing)
    chart = some_charts(1)[0]
    found = evaluator.outcomes(chart)
    *rest, failure = found
    assert statuses(rest) == statuses(ReferenceEvaluator(program).outcomes(chart))
    assert (failure.rule, failure.status) == (FAILURE, Status.ERROR)
    assert failure.error is not None
    assert request.node.callspec.params["failing"] in failure.error


def test_a_worker_that_cannot_start_is_seen(tmp_path: Path) -> None:
    worker = WorkerProcess([str(tmp_path / "nothing-here")])
    found = DurableEvaluator(judging_something(), worker).outcomes(some_charts(1)[0])
    assert found[-1].status is Status.ERROR
    assert "cannot be started" in str(found[-1].error)


def answering(jobs: str) -> WorkerProcess:
    """A worker that takes any program and answers each request by an expression over its jobs."""
    code = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    jobs = request.get('jobs', [])\n"
        f"    print(json.dumps({{'drawn': {jobs}}}), flush=True)\n"
    )
    return WorkerProcess([sys.executable, "-I", "-c", code])


def outcomes_by(jobs: str, charts: list[Chart]) -> list[list[Any]]:
    worker = answering(jobs)
    try:
        return list(DurableEvaluator(sealed(rule(Always())), worker).outcomes_of(charts))
    finally:
        worker.close()


def test_contradicting_conclusions_are_seen() -> None:
    (found,) = outcomes_by("[['0.0'] for job in jobs]", some_charts(1))
    assert [o.status for o in found] == [Status.FIRES, Status.ERROR]
    assert "true and not possible" in found[-1].error


def test_verdicts_are_those_of_the_network() -> None:
    """A network that says otherwise is believed, so that the comparison can see it."""
    assert [o.status for o in outcomes_by("[[] for job in jobs]", some_charts(1))[0]] == [Status.NOT_MET]
    assert [o.status for o in outcomes_by("[['0.0?'] for job in jobs]", some_charts(1))[0]] == [
        Status.CANNOT_ASSESS
    ]


def test_one_job_that_fails_is_seen() -> None:
    first, second = outcomes_by(
        "['RuntimeError: x' if i else ['0.0', '0.0?'] for i, job in enumerate(jobs)]", some_charts(2)
    )
    assert [o.status for o in first] == [Status.FIRES]
    assert [o.status for o in second] == [Status.FIRES, Status.ERROR]


def test_only_the_chart_that_fails_is_without_an_opinion() -> None:
    """A batch that brings the worker down is asked again, chart by chart."""
    found = outcomes_by("[[] for job in jobs] if len(jobs) < 2 else sys.exit(1)", some_charts(3))
    assert [[o.status for o in one] for one in found] == [[Status.NOT_MET]] * 3


@needs_durable
def test_a_worker_that_was_killed_is_replaced() -> None:
    worker = WorkerProcess()
    evaluator = DurableEvaluator(judging_something(), worker)
    charts = some_charts()
    same(evaluator, charts)
    assert worker._process is not None
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(WorkerFailure, match="signal"):
        worker.judge(evaluator.program.digest, list, [(0, [])])
    same(evaluator, charts)
    assert not [o for found in evaluator.outcomes_of(charts) for o in found if o.status is Status.ERROR]
    worker.close()


def test_a_failure_is_an_error_of_the_report() -> None:
    """As first evaluator and as second opinion."""
    rules = load(cache=False)
    evaluator = DurableEvaluator(rules.program, answering("sys.exit(1)"))
    record = patients.patient({"id": "p", "orders": [{"id": "o", "text": "baclofen", "status": "active"}]})
    report = screen(record, rules, as_of="2026-01-15", evaluator=evaluator)
    assert "rule-failed" in [e.code for e in report.errors]
    assert not report.is_clear
    report = screen(record, rules, as_of="2026-01-15", second_opinion=evaluator)
    assert [e.rule for e in report.errors if e.code == "evaluators-differ"] == [FAILURE.id]
    assert not report.is_clear
    evaluator._worker.close()


def test_a_leaf_that_raises_fails_its_rule_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = OrderIsLeaf(0, "no_such_property", ("true",))
    program = sealed(rule(Always()), rule(broken, index=1), rule(Always(), broken, index=2))
    worker = answering("[['0.0', '0.0?'] for job in jobs]")
    found = DurableEvaluator(program, worker).outcomes(some_charts(1)[0])
    worker.close()
    expected = ReferenceEvaluator(program).outcomes(some_charts(1)[0])
    assert [(o.key, o.status, o.error) for o in found] == [(o.key, o.status, o.error) for o in expected]
    assert [o.status for o in found] == [Status.FIRES, Status.ERROR, Status.ERROR]


def test_not_installed_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "version_info", (3, 12, 0, "final", 0))
    with pytest.raises(CaveatError, match=r"pip install 'caveat\[durable\]'"):
        DurableEvaluator.of(sealed(rule(Always())))


def test_a_python_that_is_too_new_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    with pytest.raises(CaveatError, match=r"does not run on 3\.13"):
        DurableEvaluator.of(sealed(rule(Always())))
