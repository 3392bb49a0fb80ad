"""The stories of fixtures/omop: every fact as its README says, by every way in."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

import caveat
from caveat.adapters.cohort.omop import OmopCohort, person, sniff
from caveat.columns.records import to_patient
from caveat.errors import InputError
from caveat.evaluators.columnar import Columnar
from caveat.facts.patient import Patient
from omop.builder import BARE, STORIES, Read, duckdb_file, folder, parquet_folder
from omop.builder import person as person_row

AS_OF = "2026-01-15"


@pytest.fixture(scope="module")
def stories() -> Read:
    return Read(STORIES)


@pytest.fixture(scope="module")
def bare() -> Read:
    return Read(BARE)


def _order(patient: Patient, identity: str):  # type: ignore[no-untyped-def]
    return next(order for order in patient.orders or () if order.id == identity)


def test_a_person(stories: Read) -> None:
    births = {p.id: str(p.birth_date) for p in stories.patients}
    assert births == {
        "1": "1954-06-02",
        "2": "1961-03",
        "3": "1970",
        "4": "1982-11-30",
        "5": "1948-01-05",
        "6": "1990-07-07",
    }
    assert [p.sex for p in stories.patients] == ["female", "male", "female", "female", "male", None]
    assert [p.deceased for p in stories.patients] == [None] * 5 + [True]


def test_a_medicine_by_its_concept_and_its_ingredient(stories: Read) -> None:
    baclofen, diazepam = stories.patients[0].orders or ()
    assert [(c.system, c.code) for c in baclofen.codes] == [("rxnorm", "1292"), ("Site", "SITE-1")]
    assert baclofen.ingredients == ("baclofen",)
    assert (baclofen.route, baclofen.origin) == ("Oral", "order")
    assert diazepam.ingredients == ("diazepam",)
    assert str(diazepam.strength) == "5 mg"
    assert diazepam.origin == "dispense"
    assert baclofen.dose is None
    assert baclofen.frequency is None
    assert baclofen.daily_dose is None


def test_every_ingredient_of_a_mixture_and_no_strength_of_it(stories: Read) -> None:
    order = _order(stories.patients[4], "51")
    assert order.ingredients == ("sulfamethoxazole", "trimethoprim")
    assert order.strength is None


def test_ends_of_orders(stories: Read) -> None:
    stops = {o.id: o.stop and o.stop.text for p in stories.patients for o in p.orders or ()}
    assert stops["11"] == "2026-03-19"  # the row's end, which is also start and supply
    assert stops["12"] == "2026-01-31"  # the end as the source stated it
    assert stops["41"] == "2026-01-10"  # an administration ends on its day
    assert stops["51"] is None  # an end that is only the start says nothing


def test_a_stop_reason_says_whether_it_was_tapered(stories: Read) -> None:
    assert _order(stories.patients[3], "42").tapered is True
    assert _order(stories.patients[3], "41").tapered is None


def test_conditions(stories: Read) -> None:
    epilepsy, kidney = stories.patients[0].conditions or ()
    assert [(c.system, c.code) for c in epilepsy.codes] == [("snomed", "84757009"), ("icd10cm", "G40.909")]
    assert epilepsy.abatement is None
    assert kidney.verification == "provisional"
    assert [(c.system, c.code) for c in kidney.codes] == [("snomed", "14669001"), ("icd10cm", "N17.9")]
    assert kidney.abatement is None  # the end of the stay ends no condition
    (undotted,) = stories.patients[1].conditions or ()
    assert [(c.system, c.code) for c in undotted.codes] == [("icd10cm", "G40909")]


def test_dialysis_is_a_condition_and_no_other_procedure_is(stories: Read) -> None:
    found = {c.id: c for c in stories.patients[4].conditions or ()}
    assert set(found) == {"501", "procedure_occurrence/601"}
    assert found["procedure_occurrence/601"].text == "Hemodialysis"
    assert found["procedure_occurrence/601"].abatement is None
    assert found["501"].abatement is None  # it ends on the day it starts


def test_results(stories: Read) -> None:
    clearance, creatinine = stories.patients[0].observations or ()
    assert str(clearance.value) == "24 mL/min"  # neither the range nor the time of day
    assert clearance.at is not None
    assert clearance.at.text == "2026-01-10"
    assert str(creatinine.value) == "1.9 mg/dL"
    low, weight = stories.patients[1].observations or ()
    assert str(low.value) == "<0.3 mg/dL"
    assert ([c.system for c in weight.codes], str(weight.value)) == (["loinc"], "80 kg")
    worded = (stories.patients[3].observations or ())[0]
    assert str(worded.value) == "<0.4 mg/dL"  # value_as_number is empty, the source value is not


def test_a_unit_that_contradicts_its_concept_is_a_problem(stories: Read) -> None:
    patient = stories.patients[4]
    assert (patient.observations or ())[0].value is None
    (problem,) = patient.problems
    assert problem.code == "unit-conflict"
    assert problem.path == "measurement/5001"
    assert "'mg/dL'" not in problem.message
    assert "mg/dL" in problem.message
    assert "umol/L" in problem.message


def test_allergies(stories: Read) -> None:
    (by_value,) = stories.patients[0].allergies or ()
    assert (by_value.text, [c.code for c in by_value.codes]) == ("baclofen", ["1292"])
    (by_name,) = stories.patients[1].allergies or ()
    assert by_name.text == "penicillin"
    assert stories.patients[3].allergies is None  # a family history is none, and no row is no knowledge
    assert {p.complete.allergies for p in stories.patients} == {"unknown"}


def test_a_list_without_a_row_is_unknown(stories: Read) -> None:
    assert stories.patients[5].orders is None
    assert stories.patients[2].conditions is None


def test_the_shares_are_loud(stories: Read, bare: Read) -> None:
    drugs = stories.about["unmapped"]["drugs"]
    assert (drugs["rows"], drugs["unmapped"], drugs["share"]) == (7, 2, round(2 / 7, 6))
    assert {one["text"] for one in drugs["commonest"]} == {"Lioresal 10 mg tablet", "warfrin 5 mg"}
    assert (
        "UNMAPPED drugs: 28.6 % (2 of 7 rows, 2 of 5 patients) have no code of a vocabulary; "
        "each is recognised by its text or reported as unrecognised, never left out" in stories.said
    )
    assert bare.about["unmapped"]["drugs"]["share"] == 1.0
    assert any(said.startswith("the table concept is missing") for said in bare.said)
    assert any(said.startswith("the table death is missing: nobody is known") for said in bare.said)


def test_without_a_vocabulary(bare: Read) -> None:
    first = bare.patients[0]
    assert [o.text for o in first.orders or ()] == ["BACLOFEN-10", "DZP-5"]
    assert [(c.system, c.code) for c in (first.orders or ())[0].codes] == [("omop", "2000000101")]
    assert [c.text for c in first.conditions or ()] == ["G40.909", "N17.9"]
    assert str((first.observations or ())[0].value) == "24 mL/min"


def test_what_is_not_recognised_is_never_clear(stories: Read, bare: Read) -> None:
    rules = caveat.load()
    for read, expected in ((stories, {"warfrin 5 mg"}), (bare, {"warfrin 5 mg", "DZP-5"})):
        seen = set()
        for chunk in read.chunks:
            screened = Columnar(rules, as_of=AS_OF).screen(chunk.batch)
            for row in screened.patients.to_pylist():
                named = {one["text"] for one in row["unrecognised"] if one["kind"] == "medication"}
                seen |= named
                assert not (named and row["clear"])
        assert expected <= seen


def test_the_columns_and_one_by_one_agree(stories: Read) -> None:
    rules = caveat.load()
    for chunk in stories.chunks:
        screened = Columnar(rules, as_of=AS_OF).screen(chunk.batch)
        of_patient = {row["patient"]: row for row in screened.patients.to_pylist()}
        for row in range(chunk.batch.num_rows):
            patient = person(STORIES, int(chunk.batch.column("id")[row].as_py()))
            assert patient == to_patient(chunk.batch, row)
            report = caveat.screen(patient, rules, as_of=AS_OF)
            found = sorted(f["rule"] for f in screened.findings.to_pylist() if f["patient"] == patient.id)
            assert found == sorted(f.rule.id for f in report.findings)
            assert of_patient[patient.id]["clear"] == report.is_clear
    fired = {f["rule"] for f in screened.findings.to_pylist() if f["status"] == "fires"}
    assert "baclofen.renal.crcl-below-30" in fired


@pytest.mark.parametrize("form", ["duckdb", "schema", "parquet", "semicolons", "tabs"])
def test_every_form_gives_the_same_rows(stories: Read, tmp_path: Path, form: str) -> None:
    import csv

    if form == "duckdb":
        path = duckdb_file(STORIES, tmp_path / "cdm.duckdb")
    elif form == "schema":
        path = duckdb_file(STORIES, tmp_path / "cdm.db", "cdm54")
    elif form == "parquet":
        path = parquet_folder(STORIES, tmp_path / "cdm")
    else:
        path = tmp_path / "cdm"
        for file in STORIES.glob("*.csv"):
            with file.open(newline="", encoding="utf-8") as opened:
                rows = list(csv.DictReader(opened))
            folder(path, ";" if form == "semicolons" else "\t", **{file.stem.upper().lower(): rows})
    read = Read(path)
    assert [chunk.batch for chunk in read.chunks] == [chunk.batch for chunk in stories.chunks]
    assert read.about["unmapped"] == stories.about["unmapped"]


def test_what_is_an_omop_database(tmp_path: Path) -> None:
    assert isinstance(sniff([STORIES]), OmopCohort)
    assert isinstance(sniff((str(duckdb_file(STORIES, tmp_path / "x.bin")),)), OmopCohort)
    assert isinstance(sniff(["postgresql://host/db"]), OmopCohort)
    assert sniff([STORIES / "person.csv"]) is None
    assert sniff([folder(tmp_path / "lone", person=[person_row()])]) is None
    assert sniff([tmp_path]) is None
    with pytest.raises(InputError, match="screened on its own"):
        sniff([STORIES, BARE])


def test_a_zip_is_to_be_unpacked(tmp_path: Path) -> None:
    packed = tmp_path / "cdm.zip"
    with zipfile.ZipFile(packed, "w") as out:
        out.write(STORIES / "person.csv", "data/PERSON.csv")
    with pytest.raises(InputError, match=r"a ZIP archive is not read\. Unpack it and name the folder"):
        sniff([packed])


def test_a_person_that_is_not_there() -> None:
    with pytest.raises(InputError, match="there is no such person"):
        person(STORIES, 99)


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    other = tmp_path / "x.txt"
    shutil.copy(Path(__file__), other)
    with pytest.raises(InputError, match="this is no OMOP database"):
        OmopCohort(other)
    with pytest.raises(InputError, match="no such file"):
        OmopCohort(tmp_path / "nowhere")
