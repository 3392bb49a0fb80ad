"""OMOP tables grouped by person in Spark hold the facts that one machine finds in the same tables."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from caveat.adapters.cohort.omop import OmopCohort
from caveat.adapters.spark import omop
from caveat.adapters.spark.built import Built
from caveat.adapters.spark.tables import tables_among
from caveat.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def _alone(folder: Path, rules: Any) -> tuple[dict[str, Any], list[str], int]:
    """Patients by id, codes of what was set aside, and how many entered, on one machine."""
    known = rules.terminology.observation_for
    cohort = OmopCohort(folder, bound=lambda code: known(code) is not None)
    with tempfile.TemporaryDirectory() as work:
        cohort.prepare(Path(work), lambda sentence: None)
        chunks = [chunk for part in range(cohort.parts()) for chunk in cohort.read(part)]
        rows = {row["id"]: row for chunk in chunks for row in chunk.batch.to_pylist()}
        codes = sorted(one.reject.code for chunk in chunks for one in chunk.rejected)
        return rows, codes, sum(chunk.entered for chunk in chunks)


def _same(built: Built, folder: Path, rules: Any) -> list[dict[str, Any]]:
    """Asserts that patients are the same, and gives the rejects."""
    expected, codes, entered = _alone(folder, rules)
    found = {row["id"]: row for row in built.patients.toArrow().to_pylist()}
    assert sorted(found) == sorted(expected)
    for name, row in expected.items():
        assert json.loads(json.dumps(found[name])) == json.loads(json.dumps(row)), name
    rejects = [row.asDict() for row in built.rejects.collect()]
    assert {row["code"] for row in rejects} == set(codes)
    assert built.records == entered
    return rejects


def test_persons_of_a_folder_with_a_vocabulary(
    spark: SparkSession, rules: Any, fixtures_dir: Path, tmp_path: Path
) -> None:
    folder = fixtures_dir / "omop/stories"
    work = str(tmp_path / "rows")
    built = omop(spark, str(folder), work=work, terminology=rules.terminology, partitions=2)
    rejects = _same(built, folder, rules)
    assert not [row for row in rejects if "caveat-omop-" in row["file"]]
    assert built.about["vocabulary"]["present"]
    assert built.about["patients"] == built.patients.count()
    assert built.about["unmapped"]["drugs"]["rows"] > 3


def test_damaged_tables_without_a_vocabulary_as_one_partition(
    spark: SparkSession, rules: Any, fixtures_dir: Path, tmp_path: Path
) -> None:
    """Names in capitals, packed files, and a line that cannot be taken apart."""
    folder = tmp_path / "cdm"
    folder.mkdir()
    for file in (fixtures_dir / "omop/no-vocabulary").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with (folder / "CONDITION_OCCURRENCE.csv").open("a", encoding="utf-8") as opened:
        opened.write("1,2\n")
    built = omop(spark, str(folder), work=str(tmp_path / "rows"), terminology=rules.terminology, partitions=1)
    rejects = _same(built, folder, rules)
    broken = next(row for row in rejects if row["code"] == "csv-line")
    assert (broken["value"], broken["field"], broken["patient"]) == ("1,2", "condition_occurrence", None)
    assert any("concept is missing" in sentence for sentence in built.about["warnings"])


def test_tables_given_by_name(spark: SparkSession, rules: Any, tmp_path: Path) -> None:
    """Columns of other types and in capitals; a table that is not there is unknown, an empty one is not."""
    tables = {
        "PERSON": spark.sql(
            "SELECT 7 AS PERSON_ID, 8532 AS gender_concept_id, 1950 AS year_of_birth, 'x' AS more"
        ),
        "drug_exposure": spark.sql(
            "SELECT cast(1 AS bigint) AS drug_exposure_id, 7.0D AS person_id, 0 AS drug_concept_id, "
            "'baclofen 10 mg tablet' AS drug_source_value, date'2026-01-01' AS drug_exposure_start_date, "
            "timestamp'2026-01-01 08:00:00' AS drug_exposure_start_datetime, "
            "date'2026-02-01' AS drug_exposure_end_date"
        ),
        "condition_occurrence": spark.sql(
            "SELECT 1 AS condition_occurrence_id, 7 AS person_id, 0 AS condition_concept_id"
        ).limit(0),
    }
    built = omop(spark, tables, work=str(tmp_path / "rows"), terminology=rules.terminology)
    (row,) = built.patients.toArrow().to_pylist()
    assert (row["id"], row["sex"], row["birth_date"]) == ("7", "female", "1950")
    assert [order["text"] for order in row["orders"]] == ["baclofen 10 mg tablet"]
    assert row["observations"] is None
    with pytest.raises(InputError, match="no table person with a column person_id"):
        omop(spark, {"death": tables["PERSON"]}, work=str(tmp_path / "none"))


def test_files_are_told_by_the_names_of_tables() -> None:
    files = [
        "file:/d/PERSON.CSV",
        "file:/d/drug_exposure/part-0.parquet",
        "file:/d/death.parquet/part-0.snappy.parquet",
        "file:/d/person/_SUCCESS",
        "file:/d/notes.csv",
        "file:/d/visit_occurrence.csv.gz",
    ]
    assert tables_among(files) == {
        "person": [files[0]],
        "drug_exposure": [files[1]],
        "death": [files[2]],
        "visit_occurrence": [files[5]],
    }


def test_eras_stand_in_for_an_empty_table(spark: SparkSession, rules: Any, tmp_path: Path) -> None:
    tables = {
        "person": spark.sql("SELECT 7 AS person_id, 1950 AS year_of_birth"),
        "drug_exposure": spark.sql("SELECT 1 AS person_id, 0 AS drug_concept_id").limit(0),
        "drug_era": spark.sql("SELECT 1 AS drug_era_id, 7 AS person_id, 5 AS drug_concept_id"),
    }
    built = omop(spark, tables, work=str(tmp_path / "rows"), terminology=rules.terminology)
    (row,) = built.patients.toArrow().to_pylist()
    assert [order["codes"][0]["code"] for order in row["orders"]] == ["5"]
    assert any("orders are taken from drug_era" in sentence for sentence in built.about["warnings"])
