"""CSV and native NDJSON in parts: the facts of the single-record reader, whatever the parts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caveat.adapters import Reject, read_records
from caveat.adapters.cohort.base import Chunk, Cohort
from caveat.adapters.cohort.tables import ColumnarCsv, NativeCohort, sniff
from caveat.adapters.native import to_native
from caveat.columns.rows import Rows
from caveat.errors import InputError
from caveat.facts.patient import Patient
from strategies.patients import data, patient
from strategies.sources import Seeded

EXAMPLE = Path(__file__).parents[2] / "fixtures" / "patients" / "cohort.csv"
Make = Callable[..., Cohort]


def quiet(text: str) -> None:
    """Nothing is said."""


def chunks(cohort: Cohort, work: Path) -> list[Chunk]:
    """Every chunk, read by a copy that went through a pickle, as another process would."""
    work.mkdir(parents=True, exist_ok=True)
    cohort.prepare(work, quiet)
    copied: Cohort = pickle.loads(pickle.dumps(cohort))
    found = [chunk for part in range(copied.parts()) for chunk in copied.read(part)]
    for chunk in found:
        assert chunk.entered == chunk.batch.num_rows + sum(r.patient is not None for r in chunk.rejected)
    return found


def patients(found: Iterable[Chunk]) -> list[Patient]:
    return [Rows(chunk.batch).patient(i) for chunk in found for i in range(chunk.batch.num_rows)]


def rejects(found: Iterable[Chunk]) -> list[Reject]:
    return [one.reject for chunk in found for one in chunk.rejected]


def one_by_one(path: Path) -> tuple[list[Patient], list[Reject]]:
    read = list(read_records([path]))
    return [r for r in read if isinstance(r, Patient)], [r for r in read if isinstance(r, Reject)]


def same_as_one_by_one(make: Make, path: Path, work: Path, a_part: int) -> list[Chunk]:
    found = chunks(make((str(path),), a_part=a_part), work)
    expected, set_aside = one_by_one(path)
    assert patients(found) == expected
    assert rejects(found) == set_aside
    return found


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("native") / "records.json"
    lines = [json.dumps(to_native(patient(data(Seeded(seed), seed)))) for seed in range(40)]
    lines[7] = '{"id": "bad", "orders": [{"id": "o", "text": "x", "dose": 5}]}'
    lines[9] = "{not json"
    lines[11] = ""
    lines[12] = '{"id": "twice", "id": "twice"}'
    lines[20] = '{"id": "odd", "weight": "0 kg"}'
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.mark.parametrize("a_part", [1, 3, 7, 1000])
def test_native_records(native: Path, tmp_path: Path, a_part: int) -> None:
    found = same_as_one_by_one(NativeCohort, native, tmp_path, a_part)
    assert [r.line for r in rejects(found)] == [8, 10, 13]
    assert [r.patient for chunk in found for r in chunk.rejected] == ["bad", "", "twice"]
    odd = next(p for p in patients(found) if p.id == "odd")
    assert (odd.weight, odd.problems[0].path, odd.source) == (None, "$.weight", f"{native}:21")


def test_a_bad_line_says_file_line_field_code_and_value(native: Path, tmp_path: Path) -> None:
    first = rejects(chunks(NativeCohort((str(native),)), tmp_path))[0]
    assert (first.source, first.line) == (str(native), 8)
    assert (first.path, first.code, first.value) == ("$.orders[0].dose", "value-error", "5")


@pytest.mark.parametrize("encoding", ["gzip", "utf-16", "utf-8-sig"])
def test_packed_and_other_text_gives_the_same(native: Path, tmp_path: Path, encoding: str) -> None:
    plain = native.read_bytes()
    other = tmp_path / "other"
    other.write_bytes(gzip.compress(plain) if encoding == "gzip" else plain.decode().encode(encoding))
    found = same_as_one_by_one(NativeCohort, other, tmp_path / "work", 6)
    assert len(patients(found)) == 36


def test_what_is_no_native_record_is_set_aside_among_them(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"id": "a"}\n{"resourceType": "Patient", "id": "b"}\n{"id": "c"}\n', "utf-8")
    found = chunks(NativeCohort((str(path),)), tmp_path / "work")
    assert [p.id for p in patients(found)] == ["a", "c"]
    assert [(r.code, r.line) for r in rejects(found)] == [("not-native", 2)]


def table(path: Path, rows: list[dict[str, str]], **dialect: Any) -> Path:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), **dialect)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue(), "utf-8", newline="")
    return path


def person(number: int, **cells: str) -> dict[str, str]:
    return {
        "patient_id": f"p{number}",
        "sex": "F",
        "weight": "70 kg",
        "orders": "Baclofen 10 mg tablet [dose=10 mg]",
        "x_note": "",
        **cells,
    }


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [person(i) for i in range(30)]
    rows[3] |= {"x_note": 'two\nlines, and a quote " in them'}
    rows[4] |= {"x_note": "\n\n"}
    rows[6] |= {"weight": "70"}
    rows[7] |= {"weight": "0 kg"}
    rows[8] |= dict.fromkeys(rows[8], "")
    rows[9] |= {"patient_id": ""}
    rows[12] |= {"orders": "a\nb"}
    path = table(tmp_path_factory.mktemp("csv") / "t", rows)
    with path.open("ab") as more:
        more.write(b"p30,F,70 kg\nz\xff,F,70 kg,none,\n\np31,M,80 kg,none,x\n\n\n")
    return path


@pytest.mark.parametrize("a_part", [1, 2, 5, 1000])
def test_rows_of_csv(csv_file: Path, tmp_path: Path, a_part: int) -> None:
    found = same_as_one_by_one(ColumnarCsv, csv_file, tmp_path, a_part)
    assert [r.patient for chunk in found for r in chunk.rejected] == ["p6", "", "p30", "z\ufffd"]
    assert sum(chunk.entered for chunk in found) == 32 - 1 + 1


def test_the_bundled_example(tmp_path: Path) -> None:
    same_as_one_by_one(ColumnarCsv, EXAMPLE, tmp_path, 2)


@pytest.mark.parametrize("encoding", ["gzip", "utf-16", "utf-8-sig"])
def test_packed_csv(csv_file: Path, tmp_path: Path, encoding: str) -> None:
    plain = csv_file.read_bytes().replace(b"\xff", b"")
    other = tmp_path / "other.csv"
    other.write_bytes(gzip.compress(plain) if encoding == "gzip" else plain.decode().encode(encoding))
    same_as_one_by_one(ColumnarCsv, other, tmp_path / "work", 3)


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(["a", '"', "\n", ",", "\r\n", " ", "é"]), max_size=8), max_size=12))
def test_any_text_is_cut_where_the_row_reader_ends_its_rows(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = folder / "t.csv"
    text = "patient_id,x_a\n" + "\n".join("".join(one) for one in pieces)
    path.write_bytes(text.encode())
    found = chunks(ColumnarCsv((str(path),), a_part=1), folder / "work")
    expected, set_aside = one_by_one(path)
    numbers = {p.id for p in expected}
    assert [p.model_copy(update={"problems": ()}) for p in patients(found)] == [
        p.model_copy(update={"problems": ()}) for p in expected
    ]
    assert rejects(found) == [r for r in set_aside if r.code != "no-records"]
    assert numbers == {p.id for p in patients(found)}


def test_a_header_that_is_not_known_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [{"patient_id": "a", "medications": "b", "colour": "c"}])
    with pytest.raises(InputError, match=r"unknown column 'medications'; did you mean 'orders'\?") as found:
        chunks(ColumnarCsv((str(path),)), tmp_path / "work")
    assert "colour" in str(found.value)


def test_a_file_that_became_shorter_is_an_error(csv_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(csv_file.read_bytes())
    cohort = ColumnarCsv((str(path),), a_part=5)
    cohort.prepare(tmp_path, quiet)
    path.write_bytes(csv_file.read_bytes()[:200])
    with pytest.raises(InputError, match="shorter than when it was first read"):
        list(cohort.read(cohort.parts() - 1))


def test_damaged_gzip_is_an_error(native: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(native.read_bytes())[:-50])
    with pytest.raises(InputError, match="end too early"):
        NativeCohort((str(path),)).prepare(tmp_path, quiet)


def test_preparing_again_gives_the_same_parts(native: Path, tmp_path: Path) -> None:
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(native.read_bytes()))
    work = tmp_path / "work"
    first = chunks(NativeCohort((str(packed),), a_part=5), work)
    kept = {file.name: file.read_bytes() for file in work.iterdir()}
    (work / "lines.json").unlink()
    next(work.glob("*.zst")).unlink()
    assert patients(chunks(NativeCohort((str(packed),), a_part=5), work)) == patients(first)
    assert {file.name: file.read_bytes() for file in work.iterdir()} == kept


def test_several_files(native: Path, csv_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(native.read_bytes())
    found = chunks(NativeCohort((str(native), str(copy)), a_part=10), tmp_path / "work")
    assert len(patients(found)) == 72
    assert {r.source for r in rejects(found)} == {str(native), str(copy)}
    assert [one.path for one in NativeCohort((str(native),)).inputs()] == [str(native)]


def test_a_row_with_nul_bytes_does_not_cost_the_others(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"patient_id,sex\np1,male\np2,fe\x00male\np3,female\n")
    cohort = sniff([file])
    assert isinstance(cohort, ColumnarCsv)
    found = chunks(cohort, tmp_path / "work")
    assert [one.id for one in patients(found)] == ["p1", "p3"]
    assert [(one.code, one.line) for one in rejects(found)] == [("nul", 3)]
    assert [one.patient for chunk in found for one in chunk.rejected] == ["p2"]
