"""Log lines: JSON on stderr, of listed fields only, so that no patient and no token can get into one."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from threading import Lock
from typing import Any, Final, TextIO

FIELDS: Final = frozenset(
    "event level timestamp method route status milliseconds bytes evaluation ruleset origin reason count "
    "error where worker workers host port rules version kept spooled limit before after kind mode".split()
)
"""What a line may hold. A value that is no number, truth value or short text is left out too."""
_LONGEST: Final = 200


def logger(level: str = "info", stream: TextIO | None = None) -> Any:
    """A logger with `debug`, `info`, `warning` and `error`, each taking an event and fields by name."""
    import structlog

    return structlog.wrap_logger(
        Lines(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _listed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


class Lines:
    """Writes each line whole, in one piece, so that those of several workers and threads do not mix.

    Where nothing can be written any more (a pipe whose reader has gone, a full disk) the line is lost
    and the call goes on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock = stream, Lock()

    def msg(self, message: str) -> None:
        """One line."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{message}\n")
            self._stream.flush()

    debug = info = warning = error = msg


def _listed(logger: Any, name: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    kept = {key: value for key, value in fields.items() if key in FIELDS and _plain(value)}
    left = len(fields) - len(kept)
    return {**kept, "count_left_out": left} if left else kept


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float, bool)) or (isinstance(value, str) and len(value) <= _LONGEST)


def where(error: BaseException) -> str:
    """Type of an error and the places it came through; never its message, which may quote a record."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{_module(frame.filename)}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"[:_LONGEST] if places else type(error).__name__


def _module(filename: str) -> str:
    """The file below its package, so that no line names a folder of this machine."""
    parts = filename.replace("\\", "/").split("/")
    for mark in ("site-packages", "caveat"):
        if mark in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(mark) - (mark == "caveat") :])
    return parts[-1]
