"""What the manifest and the report say of the database: counts, and shares that could not be mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.omop.layout import CLINICAL
from caveat.adapters.omop.place import Place
from caveat.adapters.omop.source import Tables

if TYPE_CHECKING:
    import duckdb

_EXAMPLES: Final = 20
_NO_VALUE: Final = "number IS NULL AND answer IS NULL AND words IS NULL"
_LISTS: Final = {
    "drug_exposure": "orders",
    "condition_occurrence": "conditions",
    "procedure_occurrence": "dialysis procedures",
    "measurement": "measurements",
    "observation": "observations and allergies",
    "death": "deaths",
}


_EXPECTED: Final = ("drug_exposure", "condition_occurrence", "measurement")
"""Tables that no database with patients leaves empty on purpose."""


def about(con: duckdb.DuckDBPyConnection, tables: Tables, place: Place) -> dict[str, Any]:
    """Counts by table, unmapped shares, rows set aside, and `warnings` in words."""
    rows: dict[str, Any] = {
        name: _one(con, f"SELECT count(*) FROM work.{name}")
        for name in tables.usable
        if name in CLINICAL and name != "visit_occurrence"
    }
    rows |= {name: why for name, why in tables.absent.items() if name in CLINICAL and name not in rows}
    if "drug_exposure" in tables:
        rows.pop("drug_era", None)
    rows.pop("visit_occurrence", None)
    unnumbered = _one(con, "SELECT count(*) FROM work.person WHERE person_id IS NULL") + _one(
        con, "SELECT count(*) FROM stage.fault WHERE code = 'csv-line' AND person IS NOT NULL"
    )
    further = _one(con, "SELECT sum(rows - 1) FROM stage.patient")
    found: dict[str, Any] = {
        "format": "OMOP CDM",
        "database": place.label,
        **_versions(con, tables),
        "patients": _one(con, "SELECT count(*) FROM stage.patient"),
        "patient_records_rejected": unnumbered + further,
        "unnumbered": unnumbered,
        "rows": rows,
        "vocabulary": {
            "present": "concept" in tables,
            "ingredients": "concept_ancestor" in tables and "concept" in tables,
            "strengths": "drug_strength" in tables and "concept" in tables,
        },
        "unmapped": _unmapped(con),
        "without": {
            "orders_without_start": _one(con, "SELECT count(*) FROM stage.orders WHERE start IS NULL"),
            "orders_without_stop": _one(con, "SELECT count(*) FROM stage.orders WHERE stop IS NULL"),
            "measurements_without_value": _one(
                con, f"SELECT count(*) FROM stage.results WHERE origin = 0 AND {_NO_VALUE}"
            ),
            "results_without_date": _one(con, "SELECT count(*) FROM stage.results WHERE day IS NULL"),
        },
        "not_kept": {
            "observations_not_bound": _one(con, "SELECT sum(n) FROM stage.result_kind WHERE NOT kept"),
            "procedures_without_words": _one(con, "SELECT sum(n) FROM stage.procedure_kind WHERE bare"),
        },
        "set_aside": _codes(con, "fault"),
        "problems": _codes(con, "problem"),
        "drugs_from": next((name for name in ("drug_exposure", "drug_era") if name in tables), None),
    }
    return {**found, "warnings": warnings(found, tables)}


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0] or 0) if row is not None else 0


def _codes(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    return dict(con.execute(f"SELECT code, count(*) FROM stage.{table} GROUP BY 1 ORDER BY 1").fetchall())


def _versions(con: duckdb.DuckDBPyConnection, tables: Tables) -> dict[str, str | None]:
    found: dict[str, str | None] = {"cdm_version": None, "vocabulary_version": None}
    if "cdm_source" in tables:
        table = tables["cdm_source"]
        for name in found:
            if name in table.types:
                row = con.execute(f"SELECT max({name}::VARCHAR) FROM {table.relation}").fetchone()
                found[name] = row[0] if row is not None else None
    return found


_UNMAPPED: Final = {
    "drugs": ("orders", "drug_kind", "true"),
    "conditions": ("conditions", "condition_kind", "f.origin = 0"),
    "measurements": ("results", "result_kind", "f.origin = 0"),
    "observations": ("results", "result_kind", "f.origin = 1"),
}


def _unmapped(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """For each domain: rows, those without a code of a vocabulary, share, patients, commonest texts."""
    found: dict[str, Any] = {}
    for name, (facts, kind, where) in _UNMAPPED.items():
        joined = f"FROM stage.{facts} f JOIN stage.{kind} k USING (kind) WHERE {where}"
        found[name] = _share(con, joined, "NOT k.mapped", "k.text")
    found["units"] = _share(
        con,
        "FROM stage.results f JOIN work.unit_kind_key q ON q.kind = f.unit "
        "JOIN stage.unit_kind k ON k.kind = f.unit WHERE f.number IS NOT NULL",
        "NOT k.mapped",
        "coalesce(nullif(q.unit_source_value, ''), 'concept ' || q.unit_concept_id)",
    )
    return found


def _share(con: duckdb.DuckDBPyConnection, joined: str, missing: str, shown: str) -> dict[str, Any]:
    row = con.execute(
        f"SELECT count(*), count(*) FILTER ({missing}), count(DISTINCT f.n), "
        f"count(DISTINCT f.n) FILTER ({missing}) {joined}"
    ).fetchone() or (0, 0, 0, 0)
    texts = con.execute(
        f"SELECT {shown} AS text, count(*) AS rows {joined} AND {missing} "
        f"GROUP BY 1 ORDER BY rows DESC, text LIMIT {_EXAMPLES}"
    ).fetchall()
    return {
        "rows": row[0],
        "unmapped": row[1],
        "share": round(row[1] / row[0], 6) if row[0] else None,
        "patients": row[2],
        "patients_with_unmapped": row[3],
        "commonest": [{"text": text, "rows": count} for text, count in texts],
    }


def warnings(found: dict[str, Any], tables: Tables) -> list[str]:
    """What has to be said loudly of the database, a sentence each."""
    said = []
    for name, what in _LISTS.items():
        why = tables.absent.get(name)
        if name == "drug_exposure" and "drug_era" in tables:
            said.append(
                f"the table drug_exposure is {why}: orders are taken from drug_era, "
                "which has ingredients and spans only"
            )
        elif why is not None and name == "death":
            said.append(f"the table death is {why}: nobody is known to have died")
        elif why is not None:
            said.append(f"the table {name} is {why}: no {what} are known, which is not the same as none")
        elif name in _EXPECTED and found["patients"] and not found["rows"].get(name):
            said.append(f"the table {name} has no rows: no {what} are known, which is not the same as none")
    if not found["vocabulary"]["present"]:
        said.append(
            f"the table concept is {tables.absent.get('concept', 'missing')}: medicines, conditions and "
            "results are told by their source values alone; put the vocabulary beside the tables"
        )
    for name, share in found["unmapped"].items():
        if share["unmapped"]:
            said.append(_loud(name, share))
    empty, rows = found["without"]["measurements_without_value"], found["unmapped"]["measurements"]["rows"]
    if empty:
        said.append(
            f"measurements without any value: {_percent(empty, rows)} % ({empty:,} of {rows:,} rows); "
            "rules that ask for them cannot be assessed"
        )
    said += [f"{_SAID.get(code, code)}: {count:,}" for code, count in found["set_aside"].items() if count]
    return said


_SAID: Final = {
    "csv-line": "lines of CSV that could not be taken apart and were judged nowhere",
    "no-person-id": "persons without an id that can be read, not judged",
    "orphan-rows": "tables with rows of persons that are not there; those rows were not judged",
    "same-patient": "further rows of person with an id that is taken",
    "unreadable": "cells that could not be read and were not used; their patients are not clear",
}
_CONSEQUENCE: Final = {
    "drugs": "each is recognised by its text or reported as unrecognised, never left out",
    "conditions": "each is kept under its text; what is not recognised leaves rules that ask for it open",
    "measurements": "each is kept under its text, which few rules can use",
    "observations": "each is kept under its text, which few rules can use",
    "units": "their values are not compared with any limit",
}


def _loud(name: str, share: dict[str, Any]) -> str:
    return (
        f"UNMAPPED {name}: {_percent(share['unmapped'], share['rows'])} % "
        f"({share['unmapped']:,} of {share['rows']:,} rows, {share['patients_with_unmapped']:,} of "
        f"{share['patients']:,} patients) have no code of a vocabulary; {_CONSEQUENCE[name]}"
    )


def _percent(part: int, whole: int) -> str:
    """With one decimal, and never rounded to none or to all."""
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "under 0.1"
    return "over 99.9" if 99.9 < percent < 100 else f"{percent:.1f}"
