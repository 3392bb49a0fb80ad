"""Whole runs that take turns, and one core for all of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.measure import Timing, settled


class Run(NamedTuple):
    """Something to be measured, and how many patients one call of it handles."""

    call: Callable[[], object]
    patients: int


@contextmanager
def one_core() -> Iterator[None]:
    """This process on one processor, and Arrow with one thread."""
    import pyarrow as pa

    threads = pa.cpu_count(), pa.io_thread_count()
    pa.set_cpu_count(1)
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)
        pa.set_cpu_count(threads[0])


def in_turn(runs: Mapping[str, Run], rounds: int) -> dict[str, Timing]:
    """Microseconds a patient of each run; each round begins with another one, after one call untimed."""
    found = {name: Timing() for name in runs}
    names = list(runs)
    for name in names:
        runs[name].call()
    with settled():
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                run = runs[name]
                cpu, wall = time.process_time_ns(), time.perf_counter_ns()
                run.call()
                wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
                found[name].wall.append([wall / 1000 / run.patients])
                found[name].cpu.append([cpu / 1000 / run.patients])
    return found


def rate(timing: Timing, kind: str = "cpu") -> float:
    """Patients a second, by the median of the rounds."""
    return 1e6 / max(timing.mean(kind), 1e-9)
