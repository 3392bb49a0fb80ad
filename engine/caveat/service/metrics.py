"""Counts and times for Prometheus, right over all workers of one service.

Each worker writes to a memory-mapped file of its own in a shared folder; whichever worker is asked
adds all of them up. Labels are route templates, statuses, kinds, grades and stable codes: never
anything that a caller or a record said.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from caveat.service.live import Live
    from caveat.service.question import Answer

FOLDER: Final = "metrics"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper ends of the buckets of a time."""
_BOUNDS: Final = (*(repr(end) for end in SECONDS), "+Inf")
_SCREENING: Final = frozenset(("patient-view", "order-select", "order-sign", "screen", "stream"))
HELP: Final = {
    "caveat_calls": "Calls, by route and status.",
    "caveat_call_seconds": "Seconds from the first byte of a call to the last of its answer, by route.",
    "caveat_evaluations": "Questions answered and kept in the audit trail, by kind and where they were kept.",
    "caveat_evaluation_seconds": "Seconds of judging, by kind.",
    "caveat_patients": "Patients judged, by kind.",
    "caveat_clear": "Patients for whom nothing alerted, was left open, was unrecognised or failed.",
    "caveat_alerts": "Alerts, by severity and tier.",
    "caveat_cannot_assess": "Rules that could not be assessed, by severity and tier.",
    "caveat_unrecognised": "Names and codes that no table knows.",
    "caveat_errors": "Values that were not used, rules that failed, and checks that failed.",
    "caveat_overridden": "Findings shown with an override in force.",
    "caveat_refused": "Calls that were refused, by reason.",
    "caveat_reloads": "Loads of other rules while serving, by result.",
}


def clear(folder: Path) -> None:
    """Take away what the workers of an earlier run counted. For the parent, before it starts workers."""
    for file in (folder / FOLDER).glob("*.db"):
        file.unlink(missing_ok=True)


class Metrics:
    """What one worker counts; `render` gives the sums over all workers that share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._files: dict[str, Any] = {}
        self._pid = 0
        self._sums: dict[str, float] = {}
        self._begun: set[tuple[str, tuple[tuple[str, str], ...]]] = set()

    def called(self, route: str, status: int, seconds: float) -> None:
        """One HTTP call; `route` is the template of its path."""
        self._add("caveat_calls", route=route, status=str(status))
        self._time("caveat_call_seconds", seconds, route=route)

    def refused(self, reason: str) -> None:
        """One call that was refused, with a stable code."""
        self._add("caveat_refused", reason=reason)

    def reloaded(self, result: str) -> None:
        """One load of other rules: `swapped`, `unchanged` or `refused`."""
        self._add("caveat_reloads", result=result)

    def answered(self, kind: str, answer: Answer, seconds: float, kept: str) -> None:
        """One question answered, after it was kept: `stored` or `spooled`."""
        self._add("caveat_evaluations", kind=kind, kept=kept)
        self._time("caveat_evaluation_seconds", seconds, kind=kind)
        if kind not in _SCREENING:
            return
        grades: Counter[tuple[str, str, str]] = Counter()
        overridden = unrecognised = errors = clear = 0
        for one in answer.judged:
            unrecognised += one.unrecognised
            errors += one.errors
            clear += one.is_clear
            for shown in one.findings:
                if shown.status in _GRADED:
                    grades[_GRADED[shown.status], shown.severity, shown.tier] += 1
                overridden += bool(shown.override)
        for (name, severity, tier), count in grades.items():
            self._add(name, count, severity=severity, tier=tier)
        self._add("caveat_patients", len(answer.judged), kind=kind)
        self._add("caveat_clear", clear)
        self._add("caveat_unrecognised", unrecognised)
        self._add("caveat_errors", errors)
        self._add("caveat_overridden", overridden)

    def close(self) -> None:
        """Let go of the files; what was counted stays in them."""
        for file in self._files.values():
            file.close()
        self._files, self._pid = {}, 0

    def render(self, live: Live | None = None, spooled: int | None = None) -> tuple[bytes, str]:
        """The sums over all workers as text for Prometheus, and its media type.

        `live` adds which rules are served, `spooled` how many audit records wait for the database.
        """
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
        from prometheus_client.core import GaugeMetricFamily
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry(auto_describe=False)
        self._folder.mkdir(parents=True, exist_ok=True)
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        families = []
        if live is not None:
            rules = GaugeMetricFamily(
                "caveat_ruleset",
                "The rules that are served; always 1.",
                labels=("digest", "version", "rules"),
            )
            count = str(len(live.rules.program.rules))
            rules.add_metric((live.rules.digest, live.rules.version, count), 1.0)
            families.append(rules)
        if spooled is not None:
            waiting = "Audit records that wait on disk for the database."
            families.append(GaugeMetricFamily("caveat_audit_spooled", waiting, value=spooled))

        class Now:
            def collect(self) -> Any:
                return iter(families)

        registry.register(Now())
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4

    def _add(self, name: str, count: float = 1, **labels: str) -> None:
        if count:
            self._write("counter", name, f"{name}_total", count, labels)

    def _time(self, name: str, seconds: float, **labels: str) -> None:
        end = next((text for end, text in zip(SECONDS, _BOUNDS, strict=False) if seconds <= end), "+Inf")
        key = (name, tuple(labels.items()))
        if key not in self._begun:
            self._begun.add(key)
            for bound in _BOUNDS:
                self._write("histogram", name, f"{name}_bucket", 0, {**labels, "le": bound})
        self._write("histogram", name, f"{name}_bucket", 1, {**labels, "le": end})
        self._write("histogram", name, f"{name}_sum", seconds, labels)

    def _write(self, sort: str, name: str, sample: str, count: float, labels: dict[str, str]) -> None:
        file = self._file(sort)
        key = _key(name, sample, tuple(labels.items()))
        value = self._sums.get(key, 0.0) + count
        self._sums[key] = value
        file.write_value(key, value, 0.0)

    def _file(self, sort: str) -> Any:
        """The file of this process; a process that was forked off begins one of its own."""
        if os.getpid() != self._pid:
            self._pid, self._files, self._sums, self._begun = os.getpid(), {}, {}, set()
        if sort not in self._files:
            from prometheus_client.mmap_dict import MmapedDict

            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._folder / f"{sort}_{self._pid}_{id(self):x}.db"
            path.unlink(missing_ok=True)
            self._files[sort] = MmapedDict(str(path))  # type: ignore[no-untyped-call]
        return self._files[sort]


@lru_cache(maxsize=4096)
def _key(name: str, sample: str, labels: tuple[tuple[str, str], ...]) -> str:
    from prometheus_client.mmap_dict import mmap_key

    key: str = mmap_key(
        name, sample, [label for label, _ in labels], [said for _, said in labels], HELP[name]
    )
    return key


_GRADED: Final = {"fires": "caveat_alerts", "cannot-assess": "caveat_cannot_assess"}
