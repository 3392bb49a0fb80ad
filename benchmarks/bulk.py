"""A Bulk Data folder to Arrow records, all in, beside orjson's bare parsing of the same bytes."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from benchmarks.results import Aim, Section, table
from benchmarks.startup import ROOT

_SHARE = 0.3
_ROUGHLY = 1.25
"""Time for each byte at the largest size over that at the smallest: above it, reading is not linear."""

_MEMORY = 2_000
_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_READ = """
import json, resource, sys, time
from pathlib import Path
import pyarrow
from caveat.adapters.cohort.bulk import KnownCodes, sniff
from caveat.compile.ruleset import load
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


def parsed(folder: Path) -> float:
    """Seconds of processor time in which orjson parses every line."""
    spent = 0.0
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            while lines := file.readlines(20_000_000):
                before = time.process_time()
                for line in lines:
                    orjson.loads(line)
                spent += time.process_time() - before
    return spent


def measure(*, quick: bool) -> Section:
    """The section on Bulk Data."""
    where, lines = templates()
    sizes = (37e6, 74e6) if quick else (75e6, 150e6, 300e6, 1e9)
    section = Section(
        "Reading a Bulk Data folder",
        f"NDJSON bytes to Arrow records (`BulkCohort.prepare` and `read`, one process, hashes of the inputs "
        f"included), on {where}, copied with new ids; observations whose codes the vocabulary knows. *Share* "
        "is orjson's processor time for the same lines divided by the row's; *memory* is the highest "
        "resident size of the process, of which *at start* was taken before anything was read.",
    )
    rows, shares, memory, pace = [], [], [], []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            held = lay(top / "in", lines, int(size)) / 1e6
            bare = parsed(top / "in")
            told = subprocess.run(
                [sys.executable, "-c", _READ, str(top / "in"), str(top / "work")],
                check=True,
                capture_output=True,
                text=True,
            )
        found = json.loads(told.stdout)
        shares.append(bare / found["cpu"])
        memory.append(found["memory"])
        pace.append(found["cpu"] / held)
        rows.append(
            (
                f"{held:.0f} MB, {found['patients']:,} patients, {found['parts']} parts",
                f"{held / bare:.0f}",
                f"{held / found['cpu']:.0f}",
                f"{held / found['wall']:.0f}",
                f"{shares[-1]:.2f}",
                f"{found['prepare'] / found['cpu']:.0%}",
                f"{found['spilt'] / 1e6:.0f}",
                f"{found['before']:.0f}",
                f"{found['memory']:.0f}",
            )
        )
    names = (
        "",
        "orjson MB/s",
        "MB/s cpu",
        "MB/s wall",
        "share",
        "in prepare",
        "MB on disk",
        "at start",
        "MB memory",
    )
    section.tables.append(table(names, rows))
    section.aims += [
        Aim(
            f"Bulk Data, NDJSON to Arrow: at least {_SHARE} of orjson's own parsing speed",
            f"{min(shares):.2f} to {max(shares):.2f}",
            min(shares) >= _SHARE,
        ),
        Aim(
            "Bulk Data: linear in size",
            f"{pace[-1] / pace[0]:.2f} times the processor time a byte at {sizes[-1] / sizes[0]:.0f} times "
            "the size",
            pace[-1] / pace[0] <= _ROUGHLY,
        ),
        Aim("Bulk Data: within 2 GB of memory", f"{max(memory):.0f} MB", max(memory) <= _MEMORY),
    ]
    return section


if __name__ == "__main__":
    shown = measure(quick="--quick" in sys.argv)
    for text in shown.tables:
        print(text)
    for aim in shown.aims:
        print(aim)
