"""Counts in one pass agree with plain counting, whatever the batches and the order of the file."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.batch.report import facts, tally
from report.made import RULES, Finding, finding, run

STATUS = st.sampled_from(
    [
        ("fires", ""),
        ("fires", "exempt"),
        ("cannot-assess", "egfr"),
        ("cannot-assess", "egfr weight"),
        ("cannot-assess", ""),
        ("excepted", ""),
        ("error", ""),
        ("superseded", ""),
    ]
)
FINDINGS = st.lists(st.tuples(st.sampled_from(list(RULES)), STATUS).map(lambda p: (p[0], *p[1])), max_size=5)
COHORTS = st.lists(FINDINGS, max_size=12)


def plain_rules(told: list[list[Finding]]) -> dict[str, dict[str, tuple[int, int]]]:
    """Findings and patients by rule and measure."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, of in enumerate(told):
        for rule, status, more in of:
            measures = {
                "fires": ["fired", "possible", *([] if more else ["sure"])],
                "cannot-assess": ["open", "possible"],
                "error": ["failed", "possible"],
                "excepted": ["excepted"],
                "superseded": ["suppressed"],
            }[status]
            for name in measures:
                found[rule, name].append(index)
    return {
        rule: {name: (len(found[rule, name]), len(set(found[rule, name]))) for name in tally.MEASURES}
        for rule in {rule for of in told for rule, _, _ in of}
    }


@given(told=COHORTS, parts=st.integers(1, 3), batch=st.sampled_from([1, 2, 5, 1000]))
def test_rules_as_counted_plainly(told: list[list[Finding]], parts: int, batch: int) -> None:
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally, "BATCH", batch)
        folder = run(Path(scratch), told, parts=parts)
        found = tally.count_rules(folder / "findings.parquet")
    mine = {
        rule: {
            name: (int(found.findings[i, j]), int(found.patients[i, j]))
            for j, name in enumerate(tally.MEASURES)
        }
        for i, rule in enumerate(found.rules)
    }
    assert mine == plain_rules(told)
    loud = [
        sum(s == "fires" and RULES[r][0] in ("contraindicated", "major") for r, s, _ in of) for of in told
    ]
    assert found.interruptive == sum(loud)
    assert found.interruptive_squares == sum(n * n for n in loud)
    assert found.patients_interruptive == sum(n > 0 for n in loud)
    assert found.patients_found == sum(bool(of) for of in told)


@given(told=COHORTS, wanted=st.sets(st.sampled_from(list(RULES))), batch=st.sampled_from([1, 2, 5, 1000]))
def test_missing_as_counted_plainly(told: list[list[Finding]], wanted: set[str], batch: int) -> None:
    lacking: dict[str, list[int]] = defaultdict(list)
    alone: dict[str, list[int]] = defaultdict(list)
    for index, of in enumerate(told):
        for rule, status, more in of:
            if status == "cannot-assess" and rule in wanted:
                for fact in more.split():
                    lacking[fact].append(index)
                    if fact == more:
                        alone[fact].append(index)
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally, "BATCH", batch)
        folder = run(Path(scratch), told)
        found = tally.count_missing(folder / "findings.parquet", frozenset(wanted)).facts
    assert found == {
        fact: [len(of), len(set(of)), len(alone[fact]), len(set(alone[fact]))] for fact, of in lacking.items()
    }


@given(told=COHORTS)
def test_rows_of_a_patient_apart_are_brought_together(told: list[list[Finding]]) -> None:
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        together = facts.gather(run(folder, told))
        apart = facts.gather(run(folder, told, shuffled=True))
    assert apart == together
    assert not together.disagreements


def test_the_evaluators_own_schema_is_read(tmp_path: Path) -> None:
    """Without the place of a patient in a run; adjacent patients are told apart by row and id."""
    from caveat.evaluators.columnar import results

    told: list[Finding] = [("a.pair.b", "fires", "")]
    rows = [finding(0, row, one, RULES) for row in range(3) for one in told * 2]
    for row in rows:
        del row["part"]
    pq.write_table(pa.Table.from_pylist(rows, results.findings()), tmp_path / "findings.parquet")
    found = tally.count_rules(tmp_path / "findings.parquet")
    assert found.findings[0, 0] == 6
    assert found.patients[0, 0] == 3
