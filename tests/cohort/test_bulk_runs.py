"""A bulk read as part of a run: hashes, taking up again after any death, other processes, bounded memory."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caveat.adapters.cohort.base import Input
from caveat.adapters.cohort.bulk import BulkCohort, KnownCodes, sniff
from caveat.adapters.fhir.bulk import cohort as module
from caveat.adapters.fhir.bulk import sorting
from caveat.errors import InputError
from cohort.bulk_records import MEDICATION, NATIVE, lab, lay, order, patient

PREPARE = """
import sys
from pathlib import Path
from caveat.adapters.cohort.bulk import BulkCohort
BulkCohort([sys.argv[1]], partitions=3).prepare(Path(sys.argv[2]), lambda _: print("begun", flush=True))
"""


def quiet(_: str) -> None:
    """Says nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [lab(number, f"Patient/{number % 23}") for number in range(4_000)]
    people = [patient(str(number)) for number in range(23)]
    lay({"1": lines, "2": people, "3": [MEDICATION, "{", order(1, None)], "4": ""}, tmp_path / "in")
    return tmp_path / "in"


def everything(cohort: BulkCohort) -> list[object]:
    """All that the parts give, in their order."""
    chunks = [(part, chunk) for part in range(cohort.parts()) for chunk in cohort.read(part)]
    return [(part, chunk.batch.to_pylist(), chunk.rejected, chunk.entered) for part, chunk in chunks]


def prepared(folder: Path, work: Path, *, partitions: int = 3) -> BulkCohort:
    cohort = BulkCohort([folder], partitions=partitions)
    cohort.prepare(work, quiet)
    return cohort


def test_inputs_before_and_after(folder: Path, tmp_path: Path) -> None:
    cohort = BulkCohort([folder], partitions=2)
    before = cohort.inputs()
    assert before == tuple(
        Input(str(path), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.iterdir())
    )
    cohort.prepare(tmp_path, quiet)
    assert cohort.inputs() == before


def test_inputs_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file or folder"):
        BulkCohort([tmp_path / "none"]).inputs()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it can be read only once"):
        BulkCohort([tmp_path / "pipe"]).inputs()
    assert sniff([tmp_path / "pipe"]) is None


def test_prepare_again_does_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepared(folder, tmp_path)
    expected = everything(first)
    monkeypatch.setattr(sorting.Sorting, "take", None)
    assert everything(prepared(folder, tmp_path)) == expected


@pytest.mark.parametrize("change", ["more", "other", "gone", "new"])
def test_prepare_again_after_a_change(folder: Path, tmp_path: Path, change: str) -> None:
    before = everything(prepared(folder, tmp_path))
    if change == "more":
        with (folder / "1").open("a") as out:
            out.write('{"resourceType":"Patient","id":"late"}\n')
    elif change == "other":
        text = (folder / "1").read_text()
        (folder / "1").write_text(text.replace("0.9", "1.9"))
    elif change == "gone":
        (folder / "2").unlink()
    else:
        lay({"0": [patient("early")]}, folder)
    again = everything(prepared(folder, tmp_path))
    assert again != before
    assert again == everything(prepared(folder, tmp_path / "fresh"))


def test_another_number_of_parts(folder: Path, tmp_path: Path) -> None:
    assert prepared(folder, tmp_path, partitions=3).parts() == 3
    assert prepared(folder, tmp_path, partitions=4).parts() == 4


