"""A sheet of rules written as one function notes what the sheet itself notes."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile import nodes
from caveat.compile.nodes import All, AnyOf, ConditionLeaf, KnownLeaf, Node, NumberLeaf, OrderIsLeaf
from caveat.compile.program import CompiledRule, Program
from caveat.compile.serial import seal
from caveat.evaluators import written as writing
from caveat.evaluators.closures import Closures
from caveat.evaluators.inprocess import InprocessEvaluator
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.sheets import Entry, Hit, Sheet, laid_out
from caveat.evaluators.written import written
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.findings.severity import Status
from strategies import patients, programs
from strategies.outcomes import whole
from strategies.sources import Drawn, Seeded, Source

NEVER = sys.maxsize
KINDS = (
    "hits += o[2]",
    "hits += o[v]",
    "if v:",
    "v = v if v < v else v",
    "v = memo[o] if o in memo else o(chart, view)",
    "v = o(chart, view)",
    "if v is None:",
    "v = o(chart, view, None, None)",
    "elif v < n:",
    "elif v > n:",
    "elif n < v < n:",
    "elif v < n or v > n:",
    "elif v != v:",
    "v = 0",
    "v = 1",
    "v = 2",
    "if v != 2:",
    "if v < v:",
    "if v > v:",
    "v = v",
    "v = 2 - v",
    "v = memo.get(o)",
    "v = o[context.x]",
    "v = 0 if touched is not None and o.isdisjoint(touched) else o(chart, view, None, None)",
    "touched = memo['touched'] if 'touched' in memo else o(chart)",
    "context = chart.patient.context",
    "route = view.route",
    "v = 1 if route is None else 2 if route in o else 0",
    "v = 1 if route is None else 0 if route in o else 2",
    "o(chart, view, 2, hits)",
    "o(chart, view, v, hits)",
)
"""Every kind of line that a function may have beside its head, with names and numbers made alike."""


def alike(line: str) -> str:
    line = re.sub(r"\bv\d+\b", "v", line.strip())
    line = re.sub(r"\bo\d+\b", "o", line)
    line = re.sub(r"context\.\w+", "context.x", line)
    return re.sub(r"-?\b\d+\.\d+(e-?\d+)?\b|-?\b\d+e-?\d+\b", "n", line)


def order_rules(source: Source, most: int) -> Program:
    """Rules on one ingredient whose parts are few, so that many rules share them."""
    template = programs.rule(Seeded(1), 0)
    parts = [programs.node(source, "order", 2) for _ in range(5)]
    parts += [programs.number_leaf(source) for _ in range(2)]
    parts += [programs.order_number_leaf(source, 0) for _ in range(2)]
    made: list[CompiledRule] = []
    for index in range(source.number(1, most)):
        chosen = tuple(source.pick(tuple(parts)) for _ in range(source.number(1, 4)))
        when: Node = AnyOf(chosen) if source.chance(15) else All(chosen)
        if source.chance(5):
            when = nodes.Always()
        made.append(
            replace(
                template, id=f"r.{index}", subject="order", first=("baclofen",), second=(), when=when,
                unless=(), supersedes=(), share="", left_out=(),
            )
        )  # fmt: skip
    return seal("test", tuple(made))


def sheet_of(program: Program, closures: Closures) -> Sheet:
    return laid_out([Entry.of(i, rule, closures) for i, rule in enumerate(program.rules)], closures)


def asked(ask: Any, chart: Chart, view: OrderView) -> list[tuple[str, int]] | str:
    hits: list[Hit] = []
    try:
        ask(chart, view, hits)
    except Exception as error:
        return type(error).__name__
    return sorted((entry.rule.id, truth) for entry, truth in hits)


def with_baclofen(data: dict[str, Any]) -> dict[str, Any]:
    orders = [{**order, "text": "baclofen"} for order in data.get("orders") or ()]
    return {**data, "orders": orders or [{"id": "o1", "text": "baclofen", "status": "active"}]}


def same_hits(source: Source, records: int, most: int = 12) -> None:
    """One sheet, laid out and written, asked of the same orders."""
    program, closures = order_rules(source, most), Closures()
    sheet = sheet_of(program, closures)
    ask = written(sheet, closures)
    assert ask is not None
    for index in range(records):
        data = patients.data(source, index)
        patient = patients.patient(with_baclofen(data))
        for place, view in enumerate(patients.chart(patient).current):
            one, two = patients.chart(patient), patients.chart(patient)
            found = asked(ask, one, one.current[place])
            assert found == asked(sheet.asked, two, two.current[place]), view.name


@given(st.data())
def test_a_written_sheet_notes_what_the_sheet_notes(drawn: st.DataObject) -> None:
    same_hits(Drawn(drawn.draw), 2, 6)


def test_every_kind_of_line_is_run_and_agrees() -> None:
    """Seeded sheets of all leaves: each kind of line in the functions is run at least twenty times."""
    run: Counter[str] = Counter()
    lines: list[str] = []
    original = writing.compile_text

    def compile_text(source: str, objects: dict[str, Any]) -> None:
        lines[:] = source.splitlines()
        original(source, objects)

    def trace(frame: FrameType, event: str, value: object) -> Any:
        if frame.f_code.co_filename != writing.FILE:
            return None
        if event == "line":
            run[alike(lines[frame.f_lineno - 1])] += 1
        return trace

    writing.compile_text = compile_text
    before, deepest, rungs = sys.gettrace(), writing.DEEPEST, writing.MOST_RUNGS
    try:
        sys.settrace(trace)
        for seed in range(320):
            writing.DEEPEST, writing.MOST_RUNGS = (3, 0) if seed % 6 == 0 else (deepest, rungs)
            same_hits(Seeded(seed), 3)
    finally:
        sys.settrace(before)
        writing.compile_text, writing.DEEPEST, writing.MOST_RUNGS = original, deepest, rungs
    head = {"memo = chart.memo", "else:", "return None", "def ask(chart, view, hits):"}
    assert set(run) - head <= set(KINDS)
    assert {kind: run[kind] for kind in KINDS if run[kind] < 20} == {}


def test_programs_are_judged_alike_before_and_after_their_sheets_are_written() -> None:
    judged = 0
    for seed in range(40):
        source = Seeded(1_000 + seed)
        program = programs.program(source, 8)
        reference = ReferenceEvaluator(program)
        laid, now = InprocessEvaluator(program, NEVER), InprocessEvaluator(program, 0)
        for index in range(6):
            patient = patients.patient(patients.data(source, index))
            expected = whole(reference.outcomes(patients.chart(patient)))
            assert whole(laid.outcomes(patients.chart(patient))) == expected
            assert whole(now.outcomes(patients.chart(patient))) == expected
            judged += len(expected)
    assert judged > 200


def test_a_sheet_is_written_when_it_was_asked_a_few_times() -> None:
    program = order_rules(Seeded(3), 6)
    evaluator = InprocessEvaluator(program, 3)
    about = evaluator.about("baclofen")
    assert about is not None
    group = about.orders
    assert group is not None
    kinds = []
    for _ in range(6):
        chart = patients.chart({"id": "p", "orders": [{"id": "o1", "text": "baclofen", "status": "active"}]})
        evaluator.outcomes(chart)
        code = getattr(group.ask, "__code__", None)
        kinds.append(code is not None and code.co_filename == writing.FILE)
    assert kinds == [False, False, False, True, True, True]


def test_what_raises_in_a_written_sheet_is_an_error_of_its_rule_alone() -> None:
    broken = KnownLeaf("order.no-such-property")
    whens: list[Node] = [OrderIsLeaf(0, "status", ("active",)), broken]
    whens.append(KnownLeaf("order.route", negated=True))
    template = order_rules(Seeded(1), 1).rules[0]
    program = seal("test", tuple(replace(template, id=f"r.{i}", when=when) for i, when in enumerate(whens)))
    record = {"id": "p", "orders": [{"id": "o1", "text": "baclofen", "status": "active"}]}
    found = InprocessEvaluator(program, 0).outcomes(patients.chart(record))
    assert [(o.rule.id, o.status) for o in found] == [
        ("r.0", Status.FIRES),
        ("r.1", Status.ERROR),
        ("r.2", Status.FIRES),
    ]


def test_a_very_large_sheet_is_not_written() -> None:
    leaves = [ConditionLeaf((f"set-{i}",), "ever", negated=True) for i in range(writing.MOST_QUESTIONS + 1)]
    template = order_rules(Seeded(1), 1).rules[0]
    rules = tuple(replace(template, id=f"r.{i}", when=leaf) for i, leaf in enumerate(leaves))
    closures = Closures()
    sheet = laid_out([Entry.of(i, rule, closures) for i, rule in enumerate(rules)], closures)
    assert written(sheet, closures) is None


def test_many_parts_and_deep_trees_are_written_within_what_python_allows() -> None:
    """Conditions of 150 parts beside each other, and of 40 below each other."""
    limits = [programs.order_number_leaf(Seeded(seed), 0) for seed in range(150)]
    deep: Node = limits[0]
    for leaf in limits[1:40]:
        deep = AnyOf((All((leaf, deep)), OrderIsLeaf(0, "route", ("oral",), negated=True)))
    whens: list[Node] = [All(tuple(limits)), AnyOf(tuple(limits)), deep]
    template = order_rules(Seeded(1), 1).rules[0]
    program = seal("test", tuple(replace(template, id=f"r.{i}", when=when) for i, when in enumerate(whens)))
    closures = Closures()
    ask = written(sheet_of(program, closures), closures)
    assert ask is not None
    record = patients.patient({"id": "p", "orders": [{"id": "o1", "text": "baclofen", "status": "active"}]})
    one, two = patients.chart(record), patients.chart(record)
    found = asked(ask, one, one.current[0])
    assert found == asked(sheet_of(program, closures).asked, two, two.current[0])
    assert found


def test_nothing_that_a_rule_says_is_in_the_text() -> None:
    """Names of facts, sets and values are handed over as objects; only limits stand in the text."""
    texts: list[str] = []
    original = writing.compile_text

    def compile_text(source: str, objects: dict[str, Any]) -> None:
        texts.append(source)
        original(source, objects)

    said = "'); import os; ('"
    leaf = NumberLeaf(said, programs.interval(Seeded(1), "mg", (1, 2))[0], "mg", said)
    route, choice = OrderIsLeaf(0, "route", (said,)), nodes.ChoiceLeaf(said, (said,))
    whens: list[Node] = [ConditionLeaf((said,), "ever"), route, leaf, choice]
    template = order_rules(Seeded(1), 1).rules[0]
    closures = Closures()
    rules = [replace(template, id=said, when=when) for when in whens]
    writing.compile_text = compile_text
    try:
        assert written(laid_out([Entry.of(i, r, closures) for i, r in enumerate(rules)], closures), closures)
    finally:
        writing.compile_text = original
    assert len(texts) == 1
    assert "import" not in texts[0]
    assert said not in texts[0]


def test_rules_that_cannot_be_compiled_are_judged_as_the_reference_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of an order and of a pair; the others of the same ingredient are judged beside them."""
    whens: list[Node] = [OrderIsLeaf(0, "status", ("active",)), OrderIsLeaf(0, "route", ("oral",))]
    template = order_rules(Seeded(1), 1).rules[0]
    of_order = [replace(template, id=f"r.{i}", when=when) for i, when in enumerate(whens)]
    of_pair = [
        replace(rule, id=f"p.{i}", subject="pair", second=("morphine",)) for i, rule in enumerate(of_order)
    ]
    program = seal("test", (*of_order, *of_pair))
    orders = [
        {"id": f"o{i}", "text": text, "status": "active", "route": "oral"}
        for i, text in enumerate(("baclofen", "morphine"))
    ]
    record = {"id": "p", "orders": orders}
    compiled = Closures._leaf

    def leaf(self: Closures, asked: nodes.Leaf, key: object) -> Any:
        if asked == whens[1]:
            raise RuntimeError("broken")
        return compiled(self, asked, key)

    monkeypatch.setattr(Closures, "_leaf", leaf)
    expected = whole(ReferenceEvaluator(program).outcomes(patients.chart(record)))
    assert len(expected) == 4
    for written_after in (0, NEVER):
        found = InprocessEvaluator(program, written_after).outcomes(patients.chart(record))
        assert whole(found) == expected
