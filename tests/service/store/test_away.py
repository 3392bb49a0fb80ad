"""The database away: what waits on disk, up to its bound, and how it gets into the database once."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from caveat.service.audit.verify import verify
from caveat.service.store import chain
from caveat.service.store.base import AuditRefused, StoreAway, Wanted
from caveat.service.store.entry import entry_of
from caveat.service.store.keys import Keys
from caveat.service.store.migrate import upgrade
from caveat.service.store.spool import HEADER, Spool
from caveat.service.store.sql import SqlStore
from caveat.service.store.writer import PROBE
from service.store.making import (
    AT,
    CALLER,
    KEYS,
    answer,
    config,
    database,
    question,
    record,
    run,
    shown,
    store,
)

QUICK = {"timeout_seconds": 0.15}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program holds SQLite's lock."""
    blocker = sqlite3.connect(folder / "store.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        blocker.rollback()
        blocker.close()


async def drained(kept: SqlStore) -> None:
    for _ in range(400):
        ready = await kept.ready()
        if ready["database"] == "ok" and not ready["spooled"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(ready)


def stored(folder: Path) -> list[str]:
    """Evaluations in the chain, in order, once it verified."""
    base = database(folder)
    verdict = verify(base, KEYS)
    assert verdict.faults == ()
    with base.read() as connection:
        found = connection.exec_driver_sql("SELECT evaluation FROM audit ORDER BY sequence").all()
    base.close()
    return [name for (name,) in found]


def entries(count: int, prefix: str = "") -> list:
    return [
        entry_of(
            question(name=f"{prefix}{number:04d}"),
            answer(),
            CALLER,
            KEYS,
            ruleset="",
            policy="",
            microseconds=0,
            sealed=True,
        )
        for number in range(count)
    ]


def spool(folder: Path, limit: int = 100, keys: Keys = KEYS) -> Spool:
    return Spool(folder / "spool", limit, keys, 0.2)


def test_locked_then_free(tmp_path: Path) -> None:
    asked = [question() for _ in range(40)]

    async def work() -> None:
        kept = store(tmp_path, **QUICK)
        assert await record(kept, asked[0]) == "stored"
        with locked(tmp_path):
            first = time.perf_counter()
            assert await record(kept, asked[1]) == "spooled"
            assert time.perf_counter() - first < 1
            then = time.perf_counter()
            for one in asked[2:]:
                assert await record(kept, one) == "spooled"
            assert time.perf_counter() - then < 1, "each waited for the database"
            ready = await kept.ready()
            assert (ready["database"], ready["spooled"], ready["spool_limit"]) == ("away", 39, 10_000)
            assert ready["reason"] == "the database is away (OperationalError SQLITE_BUSY)"
        await drained(kept)
        last = question()
        assert await record(kept, last) == "stored"
        await kept.close()
        assert stored(tmp_path) == [one.id for one in (*asked, last)]

    run(work())
    assert not list((tmp_path / "spool").glob("*.spool"))


def test_the_event_loop_does_not_wait(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path, timeout_seconds=0.4)
        with locked(tmp_path):
            longest, until = 0.0, time.perf_counter() + 0.6
            held = asyncio.gather(record(kept), kept.withdraw("x", CALLER, AT), return_exceptions=True)
            while time.perf_counter() < until:
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                longest = max(longest, time.perf_counter() - before)
            said = await held
        assert said[0] == "spooled"
        assert isinstance(said[1], StoreAway)
        assert longest < 0.2
        await kept.close()

    run(work())


def test_questions_to_a_store_that_is_away_end_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path, url="sqlite:////nowhere/at/all.sqlite", **QUICK)
        began = time.perf_counter()
        for _ in range(20):
            with pytest.raises(StoreAway):
                await kept.overrides("p", AT)
        assert time.perf_counter() - began < 0.5
        assert await kept.overrides("", AT) == ()
        assert await record(kept) == "spooled"
        await kept.close()

    run(work())


def test_a_finding_that_waits_in_the_spool_is_not_called_unknown(tmp_path: Path) -> None:
    from caveat.service.store.writer import Writer

    wanted = Wanted("canary-patient", shown().finding, "benefit-outweighs")

    async def work() -> None:
        kept = store(tmp_path, **QUICK)
        with pytest.raises(LookupError):
            await kept.override(wanted, CALLER, AT)
        spool(tmp_path).append(entries(1))
        with pytest.raises(StoreAway, match="wait in the spool"):
            await kept.override(wanted, CALLER, AT)
        await kept.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "_drain", lambda self: None)
        patch.setattr(Writer, "is_away", False)
        run(work())


