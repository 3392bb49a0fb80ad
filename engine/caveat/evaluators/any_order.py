"""Allergy rules on every order, as the default evaluator runs them."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.compile.nodes import AllergyLeaf, Always, KnownLeaf, Leaf
from caveat.compile.program import CompiledRule
from caveat.evaluators.closures import Closures, ClosuresOfNobody
from caveat.evaluators.leaves import asks_order
from caveat.evaluators.sheets import Entry
from caveat.evaluators.subjects import Subject, subjects
from caveat.facts.allergies import allergy_views
from caveat.facts.chart import Chart
from caveat.findings.severity import Status

NOBODY = Subject(listed=False)
"""The one subject of such a rule where the allergy list is not known."""


class AnyOrder:
    """A rule on every order.

    `nobody` judges the subject that names no order. Where that asks nothing of the patient but the
    allergy list, what it comes to is the same for every record without a list, and is kept in `settled`.
    """

    __slots__ = ("entry", "nobody", "settled", "settles")

    def __init__(self, index: int, rule: CompiledRule, closures: Closures, others: ClosuresOfNobody) -> None:
        self.entry = Entry.of(index, rule, closures)
        self.nobody = Entry.of(index, rule, others)
        self.settles = all(_of_the_list(leaf) for leaf in rule.leaves())
        self.settled: list[Status] = []

    def subjects(self, chart: Chart) -> Iterator[Subject]:
        """As `evaluators.subjects` has them."""
        if allergy_views(chart) is None:
            left_out = self.entry.rule.left_out
            if any(not set(view.ingredients).issubset(left_out) for view in chart.current):
                yield NOBODY
            return
        yield from subjects(self.entry.rule, chart)


def _of_the_list(leaf: Leaf) -> bool:
    if isinstance(leaf, KnownLeaf):
        return leaf.fact == "allergies" or leaf.fact.startswith("allergy.") or asks_order(leaf)
    return isinstance(leaf, (AllergyLeaf, Always)) or asks_order(leaf)
