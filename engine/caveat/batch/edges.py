"""The clock and what the system says of this process: read here and nowhere else in runs."""

from __future__ import annotations

import datetime as dt
import resource
import sys
import time


def now() -> str:
    """This moment in UTC, `2026-01-15T08:30:00Z`."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ticks() -> float:
    """Seconds from some fixed moment, never going back."""
    return time.monotonic()


def rest(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def peak_memory() -> int:
    """Bytes of memory this process held at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
