"""CSV with one row a patient."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.builder import patients, rejects
from caveat.adapters import Reject, read_records
from caveat.adapters.cells import COLUMNS
from caveat.adapters.table import rows
from caveat.facts.patient import Patient

EXAMPLE = Path(__file__).parents[2] / "fixtures" / "patients" / "cohort.csv"


def read(text: str) -> list[Patient | Reject]:
    return list(rows(io.BytesIO(text.encode())))


def one(header: str, row: str) -> Patient | Reject:
    found = read(f"patient_id,{header}\nx,{row}\n")
    assert len(found) == 1
    return found[0]


def test_the_example() -> None:
    found = list(read_records([EXAMPLE]))
    assert not rejects(found)
    first, second, third, fourth = patients(found)
    assert str(first.creatinine_clearance and first.creatinine_clearance.value) == "24 mL/min"
    assert (first.allergies, first.complete.allergies) == ((), "closed")
    assert second.orders is not None
    assert [o.text for o in second.orders] == ["Lioresal 10 mg", "diazepam 5 mg"]
    assert second.orders[1].as_needed is True
    assert second.serum_creatinine is not None
    assert str(second.serum_creatinine.at) == "2026-01-05"
    assert (third.orders, third.conditions) == ((), None)
    assert fourth.orders is not None
    assert fourth.orders[0].status == "proposed"
    assert first.source == f"{EXAMPLE}:2"


def test_an_empty_cell_is_unknown_and_none_is_known_to_have_none() -> None:
    found = one("orders,conditions", "none,")
    assert isinstance(found, Patient)
    assert (found.orders, found.conditions) == ((), None)
    assert (found.complete.orders, found.complete.conditions) == ("closed", "open")


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
def test_the_header_decides_the_delimiter(mark: str) -> None:
    found = read(f"patient_id{mark}sex{mark}weight\nx{mark}F{mark}70 kg\n")
    assert isinstance(found[0], Patient)
    assert found[0].sex == "female"


def test_codes_and_words_of_an_entry() -> None:
    found = one("conditions", "icd10cm|G40.909 Epilepsy [status=active]")
    assert isinstance(found, Patient)
    assert found.conditions is not None
    assert (found.conditions[0].codes[0].code, found.conditions[0].text) == ("G40.909", "Epilepsy")
    assert found.conditions[0].clinical_status == "active"


def test_observations() -> None:
    found = one("observations", '"loinc|2160-0 = <0.3 mg/dL @ 2026-01; hiv = positive"')
    assert isinstance(found, Patient)
    assert found.observations is not None
    assert [str(o.value) for o in found.observations] == ["<0.3 mg/dL", "None"]
    assert found.observations[1].answer is not None


@pytest.mark.parametrize(
    ("header", "cell", "column"),
    [
        ("weight", "70", "weight"),
        ("weight", "heavy", "weight"),
        ("age", "70", "age"),
        ("pregnant", "maybe", "pregnant"),
        ("birth_date", "4/5/60", "birth_date"),
        ("sex", "x", "sex"),
        ("orders", "baclofen [dose=ten]", "orders[0].dose"),
        ("orders", "baclofen [dose]", "orders"),
        ("orders", "baclofen [dosis=10 mg]", "orders[0].dosis"),
        ("orders", "[dose=10 mg]", "orders"),
        ("orders", "baclofen [dose=10 mg", "orders"),
        ("orders", ";", "orders"),
        ("observations", "creatinine 1 mg/dL", "observations"),
        ("observations", "creatinine = 1,2 mg/dL", "observations"),
        ("care_setting", "moon", "care_setting"),
        ("orders_complete", "maybe", "complete.orders"),
        ("weight_at", "2026-01-01", "weight_at"),
    ],
)
def test_a_cell_that_cannot_be_read_names_line_and_column(header: str, cell: str, column: str) -> None:
    found = one(header, f'"{cell}"')
    assert isinstance(found, Reject), found
    assert (found.line, found.path) == (2, column)
    assert found.message


def test_every_bad_cell_of_a_row_is_named() -> None:
    found = one("pregnant,weight", "maybe,70")
    assert isinstance(found, Reject)
    assert found.path == "pregnant"
    assert "weight" in found.also[0]


def test_a_bad_row_does_not_cost_the_others() -> None:
    found = read("patient_id,sex\na,female\nb\nc,male,3\n,male\nd,male\n")
    assert [p.id for p in patients(found)] == ["a", "d"]
    assert [r.line for r in rejects(found)] == [3, 4, 5]


@pytest.mark.parametrize(
    "header", ["patient_id,medications", "patient_id,sex,sex", "sex,weight", "id,sex,weight"]
)
def test_an_unknown_column_stops_the_file(header: str) -> None:
    found = read(header + "\nx,y,z\n")
    assert [(r.code, r.line) for r in rejects(found)] == [("header", 1)]
    assert not patients(found)


def test_a_column_can_be_set_aside_by_name() -> None:
    assert isinstance(one("x_ward", "7"), Patient)


def test_quotes_lines_and_bytes_that_cannot_be_read() -> None:
    assert isinstance(one("orders", '"baclofen\n10 mg"'), Patient)
    unclosed = read('patient_id,orders\na,baclofen\nb,"baclofen\nc,warfarin\n')
    assert [p.id for p in patients(unclosed)] == ["a"]
    assert [(r.code, r.line) for r in rejects(unclosed)] == [("quote", 3)]
    found = list(rows(io.BytesIO(b"patient_id,orders\na,caf\xe9\nb,baclofen\n")))
    assert [p.id for p in patients(found)] == ["b"]
    assert [(r.code, r.line) for r in rejects(found)] == [("encoding", 2)]


def test_a_header_alone_is_empty() -> None:
    assert [r.code for r in rejects(read("patient_id,sex\n"))] == ["empty"]


def test_every_column_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "input.md").read_text(encoding="utf-8")
    missing = [
        name for name in COLUMNS if f"`{name}`" not in text and not name.endswith(("_at", "_complete"))
    ]
    assert not missing


@given(st.text(alphabet='x;,|"[]=@ \n0123456789mg/', max_size=60), st.sampled_from(COLUMNS[1:]))
def test_any_cell_is_a_patient_or_a_reject(cell: str, column: str) -> None:
    quoted = cell.replace('"', '""')
    found = read(f'patient_id,{column}\nfirst,"{quoted}"\nlast,\n')
    assert len(found) == 2
    assert isinstance(found[1], Patient)


def test_entries_on_lines_of_their_own_are_apart() -> None:
    """Two medicines in one order would never be judged against each other."""
    found = one("orders", '"warfarin 5 mg tablet\r\nibuprofen 400 mg [route=oral,\nstatus=active]\n"')
    assert isinstance(found, Patient)
    assert [o.text for o in found.orders or ()] == ["warfarin 5 mg tablet", "ibuprofen 400 mg"]
    assert [o.status for o in found.orders or ()] == [None, "active"]


def test_a_row_with_nul_bytes_does_not_cost_the_others(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"patient_id,sex\np1,male\np2,fe\x00male\np3,female\n")
    found = list(read_records([file]))
    assert [person.id for person in patients(found)] == ["p1", "p3"]
    assert [(r.code, r.line) for r in rejects(found)] == [("nul", 3)]
    file.write_bytes(b"\x01\x00\x00patient_id,sex\np1,male\n")
    assert [r.code for r in rejects(read_records([file]))] == ["not-a-record"]


def test_lines_that_end_as_on_an_old_mac_say_so(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"patient_id,sex\rp1,male\r")
    (found,) = rejects(read_records([file]))
    assert (found.code, found.hint) == ("row", "End lines with LF or CRLF, not with CR alone")


def test_a_marker_beside_the_parts_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "part-0.csv").write_bytes(b"patient_id,sex\np1,male\n")
    (tmp_path / "_SUCCESS").touch()
    assert [r.harmless for r in rejects(read_records([tmp_path]))] == [True]
    (tmp_path / "part-1.csv").touch()
    assert [r.harmless for r in rejects(read_records([tmp_path]))] == [True, False]


def test_a_table_of_omop_is_not_taken_for_one_with_a_row_a_patient(tmp_path: Path) -> None:
    (tmp_path / "cdm_drug_exposure.csv").write_bytes(b"drug_exposure_id,person_id,drug_concept_id\n1,2,3\n")
    (found,) = rejects(read_records([tmp_path]))
    assert (found.code, found.message) == (
        "header",
        "a table of an OMOP database, not one with a row a patient",
    )
    assert found.hint == "Name the folder that holds person.csv and the other tables, alone and with --out"
