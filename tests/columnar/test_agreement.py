"""The columnar evaluator gives what the reference evaluator gives, however a batch is cut or ordered."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caveat.adapters import read_records
from caveat.authoring.cases import read_all
from caveat.columns.encoding import encoded
from caveat.columns.records import to_batch, to_patient
from caveat.compile import nodes
from caveat.compile.program import Program
from caveat.compile.ruleset import Ruleset, bundled, load
from caveat.evaluators.columnar import Columnar, screening
from caveat.evaluators.columnar.judging import judge
from caveat.facts.patient import Patient
from caveat.rules.diagnostics import Problems
from columnar.agreement import compare, differences, findings, numbered
from strategies import patients, programs
from strategies import vocabulary as v
from strategies.sources import Seeded

IN_CI = os.environ.get("CAVEAT_HYPOTHESIS_PROFILE") == "ci"
SHARDS = 8
PROGRAMS = 50 if IN_CI else 6
PATIENTS = 25
DAY = v.AS_OF.isoformat()
FIXTURES = Path(__file__).parents[2] / "fixtures"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@cache
def rules() -> Ruleset:
    return load(cache=False)


def of(program: Program) -> Ruleset:
    return replace(rules(), program=program, terminology=v.terminology())


@cache
def generated(seed: int) -> tuple[Program, tuple[Patient, ...]]:
    source = Seeded(seed)
    program = programs.program(source, 8)
    return program, tuple(numbered([patients.patient(patients.data(source, i)) for i in range(PATIENTS)]))


@cache
def fixtures() -> tuple[Patient, ...]:
    return tuple(r for r in read_records([FIXTURES]) if isinstance(r, Patient))


@given(programs.programs(), st.lists(patients.datas(), min_size=1, max_size=3))
@settings(suppress_health_check=SLOW)
def test_columns_give_what_reference_gives(program: Program, found: list[patients.Data]) -> None:
    records = numbered([patients.patient(data) for data in found])
    assert not differences(records, of(program), DAY)[0]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_in_bulk(shard: int) -> None:
    judged = alone = 0
    for seed in range(shard, SHARDS * PROGRAMS, SHARDS):
        program, records = generated(seed)
        found, screened = differences(records, of(program), DAY)
        assert not found, f"seed {seed}: {found[0]}"
        judged += len(records)
        alone += screened.one_by_one
    assert judged == PROGRAMS * PATIENTS
    assert alone < judged * 0.6  # most of even these ragged records are judged in columns


def test_volume() -> None:
    assert not IN_CI or SHARDS * PROGRAMS * PATIENTS >= 10_000


def test_every_case_that_ships() -> None:
    """On the day it was written for; all the rules on each, not only its own.

    The default evaluator is held against columns on all of them, reference, whose cost follows the number
    of rules, on one in six; on the case's own rule both agree everywhere (tests/test_cases.py).
    """
    problems = Problems()
    by_day: dict[str, list[Patient]] = defaultdict(list)
    for placed in read_all(bundled(), rules().program.rules, problems):
        by_day[dt.date.fromordinal(placed.as_of).isoformat()].append(placed.patient)
    assert not problems.found
    assert sum(len(records) for records in by_day.values()) > 1_000
    for day, records in by_day.items():
        found, _ = differences(numbered(records), rules(), day, evaluator="inprocess")
        assert not found, f"{day}: {found[0]}"
        found, _ = differences(numbered(records[::6]), rules(), day)
        assert not found, f"{day}: {found[0]}"


@pytest.mark.parametrize("selection", ["active", "overlapping", "ever"])
def test_records_that_ship(selection: Any) -> None:
    found, screened = differences(fixtures(), rules(), "2026-01-15", selection=selection)
    assert not found, found[0]
    assert screened.findings.num_rows > 200
    assert screened.one_by_one < len(fixtures()) / 4


def test_deciding_facts_where_asked() -> None:
    batch = to_batch(fixtures())
    records = [to_patient(batch, row) for row in range(batch.num_rows)]  # a column holds 1.0 as 1
    found, screened = differences(records, rules(), "2026-01-15", because=True)
    assert not found, found[0]
    assert any(row["because"] for row in screened.findings.to_pylist())


@given(st.integers(0, 400), st.randoms(use_true_random=False))
@settings(max_examples=60 if IN_CI else 15, suppress_health_check=SLOW, deadline=None)
def test_another_cut_order_or_encoding_gives_the_same(seed: int, random: Any) -> None:
    program, records = generated(seed)
    columnar = Columnar(of(program), as_of=DAY)
    batch = to_batch(records)
    whole = findings(columnar.screen(batch))
    assert findings(columnar.screen(encoded(batch))) == whole
    assert encoded(batch).cast(batch.schema).equals(batch)
    cuts = sorted({0, batch.num_rows, *(random.randrange(batch.num_rows) for _ in range(3))})
    parts = []
    for low, high in itertools.pairwise(cuts):
        parts += findings(columnar.screen(batch.slice(low, high - low)), low)
    assert parts == whole
    order = random.sample(range(batch.num_rows), batch.num_rows)
    again = findings(columnar.screen(batch.take(pa.array(order))))
    assert sorted(({**row, "row": order[row["row"]]} for row in again), key=repr) == sorted(whole, key=repr)


def test_no_patients() -> None:
    screened = Columnar(rules(), as_of=DAY).screen(to_batch([]))
    assert (screened.findings.num_rows, screened.patients.num_rows, screened.one_by_one) == (0, 0, 0)


def test_no_rules() -> None:
    empty = replace(rules(), program=replace(rules().program, rules=()))
    found, screened = differences(fixtures(), empty, "2026-01-15")
    assert not found, found[0]
    assert screened.patients.num_rows == len(fixtures())


def test_every_kind_of_leaf_is_judged_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison has power: each kind of leaf is decided in columns, as each of the three truths."""
    seen: Counter[tuple[type, int]] = Counter()

    def spy(index: int, rule: Any, facts: Any, frame: Any) -> Any:
        found = judge(index, rule, facts, frame)
        for leaf, truths in frame.leaves.items():
            for truth in truths.low[truths.low == truths.high].tolist():
                seen[type(leaf), truth] += 1
        return found

    monkeypatch.setattr(screening, "judge", spy)
    for seed in range(60):
        program, records = generated(seed)
        Columnar(of(program), as_of=DAY).screen(to_batch(records))
    never_open = {nodes.KnownLeaf, nodes.Always}
    alone = {nodes.ExposureLeaf}  # the days of several orders are put together one record at a time
    assert not [kind for kind, _ in seen if kind in alone]
    for kind in set(nodes.LEAVES) - alone:
        for truth in (0, 2) if kind in never_open else (0, 1, 2):
            assert seen[kind, truth], (kind, truth)


def test_a_difference_would_be_seen() -> None:
    screened = Columnar(rules(), as_of="2026-01-15").screen(to_batch(fixtures()))
    fewer = replace(screened, findings=screened.findings.slice(1))
    assert compare(fewer, fixtures(), rules(), "2026-01-15")
