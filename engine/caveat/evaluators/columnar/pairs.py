"""Pair rules: every two current orders of a patient looked up in a table of ingredient by ingredient.

What this costs follows the orders and what fires, not the number of rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import Always
from caveat.compile.program import CompiledRule
from caveat.evaluators.columnar.catalogue import Catalogue
from caveat.evaluators.columnar.orders import Orders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caveat.evaluators.columnar.arrays import Ints, Longs

LARGEST_BLOCK = 1 << 21
"""Pairs looked up at one time."""
FEW = 256
"""Patients with one number of orders below which all their pairs are looked up together."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Pairs of orders that are in the scope of a rule; `first` is the order of the rule's first side.

    `overlaps` says as a truth whether they run at the same time; pairs that certainly do not are left out.
    """

    rule: Ints
    first: Longs
    second: Longs
    overlaps: Any

    def at(self, places: Any) -> Hits:
        """Some of them."""
        return Hits(self.rule[places], self.first[places], self.second[places], self.overlaps[places])


class PairTable:
    """The pair rules of a program by the two ingredients that meet.

    `plain` says which rules fire on the meeting alone.
    """

    def __init__(self, rules: list[tuple[int, CompiledRule]], catalogue: Catalogue) -> None:
        import numpy as np

        number = catalogue.number
        self.count = len(rules)
        self.total = 1 + max((index for index, _ in rules), default=-1)
        self.plain = np.zeros(self.total, np.bool_)
        ones: list[Any] = []
        others: list[Any] = []
        each: list[Any] = []
        for index, rule in rules:
            when = rule.when
            if rule.share == "ingredient":
                continue  # found by the ingredient they share: see `sharing`
            plain = isinstance(when, Always) and not when.negated and not rule.unless
            self.plain[index] = plain and not rule.share
            first = np.array([number[name] for name in rule.first if name in number], np.int32)
            second = np.array([number[name] for name in rule.second if name in number], np.int32)
            ones.append(np.repeat(first, len(second)))
            others.append(np.tile(second, len(first)))
            each.append(np.full(len(first) * len(second), index, np.int32))
        self.all_plain = all(self.plain[index] for index, _ in rules)
        nothing = np.zeros(0, np.int32)
        a = np.concatenate(ones) if ones else nothing
        b = np.concatenate(others) if others else nothing
        rule_of = np.concatenate(each) if each else nothing
        used = np.unique(np.concatenate([a, b]))
        self.width = len(used)
        self.place = np.full(len(catalogue.names) + 1, -1, np.int32)
        self.place[used] = np.arange(len(used), dtype=np.int32)
        # both ways round: the earlier order may be of the second side
        forward = self.place[a].astype(np.int64) * self.width + self.place[b]
        backward = self.place[b].astype(np.int64) * self.width + self.place[a]
        keys = np.concatenate([forward, backward])
        swapped = np.repeat(np.array([False, True]), len(forward))
        rule_of = np.concatenate([rule_of, rule_of])
        order = np.lexsort((swapped, rule_of, keys))
        keys, swapped, rule_of = keys[order], swapped[order], rule_of[order]
        # a plain rule that fits both ways round says the same twice: the way of the record is kept
        twice = np.zeros(len(keys), np.bool_)
        twice[1:] = (keys[1:] == keys[:-1]) & (rule_of[1:] == rule_of[:-1]) & self.plain[rule_of[1:]]
        keys, swapped, rule_of = keys[~twice], swapped[~twice], rule_of[~twice]
        self.rule, self.swapped = rule_of, swapped
        cells, starts = np.unique(keys, return_index=True)
        self.starts = np.append(starts, len(keys))
        self.several = np.diff(self.starts) > 1
        self.cell = np.zeros(max(self.width * self.width, 1), np.int32)
        self.cell[cells] = np.arange(1, len(cells) + 1, dtype=np.int32)
        # most pairs meet no rule: that is looked up where more of it fits into the cache
        self.met = self.cell > 0

    def hits(self, orders: Orders) -> Hits:
        """Every pair of current orders that meets a rule and does not certainly miss in time."""
        import numpy as np

        entries, places = self._entries(orders)
        rows = orders.rows[entries]
        cells: list[Any] = []
        ones: list[Any] = []
        others: list[Any] = []
        for first, second, found in self._met(rows, places):
            cells.append(found)
            ones.append(entries[first])
            others.append(entries[second])
        nothing = np.zeros(0, np.int64)
        if not cells:
            return Hits(np.zeros(0, np.int32), nothing, nothing, np.zeros(0, np.int8))
        cell = np.concatenate(cells).astype(np.int64) - 1
        one, other = np.concatenate(ones), np.concatenate(others)
        overlaps = orders.overlap(one, other)
        kept = np.flatnonzero((one != other) & (overlaps > 0))
        if len(kept) < len(one):
            cell, one, other, overlaps = cell[kept], one[kept], other[kept], overlaps[kept]
        at = self.starts[cell]
        more = np.flatnonzero(self.several[cell])
        if len(more):
            # of a cell with several rules all but the first stand after the others
            times = self.starts[cell[more] + 1] - at[more] - 1
            which = np.repeat(more, times)
            step = np.arange(1, len(which) + 1) - np.repeat(np.cumsum(times) - times, times)
            at = np.concatenate([at, at[which] + step])
            one, other, overlaps = (np.concatenate([part, part[which]]) for part in (one, other, overlaps))
        rule, swapped = self.rule[at], self.swapped[at]
        found = Hits(rule, np.where(swapped, other, one), np.where(swapped, one, other), overlaps)
        return self._once(found, orders)

    def _entries(self, orders: Orders) -> tuple[Longs, Ints]:
        """Current orders with an ingredient of any pair rule, once for each such ingredient."""
        import numpy as np

        at, names = orders.held
        places = self.place[names]
        kept = np.flatnonzero(places >= 0)
        return at[kept], places[kept]

    def _once(self, found: Hits, orders: Orders) -> Hits:
        """Each rule once a pair of orders and way round; a plain rule once whichever way round it fits.

        Only a product of several ingredients can meet a rule more than once.
        """
        import numpy as np

        if not orders.products.several.any():
            return found
        many = np.flatnonzero(orders.mixed[found.first] | orders.mixed[found.second])
        some = found.at(many)
        low, high = np.minimum(some.first, some.second), np.maximum(some.first, some.second)
        # a plain rule says the same both ways: the way that comes first in the record is kept
        backward = np.where(self.plain[some.rule], 0, some.first != low)
        order = np.lexsort((some.first, backward, high, low, some.rule))
        same = np.zeros(len(order), np.bool_)
        a, b = order[:-1], order[1:]
        same[1:] = (
            (some.rule[a] == some.rule[b])
            & (low[a] == low[b])
            & (high[a] == high[b])
            & (backward[a] == backward[b])
        )
        if not same.any():
            return found
        kept = np.ones(len(found.rule), np.bool_)
        kept[many[order[same]]] = False
        return found.at(np.flatnonzero(kept))

    def _met(self, rows: Any, places: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Every two entries of a patient that meet in the table: the earlier, the later, the cell.

        `rows` is in order. Patients with the same number of entries are taken together.
        """
        import numpy as np

        if not len(rows):
            return
        starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
        lengths = np.diff(np.append(starts, len(rows)))
        # numpy looks up by numbers of the machine's own size without turning them into such first
        kind = np.int64
        for length in np.unique(lengths).tolist():
            if length < 2:
                continue
            base = starts[lengths == length]
            if len(base) < FEW:
                left, right = (side.astype(np.int64) for side in np.triu_indices(length, 1))
                step = max(1, LARGEST_BLOCK // len(left))
                for begin in range(0, len(base), step):
                    some = base[begin : begin + step, None]
                    one, other = (some + left).ravel(), (some + right).ravel()
                    keys = places[one].astype(kind) * kind(self.width) + places[other]
                    met = np.flatnonzero(self.met[keys])
                    yield one[met], other[met], self.cell[keys[met]]
                continue
            columns = [places[base + step].astype(kind) for step in range(length)]
            for i in range(length - 1):
                scaled = columns[i] * kind(self.width)
                for j in range(i + 1, length):
                    keys = scaled + columns[j]
                    met = np.flatnonzero(self.met[keys])
                    if len(met):
                        yield base[met] + i, base[met] + j, self.cell[keys[met]]
