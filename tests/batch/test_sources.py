"""Runs over real readers: records that are set aside are counted, and never end the run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from batch.conftest import Runner
from caveat.adapters.cohort.open import open_cohort
from caveat.errors import InputError
from omop.builder import drug, folder, person

PATIENTS = [{"resourceType": "Patient", "id": name, "birthDate": "1960"} for name in ("p1", "p2")]


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def counts(runner: Runner, source: Path, out: Path) -> dict[str, Any]:
    found: dict[str, Any] = runner(open_cohort([str(source)]), out).manifest["counts"]
    return found


def test_a_line_among_resources_that_is_none(runner: Runner, tmp_path: Path) -> None:
    """It counts as a record of its own that was rejected."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Patient.ndjson").write_bytes(lines(*PATIENTS, {"id": "p3", "status": "active"}))
    found = counts(runner, tmp_path / "in", tmp_path / "out")
    assert (found["entered"], found["screened"], found["rejected"]) == (3, 2, 1)
    assert found["set_aside"] == {"unknown-key": 1}


@pytest.mark.parametrize(
    ("further", "code"), [(1, "same-patient"), ("", "no-person-id"), ("A7", "no-person-id")]
)
def test_persons_that_are_not_judged(runner: Runner, tmp_path: Path, further: Any, code: str) -> None:
    """A second row of a person, one without an id, and one whose id is no number."""
    source = folder(tmp_path / "cdm", person=[person(1), person(2), person(further)], drug_exposure=[drug()])
    found = counts(runner, source, tmp_path / "out")
    assert (found["entered"], found["screened"], found["rejected"]) == (3, 2, 1)
    assert code in found["set_aside"]


def test_a_table_whose_packed_data_end_too_early(runner: Runner, tmp_path: Path) -> None:
    """What was lost cannot be told from what was never there: nothing is screened."""
    source = folder(tmp_path / "cdm", person=[person()], drug_exposure=[drug(n) for n in range(200)])
    whole = gzip.compress((source / "drug_exposure.csv").read_bytes())
    (source / "drug_exposure.csv").unlink()
    (source / "drug_exposure.csv.gz").write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"drug_exposure\.csv\.gz: the gzip data end too early"):
        runner(open_cohort([str(source)]), tmp_path / "out")
