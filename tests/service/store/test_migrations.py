"""The tables: made from nothing and from each revision, once, and as the code believes they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from caveat.errors import CaveatError
from caveat.service.config import Storing
from caveat.service.store import chain
from caveat.service.store.base import StoreAway
from caveat.service.store.database import Database, open_database
from caveat.service.store.keys import Keys
from caveat.service.store.migrate import newest, revision_of, upgrade
from caveat.service.store.tables import metadata
from service.store.making import KEYS, database

REVISIONS = ["", *(f"{number:04d}" for number in range(1, int(newest()) + 1))]


def differences(base: Database) -> Any:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with base.read() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata())


@pytest.mark.parametrize("start", REVISIONS)
def test_up_from_each_revision(place: dict[str, Any], tmp_path: Path, start: str) -> None:
    base = database(tmp_path, **place)
    if start:
        upgrade(base, start)
        with base.read() as connection:
            assert revision_of(connection) == start
    upgrade(base)
    with base.read() as connection:
        assert revision_of(connection) == newest()
    assert differences(base) == []
    upgrade(base)
    base.close()


def test_the_comparison_sees_a_difference(place: dict[str, Any], tmp_path: Path) -> None:
    base = database(tmp_path, **place)
    upgrade(base)
    with base.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_head ADD COLUMN other integer")
    assert [found[0] for found in differences(base)] == ["remove_column"]
    base.close()


def test_workers_that_start_together_migrate_once(place: dict[str, Any], tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from caveat.service.config import Storing\n"
        "from caveat.service.store.database import open_database\n"
        "from caveat.service.store.migrate import upgrade\n"
        "url, password = sys.argv[1], sys.argv[2] or None\n"
        "sys.stdin.readline()\n"
        "upgrade(open_database(Storing(url=url, password_file=password)))\n"
    )
    command = [sys.executable, "-c", program, place["url"], place.get("password_file", "")]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    ended = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, ended
    base = database(tmp_path, **place)
    assert differences(base) == []
    base.close()


def test_a_migration_that_fails_leaves_nothing(
    place: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(table: str, *changes: str) -> None:
        raise RuntimeError("no triggers today")

    base = database(tmp_path, **place)
    monkeypatch.setattr("caveat.service.store.migrations.guards.refuse", refuse)
    with pytest.raises(RuntimeError, match="no triggers today"):
        upgrade(base)
    monkeypatch.undo()
    with base.read() as connection:
        assert revision_of(connection) == ""
    upgrade(base)
    assert differences(base) == []
    base.close()


def test_a_newer_database_is_refused(place: dict[str, Any], tmp_path: Path) -> None:
    base = database(tmp_path, **place)
    upgrade(base)
    with base.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CaveatError) as caught:
        upgrade(base)
    assert str(caught.value) == (
        f"the database is of revision 9999; this release knows up to {newest()}. "
        "Install the release that made it, or a later one"
    )
    base.close()


def test_another_key_is_refused(place: dict[str, Any], tmp_path: Path) -> None:
    base = database(tmp_path, **place)
    upgrade(base)
    for _ in range(2):
        with base.begin() as connection:
            chain.prepare(connection, KEYS)
    with base.begin() as connection, pytest.raises(CaveatError, match="was begun with another key"):
        chain.prepare(connection, Keys(b"another secret of at least 32 bytes"))
    base.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "store.url names no file, so nothing would be kept. Write sqlite:///FILE"),
        ("sqlite:///:memory:", "store.url names no file, so nothing would be kept. Write sqlite:///FILE"),
        (
            "mysql://u:s3cret@h/d",
            "store.url is of mysql, which is not supported. "
            "Write sqlite:///FILE or postgresql://USER@HOST/DATABASE",
        ),
        (
            "s3cret",
            "store.url is not a database URL. Write sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE",
        ),
    ],
)
def test_a_url_that_is_none_of_ours(url: str, said: str) -> None:
    with pytest.raises(CaveatError) as caught:
        open_database(Storing(url=url))
    assert str(caught.value) == said


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.sqlite", "postgresql://u:s3cret@127.0.0.1:1/d"])
def test_away_is_said_without_what_was_asked(url: str) -> None:
    base = open_database(Storing(url=url))
    with pytest.raises(StoreAway) as caught, base.read():
        pass
    assert str(caught.value).startswith("the database is away (OperationalError")
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "s3cret" not in repr(base)


def test_a_file_that_is_no_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"this is a text of more than a few bytes" * 100)
    base = database(tmp_path)
    with pytest.raises(StoreAway, match="SQLITE_NOTADB"), base.begin():
        pass
