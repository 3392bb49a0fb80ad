"""The folder of a run: what stands where, and who may write to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caveat.batch import edges
from caveat.batch.problems import RunError, disk_problem
from caveat.batch.safe import read_json, sha256, sync_folder
from caveat.batch.schemas import FILES

MANIFEST = "run.json"
REPORT = "report.html"
KEYS = "ids"
"""The file of a part that holds a key for each patient id, beside those that become files of the run."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths below the folder of a run.

    `.run` holds what is unfinished: `start.json` says what the run is, `source` belongs to the
    cohort, `parts` has the files of each part. `run.json` is written last: a folder without it
    holds no finished run.
    """

    path: Path

    @property
    def hidden(self) -> Path:
        return self.path / ".run"

    @property
    def lock(self) -> Path:
        return self.hidden / "lock"

    @property
    def start(self) -> Path:
        return self.hidden / "start.json"

    @property
    def source(self) -> Path:
        return self.hidden / "source"

    @property
    def parts(self) -> Path:
        return self.hidden / "parts"

    @property
    def manifest(self) -> Path:
        return self.path / MANIFEST

    @property
    def report(self) -> Path:
        return self.path / REPORT

    def final(self, name: str) -> Path:
        """`findings.parquet` and the like."""
        return self.path / f"{name}.parquet"

    @property
    def doubled(self) -> Path:
        """Ids that stand in more than one record."""
        return self.hidden / "doubled"

    def of_part(self, part: int, name: str, again: bool = False) -> Path:
        """A file of a part; `again` where it was judged a second time."""
        return self.parts / f"{_stem(part, again)}.{name}.{'keys' if name == KEYS else 'parquet'}"

    def record(self, part: int, again: bool = False) -> Path:
        """What says that a part is finished."""
        return self.parts / f"{_stem(part, again)}.json"

    def finished(self, part: int, again: bool = False) -> dict[str, Any] | None:
        """The record of a part whose files are there as they were written; None when it is to be done."""
        record: dict[str, Any] | None = read_json(self.record(part, again))
        if record is None or record.get("part") != part:
            return None
        for name in (*FILES, KEYS):
            path = self.of_part(part, name, again)
            try:
                if sha256(path) != record["files"][name]["sha256"]:
                    return None
            except OSError:
                return None
        return record

    def make(self) -> None:
        """Create the folders. RunError when that cannot be."""
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path}: it is a file. --out takes a folder; name another")
        try:
            for folder in (self.path, self.hidden, self.parts, self.source):
                folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self.path)
        except FileExistsError as error:
            raise RunError(f"{error.filename}: it is a file where a folder is needed; remove it") from None
        except NotADirectoryError as error:
            raise RunError(f"{error.filename}: part of this path is a file; name another folder") from None
        except OSError as error:
            raise disk_problem(error, self.path) from None

    def drop(self) -> None:
        """Remove the folder itself when nothing is in it."""
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def clean(self) -> None:
        """Remove what only an unfinished run needs, the lock last."""
        if not self.hidden.is_dir():
            return
        for entry in sorted(self.hidden.iterdir()):
            if entry.name == self.lock.name:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.lock.unlink(missing_ok=True)
            self.hidden.rmdir()


def _stem(part: int, again: bool) -> str:
    return f"part-{part:05d}" + (".again" if again else "")


class Lock:
    """Held by a run and its processes; given back by the system when the last of them is gone."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.handle = -1

    def take(self, wait: float = 0.0) -> None:
        """Take it, for which processes of a killed run are given `wait` seconds to go.

        RunError when another run holds it.
        """
        until = edges.ticks() + wait
        while not self._try():
            if edges.ticks() >= until:
                raise RunError(
                    f"{self.folder.path}: another run is at work in this folder. Wait for it, or name "
                    "another folder with --out"
                )
            edges.rest(0.05)

    def _try(self) -> bool:
        try:
            self.folder.make()
            handle = os.open(self.folder.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise disk_problem(error, self.folder.lock) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = self.folder.lock.stat()
            held = os.fstat(handle)
            if (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino):
                self.handle = handle
                return True
        except FileNotFoundError:
            pass
        except BlockingIOError:
            pass
        except OSError as error:
            os.close(handle)
            raise RunError(
                f"{self.folder.lock}: this file system does not lock files ({error.strerror}). Name a folder "
                "on a local disk with --out"
            ) from None
        os.close(handle)
        return False

    def give_back(self) -> None:
        """Let go."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
