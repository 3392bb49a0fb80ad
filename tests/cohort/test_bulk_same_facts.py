"""FHIR by the folder gives what the single-record reader gives: the same patients, the same rejects."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters import read_records
from caveat.adapters.cohort.bulk import KnownCodes, sniff
from caveat.adapters.fhir.bulk import rows
from caveat.facts.patient import Patient
from cohort.bulk_records import (
    ANOTHER_X1,
    COMPONENT,
    HEIGHT_ONLY,
    IDENTIFIED,
    LIST,
    MEDICATION,
    MIXTURE,
    NATIVE,
    OUTCOME,
    SUBSTANCE,
    assert_same,
    bundle,
    diagnosis,
    lab,
    lay,
    order,
    page,
    patient,
)

ROOT = Path(__file__).parents[2]
FHIR = ROOT / "fixtures" / "fhir"


@pytest.mark.parametrize("partitions", [1, 2, 7])
@pytest.mark.parametrize("names", ["bulk", "synthea", ".", "stories ../patients", "bulk . synthea"])
def test_the_fixtures(names: str, partitions: int, tmp_path: Path) -> None:
    assert assert_same([FHIR / name for name in names.split()], tmp_path, partitions=partitions)


@pytest.mark.parametrize("bound", [None, HEIGHT_ONLY])
def test_all_440_patients(shared_dir: Path, tmp_path: Path, bound: KnownCodes | None) -> None:
    folder = shared_dir / "data" / "fhir" / "synthea" / "dev"
    assert len(assert_same([folder], tmp_path, partitions=3, bound=bound)) == 440


def test_the_bulk_export_beside_another(shared_dir: Path, tmp_path: Path) -> None:
    paths = [
        shared_dir / "data" / "fhir" / "bulk-export-10",
        shared_dir / "data" / "fhir" / "synthea" / "dev",
    ]
    assert len(assert_same(paths, tmp_path, partitions=4)) == 453


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    text = "\n".join(json.dumps(one) for one in (patient(), lab(1, "Patient/a"), patient("b")))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x").write_text(text, encoding=encoding)
    assert len(assert_same([tmp_path / "in"], tmp_path / "w", partitions=2)) == 2


def test_gzip_cut_off(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = "".join(json.dumps(lab(number, f"Patient/{number % 9}")) + "\n" for number in range(5000))
    packed = gzip.compress(lines.encode())
    (tmp_path / "in" / "x.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "in" / "y").write_text(json.dumps(patient("3")) + "\n")
    assert_same([tmp_path / "in"], tmp_path / "w", partitions=2)


def test_many_frames_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PENDING", 2_000)
    monkeypatch.setattr(rows, "BUFFERED", 5_000)
    lines = [lab(number, f"Patient/{number % 7}") for number in range(300)]
    lay({"1": lines, "2": [patient(str(number)) for number in range(7)]}, tmp_path / "in")
    patients = assert_same([tmp_path / "in", FHIR / "bulk"], tmp_path / "w", partitions=3)
    assert len(patients) == 11


REFERENCES = (
    "Patient/a",
    "Patient/b",
    "urn:uuid:a",
    "Patient?identifier=77",
    "Group/g",
    None,
    "c",
    "Patient/i",
)
LINES = st.one_of(
    st.sampled_from(
        [
            patient(),
            patient("b"),
            patient(gender="male"),
            IDENTIFIED,
            MEDICATION,
            ANOTHER_X1,
            MIXTURE,
            SUBSTANCE,
            OUTCOME,
            LIST,
            NATIVE,
            {"resourceType": "Patient"},
            {"resourceType": "Claim"},
            {"resourceType": "Zzz"},
            bundle(patient(), lab(3, "Patient/a")),
            bundle(MEDICATION),
            page(1, of=2),
            page(2, of=2),
            {"eventId": "k", "exportId": "e"},
            "{",
            5,
            "",
        ]
    ),
    st.builds(lab, st.integers(0, 9), st.sampled_from(REFERENCES)),
    st.builds(lab, st.integers(0, 40), st.sampled_from(("Patient/a", "Patient/b"))),
    st.builds(
        lambda number, parts: lab(number, "Patient/a", valueQuantity=None, component=[COMPONENT] * parts),
        st.integers(0, 40),
        st.integers(0, 2),
    ),
    st.builds(
        lab,
        st.integers(0, 40),
        st.just("Patient/a"),
        valueQuantity=st.none(),
        valueString=st.sampled_from(("high", "3 mg/dL")),
    ),
    st.builds(
        lab, st.integers(0, 9), st.sampled_from(REFERENCES), status=st.sampled_from(["final", 5, "zz"])
    ),
    st.builds(diagnosis, st.integers(0, 9), st.sampled_from(REFERENCES)),
    st.builds(diagnosis, st.integers(0, 9), st.just("Patient/a"), clinicalStatus=st.just("active")),
    st.builds(order, st.integers(0, 9), st.sampled_from(REFERENCES)),
    st.builds(
        lambda number, whose, target: order(number, whose, medicationReference={"reference": target}),
        st.integers(0, 9),
        st.sampled_from(REFERENCES),
        st.sampled_from(("Medication/x1", "Medication/x2", "urn:uuid:x1", "#c")),
    ),
)
FILES = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.lists(LINES, max_size=12)), min_size=1, max_size=5
)


@given(
    files=FILES, partitions=st.integers(1, 6), named=st.booleans(), bound=st.sampled_from((None, HEIGHT_ONLY))
)
def test_any_arrangement(
    files: list[tuple[int, bool, list[Any]]], partitions: int, named: bool, bound: KnownCodes | None
) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        for number, (folder, packed, lines) in enumerate(files):
            lay({f"f{number}": lines}, top / "in" / str(folder), packed=packed)
        paths = sorted((top / "in").rglob("f*")) if named else sorted((top / "in").iterdir())
        assert_same(paths, top / "w", partitions=partitions, bound=bound)
    finally:
        shutil.rmtree(top)


@given(data=st.data(), partitions=st.integers(1, 9))
def test_shuffled_and_split(data: st.DataObject, partitions: int) -> None:
    """The facts do not depend on where a line stands, but for the order of lists and the file named."""
    lines = [line for path in sorted((FHIR / "bulk").glob("*.ndjson*")) for line in _lines(path)]
    shuffled = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines)))
    top = Path(tempfile.mkdtemp())
    try:
        (top / "in").mkdir()
        (top / "in" / "anything.txt").write_bytes(b"".join(shuffled[:cut]))
        (top / "in" / "b").write_bytes(gzip.compress(b"".join(shuffled[cut:])))
        patients = assert_same([top / "in"], top / "w", partitions=partitions)
        plain = [one for one in read_records([FHIR / "bulk"]) if isinstance(one, Patient)]
        assert sorted(map(_facts, patients)) == sorted(map(_facts, plain))
    finally:
        shutil.rmtree(top)


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return [line for line in data.splitlines(keepends=True) if b"eventId" not in line]


def _facts(one: Patient) -> str:
    lists = [sorted(map(repr, getattr(one, name) or ())) for name in ("orders", "conditions", "allergies")]
    return repr((one.id, one.birth_date, one.sex, lists))


def test_what_another_patient_has_does_not_count(tmp_path: Path) -> None:
    """A List is not closed, and a reason not found, by a resource of another patient in the same input."""
    reason = {**order(1, "Patient/a"), "reasonReference": [{"reference": "Condition/c9"}]}
    mine = [LIST, patient(), diagnosis(1, "Patient/a"), reason]
    found = []
    for name, others in (("alone", []), ("beside", [diagnosis(9, "Patient/b"), patient("b")])):
        lay({"x": mine + others}, tmp_path / name)
        read = assert_same([tmp_path / name], tmp_path / "w" / name, partitions=2)
        found.append(next(one for one in read if one.id == "a").model_copy(update={"source": None}))
    assert found[0] == found[1]
    assert found[0].complete.conditions == "open"
    assert found[0].orders is not None
    assert not found[0].orders[0].indication


def test_sniff(tmp_path: Path) -> None:
    lay({"1": [patient()]}, tmp_path / "fhir")
    lay({"1": [NATIVE], "2": "patient_id\na\n", "3": [{"eventId": "k", "exportId": "e"}]}, tmp_path / "other")
    assert sniff([tmp_path / "fhir"]) is not None
    assert sniff([tmp_path / "other", str(tmp_path / "fhir")]) is not None
    assert sniff([FHIR / "synthea"]) is not None
    assert sniff([tmp_path / "other"]) is None
    assert sniff(["-"]) is None
