"""Killed at any moment: whatever a caller was told is kept, is kept, once, and the chain holds."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from caveat.service.audit.verify import Verdict, verify
from caveat.service.store.base import StoreAway
from caveat.service.store.spool import Spool
from service.store.making import AT, KEYS, answer, database, question, record, run, store
from service.store.postgres import Server, lacking, server

SECONDS = 7.0
"""How long each test goes on killing."""
SETTINGS = {"timeout_seconds": 0.5}


class Child:
    """A process that records under load; `told` are the ids it was told of, with what it was told."""

    def __init__(self, folder: Path, place: dict[str, Any]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        url, password = place.get("url", ""), place.get("password_file", "")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from service.store.test_killed import load; load()",
                str(folder),
                url,
                password,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.told: list[tuple[str, str]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                name, said = line.split()
                self.told.append((name, said))

    def wait_for(self, count: int) -> None:
        """Until it was told of so many."""
        until = time.monotonic() + 20
        while len(self.told) < count:
            assert time.monotonic() < until, f"told of {len(self.told)} only"
            assert self.process.poll() is None, "the child ended by itself"
            time.sleep(0.005)

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def stop(self) -> None:
        """Let it finish."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.end()

    def end(self) -> None:
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def load() -> None:
    """What a child does: eight callers, each recording one after the other, until stdin ends."""
    folder, url, password = sys.argv[1:]
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()

    async def call(kept: Any) -> None:
        while not stopping.is_set():
            asked = question(body=os.urandom(random.randrange(2000)))
            said = await record(kept, asked, answer())
            sys.stdout.write(f"{asked.id} {said}\n")
            sys.stdout.flush()

    async def work() -> None:
        more = {"url": url} if url else {}
        kept = store(Path(folder), password_file=password or None, **more, **SETTINGS)
        await asyncio.gather(*(call(kept) for _ in range(8)))
        await kept.close()

    asyncio.run(work())


def kept_of(folder: Path, place: dict[str, Any]) -> tuple[Verdict, Counter[str], Counter[str]]:
    """What the chain says, and how often each evaluation is in it and in the spool."""
    base = database(folder, **place)
    verdict = verify(base, KEYS)
    with base.read() as connection:
        stored = Counter(name for (name,) in connection.exec_driver_sql("SELECT evaluation FROM audit"))
    base.close()
    waits = Spool(folder / "spool", 0, KEYS)
    spooled = Counter(
        entry.row["evaluation"] for segment in waits.waiting() for entry in waits.read(segment) if entry
    )
    waits.close()
    return verdict, stored, spooled


def drain(folder: Path, place: dict[str, Any]) -> None:
    async def work() -> None:
        kept = store(folder, **place, **SETTINGS)
        for _ in range(500):
            ready = await kept.ready()
            if ready["database"] == "ok" and not ready["spooled"]:
                break
            await asyncio.sleep(0.02)
        assert not ready["spooled"], ready
        await kept.close()

    run(work())


def test_the_process_is_killed(place: dict[str, Any], tmp_path: Path) -> None:
    chance = random.Random(7)
    told: list[str] = []
    rounds, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until or rounds < 4:
        children = [Child(tmp_path, place) for _ in range(1 + rounds % 2)]
        for child in children:
            child.wait_for(1)
        time.sleep(chance.uniform(0, 0.25))
        for child in children:
            child.kill()
            told += [name for name, said in child.told if said == "stored"]
        rounds += 1
        verdict, stored, spooled = kept_of(tmp_path, place)
        assert verdict.faults == ()
        assert set(told) <= stored.keys()
        assert set(stored.values()) == {1}
        assert not spooled
    assert len(told) > 100, (rounds, len(told))


