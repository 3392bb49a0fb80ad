"""Rules that differ only in the range of one number: the grades of one threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from caveat.authoring.checks.base import Checked, Folder
from caveat.authoring.checks.exclusion import number_key
from caveat.authoring.placing import WHEN, Steps
from caveat.compile import nodes
from caveat.compile.nodes import All
from caveat.intervals import Interval
from caveat.rules.diagnostics import Place

Ranged = nodes.NumberLeaf | nodes.OrderNumberLeaf | nodes.CountLeaf | nodes.SumLeaf | nodes.ExposureLeaf


@dataclass(frozen=True, slots=True)
class Grade:
    """One rule's range on the number; `steps` leads to it."""

    rule: Checked
    leaf: Ranged
    steps: Steps

    @property
    def target(self) -> Interval:
        """The range, in base units."""
        return self.leaf.target


def ladders(folder: Folder) -> list[list[Grade]]:
    """Grades of rules with the same scope, the same other clauses and a range on the same number.

    From the lowest range up; only ladders of two and more rules.
    """
    found: dict[object, list[Grade]] = {}
    for rule in folder.judged:
        when = rule.compiled.when
        parts = when.parts if isinstance(when, All) else (when,)
        flat = [
            ((*steps, i) if isinstance(part, All) else steps, leaf)
            for steps, part in (((i,) if isinstance(when, All) else (), p) for i, p in enumerate(parts))
            for i, leaf in enumerate(part.parts if isinstance(part, All) else (part,))
        ]
        for index, (steps, node) in enumerate(flat):
            if not isinstance(node, Ranged) or node.negated:
                continue
            others = frozenset(_plain(n) for i, (_, n) in enumerate(flat) if i != index)
            scope = (rule.compiled.subject, rule.compiled.first, rule.compiled.second)
            key = (scope, others, number_key(node), getattr(node, "within", None))
            found.setdefault(key, []).append(Grade(rule, node, steps))
    return [sorted(grades, key=_height) for grades in found.values() if len({g.rule.id for g in grades}) > 1]


def _plain(node: nodes.Node) -> nodes.Node:
    """Without the words of a range, so that 1 g and 1000 mg are the same."""
    if isinstance(node, nodes.CountLeaf):
        return replace(node, shown="")
    return replace(node, shown="", unit="") if isinstance(node, Ranged) else node


def _height(grade: Grade) -> tuple[bool, object, bool, bool, object]:
    low, high = grade.target.low, grade.target.high
    return low is not None, low or 0, grade.target.low_open, high is None, high or 0


def place_of(grade: Grade) -> Place:
    """Where the range stands."""
    return grade.rule.place(WHEN, grade.steps)
