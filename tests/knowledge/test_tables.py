"""The weights that rules carry are those of the named tables of the vocabulary."""

from __future__ import annotations

import csv
from fractions import Fraction
from functools import cache

import pytest

from caveat.authoring.prepared import step_of
from caveat.compile.nodes import All, AnyOf, AtLeast, Node, SumLeaf
from caveat.compile.ruleset import bundled, load
from caveat.intervals import Interval

TABLES = bundled() / "concepts" / "tables"


@cache
def sums() -> dict[str, SumLeaf]:
    found = {}
    for rule in load().program.rules:
        waiting: list[Node] = [rule.when]
        while waiting:
            node = waiting.pop()
            if isinstance(node, SumLeaf):
                found[rule.id] = node
            elif isinstance(node, All | AnyOf | AtLeast):
                waiting += node.parts
    return found


def column(table: str, name: str) -> dict[str, Fraction]:
    with (TABLES / table).open(encoding="utf-8") as file:
        return {row["ingredient"]: Fraction(row[name]) for row in csv.DictReader(file, delimiter="\t")}


def weights(leaf: SumLeaf) -> dict[str, Fraction]:
    return {name: weight.low for name, weight in leaf.weights if weight.low is not None}


def test_the_anticholinergic_burden_is_the_table() -> None:
    [leaf] = [leaf for rule, leaf in sums().items() if "anticholinergic" in rule and leaf.times is None]
    assert weights(leaf) == column("anticholinergic-burden.tsv", "score")


def test_morphine_equivalents_are_the_table() -> None:
    table = column("morphine-equivalents.tsv", "factor")
    table["fentanyl"] = Fraction(100)  # 2.4 for each ug/h is 100 for each mg/d
    found = {rule: leaf for rule, leaf in sums().items() if rule.startswith("opioid.equivalents.at-least")}
    assert len(found) == 2
    for leaf in found.values():
        assert {name: factor for name, factor in weights(leaf).items() if factor} == table


@pytest.mark.parametrize(
    ("weight", "times", "step"), [("1", None, 1), ("1/2", None, 0), ("1", "daily_dose", 0)]
)
def test_whole_points_step_by_one(weight: str, times: str | None, step: int) -> None:
    exact = Interval(Fraction(weight), Fraction(weight))
    leaf = SumLeaf((("baclofen", exact),), "", times, Interval(Fraction(3), None), "1", "at least 3")
    assert step_of(leaf) == step
