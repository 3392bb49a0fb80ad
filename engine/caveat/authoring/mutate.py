"""Breaks each rule on purpose, in every small way, and sees whether a case fails.

A mutant that no case notices is a missing case, or changes nothing that any record could show.
The latter are argued one by one in `equivalent-mutants.yaml`:

    format: 1
    mutants:
    - {rule: baclofen.renal.crcl-below-30, mutation: "when:pick-lowest", reason: ...}

An entry whose mutant is killed, or does not exist, is a problem of its own, so that none goes stale.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import Field

from caveat.authoring.case_files import shown
from caveat.authoring.cases import differences, read_all
from caveat.authoring.leaf_mutants import Vocabulary
from caveat.authoring.mutants import Mutant, mutants, vocabulary
from caveat.authoring.placing import Spot, spots
from caveat.authoring.prepared import Prepared, by_rule, prepare
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.reference import judge_rule
from caveat.evaluators.subjects import subjects
from caveat.rules.diagnostics import Diagnostic, Place, Problems, did_you_mean
from caveat.rules.expression import Strict
from caveat.rules.folder import read_texts
from caveat.rules.parse import parse
from caveat.rules.source import read_source

FILE = "equivalent-mutants.yaml"


class Equivalent(Strict):
    """A mutant that changes nothing any record could show, and why."""

    rule: str
    mutation: str
    reason: Annotated[str, Field(min_length=20)]


class EquivalentFile(Strict):
    """The argued mutants of a folder."""

    format: Literal[1]
    mutants: tuple[Equivalent, ...]


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no case notices, and where the clause stands."""

    rule: str
    id: str
    what: str
    place: Place

    def __str__(self) -> str:
        return f"{self.place}: {self.rule} {self.id}: {self.what}"


@dataclass(frozen=True, slots=True)
class RuleMutants:
    """What became of one rule's mutants; `argued` counts survivors with a reason."""

    rule: str
    killed: int
    survivors: tuple[Survivor, ...]
    argued: int = 0
    cases: int = 0

    @property
    def total(self) -> int:
        """Every mutant made."""
        return self.killed + len(self.survivors) + self.argued


@dataclass(frozen=True, slots=True)
class MutationReport:
    """Every rule's mutants; `problems` holds unreadable case files and stale arguments."""

    rules: tuple[RuleMutants, ...]
    problems: tuple[Diagnostic, ...] = ()

    @property
    def survivors(self) -> tuple[Survivor, ...]:
        """Every mutant that no case notices and nobody argued."""
        return tuple(survivor for rule in self.rules for survivor in rule.survivors)

    @property
    def total(self) -> int:
        """Every mutant made."""
        return sum(rule.total for rule in self.rules)

    @property
    def killed(self) -> int:
        """Mutants that make a case fail."""
        return sum(rule.killed for rule in self.rules)

    @property
    def argued(self) -> int:
        """Survivors with a recorded reason."""
        return sum(rule.argued for rule in self.rules)

    @property
    def ok(self) -> bool:
        """Whether there are mutants, none survives unargued, and nothing is stale."""
        return self.total > 0 and not self.survivors and not self.problems

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems] + [str(survivor) for survivor in self.survivors]
        for rule in self.rules:
            if rule.survivors or not rule.cases:
                lines.append(f"{rule.rule}: {len(rule.survivors)} of {rule.total} survive {rule.cases} cases")
        lines.append(
            f"{self.total} mutants of {len(self.rules)} rules: {self.killed} killed, "
            f"{len(self.survivors)} survived, {self.argued} argued to be equivalent"
        )
        return "\n".join(lines)


