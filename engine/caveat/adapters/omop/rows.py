"""Rows of facts by patient: orders, conditions, allergies and results, each pointing to its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from caveat.adapters.omop import keys, standard
from caveat.adapters.omop.source import Tables

if TYPE_CHECKING:
    import duckdb

LONGEST_SUPPLY: Final = 3650
"""Days of supply beyond which the number is taken for something else."""

CHUNK: Final = 200_000
"""Rows of facts (and 25 a patient) that are read at once."""

MOST_REFILLS: Final = 99
"""Refills beyond which the number is taken for something else."""

_PATIENT: Final = 25
CHUNKS_A_PART: Final = 4
_NUMBER: Final = r"^\s*(<=|>=|<|>)?\s*(-?[0-9]{1,15}(?:[.][0-9]{1,15})?)\s*$"


def write(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Writes the tables of rows, each in the order of patients and ids."""
    con.execute("CREATE TABLE stage.orders (n BIGINT, id BIGINT, kind BIGINT, start DATE, stop DATE)")
    con.execute(
        "CREATE TABLE stage.conditions "
        "(n BIGINT, origin TINYINT, id BIGINT, kind BIGINT, onset DATE, abatement DATE)"
    )
    con.execute(
        "CREATE TABLE stage.allergies (n BIGINT, origin TINYINT, id BIGINT, kind BIGINT, "
        "answer BIGINT, words VARCHAR, recorded DATE)"
    )
    con.execute(
        "CREATE TABLE stage.results (n BIGINT, origin TINYINT, id BIGINT, kind BIGINT, day DATE, "
        "unit BIGINT, number DOUBLE, comparator VARCHAR, answer BIGINT, words VARCHAR)"
    )
    for table in ("drug_exposure", "drug_era"):
        if table in tables:
            _orders(con, table)
    if "condition_occurrence" in tables:
        _conditions(con, tables)
    if "procedure_occurrence" in tables:
        _procedures(con)
    _results(con, tables)
    _answers(con)
    con.execute(
        "CREATE TABLE stage.diagnosis_kind AS "
        "SELECT kind, codes, text, verification FROM stage.condition_kind UNION ALL "
        "SELECT -kind, codes, text, NULL FROM stage.procedure_kind WHERE dialysis ORDER BY kind"
    )


def _answers(con: duckdb.DuckDBPyConnection) -> None:
    """Writes `stage.answer`: code and name of each concept that is an answer, else its number."""
    short = " ".join(f"WHEN '{name}' THEN '{system}'" for name, system in standard.SYSTEMS.items())
    con.execute(
        f"""
        CREATE TABLE stage.answer AS
        SELECT a.answer AS concept_id, c.name,
               [CASE WHEN c.concept_id IS NULL
                     THEN struct_pack("system" := 'omop', code := a.answer::VARCHAR, display := NULL::VARCHAR)
                     ELSE struct_pack("system" := CASE c.vocabulary {short} ELSE c.vocabulary END,
                                      code := c.code, display := c.name) END] AS codes
        FROM (SELECT answer FROM stage.results UNION SELECT answer FROM stage.allergies) a
        LEFT JOIN work.concept c ON c.concept_id = a.answer
        WHERE a.answer IS NOT NULL ORDER BY concept_id
        """
    )


def _on(which: keys.Keys, table: str) -> str:
    pairs = [f"k.{name} = {keys.part(which, name, table, 't.')}" for name in which.parts]
    if which is keys.RESULTS:
        pairs.append(f"k.is_observation = {str(table == 'observation').lower()}")
    return " AND ".join(pairs)


def _of(which: keys.Keys, table: str, letter: str = "k") -> str:
    on = _on(which, table).replace("k.", f"{letter}.")
    return f"JOIN work.{which.name}_key {letter} ON {on}"


