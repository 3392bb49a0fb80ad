"""Truths of many subjects at once: and is the minimum, or the maximum, and some are left to be judged alone.

A truth is held as the lowest and the highest it can be. They differ only where a fact is not plain
enough for columns: `low` 0 and `high` 2. What does not depend on such a fact is decided all the
same; what does is judged one record at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import (
    All,
    AllergyLeaf,
    Always,
    AnyOf,
    AtLeast,
    ChoiceLeaf,
    ConditionLeaf,
    CountLeaf,
    DoseMultipleLeaf,
    IndicationLeaf,
    KnownLeaf,
    Leaf,
    Node,
    NumberLeaf,
    OrderIsLeaf,
    OrderNumberLeaf,
    SumLeaf,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from caveat.evaluators.columnar.arrays import Bools

MOST_NAMES = 62
"""Facts that one rule can miss; a rule with more is judged one record at a time where it is open."""


@dataclass(frozen=True, slots=True)
class Truths:
    """Truths, one a subject. `lacking` says by bits which of `names` are missing where it is UNKNOWN."""

    low: Any
    high: Any
    names: tuple[str, ...] = ()
    lacking: Any = 0

    def negated(self) -> Truths:
        """TRUE and FALSE change places."""
        same = self.low is self.high
        low = 2 - self.high
        return Truths(low, low if same else 2 - self.low, self.names, self.lacking)

    def at(self, places: Any) -> Truths:
        """Those of some subjects."""
        low = self.low[places]
        high = low if self.low is self.high else self.high[places]
        lacking = self.lacking if isinstance(self.lacking, int) else self.lacking[places]
        return Truths(low, high, self.names, lacking)


def plain(truth: Any, *names: str) -> Truths:
    """Truths that are all decided; where UNKNOWN, all of `names` are missing."""
    import numpy as np

    found = np.asarray(truth, np.int8)
    return Truths(found, found, names, (1 << len(names)) - 1)


def alone(truth: Any, hard: Bools, *names: str, lacking: Any = None) -> Truths:
    """Truths of which those marked `hard` are judged one record at a time."""
    import numpy as np

    found = np.asarray(truth, np.int8)
    mask = (1 << len(names)) - 1 if lacking is None else lacking
    if not hard.any():
        return Truths(found, found, names, mask)
    return Truths(
        np.where(hard, 0, found).astype(np.int8), np.where(hard, 2, found).astype(np.int8), names, mask
    )


def undecided(count: int) -> Truths:
    """Nothing is decided."""
    import numpy as np

    return Truths(np.zeros(count, np.int8), np.full(count, 2, np.int8))


class Names:
    """The facts that a rule can miss, each with its bit."""

    def __init__(self) -> None:
        self.bits: dict[str, int] = {}

    def remapped(self, names: tuple[str, ...], lacking: Any) -> Any:
        """Bits of `names` as bits of this list; an int for an int."""
        import numpy as np

        for name in names:
            self.bits.setdefault(name, len(self.bits))
        places = [min(self.bits[name], MOST_NAMES) for name in names]
        if isinstance(lacking, int):
            return sum({1 << p for k, p in enumerate(places) if lacking >> k & 1})
        if not places:
            return 0
        table = np.zeros(1 << len(places), np.int64)
        for value in range(len(table)):
            for k, place in enumerate(places):
                if value >> k & 1:
                    table[value] |= 1 << place
        return table[lacking]

    @property
    def overflow(self) -> bool:
        """Whether there are more than can be told apart."""
        return len(self.bits) > MOST_NAMES

    def listed(self, mask: int) -> tuple[str, ...]:
        """The names of a mask, sorted."""
        return tuple(sorted(name for name, bit in self.bits.items() if mask >> min(bit, MOST_NAMES) & 1))


@dataclass(slots=True)
class Decided:
    """The truths of a node for some subjects, with what they come from.

    `truths` are those of a leaf; `parts` those of the parts of a node, each with the places it was
    asked for (None for all).
    """

    low: Any
    high: Any
    truths: Truths | None = None
    parts: list[tuple[Decided, Any]] = field(default_factory=list)

    def open(self, among: Any = None) -> Any:
        """Which of some places (all of them) are UNKNOWN."""
        if among is None:
            return (self.low == 1) & (self.high == 1)
        return (self.low[among] == 1) & (self.high[among] == 1)

    def lacking(self, at: Any, names: Names) -> Any:
        """What is missing for those of its subjects at some places, which are UNKNOWN: bits of `names`."""
        import numpy as np

        if self.truths is not None:
            found = self.truths
            each = found.lacking
            mask = names.remapped(found.names, each if isinstance(each, int) else each[at])
            return np.broadcast_to(np.int64(mask), len(at)) if isinstance(mask, int) else mask
        masks = np.zeros(len(at), np.int64)
        for part, asked in self.parts:
            places = at if asked is None else np.searchsorted(asked, at)
            some = np.flatnonzero(part.open(places))
            if len(some):
                masks[some] |= part.lacking(places[some], names)
        return masks


FIRST_ASKED: dict[type, int] = {
    Always: 0,
    OrderIsLeaf: 1,
    ConditionLeaf: 2,
    ChoiceLeaf: 3,
    AllergyLeaf: 3,
    KnownLeaf: 4,
    IndicationLeaf: 5,
    NumberLeaf: 5,
    CountLeaf: 6,
    OrderNumberLeaf: 7,
    DoseMultipleLeaf: 7,
    SumLeaf: 8,
}
"""What is asked sooner, because it costs less or settles more; others are asked last."""


def decide(node: Node, ask: Callable[[Leaf, Any], Truths], places: Any, count: int) -> Decided:
    """The truths of a tree for `count` subjects, those at `places` (None for all).

    `ask` gives the truths of a leaf for the subjects at some places, or for all. A part is asked only
    for subjects that the parts before it have not settled.
    """
    if isinstance(node, AtLeast):
        return _at_least(node, [decide(part, ask, places, count) for part in node.parts])
    if not isinstance(node, (All, AnyOf)):
        found = ask(node, places)
        return Decided(found.low, found.high, found)
    parts = sorted(node.parts, key=_cost)
    first = decide(parts[0], ask, places, count)
    return first if len(parts) == 1 else _joined(node, first, parts[1:], ask, places)


def _cost(node: Node) -> int:
    if isinstance(node, (All, AnyOf, AtLeast)):
        return max(_cost(part) for part in node.parts)
    return FIRST_ASKED.get(type(node), 9)


def _joined(
    node: All | AnyOf, first: Decided, parts: list[Node], ask: Callable[[Leaf, Any], Truths], places: Any
) -> Decided:
    import numpy as np

    both = isinstance(node, All)
    join = np.minimum if both else np.maximum
    low, high = first.low, first.high
    unsure = None if low is high else low != high
    found = Decided(low, high, None, [(first, None)])
    asked: Any = None
    for part in parts:
        left = high > 0 if both else low < 2
        some = np.flatnonzero(left if asked is None else left[asked])
        if not len(some):
            break
        if len(some) < len(left if asked is None else asked):
            asked = some if asked is None else asked[some]
        at = places if asked is None else asked if places is None else places[asked]
        each = decide(part, ask, at, len(some))
        found.parts.append((each, asked))
        decided = low is high and each.low is each.high
        top = None if decided else _put(high, asked, each.high, join)
        low = _put(low, asked, each.low, join)
        high = low if top is None else top
        if each.low is not each.high:
            unsure = np.zeros(len(low), np.bool_) if unsure is None else unsure
            unsure = _put(unsure, asked, each.low != each.high, np.logical_or)
    found.low, found.high = _settled(low, high, unsure)
    return found


def _put(values: Any, places: Any, others: Any, join: Any) -> Any:
    """The values joined with others at some places (None for all)."""
    if places is None:
        return join(values, others)
    found = values.copy()
    found[places] = join(values[places], others)
    return found


def _settled(low: Any, high: Any, unsure: Any) -> tuple[Any, Any]:
    """What is missing must be told too, so every part of an UNKNOWN node has to be decided."""
    import numpy as np

    if unsure is None:
        return low, low if low is high else high
    unsure = unsure & (low == 1) & (high == 1)
    return np.where(unsure, 0, low).astype(np.int8), np.where(unsure, 2, high).astype(np.int8)


def _at_least(node: AtLeast, parts: list[Decided]) -> Decided:
    low = _counted(node.count, [part.low for part in parts], node.each)
    high, unsure = low, None
    for part in parts:
        if part.low is not part.high:
            differs = part.low != part.high
            unsure = differs if unsure is None else unsure | differs
    if unsure is not None:
        high = _counted(node.count, [part.high for part in parts], node.each)
    return Decided(*_settled(low, high, unsure), None, [(part, None) for part in parts])


def _counted(count: int, truths: list[Any], each: tuple[int, ...]) -> Any:
    import numpy as np

    worth = list(zip(truths, each, strict=True))
    yes = sum((t == 2).astype(np.int32) * points for t, points in worth)
    maybe = sum((t >= 1).astype(np.int32) * points for t, points in worth)
    return np.where(yes >= count, 2, np.where(maybe >= count, 1, 0)).astype(np.int8)
