"""How fast caveat screens a cohort: rules, batch sizes, how many take baclofen; and from file to file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pyarrow as pa

from benchmarks.cohort import files, kernel
from benchmarks.cohort.compare import Sizes
from benchmarks.cohort.rules import Made, of_baclofen
from benchmarks.cohort.settings import DEFAULT
from benchmarks.cohort.timing import Run, in_turn, rate
from benchmarks.measure import Timing, ratio
from benchmarks.results import Aim, Section, table
from caveat.columns.encoding import encoded
from caveat.compile.ruleset import Ruleset, bundled, load

BUNDLED = "baclofen rules"
EVERY = "all bundled rules"
_ENCODED = ", words encoded"
"""Batches whose words are dictionary-encoded, as a columnar store holds them; aims are judged on these."""
_LEAST = {0: 500_000, 10_000: 300_000, 100_000: 250_000}
"""Patients a second on one core, by the number of pair rules beside those of baclofen."""
_SECONDS, _BYTES = 8.0, 2 * 10**9


def name_of(count: int) -> str:
    """What a ruleset is called in the tables."""
    return f"{BUNDLED} and {count:,} pairs" if count else BUNDLED


def measure_kernel(sizes: Sizes, made: dict[int, Made], batch_sizes: Sequence[int]) -> Section:
    """The section on the evaluator alone, on one core: record batches in, findings and patients out."""
    section = Section(
        "The kernel on one core",
        f"`Columnar.screen` on {sizes.patients:,} generated patients with all their gaps and oddities, in "
        f"batches of {sizes.batch:,}, {sizes.rounds} rounds in turn; records in memory, findings and "
        "patients made as Arrow and let go. *One by one* is the share of patients that the default evaluator "
        "judged, because something in their record is not plain. *Words encoded*: the words inside lists are "
        "dictionary-encoded, as a columnar store holds them; the aims are judged on those rows. *Baclofen "
        "rules* are the 63 that there were when the aims were set; *all bundled rules* are what ships now.",
    )
    base, everything = of_baclofen(), load()
    rulesets: dict[int, Ruleset] = {0: base, **{count: one.ruleset for count, one in made.items()}}
    cohort = kernel.cohort(sizes.patients, DEFAULT, size=sizes.batch)
    dense = kernel.cohort(sizes.patients // 4, dataclasses.replace(DEFAULT, baclofen=1.0), size=sizes.batch)
    everyone = f"{BUNDLED}, everyone takes baclofen"
    runs = {
        name_of(count): Run(kernel.screening(rules, cohort), sizes.patients)
        for count, rules in rulesets.items()
    }
    runs[everyone] = Run(kernel.screening(base, dense), sizes.patients // 4)
    runs[EVERY] = Run(kernel.screening(everything, cohort), sizes.patients)
    words = [encoded(batch) for batch in cohort]
    runs[EVERY + _ENCODED] = Run(kernel.screening(everything, words), sizes.patients)
    for count, rules in rulesets.items():
        runs[name_of(count) + _ENCODED] = Run(kernel.screening(rules, words), sizes.patients)
    timings = in_turn(runs, sizes.rounds)
    rows = []
    for name, rules, patients in (
        *((name_of(count), rules, cohort) for count, rules in rulesets.items()),
        *((name_of(count) + _ENCODED, rules, words) for count, rules in rulesets.items()),
        (everyone, base, dense),
        (EVERY, everything, cohort),
        (EVERY + _ENCODED, everything, words),
    ):
        seen = kernel.seen(rules, patients)
        rows.append(_row(name, timings, seen))
    section.tables.append(table(_HEAD, rows))
    section.tables.append(_batch_sizes(base, cohort, sizes, batch_sizes))
    section.tables.append(
        "Making the rules: "
        + "; ".join(
            f"{count:,} pairs {one.made:.1f} s, sealing (canonical JSON and its digest) {one.sealed:.1f} s"
            for count, one in made.items()
        )
        + "."
    )
    aims = [(name_of(count), least) for count, least in _LEAST.items()]
    for name, least in [(EVERY, _LEAST[0]), *aims]:
        if name in timings:
            plain, timing = timings[name], timings[name + _ENCODED]
            found = (
                f"{rate(timing):,.0f} by processor time, {rate(timing, 'wall'):,.0f} by the clock; "
                f"words as plain text: {rate(plain):,.0f} and {rate(plain, 'wall'):,.0f}"
            )
            aim = f"kernel, {name}: at least {least:,} patients a second on one core"
            section.aims.append(Aim(aim, found, rate(timing) >= least))
    return section


_HEAD = (
    "",
    "patients a second of processor time",
    "by the clock",
    "times the baclofen rules' time",
    "alerts a patient",
    "cannot assess",
    "one by one",
)


def _row(name: str, timings: dict[str, Timing], seen: kernel.Seen) -> tuple[str, ...]:
    timing = timings[name]
    return (
        name,
        f"{rate(timing):,.0f}",
        f"{rate(timing, 'wall'):,.0f}",
        f"{ratio(timing, timings[BUNDLED]):.2f}",
        f"{seen.statuses['fires'] / seen.patients:.2f}",
        f"{seen.statuses['cannot-assess'] / seen.patients:.2f}",
        f"{seen.one_by_one / seen.patients:.2%}",
    )


def _batch_sizes(
    base: Ruleset, cohort: Sequence[pa.RecordBatch], sizes: Sizes, batch_sizes: Sequence[int]
) -> str:
    """Bundled rules, the same patients in batches of several sizes, cut from one piece of memory."""
    whole = pa.concat_batches(cohort)
    runs = {}
    for size in batch_sizes:
        cut = [whole.slice(first, size) for first in range(0, whole.num_rows, size)]
        runs[f"{size:,}"] = Run(kernel.screening(base, cut), sizes.patients)
    timings = in_turn(runs, sizes.rounds)
    rows = [
        (size, f"{rate(timing):,.0f}", f"{rate(timing, 'wall'):,.0f}") for size, timing in timings.items()
    ]
    return table(("patients a batch, baclofen rules", "a second of processor time", "by the clock"), rows)


def measure_files(patients: int, rounds: int) -> Section:
    """The section on a run from Parquet to Parquet."""
    section = Section(
        "From Parquet to Parquet",
        f"`caveat screen cohort.parquet --out DIR` on {patients:,} generated patients, start-up and report "
        "included, on the cores that the machine has. *Memory* is the most that all processes "
        "of the run held at once (resident, pages they share counted for each).",
    )
    rows: list[tuple[str, ...]] = []
    with files.cohort(patients, DEFAULT) as path:
        for name, arguments in ((EVERY, ()), (BUNDLED, ("--rules", str(bundled() / "baclofen")))):
            aim = f"{patients:,} patients, {name}: at most {_SECONDS:.0f} s and 2 GB"
            try:
                runs = [files.screened(path, *arguments) for _ in range(rounds)]
            except files.NotScreened as problem:
                section.aims.append(Aim(aim, f"not measured: {problem}", None))
                continue
            rows += [_run_row(f"{name}, run {number}", run) for number, run in enumerate(runs, 1)]
            best, most = min(run.seconds for run in runs), max(run.memory for run in runs)
            whole = patients >= 1_000_000
            measured = f"{best:.1f} s at best of {rounds}, {most / 1e9:.2f} GB at most"
            met = best <= _SECONDS and most <= _BYTES if whole else None
            section.aims.append(Aim(aim, measured if whole else f"{measured} (a small run)", met))
    head = ("", "seconds", "patients a second", "memory, GB", "findings", "file, MB")
    section.tables.append(table(head, rows) if rows else "Not measured; the aims say why.")
    return section


def _run_row(name: str, run: files.Screened) -> tuple[str, ...]:
    return (
        name,
        f"{run.seconds:.1f}",
        f"{run.patients / run.seconds:,.0f}",
        f"{run.memory / 1e9:.2f}",
        f"{run.findings:,}",
        f"{run.size / 1e6:,.1f}",
    )
