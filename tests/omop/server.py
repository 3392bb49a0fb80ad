"""A throw-away PostgreSQL cluster for tests: made, started, filled and stopped."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from caveat.adapters.omop.postgres import extension, load
from omop.builder import typed_tables

OWNER = "postgres"


@dataclass(frozen=True)
class Cluster:
    """A running server on this machine, and who may read it."""

    host: str
    port: int
    user: str
    password: str


def binaries() -> Path | None:
    """The folder of the server's programs, or None where there is no server."""
    found = shutil.which("pg_config")
    folder = None
    if found is not None:
        done = subprocess.run([found, "--bindir"], capture_output=True, text=True, check=False)
        folder = Path(done.stdout.strip()) if done.returncode == 0 else None
    if folder is None or not (folder / "initdb").is_file():
        ctl = shutil.which("pg_ctl")
        folder = Path(ctl).resolve().parent if ctl else None
    return folder if folder is not None and (folder / "initdb").is_file() else None


def lacking() -> str:
    """Why no server can be run here and what would change that; empty where it can."""
    if binaries() is None:
        return "needs a PostgreSQL server; install postgresql so that pg_config --bindir has initdb"
    if extension() is None:
        return "needs DuckDB's extension for PostgreSQL; install caveat[postgres]"
    if os.geteuid() == 0 and not any(user.pw_name == OWNER for user in pwd.getpwall()):
        return "needs a user postgres, since PostgreSQL does not run as root; install postgresql"
    return ""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server of its own with an empty database `cdm`, gone when the block ends."""
    programs = binaries()
    assert programs is not None
    home = Path(tempfile.mkdtemp(prefix="caveat-pg-"))
    try:
        password = secrets.token_hex(8) + "'\\ @"
        kept = home / "password"
        kept.write_text(password + "\n", encoding="utf-8")
        if os.geteuid() == 0:
            owner = pwd.getpwnam(OWNER)
            for path in (home, kept):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        data = home / "data"
        _run(
            programs / "initdb",
            *("-D", data, "-U", "reader", "--auth=scram-sha-256", f"--pwfile={kept}", "-E", "UTF8", "-N"),
        )
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
        _run(programs / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", settings, "start")
        try:
            found = Cluster("127.0.0.1", port, "reader", password)
            environment = {**os.environ, "PGPASSWORD": password}
            subprocess.run(
                [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "reader", "cdm"],
                env=environment,
                check=True,
            )
            yield found
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(*command: str | Path) -> None:
    asked = [str(one) for one in command]
    if os.geteuid() == 0:
        asked = ["runuser", "-u", OWNER, "--", *asked]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL, cwd="/")


def fill(server: Cluster, source: Path, schema: str = "public") -> None:
    """The CSV tables of a folder as tables of a schema, with the types of the CDM."""
    import duckdb

    from caveat.adapters.omop.place import literal, place

    info = place(server_url(server)).server
    assert info is not None
    with tempfile.TemporaryDirectory() as work, duckdb.connect() as con:
        load(con, Path(work))
        con.execute(f"ATTACH {literal(info.conninfo)} AS pg (TYPE postgres)")
        con.execute(f"CREATE SCHEMA IF NOT EXISTS pg.{schema}")
        for name, sql in typed_tables(source).items():
            con.execute(f"CREATE TABLE pg.{schema}.{name} AS {sql}")


def server_url(server: Cluster, **parameters: str) -> str:
    """The URL with the password quoted, and parameters behind it."""
    from urllib.parse import quote, urlencode

    asked = f"?{urlencode(parameters)}" if parameters else ""
    secret = quote(server.password, safe="")
    return f"postgresql://{server.user}:{secret}@{server.host}:{server.port}/cdm{asked}"
