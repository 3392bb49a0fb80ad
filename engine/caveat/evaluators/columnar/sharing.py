"""Pair rules that ask whether the two orders share an ingredient."""

from __future__ import annotations

from typing import Any

from caveat.compile.program import CompiledRule
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
        at = np.flatnonzero(counted(facts))
        which, names = orders.ingredients(at)
        at = at[which]
        rows = orders.rows[at]
        order = np.lexsort((at, names, rows))
        at, names, rows = at[order], names[order], rows[order]
        found = []
        for index, members, but in self.scopes:
            fits = np.isin(names, members, invert=but)
            some, name, row = at[fits], names[fits], rows[fits]
            pairs = []
            step = 1
            while step < len(some):
                same = np.flatnonzero((name[step:] == name[:-step]) & (row[step:] == row[:-step]))
                if not len(same):
                    break
                pairs.append((some[same], some[same + step]))
                step += 1
            if not pairs:
                continue
            both = np.concatenate([np.stack(pair, 1) for pair in pairs])
            both = np.unique(np.concatenate([both, both[:, ::-1]]), axis=0)
            one, other = both[:, 0], both[:, 1]
            overlaps = orders.overlap(one, other)
            met = np.flatnonzero(overlaps > 0)
            rule = np.full(len(met), index, np.int32)
            found.append(Hits(rule, one[met], other[met], overlaps[met]))
        return found


def _joined(parts: list[Hits]) -> Hits:
    import numpy as np

    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("rule", "first", "second", "overlaps")
    ]
    return Hits(*columns)
