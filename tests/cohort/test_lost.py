"""Lines and files that cannot be read: whose they were, as far as they tell, is never clear."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import caveat
from caveat.facts.patient import Patient
from cohort.bulk_records import assert_same, bundle, diagnosis, lab, order, patient

NAMES = ("a", "b", "c")
PEOPLE = [patient(name) for name in NAMES]


def ndjson(*resources: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def renamed(lines: bytes) -> bytes:
    """The same resources under other ids."""
    return lines.replace(b'"id": "m', b'"id": "n')


def read(folder: Path, work: Path, **files: bytes) -> dict[str, list[tuple[str, str]]]:
    """The problems of each patient, which both readers agree on."""
    folder.mkdir()
    for name, data in {"Patient_ndjson": ndjson(*PEOPLE), **files}.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return told(assert_same([folder], work, partitions=3))


def told(patients: list[Patient]) -> dict[str, list[tuple[str, str]]]:
    return {one.id: [(problem.code, problem.message) for problem in one.problems] for one in patients}


ORDERS = ndjson(*(order(n, f"Patient/{name}") for n, name in enumerate(NAMES)))
BROKEN: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("not JSON", lambda line: line.replace(b'"status"', b"status")),
    ("text that is not UTF-8", lambda line: line.replace(b"Drug", b"Dr\xffg")),
    ("cut off", lambda line: line[:-9]),
    ("two values", lambda line: line + line),
]


@pytest.mark.parametrize(("what", "broken"), BROKEN, ids=[what for what, _ in BROKEN])
def test_the_patient_that_a_broken_line_names(
    tmp_path: Path, what: str, broken: Callable[[bytes], bytes]
) -> None:
    lines = ORDERS.splitlines()
    lines[1] = broken(lines[1])
    found = read(tmp_path / "in", tmp_path / "work", Orders_ndjson=b"\n".join(lines) + b"\n")
    assert [name for name in NAMES if found[name]] == ["b"]
    assert any("it cannot be read, and nothing of it was used" in message for _, message in found["b"])


@pytest.mark.parametrize("make", [order, lab, diagnosis])
def test_a_broken_line_of_any_type(tmp_path: Path, make: Callable[..., dict[str, Any]]) -> None:
    line = ndjson(make(5, "Patient/b")).replace(b'"resourceType"', b'"x": oops, "resourceType"')
    found = read(tmp_path / "in", tmp_path / "work", More_ndjson=ORDERS + line + renamed(ORDERS))
    assert [name for name in NAMES if found[name]] == ["b"]


def test_a_broken_line_that_names_nobody_is_set_aside_alone(tmp_path: Path) -> None:
    found = read(tmp_path / "in", tmp_path / "work", Orders_ndjson=b"{oops}\n" + ORDERS)
    assert not any(found.values())


def test_a_patient_that_only_a_broken_line_names(tmp_path: Path) -> None:
    """It is judged, as any subject without a Patient is."""
    line = ndjson(order(9, "Patient/d")).replace(b'"status"', b"status")
    found = read(tmp_path / "in", tmp_path / "work", Orders_ndjson=ORDERS + line)
    assert found["d"][0][0] == "patient-missing"
    assert not any(found[name] for name in NAMES)


CUT: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a line without its end": ("the file ends in the middle of a line", lambda data: data[:-60]),
    "gzip without its end": ("the gzip data end too early", lambda data: gzip.compress(data)[:-20]),
    "gzip with something else behind": (
        "the gzip data are damaged",
        lambda data: gzip.compress(data) + b"more",
    ),
    "gzip of two members, the second cut": (
        "the gzip data end too early",
        lambda data: gzip.compress(data) + gzip.compress(renamed(data))[:-20],
    ),
    "UTF-16 without its end": (
        "the text is not UTF-16, as its first bytes say: UnicodeDecodeError",
        lambda data: data.decode().encode("utf-16")[:-1],
    ),
}


@pytest.mark.parametrize("what", CUT)
@pytest.mark.parametrize("many", [1, 3000])
def test_everybody_of_a_file_that_was_not_read_to_its_end(tmp_path: Path, what: str, many: int) -> None:
    """Nobody can tell whose lines are missing."""
    why, cut = CUT[what]
    data = ORDERS if many == 1 else ndjson(*(order(n, f"Patient/{NAMES[n % 3]}") for n in range(many)))
    found = read(tmp_path / "in", tmp_path / "work", Orders_ndjson=cut(data))
    for name in NAMES:
        assert any(message.endswith(f"Orders.ndjson: {why}") for _, message in found[name]), found
    rules = caveat.load()
    for one in assert_same([tmp_path / "in"], tmp_path / "again"):
        assert not caveat.screen(one, rules, as_of="2026-01-15").is_clear


def test_what_stands_before_the_damage_is_read(tmp_path: Path) -> None:
    """However short the file is."""
    folder = tmp_path / "in"
    read(folder, tmp_path / "work", Orders_ndjson=gzip.compress(ORDERS) + b"more")
    patients = assert_same([folder], tmp_path / "again")
    assert {one.id: [o.text for o in one.orders or ()] for one in patients} == {
        name: [f"Drug {n}"] for n, name in enumerate(NAMES)
    }


def test_a_damaged_file_of_another_folder_concerns_nobody_here(tmp_path: Path) -> None:
    read(tmp_path / "in", tmp_path / "work", Orders_ndjson=ORDERS)
    (tmp_path / "other").mkdir()
    others = ORDERS.replace(b"Patient/", b"Patient/z")
    (tmp_path / "other" / "x.ndjson").write_bytes(gzip.compress(others)[:-20])
    patients = assert_same([tmp_path / "in", tmp_path / "other"], tmp_path / "again")
    assert not any(one.problems for one in patients if one.birth_date)


def test_a_broken_bundle_concerns_nobody_else(tmp_path: Path) -> None:
    text = json.dumps(bundle(patient("z"), order(1, "Patient/z"))).encode()
    found = read(tmp_path / "in", tmp_path / "work", One_json=text[:-30], Orders_ndjson=ORDERS)
    assert not any(found[name] for name in NAMES)


def manifest(*outputs: tuple[str, int | None], errors: int = 0) -> bytes:
    listed = [
        {"type": kind, "url": f"https://x/{n}", **({} if count is None else {"count": count})}
        for n, (kind, count) in enumerate(outputs)
    ]
    failed = [{"type": "OperationOutcome", "url": "https://x/e"}] * errors
    started = {"transactionTime": "2026-01-01T00:00:00Z", "request": "https://x", "requiresAccessToken": True}
    return json.dumps({**started, "output": listed, "error": failed}, indent=1).encode()


ORDER = "MedicationRequest"


@pytest.mark.parametrize(
    ("outputs", "lacks"),
    [
        ([("Patient", 3), (ORDER, 3)], ""),
        ([("Patient", 3), (ORDER, 2), (ORDER, 1)], ""),
        ([("Patient", None), (ORDER, None)], ""),
        ([("Patient", 3), (ORDER, 3), (ORDER, None)], ""),
        ([("Patient", 3), (ORDER, 3), (ORDER, 1)], "3 of 4 MedicationRequest"),
        ([("Patient", 4), (ORDER, 3), ("Condition", 7)], "0 of 7 Condition, 3 of 4 Patient"),
    ],
)
def test_files_that_a_manifest_counts_and_nobody_fetched(
    tmp_path: Path, outputs: list[tuple[str, int | None]], lacks: str
) -> None:
    found = read(tmp_path / "in", tmp_path / "work", Orders_ndjson=ORDERS, Manifest_json=manifest(*outputs))
    for name in NAMES:
        assert bool(found[name]) == bool(lacks)
        assert not lacks or found[name][0][1].endswith(
            f"fewer resources were read than the manifest of the export counts: {lacks}"
        )


def test_lines_that_cannot_be_read_were_fetched(tmp_path: Path) -> None:
    files = {
        "Orders_ndjson": ORDERS.replace(b'"status"', b"status", 1),
        "Manifest_json": manifest(("Patient", 3), (ORDER, 3)),
    }
    found = read(tmp_path / "in", tmp_path / "work", **files)
    assert [name for name in NAMES if found[name]] == ["a"]


def test_errors_of_an_export_that_nobody_fetched(tmp_path: Path) -> None:
    files = {"Orders_ndjson": ORDERS, "Manifest_json": manifest(("Patient", 3), errors=2)}
    found = read(tmp_path / "in", tmp_path / "work", **files)
    for name in NAMES:
        (problem,) = found[name]
        assert problem[1].endswith("the manifest lists 2 files of errors, and no report of errors was read")
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "diagnostics": "done"}]}
    (tmp_path / "in" / "error.ndjson").write_bytes(ndjson(said))
    assert not any(told(assert_same([tmp_path / "in"], tmp_path / "again")).values())