def run(root: str | FilePath, rules: Ruleset, only: str | Collection[str] | None = None) -> MutationReport:
    """Every mutant of every rule against the rule's cases.

    `only` takes the rules whose id contains the text, or the rules of those ids.
    """
    root = FilePath(root)
    problems = Problems()
    cases = by_rule(read_all(root, rules.program.rules, problems))
    texts = read_texts(root)
    placed = {item.rule.id: item for item in texts.rules}
    argued = _argued(root, problems)
    words = _words(rules)
    found: list[RuleMutants] = []
    for rule in rules.program.rules:
        if only is not None and not (only in rule.id if isinstance(only, str) else rule.id in only):
            continue
        where = spots(placed[rule.id], rules.terminology, rule) if rule.id in placed else ()
        fallback = placed[rule.id].place("id") if rule.id in placed else Place(rule.place)
        ready = prepare(cases, rule, rules.terminology)
        failing = [case for case in ready if not _holds(rule, rule, case)]
        for case in failing:
            problems.add(
                "C068",
                f"case {case.placed.case.id!r} fails before anything is broken",
                case.placed.place,
                why="A case that fails would count as killing every mutant.",
                hint="Run caveat test and mend the case or the rule first.",
                rule=rule.id,
            )
        if failing:
            found.append(RuleMutants(rule.id, 0, (), cases=len(ready)))
            continue
        mine = {key: place for (name, key), place in argued.items() if name == rule.id}
        found.append(
            _rule(rule, mutants(rule, words[_ruleset(rule)]), ready, where, fallback, mine, problems)
        )
    known = {rule.id for rule in rules.program.rules}
    for (name, _), place in argued.items():
        if name not in known:
            hint = did_you_mean(name, known)
            problems.add("C020", f"unknown rule {name!r}", place, why="No rule has that id.", hint=hint)
    return MutationReport(tuple(found), tuple(problems.found))


def _words(rules: Ruleset) -> dict[str, Vocabulary]:
    """What each ruleset names: its rules are changed to values of their own kin, whatever lies beside it."""
    kin: dict[str, list[CompiledRule]] = {}
    for rule in rules.program.rules:
        kin.setdefault(_ruleset(rule), []).append(rule)
    within = rules.terminology.tables.within
    return {name: vocabulary(tuple(its), within) for name, its in kin.items()}


def _ruleset(rule: CompiledRule) -> str:
    """The folder that a rule stands in, or nothing for the folder that was given."""
    return rule.place.rpartition("/")[0]


def _rule(
    rule: CompiledRule,
    made: Iterable[Mutant],
    cases: list[Prepared],
    where: tuple[Spot, ...],
    fallback: Place,
    argued: dict[str, Place],
    problems: Problems,
) -> RuleMutants:
    places = {(spot.part, spot.steps): spot.place for spot in where}
    order = list(cases)
    killed = excused = 0
    survivors: list[Survivor] = []
    open_ = dict(argued)
    for mutant in made:
        killer = next((case for case in order if not _holds(mutant.rule, rule, case)), None)
        if killer is not None:
            killed += 1
            order.remove(killer)
            order.insert(0, killer)
        elif mutant.id in open_:
            del open_[mutant.id]
            excused += 1
        else:
            place = (
                fallback
                if mutant.id.startswith("scope")
                else places.get((mutant.part, mutant.steps), fallback)
            )
            survivors.append(Survivor(rule.id, mutant.id, mutant.what, place))
    for name, place in open_.items():
        problems.add(
            "C066",
            f"argument for {name!r} is stale",
            place,
            why="A case kills this mutant, or the rule has none of that id.",
            hint="Take the entry out.",
            rule=rule.id,
        )
    return RuleMutants(rule.id, killed, tuple(survivors), excused, len(cases))


def _holds(mutant: CompiledRule, rule: CompiledRule, case: Prepared) -> bool:
    """Whether a case comes out as it should although the rule is broken."""
    same = _scope(mutant) == _scope(rule)
    judged = case.subjects if same else tuple(subjects(mutant, case.chart))
    try:
        outcomes = [judge_rule(mutant, case.chart, subject).outcome for subject in judged]
    except Exception:
        return False
    return not differences(case.placed.case, outcomes)


def _scope(rule: CompiledRule) -> tuple[object, ...]:
    """What decides which subjects a rule is judged for."""
    return (rule.subject, rule.first, rule.second, rule.share)


def _argued(root: FilePath, problems: Problems) -> dict[tuple[str, str], Place]:
    base = root if root.is_dir() else root.parent
    found: dict[tuple[str, str], Place] = {}
    for file in sorted(base.rglob(FILE)):
        source = read_source(file, problems, name=shown(file, root))
        parsed = parse(EquivalentFile, source, problems) if source is not None else None
        if source is None or parsed is None:
            continue
        for index, entry in enumerate(parsed.mutants):
            found[entry.rule, entry.mutation] = source.place(("mutants", index, "mutation"))
    return found
