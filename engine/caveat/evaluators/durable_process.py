"""The worker process that runs durable-rules: started when first asked, replaced when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 30.0
"""Seconds that one request may take, and a hundredth more for each of its jobs."""

MOST_PROGRAMS: Final = 64
"""Programs a worker loads before a fresh one takes over: durable-rules does not free a ruleset."""

SCRIPT: Final = Path(__file__).with_name("durable_worker.py")

Job = tuple[int, list[str]]
Answer = list[str] | str
Definitions = list[list[list[list[str]]]]


class WorkerFailure(Exception):
    """The worker ended, did not answer in time or refused; the message says which."""


class WorkerProcess:
    """One worker at a time behind a lock; a failed one is replaced at the next request.

    `command` and `patience` are for tests.
    """

    def __init__(self, command: list[str] | None = None, patience: float = PATIENCE) -> None:
        # isolated: no environment, and the folder of the script is not on the path
        self._command = command or [sys.executable, "-I", str(SCRIPT)]
        self._patience = patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._loaded: set[str] = set()
        self._end: weakref.finalize[[subprocess.Popen[str]], WorkerProcess] | None = None
        self._owner = os.getpid()

    def judge(self, name: str, definitions: Callable[[], Definitions], jobs: list[Job]) -> list[Answer]:
        """For each job the conclusions drawn, or a text saying why there are none.

        `definitions` are the rulesets of the program `name`, loaded when the worker does not have
        them. Raises WorkerFailure when the worker as a whole failed.
        """
        if self._owner != os.getpid():
            self._leave_to_parent()
        with self._lock:
            if name not in self._loaded and len(self._loaded) >= MOST_PROGRAMS:
                self._stop()
            if self._process is None:
                self._start()
            if name not in self._loaded:
                self._ask({"load": name, "rulesets": definitions()}, self._patience)
                self._loaded.add(name)
            reply = self._ask({"judge": name, "jobs": jobs}, self._patience + len(jobs) / 100)
            drawn = reply.get("drawn")
            if not isinstance(drawn, list) or len(drawn) != len(jobs):
                raise self._failed("its worker gave no answer for some of the rules")
            return drawn

    def close(self) -> None:
        """End the worker; the next request starts another."""
        with self._lock:
            self._stop()

    def _start(self) -> None:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
        except OSError as error:
            raise WorkerFailure(f"its worker cannot be started: {error}") from None
        self._process = process
        self._end = weakref.finalize(self, _finish, process)
        self._ask({"path": sys.path}, self._patience)

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):
            line = ""
        finally:
            timer.cancel()
        if late.is_set():
            raise self._failed(f"its worker gave no answer within {seconds:g} s")
        try:
            reply = json.loads(line) if line else None
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise self._failed(None)
        if "error" in reply:
            raise self._failed(f"its worker refused: {reply['error']}")
        return reply

    def _failed(self, reason: str | None) -> WorkerFailure:
        """The failure, after the worker was ended; None is a worker that ended by itself."""
        process = self._process
        self._stop()
        code = None if process is None else process.returncode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return WorkerFailure(reason or f"its worker ended with {how}")

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._end = None
        self._loaded.clear()

    def _leave_to_parent(self) -> None:
        """In a forked child: the worker and the lock belong to the parent."""
        if self._end is not None:
            self._end.detach()
        self._process = self._end = None
        self._loaded = set()
        self._lock, self._owner = threading.Lock(), os.getpid()


def _finish(process: subprocess.Popen[str]) -> None:
    """Close the pipes, on which a sound worker ends, and make sure that it does."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
