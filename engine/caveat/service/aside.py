"""Work that may take long, in threads beside the event loop, and ended when its time is up.

A thread cannot be cancelled, and one that goes on after its caller was told takes the processor from
every other call. So it is sent an exception, which ends it at its next step in Python.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, get_ident
from typing import Any, Final, TypeVar

T = TypeVar("T")
THREADS: Final = 4
"""How much is worked at once; what comes meanwhile waits, within its own time."""


class OutOfTime(BaseException):
    """Raised within work whose time is up. No `except Exception` keeps it."""


class Aside:
    """Runs pure functions: one that is ended must leave nothing half done."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="caveat-judge")

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """What the work gives. Raises TimeoutError when it took longer, and what the work raises.

        The work ends too when the caller is cancelled.
        """
        task = _Task(work)
        asked = asyncio.get_running_loop().run_in_executor(self._pool, task.run)
        try:
            found: T = await asyncio.wait_for(asked, seconds)
            return found
        finally:
            task.end()

    def close(self) -> None:
        """Take nothing more, and drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Task:
    """One piece of work, and the thread that is at it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._lock = Lock()
        self._thread: int | None = None
        self._ended = False

    def run(self) -> Any:
        """Do the work. Raises TimeoutError where it was ended."""
        with self._lock:
            if self._ended:
                raise TimeoutError
            self._thread = get_ident()
        try:
            return self._work()
        except OutOfTime:
            raise TimeoutError from None
        finally:
            with self._lock:
                self._ended, self._thread = True, None
            _raise_in(get_ident(), None)  # what was sent and did not arrive yet must not reach other work

    def end(self) -> None:
        """End the work, where it has not ended."""
        with self._lock:
            if self._thread is not None and not self._ended:
                _raise_in(self._thread, OutOfTime)
            self._ended = True


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have a thread raise this at its next step; None takes back what has not arrived."""
    what = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
