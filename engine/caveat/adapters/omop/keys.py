"""The combinations of codes and source values that occur in the tables, joined to the site's vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.omop import kinds
from caveat.adapters.omop.source import Tables

if TYPE_CHECKING:
    import duckdb

_BLOCK: Final = 20_000
Read = Callable[[dict[str, Any]], dict[str, Any]]
"""What is made of one combination, with the codes and names of its concepts."""

CODE: Final = 'STRUCT("system" VARCHAR, code VARCHAR, display VARCHAR)'


@dataclass(frozen=True, slots=True)
class Keys:
    """One kind of combination: which columns make it, which of them are concepts, what is made of it.

    `tables` are where it occurs; `parts` the columns of the key as `name: (table -> column)`, integers
    when they end in `_id`. `joined` names the concepts whose code, vocabulary and name are needed.
    """

    name: str
    tables: tuple[str, ...]
    parts: dict[str, str]
    joined: dict[str, str]
    read: Read
    made: dict[str, str]


DRUGS: Final = Keys(
    "drug_kind",
    ("drug_exposure",),
    {
        "concept_id": "drug_concept_id",
        "source_id": "drug_source_concept_id",
        "source_value": "drug_source_value",
        "route_id": "route_concept_id",
        "route_source_value": "route_source_value",
        "type_concept_id": "drug_type_concept_id",
        "stop_reason": "stop_reason",
    },
    {"concept": "concept_id", "source": "source_id", "route": "route_id"},
    kinds.drug,
    {
        "codes": f"{CODE}[]",
        "text": "VARCHAR",
        "ingredients": "VARCHAR[]",
        "route": "VARCHAR",
        "strength": "DOUBLE",
        "strength_unit": "VARCHAR",
        "origin": "VARCHAR",
        "tapered": "BOOLEAN",
        "ended": "BOOLEAN",
        "mapped": "BOOLEAN",
    },
)
_ALLERGY: Final = {"is_allergy": "BOOLEAN", "allergen": "VARCHAR", "allergy_type": "VARCHAR"}
CONDITIONS: Final = Keys(
    "condition_kind",
    ("condition_occurrence",),
    {
        "concept_id": "condition_concept_id",
        "source_id": "condition_source_concept_id",
        "source_value": "condition_source_value",
        "status_concept_id": "condition_status_concept_id",
        "status_source_value": "condition_status_source_value",
    },
    {"concept": "concept_id", "source": "source_id", "status": "status_concept_id"},
    kinds.condition,
    {
        "codes": f"{CODE}[]",
        "text": "VARCHAR",
        "verification": "VARCHAR",
        "mapped": "BOOLEAN",
        **_ALLERGY,
    },
)
PROCEDURES: Final = Keys(
    "procedure_kind",
    ("procedure_occurrence",),
    {
        "concept_id": "procedure_concept_id",
        "source_id": "procedure_source_concept_id",
        "source_value": "procedure_source_value",
    },
    {"concept": "concept_id", "source": "source_id"},
    kinds.procedure,
    {"codes": f"{CODE}[]", "text": "VARCHAR", "dialysis": "BOOLEAN", "bare": "BOOLEAN"},
)
RESULTS: Final = Keys(
    "result_kind",
    ("measurement", "observation"),
    {
        "concept_id": "{}_concept_id",
        "source_id": "{}_source_concept_id",
        "source_value": "{}_source_value",
    },
    {"concept": "concept_id", "source": "source_id"},
    kinds.result,
    {"codes": f"{CODE}[]", "text": "VARCHAR", "mapped": "BOOLEAN", "kept": "BOOLEAN", **_ALLERGY},
)
UNITS: Final = Keys(
    "unit_kind",
    ("measurement", "observation"),
    {"unit_concept_id": "unit_concept_id", "unit_source_value": "unit_source_value"},
    {"": "unit_concept_id"},
    kinds.unit,
    {"unit": "VARCHAR", "other": "VARCHAR", "mapped": "BOOLEAN"},
)
ALL: Final = (DRUGS, CONDITIONS, PROCEDURES, RESULTS, UNITS)


def part(keys: Keys, name: str, table: str, alias: str = "") -> str:
    """The expression of one part of the key: 0 or an empty text where the row does not say."""
    column = keys.parts[name].format(table)
    return f"coalesce({alias}{column}, {0 if name.endswith('_id') else chr(39) * 2})"


def count(con: duckdb.DuckDBPyConnection, keys: Keys, tables: Tables) -> None:
    """Writes `work.<name>_key`: each combination once, numbered in a fixed order, with its rows."""
    found = [table for table in keys.tables if table in tables or (keys is DRUGS and "drug_era" in tables)]
    several = len(keys.tables) > 1 and keys is RESULTS
    names = (["is_observation"] if several else []) + list(keys.parts)
    selects = [
        "SELECT "
        + (f"{str(table == 'observation').lower()} AS is_observation, " if several else "")
        + ", ".join(f"{part(keys, name, table)} AS {name}" for name in keys.parts)
        + f", count(*) AS n FROM work.{table} GROUP BY ALL"
        for table in found
    ]
    listed = ", ".join(names)
    empty = ", ".join(
        (
            "false AS is_observation"
            if name == "is_observation"
            else f"{'0::BIGINT' if name.endswith('_id') else chr(39) * 2} AS {name}"
        )
        for name in names
    )
    union = " UNION ALL ".join(selects) or f"SELECT {empty}, 0 AS n WHERE false"
    con.execute(
        f"CREATE OR REPLACE TABLE work.{keys.name}_key AS "
        f"SELECT row_number() OVER (ORDER BY {listed}) AS kind, {listed}, n FROM "
        f"(SELECT {listed}, sum(n)::BIGINT AS n FROM ({union}) GROUP BY {listed})"
    )


def build(
    con: duckdb.DuckDBPyConnection, keys: Keys, read: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Writes `stage.<name>`: what `read` makes of each combination, by its number."""
    import pyarrow as pa

    columns = ", ".join(f"{name} {kind}" for name, kind in keys.made.items())
    con.execute(f"CREATE TABLE stage.{keys.name} (kind BIGINT, n BIGINT, {columns})")
    joins, more = [], []
    for which, column in keys.joined.items():
        alias = f"c_{which or 'own'}"
        joins.append(f"LEFT JOIN work.concept {alias} ON {alias}.concept_id = k.{column} AND k.{column} <> 0")
        prefix = f"{which}_" if which else ""
        more += [
            f"{alias}.code AS {prefix}code",
            f"{alias}.vocabulary AS {prefix}vocabulary",
            f"{alias}.name AS {prefix}name",
        ]
    if keys is DRUGS:
        joins.append("LEFT JOIN work.ingredient i ON i.concept_id = k.concept_id")
        joins.append("LEFT JOIN work.strength s ON s.concept_id = k.concept_id")
        more += ["i.names AS ingredients", "s.amount AS strength", "s.unit AS strength_unit"]
    cursor = con.cursor()
    cursor.execute(
        f"SELECT k.*, {', '.join(more)} FROM work.{keys.name}_key k {' '.join(joins)} ORDER BY k.kind"
    )
    names = [one[0] for one in cursor.description or ()]
    while block := cursor.fetchmany(_BLOCK):
        rows = []
        for values in block:
            row = dict(zip(names, values, strict=True))
            rows.append({"kind": row["kind"], "n": row["n"], **read(_blank(row))})
        con.register("made", pa.Table.from_pylist(rows, schema=_schema(keys)))
        con.execute(f"INSERT INTO stage.{keys.name} SELECT * FROM made")
        con.unregister("made")


def _blank(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value == "" else value for name, value in row.items()}


def _schema(keys: Keys) -> Any:
    import pyarrow as pa

    from caveat.columns.schema import code

    types = {
        "VARCHAR": pa.string(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "VARCHAR[]": pa.list_(pa.string()),
        f"{CODE}[]": pa.list_(code()),
    }
    fields = [("kind", pa.int64()), ("n", pa.int64())]
    return pa.schema(fields + [(name, types[kind]) for name, kind in keys.made.items()])
