"""Parquet as a cohort, and which cohort paths hold."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from caveat.adapters.cohort.tables import (
    ColumnarCsv,
    NativeCohort,
    ParquetCohort,
    checked,
    sniff,
    write_parquet,
)
from caveat.adapters.cohort.tables_leaves import used
from caveat.adapters.native import read_native, to_native
from caveat.columns.records import record, to_batch
from caveat.columns.rows import Rows
from caveat.columns.schema import patients as schema
from caveat.errors import InputError
from caveat.facts.patient import Patient
from cohort.test_tables_lines import chunks, patients, quiet, rejects
from columns.corrupt import row
from strategies.patients import data, patient
from strategies.sources import Seeded


def people(count: int) -> list[Patient]:
    return [patient({**data(Seeded(seed)), "id": f"p{seed}", "source": f"s{seed}"}) for seed in range(count)]


def write(path: Path, found: list[Patient], group: int) -> Path:
    parquet.write_table(pa.Table.from_batches([to_batch(found)]), path, row_group_size=group)
    return path


@pytest.mark.parametrize(
    ("group", "a_part", "a_batch", "parts"),
    [
        (10, 20, 8, 5),
        (1, 1, 8, 100),
        (100, 30, 8, 1),
        (100, 10, 4, 13),
        (7, 5, 100, 15),
        (33, 100, 16, 1),
        (100, 7, 16, 7),
    ],
)
def test_rows_are_the_same_however_they_are_cut(
    tmp_path: Path, group: int, a_part: int, a_batch: int, parts: int
) -> None:
    found = people(100)
    path = write(tmp_path / "p", found, group)
    cohort = ParquetCohort((str(path),), a_part=a_part, a_batch=a_batch)
    work = tmp_path / "work"
    assert patients(chunks(cohort, work)) == found
    assert cohort.parts() == parts
    assert cohort.about()["rows"] == 100
    # A second call keeps what was laid down, and gives the same parts.
    before = {file.name: file.stat().st_mtime_ns for file in work.iterdir()}
    assert patients(chunks(cohort, work)) == found
    assert {file.name: file.stat().st_mtime_ns for file in work.iterdir()} == before


def coded(found: list[Any]) -> bool:
    """Whether the words inside the lists of orders came as dictionaries."""
    kinds = [chunk.batch.schema.field("orders").type.value_type.field("text").type for chunk in found]
    assert len({str(kind) for kind in kinds}) == 1
    return bool(pa.types.is_dictionary(kinds[0]))


@pytest.mark.parametrize("group", [100, 30])
def test_words_keep_the_dictionaries_of_the_file(tmp_path: Path, group: int) -> None:
    found = people(100)
    table = pa.Table.from_batches([to_batch(found)])
    rows = table.to_pylist()
    rows[40]["weight"] = {"value": {"value": -70.0, "unit": "kg"}}
    for name, faulty in (("sound", table), ("faulty", pa.Table.from_pylist(rows, schema=table.schema))):
        plain, encoded = tmp_path / f"{name}-plain", tmp_path / name
        parquet.write_table(faulty, plain, row_group_size=group, use_dictionary=False)
        parquet.write_table(faulty, encoded, row_group_size=group)
        read = [chunks(ParquetCohort((str(path),)), tmp_path / "work") for path in (plain, encoded)]
        assert [coded(one) for one in read] == [False, True]
        assert patients(read[0]) == patients(read[1])
        assert [chunk.batch.to_pylist() for chunk in read[0]] == [
            chunk.batch.to_pylist() for chunk in read[1]
        ]
    assert patients(chunks(ParquetCohort((str(tmp_path / "sound"),)), tmp_path / "work")) == found


def test_words_are_plain_where_a_dictionary_grew_too_large(tmp_path: Path) -> None:
    found = people(200)
    path = tmp_path / "p"
    table = pa.Table.from_batches([to_batch(found)])
    parquet.write_table(table, path, dictionary_pagesize_limit=64, data_page_size=64, write_batch_size=8)
    assert patients(chunks(ParquetCohort((str(path),)), tmp_path / "work")) == found


def test_bytes_that_are_no_text_inside_a_dictionary_set_their_row_aside(tmp_path: Path) -> None:
    rows = to_batch(people(20)).to_pylist()
    for place, one in enumerate(rows):
        one["orders"] = [{"id": "a", "text": f"medicine {place}", "status": "active"}]
    table = pa.Table.from_pylist(rows, schema=schema())
    damaged = tmp_path / "p"
    words = table.column("orders").combine_chunks()
    bad = pa.array([b"medicin\xff 7" if place == 7 else b"medicine" for place in range(20)], pa.binary())
    items = words.flatten()
    texts = bad.view(pa.string())
    names = [field.name for field in items.type]
    children = [texts if name == "text" else one for name, one in zip(names, items.flatten(), strict=True)]
    orders = pa.ListArray.from_arrays(
        words.offsets, pa.StructArray.from_arrays(children, fields=list(items.type)), type=words.type
    )
    place = table.schema.get_field_index("orders")
    parquet.write_table(table.set_column(place, table.schema.field(place), orders), damaged)
    found = chunks(ParquetCohort((str(damaged),)), tmp_path / "work")
    assert [(one.code, one.line) for one in rejects(found)] == [("encoding", 8)]
    assert len(patients(found)) == 19


def test_rows_that_are_no_records_are_set_aside_with_file_and_row(tmp_path: Path) -> None:
    rows = to_batch(people(30)).to_pylist()
    rows[4]["sex"] = "F"
    rows[13]["id"] = None
    rows[21] |= {"weight": {"value": {"value": -70.0, "unit": "kg"}}, "source": None}
    rows[22]["source"] = None
    nullable = pa.schema([field.with_nullable(True) for field in schema()])
    path = tmp_path / "p"
    parquet.write_table(pa.Table.from_pylist(rows, schema=nullable), path, row_group_size=6)
    found = chunks(ParquetCohort((str(path),), a_part=12, a_batch=5), tmp_path / "work")
    assert [(r.source, r.line, r.path, r.value) for r in rejects(found)] == [
        (str(path), 5, "$.sex", "F"),
        (str(path), 14, "$.id", ""),
    ]
    assert [r.patient for chunk in found for r in chunk.rejected] == ["p4", ""]
    read = {p.id: p for p in patients(found)}
    assert len(read) == 28
    assert (read["p21"].weight, read["p21"].problems[-1].path) == (None, "$.weight")
    assert (read["p21"].source, read["p22"].source) == (f"{path}:22", f"{path}:23")
    assert sum(chunk.entered for chunk in found) == 30


def test_checked_gives_what_the_native_reader_gives() -> None:
    rows = [{**row(Seeded(seed))[0], "id": f"p{seed}"} for seed in range(300)]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema())
    expected: list[Patient] = []
    faults: list[tuple[int, str, str, str]] = []
    for place in range(batch.num_rows):
        try:
            expected.append(read_native(record(batch, place)))
        except InputError as problem:
            faults.append((place + 1, problem.path, problem.code, f"p{place}"))
    valid, refused = checked(batch, source="a")
    assert [Rows(valid).patient(place) for place in range(valid.num_rows)] == expected
    assert [(one.reject.line, one.reject.path, one.reject.code, one.patient) for one in refused] == faults
    assert len(expected) > 50
    assert len(faults) > 50


def test_columns_that_do_not_fit_stop_the_run_before_it_starts(tmp_path: Path) -> None:
    path = tmp_path / "p"
    parquet.write_table(pa.table({"id": ["a"], "age": [70], "gender": ["F"], "x_more": [1]}), path)
    with pytest.raises(InputError) as found:
        ParquetCohort((str(path),)).prepare(tmp_path, quiet)
    assert "$.gender: not a column" in str(found.value)
    assert "$.age: int64" in str(found.value)
    assert str(path) in str(found.value)


def test_an_extract_in_other_types_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p"
    orders = [[{"text": "baclofen", "dose": {"value": 10, "unit": "mg"}}, {"text": "diazepam"}], None, []]
    parquet.write_table(pa.table({"id": [7, 8, 9], "orders": orders, "x_skipped": [1, 2, 3]}), path)
    read = patients(chunks(ParquetCohort((str(path),)), tmp_path / "work"))
    assert [p.id for p in read] == ["7", "8", "9"]
    assert read[0].orders is not None
    assert [(o.id, str(o.dose)) for o in read[0].orders] == [("order-1", "10 mg"), ("order-2", "None")]
    assert (read[1].orders, read[2].orders) == (None, ())


def test_another_version_of_the_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p"
    table = pa.Table.from_batches([to_batch([])]).replace_schema_metadata({"caveat.patients": "99"})
    parquet.write_table(table, path)
    with pytest.raises(InputError, match="version 99 of the schema; this release reads version 1"):
        ParquetCohort((str(path),)).prepare(tmp_path, quiet)


def test_a_damaged_file_is_an_error_and_not_an_end(tmp_path: Path) -> None:
    path = write(tmp_path / "p", people(50), 10)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        ParquetCohort((str(path),)).prepare(tmp_path, quiet)
    middle = bytearray(whole)
    middle[200:4000] = os.urandom(3800)
    path.write_bytes(middle)
    with pytest.raises(InputError, match="damaged"):
        chunks(ParquetCohort((str(path),)), tmp_path / "work")


def test_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "p", [], 10)
    cohort = ParquetCohort((str(path),))
    assert (chunks(cohort, tmp_path), cohort.parts()) == ([], 0)


def test_written_patients_come_back(tmp_path: Path) -> None:
    found = people(60)
    assert write_parquet(iter(found), tmp_path / "p.parquet") == 60
    assert parquet.read_schema(tmp_path / "p.parquet").metadata[b"caveat.patients"] == b"1"
    cohort = sniff([tmp_path / "p.parquet"])
    assert isinstance(cohort, ParquetCohort)
    assert patients(chunks(cohort, tmp_path / "work")) == found


def test_leaves_that_hold_nothing_are_not_read_and_null_still_differs_from_empty(tmp_path: Path) -> None:
    order = {"id": "o", "text": "baclofen", "ingredients": [], "dose": "10 mg", "indication": []}
    stated = {"id": "a", "orders": [order, {**order, "id": "q", "ingredients": None}], "conditions": []}
    found = [
        Patient.model_validate({"source": "s", **one}) for one in (stated, {"id": "b", "observations": []})
    ]
    path = write(tmp_path / "p", found, 10)
    leaves = used(parquet.ParquetFile(path), [0])
    assert [leaf for leaf in leaves if leaf.startswith(("id", "sex", "weight", "orders"))] == [
        "id",
        "orders.list.element.id",
        "orders.list.element.text",
        "orders.list.element.codes.list.element.system",
        "orders.list.element.ingredients.list.element",
        "orders.list.element.dose.value",
        "orders.list.element.dose.unit",
        "orders.list.element.indication.list.element.codes.list.element.system",
    ]
    assert patients(chunks(ParquetCohort((str(path),)), tmp_path / "work")) == found


def lay(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


CSV = b"patient_id,sex,weight\na,F,70 kg\n"
NATIVE = b'{"id": "a"}\n{"id": "b"}\n'


def parquet_bytes(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


def test_what_files_hold_decides(tmp_path: Path) -> None:
    for content, kind in (
        (CSV, ColumnarCsv),
        (gzip.compress(CSV), ColumnarCsv),
        (CSV.decode().encode("utf-16"), ColumnarCsv),
        (NATIVE, NativeCohort),
        (gzip.compress(NATIVE), NativeCohort),
        (b"{broken\n" + NATIVE, NativeCohort),
        (parquet_bytes(id=["a"]), ParquetCohort),
    ):
        path = lay(tmp_path, misleading=content) / "misleading"
        assert isinstance(sniff([path]), kind)
        assert isinstance(sniff([str(path)]), kind)


def test_what_other_readers_take_is_left_to_them(tmp_path: Path) -> None:
    for content in (
        b'{"resourceType": "Patient", "id": "a"}\n{"resourceType": "Patient", "id": "b"}\n',
        b'{"resourceType": "Bundle", "type": "collection"}',
        b'{\n "id": "a"\n}',
        b'[{"id": "a"}]',
        b"person_id,gender_concept_id,year_of_birth\n1,8507,1950\n",
        parquet_bytes(person_id=[1], gender_concept_id=[8507]),
        parquet_bytes(concept_id=[1], concept_name=["x"]),
    ):
        assert sniff([lay(tmp_path, a=content) / "a"]) is None
    assert sniff([tmp_path / "absent"]) is None
    folder = lay(tmp_path / "f", a=NATIVE, b=b'{"resourceType": "Patient", "id": "a"}\n{"id": "b"}\n')
    assert sniff([folder]) is None


def test_a_folder_of_parts_with_markers_beside_them(tmp_path: Path) -> None:
    found = people(20)
    folder = tmp_path / "extract"
    lay(folder, _SUCCESS=b"", README=b"How this was made.\n")
    (folder / ".part.crc").write_bytes(b"\x00\x01")
    write(folder / "part-00001.snappy.parquet", found[10:], 4)
    write(folder / "part-00000.snappy.parquet", found[:10], 4)
    cohort = sniff([folder])
    assert isinstance(cohort, ParquetCohort)
    read = chunks(cohort, tmp_path / "work")
    assert patients(read) == found
    assert {Path(r.source).name: r.harmless for r in rejects(read)} == {"README": True, "_SUCCESS": True}
    assert len(cohort.inputs()) == 2


def test_an_index_beside_the_files_is_not_read_as_one_of_them(tmp_path: Path) -> None:
    found = people(6)
    table = pa.Table.from_batches([to_batch(found)])
    collected: list[Any] = []
    for number in range(2):
        name = tmp_path / f"part-{number}.parquet"
        parquet.write_table(table.slice(number * 3, 3), name, metadata_collector=collected)
        collected[-1].set_file_path(name.name)
    parquet.write_metadata(table.schema, tmp_path / "_common_metadata")
    parquet.write_metadata(table.schema, tmp_path / "_metadata", metadata_collector=collected)
    cohort = sniff([tmp_path])
    assert cohort is not None
    read = chunks(cohort, tmp_path / "work")
    assert patients(read) == found
    assert [(r.code, r.harmless) for r in rejects(read)] == [("index", True)]


def test_parquet_beside_other_records_is_refused(tmp_path: Path) -> None:
    folder = lay(tmp_path / "f", a=CSV, b=parquet_bytes(id=["a"]))
    with pytest.raises(InputError, match="lies together with Parquet"):
        sniff([folder])


def test_a_column_in_the_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    write(lay(tmp_path / "sex=female") / "a.parquet", people(2), 2)
    with pytest.raises(InputError, match="the column 'sex' stands in the name of a folder"):
        sniff([tmp_path])


def test_native_records_of_an_extract_are_those_of_its_parquet(tmp_path: Path) -> None:
    found = people(25)
    lines = tmp_path / "lines"
    lines.write_text("".join(json.dumps(to_native(one)) + "\n" for one in found), "utf-8")
    assert patients(chunks(NativeCohort((str(lines),), a_part=4), tmp_path / "w")) == found


def encrypted(path: Path, *, plaintext_footer: bool) -> Path:
    """A file whose column of ids is encrypted."""
    import base64

    import pyarrow.parquet.encryption as secret

    class Keys(secret.KmsClient):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

        def wrap_key(self, key: bytes, name: str) -> bytes:
            return base64.b64encode(key)

        def unwrap_key(self, key: bytes, name: str) -> bytes:
            return base64.b64decode(key)

    table = pa.table({"id": ["p1", "p2"], "sex": ["male", "female"]})
    how = secret.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["id"]}, plaintext_footer=plaintext_footer
    )
    factory = secret.CryptoFactory(lambda configuration: Keys())
    sealed = factory.file_encryption_properties(secret.KmsConnectionConfig(), how)
    with parquet.ParquetWriter(path, table.schema, encryption_properties=sealed) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_files_are_refused(tmp_path: Path, plaintext_footer: bool) -> None:
    """With a plain footer the library ends the process when it is asked about an encrypted column."""
    file = encrypted(tmp_path / "a.parquet", plaintext_footer=plaintext_footer)
    with pytest.raises(InputError) as caught:
        chunks(sniff([tmp_path]), tmp_path / "work")
    assert str(caught.value) == (
        f"{file}: the Parquet file is encrypted. Write it without encryption, where only you may read it"
    )


def test_a_page_that_fails_its_checksum_stops_the_run(tmp_path: Path) -> None:
    """A flipped bit that decodes would be another medicine or another number."""
    rows = [{"id": f"p{n}", "orders": [{"id": "o", "text": f"baclofen {n} mg"}]} for n in range(50)]
    file = tmp_path / "in" / "a.parquet"
    file.parent.mkdir()
    parquet.write_table(
        pa.Table.from_pylist(rows), file, compression="none", use_dictionary=False, write_page_checksum=True
    )
    whole = file.read_bytes()
    at = whole.index(b"baclofen 17 mg")
    file.write_bytes(whole.replace(b"baclofen 17 mg", b"baclofen 71 mg"))
    assert whole[at : at + 14] != file.read_bytes()[at : at + 14]
    with pytest.raises(InputError, match="the Parquet file is damaged: "):
        chunks(ParquetCohort((str(file),)), tmp_path / "work")