def test_killed_at_any_moment(folder: Path, tmp_path: Path) -> None:
    expected = everything(prepared(folder, tmp_path / "calm"))
    moments = random.Random(20261126)
    for _ in range(6):
        command = [sys.executable, "-c", PREPARE, str(folder), str(tmp_path / "w")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(moments.random() * 0.15)
            child.send_signal(signal.SIGKILL)
    assert everything(prepared(folder, tmp_path / "w")) == expected
    assert not (tmp_path / "w" / "bulk.unfinished").exists()


@pytest.mark.parametrize("step", ["settle", "write", "_sync"])
def test_a_failure_leaves_nothing_half_done(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, step, full)
        with pytest.raises(OSError, match="No space left"):
            prepared(folder, tmp_path / "w")
    assert not (tmp_path / "w" / "bulk").exists()
    assert everything(prepared(folder, tmp_path / "w")) == everything(prepared(folder, tmp_path / "x"))


def test_a_file_that_changes_while_it_is_read(folder: Path, tmp_path: Path) -> None:
    def meddle(message: str) -> None:
        if message.startswith(f"reading {folder / '2'}"):
            (folder / "1").write_text("{}")

    with pytest.raises(InputError, match="the file changed while it was read") as caught:
        BulkCohort([folder]).prepare(tmp_path, meddle)
    assert caught.value.source == str(folder / "1")
    assert not (tmp_path / "bulk").exists()


def test_other_processes_read_the_same(folder: Path, tmp_path: Path) -> None:
    cohort = BulkCohort([folder], partitions=3, bound=KnownCodes(frozenset(("2160-0",))))
    cohort.prepare(tmp_path, quiet)
    copy = pickle.loads(pickle.dumps(cohort))
    assert everything(copy) == everything(cohort)
    assert next(iter(copy.read(1))).batch.equals(next(iter(cohort.read(1))).batch)


def test_a_part_without_patients(tmp_path: Path) -> None:
    lay({"1": [patient()]}, tmp_path / "in")
    cohort = prepared(tmp_path / "in", tmp_path / "w", partitions=5)
    counts = [sum(chunk.entered for chunk in cohort.read(part)) for part in range(5)]
    assert sorted(counts) == [0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="there are 5 parts; 5 is none of them"):
        list(cohort.read(5))


def test_a_patient_stays_in_one_part_and_parts_are_stable(folder: Path, tmp_path: Path) -> None:
    cohort = prepared(folder, tmp_path)
    ids = [{one.id for one in cohort.patients(part)} for part in range(3)]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 23
    assert "7" in ids[0]  # by the checksum of the id, today and tomorrow
    assert all(chunk.rejected == () for part in (1, 2) for chunk in cohort.read(part))


def test_a_refused_native_record_is_an_entered_patient(tmp_path: Path) -> None:
    lay({"1": [patient()], "2": [{**NATIVE, "sexx": 1}, {"sex": "male"}]}, tmp_path / "in")
    cohort = prepared(tmp_path / "in", tmp_path / "w")
    chunks = [chunk for part in range(3) for chunk in cohort.read(part)]
    rejected = [one.patient for chunk in chunks for one in chunk.rejected]
    assert rejected == ["a", f"{tmp_path / 'in' / '2'}:2"]
    assert sum(chunk.entered for chunk in chunks) == 3


def test_about(folder: Path, tmp_path: Path) -> None:
    lay({"5": [order(1, "Patient/1", medicationReference={"reference": "Medication/none"})]}, folder)
    cohort = prepared(folder, tmp_path)
    assert cohort.about()["parts_read"] == 0
    everything(cohort)
    about = cohort.about()
    assert about == {
        "files": 5,
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "lines": 4_026,
        "bundles": 0,
        "native_records": 0,
        "resources": {"Medication": 1, "MedicationRequest": 2, "Observation": 4_000, "Patient": 23},
        "rejects": {"empty": 1, "no-subject": 1, "truncated": 1},
        "patient_records_rejected": 0,
        "source_reports": 0,
        "parts": 3,
        "parts_read": 3,
        "patients": 23,
        "patients_without_patient_resource": 0,
        "patients_without_order": 22,
        "orders": 1,
        "orders_without_code": 1,
        "medication_references_unresolved": 1,
        "orders_without_code_share": 1.0,
    }


def test_many_files_and_parts_hold_few_files_open(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for number in range(300):
        lay({f"f{number}": [patient(str(number)), lab(1, f"Patient/{number}")]}, folder)
    cohort = BulkCohort([folder], partitions=2_000)
    cohort.prepare(tmp_path, quiet)
    assert len(list(Path("/dev/fd").iterdir())) < 100
    assert sum(chunk.entered for part in range(2_000) for chunk in cohort.read(part)) == 300