def test_up_to_the_bound_then_refused(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path, spool_records=5, **QUICK)
        await record(kept)
        with locked(tmp_path):
            assert await record(kept) == "spooled"
            said = await asyncio.gather(*(record(kept) for _ in range(10)), return_exceptions=True)
            assert said.count("spooled") == 4
            refused = [one for one in said if isinstance(one, AuditRefused)]
            assert len(refused) == 6
            assert {str(one) for one in refused} == {"the database is away and the spool is full (5 records)"}
            assert (await kept.ready())["spooled"] == 5
        await drained(kept)
        assert await record(kept) == "stored"
        await kept.close()

    run(work())
    assert len(stored(tmp_path)) == 7


def test_the_bound_is_for_all_processes_together(tmp_path: Path) -> None:
    first, second = spool(tmp_path, 10), spool(tmp_path, 10)
    assert first.append(entries(4, "a")) == 4
    assert second.append(entries(4, "b")) == 4
    assert first.append(entries(4, "c")) == 2
    assert second.append(entries(4, "d")) == 0
    assert first.count() == second.count() == 10


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_is_refused_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    kept = spool(tmp_path)
    assert kept.append(entries(2, "a")) == 2
    write = os.pwrite

    def half(handle: int, data: bytes, at: int) -> int:
        if len(data) < 20:
            raise OSError(code, "no room")
        return write(handle, data[: len(data) // 2], at)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(AuditRefused, match="cannot be written"):
        kept.append(entries(3, "b"))
    monkeypatch.setattr(os, "pwrite", write)
    assert kept.count() == 2
    assert kept.append(entries(1, "c")) == 1
    kept.rotate()
    (segment,) = kept.waiting()
    assert [one.row["evaluation"] for one in kept.read(segment) if one] == ["a0000", "a0001", "c0000"]


def test_a_sync_that_fails_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = spool(tmp_path)
    kept.append(entries(1, "a"))

    def fails(handle: int) -> None:
        raise OSError(errno.EIO, "lost")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(AuditRefused):
        kept.append(entries(1, "b"))
    monkeypatch.undo()
    kept.rotate()
    (segment,) = kept.waiting()
    assert [one.row["evaluation"] for one in kept.read(segment) if one] == ["a0000"]


def test_no_spool_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")

    async def work() -> None:
        kept = store(tmp_path, url="sqlite:////nowhere/at/all.sqlite", **QUICK)
        with pytest.raises(AuditRefused):
            await record(kept)
        assert (await kept.ready())["database"] == "away"
        await kept.close()

    run(work())


def test_the_full_disk_of_a_database_is_away(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path, **QUICK)
        assert await record(kept) == "stored"
        base, small = kept._database, [True]

        def limit(connection: sqlite3.Connection, *_: object) -> None:
            if small[0]:
                count = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count={count}")

        from sqlalchemy import event

        event.listen(base.engine, "connect", limit)
        base.engine.dispose()
        assert await record(kept, question(body=os.urandom(50_000))) == "spooled"
        small[0] = False
        base.engine.dispose()
        await drained(kept)
        await kept.close()

    run(work())
    assert len(stored(tmp_path)) == 2


def test_a_disk_that_is_full_for_database_and_spool_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database can be begun and read, so that nothing but a refused evaluation tells."""

    async def work() -> None:
        kept = store(tmp_path, **QUICK)
        assert await record(kept) == "stored"
        assert (await kept.ready())["database"] == "ok"

        def full(*_: object) -> None:
            raise StoreAway("the database is away (OperationalError SQLITE_FULL)")

        def no_room(*_: object) -> int:
            raise OSError(errno.ENOSPC, "no room")

        with monkeypatch.context() as broken:
            broken.setattr(chain, "append", full)
            broken.setattr(os, "pwrite", no_room)
            with pytest.raises(AuditRefused):
                await record(kept)
            await asyncio.sleep(PROBE * 2)
            found = await kept.ready()
            assert (found["database"], found["refusing"]) == ("away", True)
        assert await record(kept) == "stored"
        found = await kept.ready()
        assert (found["database"], found.get("refusing")) == ("ok", None)
        await kept.close()

    run(work())


def test_a_database_file_that_was_taken_away(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path, **QUICK)
        assert await record(kept) == "stored"
        for file in tmp_path.glob("store.sqlite*"):
            file.rename(tmp_path / f"away-{file.name}")
        assert await record(kept) == "spooled"
        assert not (tmp_path / "store.sqlite").exists(), "an empty database was made in its place"
        for file in tmp_path.glob("away-*"):
            file.rename(tmp_path / file.name.removeprefix("away-"))
        await drained(kept)
        assert await record(kept) == "stored"
        await kept.close()

    run(work())
    assert len(stored(tmp_path)) == 3


def test_a_database_file_that_was_replaced(tmp_path: Path) -> None:
    """An older copy put back under the running service: what comes is in the copy, not in a lost file."""

    async def work() -> None:
        kept = store(tmp_path, **QUICK)
        assert await record(kept, question(name="a")) == "stored"
        with sqlite3.connect(tmp_path / "store.sqlite") as live, sqlite3.connect(tmp_path / "copy") as copy:
            live.backup(copy)
        assert await record(kept, question(name="b")) == "stored"
        for file in tmp_path.glob("store.sqlite-*"):
            file.unlink()
        (tmp_path / "copy").rename(tmp_path / "store.sqlite")
        assert await record(kept, question(name="c")) == "spooled"
        await drained(kept)
        assert await record(kept, question(name="d")) == "stored"
        await kept.close()

    run(work())
    assert stored(tmp_path) == ["a", "c", "d"]


def test_leftovers_of_a_dead_process_are_drained_at_the_start(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from service.store.test_away import entries, spool\n"
        "kept = spool(Path(sys.argv[1]))\n"
        "for part in 'ab':\n"
        "    kept.append(entries(3, part)); kept.rotate()\n"
        "print('kept', flush=True); sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"kept\n"

    async def work(spooled: int) -> None:
        kept = store(tmp_path)
        await asyncio.sleep(0.3)
        assert (await kept.ready())["spooled"] == spooled
        await kept.close()

    run(work(6))  # its process lives: its files are its own
    assert stored(tmp_path) == []
    child.kill()
    child.communicate()
    run(work(0))
    assert stored(tmp_path) == ["a0000", "a0001", "a0002", "b0000", "b0001", "b0002"]
    assert not list((tmp_path / "spool").glob("*.spool"))


def test_a_torn_end_is_passed_over(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.append(entries(3))
    kept.close()
    (file,) = (tmp_path / "spool").glob("*.spool")
    whole = file.read_bytes()
    for end in (b"\x00" * 30, b"\x00\x00", b"\x00\x00\x7f\xff" + b"x" * 50):
        file.write_bytes(whole + end)
        assert spool(tmp_path).count() == 3
    for cut in (1, 3, 100):
        file.write_bytes(whole[:-cut])
        again = spool(tmp_path)
        assert again.count() == 2
        (segment,) = again.waiting()
        assert [one.row["evaluation"] for one in again.read(segment) if one] == ["0000", "0001"]
        again.close()
    file.write_bytes(HEADER)
    assert spool(tmp_path).count() == 0


def test_what_was_altered_in_the_spool_is_set_aside_not_dropped(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.append(entries(3))
    kept.close()
    (file,) = (tmp_path / "spool").glob("*.spool")
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)

    async def work() -> None:
        kept = store(tmp_path)
        await drained(kept)
        assert (await kept.ready())["spool_files_set_aside"] == 1
        await kept.close()

    run(work())
    assert stored(tmp_path) == ["0000", "0002"]
    (aside,) = (tmp_path / "spool").glob("*.set-aside")
    assert aside.read_bytes() == bytes(raw)


def test_stopped_in_the_middle_of_draining(tmp_path: Path) -> None:
    made = entries(7)
    base = database(tmp_path)
    upgrade(base)
    from caveat.service.store import chain

    with base.begin() as connection:
        chain.prepare(connection, KEYS)
        chain.append(connection, KEYS, made[:4])  # stored, and the process died before the file was gone
    base.close()
    waiting = spool(tmp_path)
    waiting.append(made)
    waiting.close()

    async def work() -> None:
        kept = store(tmp_path)
        await drained(kept)
        await kept.close()

    run(work())
    assert stored(tmp_path) == [one.row["evaluation"] for one in made]


def test_a_store_closed_while_away_keeps_what_it_told(tmp_path: Path) -> None:
    async def away() -> None:
        kept = store(tmp_path, url="sqlite:////nowhere/at/all.sqlite", **QUICK)
        assert await record(kept, question(name="a")) == "spooled"
        await kept.close()
        with pytest.raises(AuditRefused, match="the store is closed"):
            await record(kept)

    async def back() -> None:
        kept = store(tmp_path)
        await drained(kept)
        await kept.close()

    run(away())
    run(back())
    assert stored(tmp_path) == ["a"]


def test_configured_without_inputs_none_are_kept(tmp_path: Path) -> None:
    async def work() -> None:
        settings = config(tmp_path)
        settings = settings.model_copy(update={"audit": settings.audit.model_copy(update={"inputs": "none"})})
        kept = SqlStore(settings, b"a secret of a site, 32 bytes long or more")
        assert await record(kept) == "stored"
        await kept.close()

    run(work())
    assert len(stored(tmp_path)) == 1
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM audit_input").fetchone() == (0,)
