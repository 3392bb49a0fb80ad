"""What a path is: a DuckDB file, a folder of tables, or a PostgreSQL database."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from caveat.adapters.omop.layout import TABLES
from caveat.adapters.reject import shorten
from caveat.errors import InputError

FORMATS: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_POSTGRES: Final = ("postgresql", "postgres")
_DUCKDB: Final = b"DUCK"
_OURS: Final = ("schema", "vocabulary_schema")


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL database. `url` is for people: it never holds the password."""

    url: str
    conninfo: str
    schema: str | None
    vocabulary_schema: str | None
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def hide(self, text: str) -> str:
        """The text without the password and without the text the connection was made with."""
        text = text.replace(self.conninfo, self.url) if self.conninfo else text
        for secret in self.secrets:
            text = text.replace(quoted(secret), "***").replace(secret, "***")
        return re.sub(r"password\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", "password=***", text)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables are: `file` a DuckDB database, `files` a table each, or `server`."""

    label: str
    file: Path | None = None
    files: tuple[tuple[str, tuple[Path, ...]], ...] = ()
    server: Server | None = None


def looks_like(path: str | Path) -> bool:
    """Whether a path is an OMOP database, by its kind and the names of its tables.

    A folder needs a table person and another table of the CDM, so that a folder of records with a
    file of that name is left to other readers.
    """
    text = str(path)
    if is_server(text):
        return True
    here = Path(text)
    if here.is_dir():
        names = {name for name, _ in _tables_in(here)}
        return "person" in names and len(names) > 1
    if not here.is_file():
        return False
    with here.open("rb") as opened:
        head = opened.read(12)
    return head[8:12] == _DUCKDB or (head[:2] == b"PK" and _zip_of_tables(here))


def is_server(text: str) -> bool:
    """Whether the text is a PostgreSQL URL."""
    return text.partition("://")[0].lower() in _POSTGRES and "://" in text


def place(path: str | Path) -> Place:
    """What the path is. InputError when it is nothing that holds an OMOP database."""
    text = str(path)
    if is_server(text):
        server = _server(text)
        return Place(server.url, server=server)
    here = Path(text)
    if here.is_dir():
        tables = _tables_in(here)
        twice = sorted({name for name, _ in tables if [n for n, _ in tables].count(name) > 1})
        if twice:
            names = ", ".join(files[0].name for name, files in tables if name == twice[0])
            raise InputError(
                f"the table {twice[0]} is there more than once: {names}",
                code="table-twice",
                source=text,
                hint="Keep one file a table",
            )
        if "person" not in dict(tables):
            raise no_person(text, f"looked for person with any of {', '.join(FORMATS)}, in any case")
        return Place(text, files=tuple(tables))
    if not here.exists():
        raise InputError("there is no such file or folder", code="not-found", source=text)
    with here.open("rb") as opened:
        head = opened.read(12)
    if head[8:12] == _DUCKDB:
        return Place(text, file=here)
    if head[:2] == b"PK":
        raise InputError(
            "a ZIP archive is not read", code="zip", source=text, hint="Unpack it and name the folder"
        )
    raise InputError(
        "this is no OMOP database: neither a DuckDB file, a folder of tables nor a PostgreSQL URL",
        code="not-omop",
        source=text,
    )


def no_person(source: str, looked: str) -> InputError:
    """The error of a database without its one table that is always needed."""
    return InputError(
        "no table person: without it there are no patients",
        code="table-missing",
        source=source,
        path="person",
        hint=looked[:1].upper() + looked[1:],
    )


def _tables_in(folder: Path) -> list[tuple[str, tuple[Path, ...]]]:
    """Tables by name: a file each, or a folder of files of one format as Spark writes it."""
    found = []
    for entry in sorted(folder.iterdir()):
        bare = entry.name.lower()
        ending = next((one for one in FORMATS if bare.endswith(one)), "")
        table = bare.removesuffix(ending)
        if table not in TABLES:
            continue
        if entry.is_dir():
            parts = sorted(
                p for p in entry.iterdir() if p.is_file() and format_of(p) and p.name[0] not in "._"
            )
            if parts:
                found.append((table, tuple(parts)))
        elif ending and entry.exists():
            found.append((table, (entry,)))
    return found


def format_of(path: Path) -> str:
    """`csv`, `parquet`, or nothing for a file of another kind, by its name."""
    ending = next((one for one in FORMATS if path.name.lower().endswith(one)), "")
    return "parquet" if ending == ".parquet" else "csv" if ending else ""


def _zip_of_tables(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as packed:
            names = {name.rpartition("/")[2].lower() for name in packed.namelist()}
    except (OSError, zipfile.BadZipFile):
        return False
    return any(f"person{ending}" in names for ending in FORMATS)


def _server(url: str) -> Server:
    """The parts of a URL; parameters other than our own go to the server's client library."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise InputError(
            "the port of a PostgreSQL URL is a number", code="url", source=parts.hostname or "postgresql"
        ) from None
    given = dict(parse_qsl(parts.query))
    ours = {name: given.pop(name) for name in _OURS if name in given}
    secret = unquote(parts.password) if parts.password else given.get("password")
    secrets = [value for name, value in given.items() if "password" in name] + ([secret] if secret else [])
    shown = {name: value for name, value in given.items() if "password" not in name} | ours
    user = f"{parts.username}@" if parts.username else ""
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    place = f"{user}{host}" + (f":{port}" if port else "")
    plain = f"postgresql://{place}{parts.path}" + (f"?{urlencode(shown)}" if shown else "")
    info = {"host": parts.hostname and unquote(parts.hostname), "port": port and str(port)}
    info |= {"user": parts.username and unquote(parts.username), "password": secret}
    info |= {"dbname": unquote(parts.path.lstrip("/"))} | given
    text = " ".join(f"{name}={quoted(value)}" for name, value in info.items() if value)
    return Server(plain, text, ours.get("schema"), ours.get("vocabulary_schema"), tuple(secrets))


def quoted(value: str) -> str:
    """A value of a connection text as libpq reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def literal(value: str) -> str:
    """The text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """The text as a name of SQL."""
    return '"' + value.replace('"', '""') + '"'


def brief(error: BaseException, server: Server | None = None) -> str:
    """The first line of an error of DuckDB, without the secrets of the server."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return shorten(server.hide(lines[0]) if server is not None else lines[0], 300)


def without_secret(place: Place) -> Place:
    """The same place, good for its name and no longer for a connection."""
    if place.server is None:
        return place
    return replace(place, server=replace(place.server, conninfo="", secrets=()))
