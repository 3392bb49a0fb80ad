"""Counts of what holds, and scores: points for what holds, compared with limits."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.compile.ranges import RangeError, read_range
from caveat.intervals import Interval, inside
from caveat.rules.diagnostics import Path
from caveat.rules.expression import AtLeast, Score
from caveat.truth import TRUE, UNKNOWN

if TYPE_CHECKING:
    from caveat.compile.expressions import Reader


def votes(reader: Reader, test: AtLeast, path: Path, negated: bool) -> Node:
    """The tree of `at_least`: so many of its parts hold."""
    parts = tuple(reader.expression(part, (*path, "of", i), negated) for i, part in enumerate(test.of))
    if test.count > len(parts):
        why = f"{test.count} of {len(parts)} cannot hold."
        reader.problem("C030", "condition can never hold", (*path, "count"), why)
        return nodes.Always(negated=True)
    return nodes.AtLeast(len(parts) - test.count + 1 if negated else test.count, parts)


def score(reader: Reader, test: Score, path: Path, negated: bool) -> Node:
    """The tree of a score: parts that are UNKNOWN leave it open where they could tip it.

    A lower limit asks that what holds comes to enough points; an upper one that enough does not
    hold, so that on an open list what is not found may still count.
    """
    try:
        target, _, _ = read_range(test, "1", None, "a score")
    except RangeError as error:
        reader.range_problem(error, path, "a score")
        return nodes.Always(negated=True)
    points = tuple(item.points for item in test.of)
    certain = inside(Interval(Fraction(0), Fraction(sum(points))), target)
    if certain != UNKNOWN:
        title = "condition always holds" if certain == TRUE else "condition can never hold"
        reader.problem("C030", title, path, f"The points come to 0 to {sum(points)}.", "Mend the limits.")
        return nodes.Always(negated=True)
    found: list[Node] = []
    for least, upper in _ends(target):
        if least <= 0 or least > sum(points):
            continue
        turned = negated != upper
        parts = tuple(reader.expression(part, (*path, "of", i), turned) for i, part in enumerate(test.of))
        found.append(nodes.AtLeast(sum(points) - least + 1 if turned else least, parts, points))
    return reader.join(found, conjunction=not negated)


def _ends(target: Interval) -> Iterator[tuple[int, bool]]:
    """The fewest whole points that reach the lower limit, and (True) that pass the upper one."""
    if target.low is not None:
        yield (floor(target.low) + 1 if target.low_open else ceil(target.low)), False
    if target.high is not None:
        yield (ceil(target.high) if target.high_open else floor(target.high) + 1), True
