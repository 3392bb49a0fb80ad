"""The part of the site's vocabulary that the tables use: codes and names, ingredients, strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caveat.adapters.omop import typed
from caveat.adapters.omop.source import Tables

if TYPE_CHECKING:
    import duckdb


def copy(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Writes `work.concept`, `work.ingredient` and `work.strength`; empty without a vocabulary."""
    _ancestors(con, tables)
    _strengths(con, tables)
    _concepts(con, tables)
    con.execute(
        """
        CREATE OR REPLACE TABLE work.ingredient AS
        SELECT a.descendant_concept_id AS concept_id,
               list(c.name ORDER BY c.concept_id) FILTER (c.class = 'Ingredient') AS names
        FROM (SELECT DISTINCT * FROM work.ancestor) a
        LEFT JOIN work.concept c ON c.concept_id = a.ancestor_concept_id
        GROUP BY 1
        HAVING bool_and(c.concept_id IS NOT NULL) AND count(*) FILTER (c.class = 'Ingredient') > 0
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TABLE work.strength AS
        SELECT s.concept_id,
               CASE WHEN s.amount > 0 THEN s.amount ELSE s.over / coalesce(s.under, 1) END AS amount,
               CASE WHEN s.amount > 0 THEN a.code
                    WHEN d.code LIKE '{%' OR d.code = '1' THEN n.code
                    ELSE n.code || '/' || d.code END AS unit
        FROM work.strengths s
        LEFT JOIN work.concept a ON a.concept_id = s.amount_unit AND a.vocabulary = 'UCUM'
        LEFT JOIN work.concept n ON n.concept_id = s.over_unit AND n.vocabulary = 'UCUM'
        LEFT JOIN work.concept d ON d.concept_id = s.under_unit AND d.vocabulary = 'UCUM'
        WHERE s.ingredients = 1 AND (s.amount > 0 OR (s.over > 0 AND coalesce(s.under, 1) > 0))
          AND (s.amount > 0 OR (n.code NOT LIKE '%/%' AND d.code NOT LIKE '%/%'))
        """
    )


def _ancestors(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    if "concept_ancestor" in tables and "concept" in tables:
        table = tables["concept_ancestor"]
        con.execute(
            f"CREATE OR REPLACE TABLE work.ancestor AS SELECT * FROM "
            f"(SELECT {typed.columns(table)} FROM {table.relation}) "
            "WHERE ancestor_concept_id IS NOT NULL AND descendant_concept_id IN "
            "(SELECT concept_id FROM work.drug_kind_key WHERE concept_id <> 0)"
        )
    else:
        con.execute(
            "CREATE OR REPLACE TABLE work.ancestor (ancestor_concept_id BIGINT, descendant_concept_id BIGINT)"
        )


def _strengths(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Each medicine's one strength; of several ingredients none can be said to be the strength."""
    if "drug_strength" in tables and "concept" in tables:
        table = tables["drug_strength"]
        rows = (
            f"(SELECT {typed.columns(table)} FROM {table.relation}) WHERE invalid_reason IS NULL AND "
            "drug_concept_id IN (SELECT concept_id FROM work.drug_kind_key WHERE concept_id <> 0)"
        )
    else:
        rows = (
            "(SELECT 0 AS drug_concept_id, 0 AS ingredient_concept_id, 0.0 AS amount_value, "
            "0 AS amount_unit_concept_id, 0.0 AS numerator_value, 0 AS numerator_unit_concept_id, "
            "0.0 AS denominator_value, 0 AS denominator_unit_concept_id) WHERE false"
        )
    con.execute(
        f"""
        CREATE OR REPLACE TABLE work.strengths AS
        SELECT drug_concept_id AS concept_id, count(*) AS ingredients,
               min(amount_value) AS amount, min(amount_unit_concept_id) AS amount_unit,
               min(numerator_value) AS over, min(numerator_unit_concept_id) AS over_unit,
               min(denominator_value) AS under, min(denominator_unit_concept_id) AS under_unit
        FROM {rows} GROUP BY 1
        """
    )


def _concepts(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    used = [
        f"SELECT {column} FROM work.{keys}_key"
        for keys, columns in {
            "drug_kind": ("concept_id", "source_id", "route_id"),
            "condition_kind": ("concept_id", "source_id", "status_concept_id"),
            "procedure_kind": ("concept_id", "source_id"),
            "result_kind": ("concept_id", "source_id"),
            "unit_kind": ("unit_concept_id",),
        }.items()
        for column in columns
    ]
    used += [
        f"SELECT DISTINCT value_as_concept_id FROM work.{table}"
        for table in ("measurement", "observation")
        if table in tables
    ]
    used.append("SELECT ancestor_concept_id FROM work.ancestor")
    used += [f"SELECT {unit} FROM work.strengths" for unit in ("amount_unit", "over_unit", "under_unit")]
    if "concept" not in tables:
        con.execute(
            "CREATE OR REPLACE TABLE work.concept "
            "(concept_id BIGINT, name VARCHAR, vocabulary VARCHAR, class VARCHAR, code VARCHAR)"
        )
        return
    table = tables["concept"]
    con.execute(
        f"CREATE OR REPLACE TABLE work.concept AS SELECT concept_id, concept_name AS name, "
        f"vocabulary_id AS vocabulary, concept_class_id AS class, concept_code AS code "
        f"FROM (SELECT {typed.columns(table)} FROM {table.relation}) "
        f"WHERE concept_id <> 0 AND concept_id IN ({' UNION '.join(used)}) "
        "QUALIFY row_number() OVER (PARTITION BY concept_id ORDER BY concept_code, vocabulary_id) = 1"
    )
