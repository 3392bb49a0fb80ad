"""Pair rules that ask whether the two orders share an ingredient."""

from __future__ import annotations

from typing import Any

from caveat.compile.program import CompiledRule
from caveat.evaluators.columnar.arrays import distinct
from caveat.evaluators.columnar.facts import Facts
from caveat.evaluators.columnar.of_sums import counted
from caveat.evaluators.columnar.orders import Orders
from caveat.evaluators.columnar.pairs import Hits
from caveat.evaluators.subjects import sharing


class Sharing:
    """The rules on orders that share an ingredient, or that must not."""

    def __init__(self, rules: list[tuple[int, CompiledRule]], number: dict[str, int]) -> None:
        self.none = {index: rule for index, rule in rules if rule.share == "none"}
        self.scopes: list[tuple[int, Any, bool]] = []
        for index, rule in rules:
            if rule.share == "ingredient":
                names = rule.first or rule.left_out
                members = [number[name] for name in names if name in number]
                self.scopes.append((index, members, rule.of_any))

    def applied(self, hits: Hits, facts: Facts) -> Hits:
        """The pairs of every rule: without those of `share: none` that do share, with those that must."""
        import numpy as np

        if not self.none and not self.scopes:
            return hits
        kept = np.ones(len(hits.rule), np.bool_)
        asked = np.flatnonzero(np.isin(hits.rule, list(self.none)))
        if len(asked):
            able = counted(facts)
            one, other = hits.first[asked], hits.second[asked]
            apart = self._apart(hits.rule[asked], one, other, facts.orders)
            kept[asked] = able[one] & able[other] & apart
            hits = hits.at(np.flatnonzero(kept))
        parts = [hits, *self._sharing(facts)]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _apart(self, rules: Any, one: Any, other: Any, orders: Orders) -> Any:
        """Whether each two orders have nothing of both sides of their rule in common."""
        import numpy as np

        products = orders.products
        first, second = products.codes[one], products.codes[other]
        apart = products.first[first] != products.first[second]
        known: dict[tuple[int, int, int], bool] = {}
        for place in np.flatnonzero(products.several[first] | products.several[second]).tolist():
            key = int(rules[place]), int(first[place]), int(second[place])
            if key not in known:
                known[key] = sharing(self.none[key[0]], products.views[key[1]], products.views[key[2]])
            apart[place] = known[key]
        return apart

    def _sharing(self, facts: Facts) -> list[Hits]:
        """Two counted orders of a patient that hold one ingredient, both ways round, for each rule."""
        import numpy as np

        if not self.scopes:
            return []
        orders = facts.orders
        one, other, names = _twice(facts)
        found = []
        for index, members, but in self.scopes:
            meant = np.zeros(len(facts.known.catalogue.names), np.bool_)
            meant[members] = True
            some = meant[names] != but
            first, second = one[some], other[some]
            if not len(first):
                continue
            size = len(orders.rows)
            both = np.concatenate([first * size + second, second * size + first])
            first, second = np.divmod(distinct(both), size)
            overlaps = orders.overlap(first, second)
            met = np.flatnonzero(overlaps > 0)
            rule = np.full(len(met), index, np.int32)
            found.append(Hits(rule, first[met], second[met], overlaps[met]))
        return found


def _twice(facts: Facts) -> tuple[Any, Any, Any]:
    """Every two counted orders of a patient that hold one ingredient, and that ingredient."""
    import numpy as np

    orders = facts.orders
    at, names = orders.held
    if counted(facts) is not orders.current:
        kept = np.flatnonzero(counted(facts)[at])
        at, names = at[kept], names[kept]
    size, width = len(orders.rows) + 1, len(facts.known.catalogue.names)
    groups = orders.rows[at] * np.int64(width) + names
    if facts.count * width * size < 1 << 63:
        ordered = np.sort(groups * size + at)
        # only what is there twice is looked at again
        groups, at = np.divmod(ordered[_again(ordered // size)], size)
    else:
        order = np.lexsort((at, groups))
        kept = order[_again(groups[order])]
        groups, at = groups[kept], at[kept]
    pairs = [(at[:0], at[:0], groups[:0])]
    for step in range(1, len(at)):
        same = np.flatnonzero(groups[step:] == groups[:-step])
        if not len(same):
            break
        pairs.append((at[same], at[same + step], groups[same] % width))
    one, other, names = (np.concatenate([pair[k] for pair in pairs]) for k in range(3))
    return one, other, names


def _again(groups: Any) -> Any:
    """Which entries have a neighbour of the same group; `groups` is in order."""
    import numpy as np

    found = np.zeros(len(groups), np.bool_)
    same = groups[1:] == groups[:-1]
    found[1:] |= same
    found[:-1] |= same
    return found


def _joined(parts: list[Hits]) -> Hits:
    import numpy as np

    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("rule", "first", "second", "overlaps")
    ]
    return Hits(*columns)
