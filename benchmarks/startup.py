"""Whole processes: the command's help, one record screened, and two bare peers."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import Aim, Section, table

ROOT = Path(__file__).resolve().parent.parent
_RECORD = ROOT / "fixtures" / "patients" / "baclofen-clearance-24.json"
_HELP, _SCREEN = "caveat --help", "caveat screen one.json"
_LIMITS = {_HELP: 150.0, _SCREEN: 600.0}


def _commands() -> dict[str, list[str]]:
    script = Path(sys.executable).with_name("caveat")
    caveat = [str(script)] if script.is_file() else [sys.executable, "-m", "caveat"]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        'python -c "import pydantic"': [sys.executable, "-c", "import pydantic"],
        _HELP: [*caveat, "--help"],
        _SCREEN: [*caveat, "screen", str(_RECORD), "--as-of", "2026-01-15"],
    }


def _environment(folder: Path, cache: str) -> dict[str, str]:
    """Compiled modules and compiled rules are kept below `folder`, whatever the caller's settings are."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "modules"), "CAVEAT_CACHE": str(folder / cache)}


def _run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor milliseconds of one process. Raises RuntimeError when it fails."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=environment, check=False, cwd=ROOT)
    wall = time.perf_counter() - before
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[:300]}")
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return wall * 1000, cpu * 1000


def measure(*, quick: bool) -> Section:
    """The section on start-up."""
    rounds = 3 if quick else 25
    commands = _commands()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for command in commands.values():
            _run(command, _environment(Path(folder), "rules"))
        cold = _run(commands[_SCREEN], _environment(Path(folder), "no-rules-yet"))
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(_run(command, _environment(Path(folder), "rules")))
    bare = min(wall for wall, _ in times["python -c pass"])
    rows = []
    for name, runs in times.items():
        wall, cpu = [w for w, _ in runs], [c for _, c in runs]
        cells = (min(wall), statistics.median(wall), min(cpu), statistics.median(cpu))
        rows.append((f"`{name}`", f"{min(wall) / bare:.2f}", *(f"{cell:.0f}" for cell in cells)))
    rows.append(
        (
            f"`{_SCREEN}`, no compiled rules yet",
            f"{cold[0] / bare:.2f}",
            f"{cold[0]:.0f}",
            "",
            f"{cold[1]:.0f}",
            "",
        )
    )
    section = Section(
        "Start-up",
        f"Whole processes, milliseconds, {rounds} rounds taking turns, files in the system's cache, Python's "
        "byte code kept. `caveat screen` reads compiled rules kept under their content's hash; the last row "
        "is a run without them, which compiles the rules (measured once).",
    )
    head = ("", "best wall to bare Python", "best wall", "median wall", "best cpu", "median cpu")
    section.tables.append(table(head, rows))
    for name, limit in _LIMITS.items():
        wall = [w for w, _ in times[name]]
        section.aims.append(
            Aim(
                f"`{name}`: at most {limit:.0f} ms",
                f"{min(wall):.0f} ms at best, {statistics.median(wall):.0f} ms median "
                f"({min(c for _, c in times[name]):.0f} ms cpu at best)",
                min(wall) <= limit,
            )
        )
    return section
