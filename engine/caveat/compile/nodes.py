"""The typed tree that every evaluator runs.

Negation has been pushed to the leaves. A negated leaf is 2 - x of the plain one, except where
absence is asked of a list that is not closed (`ConditionLeaf`, `CountLeaf`): there "not found"
is FALSE for presence and UNKNOWN for absence.

Numbers in `target` are in base units of `unit`; `shown` is the range as the rule wrote it.
`which` is 0 for the judged order and 1 for the second order of a pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from caveat.intervals import Interval


@dataclass(frozen=True, slots=True)
class All:
    """TRUE when every part is; the minimum."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """TRUE when some part is; the maximum."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """TRUE when `count` parts are TRUE, FALSE when they can no longer be.

    With `points` each part that is TRUE gives that many, and `count` points are needed: a score.
    """

    count: int
    parts: tuple[Node, ...]
    points: tuple[int, ...] = ()

    @property
    def each(self) -> tuple[int, ...]:
        """What each part counts: its points, or one."""
        return self.points or (1,) * len(self.parts)

    @property
    def most(self) -> int:
        """What all parts together come to."""
        return sum(self.each)

    def enough(self) -> Iterator[tuple[Node, ...]]:
        """Every smallest choice of parts that is enough; none when all of them are too few."""
        each = self.each
        for size in range(len(self.parts) + 1):
            for chosen in combinations(range(len(self.parts)), size):
                total = sum(each[i] for i in chosen)
                if total >= self.count and all(total - each[i] < self.count for i in chosen):
                    yield tuple(self.parts[i] for i in chosen)


@dataclass(frozen=True, slots=True)
class Always:
    """TRUE, or FALSE when negated."""

    negated: bool = False


@dataclass(frozen=True, slots=True)
class NumberLeaf:
    """A patient's number lies in `target`; `within` is in days."""

    fact: str
    target: Interval
    unit: str
    shown: str
    pick: str = "latest"
    within: int | None = None
    using: str | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class OrderNumberLeaf:
    """A number of an order lies in `target`.

    `of` are the ingredients whose part of a combination product is meant, as in `DoseMultipleLeaf` and
    `KnownLeaf`.
    """

    which: int
    prop: str
    target: Interval
    unit: str
    shown: str
    negated: bool = False
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderIsLeaf:
    """A property of an order is one of `values` (ingredient, route, form, status, purpose, a flag)."""

    which: int
    prop: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class DoseMultipleLeaf:
    """The dose of one administration is a whole multiple of `step` (base units of `unit`)."""

    which: int
    step: Interval
    unit: str
    shown: str
    negated: bool = False
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndicationLeaf:
    """The order's recorded indication is in a value set."""

    which: int
    sets: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ConditionLeaf:
    """A recorded condition is in a value set; `within` is in days."""

    sets: tuple[str, ...]
    status: str
    within: int | None = None
    during_order: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AllergyLeaf:
    """A property of the judged allergy is one of `values`."""

    prop: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class CountLeaf:
    """The number of current orders (or ingredients) among `ingredients` lies in `target`.

    `where` is judged for each such order: TRUE counts, FALSE does not, UNKNOWN may.
    """

    ingredients: tuple[str, ...]
    label: str
    by: str
    target: Interval
    shown: str
    negated: bool = False
    where: Node | None = None


@dataclass(frozen=True, slots=True)
class SumLeaf:
    """A weighted sum over current orders lies in `target`; `weights` pairs ingredient and weight.

    `where` as in `CountLeaf`.
    """

    weights: tuple[tuple[str, Interval], ...]
    label: str
    times: str | None
    target: Interval
    unit: str
    shown: str
    negated: bool = False
    where: Node | None = None


@dataclass(frozen=True, slots=True)
class ExposureLeaf:
    """The days of the last `window` on which an order of `ingredients` ran lie in `target`.

    `where` as in `CountLeaf`.
    """

    ingredients: tuple[str, ...]
    label: str
    window: int
    target: Interval
    unit: str
    shown: str
    negated: bool = False
    where: Node | None = None


@dataclass(frozen=True, slots=True)
class KnownLeaf:
    """A fact is known; never UNKNOWN itself."""

    fact: str
    negated: bool = False
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChoiceLeaf:
    """A stated fact (sex, pregnant, context.care_setting, child_pugh_class) is one of `values`."""

    fact: str
    values: tuple[str, ...]
    negated: bool = False


Leaf = (
    Always
    | NumberLeaf
    | OrderNumberLeaf
    | OrderIsLeaf
    | DoseMultipleLeaf
    | IndicationLeaf
    | ConditionLeaf
    | AllergyLeaf
    | CountLeaf
    | SumLeaf
    | ExposureLeaf
    | KnownLeaf
    | ChoiceLeaf
)
Node = All | AnyOf | AtLeast | Leaf

LEAVES: tuple[type, ...] = (
    Always,
    NumberLeaf,
    OrderNumberLeaf,
    OrderIsLeaf,
    DoseMultipleLeaf,
    IndicationLeaf,
    ConditionLeaf,
    AllergyLeaf,
    CountLeaf,
    SumLeaf,
    ExposureLeaf,
    KnownLeaf,
    ChoiceLeaf,
)


def leaves(node: Node) -> tuple[Leaf, ...]:
    """The leaves of a tree, left to right, repeats included."""
    if isinstance(node, (All, AnyOf, AtLeast)):
        return tuple(leaf for part in node.parts for leaf in leaves(part))
    return (node,)


def asked_of_each(leaf: Leaf) -> tuple[Leaf, ...]:
    """The leaves that a count, a sum or an exposure asks of each order that it goes over."""
    where = leaf.where if isinstance(leaf, (CountLeaf, SumLeaf, ExposureLeaf)) else None
    return () if where is None else leaves(where)
