"""The tables of a place, open in DuckDB: what they are called there, and which columns they have."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caveat.adapters.omop import place as at
from caveat.adapters.omop.layout import TABLES, VOCABULARY, Layout
from caveat.adapters.omop.postgres import attach
from caveat.adapters.sources import DAMAGE, unreadable
from caveat.errors import InputError

if TYPE_CHECKING:
    import duckdb

_GZIP: Final = b"\x1f\x8b"
_LONGEST_HEADER: Final = 1 << 20
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be read: `relation` in SQL, `types` by lower-case column, `place` for people.

    `rejects` names the table that DuckDB fills with the lines it could not take apart, for CSV.
    `copied` says that it has to be read once only and is to be copied first; a `settled` copy has
    values beside its cells. `person_cell` is the delimiter of a CSV file and which cell, from 1, has the
    person, so that a line that cannot be taken apart still tells whose it is.
    """

    layout: Layout
    relation: str
    types: dict[str, str]
    place: str
    rejects: str | None = None
    copied: bool = False
    settled: bool = False
    person_cell: tuple[str, int] | None = None

    @property
    def name(self) -> str:
        """The name in the CDM."""
        return self.layout.name


@dataclass(frozen=True, slots=True)
class Tables:
    """What is there: `usable` tables by name, and why others are not (`missing` or a reason)."""

    usable: dict[str, Table]
    absent: dict[str, str]

    def __getitem__(self, name: str) -> Table:
        return self.usable[name]

    def __contains__(self, name: object) -> bool:
        return name in self.usable

    def has(self, table: str, column: str) -> bool:
        """Whether the table is there with the column."""
        return table in self.usable and column in self.usable[table].types


def tables(con: duckdb.DuckDBPyConnection, place: at.Place, work: Path) -> Tables:
    """Every table of the layout that the place has. InputError without a usable person table."""
    if place.file is not None:
        found = _of_file(con, place.file)
    elif place.server is not None:
        found = _of_server(con, place.server, work)
    else:
        found = _of_folder(con, place.files)
    usable: dict[str, Table] = {}
    absent = dict.fromkeys(TABLES, "missing")
    for table in found:
        lacking = [name for name in table.layout.needed if name not in table.types]
        if lacking:
            absent[table.name] = f"not usable: no column {', '.join(lacking)}"
        else:
            usable[table.name] = table
            absent.pop(table.name, None)
    if "person" not in usable:
        if absent["person"] == "missing":
            raise at.no_person(place.label, "looked in every schema of the database")
        raise InputError(
            f"the table person is {absent['person']}",
            code="column-missing",
            source=next((t.place for t in found if t.name == "person"), place.label),
            path="person.person_id",
            hint="The first line of a CSV file names its columns",
        )
    return Tables(usable, absent)


def _of_file(con: duckdb.DuckDBPyConnection, file: Path) -> list[Table]:
    import duckdb

    try:
        con.execute(f"ATTACH {at.literal(str(file))} AS source (READ_ONLY)")
    except duckdb.Error as error:
        raise InputError(
            f"the DuckDB file cannot be opened: {at.brief(error)}",
            code="database",
            source=str(file),
            hint="Close the program that writes it, or open it with the release of DuckDB that wrote it",
        ) from None
    return _of_catalogue(con, str(file), None, None, copied=False)


def _of_server(con: duckdb.DuckDBPyConnection, server: at.Server, work: Path) -> list[Table]:
    searched = attach(con, server, work)
    schema = server.schema or (searched if _holds_person(con, searched) else None)
    return _of_catalogue(con, server.url, schema, server.vocabulary_schema, copied=True)


def _holds_person(con: duckdb.DuckDBPyConnection, schema: str | None) -> bool:
    return any(one == schema and table == "person" for one, table, _ in _catalogue(con))


