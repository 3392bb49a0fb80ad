"""The ingredients that findings are about, as `caveat.evaluators.assemble` names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.coded import coded, listed
from caveat.evaluators.columnar.facts import Facts
from caveat.evaluators.columnar.found import Found
from caveat.evaluators.columnar.parts import NOBODY

if TYPE_CHECKING:
    from caveat.evaluators.columnar.catalogue import Catalogue

SIDES = ("first", "second")


class Scopes:
    """The ingredients that each rule is about, on each side."""

    def __init__(self, rules: Sequence[Any]) -> None:
        self._names: list[list[tuple[str, ...]]] = [
            [getattr(rule, side, ()) for rule in rules] for side in SIDES
        ]
        self._lone: Any = None
        self._wide: list[tuple[Any, Any]] = []

    def lone(self, catalogue: Catalogue) -> Any:
        """The only ingredient of the first and of the second side of each rule, -1 where there are more."""
        import numpy as np

        if self._lone is None:
            number = catalogue.number
            self._lone = np.array(
                [
                    [number.get(names[0], -1) if len(names) == 1 else -1 for names in side]
                    for side in self._names
                ],
                np.int32,
            )
        return self._lone

    def hold(self, side: int, rules: Any, names: Any, catalogue: Catalogue) -> Any:
        """Whether ingredients are in the scope of rules that have not just one."""
        import numpy as np

        if not self._wide:
            for scopes in self._names:
                distinct = [each for each in dict.fromkeys(scopes) if len(each) != 1]
                wide = {each: place for place, each in enumerate(distinct)}
                row = np.array([wide.get(each, 0) for each in scopes], np.int32)
                table = np.array([catalogue.among(each) for each in wide], np.bool_)
                self._wide.append((row, table))
        row, table = self._wide[side]
        lone = self.lone(catalogue)[side][rules]
        if not len(table):
            return lone == names
        return np.where(lone < 0, table[row[rules], names], lone == names)


def of_drugs(found: Found, facts: Facts, scopes: Scopes) -> Any:
    """The ingredients of each finding: those in the scope of its rule, else all of the order."""
    import numpy as np
    import pyarrow as pa

    orders, catalogue = facts.orders, facts.known.catalogue
    products = orders.products
    if not len(orders.rows):
        return listed(np.zeros(found.count, np.int32), [()])
    # whoever holds one ingredient is named by it, and nothing stands at place -1
    first = np.append(products.first, np.int32(-1))
    drug, several = first[np.append(products.codes, -1)], np.append(products.several, False)
    both = np.stack([drug[found.first], drug[found.second]], axis=1)
    both[both[:, 0] == both[:, 1], 1] = -1
    odd = np.zeros(found.count, np.bool_)
    if products.several.any():
        mixed = several[np.append(products.codes, -1)]
        odd = mixed[found.first] | mixed[found.second]
        some = np.flatnonzero(odd)
        # a rule about one ingredient on each side names those, whatever else a product holds
        one, other = (lone[found.rule[some]] for lone in scopes.lone(catalogue))
        other[found.second[some] < 0] = NOBODY
        told = (one >= 0) & (found.first[some] >= 0) & ((other >= 0) | (found.second[some] < 0))
        other[one == other] = NOBODY
        both[some] = np.where(told[:, None], np.stack([one, other], axis=1), NOBODY)
        odd[some[told]] = False
    kept = both >= 0
    sizes = kept[:, 0].astype(np.int32) + kept[:, 1]
    flat = both[kept]
    places = np.flatnonzero(odd)
    if len(places):
        which, names = _of_several(found, places, facts, scopes)
        sizes[places] = np.bincount(which, minlength=len(places))
        alone, flat = flat, np.empty(int(sizes.sum()), np.int32)
        among = np.repeat(odd, sizes)
        flat[~among], flat[among] = alone, names
    ends = np.zeros(found.count + 1, np.int32)
    np.cumsum(sizes, out=ends[1:])
    return pa.ListArray.from_arrays(pa.array(ends), coded(flat, catalogue.names))


def _of_several(found: Found, places: Any, facts: Facts, scopes: Scopes) -> tuple[Any, Any]:
    """The ingredients of findings on products of several or of none: the place of each, in order."""
    import numpy as np

    orders, catalogue = facts.orders, facts.known.catalogue
    parts = []
    for side, held in enumerate((found.first[places], found.second[places])):
        some = np.flatnonzero(held >= 0)
        which, names = orders.ingredients(held[some])
        at = some[which]
        inside = scopes.hold(side, found.rule[places[at]], names, catalogue)
        met = np.zeros(len(places), np.bool_)
        met[at[inside]] = True
        kept = inside | ~met[at]
        parts.append((at[kept], names[kept]))
    at, names = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    order = np.argsort(at, kind="stable")
    at, names = at[order], names[order]
    _, first = np.unique(at * len(catalogue.names) + names, return_index=True)
    first.sort()
    return at[first], names[first]
