"""Every evaluator gives each rule and subject what the reference evaluator gives it.

Hypothesis looks for the smallest difference; seeded bulk brings the volume: at least 10,000
generated patients a CI run, counted.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from functools import cache
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caveat.compile import nodes
from caveat.compile.program import Program
from caveat.compile.ruleset import load
from caveat.errors import CompileError
from caveat.evaluators.durable import DurableEvaluator
from caveat.evaluators.inprocess import InprocessEvaluator
from caveat.evaluators.leaves import judge
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.subjects import subjects
from caveat.facts.patient import Patient
from caveat.findings.severity import Status
from strategies import patients, programs
from strategies.outcomes import needs_durable, statuses, whole
from strategies.sources import Seeded

IN_CI = os.environ.get("CAVEAT_HYPOTHESIS_PROFILE") == "ci"
SHARDS = 8
PROGRAMS = 50 if IN_CI else 8
PATIENTS = 25
LABELS = {"serum_creatinine": "SCr", "weight": "Body weight", "potassium": "Potassium", "albumin": "Albumin"}
BUNDLED = 1_000 if IN_CI else 200


@cache
def bundled_program() -> Program:
    return load(cache=False).program


def generated(seed: int) -> tuple[Program, list[Patient]]:
    source = Seeded(seed)
    program = programs.program(source, 8)
    return program, [patients.patient(by_label(patients.data(source, i), i)) for i in range(PATIENTS)]


def by_label(data: patients.Data, index: int) -> patients.Data:
    """Every third patient's observations named as people write them, not by the concept's id."""
    if index % 3 or not data.get("observations"):
        return data
    named = [{**o, "concept": LABELS.get(o["concept"], o["concept"])} for o in data["observations"]]
    return {**data, "observations": named}


def differences(program: Program, records: list[Patient]) -> list[str]:
    """Where inprocess says anything else than reference, its sheets laid out or written as functions."""
    reference = ReferenceEvaluator(program)
    ways = InprocessEvaluator(program, sys.maxsize), InprocessEvaluator(program, 0)
    found = []
    for record, inprocess in product(records, ways):
        expected = whole(reference.outcomes(patients.chart(record)))
        actual = whole(inprocess.outcomes(patients.chart(record)))
        if expected != actual:
            first = next(
                pair for pair in zip([*expected, None], [*actual, None], strict=False) if pair[0] != pair[1]
            )
            found.append(
                f"{first[0]}\nagainst\n{first[1]}\nfor {record.model_dump_json(exclude_defaults=True)}"
            )
    return found


def durable_differences(program: Program, records: list[Patient]) -> list[str]:
    """Where durable gives a status other than reference."""
    reference = ReferenceEvaluator(program)
    answers = DurableEvaluator.of(program).outcomes_of([patients.chart(record) for record in records])
    return [
        f"{expected}\nagainst\n{statuses(answer)}\nfor {record.model_dump_json(exclude_defaults=True)}"
        for record, answer in zip(records, answers, strict=True)
        if (expected := statuses(reference.outcomes(patients.chart(record)))) != statuses(answer)
    ]


@given(programs.programs(), st.lists(patients.datas(), min_size=1, max_size=2))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_inprocess_gives_what_reference_gives(program: Program, found: list[patients.Data]) -> None:
    assert not differences(program, [patients.patient(data) for data in found])


@needs_durable
@given(programs.programs(), st.lists(patients.datas(), min_size=1, max_size=2))
@settings(
    max_examples=200 if IN_CI else 30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_durable_gives_what_reference_gives(program: Program, found: list[patients.Data]) -> None:
    assert not durable_differences(program, [patients.patient(data) for data in found])


@pytest.mark.parametrize("shard", range(SHARDS))
def test_inprocess_in_bulk(shard: int) -> None:
    judged = 0
    for seed in range(shard, SHARDS * PROGRAMS, SHARDS):
        program, records = generated(seed)
        assert not differences(program, records), f"seed {seed}"
        judged += len(records)
    assert judged == PROGRAMS * PATIENTS


@needs_durable
@pytest.mark.parametrize("shard", range(SHARDS))
def test_durable_in_bulk(shard: int) -> None:
    judged = refused = 0
    for seed in range(shard, SHARDS * PROGRAMS, SHARDS):
        program, records = generated(seed)
        try:
            found = durable_differences(program, records)
        except CompileError:
            refused += 1
            continue
        assert not found, f"seed {seed}"
        judged += len(records)
    assert refused <= 1
    assert judged == (PROGRAMS - refused) * PATIENTS


def test_volume() -> None:
    assert not IN_CI or SHARDS * (PROGRAMS - 1) * PATIENTS + BUNDLED >= 10_000
    assert len({generated(seed)[0].digest for seed in range(40)}) == 40


def test_generated_programs_and_patients_reach_everything() -> None:
    """Every subject gets every status, and every kind of leaf every truth: the comparison has power."""
    met: Counter[tuple[str, Status]] = Counter()
    truths: Counter[tuple[type, int]] = Counter()
    for seed in range(160):
        program, records = generated(seed)
        for record in records[:6]:
            chart = patients.chart(record)
            for outcome in ReferenceEvaluator(program).outcomes(chart):
                met[outcome.rule.subject, outcome.status] += 1
            for rule in program.rules:
                for subject in subjects(rule, chart):
                    for leaf in rule.leaves():
                        truths[type(leaf), judge(leaf, chart, subject).truth] += 1
    reached = (Status.FIRES, Status.CANNOT_ASSESS, Status.EXCEPTED, Status.NOT_MET)
    assert not [(s, status) for s in programs.SUBJECTS for status in reached if not met[s, status]]
    two_valued = (nodes.Always, nodes.KnownLeaf)
    wanted = {kind: (0, 2) if kind in two_valued else (0, 1, 2) for kind in nodes.LEAVES}
    assert not [(kind.__name__, t) for kind, all_ in wanted.items() for t in all_ if not truths[kind, t]]


@pytest.mark.parametrize("shard", range(4))
def test_bundled_rules_inprocess(shard: int) -> None:
    source = Seeded(1_000 + shard)
    records = [patients.patient(patients.data(source, i)) for i in range(BUNDLED // 4)]
    assert not differences(bundled_program(), records)


@needs_durable
@pytest.mark.parametrize("shard", range(4))
def test_bundled_rules_durable(shard: int) -> None:
    source = Seeded(1_000 + shard)
    records = [patients.patient(patients.data(source, i)) for i in range(BUNDLED // 4)]
    assert not durable_differences(bundled_program(), records)


def test_selections_agree() -> None:
    """Under every policy of which orders count."""
    for seed in range(60):
        program, records = generated(seed)
        for selection in patients.SELECTIONS:
            for record in records[:5]:
                expected = whole(
                    ReferenceEvaluator(program).outcomes(patients.chart(record, selection=selection))
                )
                actual = whole(
                    InprocessEvaluator(program).outcomes(patients.chart(record, selection=selection))
                )
                assert expected == actual


def test_one_chart_serves_two_programs() -> None:
    """What an evaluator remembers in a chart is not taken for another program's."""
    for seed in range(60):
        first, records = generated(seed)
        second, _ = generated(seed + 1_000)
        for record in records[:5]:
            chart = patients.chart(record)
            InprocessEvaluator(first).outcomes(chart)
            expected = whole(ReferenceEvaluator(second).outcomes(patients.chart(record)))
            assert whole(InprocessEvaluator(second).outcomes(chart)) == expected