def _orders(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """A stated end counts; else the latest of end, supply and refills; an end that is the start is none."""
    administered = ", ".join(str(i) for i, o in standard.ORIGIN.items() if o == "administration")
    handed_over = ", ".join(str(i) for i, o in standard.ORIGIN.items() if o in ("administration", "dispense"))
    con.execute(
        f"""
        CREATE TEMP TABLE taken AS
        SELECT p.n, t.drug_exposure_id AS id, k.kind, t.start,
               CASE WHEN t.verbatim_end_date IS NOT NULL THEN t.verbatim_end_date
                    WHEN t.stop_reason IS NOT NULL OR t.drug_type_concept_id IN ({administered}) THEN t.stop
                    WHEN t.stop = t.start AND t.supply IS NULL AND NOT t.is_era THEN NULL
                    ELSE greatest(t.stop, t.start + t.supply - 1,
                                  CASE WHEN t.again > 0 THEN t.start - 1 + least(
                                      (1 + t.again) * coalesce(t.supply, t.stop - t.start + 1),
                                      {LONGEST_SUPPLY})::INTEGER END) END AS stop
        FROM (
            SELECT *, coalesce(drug_exposure_start_date, drug_exposure_start_datetime::DATE) AS start,
                   coalesce(drug_exposure_end_date, drug_exposure_end_datetime::DATE) AS stop,
                   CASE WHEN days_supply BETWEEN 1 AND {LONGEST_SUPPLY}
                        THEN days_supply::INTEGER END AS supply,
                   CASE WHEN refills BETWEEN 1 AND {MOST_REFILLS}
                             AND coalesce(drug_type_concept_id, 0) NOT IN ({handed_over})
                        THEN refills END AS again,
                   {str(table == "drug_era").lower()} AS is_era
            FROM work.drug_exposure
        ) t JOIN stage.patient p USING (person_id) {_of(keys.DRUGS, "drug_exposure")}
        """
    )
    _keep_orders(con, table)


def _keep_orders(con: duckdb.DuckDBPyConnection, table: str) -> None:
    con.execute(
        "INSERT INTO work.problem SELECT n, "
        f"'{table}/' || coalesce(id::VARCHAR, '?'), 'impossible-value', "
        "'stop ' || stop || ' lies before start ' || start, stop::VARCHAR FROM taken WHERE stop < start"
    )
    con.execute(
        "INSERT INTO stage.orders SELECT n, id, kind, start, CASE WHEN stop < start THEN NULL ELSE stop END "
        "FROM taken ORDER BY n, id, start, kind, stop"
    )
    con.execute("DROP TABLE taken")


def _conditions(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """An end that is the start, or no later than that of its own visit, ends the entry and no disease.

    Nor is the end of an entry used that names a visit of which no end is known: it may be that end.
    """
    visit = (
        "LEFT JOIN (SELECT visit_occurrence_id, max(visit_end_date) AS visit_end FROM work.visit_occurrence "
        "WHERE visit_occurrence_id <> 0 GROUP BY 1) v USING (visit_occurrence_id)"
        if "visit_occurrence" in tables
        else "CROSS JOIN (SELECT NULL::DATE AS visit_end) v"
    )
    con.execute(
        f"""
        CREATE TEMP TABLE noted AS
        SELECT p.n, t.condition_occurrence_id AS id, k.kind, t.onset, t.stop,
               coalesce(t.stop <= t.onset OR t.stop <= v.visit_end
                        OR (t.visit_occurrence_id <> 0 AND v.visit_end IS NULL), false) AS is_entry
        FROM (
            SELECT *, coalesce(condition_start_date, condition_start_datetime::DATE) AS onset,
                   coalesce(condition_end_date, condition_end_datetime::DATE) AS stop
            FROM work.condition_occurrence
        ) t JOIN stage.patient p USING (person_id) {_of(keys.CONDITIONS, "condition_occurrence")} {visit}
        """
    )
    con.execute(
        "INSERT INTO work.problem SELECT n, 'condition_occurrence/' || coalesce(id::VARCHAR, '?'), "
        "'impossible-value', 'end ' || stop || ' lies before start ' || onset, stop::VARCHAR "
        "FROM noted WHERE stop < onset"
    )
    con.execute(
        "INSERT INTO work.note SELECT n, 'condition-end-of-entry', "
        "'ends of conditions that are only their start, or may be the end of their visit, were not used', "
        "count(*) FROM noted WHERE is_entry AND stop >= onset GROUP BY n"
    )
    con.execute(
        "INSERT INTO stage.conditions SELECT n, 0, id, kind, onset, CASE WHEN NOT is_entry THEN stop END "
        "FROM noted ORDER BY n, id, onset, kind, stop"
    )
    con.execute(
        "INSERT INTO stage.allergies SELECT o.n, 0, o.id, o.kind, NULL, NULL, o.onset FROM noted o "
        "JOIN stage.condition_kind k USING (kind) WHERE k.is_allergy ORDER BY o.n, o.id, o.onset, o.kind"
    )
    con.execute("DROP TABLE noted")


def _procedures(con: duckdb.DuckDBPyConnection) -> None:
    """Dialysis, which rules ask for as a condition; it has no end, since a session ends no treatment."""
    con.execute(
        f"""
        CREATE TEMP TABLE done AS
        SELECT p.n, t.procedure_occurrence_id AS id, k.kind, t.procedure_date AS onset
        FROM work.procedure_occurrence t JOIN stage.patient p USING (person_id)
        {_of(keys.PROCEDURES, "procedure_occurrence")}
        WHERE k.kind IN (SELECT kind FROM stage.procedure_kind WHERE dialysis)
        """
    )
    con.execute(
        "INSERT INTO stage.conditions SELECT n, 1, id, -kind, onset, NULL FROM done "
        "ORDER BY n, id, onset, kind"
    )
    con.execute(
        "INSERT INTO work.note SELECT n, 'procedure-as-condition', "
        "'dialysis recorded as a procedure was taken as a condition', count(*) FROM done GROUP BY n"
    )
    con.execute("DROP TABLE done")


def _results(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    for origin, table in enumerate(("measurement", "observation")):
        if table not in tables:
            continue
        words = "value_as_string" if table == "observation" else "value_source_value"
        operator = "operator_concept_id" if table == "measurement" else "NULL::BIGINT"
        known = ", ".join(str(i) for i in standard.OPERATORS)
        signs = " ".join(f"WHEN {i} THEN {_sql(sign)}" for i, sign in standard.OPERATORS.items())
        con.execute(
            f"""
            CREATE TEMP TABLE found AS
            SELECT p.n, t.{table}_id AS id, k.kind, u.kind AS unit, t.day,
                   coalesce(t.value_as_number, t.said[2]::DOUBLE) AS number,
                   CASE WHEN t.op <> 0 THEN CASE t.op {signs} END
                        WHEN t.value_as_number IS NULL OR t.value_as_number = t.said[2]::DOUBLE
                        THEN nullif(t.said[1], '') END AS comparator,
                   t.op <> 0 AND t.op NOT IN ({known}) AS is_odd, t.op AS operator,
                   nullif(t.value_as_concept_id, 0) AS answer,
                   CASE WHEN t.said IS NULL THEN t.wording END AS words,
                   w.other IS NOT NULL AS is_torn, w.unit AS coded, w.other AS printed
            FROM (
                SELECT *, CASE WHEN regexp_matches(wording, '{_NUMBER}')
                               THEN regexp_extract_all(wording, '{_NUMBER}', 1)
                                    || regexp_extract_all(wording, '{_NUMBER}', 2) END AS said
                FROM (
                    SELECT *, coalesce({table}_date, {table}_datetime::DATE) AS day, {words} AS wording,
                           coalesce({operator}, 0) AS op
                    FROM work.{table}
                )
            ) t JOIN stage.patient p USING (person_id)
            {_of(keys.RESULTS, table)} {_of(keys.UNITS, table, "u")}
            JOIN stage.unit_kind w ON w.kind = u.kind
            JOIN stage.result_kind r ON r.kind = k.kind AND r.kept
            """
        )
        _keep_results(con, table, origin)
        con.execute("DROP TABLE found")


def _sql(sign: str | None) -> str:
    return "NULL" if sign is None else f"'{sign}'"


def _keep_results(con: duckdb.DuckDBPyConnection, table: str, origin: int) -> None:
    where = f"'{table}/' || coalesce(id::VARCHAR, '?')"
    con.execute(
        f"INSERT INTO work.problem SELECT n, {where}, 'unit-conflict', 'the unit is coded as ' || coded || "
        "' and printed as ' || printed || '; the value was not used', number || ' ' || printed "
        "FROM found WHERE is_torn AND number IS NOT NULL"
    )
    con.execute(
        f"INSERT INTO work.problem SELECT n, {where}, 'comparator', "
        "'an operator other than <, <=, =, >=, >; the value was not used', operator::VARCHAR "
        "FROM found WHERE is_odd AND number IS NOT NULL"
    )
    con.execute(
        f"INSERT INTO stage.results SELECT n, {origin}, id, kind, day, unit, "
        "CASE WHEN NOT is_odd AND NOT is_torn THEN number END, comparator, answer, words FROM found "
        "WHERE kind NOT IN (SELECT kind FROM stage.result_kind WHERE is_allergy) "
        "ORDER BY n, id, day, kind, unit, number, comparator, answer, words"
    )
    if table == "observation":
        con.execute(
            "INSERT INTO stage.allergies SELECT n, 1, id, kind, answer, words, day FROM found "
            "WHERE kind IN (SELECT kind FROM stage.result_kind WHERE is_allergy) ORDER BY n, id, day, kind"
        )


def divide(con: duckdb.DuckDBPyConnection) -> None:
    """Writes `stage.chunk`: runs of patients with about as many rows each, some to a part."""
    counts = " UNION ALL ".join(
        f"SELECT n, count(*) AS rows FROM stage.{table} GROUP BY n"
        for table in ("orders", "conditions", "allergies", "results")
    )
    con.execute(
        f"""
        CREATE TABLE stage.chunk AS
        WITH weights AS (
            SELECT p.n, {_PATIENT} + coalesce(sum(c.rows), 0) AS weight
            FROM stage.patient p LEFT JOIN ({counts}) c USING (n) GROUP BY p.n
        ), sums AS (
            SELECT n, sum(weight) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING)::BIGINT AS total FROM weights
        ), chunks AS (
            SELECT row_number() OVER (ORDER BY total // {CHUNK}) - 1 AS chunk, min(n) AS first, max(n) AS last
            FROM sums GROUP BY total // {CHUNK}
        )
        SELECT chunk // {CHUNKS_A_PART} AS part, chunk, first, last FROM chunks ORDER BY chunk
        """
    )
