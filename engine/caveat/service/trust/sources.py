"""Where keys come from: a file that may be replaced, or an address of the issuer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

from caveat.service.trust.keys import MOST_BYTES, BadKeys, Key, Keys, read_keys

Fetch = Callable[[str], Awaitable[bytes]]
Note = Callable[[str], None]
"""Told a code when keys could not be renewed."""

LOOK_SECONDS: Final = 1.0
"""A file is looked at for changes at most this often."""
FRESH_SECONDS: Final = 300.0
"""Fetched keys older than this are renewed, while calls go on with them."""
BETWEEN_SECONDS: Final = 30.0
"""The least time between two fetches of one address, whatever tokens ask for."""
STALE_SECONDS: Final = 3600.0
"""Keys that could not be renewed for this long are used no more."""


class Source(Protocol):
    """Keys of one issuer."""

    async def find(self, kid: str, now: float) -> Key | None:
        """The key of that name; None where the issuer has none. Raises KeysAway."""


class KeysAway(Exception):
    """There are no keys, or only ones too old to rely on: nobody can be recognised."""


class KeyFile:
    """A JWK Set in a file, read again when it changes; a bad file leaves the keys before for an hour."""

    def __init__(self, path: str, note: Note) -> None:
        self._path, self._note = Path(path), note
        self._keys: Keys | None = None
        self._seen: tuple[int, int, int] | None = None
        self._looked = self._good = float("-inf")

    async def find(self, kid: str, now: float) -> Key | None:
        """The key of that name, from the file as it is now."""
        if not 0 <= now - self._looked < LOOK_SECONDS:
            self._looked = now
            self._look(now)
        if self._keys is None or now - self._good > STALE_SECONDS:
            raise KeysAway
        return self._keys.by_kid.get(kid)

    def _look(self, now: float) -> None:
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                with self._path.open("rb") as stream:
                    self._keys = read_keys(stream.read(MOST_BYTES + 1))
                self._seen = seen
        except (OSError, BadKeys):
            self._seen = None
            self._note("keys-file-unusable")
        else:
            self._good = now


class KeyAddress:
    """A JWK Set at an address, fetched when it is needed, in one fetch at a time.

    Keys are renewed after five minutes without holding a call up, and at once, twice a minute at
    most, for a `kid` that is not among them. While they cannot be fetched the last ones serve for an hour.
    """

    def __init__(self, address: str, fetch: Fetch, note: Note) -> None:
        self._address, self._fetch, self._note = address, fetch, note
        self._keys: Keys | None = None
        self._got = self._tried = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def find(self, kid: str, now: float) -> Key | None:
        """The key of that name, as the issuer publishes them."""
        age = now - self._got
        if self._keys is None or age > STALE_SECONDS or kid not in self._keys.by_kid:
            await self._renew(now)
        elif age > FRESH_SECONDS:
            self._start(now)
        if self._keys is None or now - self._got > STALE_SECONDS:
            raise KeysAway
        return self._keys.by_kid.get(kid)

    async def _renew(self, now: float) -> None:
        task = self._start(now)
        if task is not None:
            await asyncio.shield(task)

    def _start(self, now: float) -> asyncio.Task[None] | None:
        """The fetch under way, a new one, or None where it is too early for one."""
        if self._task is not None and not self._task.done():
            return self._task
        if 0 <= now - self._tried < BETWEEN_SECONDS:
            return None
        self._tried = now
        self._task = asyncio.get_running_loop().create_task(self._load(now))
        return self._task

    async def _load(self, now: float) -> None:
        try:
            self._keys = read_keys(await self._fetch(self._address))
        except Exception:
            self._note("keys-address-unusable")
        else:
            self._got = now
