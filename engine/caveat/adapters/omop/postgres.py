"""A PostgreSQL database attached in DuckDB, without a network look-up of the extension."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caveat.adapters.omop import place as at
from caveat.errors import InputError

if TYPE_CHECKING:
    import duckdb

PACKAGE: Final = "duckdb_extension_postgres"
_FILE: Final = "postgres_scanner.duckdb_extension"
"""The name that the extension's entry point is called by; the package's file has another."""


def attach(con: duckdb.DuckDBPyConnection, server: at.Server, work: Path) -> str | None:
    """Attaches the server as `source`, read only; the first existing schema of its search path.

    InputError, without the password, when the extension or the server is not there.
    """
    import duckdb

    load(con, work)
    try:
        con.execute(f"ATTACH {at.literal(server.conninfo)} AS source (TYPE postgres, READ_ONLY)")
        row = con.execute("FROM postgres_query('source', 'SELECT current_schema()')").fetchone()
    except duckdb.Error as error:
        raise InputError(
            f"the PostgreSQL server cannot be reached: {at.brief(error, server)}",
            code="server",
            source=server.url,
            hint="Check host, port, database, user and password; libpq's variables and .pgpass count too",
        ) from None
    return None if row is None or row[0] is None else str(row[0])


def extension() -> Path | None:
    """The extension's file of the installed package, for the installed release of DuckDB."""
    import duckdb

    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / "postgres.duckdb_extension"
        if file.is_file():
            return file
    return None


def load(con: duckdb.DuckDBPyConnection, work: Path) -> None:
    """Loads the extension from the installed package, else one that DuckDB has already been given."""
    import duckdb

    file = extension()
    try:
        if file is None:
            con.execute("LOAD postgres_scanner")
            return
        work.mkdir(parents=True, exist_ok=True)
        named = work / _FILE
        if not named.exists():
            try:
                named.symlink_to(file.resolve())
            except OSError:
                shutil.copyfile(file, named)
        con.execute(f"LOAD {at.literal(str(named))}")
    except duckdb.Error as error:
        raise InputError(
            f"DuckDB's extension for PostgreSQL cannot be loaded: {at.brief(error)}",
            code="extension",
            source="postgresql",
            hint=f"Install caveat[postgres]; its release has to be that of duckdb, {duckdb.__version__}",
        ) from None
