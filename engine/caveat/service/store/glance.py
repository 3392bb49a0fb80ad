"""Whether a patient has any override at all, asked of SQLite at once; nearly no patient has."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import quote

_ANY: Final = "SELECT 1 FROM overrides WHERE patient = ? LIMIT 1"


class Glance:
    """A connection that only reads and never waits, for one question that takes microseconds.

    It never says that there is none where it does not know: then the database is asked in full.
    `file` None is a database that is no file.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = Lock()
        self._base: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def has_none(self, patient: str) -> bool:
        """Whether there is certainly no override of this patient (hash), in force or not.

        False also where the file is away, was replaced, is locked, or another thread is asking.
        """
        if self._file is None or not self._lock.acquire(blocking=False):
            return False
        try:
            base = self._opened(self._file)
            return not base.execute(_ANY, (patient,)).fetchall()
        except (sqlite3.Error, OSError):
            self._close()
            return False
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()

    def _opened(self, file: Path) -> sqlite3.Connection:
        """The connection to the file that is there now."""
        found = file.stat()
        identity = (found.st_dev, found.st_ino)
        if self._base is None or identity != self._identity:
            self._close()
            where = f"file:{quote(str(file.absolute()))}?mode=ro"
            self._base = sqlite3.connect(
                where, uri=True, timeout=0, isolation_level=None, check_same_thread=False
            )
            self._identity = identity
        return self._base

    def _close(self) -> None:
        base, self._base = self._base, None
        if base is not None:
            base.close()
