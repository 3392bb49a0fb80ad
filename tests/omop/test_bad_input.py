"""Bad databases: said with their place, nothing lost, the rest unharmed."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest

import caveat
from caveat.adapters.cohort.omop import OmopCohort
from caveat.errors import InputError
from omop.builder import Read, condition, drug, duckdb_file, folder, person, result


def test_no_person_table(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", drug_exposure=[drug()], condition_occurrence=[condition()])
    with pytest.raises(InputError) as caught:
        OmopCohort(path)
    assert str(caught.value) == (
        f"{path} @ person: no table person: without it there are no patients. "
        "Looked for person with any of .csv, .csv.gz, .tsv, .tsv.gz, .parquet, in any case"
    )


def test_a_database_without_a_person_table(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(tmp_path / "x.duckdb")) as con:
        con.execute("CREATE TABLE drug_exposure (person_id INTEGER, drug_concept_id INTEGER)")
    with pytest.raises(InputError, match="no table person"):
        Read(tmp_path / "x.duckdb")


def test_a_person_table_without_ids(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[{"subject": 1}], drug_exposure=[drug()])
    with pytest.raises(InputError) as caught:
        Read(path)
    assert str(caught.value) == (
        f"{path / 'person.csv'} @ person.person_id: the table person is not usable: no column person_id. "
        "The first line of a CSV file names its columns"
    )


def test_missing_tables_are_unknown_lists_and_said(tmp_path: Path) -> None:
    read = Read(folder(tmp_path / "cdm", person=[person()], death=[]))
    patient = read.one
    assert (patient.orders, patient.conditions, patient.observations, patient.allergies) == (None,) * 4
    assert (
        "the table drug_exposure is missing: no orders are known, which is not the same as none" in read.said
    )
    assert not caveat.screen(patient, caveat.load(), as_of="2026-01-15").is_clear


def test_a_table_without_a_needed_column_is_said(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "cdm", person=[person()], drug_exposure=[{"drug_exposure_id": 1, "drug_concept_id": 0}]
    )
    read = Read(path)
    assert read.one.orders is None
    assert read.about["rows"]["drug_exposure"] == "not usable: no column person_id"


def test_few_columns_are_enough(tmp_path: Path) -> None:
    bare = {"person_id": 1, "drug_concept_id": 0, "drug_source_value": "baclofen"}
    read = Read(folder(tmp_path / "cdm", person=[{"person_id": 1}], drug_exposure=[bare, bare]))
    assert [(o.id, o.text, o.start) for o in read.one.orders or ()] == [
        ("row#1", "baclofen", None),
        ("row#2", "baclofen", None),
    ]


def test_empty_tables(tmp_path: Path) -> None:
    read = Read(folder(tmp_path / "cdm", person=[], drug_exposure=[], measurement=[], concept=[]))
    assert read.patients == []
    assert read.about["patients"] == 0
    assert read.about["unmapped"]["drugs"]["share"] is None


def test_an_empty_file_is_not_usable(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person()])
    (path / "measurement.csv").write_bytes(b"")
    assert Read(path).about["rows"]["measurement"].startswith("not usable")


def test_wrong_types_are_set_aside_and_the_patient_is_not_clear(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "cdm",
        person=[person(1), person(2)],
        drug_exposure=[
            drug(1, 1, drug_exposure_start_date="soon", days_supply="30.5"),
            drug(2, 2),
        ],
        measurement=[result(7, 1, value_as_number="a lot"), result(8, 2, value_as_number="nan")],
    )
    read = Read(path)
    one, two = read.patients
    assert [str(r.reject) for r in read.rejected] == [
        f"{path / 'drug_exposure.csv'} @ drug_exposure/1.days_supply: this cannot be read as a whole number; "
        "it was not used (found 30.5)",
        f"{path / 'drug_exposure.csv'} @ drug_exposure/1.drug_exposure_start_date: this cannot be read as "
        "a date of 1800 to 2300; it was not used (found soon)",
        f"{path / 'measurement.csv'} @ measurement/7.value_as_number: this cannot be read as "
        "a number that a measurement can have; it was not used (found a lot)",
    ]
    assert {p.path for p in one.problems} == {
        "drug_exposure/1.days_supply",
        "drug_exposure/1.drug_exposure_start_date",
        "measurement/7.value_as_number",
    }
    assert (one.orders or ())[0].start is None
    assert (one.observations or ())[0].value is None
    assert not two.problems
    assert (two.observations or ())[0].value is None


def test_lines_that_cannot_be_taken_apart(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person(i) for i in range(1, 5)], drug_exposure=[drug()])
    lines = (path / "person.csv").read_bytes().splitlines()
    lines[2] += b",too,many"
    lines[4] = lines[4].replace(b"1960", b"\xff\xfe")
    (path / "person.csv").write_bytes(b"\n".join(lines) + b"\n")
    read = Read(path)
    assert [p.id for p in read.patients] == ["1", "3"]
    assert [(r.reject.code, r.reject.line, r.patient) for r in read.rejected] == [
        ("csv-line", 3, "line 3"),
        ("csv-line", 5, "line 5"),
    ]
    assert "lines of CSV that could not be taken apart and were judged nowhere: 2" in read.said


def test_ids_that_are_none(tmp_path: Path) -> None:
    rows = [person(1), person(2, person_id="abc"), person(3, person_id=""), person(4, person_id="4.0")]
    read = Read(folder(tmp_path / "cdm", person=rows, drug_exposure=[]))
    assert [p.id for p in read.patients] == ["1", "4"]
    assert sorted((r.reject.code, str(r.patient)) for r in read.rejected) == [
        ("no-person-id", "(none)"),
        ("no-person-id", "abc"),
    ]


def test_one_id_for_two_persons(tmp_path: Path) -> None:
    rows = [person(1, year_of_birth=1960), person(1, year_of_birth=1990), person(2)]
    read = Read(folder(tmp_path / "cdm", person=rows, drug_exposure=[drug(1, 1)]))
    first, _ = read.patients
    assert first.birth_date is None
    assert first.sex == "female"
    assert first.orders is not None
    assert [p.code for p in first.problems] == ["same-patient"]
    assert [(r.reject.code, r.patient) for r in read.rejected] == [("same-patient", "1")]


def test_rows_of_no_person_are_counted(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person(1)], drug_exposure=[drug(1, 1), drug(2, 77), drug(3, 78)])
    read = Read(path)
    assert [o.id for o in read.one.orders or ()] == ["1"]
    (orphans,) = read.rejected
    assert orphans.patient is None
    assert str(orphans.reject) == (
        f"{path / 'drug_exposure.csv'} @ drug_exposure.person_id: 2 rows of drug_exposure belong to no row "
        "of person and were not judged (found for example 77)"
    )


def test_one_id_for_two_orders(tmp_path: Path) -> None:
    read = Read(folder(tmp_path / "cdm", person=[person()], drug_exposure=[drug(5), drug(5), drug(6)]))
    assert [o.id for o in read.one.orders or ()] == ["5", "5#2", "6"]


def test_dates_that_cannot_be(tmp_path: Path) -> None:
    rows = [
        drug(1, drug_exposure_start_date="2026-02-01", drug_exposure_end_date="2026-01-01"),
        drug(2, drug_exposure_end_date="9999-12-31"),
        drug(3, drug_exposure_end_date="2099-12-31"),
        drug(4, drug_exposure_start_date="0001-01-01"),
        drug(5, drug_exposure_start_date="20260105", drug_exposure_end_date="2026-01-09 00:00:00"),
        drug(6, drug_exposure_start_date="2155-02-01", drug_exposure_end_date="2155-03-01"),
    ]
    patient = Read(folder(tmp_path / "cdm", person=[person()], drug_exposure=rows)).one
    spans = {o.id: (o.start and o.start.text, o.stop and o.stop.text) for o in patient.orders or ()}
    assert spans == {
        "1": ("2026-02-01", None),
        "2": ("2026-01-01", None),
        "3": ("2026-01-01", "2099-12-31"),
        "4": (None, "2026-01-30"),
        "5": ("2026-01-05", "2026-01-09"),
        "6": ("2155-02-01", "2155-03-01"),
    }
    assert {(p.code, p.path) for p in patient.problems} == {
        ("impossible-value", "drug_exposure/1"),
        ("unreadable", "drug_exposure/4.drug_exposure_start_date"),
    }
    assert "stop 2026-01-01 lies before start 2026-02-01" in {p.message for p in patient.problems}


@pytest.mark.parametrize(
    ("fields", "birth", "wrong"),
    [
        ({"year_of_birth": 1960, "month_of_birth": 2, "day_of_birth": 30}, "1960-02", ["day_of_birth"]),
        ({"year_of_birth": 1960, "month_of_birth": 13}, "1960", ["month_of_birth"]),
        ({"year_of_birth": 1700}, None, ["year_of_birth"]),
        ({"year_of_birth": "", "birth_datetime": "1971-05-06 00:00:00"}, "1971-05-06", []),
        ({"year_of_birth": 1960, "month_of_birth": "", "day_of_birth": 4}, "1960", []),
        ({"year_of_birth": 2199, "month_of_birth": 1, "day_of_birth": 1}, "2199-01-01", []),
    ],
)
def test_births(tmp_path: Path, fields: dict[str, object], birth: str | None, wrong: list[str]) -> None:
    path = folder(tmp_path / "cdm", person=[person(1, **fields)], drug_exposure=[drug()])
    patient = Read(path).one
    assert (patient.birth_date and patient.birth_date.text) == birth
    assert [p.path for p in patient.problems] == [f"person/1.{name}" for name in wrong]


@pytest.mark.parametrize(
    ("concept", "source", "sex"),
    [(8507, "F", "male"), (0, "M", "male"), ("", "female", "female"), (8521, "M", None), (0, "x", None)],
)
def test_sexes(tmp_path: Path, concept: object, source: str, sex: str | None) -> None:
    row = person(1, gender_concept_id=concept, gender_source_value=source)
    assert Read(folder(tmp_path / "cdm", person=[row], drug_exposure=[])).one.sex == sex


@pytest.mark.parametrize(
    ("operator", "number", "words", "shown"),
    [
        (4171756, "0.3", "0.3", "<0.3 mg/dL"),
        (4171754, "0.3", "", "<=0.3 mg/dL"),
        (4171755, "9", "", ">=9 mg/dL"),
        (4172704, "9", "", ">9 mg/dL"),
        (4172703, "9", "9", "9 mg/dL"),
        (0, "9", ">9", ">9 mg/dL"),
        (0, "9", ">10", "9 mg/dL"),
        ("", "", "<= 0.5", "<=0.5 mg/dL"),
        ("", "", "-3", "-3 mg/dL"),
        ("", "", "haemolysed", "None"),
        (4171756, "", "", "None"),
        (12345, "9", "", "None"),
    ],
)
def test_operators(tmp_path: Path, operator: object, number: str, words: str, shown: str) -> None:
    row = result(1, operator_concept_id=operator, value_as_number=number, value_source_value=words)
    patient = Read(folder(tmp_path / "cdm", person=[person()], measurement=[row])).one
    (found,) = patient.observations or ()
    assert str(found.value) == shown
    assert [p.code for p in patient.problems] == (["comparator"] if operator == 12345 else [])
    assert (found.answer and found.answer.text) == ("haemolysed" if words == "haemolysed" else None)


def test_eras_where_there_are_no_exposures(tmp_path: Path) -> None:
    era = {"drug_era_id": 9, "person_id": 1, "drug_concept_id": 5}
    era |= {"drug_era_start_date": "2026-01-01", "drug_era_end_date": "2026-01-01"}
    concept = {"concept_id": 5, "concept_name": "baclofen", "vocabulary_id": "RxNorm", "concept_code": "1292"}
    read = Read(folder(tmp_path / "cdm", person=[person()], drug_era=[era], concept=[concept]))
    (order,) = read.one.orders or ()
    assert (order.text, order.source, order.origin) == ("baclofen", "drug_era/9", None)
    assert order.stop is not None
    assert any("orders are taken from drug_era" in said for said in read.said)


def test_eras_are_not_read_beside_exposures(tmp_path: Path) -> None:
    era = {"drug_era_id": 9, "person_id": 1, "drug_concept_id": 5}
    read = Read(folder(tmp_path / "cdm", person=[person()], drug_era=[era], drug_exposure=[drug(1)]))
    assert [o.source for o in read.one.orders or ()] == ["drug_exposure/1"]


def test_an_ingredient_that_the_vocabulary_lacks_is_not_left_out(tmp_path: Path) -> None:
    concepts = [
        {
            "concept_id": 5,
            "concept_name": "xyzzium and baclofen tablet",
            "vocabulary_id": "Site",
            "concept_code": "S",
        },
        {"concept_id": 6, "concept_name": "baclofen", "vocabulary_id": "RxNorm", "concept_code": "1292"},
    ]
    for concept in concepts:
        concept["concept_class_id"] = "Ingredient" if concept["concept_id"] == 6 else "Clinical Drug"
    ancestors = [{"ancestor_concept_id": one, "descendant_concept_id": 5} for one in (5, 6, 7)]
    path = folder(
        tmp_path / "cdm",
        person=[person()],
        drug_exposure=[drug(1, drug_concept_id=5, drug_source_value="")],
        concept=concepts,
        concept_ancestor=ancestors,
    )
    patient = Read(path).one
    assert (patient.orders or ())[0].ingredients is None  # 7 may be a second ingredient
    report = caveat.screen(patient, caveat.load(), as_of="2026-01-15")
    assert [one.text for one in report.unrecognised] == ["xyzzium and baclofen tablet"]


def test_a_packed_file_under_a_plain_name(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person()], drug_exposure=[drug()])
    plain = path / "drug_exposure.csv"
    plain.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(Read(path).one.orders or ()) == 1


def test_a_byte_order_mark_and_odd_cells(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person()], drug_exposure=[drug(1, stop_reason='a, "b"\nc')])
    for name in ("person.csv", "drug_exposure.csv"):
        (path / name).write_bytes(b"\xef\xbb\xbf" + (path / name).read_bytes())
    read = Read(path)
    assert read.one.id == "1"
    assert [o.id for o in read.one.orders or ()] == ["1"]


def test_the_same_table_twice(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person()])
    (path / "PERSON.csv.gz").write_bytes(gzip.compress((path / "person.csv").read_bytes()))
    with pytest.raises(InputError, match="the table person is there more than once"):
        OmopCohort(path)


def test_a_broken_duckdb_file(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 5000)
    with pytest.raises(InputError, match="the DuckDB file cannot be opened"):
        Read(path)


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person()])
    (path / "drug_exposure.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match="the Parquet file cannot be read"):
        Read(path)


def test_two_schemas(tmp_path: Path) -> None:
    import duckdb

    path = duckdb_file(folder(tmp_path / "cdm", person=[person()]), tmp_path / "x.duckdb", "one")
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA two; CREATE TABLE two.person AS FROM one.person")
    with pytest.raises(InputError, match="the table person is in several schemas: one, two"):
        Read(path)


def test_prepared_once_and_picked_up_elsewhere(tmp_path: Path) -> None:
    path = folder(tmp_path / "cdm", person=[person(i) for i in range(1, 9)], drug_exposure=[drug(1, 3)])
    cohort = OmopCohort(path)
    work = tmp_path / "work"
    cohort.prepare(work, lambda _: None)
    stage = work / "omop" / "omop.duckdb"
    before = stage.stat().st_mtime_ns
    again = OmopCohort(path)
    (work / "omop" / "omop.duckdb.part").write_bytes(b"half a file of a run that was killed")
    again.prepare(work, lambda _: None)
    assert stage.stat().st_mtime_ns == before
    copy = pickle.loads(pickle.dumps(cohort))
    batches = [[c.batch for c in one.read(0)] for one in (cohort, again, copy)]
    assert batches[0] == batches[1] == batches[2]
    stage.unlink()
    again.prepare(work, lambda _: None)
    assert [c.batch for c in again.read(0)] == batches[0]


def test_inputs_have_hashes(tmp_path: Path) -> None:
    import hashlib

    path = folder(tmp_path / "cdm", person=[person()], drug_exposure=[drug()])
    found = OmopCohort(path).inputs()
    assert [(one.path, one.sha256) for one in found] == [
        (str(path / name), hashlib.sha256((path / name).read_bytes()).hexdigest())
        for name in ("drug_exposure.csv", "person.csv")
    ]


@pytest.mark.parametrize("kind", ["HUGEINT", "UBIGINT", "DECIMAL(18,0)", "DOUBLE", "VARCHAR", "SMALLINT"])
def test_ids_of_any_type(tmp_path: Path, kind: str) -> None:
    import duckdb

    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(
            f"CREATE TABLE PERSON (PERSON_ID {kind}, YEAR_OF_BIRTH {kind}); "
            "INSERT INTO PERSON VALUES (7, 1960)"
        )
        con.execute(
            f"CREATE TABLE DRUG_EXPOSURE (PERSON_ID {kind}, DRUG_CONCEPT_ID {kind}, "
            "DRUG_SOURCE_VALUE VARCHAR)"
        )
        con.execute("INSERT INTO DRUG_EXPOSURE VALUES (7, 0, 'baclofen'), (7, NULL, 'diazepam')")
    patient = Read(path).one
    assert (patient.id, str(patient.birth_date)) == ("7", "1960")
    assert [o.text for o in patient.orders or ()] == ["baclofen", "diazepam"]


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "VARCHAR", "TIMESTAMP_NS", "INTEGER"])
def test_dates_of_any_type(tmp_path: Path, kind: str) -> None:
    import duckdb

    path = tmp_path / "x.duckdb"
    day = "20260105" if kind == "INTEGER" else "2026-01-05"
    with duckdb.connect(str(path)) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("CREATE TABLE person AS SELECT 1 AS person_id")
        con.execute(
            f"CREATE TABLE measurement AS SELECT 1 AS person_id, 0 AS measurement_concept_id, "
            f"CAST('{day}' AS {kind}) AS measurement_date, 3.5::FLOAT AS value_as_number, "
            "'x' AS unit_source_value"
        )
    (found,) = Read(path).one.observations or ()
    assert found.at is not None
    assert (found.at.text, str(found.value)) == ("2026-01-05", "3.5 x")


def test_a_view_is_a_table(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(
            "CREATE VIEW person AS SELECT 1 AS person_id; CREATE TABLE death AS SELECT 1 AS person_id"
        )
    assert Read(path).one.deceased is True


def test_long_and_negative_ids(tmp_path: Path) -> None:
    ids = (-775517641933593374, 3589912774911670296, 9223372036854775807)
    rows = [person(one) for one in (*ids, 99999999999999999999)]
    drugs = [drug(one, one) for one in ids]
    read = Read(folder(tmp_path / "cdm", person=rows, drug_exposure=drugs))
    assert [p.id for p in read.patients] == [str(one) for one in ids]
    assert [[o.id for o in p.orders or ()] for p in read.patients] == [[str(one)] for one in ids]
    assert [r.patient for r in read.rejected] == ["99999999999999999999"]


def test_a_vocabulary_as_it_is_downloaded(tmp_path: Path) -> None:
    """Separated by tabs, with quotation marks that quote nothing."""
    path = folder(
        tmp_path / "cdm", person=[person()], drug_exposure=[drug(1, drug_concept_id=5, drug_source_value="")]
    )
    (path / "CONCEPT.csv").write_text(
        "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tconcept_code\tvalid_start_date\n"
        '4\tan "odd" 5" name\tDrug\tRxNorm\tIngredient\t1\t19700101\n'
        '5\tbaclofen "10\tDrug\tRxNorm\tClinical Drug\t1292\t19700101\n',
        encoding="utf-8",
    )
    (order,) = Read(path).one.orders or ()
    assert (order.text, order.codes[0].code) == ('baclofen "10', "1292")


def test_not_a_number_is_the_missing_value_of_data_frames(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE person AS SELECT 1 AS person_id, 'nan'::DOUBLE AS year_of_birth")
        con.execute(
            "CREATE TABLE measurement AS SELECT 1 AS person_id, 'nan'::DOUBLE AS measurement_concept_id, "
            "unnest(['nan'::DOUBLE, 'inf'::DOUBLE]) AS value_as_number, 'x' AS measurement_source_value"
        )
    read = Read(path)
    assert [o.value for o in read.one.observations or ()] == [None, None]
    assert [r.reject.value for r in read.rejected] == ["inf"]
