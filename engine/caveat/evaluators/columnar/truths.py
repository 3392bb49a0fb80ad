"""Truths of many subjects at once: and is the minimum, or the maximum, and some are left to be judged alone.

A truth is held as the lowest and the highest it can be. They differ only where a fact is not plain
enough for columns: `low` 0 and `high` 2. What does not depend on such a fact is decided all the
same; what does is judged one record at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import All, AnyOf, AtLeast, Leaf, Node

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


@dataclass(frozen=True, slots=True)
class Judged:
    """A node for every subject; `lacking` are bits of the rule's own list of names."""

    low: Any
    high: Any
    lacking: Any


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


def evaluate(node: Node, ask: Callable[[Leaf], Truths], names: Names) -> Judged:
    """The truths of a tree; `ask` gives those of a leaf."""
    import numpy as np

    if isinstance(node, (All, AnyOf, AtLeast)):
        parts = [evaluate(part, ask, names) for part in node.parts]
        if len(parts) == 1 and not isinstance(node, AtLeast):
            return parts[0]
        low, high = _joined(node, parts)
        lacking: Any = 0
        for part in parts:
            lacking = lacking | part.lacking
        open_ = (low == 1) & (high == 1)
        if all(part.low is part.high for part in parts):
            high = low
        else:
            # what is missing must be told too, so every part of an open node has to be decided
            unsure = np.zeros(len(low), np.bool_)
            for part in parts:
                if part.low is not part.high:
                    unsure |= part.low != part.high
            unsure &= open_
            low, high = np.where(unsure, 0, low).astype(np.int8), np.where(unsure, 2, high).astype(np.int8)
        return Judged(low, high, np.where(open_, lacking, 0))
    found = ask(node)
    mask = names.remapped(found.names, found.lacking)
    return Judged(found.low, found.high, np.where((found.low == 1) & (found.high == 1), mask, 0))


def _joined(node: All | AnyOf | AtLeast, parts: list[Judged]) -> tuple[Any, Any]:
    import numpy as np

    if isinstance(node, AtLeast):
        low, high = [p.low for p in parts], [p.high for p in parts]
        return _at_least(node.count, low, node.each), _at_least(node.count, high, node.each)
    join = np.minimum if isinstance(node, All) else np.maximum
    low, high = parts[0].low, parts[0].high
    for part in parts[1:]:
        low = join(low, part.low)
        high = join(high, part.high)
    return low, high


def _at_least(count: int, truths: list[Any], each: tuple[int, ...]) -> Any:
    import numpy as np

    worth = list(zip(truths, each, strict=True))
    yes = sum((t == 2).astype(np.int32) * points for t, points in worth)
    maybe = sum((t >= 1).astype(np.int32) * points for t, points in worth)
    return np.where(yes >= count, 2, np.where(maybe >= count, 1, 0)).astype(np.int8)
