"""What a worker makes of the lines of a file, without Spark."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.spark import lines
from caveat.adapters.spark.heads import not_by_line
from caveat.adapters.spark.people import by_patient
from caveat.columns.records import to_batch
from caveat.evaluators.spark.doubled import marked
from caveat.facts.clinical import Problem
from caveat.facts.patient import Patient

PATIENT = b'{"resourceType": "Patient", "id": "a"}'


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ([PATIENT, PATIENT], None),
        ([b'{"id": "cut', PATIENT], None),
        ([b"nonsense", PATIENT], None),
        ([b"{", b'  "resourceType": "Bundle",'], "JSON printed over several lines"),
        ([b'{ "resourceType": "Bundle", "entry": [', b'  "x"'], "JSON printed over several lines"),
        ([b"[", PATIENT + b","], "a JSON list is not read by Spark"),
        ([b"patient_id,drug", b"p1,baclofen"], "a table with a row a patient is not read by Spark"),
        ([b"PAR1\x15\x04"], "a Parquet file holds no record"),
        ([b'<?xml version="1.0"?>', b"<Bundle>"], "XML is not read"),
        ([b"Copyright", b"All rights"], "neither JSON nor a record a line"),
    ],
)
def test_files_that_are_not_read_by_line_are_told_by_their_first_lines(
    head: list[bytes], said: str | None
) -> None:
    found = not_by_line(head, "x")
    assert (found.message if found is not None else None) == said or (
        found and said and said in found.message
    )
    if found is not None:
        assert found.harmless is (said in ("neither JSON nor a record a line",))


def _batches(rows: list[tuple[bytes, str, int]], cuts: list[int]) -> list[pa.RecordBatch]:
    names = ("value", "file", "block")
    bounds = sorted({0, *cuts, len(rows)})
    kinds = pa.schema([("value", pa.binary()), ("file", pa.string()), ("block", pa.int64())])
    return [
        pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True)) for row in rows[a:b]], schema=kinds)
        for a, b in pairwise(bounds)
    ]


ROWS = [
    (b"\xef\xbb\xbf" + PATIENT, "file:/d/a%20b.ndjson", 0),
    (b"", "file:/d/a%20b.ndjson", 0),
    (
        b'{"resourceType": "Condition", "id": "k", "subject": {"reference": "Patient/a"}}',
        "file:/d/a%20b.ndjson",
        0,
    ),
    (b'{"resourceType": "Condition", "id"', "file:/d/a%20b.ndjson", 0),
    (b'{"resourceType": "Condition", "id": "n"}', "file:/d/a%20b.ndjson", 900),
    (b'{"id": "n1", "age": "70"}', "file:/d/c.json", 0),
    (b'{"id": "n2", "age": "70 a"}\r', "file:/d/c.json", 0),
]


@given(cuts=st.lists(st.integers(1, len(ROWS)), max_size=6))
def test_lines_are_told_whom_they_concern_however_they_are_batched(cuts: list[int]) -> None:
    found = [row for batch in lines.read(iter(_batches(ROWS, cuts))) for row in batch.to_pylist()]
    told = [(row["file"][8:], row["block"], row["line"], row["role"], row["owner"]) for row in found]
    assert told == [
        ("a%20b.ndjson", 0, 1, "patient", "a"),
        ("a%20b.ndjson", 0, 3, "theirs", "a"),
        ("a%20b.ndjson", 0, 4, "reject", None),
        ("a%20b.ndjson", 0, 4, "block", None),
        ("a%20b.ndjson", 900, 1, "reject", None),
        ("a%20b.ndjson", 900, 1, "block", None),
        ("c.json", 0, 1, "reject", None),
        ("c.json", 0, 2, "native", "n2"),
        ("c.json", 0, 2, "block", None),
    ]
    rejects = [
        (r["reject"]["file"], r["reject"]["code"], r["reject"]["patient"]) for r in found if r["reject"]
    ]
    assert rejects == [
        ("/d/a b.ndjson", "truncated", None),
        ("/d/a b.ndjson", "no-subject", None),
        ("/d/c.json", "unit-missing", "n1"),
    ]


def test_a_resource_is_cut_to_what_is_read() -> None:
    long = {"resourceType": "Patient", "id": "a", "gender": "female", "text": {"div": "x" * 9000}}
    (row,) = lines.rows(json.dumps(long).encode(), "f", 1)
    assert json.loads(row["data"]) == {"resourceType": "Patient", "id": "a", "gender": "female"}


@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=6), cuts=st.lists(st.integers(1, 24), max_size=5)
)
def test_the_lines_of_a_patient_are_together_and_each_once(lengths: list[int], cuts: list[int]) -> None:
    rows: list[dict[str, Any]] = []
    for number, length in enumerate(lengths):
        for line in range(length):
            row = {"owner": f"p{number}", "file": "f", "block": 0, "line": 10 * number + line, "data": b"x"}
            rows += [row] * (1 + (line == 0))  # sent twice
    bounds = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    batches = [pa.RecordBatch.from_pylist(rows[a:b]) for a, b in pairwise(bounds)]
    assert [(whose, len(of)) for whose, of in by_patient(iter(batches))] == [
        (f"p{number}", length) for number, length in enumerate(lengths)
    ]


def test_records_of_one_id_are_marked_once() -> None:
    said = Problem(code="same-patient", message="said already")
    batch = to_batch([Patient(id="a"), Patient(id="b"), Patient(id="a", problems=(said,))])
    found = marked(batch, {"a": 2}).column("problems").to_pylist()
    assert [len(one or ()) for one in found] == [1, 0, 1]
    assert (
        found[0][0]["message"] == "2 records have this id and are judged apart; join them to have one judged"
    )
    assert marked(batch, {}) is batch


def test_a_line_that_cannot_be_read_still_names_its_patient() -> None:
    data = b'{"resourceType": "MedicationRequest", oops, "subject": {"reference": "Patient/a"}}'
    refused, theirs = lines.rows(data, "x", 1)
    assert (refused["role"], refused["reject"]["code"]) == (lines.REJECT, "not-json")
    assert (theirs["role"], theirs["owner"], theirs["data"]) == (lines.THEIRS, "a", data)
    (item,) = lines.read_line(theirs["data"], "x").items
    assert [mend.message for mend in item.mends] == ["it cannot be read, and nothing of it was used"]
    assert [row["role"] for row in lines.rows(b"{oops}", "x", 1)] == [lines.REJECT]
