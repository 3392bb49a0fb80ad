"""What could not be read: cells, lines of CSV, rows of no person. Every one is a reject with its place.

A cell that cannot be read leaves its row in place without it, and is a problem of its patient, so
that the patient is never clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from caveat.adapters.omop import place as at
from caveat.adapters.omop import typed
from caveat.adapters.omop.layout import CLINICAL
from caveat.adapters.omop.source import Table, Tables

if TYPE_CHECKING:
    import duckdb

LOST: Final = "a row of this table could not be taken apart; what it says was not used"
"""The problem of a patient of whom a line of CSV was lost."""

_SHOWN: Final = 80
_MOST_PROBLEMS: Final = 200
_WANTED: Final = {
    "id": "a whole number",
    "int": "a whole number",
    "number": "a number that a measurement can have",
    "date": "a date of 1800 to 2300",
    "time": "a date of 1800 to 2300",
}


def collect(con: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """Writes `stage.fault`: n (null where no patient is known), person, source, line, path, code ..."""
    con.execute(
        "CREATE TABLE stage.fault (n BIGINT, person VARCHAR, source VARCHAR, line BIGINT, path VARCHAR, "
        "code VARCHAR, message VARCHAR, value VARCHAR, hint VARCHAR)"
    )
    for name, table in tables.usable.items():
        if name not in CLINICAL:
            continue
        if table.rejects is not None:
            _lines(con, table)
        _cells(con, table)
        if name == "person":
            _persons(con, table)
        elif table.layout.has_persons:
            _orphans(con, table)


def _lines(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Lines of a CSV file that could not be taken apart into cells; of person each is a patient's record."""
    person = "'line ' || r.line" if table.name == "person" else "NULL"
    con.execute(
        f"""
        INSERT INTO stage.fault
        SELECT NULL, {person}, {at.literal(table.place)}, r.line, {at.literal(table.name)}, 'csv-line',
               'a line that cannot be taken apart: ' || lower(r.kind), left(r.text, {_SHOWN}),
               'Quote cells that hold the delimiter, and write UTF-8'
        FROM (SELECT line, min(error_type::VARCHAR) AS kind, min(csv_line) AS text
              FROM {table.rejects} GROUP BY line) r
        ORDER BY r.line
        """
    )
    if table.name == "person" or table.person_cell is None:
        return
    delimiter, place = table.person_cell
    con.execute(
        f"""
        INSERT INTO work.problem
        SELECT DISTINCT p.n, '{table.name}', 'row-lost', '{LOST}', ''
        FROM {table.rejects} r JOIN stage.patient p ON p.person_id = TRY_CAST(
            trim(string_split(r.csv_line, {at.literal(delimiter)})[{place}], ' "') AS BIGINT)
        """
    )


def _cells(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Cells that cannot be read, of rows that are kept without them."""
    wrong = typed.unread(table)
    if table.name == "person":
        wrong.pop("person_id", None)
    if not wrong:
        return
    key = typed.value(table, table.layout.key) if table.layout.key in table.types else "NULL::BIGINT"
    person = typed.value(table, "person_id") if table.layout.has_persons else "NULL::BIGINT"
    cells = ", ".join(
        f"CASE WHEN {condition} THEN struct_pack(field := '{name}', kind := '{_WANTED[layout]}', "
        f"value := left({typed.raw(table, name)}, {_SHOWN})) END"
        for name, condition in wrong.items()
        for layout in (table.layout.columns[name],)
    )
    con.execute(
        f"""
        INSERT INTO stage.fault
        SELECT p.n, NULL, {at.literal(table.place)}, NULL,
               '{table.name}/' || coalesce(q.key::VARCHAR, '?') || '.' || q.cell.field, 'unreadable',
               'this cannot be read as ' || q.cell.kind || '; it was not used', q.cell.value, NULL
        FROM (
            SELECT {key} AS key, {person} AS person_id,
                   unnest(list_filter([{cells}], lambda cell: cell IS NOT NULL)) AS cell
            FROM {table.relation} WHERE {" OR ".join(wrong.values())}
        ) q LEFT JOIN stage.patient p ON p.person_id = q.person_id
        ORDER BY ALL
        """
    )
    con.execute(
        "INSERT INTO work.problem SELECT n, path, code, message, value FROM stage.fault "
        f"WHERE n IS NOT NULL AND code = 'unreadable' AND path LIKE '{table.name}/%'"
    )


def _persons(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Rows of person beyond the first of an id, and rows without an id that can be read."""
    con.execute(
        f"INSERT INTO stage.fault SELECT NULL, coalesce({typed.raw(table, 'person_id')}, '(none)'), "
        f"{at.literal(table.place)}, NULL, 'person.person_id', 'no-person-id', "
        f"'a person without an id that is a whole number', left({typed.raw(table, 'person_id')}, {_SHOWN}), "
        f"NULL FROM {table.relation} WHERE {typed.value(table, 'person_id')} IS NULL ORDER BY ALL"
    )
    con.execute(
        f"INSERT INTO stage.fault SELECT n, person_id::VARCHAR, {at.literal(table.place)}, NULL, "
        "'person/' || person_id, 'same-patient', 'a further row with a person_id that is taken', "
        "person_id::VARCHAR, 'One row a person; the first is judged, without what differs' "
        "FROM stage.patient, range(1, rows) WHERE rows > 1 ORDER BY n"
    )


def _orphans(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Rows whose person is not in person: one reject a table, with their number."""
    con.execute(
        f"""
        INSERT INTO stage.fault
        SELECT NULL, NULL, {at.literal(table.place)}, NULL, '{table.name}.person_id', 'orphan-rows',
               count(*) || ' rows of {table.name} belong to no row of person and were not judged',
               coalesce('for example ' || min(t.person_id), 'no person_id'), NULL
        FROM work.{table.name} t ANTI JOIN stage.patient p USING (person_id) HAVING count(*) > 0
        """
    )


def write(con: duckdb.DuckDBPyConnection) -> None:
    """Writes `stage.problem` and `stage.note`, in the order of patients; the count past a limit is kept."""
    con.execute(
        f"""
        CREATE TABLE stage.problem AS
        SELECT n, code, message, place AS path, value FROM (
            SELECT *, row_number() OVER (PARTITION BY n ORDER BY place, code, message, value) AS rank
            FROM (SELECT DISTINCT * FROM work.problem)
        ) WHERE rank <= {_MOST_PROBLEMS}
        UNION ALL
        SELECT n, 'more-problems', (count(*) - {_MOST_PROBLEMS}) || ' further problems are not listed', '', ''
        FROM (SELECT DISTINCT * FROM work.problem) GROUP BY n HAVING count(*) > {_MOST_PROBLEMS}
        ORDER BY n, code, message, path
        """
    )
    con.execute(
        "CREATE TABLE stage.note AS SELECT n, code, message, sum(count)::BIGINT AS count "
        "FROM work.note GROUP BY ALL ORDER BY n, code, message"
    )