def _catalogue(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Schema, lower-case name and name as written of each table and view of the source."""
    rows = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'source' UNION ALL "
        "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = 'source' AND NOT internal "
        "ORDER BY ALL"
    ).fetchall()
    return [(schema, name.lower(), name) for schema, name in rows if name.lower() in TABLES]


def _of_catalogue(
    con: duckdb.DuckDBPyConnection, label: str, schema: str | None, vocabulary: str | None, *, copied: bool
) -> list[Table]:
    known = _catalogue(con)
    persons = sorted({one for one, table, _ in known if table == "person"})
    if schema is None and len(persons) > 1:
        raise InputError(
            f"the table person is in several schemas: {', '.join(persons)}",
            code="schema",
            source=label,
            hint=f"Add ?schema={persons[0]} to the URL"
            if copied
            else "Copy the one meant to a file of its own",
        )
    chosen = schema if schema is not None else persons[0] if persons else "main"
    if schema is not None and schema not in persons:
        others = f"; person is in {', '.join(persons)}" if persons else ""
        raise at.no_person(label, f"looked in the schema {schema}{others}")
    found = []
    for name, layout in TABLES.items():
        home = vocabulary if vocabulary is not None and name in VOCABULARY else chosen
        written = [(one, as_written) for one, table, as_written in known if table == name]
        here = [one for one in written if one[0] == home]
        if not here and name in VOCABULARY and vocabulary is None and len(written) == 1:
            here = written
        if not here:
            continue
        relation = f"source.{at.name(here[0][0])}.{at.name(here[0][1])}"
        types = _types(con, relation)
        found.append(Table(layout, relation, types, f"{label} {here[0][0]}.{name}", copied=copied))
    return found


def _types(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {row[0].lower(): row[1] for row in rows}


def _of_folder(con: duckdb.DuckDBPyConnection, files: Iterable[tuple[str, tuple[Path, ...]]]) -> list[Table]:
    import duckdb

    found = []
    for name, paths in files:
        label = str(paths[0] if len(paths) == 1 else paths[0].parent)
        kinds = {at.format_of(path) for path in paths}
        if len(kinds) > 1:
            raise InputError("a table of files of several formats", code="table-mixed", source=label)
        if kinds == {"csv"}:
            found.append(_csv(name, paths, label))
            continue
        listed = ", ".join(at.literal(str(path)) for path in paths)
        relation = f"read_parquet([{listed}], union_by_name = true)"
        try:
            types = _types(con, relation)
        except duckdb.Error as error:
            raise InputError(
                f"the Parquet file cannot be read: {at.brief(error)}", code="parquet", source=label
            ) from None
        found.append(Table(TABLES[name], relation, types, label))
    return found


def _csv(name: str, paths: tuple[Path, ...], label: str) -> Table:
    """A table of CSV files; all its columns are text, and lines that cannot be taken apart are set aside."""
    heads = {_header(path, name) for path in paths}
    if len(heads) > 1:
        raise InputError("the files of one table have different headers", code="table-mixed", source=label)
    delimiter, quote, packed, columns = heads.pop()
    if packed:
        for path in paths:
            _must_be_whole(path)
    listed = ", ".join(at.literal(str(path)) for path in paths)
    typed = ", ".join(f"{at.literal(column)}: 'VARCHAR'" for column in columns)
    relation = (
        f"read_csv([{listed}], columns = {{{typed}}}, header = true, auto_detect = false, "
        f"delim = {at.literal(delimiter)}, quote = {at.literal(quote)}, escape = {at.literal(quote)}, "
        f"compression = '{'gzip' if packed else 'none'}', "
        f"store_rejects = true, rejects_table = 'rejects_{name}', rejects_scan = 'scans_{name}')"
    )
    types = dict.fromkeys(columns, "TEXT")
    whose = (delimiter, columns.index("person_id") + 1) if "person_id" in columns else None
    return Table(
        TABLES[name], relation, types, label, rejects=f"rejects_{name}", copied=True, person_cell=whose
    )


def _must_be_whole(path: Path) -> None:
    """InputError unless the packed data are whole: what was lost is not told from what was never there."""
    try:
        with gzip.open(path) as packed:
            while packed.read(_BLOCK):
                pass
    except DAMAGE as error:
        raise unreadable(str(path), error) from None


def _header(path: Path, name: str) -> tuple[str, str, bool, tuple[str, ...]]:
    """Delimiter (the one that gives most known columns), quote, whether it is packed, and column names."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            line = (gzip.GzipFile(fileobj=raw) if packed else raw).readline(_LONGEST_HEADER)
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"the CSV file cannot be read: {error}", code="csv", source=str(path)) from None
    known = TABLES[name].columns

    def split(delimiter: str) -> list[str]:
        return [
            cell.strip().strip('"').strip().lower()
            for cell in next(csv.reader([text], delimiter=delimiter), [])
        ]

    delimiter = max(",\t;|", key=lambda one: sum(cell in known for cell in split(one)))
    columns: list[str] = []
    for place, cell in enumerate(split(delimiter)):
        columns.append(cell if cell and cell not in columns else f"{cell or 'column'}#{place}")
    # The vocabulary's own download is tab-separated, with quotation marks that quote nothing.
    quote = "" if delimiter == "\t" and '"' not in text else '"'
    return delimiter, quote, packed, tuple(columns or ["column#0"])
