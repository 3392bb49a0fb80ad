"""What waits on disk while the database is away: sealed entries in files, each synced before it is told.

A process appends to a file of its own, which it holds locked while it lives. A file that can be locked
is of a process that died, and is taken over. Entries leave the spool only after the database has them;
one that is in both is recognised by its evaluation, so being killed in between does no harm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Final
from uuid import uuid4

import msgspec

from caveat.service.store.base import AuditRefused
from caveat.service.store.entry import Entry
from caveat.service.store.keys import Keys, Unsealable

HEADER: Final = b"caveat spool 1\n"
ENDING: Final = ".spool"
SET_ASIDE: Final = ".set-aside"
_SIZE: Final = 4
_ENTRY: Final = msgspec.msgpack.Decoder(Entry)


def packed(keys: Keys, entry: Entry) -> bytes:
    """One record of a file: its length, then the sealed entry."""
    sealed = keys.seal("spool", "", msgspec.msgpack.encode(entry))
    return len(sealed).to_bytes(_SIZE, "big") + sealed


@dataclass(slots=True)
class Segment:
    """One file, locked by this process. `entries` are those that were synced, `end` where they end."""

    path: Path
    handle: int
    end: int = len(HEADER)
    entries: int = 0

    def close(self) -> None:
        """Let go of the file, which stays."""
        os.close(self.handle)

    def remove(self) -> None:
        """Take the file away; everything in it is stored."""
        self.path.unlink(missing_ok=True)
        _sync_folder(self.path.parent)
        os.close(self.handle)

    def set_aside(self) -> None:
        """Keep the file under a name that nothing reads again."""
        self.path.rename(self.path.with_suffix(SET_ASIDE))
        _sync_folder(self.path.parent)
        os.close(self.handle)


@dataclass(slots=True)
class _Other:
    """How far the file of another process was counted."""

    end: int = len(HEADER)
    entries: int = 0


@dataclass(slots=True)
class Spool:
    """The spool of one process in a folder that all processes share. `limit` is for all together."""

    folder: Path
    limit: int
    keys: Keys
    timeout: float = 2.0
    _active: Segment | None = None
    _waiting: list[Segment] = field(default_factory=list)
    _others: dict[str, _Other] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def append(self, entries: list[Entry]) -> int:
        """Write entries and sync them; returns how many of them, from the first on, had room.

        Raises AuditRefused where nothing can be written.
        """
        records = [packed(self.keys, entry) for entry in entries]
        with self._lock:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with self._alone():
                    room = max(0, self.limit - self._count())
                    if taken := records[:room]:
                        self._write(taken)
            except OSError as error:
                raise AuditRefused(
                    f"the spool in {self.folder} cannot be written ({type(error).__name__})"
                ) from None
        return len(taken)

    def count(self) -> int:
        """How many entries wait, of all processes; those of a file that is being drained still count."""
        with self._lock:
            return self._count()

    def set_aside(self) -> int:
        """How many files hold what could not be read or stored."""
        return sum(1 for _ in self.folder.glob(f"*{SET_ASIDE}"))

    def rotate(self) -> None:
        """Entries from now on go to another file, so that this one can be drained."""
        with self._lock:
            if self._active is not None:
                self._waiting.append(self._active)
                self._active = None

    def waiting(self) -> list[Segment]:
        """The files to drain, oldest first: those of this process and of processes that died."""
        with self._lock:
            own = {segment.path.name for segment in (*self._waiting, self._active) if segment is not None}
            found = (self._adopted(file) for file in self._files() if file.name not in own)
            self._waiting = [*(segment for segment in found if segment is not None), *self._waiting]
            return list(self._waiting)

    def read(self, segment: Segment) -> Iterator[Entry | None]:
        """The entries of a file in order; None for one that was altered or sealed with another key.

        A torn end was told to nobody and is passed over.
        """
        for sealed in _records(segment):
            try:
                yield _ENTRY.decode(self.keys.open("spool", "", sealed))
            except (Unsealable, msgspec.DecodeError):
                yield None

    def done(self, segment: Segment) -> None:
        """The file is stored whole, or was set aside by the caller."""
        with self._lock:
            self._waiting.remove(segment)

    def close(self) -> None:
        """Let go of the files; what is in them waits for the next start."""
        with self._lock:
            for segment in (*self._waiting, *([self._active] if self._active else [])):
                segment.close()
            self._waiting, self._active = [], None

    def _write(self, records: list[bytes]) -> None:
        segment = self._active
        if segment is None:
            segment = self._active = _created(self.folder)
        data = memoryview(b"".join(records))
        try:
            at = segment.end
            while data:
                written = os.pwrite(segment.handle, data, at)
                at, data = at + written, data[written:]
            os.fsync(segment.handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(segment.handle, segment.end)
            raise
        segment.end = at
        segment.entries += len(records)

    def _count(self) -> int:
        mine = [*self._waiting, *([self._active] if self._active else [])]
        own = {segment.path.name for segment in mine}
        others = {file.name: file for file in self._files() if file.name not in own}
        self._others = {name: self._others.get(name, _Other()) for name in others}
        for name, file in others.items():
            _count_on(file, self._others[name])
        return sum(s.entries for s in mine) + sum(o.entries for o in self._others.values())

    def _files(self) -> list[Path]:
        """By age, then name, so that every process drains in the same order."""
        if not self.folder.is_dir():
            return []
        return sorted(self.folder.glob(f"*{ENDING}"))

    def _adopted(self, file: Path) -> Segment | None:
        """The file of a process that died, now held by this one; None while its process lives."""
        try:
            handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(handle).st_nlink:
                raise BlockingIOError
        except OSError:
            os.close(handle)
            return None
        counted = _Other()
        _count_on(file, counted)
        return Segment(file, handle, counted.end, counted.entries)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time counts and writes, so that the limit holds for all together."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = monotonic() + self.timeout
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if monotonic() > until:
                        break  # a stopped process holds it: over the limit by a little beats refusing
                    sleep(0.001)
            yield
        finally:
            os.close(handle)


def _created(folder: Path) -> Segment:
    """A new file: locked before it has the name under which others look for it."""
    name = f"{_age(folder):012d}-{uuid4().hex}"
    new = folder / f"{name}.new"
    handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(handle, HEADER)
        path = folder / f"{name}{ENDING}"
        new.rename(path)
        _sync_folder(folder)
    except OSError:
        os.close(handle)
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    return Segment(path, handle)


def _age(folder: Path) -> int:
    """One more than the newest file's number, so that names sort by age."""
    numbers = [int(file.name[:12]) for file in folder.glob(f"*{ENDING}") if file.name[:12].isdigit()]
    return max(numbers, default=0) + 1


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _records(segment: Segment) -> Iterator[bytes]:
    """The sealed bytes of each whole record."""
    at = len(HEADER)
    while at < segment.end:
        size = int.from_bytes(os.pread(segment.handle, _SIZE, at), "big")
        yield os.pread(segment.handle, size, at + _SIZE)
        at += _SIZE + size


def _count_on(file: Path, counted: _Other) -> None:
    """Count the whole records that came since; a file that went away counts as before."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        size = os.fstat(handle).st_size
        while len(head := os.pread(handle, _SIZE, counted.end)) == _SIZE:
            length = int.from_bytes(head, "big")
            end = counted.end + _SIZE + length
            if end > size or not length:
                return
            counted.end, counted.entries = end, counted.entries + 1
    finally:
        os.close(handle)
