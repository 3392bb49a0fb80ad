"""One record, from a validated Patient to a Report, with the bundled rules."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.measure import Timing, item_by_item
from benchmarks.population import AS_OF, general, on_baclofen
from benchmarks.results import Aim, Section, shown, table
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.screen import build, screen
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.render.json import report_line

_P50, _P99 = 100.0, 1000.0


def candidates(rules: Ruleset) -> dict[str, Callable[[Patient], Any]]:
    """The ways a record is screened."""
    inprocess, reference = build("inprocess", rules.program), build("reference", rules.program)
    sources = dict(rules.sources)
    return {
        "inprocess": lambda p: screen(p, rules, as_of=AS_OF, evaluator=inprocess),
        "inprocess, and every finding asked for": lambda p: shown_of(
            screen(p, rules, as_of=AS_OF, evaluator=inprocess)
        ),
        "inprocess, and the JSON contract written": lambda p: report_line(
            screen(p, rules, as_of=AS_OF, evaluator=inprocess), sources=sources
        ),
        "reference": lambda p: screen(p, rules, as_of=AS_OF, evaluator=reference),
    }


def shown_of(report: Report) -> tuple[object, ...]:
    """What a screen shows first: the alerts by gravity, what is open, whether it is clear."""
    return report.is_clear, report.alerts, report.cannot_assess, report.suppressed


def measure(*, quick: bool) -> Section:
    """The section on single records."""
    rules = load()
    count, rounds = (100, 2) if quick else (1000, 5)
    section = Section(
        "One record with the bundled rules",
        f"From a validated `Patient` to a `Report`, {len(rules.program.rules)} rules, {count:,} different "
        f"seeded patients, {rounds} rounds; p50 and p99 over the patients, median of the rounds. In a report "
        "every rule is judged and every status settled, and so whether it is clear; its findings are made of "
        "that when they are asked for, as the second row does, and reasons and texts are worked out when "
        "each of them is, which writing the JSON contract does for all. What was there before the clock "
        "started is frozen out of the garbage collector, which stays on. *First pass* is the first round, "
        "when no name had been looked up before.",
    )
    populations = {
        "on baclofen": ("all take baclofen, 4 to 8 orders, 0 to 11 laboratory values", on_baclofen(count)),
        "general": ("6 to 10 orders, 1 in 20 takes baclofen", general(count)),
    }
    for name, (what, patients) in populations.items():
        ways = candidates(rules)
        timings = item_by_item(ways, patients, rounds)
        section.tables.append(_described(name, what, rules, patients))
        section.tables.append(_table(timings))
        for share, word, limit in ((0.5, "p50", _P50), (0.99, "p99", _P99)):
            timing = timings["inprocess"]
            value = timing.quantile(share, first=1)
            section.aims.append(
                Aim(
                    f"one record, bundled rules, {name}: {word} at most {limit:,.0f} µs",
                    f"{shown(value)} µs cpu, {shown(timing.quantile(share, 'wall', first=1))} µs wall",
                    value <= limit,
                )
            )
    return section


def _described(name: str, what: str, rules: Ruleset, patients: list[Patient]) -> str:
    reports = [screen(patient, rules, as_of=AS_OF) for patient in patients]
    alerts = statistics.fmean(len(report.alerts) for report in reports)
    still_open = statistics.fmean(len(report.cannot_assess) for report in reports)
    orders = statistics.fmean(len(patient.orders or ()) for patient in patients)
    return (
        f"**{name}**: {what}; on average {orders:.1f} orders, {alerts:.1f} alerts and {still_open:.1f} "
        "rules that cannot be assessed."
    )


def _table(timings: dict[str, Timing]) -> str:
    base = timings["inprocess"]
    rows = []
    for name, timing in timings.items():
        cells = [timing.quantile(s, k, first=1) for k in ("cpu", "wall") for s in (0.5, 0.99)]
        against = cells[0] / max(base.quantile(0.5, first=1), 1e-9)
        rows.append((name, f"{against:.2f}", *(shown(cell) for cell in cells)))
    cold = Timing(base.wall[:1], base.cpu[:1])
    cells = [cold.quantile(s, k) for k in ("cpu", "wall") for s in (0.5, 0.99)]
    against = cells[0] / max(base.quantile(0.5, first=1), 1e-9)
    rows.append(("inprocess, first pass", f"{against:.2f}", *(shown(cell) for cell in cells)))
    return table(("", "p50 to inprocess", "p50 cpu", "p99 cpu", "p50 wall", "p99 wall"), rows)
