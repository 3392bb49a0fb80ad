"""Tokens that were used already, for all workers of one host."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Final

FILE: Final = "tokens-seen.sqlite"
WAITS: Final = (0.0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25)
"""Seconds between tries while another worker writes; half a second in all."""
_PRUNE_EVERY: Final = 64
_PRUNE_MOST: Final = 256


class ReplaysAway(Exception):
    """Whether a token was used before cannot be told: nothing may be let through."""


class Replays:
    """A table of hashed token ids in a small SQLite file that the workers of one host share.

    Of two that bring the same token, the one whose row is written goes on. A row is dropped after
    the token's end. The folder must lie on a local disk: SQLite's locks need one.
    """

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / FILE
        self._base: sqlite3.Connection | None = None
        self._process = 0
        self._count = 0

    async def first(self, iss: str, jti: str, until: float, now: float) -> bool:
        """Whether this token comes for the first time; from now on it does not. Raises ReplaysAway."""
        name = hashlib.blake2b(f"{len(iss)}:{iss}{jti}".encode(), digest_size=16).digest()
        for wait in WAITS:
            if wait:
                await asyncio.sleep(wait)
            try:
                return self._write(name, int(until) + 1, int(now))
            except (sqlite3.Error, OSError) as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    continue
                self.close()
                raise ReplaysAway from error
        raise ReplaysAway

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        base, self._base = self._base, None
        if base is not None and self._process == os.getpid():
            base.close()

    def _write(self, name: bytes, until: int, now: int) -> bool:
        base = self._open()
        self._count += 1
        if self._count % _PRUNE_EVERY == 0:
            base.execute(
                "DELETE FROM seen WHERE name IN (SELECT name FROM seen WHERE until < ? LIMIT ?)",
                (now, _PRUNE_MOST),
            )
        try:
            base.execute("INSERT INTO seen (name, until) VALUES (?, ?)", (name, until))
        except sqlite3.IntegrityError:
            return False
        return True

    def _open(self) -> sqlite3.Connection:
        if self._base is not None and self._process == os.getpid():
            return self._base
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        base = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=NORMAL")
            base.execute(
                "CREATE TABLE IF NOT EXISTS seen "
                "(name BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID"
            )
            base.execute("CREATE INDEX IF NOT EXISTS seen_until ON seen (until)")
        except BaseException:
            base.close()
            raise
        self._base, self._process = base, os.getpid()
        return base
