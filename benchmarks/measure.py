"""Interleaved timing: everything that is compared takes turns, so that noise falls on all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

BLOCK = 100
"""Items that one candidate handles before the next one has its turn."""


@dataclass(slots=True)
class Timing:
    """Microseconds an item, one inner list a round: `wall` by the clock, `cpu` of this process."""

    wall: list[list[float]] = field(default_factory=list)
    cpu: list[list[float]] = field(default_factory=list)

    def quantile(self, share: float, kind: str = "cpu", *, first: int = 0) -> float:
        """The median over the rounds (from `first` on) of each round's quantile."""
        rounds: list[list[float]] = getattr(self, kind)[first:]
        return statistics.median(quantile(times, share) for times in rounds)

    def mean(self, kind: str = "cpu") -> float:
        """The median over the rounds of each round's mean."""
        return statistics.median(self.means(kind))

    def means(self, kind: str = "cpu") -> list[float]:
        """Each round's mean."""
        rounds: list[list[float]] = getattr(self, kind)
        return [statistics.fmean(times) for times in rounds]


def quantile(times: Sequence[float], share: float) -> float:
    """The value below which that share of the times lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextmanager
def settled() -> Iterator[None]:
    """The collector on, but blind to what exists already, as in a service after its start."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def item_by_item(
    candidates: Mapping[str, Callable[[Any], object]], items: Sequence[Any], rounds: int
) -> dict[str, Timing]:
    """The time of each call; candidates take turns block by block and begin in another order each round."""
    found = {name: Timing() for name in candidates}
    with settled():
        for number in range(rounds):
            for timing in found.values():
                timing.wall.append([])
                timing.cpu.append([])
            for start, name in _turns(list(candidates), len(items), number):
                run, wall, cpu = candidates[name], found[name].wall[-1], found[name].cpu[-1]
                for item in items[start : start + BLOCK]:
                    cpu_before, wall_before = time.process_time_ns(), time.perf_counter_ns()
                    run(item)
                    wall_after, cpu_after = time.perf_counter_ns(), time.process_time_ns()
                    wall.append((wall_after - wall_before) / 1000)
                    cpu.append((cpu_after - cpu_before) / 1000)
    return found


def block_by_block(
    candidates: Mapping[str, tuple[Callable[[Any], object], Sequence[Any]]], rounds: int
) -> dict[str, Timing]:
    """The mean time of a call in each block; each candidate has its own items, of one number."""
    count = len(next(iter(candidates.values()))[1])
    found = {name: Timing() for name in candidates}
    with settled():
        for number in range(rounds):
            for timing in found.values():
                timing.wall.append([])
                timing.cpu.append([])
            for start, name in _turns(list(candidates), count, number):
                run, items = candidates[name]
                block = items[start : start + BLOCK]
                cpu_before, wall_before = time.process_time_ns(), time.perf_counter_ns()
                for item in block:
                    run(item)
                wall_after, cpu_after = time.perf_counter_ns(), time.process_time_ns()
                found[name].wall[-1].append((wall_after - wall_before) / 1000 / len(block))
                found[name].cpu[-1].append((cpu_after - cpu_before) / 1000 / len(block))
    return found


def _turns(names: list[str], count: int, number: int) -> Iterator[tuple[int, str]]:
    for turn, start in enumerate(range(0, count, BLOCK)):
        shift = (number + turn) % len(names)
        for name in names[shift:] + names[:shift]:
            yield start, name


def ratio(slow: Timing, fast: Timing, kind: str = "cpu") -> float:
    """How many times as long the first takes: the median of the ratios of the rounds."""
    return statistics.median(
        a / max(b, 1e-9) for a, b in zip(slow.means(kind), fast.means(kind), strict=True)
    )


def contention(rounds: int = 60) -> tuple[float, float]:
    """Best and median wall milliseconds of one fixed piece of work: far apart on a busy machine."""
    times = []
    for _ in range(rounds):
        before = time.perf_counter_ns()
        sum(number * number for number in range(20_000))
        times.append((time.perf_counter_ns() - before) / 1e6)
    return min(times), statistics.median(times)
