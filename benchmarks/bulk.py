"""A Bulk Data folder to Arrow records, all in, beside orjson's bare parsing of the same bytes."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.results import Aim, Section, table
from benchmarks.startup import ROOT

_SHARE = 0.3
_ROUGHLY = 1.25
"""Time for each byte at the largest size over that at the smallest: above it, reading is not linear."""

_MEMORY = 2_000
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_TIMES = 3
_ONE_PROCESS = """
import json, resource, sys, time
from pathlib import Path
import numpy, pyarrow, pyarrow.compute
from caveat.adapters.cohort.bulk import KnownCodes, sniff
from caveat.compile.ruleset import load
pyarrow.array([0])  # what it loads when first called
cohort = sniff([sys.argv[1]], bound=KnownCodes(frozenset(load().terminology.tables.loinc)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wall, cpu = time.perf_counter(), time.process_time()
cohort.prepare(Path(sys.argv[2]), lambda _: None)
prepared = time.process_time()
rows = sum(chunk.batch.num_rows for part in range(cohort.parts()) for chunk in cohort.read(part))
print(json.dumps({
    "wall": time.perf_counter() - wall, "prepare": prepared - cpu, "cpu": time.process_time() - cpu,
    "before": before / 1e3, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    "patients": rows, "parts": cohort.parts(),
    "spilt": sum(one.stat().st_size for one in Path(sys.argv[2]).rglob("*") if one.is_file()),
}))
"""
_TWO_PROCESSES = """
import multiprocessing, sys, time
from pathlib import Path
import numpy, pyarrow, pyarrow.compute
from caveat.adapters.cohort.bulk import KnownCodes, sniff
from caveat.compile.ruleset import load

def reader(pipe):
    pipe.send(0)
    cohort, parts = pipe.recv()
    pipe.send(sum(chunk.batch.num_rows for part in parts for chunk in cohort.read(part)))

pyarrow.array([0])
cohort = sniff([sys.argv[1]], bound=KnownCodes(frozenset(load().terminology.tables.loinc)))
start = multiprocessing.get_context("fork")  # before anything is read, as the workers of a run
pipes = [start.Pipe() for _ in range(2)]
workers = [start.Process(target=reader, args=(theirs,)) for _, theirs in pipes]
for worker in workers:
    worker.start()
for ours, _ in pipes:
    ours.recv()
wall = time.perf_counter()
cohort.prepare(Path(sys.argv[2]), lambda _: None)
for number, (ours, _) in enumerate(pipes):
    ours.send((cohort, range(number, cohort.parts(), 2)))
rows = sum(ours.recv() for ours, _ in pipes)
print(time.perf_counter() - wall)
"""


def templates() -> tuple[str, dict[str, bytes]]:
    """NDJSON by type, and where it is from: the Synthea export beside the checkout, else the fixtures."""
    folder = ROOT.parent / "shared" / "data" / "fhir" / "synthea" / "dev"
    if folder.is_dir():
        files = sorted(folder.glob("*.ndjson.gz"))
        return "the Synthea export of 440 patients", {
            path.name.partition(".")[0]: gzip.decompress(path.read_bytes()) for path in files
        }
    found: dict[str, bytes] = {}
    for path in sorted((ROOT / "fixtures" / "fhir" / "synthea").glob("*.json")):
        for entry in json.loads(path.read_bytes())["entry"]:
            text = orjson.dumps(entry["resource"]).replace(b"urn:uuid:", b"Patient/")
            kind = entry["resource"]["resourceType"]
            if kind in ("Patient", "Observation", "Condition", "MedicationRequest", "AllergyIntolerance"):
                found[kind] = found.get(kind, b"") + text + b"\n"
    return "the two bundles of fixtures/fhir/synthea, a resource a line", found


def copies(data: bytes, count: int) -> Iterator[bytes]:
    """The lines again and again, each time with other ids."""
    pieces = _UUID.split(data)
    for number in range(count):
        head = b"%08x" % number
        yield b"".join(head + one if at % 2 else one for at, one in enumerate(pieces))


def lay(folder: Path, lines: dict[str, bytes], size: int) -> int:
    """Files of about that many bytes together; returns their bytes."""
    folder.mkdir()
    count = max(1, round(size / sum(map(len, lines.values()))))
    for kind, data in lines.items():
        with (folder / f"{kind}.000.ndjson").open("wb") as out:
            for copy in copies(data, count):
                out.write(copy)
    return sum(path.stat().st_size for path in folder.iterdir())


def parsed(folder: Path) -> tuple[float, float]:
    """Seconds of processor time, and by the clock, in which orjson parses every line."""
    cpu = wall = 0.0
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            while lines := file.readlines(20_000_000):
                begun, before = time.perf_counter(), time.process_time()
                for line in lines:
                    orjson.loads(line)
                cpu += time.process_time() - before
                wall += time.perf_counter() - begun
    return cpu, wall


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: orjson on one core, the reader on one core, and the reader on two."""

    megabytes: float
    bare: float
    bare_wall: float
    found: dict[str, Any]
    two: float


def _run(code: str, top: Path) -> str:
    work = top / "work"
    shutil.rmtree(work, ignore_errors=True)
    command = [sys.executable, "-c", code, str(top / "in"), str(work)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measured(lines: dict[str, bytes], size: int) -> Measured:
    """The best of several turns of each, one after another."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        held = lay(top / "in", lines, size) / 1e6
        bare: list[tuple[float, float]] = []
        one: list[dict[str, Any]] = []
        two: list[float] = []
        for _ in range(_TIMES):
            bare.append(parsed(top / "in"))
            one.append(json.loads(_run(_ONE_PROCESS, top)))
            two.append(float(_run(_TWO_PROCESSES, top)))
    best = min(one, key=lambda found: float(found["cpu"]))
    best["memory"] = max(found["memory"] for found in one)
    cpu, wall = (min(times) for times in zip(*bare, strict=True))
    return Measured(held, cpu, wall, best, min(two))


def measure(*, quick: bool) -> Section:
    """The section on Bulk Data."""
    where, lines = templates()
    sizes = (37e6, 74e6) if quick else (75e6, 150e6, 300e6, 1e9)
    section = Section(
        "Reading a Bulk Data folder",
        f"NDJSON bytes to Arrow records (`BulkCohort.prepare` and `read`, hashes of the inputs included, "
        f"libraries loaded beforehand), on {where}, copied with new ids; observations whose codes the "
        f"vocabulary knows. orjson parses the same lines and lets go of each. All take turns, and the best "
        f"of {_TIMES} counts. *Share* is orjson's time divided by the reader's: of processor time, where one "
        "process does all; and by the clock, where `prepare` is one process (with a thread that hashes) and "
        "two processes read the parts, as in a run on two cores, while orjson has one. *Memory* is the "
        "highest resident size of the one process, of which *at start* was taken before anything was read.",
    )
    all_sizes = [measured(lines, int(size)) for size in sizes]
    names = (
        "",
        "orjson MB/s",
        "MB/s cpu",
        "share cpu",
        "MB/s by the clock, two cores",
        "share by the clock",
        "in prepare",
        "MB on disk",
        "at start",
        "MB memory",
    )
    rows = [
        (
            f"{one.megabytes:.0f} MB, {one.found['patients']:,} patients, {one.found['parts']} parts",
            f"{one.megabytes / one.bare:.0f}",
            f"{one.megabytes / one.found['cpu']:.0f}",
            f"{one.bare / one.found['cpu']:.2f}",
            f"{one.megabytes / one.two:.0f}",
            f"{one.bare_wall / one.two:.2f}",
            f"{one.found['prepare'] / one.found['cpu']:.0%}",
            f"{one.found['spilt'] / 1e6:.0f}",
            f"{one.found['before']:.0f}",
            f"{one.found['memory']:.0f}",
        )
        for one in all_sizes
    ]
    section.tables.append(table(names, rows))
    shares = [one.bare / one.found["cpu"] for one in all_sizes]
    clock = [one.bare_wall / one.two for one in all_sizes]
    pace = [one.found["cpu"] / one.megabytes for one in all_sizes]
    memory = max(one.found["memory"] for one in all_sizes)
    section.aims += [
        Aim(
            f"Bulk Data, NDJSON to Arrow: at least {_SHARE} of orjson's own parsing speed",
            f"{min(shares):.2f} to {max(shares):.2f} of processor time on one core; {min(clock):.2f} to "
            f"{max(clock):.2f} by the clock, the reader on two cores",
            min(shares) >= _SHARE,
        ),
        Aim(
            "Bulk Data: linear in size",
            f"{pace[-1] / pace[0]:.2f} times the processor time a byte at {sizes[-1] / sizes[0]:.0f} times "
            "the size",
            pace[-1] / pace[0] <= _ROUGHLY,
        ),
        Aim("Bulk Data: within 2 GB of memory", f"{memory:.0f} MB", memory <= _MEMORY),
    ]
    return section


if __name__ == "__main__":
    shown = measure(quick="--quick" in sys.argv)
    for text in shown.tables:
        print(text)
    for aim in shown.aims:
        print(aim)
