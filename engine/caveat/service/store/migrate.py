"""A database brought to the newest form of the tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caveat.errors import CaveatError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from caveat.service.store.database import Database

LONGEST: Final = 60.0
"""Seconds a worker waits while another one migrates."""
_LOCK: Final = 0x0CA7EA7
_NAMED: Final = re.compile(r"m(\d{4})_\w+\.py")


def newest() -> str:
    """The id of the last revision, by the names of the files."""
    folder = Path(__file__).parent / "migrations" / "versions"
    return max(found[1] for file in folder.iterdir() if (found := _NAMED.fullmatch(file.name)))


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables to a revision. Of several workers that start together one migrates, the others wait.

    Raises StoreAway where the database cannot be reached, CaveatError where it is newer than this code.
    """
    wanted = newest() if revision == "head" else revision
    with database.begin(timeout=LONGEST) as connection:
        if database.is_postgres:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        found = revision_of(connection)
        if found == wanted:
            return
        if found > newest():
            raise CaveatError(
                f"the database is of revision {found}; this release knows up to {newest()}. "
                "Install the release that made it, or a later one"
            )
        _upgrade(connection, wanted)


def revision_of(connection: Connection) -> str:
    """The revision a database is at; empty for an empty one."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _upgrade(connection: Connection, wanted: str) -> None:
    import logging

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "caveat.service.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, wanted)
