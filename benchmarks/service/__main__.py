"""`python -m benchmarks.service`: load on a service on loopback; writes benchmarks/SERVICE.md.

The client is a process of its own and shares the machine with the server. `--quick` measures a
little of everything and only prints. `--soak MINUTES` sets how long memory is watched.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import contention
from benchmarks.results import Aim, Section, _version, machine, table
from benchmarks.service.calls import native, order_select
from benchmarks.service.held import can_hold, held
from benchmarks.service.server import Served, served

RESULTS = Path(__file__).parents[1] / "SERVICE.md"
HOOK = "/cds-services/caveat"
SHARE = 0.5
SCREEN = "/v1/screen"
CONNECTIONS = (1, 4, 8, 16)
_PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "sqlalchemy", "joserfc", "cryptography")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    seconds: float
    rounds: int
    bodies: int
    records: int
    starts: int
    soak_minutes: float


FULL = Sizes(seconds=10, rounds=3, bodies=500, records=20_000, starts=5, soak_minutes=30)
QUICK = Sizes(seconds=2, rounds=1, bodies=50, records=2_000, starts=1, soak_minutes=0.2)


def calls_file(service: Served, folder: Path, bodies: Sequence[bytes], count: int) -> Path:
    """So many calls, each with a token of its own, signed before the clock starts."""
    file = folder / "calls"
    with file.open("wb") as stream:
        for index in range(count):
            stream.write(service.token(HOOK).encode() + b"\t" + bodies[index % len(bodies)] + b"\n")
    return file


def load(service: Served, file: Path, seconds: float, connections: int) -> dict[str, Any]:
    """What a client process measured."""
    call = [sys.executable, "-m", "benchmarks.service.client", service.host, str(service.port), HOOK]
    done = subprocess.run(
        [*call, str(seconds), str(connections), str(file)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    statuses = set(found["statuses"])
    if statuses != {"200"}:
        raise RuntimeError(f"calls were refused: {found['statuses']}")
    return found


def order_selects(sizes: Sizes, folder: Path) -> Section:
    """Calls a second and latencies, by workers and connections."""
    bodies = [order_select(seed) for seed in range(sizes.bodies)]
    size = statistics.fmean(len(body) for body in bodies)
    section = Section(
        "order-select",
        f"Calls with {size / 1000:.1f} KB of prefetch, a token of its own each (ES384, its signature checked "
        "and its id kept), each answer kept in the audit trail in SQLite and on the disk before "
        "it is told. Closed loop: a connection sends the next call when the last is answered. Best of "
        f"{sizes.rounds} rounds of {sizes.seconds:g} s, the others in brackets; latencies are of that round.",
    )
    rows, best = [], {}
    for workers in (1, 2):
        with served(folder / f"w{workers}", workers=workers) as service:
            warm = calls_file(service, folder, bodies, 400)
            load(service, warm, 2, 8)
            for connections in CONNECTIONS:
                rounds = []
                for _ in range(sizes.rounds):
                    file = calls_file(service, folder, bodies, int(sizes.seconds * 1200))
                    rounds.append(load(service, file, sizes.seconds, connections))
                rounds.sort(key=lambda one: -one["rate"])
                top = best[workers, connections] = rounds[0]
                others = ", ".join(f"{one['rate']:.0f}" for one in rounds[1:])
                rows.append(
                    (
                        f"{workers} worker{'s' if workers > 1 else ''}, {connections} connections",
                        f"{top['rate']:.0f}" + (f" ({others})" if others else ""),
                        f"{top['p50']:.1f}",
                        f"{top['p95']:.1f}",
                        f"{top['p99']:.1f}",
                        f"{top['most']:.1f}",
                    )
                )
    section.tables.append(table(("", "calls/s", "p50 ms", "p95 ms", "p99 ms", "slowest ms"), rows))
    fit = [one for (workers, _), one in best.items() if workers == 1 and one["p99"] <= 25]
    shown, met = "no load with p99 at or under 25 ms", False
    if fit:
        found = max(fit, key=lambda one: float(one["rate"]))
        shown, met = f"{found['rate']:.0f}/s at p99 {found['p99']:.1f} ms", found["rate"] >= 400
    section.aims.append(
        Aim("order-select, 20 KB, one worker: at least 400 calls/s with p99 at or under 25 ms", shown, met)
    )
    one = max(best[1, c]["rate"] for c in (8, 16))
    two = max(best[2, c]["rate"] for c in (8, 16))
    section.tables.append(
        f"On two cores that carry the client as well, a second worker gives {two / one:.2f} times the calls "
        f"({one:.0f} and {two:.0f} a second): the cores are full. *A second worker* below divides them."
    )
    return section


def dividing(sizes: Sizes, folder: Path) -> Section:
    """How work divides among workers where cores are not what is short: each is held to a share of one."""
    section = Section(
        "A second worker",
        f"The same calls, each worker held to {SHARE:.0%} of one core by a control group, so that two "
        "workers and the client fit on the two cores. 8 connections a worker. What would show here is "
        "waiting for one another: the audit trail is one chain in one database.",
    )
    if not can_hold():
        section.tables.append("Not measured: this machine lets no process be held to a share of a core.")
        section.aims.append(Aim("linear with a second worker", "not measured", None))
        return section
    bodies = [order_select(seed) for seed in range(sizes.bodies)]
    rows, rates = [], {}
    for workers in (1, 2):
        with served(folder / f"held{workers}", workers=workers) as service:
            load(service, calls_file(service, folder, bodies, 400), 2, 8)
            with held(service, SHARE):
                rounds = []
                for _ in range(sizes.rounds):
                    file = calls_file(service, folder, bodies, int(sizes.seconds * 600))
                    rounds.append(load(service, file, sizes.seconds, 8 * workers))
        rounds.sort(key=lambda each: -each["rate"])
        rates[workers] = statistics.median(each["rate"] for each in rounds)
        shown = ", ".join(f"{each['rate']:.0f}" for each in rounds)
        rows.append((f"{workers} worker{'s' if workers > 1 else ''}", shown))
    section.tables.append(table(("", "calls/s, each round"), rows))
    times = rates[2] / rates[1]
    section.aims.append(
        Aim(
            f"linear with a second worker (each held to {SHARE:.0%} of a core)",
            f"{times:.2f} times ({rates[1]:.0f} and {rates[2]:.0f} calls/s)",
            times >= 1.8,
        )
    )
    return section


def streams(sizes: Sizes, folder: Path) -> Section:
    """Records a second of one NDJSON stream, by how many of the patients a rule has something to say of."""
    section = Section(
        "REST stream",
        f"`POST /v1/screen` with {sizes.records:,} native records as NDJSON, one report a record; kept in "
        "the audit trail in chunks before they are sent. One worker. The aim is judged where 1 in 100 "
        "patients takes baclofen, as in the generated cohort of COHORTS.md; alerts are what takes time.",
    )
    rows, best = [], {}
    with served(folder / "stream") as service:
        for share in (0.01, 0.3):
            lines = [native(seed, share) for seed in range(sizes.records)]
            rates = sorted((_streamed(service, lines) for _ in range(sizes.rounds)), reverse=True)
            best[share] = rates[0]
            others = ", ".join(f"{rate:,.0f}" for rate in rates[1:])
            size = sum(map(len, lines)) / len(lines)
            rows.append(
                (
                    f"{share:.0%} take baclofen, {size:,.0f} bytes a record",
                    f"{rates[0]:,.0f}" + (f" ({others})" if others else ""),
                )
            )
    section.tables.append(table(("", "records/s"), rows))
    section.aims.append(
        Aim(
            "REST stream: at least 5,000 native records/s",
            f"{best[0.01]:,.0f}/s ({best[0.3]:,.0f}/s where 3 in 10 take baclofen)",
            best[0.01] >= 5000,
        )
    )
    return section


def _streamed(service: Served, lines: Sequence[bytes]) -> float:
    """Records a second of one stream; every record must have its line, and the trailer must be there."""
    import http.client

    body = b"".join(lines)
    began = time.perf_counter()
    connection = http.client.HTTPConnection(service.host, service.port, timeout=600)
    connection.putrequest("POST", SCREEN)
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Authorization", service.token(SCREEN))
    connection.endheaders()
    # reports come while records are sent, and are held back until they are read
    sending = threading.Thread(target=connection.sock.sendall, args=(body,))
    sending.start()
    answer = connection.getresponse()
    told = answer.read()
    sending.join()
    took = time.perf_counter() - began
    connection.close()
    if answer.status != 200 or told.count(b"\n") != len(lines) + 1:
        raise RuntimeError(f"{answer.status}: {told[:200]!r}")
    return len(lines) / took


def starts(sizes: Sizes, folder: Path) -> Section:
    """Seconds from the start of the command to the first ready answer."""
    found = []
    for index in range(sizes.starts):
        with served(folder / f"start{index}") as service:
            found.append(service.ready_seconds)
    section = Section("Start", "From the start of `caveat serve` to the first 200 of `/readyz`, one worker.")
    section.tables.append(
        table(("", "seconds"), [("best", f"{min(found):.2f}"), ("median", f"{statistics.median(found):.2f}")])
    )
    section.aims.append(
        Aim("start to ready within 2 s", f"{statistics.median(found):.2f} s", statistics.median(found) <= 2)
    )
    return section


def soak(sizes: Sizes, folder: Path) -> Section:
    """Memory of one worker under constant load, read every tenth of the time."""
    bodies = [order_select(seed) for seed in range(sizes.bodies)]
    minutes = sizes.soak_minutes
    section = Section(
        "Soak",
        f"One worker under 8 connections for {minutes:g} minutes; resident memory after each tenth of it. "
        "Flat means that from the third reading on it grows by less than a twentieth.",
    )
    rows, sizes_read, calls = [], [], 0
    with served(folder / "soak") as service:
        for part in range(10):
            seconds = minutes * 6
            until = time.perf_counter() + seconds
            while (left := until - time.perf_counter()) > 0.2:
                turn = min(left, 60.0)
                file = calls_file(service, folder, bodies, int(turn * 900))
                calls += load(service, file, turn, 8)["calls"]
            sizes_read.append(sum(service.memory()))
            rows.append((f"{(part + 1) * minutes / 10:.1f} min", f"{sizes_read[-1] / 1e6:.0f}", f"{calls:,}"))
    section.tables.append(table(("after", "MB", "calls"), rows))
    growth = sizes_read[-1] / sizes_read[2] - 1
    section.aims.append(
        Aim(
            f"{minutes:g}-minute soak within flat memory (30 minutes asked)",
            f"{growth:+.1%} after the third tenth, {sizes_read[-1] / 1e6:.0f} MB",
            growth < 0.05 and minutes >= 30,
        )
    )
    return section


def document(about: str, sections: Sequence[Section]) -> str:
    """The whole of SERVICE.md."""
    aims = [aim for section in sections for aim in section.aims]
    parts = [
        "# Service benchmark results",
        "Written by `make bench-service`. The client is a process of its own on the same machine, so two "
        "cores carry both. Every answer is checked to be a 200.",
        "## Aims",
        table(("aim", "measured", "verdict"), [(aim.aim, aim.measured, aim.verdict) for aim in aims]),
        "## Machine",
        about,
    ]
    for section in sections:
        parts += [f"## {section.title}", section.intro, *section.tables]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; a full run is also written to benchmarks/SERVICE.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run; nothing is written")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="how long memory is watched")
    parser.add_argument("--only", choices=("order-select", "second-worker", "stream", "start", "soak"))
    chosen = parser.parse_args(arguments)
    sizes = QUICK if chosen.quick else FULL
    if chosen.soak is not None:
        sizes = Sizes(sizes.seconds, sizes.rounds, sizes.bodies, sizes.records, sizes.starts, chosen.soak)
    ways = {
        "start": starts,
        "order-select": order_selects,
        "second-worker": dividing,
        "stream": streams,
        "soak": soak,
    }
    before, quiet = os.getloadavg(), contention()
    sections = []
    with tempfile.TemporaryDirectory() as folder:
        for name, way in ways.items():
            if chosen.only in (None, name):
                print(f"measuring: {name}", file=sys.stderr, flush=True)
                sections.append(way(sizes, Path(folder)))
    from caveat.compile.ruleset import load as load_rules

    rules = load_rules()
    about = machine(before, quiet, f"{rules.version} {rules.digest[:19]}")
    text = document(f"{about}\n- {'; '.join(_version(name) for name in _PACKAGES)}", sections)
    print(text)
    if not chosen.quick and not chosen.only:
        RESULTS.write_text(text, encoding="utf-8")
        print(f"written to {RESULTS.name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
