"""Grades of one number that leave values between them to no rule.

A gap is reported between neighbouring ranges. A low alarm and a high alarm (below 3, above 5)
leave the normal range between them on purpose and are not a gap, but "below 30" beside
"above 30" is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.grades import Grade, ladders, place_of
from caveat.authoring.checks.regions import between
from caveat.authoring.clauses import clause
from caveat.compile import nodes
from caveat.intervals import Interval
from caveat.rules.diagnostics import Diagnostic, Level
from caveat.units import format_quantity, parse_unit

CODE: tuple[str, Level] = ("C036", "warning")
TITLE = "gap between graded thresholds"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each gap once, at the upper of the two rules."""
    for grades in ladders(folder):
        reached = grades[0]
        for grade in grades[1:]:
            gap = between(reached.target, grade.target)
            if gap is not None and _counts(gap, reached, grade):
                why = (
                    f"{clause(reached.leaf)} ({reached.rule.id}) and {clause(grade.leaf)} leave "
                    f"{_shown(gap, grade)} to no rule."
                )
                hint = "Let the ranges meet: one with at_least or at_most, the other with below or above."
                yield finding(CODE, TITLE, place_of(grade), why, hint, rule=grade.rule.id)
            if _higher(grade, reached):
                reached = grade


def _higher(one: Grade, two: Grade) -> bool:
    a, b = one.target.high, two.target.high
    return b is not None and (a is None or a > b or (a == b and two.target.high_open))


def _counts(gap: Interval, lower: Grade, upper: Grade) -> bool:
    if lower.target.low is None and upper.target.high is None and gap.exact is None:
        return False
    step = whole_step(lower.leaf)
    if step is None:
        return True
    assert gap.low is not None
    assert gap.high is not None
    first = -(-gap.low // step) * step
    if first == gap.low and gap.low_open:
        first += step
    return first < gap.high or (first == gap.high and not gap.high_open)


def whole_step(leaf: nodes.Leaf) -> Fraction | None:
    """The step of a number that only takes whole values (completed years, counts), in base units."""
    if isinstance(leaf, nodes.CountLeaf):
        return Fraction(1)
    if isinstance(leaf, nodes.ExposureLeaf):
        return parse_unit("d").factor
    if isinstance(leaf, nodes.NumberLeaf):
        if leaf.fact == "age":
            return parse_unit(leaf.unit).factor
        if leaf.fact == "child_pugh_score":
            return Fraction(1)
    return None


def _shown(gap: Interval, grade: Grade) -> str:
    unit = getattr(grade.leaf, "unit", "1")
    factor = parse_unit(unit).factor
    assert gap.low is not None
    assert gap.high is not None
    low, high = format_quantity(gap.low / factor, unit), format_quantity(gap.high / factor, unit)
    return low if gap.exact is not None else f"{low} to {high}"


CHECK = Check(*CODE, TITLE, run)
