"""What was measured, as tables; the machine and the versions it was measured with."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim of the project, what was measured, and whether that meets it (None: not measured here)."""

    aim: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """met, not met, or not measured."""
        return "not measured" if self.met is None else "met" if self.met else "**not met**"


@dataclass(slots=True)
class Section:
    """One part of the results."""

    title: str
    intro: str
    tables: list[str] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is set to the right."""
    lines = [" | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1))]
    lines += [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def shown(value: float) -> str:
    """Three significant digits at most."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


_PACKAGES = ("pydantic", "msgspec", "orjson", "durable_rules", "zen-engine", "clipspy")


def _version(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} not installed"


def machine(load_before: Sequence[float], quiet: tuple[float, float], ruleset: str) -> str:
    """Date, machine, versions, and how busy the machine was."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    load = ", ".join(f"{value:.1f}" for value in (load_before[0], os.getloadavg()[0]))
    lines = [
        f"- {today}; {_processor()}, {os.cpu_count()} cores; {platform.system()} {platform.machine()}",
        f"- {platform.python_implementation()} {platform.python_version()}; {_version('caveat')}; "
        f"ruleset {ruleset}",
        f"- {'; '.join(_version(name) for name in _PACKAGES)}",
        f"- load average before and after: {load}; one fixed piece of work took {quiet[0]:.2f} ms at best "
        f"and {quiet[1]:.2f} ms in the median: the nearer the two, the quieter the machine",
    ]
    return "\n".join(lines)


def document(about: str, sections: Sequence[Section]) -> str:
    """The whole of RESULTS.md."""
    aims = [aim for section in sections for aim in section.aims]
    rows = [(aim.aim, aim.measured, aim.verdict) for aim in aims]
    parts = [
        "# Benchmark results",
        "Written by `make bench`. Times are microseconds unless they say otherwise. What is compared takes "
        "turns in one run; *cpu* is the processor time of the process, *wall* the clock. Aims are judged by "
        "processor time, start-up by the best wall time: on a shared machine the clock also counts other "
        "work. Ratios travel between machines better than times do.",
        "## Aims",
        table(("aim", "measured", "verdict"), rows),
        "## Machine",
        about,
    ]
    for section in sections:
        parts += [f"## {section.title}", section.intro, *section.tables]
    parts += [part for name, how in ELSEWHERE for part in elsewhere(Path(__file__).parent / name, how)]
    return "\n\n".join(parts) + "\n"


ELSEWHERE = (("COHORTS.md", "make bench-cohort"), ("SERVICE.md", "make bench-service"))
"""What is measured by itself, and by which command."""


def elsewhere(file: Path, how: str) -> list[str]:
    """The aims of a document that another command wrote, as they stand; nothing where it is not there."""
    if not file.is_file():
        return []
    text = file.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    aims = text.partition("## Aims\n\n")[2].partition("\n\n")[0]
    return [f"## {title}", f"Measured apart by `{how}`; [{file.name}]({file.name}) has the tables.", aims]
