"""What a worker does with its batches, without Spark: any split gives the same, and no record is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caveat.compile import portable
from caveat.compile.ruleset import load
from caveat.dates import parse_when
from caveat.errors import CaveatError
from caveat.evaluators.columnar import Columnar, Screened
from caveat.evaluators.spark.work import Judge, judged, prepared, release
from spark import people

DAY = parse_when(people.AS_OF).first


@dataclass
class Sent:
    """What a broadcast is to its reader."""

    value: bytes


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return people.cohort(60)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Sent(portable.dumps(load())), DAY, "active", False, release())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def expected(table: pa.Table) -> dict[str, list[str]]:
    return people.alone(table, load())


def _rows(judge: Judge, batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in judge(iter(batches)) for row in batch.to_pylist()]


@given(data=st.data())
@settings(max_examples=12)
def test_any_split_gives_the_same(
    data: st.DataObject, table: pa.Table, judge: Judge, expected: dict[str, list[str]]
) -> None:
    size = table.num_rows
    cuts = sorted(data.draw(st.sets(st.integers(0, size), max_size=12)) | {0, size})
    whole = table.combine_chunks().to_batches()[0]
    batches = [whole.slice(a, b - a) for a, b in pairwise(cuts)]
    order = data.draw(st.permutations(batches))
    rows = _rows(judge, order)
    assert people.sorted_rows(rows) == expected
    assert [row["part"]["entered"] for row in rows if row["part"]] == [size]


def test_bad_records_name_themselves(table: pa.Table, judge: Judge) -> None:
    rejects = [r["reject"] for r in _rows(judge, table.to_batches()) if r["kind"] == "reject"]
    found = {one["patient"]: one for one in rejects}
    assert set(found) == {"bad-sex", "bad-date", "bad-order", ""}
    assert found["bad-sex"]["field"] == "$.sex"
    assert found["bad-sex"]["value"] == "m"
    assert found[""]["file"] == "ward.parquet:7"
    assert "next week" in found["bad-date"]["message"] + (found["bad-date"]["value"] or "")


def test_a_partition_without_records_gives_nothing(table: pa.Table, judge: Judge) -> None:
    assert _rows(judge, []) == []
    assert _rows(judge, [table.combine_chunks().to_batches()[0].slice(0, 0)]) == []


def test_the_rules_are_built_once_in_a_process(judge: Judge) -> None:
    again = bytes(bytearray(judge.rules.value))
    assert prepared(again, DAY, "active", False) is prepared(judge.rules.value, DAY, "active", False)


class Fails(Columnar):
    """Raises on a batch with one of some ids, as a fault in the evaluator would."""

    at: frozenset[str] = frozenset()
    asked: int = 0

    def screen(self, batch: pa.RecordBatch) -> Screened:
        self.asked += 1
        if self.at & set(batch.column("id").to_pylist()):
            raise KeyError("a fault")
        return super().screen(batch)


def _judged(columnar: Columnar, table: pa.Table) -> Iterator[Any]:
    return judged(columnar, table.combine_chunks().to_batches()[0])


def test_a_fault_is_found_and_its_record_judged_alone(
    table: pa.Table, expected: dict[str, list[str]]
) -> None:
    columnar = Fails(load(), as_of=people.AS_OF)
    columnar.at = frozenset(("p0007", "p0040"))
    found = list(_judged(columnar, table))
    patients = [row for screened, _ in found for row in screened.patients.to_pylist()]
    findings = [row for screened, _ in found for row in screened.findings.to_pylist()]
    assert people.lines(patients) == expected["patient"]
    assert people.lines(findings) == expected["finding"]
    assert columnar.asked < 4 * 8  # in halves, not one by one


def test_a_record_that_cannot_be_judged_at_all_is_named(
    table: pa.Table, monkeypatch: pytest.MonkeyPatch, expected: dict[str, list[str]]
) -> None:
    from caveat.evaluators.spark import work

    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("worse")

    monkeypatch.setattr(work, "to_patient", broken)
    columnar = Fails(load(), as_of=people.AS_OF)
    columnar.at = frozenset(("p0007",))
    found = list(_judged(columnar, table))
    refused = {one["patient"]: one for _, rejects in found for one in rejects}
    assert refused["p0007"]["code"] == "check-failed"
    assert refused["p0007"]["message"] == (
        "the check failed on this record, review it by hand (KeyError: 'a fault')"
    )
    assert refused["p0007"]["file"] == "generated:7"
    judged_ones = sum(screened.patients.num_rows for screened, _ in found)
    assert judged_ones + len(refused) == table.num_rows
    assert judged_ones == len(expected["patient"]) - 1


def test_an_answer_with_a_record_missing_is_not_believed(
    table: pa.Table, expected: dict[str, list[str]]
) -> None:
    class Drops(Columnar):
        def screen(self, batch: pa.RecordBatch) -> Screened:
            whole = super().screen(batch)
            kept = [r for r in whole.patients.to_pylist() if r["patient"] != "p0011"]
            return replace(whole, patients=pa.RecordBatch.from_pylist(kept, schema=whole.patients.schema))

    found = list(_judged(Drops(load(), as_of=people.AS_OF), table))
    patients = [row for screened, _ in found for row in screened.patients.to_pylist()]
    assert people.lines(patients) == expected["patient"]


def test_another_release_on_a_worker_is_refused(judge: Judge, table: pa.Table) -> None:
    with pytest.raises(CaveatError) as raised:
        list(replace(judge, release="0.0.1")(iter(table.to_batches())))
    assert str(raised.value) == (
        f"a Spark worker runs caveat {release()} and the driver 0.0.1: their answers may differ. "
        "Install one release on both"
    )