def test_the_process_is_killed_while_it_spools_and_drains(tmp_path: Path) -> None:
    """SQLite's lock is taken and given back by another program all the while."""
    import sqlite3

    chance = random.Random(8)
    drain(tmp_path, {})
    stopping = threading.Event()

    def disturb() -> None:
        other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None, timeout=0)
        while not stopping.is_set():
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # a child that writes without a pause has it; ask again at once
                continue
            time.sleep(chance.uniform(0, 1.2))
            other.rollback()
            time.sleep(chance.uniform(0.05, 0.3))
        other.close()

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    told: list[str] = []
    said_so: Counter[str] = Counter()
    try:
        began = time.monotonic()
        # a busy machine starts few children, of which each must live to see a lock or none
        while (spent := time.monotonic() - began) < SECONDS or (
            spent < 8 * SECONDS and min(said_so["stored"], said_so["spooled"]) <= 20
        ):
            child = Child(tmp_path, {})
            child.wait_for(1)
            time.sleep(chance.uniform(0.1, 2.0))
            child.kill()
            said_so += Counter(said for _, said in child.told)
            told += [name for name, _ in child.told]
            verdict, stored, spooled = kept_of(tmp_path, {})
            assert verdict.faults == ()
            assert set(told) <= stored.keys() | spooled.keys()
    finally:
        stopping.set()
        disturbing.join()
    assert said_so["stored"] > 20, said_so
    assert said_so["spooled"] > 20, said_so
    drain(tmp_path, {})
    verdict, stored, spooled = kept_of(tmp_path, {})
    assert verdict.faults == ()
    assert not spooled
    assert set(told) <= stored.keys()
    assert set(stored.values()) == {1}


@pytest.fixture(scope="module")
def victim() -> Any:
    """A server of its own, since it is killed."""
    if why := lacking():
        pytest.skip(why)
    with server() as running:
        yield running


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_database_is_killed(victim: Server, tmp_path: Path, how: str) -> None:
    place = {"url": victim.database(), "password_file": victim.password_file}
    children = [Child(tmp_path, place) for _ in range(2)]
    for _ in range(2):
        for child in children:
            child.wait_for(len(child.told) + 20)
        getattr(victim, how)()
        away = [sum(said == "spooled" for _, said in child.told) for child in children]
        for child in children:
            child.wait_for(len(child.told) + 20)
        assert all(
            sum(said == "spooled" for _, said in child.told) > before
            for child, before in zip(children, away, strict=True)
        )
        victim.start()
        until = time.monotonic() + 20
        while any(child.told[-1][1] != "stored" for child in children):
            assert time.monotonic() < until, "not drained while the load went on"
            time.sleep(0.02)
    children[0].kill()
    children[1].stop()
    told = [name for child in children for name, _ in child.told]
    drain(tmp_path, place)
    verdict, stored, spooled = kept_of(tmp_path, place)
    assert verdict.faults == ()
    assert set(told) <= stored.keys()
    assert set(stored.values()) == {1}
    assert not spooled


def test_a_server_that_hangs(victim: Server, tmp_path: Path) -> None:
    """It takes connections and never answers: callers go on by the spool, and do not wait for it twice."""

    async def work() -> None:
        kept = store(tmp_path, **place, timeout_seconds=0.4)
        assert await record(kept) == "stored"
        with victim.hanging():
            began = time.monotonic()
            with pytest.raises(StoreAway):
                await kept.overrides("p1", AT)
            assert time.monotonic() - began < 2
            for _ in range(20):
                assert await record(kept) == "spooled"
                with pytest.raises(StoreAway):
                    await kept.overrides("p1", AT)
            assert time.monotonic() - began < 4
            assert (await kept.ready())["database"] == "away"
        for _ in range(500):
            ready = await kept.ready()
            if ready["database"] == "ok" and not ready["spooled"]:
                break
            await asyncio.sleep(0.02)
        assert ready["database"] == "ok", ready
        assert await record(kept) == "stored"
        await kept.close()

    async def while_it_writes() -> None:
        kept = store(tmp_path, **place, timeout_seconds=0.4)
        assert await record(kept) == "stored"
        with victim.hanging():
            assert await asyncio.gather(*(record(kept) for _ in range(5))) == ["spooled"] * 5
        await kept.close()

    place = {"url": victim.database(), "password_file": victim.password_file}
    run(work())
    run(while_it_writes())
    drain(tmp_path, place)
    verdict, stored, spooled = kept_of(tmp_path, place)
    assert verdict.faults == ()
    assert sum(stored.values()) == len(stored) == 1 + 20 + 1 + 1 + 5
    assert not spooled
