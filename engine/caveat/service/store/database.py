"""A SQLite file or a PostgreSQL server, as transactions that either happen or say that it is away.

`open_database(config.store)` connects nothing yet. `begin()` is a transaction that writes, `read()`
one that only reads; both raise StoreAway where the database cannot be reached, is locked for longer
than `timeout_seconds`, or has no room.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import CaveatError
from caveat.service.store.base import StoreAway

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

    from caveat.service.config import Storing

_WRITES: Final = "caveat_writes"
_PAUSE: Final = 0.0005
"""Seconds between two tries for SQLite's lock. Its own handler waits up to 100 ms between them."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where the store is. `file` is that of SQLite, None for a server."""

    engine: Engine
    timeout: float
    file: Path | None = None

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL; else it is SQLite."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def begin(self, timeout: float | None = None) -> Iterator[Connection]:
        """A transaction that may write; alone on SQLite from its first moment. Commits at the end."""
        with self._connected(timeout, writes=True) as connection:
            yield connection

    @contextmanager
    def read(self, timeout: float | None = None) -> Iterator[Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        with self._connected(timeout, writes=False) as connection:
            yield connection

    @contextmanager
    def _connected(self, timeout: float | None, *, writes: bool) -> Iterator[Connection]:
        seconds = self.timeout if timeout is None else timeout
        with _away(), self.engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: seconds if writes else 0.0})
            if self.is_postgres and not writes:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                if self.is_postgres and timeout is not None:
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(timeout * 1000)}")
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(timeout * 1000)}")
                yield connection

    def identity(self) -> tuple[int, int] | None:
        """Which file of SQLite it is, None for a server. Raises StoreAway where it is not there."""
        if self.file is None:
            return None
        try:
            found = self.file.stat()
        except OSError:
            raise StoreAway(f"the database file {self.file.name} is not there any more") from None
        return found.st_dev, found.st_ino

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def open_database(storing: Storing) -> Database:
    """The database that the configuration names; nothing is connected yet. Raises CaveatError for a URL
    that is neither SQLite nor PostgreSQL."""
    from sqlalchemy import create_engine, event

    url = _url(storing)
    if url.get_backend_name() == "postgresql":
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=4,
            max_overflow=4,
            pool_timeout=storing.timeout_seconds,
            connect_args=_server_arguments(url, storing.timeout_seconds),
        )
        return Database(engine, storing.timeout_seconds)
    file = Path(url.database or "")
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=storing.timeout_seconds,
        connect_args={"timeout": storing.timeout_seconds, "isolation_level": None},
    )
    event.listen(engine, "connect", _prepared)
    event.listen(engine, "begin", _begun)
    return Database(engine, storing.timeout_seconds, file)


def _url(storing: Storing) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(storing.url)
    except ArgumentError:
        raise CaveatError(
            "store.url is not a database URL. Write sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE"
        ) from None
    name = url.drivername
    if name in ("postgresql", "postgres", "postgresql+psycopg"):
        url = url.set(drivername="postgresql+psycopg")
        if storing.password_file is not None:
            secret = Path(storing.password_file).read_text(encoding="utf-8")
            url = url.set(password=secret.rstrip("\r\n"))
        return url
    if name in ("sqlite", "sqlite+pysqlite") and url.database and url.database != ":memory:":
        return url
    if name.startswith("sqlite"):
        raise CaveatError("store.url names no file, so nothing would be kept. Write sqlite:///FILE")
    raise CaveatError(
        f"store.url is of {name}, which is not supported. Write sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    )


def _server_arguments(url: URL, timeout: float) -> dict[str, Any]:
    """What bounds every wait on a server, and asks it for commits that last."""
    milliseconds = int(timeout * 1000)
    arguments: dict[str, Any] = {
        "connect_timeout": max(2, math.ceil(timeout)),
        "tcp_user_timeout": milliseconds,
        "application_name": "caveat",
    }
    if "options" not in url.query:
        arguments["options"] = (
            f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c synchronous_commit=on"
        )
    return arguments


def _prepared(connection: sqlite3.Connection, record: object) -> None:
    """A new connection to SQLite: write-ahead log, every commit synced before it is told."""
    until = monotonic() + 5
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if not _busy(error) or monotonic() > until:
                raise
            sleep(_PAUSE)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begun(connection: Connection) -> None:
    """BEGIN, alone where it writes: tried often, so that two workers wait for each other a millisecond."""
    seconds = connection.get_execution_options().get(_WRITES, 0.0)
    raw: Any = connection.connection.dbapi_connection
    if not seconds:
        raw.execute("BEGIN")
        return
    until = monotonic() + seconds
    waits = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not _busy(error) or monotonic() > until:
                    raise
                sleep(_PAUSE)
    finally:
        raw.execute(f"PRAGMA busy_timeout={waits}")


def _busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def _away() -> Iterator[None]:
    """Errors of reaching the database as StoreAway, without statement or parameters."""
    from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    try:
        yield
    except PoolTimeout:
        raise StoreAway("every connection to the database is taken") from None
    except (OperationalError, InterfaceError) as error:
        raise StoreAway(_why(error.orig)) from None
    except DBAPIError as error:
        if error.connection_invalidated or (isinstance(error, DatabaseError) and _unreadable(error.orig)):
            raise StoreAway(_why(error.orig)) from None
        raise
    except sqlite3.OperationalError as error:
        raise StoreAway(_why(error)) from None
    except sqlite3.DatabaseError as error:
        if _unreadable(error):
            raise StoreAway(_why(error)) from None
        raise


def _unreadable(error: BaseException | None) -> bool:
    """A file that SQLite says is broken or no database."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _why(error: BaseException | None) -> str:
    """The kind of error by its stable name: SQLITE_BUSY, 57P01; never its text, which may quote a row."""
    name = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return f"the database is away ({type(error).__name__}{f' {name}' if name else ''})"
