"""A list on disk: written in blocks, read back in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Generic, TypeVar

from caveat.adapters.fhir.bulk.rows import decoder, encode

T = TypeVar("T")
_BLOCK: Final = 4_000
_LENGTH: Final = 8


class Journal(Generic[T]):
    """Entries go to the file a block at a time; `count` is how many there are."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._waiting: list[T] = []
        self.count = 0

    def add(self, entry: T) -> None:
        """Enters one."""
        self._waiting.append(entry)
        self.count += 1
        if len(self._waiting) >= _BLOCK:
            self._write()

    def _write(self) -> None:
        data = encode(self._waiting)
        self._file.write(len(data).to_bytes(_LENGTH, "little"))
        self._file.write(data)
        self._waiting.clear()

    def close(self) -> None:
        """Writes what waits and sees it on disk."""
        if self._waiting:
            self._write()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Closes the file without caring for what it holds."""
        self._file.close()


def blocks(path: Path, entry: type[T]) -> Iterator[list[T]]:
    """The entries a block at a time."""
    decode = decoder(list[entry])  # type: ignore[valid-type]
    with path.open("rb") as file:
        while head := file.read(_LENGTH):
            yield decode(file.read(int.from_bytes(head, "little")))
