"""Parts in several processes: handed out one at a time, watched, and stopped when one fails."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Protocol

from caveat.batch.part import Job, screen_part
from caveat.batch.problems import RunError
from caveat.errors import InputError

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); from caveat.batch.worker import main; main()"
)


class Watcher(Protocol):
    """Is told how far the parts are."""

    def step(self, part: int, entered: int, alerts: int, left_open: int) -> None: ...

    def done(self, part: int) -> None: ...

    def tick(self) -> float: ...


@dataclass(slots=True)
class Worker:
    """One process, with the part it is at."""

    process: subprocess.Popen[bytes]
    orders: Connection
    answers: Connection
    part: int | None = None


def screen_parts(job: Job, parts: Sequence[int], *, jobs: int, watcher: Watcher, lock: int) -> int:
    """Screen the parts, in `jobs` processes; one, or a single part, needs none beside this one.

    Returns the memory in bytes that the processes took at most, summed. `lock` is a handle that
    the processes keep open. Raises InputError and RunError as `screen_part` does, and RunError
    when a process dies.
    """
    if jobs == 1 or len(parts) <= 1:
        tools = job.tools() if parts else None
        for part in parts:
            assert tools is not None

            def tell(*so_far: int, part: int = part) -> None:
                watcher.step(part, *so_far)
                watcher.tick()

            screen_part(job, part, tools, tell)
            watcher.done(part)
        return 0
    with _workers(job, min(jobs, len(parts)), lock) as workers:
        return _hand_out(workers, list(parts), watcher, job)


def _hand_out(workers: list[Worker], parts: list[int], watcher: Watcher, job: Job) -> int:
    todo = iter(parts)
    memory: dict[int, int] = {}
    for worker in workers:
        _next(worker, todo)
    while any(worker.part is not None for worker in workers):
        busy = {worker.answers: worker for worker in workers if worker.part is not None}
        for ready in wait(list(busy), timeout=watcher.tick()):
            worker = busy[ready]  # type: ignore[index]
            try:
                message = worker.answers.recv()
            except (EOFError, OSError):
                raise _died(worker) from None
            kind, part, *rest = message
            if kind == "step":
                watcher.step(part, *rest)
            elif kind == "done":
                memory[worker.process.pid] = rest[0]
                watcher.done(part)
                _next(worker, todo)
            else:
                _raise(part, *rest)
    return sum(memory.values())


def _next(worker: Worker, todo: Iterator[int]) -> None:
    worker.part = next(todo, None)
    try:
        worker.orders.send(worker.part)
    except OSError:
        if worker.part is not None:
            raise _died(worker) from None


def _died(worker: Worker) -> RunError:
    code = worker.process.wait()
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        how = f"was killed by {name}"
        if -code == signal.SIGKILL:
            how += ", most often because memory was short"
    else:
        how = f"ended with code {code}"
    return RunError(
        f"the process that screened part {worker.part} {how}. Finished parts are kept: run the same command "
        "with --resume, and with --jobs 1 if memory is short"
    )


def _raise(part: int, kind: str, text: str) -> None:
    if kind == "input":
        raise InputError(text, code="part")
    if kind == "run":
        raise RunError(text)
    raise RuntimeError(f"part {part} failed:\n{text}")


@contextlib.contextmanager
def _workers(job: Job, count: int, lock: int) -> Iterator[list[Worker]]:
    """The processes, each with its job; all are gone afterwards."""
    raw = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
    workers: list[Worker] = []
    try:
        for _ in range(count):
            workers.append(_started(lock))
        for worker in workers:
            try:
                worker.orders.send_bytes(raw)
            except OSError:
                raise _died(worker) from None
        yield workers
    finally:
        for worker in workers:
            worker.orders.close()
        for worker in workers:
            _stop(worker)


def _started(lock: int) -> Worker:
    read_orders, write_orders = os.pipe()
    read_answers, write_answers = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(read_orders), str(write_answers), json.dumps(sys.path)],
            pass_fds=(read_orders, write_answers, *((lock,) if lock >= 0 else ())),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **_few_threads()},
            process_group=0,
        )
    finally:
        os.close(read_orders)
        os.close(write_answers)
    return Worker(process, Connection(write_orders, readable=False), Connection(read_answers, writable=False))


def _few_threads() -> dict[str, str]:
    """Processes share the cores: libraries in them start no threads of their own for arithmetic.

    Arrow takes its memory from the system's allocator: its own gives memory back so eagerly that a
    first pass over a large part spent as long in the kernel as in reading (measured).
    """
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_IO_THREADS"), "1")
    return {**alone, "ARROW_DEFAULT_MEMORY_POOL": os.environ.get("ARROW_DEFAULT_MEMORY_POOL", "system")}


def _stop(worker: Worker) -> None:
    """End a process: it leaves by itself when its orders end; what does not is killed."""
    with contextlib.suppress(OSError):
        worker.answers.close()
    try:
        worker.process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        worker.process.kill()
        worker.process.wait()
