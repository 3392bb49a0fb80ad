"""Long work beside the event loop: ended when its time is up, and other work is left alone."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from caveat.service.aside import Aside


def busy(seconds: float, until: list[str] | None = None) -> Callable[[], str]:
    """Work in Python for so long; it says when it ended, and nothing may keep it from ending."""

    def work() -> str:
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                with contextlib.suppress(Exception):
                    sum(range(100))
            return "done"
        finally:
            if until is not None:
                until.append("ended")

    return work


def run(work: Callable[[Aside], Any], threads: int = 2) -> Any:
    async def all_of_it() -> Any:
        aside = Aside(threads)
        try:
            return await work(aside)
        finally:
            aside.close()

    return asyncio.run(all_of_it())


def test_work_in_time_gives_what_it_gives() -> None:
    assert run(lambda aside: aside.run(busy(0.01), 5)) == "done"


def test_what_the_work_raises_is_raised() -> None:
    def fails() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(lambda aside: aside.run(fails, 5))


def test_work_that_takes_too_long_ends() -> None:
    ended: list[str] = []

    async def work(aside: Aside) -> None:
        with pytest.raises(TimeoutError):
            await aside.run(busy(30, ended), 0.1)
        await asyncio.sleep(0.3)
        assert ended == ["ended"]

    began = time.monotonic()
    run(work)
    assert time.monotonic() - began < 5


def test_work_whose_caller_went_away_ends() -> None:
    ended: list[str] = []

    async def work(aside: Aside) -> None:
        task = asyncio.create_task(aside.run(busy(30, ended), 20))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.3)
        assert ended == ["ended"]

    run(work)


def test_what_waits_is_not_begun_when_its_time_is_up() -> None:
    begun: list[str] = []

    async def work(aside: Aside) -> None:
        first = asyncio.create_task(aside.run(busy(0.5), 5))
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await aside.run(lambda: begun.append("begun"), 0.1)
        assert await first == "done"
        await asyncio.sleep(0.1)
        assert begun == []

    run(work, threads=1)


def test_the_threads_do_other_work_after_many_that_were_ended() -> None:
    async def work(aside: Aside) -> None:
        for number in range(60):
            with pytest.raises(TimeoutError):
                await aside.run(busy(10), 0.002 * (number % 5))
        found = await asyncio.gather(*(aside.run(busy(0.005), 5) for _ in range(20)))
        assert found == ["done"] * 20

    began = time.monotonic()
    run(work)
    assert time.monotonic() - began < 10


def test_work_that_ends_just_in_time_or_just_not_harms_no_other() -> None:
    async def work(aside: Aside) -> None:
        outcomes = set()
        for number in range(200):
            try:
                outcomes.add(await aside.run(busy(0.002), 0.0015 + 0.00001 * number))
            except TimeoutError:
                outcomes.add("late")
            assert await aside.run(lambda: "whole", 5) == "whole"
        assert outcomes <= {"done", "late"}

    run(work, threads=1)


def test_nothing_is_left_running_at_the_end() -> None:
    async def work(aside: Aside) -> None:
        with pytest.raises(TimeoutError):
            await aside.run(busy(30), 0.05)

    before = set(threading.enumerate())  # what another test's service has not let go of yet

    def left() -> list[str]:
        running = (thread for thread in threading.enumerate() if thread not in before)
        return [thread.name for thread in running if thread.name.startswith("caveat-judge")]

    run(work)
    until = time.monotonic() + 5
    while time.monotonic() < until and left():
        time.sleep(0.02)
    assert not left()
