"""The same rules on the same patients with the same hits, in caveat and in its peers; and more of them."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Timing, block_by_block, ratio
from benchmarks.neutral import (
    AS_OF,
    NeutralPatient,
    NeutralRule,
    as_patient,
    load_rules,
    make_patients,
    make_rules,
)
from benchmarks.peers import PEERS, Indexed, missing
from benchmarks.results import Aim, Section, shown, table
from caveat.compile.ruleset import Ruleset, load
from caveat.errors import CaveatError
from caveat.evaluators.screen import build, ordinal, screen
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.findings.severity import Status
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import resolve

SCREEN = "caveat, inprocess, Patient to Report"
FINDINGS = "caveat, inprocess, Patient to Report, every finding asked for"
OUTCOMES = "caveat, inprocess, outcomes of a recognised record"
REFERENCE = "caveat, reference, Patient to Report"
DURABLE = "caveat, durable (durable-rules in three truths), Patient to Report"
_SPEEDUP = 20.0
_GROWTH = 3.0


class Disagreement(AssertionError):
    """Two engines gave different hits for the same patient."""


def vocabulary(terminology: Terminology) -> list[str]:
    """Every ingredient whose id, given as its name, is recognised as itself."""
    ids = sorted(terminology.ids("ingredient"))
    return [name for name in ids if resolve(terminology, (), name).ingredients == (name,)]


def hits_of(report: Report) -> set[str]:
    """The rules that fire."""
    return {finding.rule.id for finding in report.findings if finding.status is Status.FIRES}


def check_same_hits(
    rules: Sequence[NeutralRule], patients: Sequence[NeutralPatient], ruleset: Ruleset
) -> dict[str, int]:
    """The number of hits by candidate. Raises Disagreement unless all give the same for each patient."""
    found: dict[str, list[set[str]]] = {}
    for name in ("inprocess", "reference"):
        reports = (screen(as_patient(p), ruleset, as_of=AS_OF, evaluator=name) for p in patients)
        found[f"caveat {name}"] = [hits_of(report) for report in reports]
    for kind in PEERS:
        if missing(kind) is None:
            peer = kind(rules)
            found[peer.name] = [set(peer.hits(peer.prepare(patient))) for patient in patients]
    first_name, first = next(iter(found.items()))
    for name, hits in found.items():
        for patient, one, other in zip(patients, first, hits, strict=True):
            if one != other:
                raise Disagreement(
                    f"{first_name} and {name} differ for {patient.id}: {sorted(one ^ other)[:5]}"
                )
    return {name: sum(map(len, hits)) for name, hits in found.items()}


def caveat_ways(
    ruleset: Ruleset, patients: Sequence[Patient]
) -> dict[str, tuple[Callable[[Any], object], Sequence[Any]]]:
    """Full screening, and judging alone (a fresh chart for each, made outside the time)."""
    evaluator = build("inprocess", ruleset.program)
    day = ordinal(AS_OF)

    def judged(chart: Chart) -> object:
        outcomes = evaluator.outcomes(chart)
        chart.memo.clear()
        return outcomes

    return {
        SCREEN: (lambda p: screen(p, ruleset, as_of=AS_OF, evaluator=evaluator), patients),
        OUTCOMES: (judged, [Chart(p, ruleset.terminology, as_of=day) for p in patients]),
    }


def measure_peers(*, quick: bool) -> Section:
    """The section on peers."""
    sizes, count, rounds = ((20, 60), 50, 2) if quick else ((200, 1000), 500, 5)
    names = random.Random(3).sample(vocabulary(load().terminology), 300)
    patients = make_patients(count, names)
    read = [as_patient(patient) for patient in patients]
    section = Section(
        "The same rules in caveat and in its peers",
        "Half pair rules (two ingredients), half threshold rules (an ingredient, and age, weight, creatinine "
        f"or potassium below or above a limit), drawn over 300 ingredients; {count} patients who take 4 to "
        "12 of them; one number in ten is not known. Every candidate gives the same hits for every patient, "
        f"which is checked first. {rounds} rounds, mean time a patient.\n\n"
        "The rows do not do the same work, and the difference is the point of the project. The peers are "
        "handed prepared facts (a dict of numbers, the ingredients by their ids), give the ids of the rules "
        "that hold, and take a missing number for silence. caveat's rules are rule text loaded as any "
        "ruleset is, and *Patient to Report* begins with the record: each name is recognised or reported, "
        "each value checked, dated and converted, a rule whose number is missing is a finding, and what was "
        "judged can be explained. *Every finding asked for* also makes the findings and reads each. "
        "*Outcomes* starts from recognised orders, the nearest to what the peers do. *Python, indexed by "
        "ingredient* gives the hits and nothing else, about the least that Python can do.",
    )
    section.intro += (
        " *caveat, durable* is the second opinion: durable-rules under the scheme that tells what is not "
        "known from what does not hold, the one row of it that answers the same question; it runs in a "
        "process of its own, so the clock alone counts all of it."
    )
    section.intro += "\n\n" + "\n".join(f"- {peer.name}: {peer.used}" for peer in PEERS)
    absent = [why for peer in PEERS if (why := missing(peer))]
    section.intro += "".join(f"\n- not measured: {why}" for why in dict.fromkeys(absent))
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            rules = make_rules(size, names)
            ruleset = load_rules(rules, Path(folder))
            hits = check_same_hits(rules, patients, ruleset)
            ways = caveat_ways(ruleset, read)
            reference = build("reference", ruleset.program)
            evaluator = build("inprocess", ruleset.program)
            ways[FINDINGS] = (_hits(ruleset, evaluator), read)
            ways[REFERENCE] = (_screened(ruleset, reference), read)
            try:
                ways[DURABLE] = (_screened(ruleset, build("durable", ruleset.program)), read)
            except CaveatError as error:
                why = f"\n- not measured: {DURABLE}: {error}"
                section.intro += "" if why in section.intro else why
            for kind in PEERS:
                if missing(kind) is None:
                    peer = kind(rules)
                    ways[peer.name] = (peer.hits, [peer.prepare(patient) for patient in patients])
            timings = block_by_block(ways, rounds)
            each = next(iter(hits.values())) / count
            section.tables.append(f"**{size:,} rules**, {each:.2f} hits a patient, the same in all")
            section.tables.append(_peer_table(timings))
            if size == sizes[-1]:
                section.aims += _speed_aims(size, timings)
    return section


def _screened(ruleset: Ruleset, evaluator: Any) -> Callable[[Any], object]:
    return lambda patient: screen(patient, ruleset, as_of=AS_OF, evaluator=evaluator)


def _hits(ruleset: Ruleset, evaluator: Any) -> Callable[[Any], object]:
    return lambda patient: hits_of(screen(patient, ruleset, as_of=AS_OF, evaluator=evaluator))


def _peer_table(timings: dict[str, Timing]) -> str:
    rows = [
        (
            name,
            f"{ratio(timing, timings[SCREEN]):.2f}",
            f"{ratio(timing, timings[OUTCOMES]):.2f}",
            shown(timing.mean()),
            shown(timing.mean("wall")),
        )
        for name, timing in timings.items()
    ]
    return table(("", "to Patient to Report", "to outcomes", "cpu", "wall"), rows)


def _speed_aims(size: int, timings: dict[str, Timing]) -> list[Aim]:
    found = []
    for label, prefix in (("durable-rules", "durable-rules"), ("zen-engine", "zen-engine")):
        used = [name for name in timings if name.startswith(prefix)]
        ratios = {name: ratio(timings[name], timings[SCREEN]) for name in used}
        alone = {name: ratio(timings[name], timings[OUTCOMES]) for name in used}
        least = {name: ratio(timings[name], timings[Indexed.name]) for name in used}
        measured = "; ".join(
            f"{name.removeprefix(prefix).strip(', ') or 'wide fact'}: {ratios[name]:.2f} times "
            f"({alone[name]:.2f} judging alone, {least[name]:.1f} the least that Python can do)"
            for name in used
        )
        if label == "durable-rules" and DURABLE in timings:
            clock = timings[DURABLE].mean("wall") / timings[SCREEN].mean("wall")
            measured += f"; in three truths: {clock:.0f} times by the clock"
        met = min(ratios.values()) >= _SPEEDUP if ratios else None
        text = f"{size:,} rules: at least {_SPEEDUP:.0f} times faster than {label}"
        found.append(Aim(text, measured or "not installed here", met))
    return found


def measure_growth(*, quick: bool) -> Section:
    """The section on the number of rules."""
    sizes, count, rounds = ((20, 60, 200), 50, 2) if quick else ((100, 1000, 10_000), 500, 5)
    everything = vocabulary(load().terminology)
    taken = random.Random(3).sample(everything, 300)
    rest = sorted(set(everything) - set(taken))
    section = Section(
        "From few rules to many",
        f"{count} patients, {rounds} rounds, all sizes taking turns. *Drawn over everything*: rules and "
        f"patients draw from all {len(everything):,} ingredients, so that more rules also mean more to judge "
        "and more findings. *About others*: the smallest ruleset, and further rules on ingredients that no "
        "patient takes, so that the findings stay the same.",
    )
    least = sizes[0]
    first = make_rules(least, taken)
    series: dict[str, tuple[list[NeutralPatient], dict[int, Sequence[NeutralRule]]]] = {
        "drawn over everything": (
            list(make_patients(count, everything)),
            {size: make_rules(size, everything) for size in sizes},
        ),
        "about others": (
            list(make_patients(count, taken)),
            {size: (*first, *_renamed(make_rules(size - least, rest))) for size in sizes},
        ),
    }
    for name, (patients, rulesets) in series.items():
        read = [as_patient(patient) for patient in patients]
        ways: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {}
        notes: dict[int, tuple[float, float, float]] = {}
        for size, rules in rulesets.items():
            with tempfile.TemporaryDirectory() as folder:
                before = time.process_time()
                ruleset = load_rules(rules, Path(folder))
                took = time.process_time() - before
            reports = [screen(patient, ruleset, as_of=AS_OF) for patient in read]
            hits = sum(len(hits_of(report)) for report in reports) / count
            notes[size] = hits, sum(len(report.findings) for report in reports) / count, took
            ways |= {f"{size} {way}": value for way, value in caveat_ways(ruleset, read).items()}
        timings = block_by_block(ways, rounds)
        rows = []
        for size in sizes:
            whole, alone = timings[f"{size} {SCREEN}"], timings[f"{size} {OUTCOMES}"]
            hits, findings, took = notes[size]
            rows.append(
                (
                    f"{size:,} rules",
                    f"{ratio(whole, timings[f'{least} {SCREEN}']):.2f}",
                    f"{ratio(alone, timings[f'{least} {OUTCOMES}']):.2f}",
                    shown(whole.mean()),
                    shown(alone.mean()),
                    f"{hits:.2f}",
                    f"{findings:.2f}",
                    f"{took:.1f}",
                )
            )
        head = ("", "Patient to Report, to the smallest", "outcomes, to the smallest")
        rest_of_head = ("Patient to Report cpu", "outcomes cpu", "hits", "findings", "load from text, s")
        section.tables += [f"**{name}**", table((*head, *rest_of_head), rows)]
        most = sizes[-1]
        grown = ratio(timings[f"{most} {SCREEN}"], timings[f"{least} {SCREEN}"])
        judged = ratio(timings[f"{most} {OUTCOMES}"], timings[f"{least} {OUTCOMES}"])
        section.aims.append(
            Aim(
                f"{least:,} to {most:,} rules, {name}: less than {_GROWTH:.0f} times as much a record",
                f"{grown:.2f} times ({judged:.2f} judging alone)",
                grown < _GROWTH,
            )
        )
    return section


def _renamed(rules: Sequence[NeutralRule]) -> list[NeutralRule]:
    return [rule._replace(id=rule.id.replace("neutral", "other")) for rule in rules]
