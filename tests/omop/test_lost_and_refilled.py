"""What databases of other sites hold: refills, empty tables, lines that cannot be taken apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import caveat
from omop.builder import Read, condition, drug, folder, person, result

ORDER, DISPENSE = 32838, 32825
NOVEMBER = {"drug_exposure_start_date": "2025-11-01", "drug_exposure_end_date": "2025-11-30"}


@pytest.mark.parametrize(
    ("given", "stop"),
    [
        ({"days_supply": 30, "refills": 5}, "2026-04-29"),
        ({"refills": 5}, "2026-04-29"),  # the span of the row is that of one supply
        ({"refills": 2, "drug_type_concept_id": 0}, "2026-01-29"),
        ({"days_supply": 30, "refills": 5, "drug_type_concept_id": DISPENSE}, "2025-11-30"),
        ({"days_supply": 30, "refills": 0}, "2025-11-30"),
        ({"days_supply": 30, "refills": 100}, "2025-11-30"),
        ({"days_supply": 90, "refills": 99}, "2035-10-29"),  # no longer than the longest supply
        ({"days_supply": 30, "refills": 5, "verbatim_end_date": "2025-12-05"}, "2025-12-05"),
        ({"days_supply": 30, "refills": 5, "stop_reason": "rash"}, "2025-11-30"),
        ({"refills": 5, "drug_exposure_end_date": "2025-11-01"}, None),
        ({"days_supply": 30, "refills": 1, "drug_exposure_end_date": ""}, "2025-12-30"),
    ],
)
def test_a_prescription_runs_until_its_refills_are_used(
    tmp_path: Path, given: dict[str, Any], stop: str | None
) -> None:
    row = drug(1, **{**NOVEMBER, "drug_type_concept_id": ORDER, **given})
    (order,) = Read(folder(tmp_path / "cdm", person=[person()], drug_exposure=[row])).one.orders or ()
    assert (order.stop and order.stop.text) == stop


ERA = {
    "drug_era_id": 1,
    "person_id": 1,
    "drug_concept_id": 7,
    "drug_era_start_date": "2025-12-01",
    "drug_era_end_date": "2026-02-01",
}
BACLOFEN = {
    "concept_id": 7,
    "concept_name": "baclofen",
    "vocabulary_id": "RxNorm",
    "concept_class_id": "Ingredient",
    "concept_code": "1292",
}


def test_eras_stand_in_for_an_empty_table(tmp_path: Path) -> None:
    tables = {"person": [person()], "drug_era": [ERA], "concept": [BACLOFEN]}
    read = Read(folder(tmp_path / "cdm", drug_exposure=[], **tables))
    assert [order.text for order in read.one.orders or ()] == ["baclofen"]
    assert any("drug_exposure is empty: orders are taken from drug_era, which" in said for said in read.said)
    read = Read(folder(tmp_path / "both", drug_exposure=[drug()], **tables))
    assert [order.text for order in read.one.orders or ()] == ["baclofen 10 mg tablet"]


def test_tables_without_rows_are_said(tmp_path: Path) -> None:
    tables: Any = {"drug_exposure": [], "condition_occurrence": [], "measurement": [], "observation": []}
    read = Read(folder(tmp_path / "cdm", person=[person()], **tables))
    assert [said for said in read.said if "has no rows" in said] == [
        "the table drug_exposure has no rows: no orders are known, which is not the same as none",
        "the table condition_occurrence has no rows: no conditions are known, which is not the same as none",
        "the table measurement has no rows: no measurements are known, which is not the same as none",
    ]


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_the_patient_of_a_line_that_cannot_be_taken_apart_is_not_clear(
    tmp_path: Path, delimiter: str
) -> None:
    """In Latin-1, or with a cell too many: what the line said of the patient is lost."""
    rows = [drug(1, 1), drug(2, 2, drug_source_value="Mittel für Rücken"), drug(3, 3)]
    path = folder(
        tmp_path / "cdm",
        delimiter,
        person=[person(n, year_of_birth=1990) for n in (1, 2, 3, 4)],
        drug_exposure=rows,
        condition_occurrence=[condition(1, 1)],
        measurement=[result(1, 1)],
    )
    file = path / "drug_exposure.csv"
    text = file.read_text("utf-8").replace("\r\n", "\n").splitlines()
    text[3] += f"{delimiter}more"
    file.write_bytes("\n".join(text).encode("latin-1") + b"\n")
    read = Read(path)
    assert [(one.reject.line, one.reject.code) for one in read.rejected] == [(3, "csv-line"), (4, "csv-line")]
    told = {patient.id: [problem.code for problem in patient.problems] for patient in read.patients}
    assert told == {"1": [], "2": ["row-lost"], "3": ["row-lost"], "4": []}
    rules = caveat.load()
    assert not caveat.screen(read.patients[1], rules, as_of="2026-01-15").is_clear


STAY = {"condition_start_date": "2025-12-18", "condition_end_date": "2025-12-22"}


@pytest.mark.parametrize(
    ("visits", "of", "abated"),
    [
        ([{"visit_occurrence_id": 9, "person_id": 1, "visit_end_date": "2025-12-22"}], 9, False),
        ([{"visit_occurrence_id": 9, "person_id": 1, "visit_end_date": "2025-12-20"}], 9, True),
        ([{"visit_occurrence_id": 8, "person_id": 1, "visit_end_date": "2025-12-20"}], 9, False),
        ([{"visit_occurrence_id": 9, "person_id": 1, "visit_end_date": ""}], 9, False),
        (None, 9, False),
        (None, 0, True),
        (None, "", True),
    ],
)
def test_an_end_may_be_that_of_a_visit_which_is_not_known(
    tmp_path: Path, visits: Any, of: Any, abated: bool
) -> None:
    """Heart failure does not end when the patient goes home."""
    row = condition(1, condition_source_value="I50.9", visit_occurrence_id=of, **STAY)
    tables = {} if visits is None else {"visit_occurrence": visits}
    patient = Read(folder(tmp_path / "cdm", person=[person()], condition_occurrence=[row], **tables)).one
    (found,) = patient.conditions or ()
    assert (found.abatement is not None) == abated
    assert ("condition-end-of-entry" in {note.code for note in patient.notes}) != abated


def test_names_of_columns_in_quotes_and_blanks(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person()], drug_exposure=[drug()])
    file = path / "drug_exposure.csv"
    text = (
        file.read_text("utf-8").replace("person_id", '"PERSON_ID"').replace("drug_source", ' "Drug_Source', 1)
    )
    file.write_text(text.replace("Drug_Source_value", 'Drug_Source_value" '), "utf-8")
    assert [order.text for order in Read(path).one.orders or ()] == ["baclofen 10 mg tablet"]
