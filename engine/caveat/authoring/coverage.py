"""What the cases show of the rules: each clause TRUE, FALSE and UNKNOWN, each limit from both sides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath

from caveat.authoring.cases import read_all
from caveat.authoring.checks.case_classes import can_be_unknown
from caveat.authoring.clauses import clause
from caveat.authoring.placing import Spot, spots
from caveat.authoring.prepared import Prepared, bounds, by_rule, prepare, truths, unseen_sides
from caveat.compile import nodes
from caveat.compile.ruleset import Ruleset
from caveat.rules.diagnostics import Diagnostic, Place, Problems
from caveat.rules.folder import read_texts
from caveat.truth import FALSE, NAMES, TRUE, UNKNOWN


@dataclass(frozen=True, slots=True)
class Covered:
    """One clause: how many things are to be seen of it, and which no case shows."""

    rule: str
    place: Place
    clause: str
    wanted: int
    unseen: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.place.file}:{self.place.line}: {self.rule}: {self.clause}: never {', '.join(self.unseen)}"
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every clause of every rule; `problems` holds what is wrong with the case files."""

    clauses: tuple[Covered, ...]
    problems: tuple[Diagnostic, ...] = ()

    @property
    def uncovered(self) -> tuple[Covered, ...]:
        """The clauses of which something is not shown, in the order of the files."""
        return tuple(item for item in self.clauses if item.unseen)

    @property
    def percent(self) -> float:
        """The share of what is to be seen that is seen; 0 without any clause."""
        wanted = sum(item.wanted for item in self.clauses)
        unseen = sum(len(item.unseen) for item in self.clauses)
        return 100 * (wanted - unseen) / wanted if wanted else 0.0

    def reaches(self, least: float) -> bool:
        """Whether the share is at least `least` percent; rounded down, so 99.99 is not 100."""
        return self.percent >= least

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems] + [str(item) for item in self.uncovered]
        whole = int(self.percent * 10) / 10
        lines.append(
            f"{whole} % of {sum(item.wanted for item in self.clauses)} sides of "
            f"{len(self.clauses)} clauses are shown by cases"
        )
        return "\n".join(lines)


def measure(root: str | FilePath, rules: Ruleset, only: str | None = None) -> Coverage:
    """The coverage of the rules by the cases below `root` (of rules whose id contains `only`)."""
    root = FilePath(root)
    problems = Problems()
    cases = by_rule(read_all(root, rules.program.rules, problems))
    found: list[Covered] = []
    compiled = {rule.id: rule for rule in rules.program.rules}
    for placed in read_texts(root).rules:
        rule = compiled.get(placed.rule.id)
        if rule is None or (only is not None and only not in rule.id):
            continue
        ready = prepare(cases, rule, rules.terminology)
        for spot in spots(placed, rules.terminology, rule):
            if not isinstance(spot.node, (nodes.All, nodes.AnyOf, nodes.AtLeast)):
                found.append(_leaf(rule.id, spot, spot.node, ready))
    return Coverage(tuple(found), tuple(problems.found))


def _leaf(rule: str, spot: Spot, leaf: nodes.Leaf, cases: list[Prepared]) -> Covered:
    if isinstance(leaf, nodes.Always):
        wanted = {FALSE if leaf.negated else TRUE}
    else:
        wanted = {FALSE, TRUE} | ({UNKNOWN} if can_be_unknown(leaf) else set())
    seen = truths(cases, leaf)
    unseen = [NAMES[truth] for truth in sorted(wanted - seen)]
    sides = 0
    for bound in bounds(leaf):
        sides += 2
        unseen += unseen_sides(cases, bound)
    return Covered(rule, spot.place, clause(leaf), len(wanted) + sides, tuple(unseen))
