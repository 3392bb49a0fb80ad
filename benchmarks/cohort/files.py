"""From Parquet to Parquet as a user does it: `caveat screen X.parquet --out DIR`, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.cohort.generate import write
from benchmarks.cohort.settings import AS_OF, Shares

_PAGE = 4096
_PAUSE = 0.05


class Screened(NamedTuple):
    """What one run took: seconds by the clock, the most memory of all its processes together in bytes."""

    seconds: float
    memory: int
    patients: int
    findings: int
    size: int


class NotScreened(Exception):
    """The command failed; the text is its last line of talk."""


@contextmanager
def cohort(patients: int, shares: Shares, *, seed: int = 1) -> Iterator[Path]:
    """A generated Parquet file, deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cohort.parquet"
        write(path, patients, seed=seed, shares=shares)
        yield path


def screened(path: Path, *arguments: str) -> Screened:
    """Screen a file. Raises NotScreened when the command fails or patients are lost."""
    patients = pq.read_metadata(path).num_rows
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "caveat", "screen", str(path), "--out", str(out), "--as-of", AS_OF]
        before = time.perf_counter()
        with (Path(folder) / "talk").open("wb") as talk:
            running = subprocess.Popen([*command, *arguments], stdout=talk, stderr=talk)
            most = 0
            while running.poll() is None:
                most = max(most, memory(running.pid))
                time.sleep(_PAUSE)
        took = time.perf_counter() - before
        told = (Path(folder) / "talk").read_text(encoding="utf-8", errors="replace").strip()
        ended = f"exit code {running.returncode}, {told.splitlines()[-1] if told else 'no message'}"
        if running.returncode not in (0, 1, 3) or not (out / "patients.parquet").is_file():
            raise NotScreened(ended)
        # 3 is told for records with values that could not be used, too: what counts is that none is lost
        rows = pq.read_metadata(out / "patients.parquet").num_rows
        if rows != patients:
            raise NotScreened(f"{patients:,} patients went in and {rows:,} came out; {ended}")
        findings = pq.read_metadata(out / "findings.parquet").num_rows
        return Screened(took, most, rows, findings, path.stat().st_size)


def memory(pid: int) -> int:
    """Resident bytes of a process and all below it, pages they share counted for each; 0 without /proc."""
    found, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            found += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (OSError, IndexError):
            continue
    return found
