"""What must not change an answer does not change it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caveat.compile.nodes import All, Always, OrderIsLeaf
from caveat.compile.program import CompiledRule, Program
from caveat.compile.serial import seal
from caveat.evaluators.inprocess import InprocessEvaluator
from caveat.evaluators.leaves import judge
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.subjects import subjects
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE
from strategies import changes, patients, programs
from strategies import vocabulary as v
from strategies.outcomes import statuses
from strategies.sources import Drawn, Seeded, Source

IN_CI = os.environ.get("CAVEAT_HYPOTHESIS_PROFILE") == "ci"
SLOW = settings(
    max_examples=250 if IN_CI else 40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What hiding may not do: a condition and an exception that were judged stay as judged, or become open.
OPPOSITE = {
    (Status.FIRES, Status.NOT_MET),
    (Status.NOT_MET, Status.FIRES),
    (Status.FIRES, Status.EXCEPTED),
}


def verdicts(program: Program, data: patients.Data, **asked: Any) -> dict[Any, Status]:
    """Every status, those not met included."""
    return {o.key: o.status for o in ReferenceEvaluator(program).outcomes(patients.chart(data, **asked))}


def met(program: Program, data: patients.Data, **asked: Any) -> dict[Any, Status]:
    """Statuses by the default evaluator."""
    return statuses(InprocessEvaluator(program).outcomes(patients.chart(data, **asked)))


def by_set(found: dict[Any, Status]) -> set[tuple[str, tuple[str, ...], tuple[str, ...], Status]]:
    """Statuses whichever order of a pair comes first."""
    return {(rule, tuple(sorted(orders)), allergies, s) for (rule, orders, allergies), s in found.items()}


def named_alone(program: Program) -> Program:
    """Without the rules on any order: no order is unrelated to them."""
    return seal(program.version, tuple(rule for rule in program.rules if not rule.of_any))


@given(programs.programs(), patients.datas(), st.data())
@SLOW
def test_an_unrelated_fact_changes_nothing(
    program: Program, data: patients.Data, more: st.DataObject
) -> None:
    lists = [name for name in changes.LISTS if data.get(name) is not None]
    if not lists:
        return
    data = changes.with_ids(data)
    program = named_alone(program)
    changed = changes.with_unrelated(data, more.draw(st.sampled_from(lists)), first=more.draw(st.booleans()))
    assert verdicts(program, changed) == verdicts(program, data)
    assert met(program, changed) == met(program, data)


@given(programs.programs(), patients.datas())
@SLOW
def test_another_unit_changes_nothing(program: Program, data: patients.Data) -> None:
    changed = changes.other_units(data)
    assert verdicts(program, changed) == verdicts(program, data)
    assert met(program, changed) == met(program, data)


@given(programs.programs(), patients.datas(), st.data())
@SLOW
def test_another_order_of_the_lists_changes_nothing(
    program: Program, data: patients.Data, more: st.DataObject
) -> None:
    data = changes.with_ids(data)
    changed = changes.reordered(data, Drawn(more.draw))
    assert by_set(verdicts(program, changed)) == by_set(verdicts(program, data))
    assert by_set(met(program, changed)) == by_set(met(program, data))


@given(programs.programs(), patients.datas(), st.integers(-8, 16))
@SLOW
def test_another_day_with_all_dates_moved_changes_nothing(
    program: Program, data: patients.Data, fours: int
) -> None:
    changed = changes.shifted(data, 4 * fours)
    as_of = v.AS_OF.replace(year=v.AS_OF.year + 4 * fours)
    assert verdicts(program, changed, as_of=as_of) == verdicts(program, data)
    assert met(program, changed, as_of=as_of) == met(program, data)


@given(st.data())
@SLOW
def test_hiding_a_fact_never_turns_a_leaf_over(more: st.DataObject) -> None:
    """TRUE never becomes FALSE, nor FALSE TRUE. `known` is left out: it asks about the hiding itself."""
    source = Drawn(more.draw)
    subject = source.pick(programs.SUBJECTS)
    leaf = programs.leaf(source, subject, known=False)
    rule = replace(programs.rule(source, 0), subject=subject, when=leaf, unless=())
    data = changes.one_sided(changes.with_ids(patients.data(source)), source)
    before = leaf_truths(rule, data)
    for what, hidden in changes.hidings(data):
        after = leaf_truths(rule, hidden)
        turned = {k for k in before if k in after and {before[k], after[k]} == {TRUE, FALSE}}
        assert not turned, f"{leaf} turned over when {what} was hidden"


def leaf_truths(rule: CompiledRule, data: patients.Data) -> dict[Any, int]:
    chart = patients.chart(data)
    return {
        (s.order_ids, s.allergy_ids): judge(leaf, chart, s).truth
        for leaf in rule.leaves()
        for s in subjects(rule, chart)
    }


@given(programs.programs(2, known=False), patients.datas(), st.data())
@SLOW
def test_hiding_a_fact_never_turns_a_verdict_over(
    program: Program, data: patients.Data, more: st.DataObject
) -> None:
    data = changes.one_sided(changes.with_ids(data), Drawn(more.draw))
    before = verdicts(program, data)
    for what, hidden in changes.hidings(data):
        after = verdicts(program, hidden)
        turned = {k: (s, after[k]) for k, s in before.items() if (s, after.get(k)) in OPPOSITE}
        assert not turned, f"turned over when {what} was hidden"


@pytest.mark.parametrize("shard", range(4))
def test_hiding_in_bulk(shard: int) -> None:
    for seed in range(shard, 160, 4):
        source = Seeded(seed)
        program = programs.program(source, 6, known=False)
        for index in range(3):
            data = changes.one_sided(changes.with_ids(patients.data(source, index)), source)
            before = verdicts(program, data)
            for what, hidden in changes.hidings(data):
                after = verdicts(program, hidden)
                turned = {k: (s, after[k]) for k, s in before.items() if (s, after.get(k)) in OPPOSITE}
                assert not turned, f"seed {seed}, patient {index}: {what}: {program.rules}\n{data}"


def in_another_list_order(data: patients.Data, source: Source) -> patients.Data:
    return changes.reordered(data, source)


def with_something_unrelated(data: patients.Data, source: Source) -> patients.Data:
    lists = [name for name in changes.LISTS if data.get(name) is not None]
    return changes.with_unrelated(data, source.pick(lists), first=source.chance(50)) if lists else data


def in_other_units(data: patients.Data, source: Source) -> patients.Data:
    return changes.other_units(data)


@pytest.mark.parametrize("change", [in_another_list_order, with_something_unrelated, in_other_units])
@pytest.mark.parametrize("shard", range(2))
def test_changes_in_bulk(change: Callable[[patients.Data, Source], patients.Data], shard: int) -> None:
    for seed in range(shard, 100, 2):
        source = Seeded(seed)
        program = programs.program(source, 8)
        if change is with_something_unrelated:
            program = named_alone(program)
        for index in range(12):
            data = changes.with_ids(patients.data(source, index))
            changed = change(data, source)
            assert by_set(verdicts(program, changed)) == by_set(verdicts(program, data)), f"{seed}: {data}"
            assert by_set(met(program, changed)) == by_set(met(program, data)), f"{seed}: {data}"


def pair_rule() -> CompiledRule:
    """Two opioids, the first by mouth and the second into a vein."""
    when = All((OrderIsLeaf(0, "route", ("oral",)), OrderIsLeaf(1, "route", ("intravenous",))))
    rule = replace(programs.rule(Seeded(1), 0), subject="pair", when=when, unless=(), supersedes=())
    return replace(rule, first=("codeine", "morphine"), second=("codeine", "morphine"))


@pytest.mark.parametrize("flip", [False, True])
def test_a_pair_that_fits_both_ways_is_judged_both_ways(flip: bool) -> None:
    orders = [
        {"id": "o1", "text": "codeine", "route": "oral", "status": "active"},
        {"id": "o2", "text": "morphine", "route": "intravenous", "status": "active"},
    ]
    data = {"id": "p", "orders": orders[::-1] if flip else orders}
    assert Status.FIRES in met(seal("test", (pair_rule(),)), data).values()


def test_an_allergy_list_of_unknown_completeness_stays_unknown() -> None:
    """One recorded allergy to something else does not make the others known to be absent."""
    rule = replace(programs.rule(Seeded(1), 0), subject="allergy", when=Always(), unless=(), supersedes=())
    program = seal("test", (replace(rule, first=("baclofen",), second=()),))
    data: patients.Data = {
        "id": "p",
        "orders": [{"id": "o1", "text": "baclofen", "status": "active"}],
        "allergies": [],
        "complete": {"allergies": "unknown"},
    }
    assert list(met(program, data).values()) == [Status.CANNOT_ASSESS]
    more = changes.with_unrelated(data, "allergies", first=True)
    assert list(met(program, more).values()) == [Status.CANNOT_ASSESS]
