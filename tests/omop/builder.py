"""OMOP databases in the fewest words, for tests: tables as lists of rows, written in any form."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

from caveat.adapters.cohort.base import Chunk, Rejected
from caveat.adapters.cohort.omop import OmopCohort
from caveat.adapters.omop.layout import TABLES
from caveat.adapters.omop.typed import SQL_TYPES
from caveat.columns.records import to_patient
from caveat.facts.patient import Patient

Rows = list[dict[str, Any]]

STORIES = Path(__file__).parents[2] / "fixtures" / "omop" / "stories"
BARE = STORIES.parent / "no-vocabulary"


def person(identity: int = 1, **fields: Any) -> dict[str, Any]:
    return {"person_id": identity, "gender_concept_id": 8532, "year_of_birth": 1960, **fields}


def drug(identity: int = 1, patient: int = 1, **fields: Any) -> dict[str, Any]:
    plain = {"drug_exposure_start_date": "2026-01-01", "drug_exposure_end_date": "2026-01-30"}
    return {
        "drug_exposure_id": identity,
        "person_id": patient,
        "drug_concept_id": 0,
        **plain,
        "drug_source_value": "baclofen 10 mg tablet",
        **fields,
    }


def result(identity: int = 1, patient: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "measurement_id": identity,
        "person_id": patient,
        "measurement_concept_id": 0,
        "measurement_date": "2026-01-02",
        "measurement_source_value": "2160-0",
        "value_as_number": "1.1",
        "unit_source_value": "mg/dL",
        **fields,
    }


def condition(identity: int = 1, patient: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "condition_occurrence_id": identity,
        "person_id": patient,
        "condition_concept_id": 0,
        "condition_start_date": "2020-01-01",
        "condition_source_value": "G40.909",
        **fields,
    }


def folder(path: Path, delimiter: str = ",", ending: str = ".csv", **tables: Rows) -> Path:
    """A folder of CSV with these tables; columns are those of the rows."""
    path.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (path / f"{name}{ending}").open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, columns or list(TABLES[name].columns), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    return path


def typed_tables(source: Path) -> dict[str, str]:
    """For each CSV of a folder, the SQL that reads it with the types of the CDM."""
    found = {}
    for file in sorted(source.glob("*.csv")):
        columns = file.read_text("utf-8").splitlines()[0].split(",")
        kinds = TABLES[file.stem].columns
        cells = ", ".join(
            f'CAST("{c}" AS {SQL_TYPES[kinds[c]]}) AS "{c}"' if c in kinds else f'"{c}"' for c in columns
        )
        found[file.stem] = f"SELECT {cells} FROM read_csv('{file}', all_varchar = true, header = true)"
    return found


def duckdb_file(source: Path, target: Path, schema: str = "main") -> Path:
    """The CSV tables of a folder in a DuckDB file."""
    import duckdb

    with duckdb.connect(str(target)) as con:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for name, sql in typed_tables(source).items():
            con.execute(f"CREATE TABLE {schema}.{name} AS {sql}")
    return target


def parquet_folder(source: Path, target: Path) -> Path:
    """The CSV tables of a folder as Parquet, under upper-case names."""
    import duckdb

    target.mkdir()
    with duckdb.connect() as con:
        for name, sql in typed_tables(source).items():
            con.execute(f"COPY ({sql}) TO '{target / (name.upper() + '.parquet')}' (FORMAT parquet)")
    return target


class Read:
    """Everything that a database gives, read through the door."""

    def __init__(self, path: str | Path, **settings: Any) -> None:
        self.cohort = OmopCohort(path, **settings)
        with tempfile.TemporaryDirectory() as work:
            self.cohort.prepare(Path(work), lambda _: None)
            self.about = self.cohort.about()
            self.said: list[str] = self.about["warnings"]
            self.chunks: list[Chunk] = [
                chunk for part in range(self.cohort.parts()) for chunk in self.cohort.read(part)
            ]
        for chunk in self.chunks:
            chunk.batch.validate(full=True)
            met = chunk.batch.num_rows + sum(one.patient is not None for one in chunk.rejected)
            assert chunk.entered == met, "every record that was met is a patient or a reject"

    @property
    def patients(self) -> list[Patient]:
        return [to_patient(chunk.batch, row) for chunk in self.chunks for row in range(chunk.batch.num_rows)]

    @property
    def rejected(self) -> list[Rejected]:
        return [one for chunk in self.chunks for one in chunk.rejected]

    def codes(self) -> list[str]:
        return [one.reject.code for one in self.rejected]

    @property
    def one(self) -> Patient:
        (patient,) = self.patients
        return patient
