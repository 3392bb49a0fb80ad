"""The same rules on the same records, in caveat and in its peers: equal results first, then the time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.cohort import bundled, kernel, pairs, records
from benchmarks.cohort.flat import Flat
from benchmarks.cohort.rules import Made, of_baclofen
from benchmarks.cohort.settings import PLAIN
from benchmarks.cohort.timing import Run, in_turn, rate
from benchmarks.measure import Timing, ratio
from benchmarks.neutral import load_rules
from benchmarks.results import Aim, Section, table
from benchmarks.same_rules import Disagreement
from caveat.compile.ruleset import Ruleset

KERNEL = "caveat, columnar"
_DUCK = "DuckDB, SQL by hand"
_FROM_RECORDS = "DuckDB, records taken apart and SQL by hand"
_POLARS = "polars, expressions"
_BARE = "numpy, a table of pairs and nothing else"
_READ = ", from the records"
_TIMES = 100


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    patients: int
    batch: int
    rounds: int
    pairs: tuple[int, ...]
    sample: int
    neutral: int


def _checked(expected: Any, found: Any, what: str) -> None:
    if expected.shape != found.shape or not bool((expected == found).all()):
        ours, theirs = ({tuple(row) for row in rows.tolist()} for rows in (expected, found))
        one = next(iter(ours ^ theirs))
        more, fewer = len(ours - theirs), len(theirs - ours)
        raise Disagreement(f"{what}: caveat has {more} alerts more and {fewer} fewer, such as {one}")


def _rows(timings: dict[str, Timing]) -> list[tuple[str, str, str, str]]:
    return [
        (
            name,
            f"{rate(timing):,.0f}",
            f"{rate(timing, 'wall'):,.0f}",
            f"{ratio(timing, timings[KERNEL]):.2f}",
        )
        for name, timing in timings.items()
    ]


_HEAD = ("", "patients a second of processor time", "by the clock", "times caveat's time")


def measure(sizes: Sizes, made: dict[int, Made]) -> Section:
    """The section on peers; `made` holds the rulesets by their number of pair rules."""
    section = Section(
        "The same rules in caveat and in its peers",
        f"{sizes.patients:,} generated patients on one core, {sizes.rounds} rounds in turn. The records are "
        "*plain*: every fact is whole or absent, since the peers know no more (the generator's `PLAIN`; one "
        "patient in twenty takes baclofen). Before anything is timed each candidate's alerts (patient, rule, "
        "orders) are compared with caveat's, and one difference ends the run.\n\n"
        "The peers carry no third truth value, no exceptions (but the one that the twelve rules need), no "
        "missing facts, no unrecognised names, no policy, no supersession, no deciding facts, no row a "
        "patient. caveat screens the records as they come, names and codes included, with the baclofen rules "
        f"always among its rules. The others start from tables made before the time: recognised current "
        f"orders by ingredient, the latest numbers of each patient. *{_FROM_RECORDS}* makes these tables "
        "within the time, with what each name means handed to it.",
    )
    base = of_baclofen()
    batches = kernel.cohort(sizes.patients, PLAIN, size=sizes.batch)
    flat = Flat(pa.Table.from_batches(batches), base)
    flat.flatten()
    _twelve(section, sizes, base, batches, flat)
    for count in sizes.pairs:
        _pairs(section, sizes, made[count], count, batches, flat)
    _one_record(section, sizes, batches, flat)
    return section


def _twelve(section: Section, sizes: Sizes, base: Ruleset, batches: list[pa.RecordBatch], flat: Flat) -> None:
    ours = kernel.alerts(base, batches, bundled.RULES, unordered=False)
    query = bundled.duck(flat, base)
    _checked(ours, pairs.as_columns(query()), f"{_DUCK}, baclofen rules")

    def whole() -> None:
        flat.flatten()
        query()

    timings = in_turn(
        {
            KERNEL: Run(kernel.screening(base, batches), sizes.patients),
            _DUCK: Run(query, sizes.patients),
            _FROM_RECORDS: Run(whole, sizes.patients),
        },
        sizes.rounds,
    )
    section.tables += [
        f"**Baclofen.** caveat runs all {len(base.program.rules)}, the SQL {len(bundled.RULES)}: "
        + ", ".join(f"`{rule}`" for rule in bundled.RULES)
        + f". {len(ours):,} alerts of these, the same in both.",
        table(_HEAD, _rows(timings)),
    ]
    section.aims.append(_ahead("baclofen rules", timings))


def _ahead(what: str, timings: dict[str, Timing]) -> Aim:
    """The aim counts the SQL that does what caveat does: start from the records."""
    fair, given = (ratio(timings[name], timings[KERNEL]) for name in (_FROM_RECORDS, _DUCK))
    return Aim(
        f"{what}: ahead of DuckDB SQL written by hand, from the records to the alerts",
        f"{fair:.2f} times its speed ({given:.2f} times that of SQL handed recognised tables)",
        fair > 1,
    )


def _pairs(
    section: Section, sizes: Sizes, made: Made, count: int, batches: list[pa.RecordBatch], flat: Flat
) -> None:
    ids = [rule.id for rule in made.pairs]
    ours = kernel.alerts(made.ruleset, batches, ids, unordered=True)
    ways: dict[str, Callable[[], object]] = {
        _DUCK: pairs.duck(made.pairs, flat),
        _POLARS: pairs.frames(made.pairs, flat),
        _BARE: pairs.bare(made.pairs, flat),
    }
    for name, way in ways.items():
        _checked(ours, pairs.as_columns(way()), f"{name}, {count:,} pair rules")

    def whole() -> None:
        flat.flatten()
        ways[_DUCK]()

    runs = {KERNEL: Run(kernel.screening(made.ruleset, batches), sizes.patients)}
    runs |= {name: Run(way, sizes.patients) for name, way in ways.items()}
    runs[_FROM_RECORDS] = Run(whole, sizes.patients)
    timings = in_turn(runs, sizes.rounds)
    section.tables += [
        f"**{count:,} pair rules** (caveat: and those of baclofen); {len(ours):,} alerts, "
        f"{len(ours) / sizes.patients:.1f} a patient, the same in all.",
        table(_HEAD, _rows(timings)),
    ]
    section.aims.append(_ahead(f"{count:,} pair rules", timings))
    section.aims.append(
        Aim(
            f"{count:,} pair rules: within 2 to 3 times the bare numpy prototype's time",
            f"{1 / ratio(timings[_BARE], timings[KERNEL]):.2f} times",
            ratio(timings[_BARE], timings[KERNEL]) >= 1 / 3,
        )
    )


def _one_record(section: Section, sizes: Sizes, batches: list[pa.RecordBatch], flat: Flat) -> None:
    given = records.rules(sizes.neutral)
    patients = records.sample(flat, sizes.sample)
    with tempfile.TemporaryDirectory() as folder:
        ruleset = load_rules(given, Path(folder))
    ids = [rule.id for rule in given]
    ours = kernel.alerts(ruleset, batches, ids, unordered=False)
    asked = [int(patient.id) for patient in patients]
    few = {(int(n), ids[rule]) for n, rule in np.unique(ours[:, :2], axis=0) if int(n) in set(asked)}
    meant = records.meanings(flat)
    read = pa.concat_batches(batches).take(pa.array(asked))
    again = [records.facts(row, n, meant) for n, row in zip(asked, read.to_pylist(), strict=True)]
    runs = {KERNEL: Run(kernel.screening(ruleset, batches), sizes.patients)}
    for kind in records.installed():
        for told in (patients, again):
            found = records.hits(kind, given, told)
            if found != few:
                some = sorted(found ^ few)[:3]
                raise Disagreement(
                    f"{kind.name} and caveat differ for {len(found ^ few)} hits, such as {some}"
                )
        runs[kind.name] = Run(records.judging(kind, given, patients), len(patients))
        runs[f"{kind.name}{_READ}"] = Run(records.from_records(kind, given, read, meant), len(patients))
    timings = in_turn(runs, sizes.rounds)
    section.tables += [
        f"**Engines that take one record.** {sizes.neutral:,} rules, half pairs, half a number beyond a "
        "limit (benchmarks/neutral.py), without those of baclofen. caveat screens all patients, the others "
        f"{len(patients):,} of them (the first who take no product of several ingredients): their figures "
        f"are extrapolated from these. *{_READ.strip(', ')}* begins with the same records as caveat, read "
        "and put into the peer's form by a few lines of Python that know no gaps, with what each name means "
        "handed to them; the other row begins with facts prepared before the time. "
        f"{len(few):,} hits, the same in all.",
        table(_HEAD, _rows(timings)),
    ]
    section.tables.append("\n".join(f"- {kind.name}: {kind.used}" for kind in records.PEERS))
    for label, prefix in (("durable-rules", "durable"), ("zen-engine", "zen"), ("clipspy", "clipspy")):
        times = {n: ratio(t, timings[KERNEL]) for n, t in timings.items() if n.startswith(prefix)}
        whole = [value for name, value in times.items() if name.endswith(_READ)]
        alone = [value for name, value in times.items() if not name.endswith(_READ)]
        aim = f"{sizes.neutral:,} rules: at least {_TIMES} times as fast as {label} on the same records"
        shown = "not installed here"
        if whole:
            shown = f"{min(whole):,.0f} times (against its judging of prepared facts alone {min(alone):,.0f})"
        section.aims.append(Aim(aim, shown, min(whole) >= _TIMES if whole else None))
