"""Patients from person and death: number, birth date, sex, deceased, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caveat.adapters.omop import standard
from caveat.adapters.omop.source import Tables
from caveat.dates import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    import duckdb

_YEAR = f"year_of_birth BETWEEN {FIRST_YEAR} AND {LAST_YEAR}"
_MONTH = "month_of_birth BETWEEN 1 AND 12"
_DAY = (
    "try_cast(printf('%04d-%02d-%02d', year_of_birth, month_of_birth, "
    "CASE WHEN day_of_birth BETWEEN 1 AND 31 THEN day_of_birth ELSE 0 END) AS DATE) IS NOT NULL"
)
_BIRTH = f"""
    CASE WHEN year_of_birth IS NULL THEN strftime(birth_datetime, '%Y-%m-%d')
         WHEN NOT {_YEAR} THEN NULL
         WHEN {_MONTH} AND {_DAY} THEN printf('%04d-%02d-%02d', year_of_birth, month_of_birth, day_of_birth)
         WHEN {_MONTH} THEN printf('%04d-%02d', year_of_birth, month_of_birth)
         ELSE printf('%04d', year_of_birth) END
"""
_SEX = f"""
    CASE WHEN gender_concept_id = {standard.MALE} THEN 'male'
         WHEN gender_concept_id = {standard.FEMALE} THEN 'female'
         WHEN gender_concept_id IN {standard.OTHER_GENDERS} THEN NULL
         WHEN lower(gender_source_value) IN ('m', 'male') THEN 'male'
         WHEN lower(gender_source_value) IN ('f', 'female') THEN 'female' END
"""
# What is wrong with a date of birth: column, condition.
_WRONG = {
    "year_of_birth": f"NOT {_YEAR}",
    "month_of_birth": f"NOT {_MONTH}",
    "day_of_birth": f"day_of_birth IS NOT NULL AND {_YEAR} AND {_MONTH} AND NOT {_DAY}",
}


def write(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Writes `stage.patient` in the order of ids; what differs between rows of one id is null."""
    dead = "SELECT DISTINCT person_id FROM work.death" if "death" in tables else "SELECT 0 WHERE false"
    con.execute(
        f"""
        CREATE TABLE stage.patient AS
        SELECT row_number() OVER (ORDER BY p.person_id) - 1 AS n, p.*,
               CASE WHEN d.person_id IS NOT NULL THEN true END AS deceased
        FROM (
            SELECT person_id, count(*) AS rows,
                   CASE WHEN count(DISTINCT birth) = 1 THEN min(birth) END AS birth,
                   CASE WHEN count(DISTINCT sex) = 1 THEN min(sex) END AS sex
            FROM (SELECT person_id, {_BIRTH} AS birth, {_SEX} AS sex FROM work.person) q
            WHERE person_id IS NOT NULL GROUP BY person_id
        ) p LEFT JOIN ({dead}) d(person_id) ON d.person_id = p.person_id
        ORDER BY n
        """
    )
    con.execute(
        "CREATE TABLE work.problem (n BIGINT, place VARCHAR, code VARCHAR, message VARCHAR, value VARCHAR)"
    )
    con.execute("CREATE TABLE work.note (n BIGINT, code VARCHAR, message VARCHAR, count BIGINT)")
    con.execute(
        "INSERT INTO work.problem SELECT n, 'person/' || person_id, 'same-patient', "
        "rows || ' rows have this person_id; what differs between them is not used', person_id::VARCHAR "
        "FROM stage.patient WHERE rows > 1"
    )
    for column, wrong in _WRONG.items():
        con.execute(
            f"INSERT INTO work.problem SELECT DISTINCT p.n, 'person/' || p.person_id || '.{column}', "
            f"'impossible-value', 'no {column.replace('_', ' ')} can be this; it was not used', "
            f"t.{column}::VARCHAR FROM work.person t JOIN stage.patient p USING (person_id) WHERE {wrong}"
        )
