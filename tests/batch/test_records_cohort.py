"""Whatever is read for single records is read as a cohort too, with the same records."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from caveat.adapters import Reject, read_records
from caveat.adapters.cohort.base import Chunk
from caveat.adapters.cohort.open import open_cohort
from caveat.adapters.cohort.records import RecordsCohort
from caveat.columns.records import to_batch
from caveat.errors import InputError
from cli.small import record


def write(folder: Path) -> Path:
    folder.mkdir()
    lines = [json.dumps(record(id=f"p{n}")) for n in range(25)]
    lines[7] = "{torn"
    (folder / "a.ndjson").write_text("\n".join(lines), "utf-8")
    (folder / "b.json").write_text(json.dumps(record(id="single")), "utf-8")
    (folder / "LICENCE").write_text("free", "utf-8")
    return folder


def chunks(cohort: RecordsCohort, work: Path) -> list[list[Chunk]]:
    work.mkdir(exist_ok=True)
    cohort.prepare(work, lambda text: None)
    cohort = pickle.loads(pickle.dumps(cohort))
    return [list(cohort.read(part)) for part in range(cohort.parts())]


def test_the_same_records_as_one_at_a_time(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    found = list(read_records([str(folder)]))
    patients = [one for one in found if not isinstance(one, Reject)]
    parts = chunks(RecordsCohort((str(folder),), a_part=10), tmp_path / "work")
    assert len(parts) == 3
    rows = [row for part in parts for chunk in part for row in chunk.batch.to_pylist()]
    assert rows == to_batch(patients).to_pylist()
    rejects = [one.reject for part in parts for chunk in part for one in chunk.rejected]
    assert rejects == [one for one in found if isinstance(one, Reject)]
    assert sum(chunk.entered for part in parts for chunk in part) == len(patients)


def test_what_an_interrupted_call_left_is_done_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    cohort = RecordsCohort((str(folder),), a_part=10)
    first = chunks(cohort, tmp_path / "work")
    (tmp_path / "work" / "records.json").unlink()
    (tmp_path / "work" / "part-00001.arrow").write_bytes(b"torn")
    (tmp_path / "work" / "part-00009.arrow.tmp").write_bytes(b"torn")
    again = chunks(RecordsCohort((str(folder),), a_part=10), tmp_path / "work")
    assert [[chunk.batch for chunk in part] for part in first] == [
        [chunk.batch for chunk in part] for part in again
    ]


def test_inputs_have_the_hash_of_their_bytes(tmp_path: Path) -> None:
    import hashlib

    folder = write(tmp_path / "in")
    found = RecordsCohort((str(folder),)).inputs()
    assert [Path(one.path).name for one in found] == ["LICENCE", "a.ndjson", "b.json"]
    for one in found:
        raw = Path(one.path).read_bytes()
        assert (one.size, one.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())


def test_what_cannot_be_a_cohort_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="-: a run over standard input could not be taken up again"):
        open_cohort(["-"])
    with pytest.raises(InputError, match="there is no such file or folder"):
        open_cohort([str(tmp_path / "none")])


def test_mixed_records_are_taken_by_the_general_reader(tmp_path: Path, fixtures_dir: Path) -> None:
    cohort = open_cohort([str(fixtures_dir / "patients"), str(fixtures_dir / "fhir" / "stories")])
    assert isinstance(cohort, RecordsCohort) or cohort.kind == "fhir"
