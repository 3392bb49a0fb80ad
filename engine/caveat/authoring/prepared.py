"""Cases made ready to be judged again and again: each with its chart and the subjects of its rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from caveat.authoring.case_files import PlacedCase
from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.compile.program import CompiledRule
from caveat.evaluators.reference import Trace, trace
from caveat.evaluators.subjects import Subject, subjects
from caveat.facts.chart import Chart
from caveat.intervals import Interval
from caveat.terminology.concepts import Terminology
from caveat.truth import FALSE, TRUE, Truth
from caveat.units import parse_unit

Ranged = nodes.NumberLeaf | nodes.OrderNumberLeaf | nodes.CountLeaf | nodes.SumLeaf | nodes.ExposureLeaf
NEAR = Fraction(1, 10)
"""How near to a limit a value is that shows its other side; or one step where values are whole."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One case, its chart (whose memory grows with use) and the subjects of its rule."""

    placed: PlacedCase
    chart: Chart
    subjects: tuple[Subject, ...]


CasesOf = Mapping[str, Sequence[PlacedCase]]
"""Cases by the id of their rule."""


def by_rule(cases: Iterable[PlacedCase]) -> CasesOf:
    """The cases of each rule, in their order."""
    found: dict[str, list[PlacedCase]] = {}
    for placed in cases:
        found.setdefault(placed.case.rule, []).append(placed)
    return found


def prepare(cases: CasesOf, rule: CompiledRule, terminology: Terminology) -> list[Prepared]:
    """The cases of that rule, ready."""
    found = []
    for placed in cases.get(rule.id, ()):
        chart = Chart(placed.patient, terminology, as_of=placed.as_of)
        found.append(Prepared(placed, chart, tuple(subjects(rule, chart))))
    return found


def traces(cases: Iterable[Prepared], node: Node) -> Iterator[Trace]:
    """The node judged for every subject of every case; a failure is left out."""
    for case in cases:
        for subject in case.subjects:
            try:
                yield trace(node, case.chart, subject)
            except Exception:
                continue


def truths(cases: Iterable[Prepared], leaf: Leaf) -> set[Truth]:
    """Every truth that a leaf takes in the cases."""
    return {found.truth for found in traces(cases, leaf)}


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range: its value in base units, which end it is, and whether it is itself outside."""

    leaf: Ranged
    value: Fraction
    upper: bool
    open: bool

    @property
    def text(self) -> str:
        """The limit as it would be written."""
        from caveat.units import format_quantity

        unit = getattr(self.leaf, "unit", "1")
        return format_quantity(self.value / parse_unit(unit).factor, unit)


def bounds(leaf: Leaf) -> list[Bound]:
    """The ends of a numeric leaf; one for `equals`."""
    if not isinstance(leaf, Ranged):
        return []
    target = leaf.target
    if target.exact is not None:
        return [Bound(leaf, target.exact, False, False)]
    found = []
    if target.low is not None:
        found.append(Bound(leaf, target.low, False, target.low_open))
    if target.high is not None:
        found.append(Bound(leaf, target.high, True, target.high_open))
    return found


def unseen_sides(cases: list[Prepared], bound: Bound) -> list[str]:
    """What no case shows of a limit: the limit itself, or a value close to it on the other side."""
    if bound.leaf.target.exact is not None:
        found = [] if _seen(cases, bound.leaf, bound.leaf.target) else [f"exactly {bound.text}"]
        other = FALSE in truths(cases, replace(bound.leaf, negated=False))
        return found if other else [*found, f"another value than {bound.text}"]
    exactly = Interval(bound.value, bound.value)
    found = [] if _seen(cases, bound.leaf, exactly) else [f"exactly {bound.text}"]
    # the limit itself lies on one side; a value close by shows the other
    above = bound.upper != bound.open
    reach = max(abs(bound.value) * NEAR, step_of(bound.leaf))
    near = (
        Interval(bound.value, bound.value + reach, True, False)
        if above
        else Interval(bound.value - reach, bound.value, False, True)
    )
    if not _seen(cases, bound.leaf, near):
        found.append(f"a little {'above' if above else 'below'} {bound.text}")
    return found


def _seen(cases: list[Prepared], leaf: Ranged, target: Interval) -> bool:
    return TRUE in truths(cases, replace(leaf, target=target, negated=False))


def step_of(leaf: Leaf) -> Fraction:
    """One step of what is counted (years, days, orders, whole points, times a day), else 0; in base units."""
    if isinstance(leaf, nodes.CountLeaf):
        return Fraction(1)
    if isinstance(leaf, nodes.ExposureLeaf):
        return parse_unit("d").factor
    if isinstance(leaf, nodes.SumLeaf):
        whole = leaf.times is None and all((w.low or 0).denominator == 1 for _, w in leaf.weights)
        return Fraction(1) if whole else Fraction(0)
    if isinstance(leaf, nodes.NumberLeaf):
        unit = parse_unit(leaf.unit)
        if leaf.fact in ("age", "child_pugh_score") or unit.dimension == parse_unit("d").dimension:
            return unit.factor
        return Fraction(0)
    if isinstance(leaf, nodes.OrderNumberLeaf):
        unit = parse_unit(leaf.unit)
        counted = unit.dimension == parse_unit("d").dimension or leaf.prop == "frequency"
        return unit.factor if counted else Fraction(0)
    return Fraction(0)
