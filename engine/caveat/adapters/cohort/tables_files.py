"""Files of a cohort: their hashes, and files that are laid down whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caveat.adapters.cohort.base import Input
from caveat.adapters.sources import unreadable
from caveat.errors import InputError

SEALED = b"PARE"
"""How a Parquet file begins whose footer is encrypted."""

_SIGNATURE = 28
_BLOCK = 1 << 20


def file_input(path: Path) -> Input:
    """A file with its size and the hash of its bytes. InputError when it cannot be read."""
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise unreadable(str(path), error) from None
    return Input(str(path), size, digest.hexdigest())


def is_encrypted(path: Path, footer: int | None = None) -> bool:
    """Whether a Parquet file is encrypted, wholly or in columns. OSError when it cannot be read.

    `footer` is the length of what its footer was read to, where it was: a plain footer over encrypted
    columns is followed by a signature. Asking pyarrow about such a column would end the process.
    """
    with path.open("rb") as file:
        if file.read(4) == SEALED:
            return True
        if footer is None:
            return False
        file.seek(-8, os.SEEK_END)
        return int.from_bytes(file.read(4), "little") - footer == _SIGNATURE


@contextmanager
def laid(path: Path) -> Iterator[Path]:
    """A name to write to; the file has its own name only when all of it is on the disk.

    Raises InputError, and leaves nothing, when the disk takes no more.
    """
    unfinished = path.with_name(path.name + ".tmp")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise InputError(
            f"it cannot be written: {error.strerror or error}",
            code="not-written",
            source=str(path),
            hint="Free space, or name another folder",
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
