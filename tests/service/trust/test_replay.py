"""The record of used tokens: one winner, whoever asks and whatever stops."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from caveat.service.trust.replay import FILE, WAITS, Replays, ReplaysAway


def first(replays: Replays, jti: str, *, until: float = 100, now: float = 0, iss: str = "i") -> bool:
    return asyncio.run(replays.first(iss, jti, until, now))


def test_first_is_first_once(tmp_path: Path) -> None:
    one, two = Replays(str(tmp_path)), Replays(str(tmp_path))
    assert [first(one, "a"), first(two, "a"), first(one, "a"), first(two, "b"), first(one, "b")] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert first(one, "a", iss="j")


def test_restart_forgets_nothing(tmp_path: Path) -> None:
    one = Replays(str(tmp_path))
    assert first(one, "a")
    one.close()
    assert not first(one, "a")
    assert not first(Replays(str(tmp_path)), "a")


WORKER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from caveat.service.trust.replay import Replays
async def main():
    replays = Replays(sys.argv[1])
    for number in range(300):
        if await replays.first("i", str(number), 100, 0):
            print(number)
asyncio.run(main())
"""


def test_of_many_processes_one_wins_each_token(tmp_path: Path, root: Path) -> None:
    """Also while the file is being made."""
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(root / "engine")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    won = [line for process in started for line in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in started] == [0] * 4
    assert sorted(map(int, won)) == list(range(300))


def test_rows_are_dropped_after_their_end(tmp_path: Path) -> None:
    replays = Replays(str(tmp_path))
    for number in range(500):
        assert first(replays, str(number), until=10, now=0)
    for number in range(500, 1000):
        assert first(replays, str(number), until=1000, now=500)
    with sqlite3.connect(tmp_path / FILE) as base:
        assert base.execute("SELECT count(*), min(until) FROM seen").fetchone() == (500, 1001)
    assert not first(replays, "999", until=1000, now=500)


def test_row_lives_to_the_end_of_its_last_second(tmp_path: Path) -> None:
    replays = Replays(str(tmp_path))
    assert first(replays, "a", until=10.9, now=0)
    for number in range(200):
        first(replays, f"later-{number}", until=50, now=11.5)
    assert not first(replays, "a", until=10.9, now=10.8)


def test_busy_file_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    replays = Replays(str(tmp_path))
    assert first(replays, "a")
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ReplaysAway):
        first(replays, "b")

    async def freed() -> bool:
        asyncio.get_running_loop().call_later(sum(WAITS) / 4, other.execute, "COMMIT")
        return await replays.first("i", "b", 100, 0)

    assert asyncio.run(freed())
    other.close()


@pytest.mark.parametrize("content", [b"no database at all, but text of some length" * 100, None])
def test_unusable_file_lets_nothing_through(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).write_bytes(content)
    replays = Replays(str(tmp_path))
    for _ in range(2):
        with pytest.raises(ReplaysAway):
            first(replays, "a")


def test_names_are_kept_as_hashes(tmp_path: Path) -> None:
    replays = Replays(str(tmp_path))
    first(replays, "canary-jti", iss="canary-iss")
    replays.close()
    assert all(b"canary" not in file.read_bytes() for file in tmp_path.iterdir())
