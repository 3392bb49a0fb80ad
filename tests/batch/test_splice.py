"""Parquet files put end to end hold the rows of each, for every reader."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.batch.splice import splice

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        ("word", pa.dictionary(pa.int32(), pa.string())),
        ("number", pa.int64()),
        ("flag", pa.bool_()),
        ("rate", pa.float64()),
        ("many", pa.list_(pa.struct([("a", pa.string()), ("b", pa.int32())]))),
    ],
    metadata={"own": "kept"},
)
ROW = st.fixed_dictionaries(
    {
        "id": st.text(max_size=5),
        "word": st.none() | st.sampled_from(["one", "two", "three"]),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "flag": st.none() | st.booleans(),
        "rate": st.none() | st.floats(allow_nan=False),
        "many": st.none()
        | st.lists(
            st.none() | st.fixed_dictionaries({"a": st.text(max_size=3), "b": st.integers(0, 9)}), max_size=3
        ),
    }
)


def spliced(folder: Path, parts: list[list[dict[str, Any]]], **written: Any) -> Path:
    """The parts, each a file, put together; checks what `splice` says of it."""
    files = []
    for number, rows in enumerate(parts):
        files.append(folder / f"part-{number}")
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        pq.write_table(table, files[-1], **({"row_group_size": 2} | written))
    path = folder / "whole.parquet"
    with path.open("wb") as out:
        said = splice(files, out, lambda: None)
    raw = path.read_bytes()
    assert said == (sum(map(len, parts)), len(raw), hashlib.sha256(raw).hexdigest())
    return path


@given(
    st.lists(st.lists(ROW, max_size=6), min_size=1, max_size=5), st.sampled_from(["none", "zstd", "snappy"])
)
def test_the_rows_of_all_files_in_order(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[dict[str, Any]]], compression: str
) -> None:
    path = spliced(tmp_path_factory.mktemp("parts"), parts, compression=compression)
    rows = [row for part in parts for row in part]
    found = pq.read_table(path)
    assert found.to_pylist() == rows
    assert found.schema.equals(SCHEMA)
    assert found.schema.metadata[b"own"] == b"kept"
    assert duckdb.sql(f"SELECT id, word, number, flag, rate FROM '{path}'").fetchall() == [
        tuple(row[name] for name in ("id", "word", "number", "flag", "rate")) for row in rows
    ]


def test_many_row_groups_with_statistics_and_page_index(tmp_path: Path) -> None:
    parts = [
        [{"id": f"{part}-{row}", "word": "one", "number": part * 100 + row} for row in range(40)]
        for part in range(20)
    ]
    path = spliced(tmp_path, parts, row_group_size=1, write_page_index=True)
    about = pq.read_metadata(path)
    assert about.num_row_groups == 800
    ends = [about.row_group(group).column(2).statistics for group in range(800)]
    numbers = [row["number"] for part in parts for row in part]
    assert [one.min for one in ends] == [one.max for one in ends] == numbers
    with pq.ParquetFile(path) as file:
        assert file.read_row_group(555).to_pylist()[0]["number"] == numbers[555]
    assert duckdb.sql(f"SELECT id FROM '{path}' WHERE number = 1905").fetchall() == [("19-5",)]


def test_one_file_stays_as_it_is(tmp_path: Path) -> None:
    path = spliced(tmp_path, [[{"id": "a", "word": "two"}]])
    assert path.read_bytes() == (tmp_path / "part-0").read_bytes()


def test_another_schema_and_a_torn_file_are_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    pq.write_table(pa.table({"x": [1]}), first)
    pq.write_table(pa.table({"y": [1]}), second)
    with (tmp_path / "out").open("wb") as out, pytest.raises(ValueError, match="b: its schema differs"):
        splice([first, second], out, lambda: None)
    second.write_bytes(first.read_bytes()[:-1])
    with (
        (tmp_path / "out").open("wb") as out,
        pytest.raises(ValueError, match="b: it is not a whole Parquet"),
    ):
        splice([first, second], out, lambda: None)
