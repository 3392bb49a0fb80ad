"""The orders of a batch by the ingredients they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.arrays import distinct

if TYPE_CHECKING:
    from caveat.evaluators.columnar.orders import Orders


MANY = 20
"""One order in how many is enough to mark them all rather than to sort those found."""


class ByIngredient:
    """Some orders of a batch (the current, the ended, the counted ones), found by what they hold."""

    def __init__(self, orders: Orders, chosen: Any) -> None:
        import numpy as np

        if chosen is orders.current:
            at, names = orders.held
        else:
            places = np.flatnonzero(chosen)
            which, names = orders.ingredients(places)
            at = places[which]
        self._count = len(chosen)
        count = len(orders.catalogue.names)
        # ingredient and place as one number are in order sooner than two arrays
        width = max(self._count - 1, 0).bit_length()
        ordered = np.sort(names.astype(np.int64) << width | at)
        self._bounds = np.searchsorted(ordered, np.arange(count + 1) << width)
        ordered &= (1 << width) - 1
        self._at = ordered

    def of(self, ingredient: int) -> Any:
        """The orders that hold an ingredient, in order."""
        return self._at[self._bounds[ingredient] : self._bounds[ingredient + 1]]

    def of_any(self, ingredients: tuple[int, ...]) -> Any:
        """The orders that hold any of some ingredients, in order."""
        import numpy as np

        if len(ingredients) == 1:
            return self.of(ingredients[0])
        found = [part for part in (self.of(one) for one in ingredients) if len(part)]
        if len(found) < 2:
            return found[0] if found else self._at[:0]
        if sum(len(part) for part in found) * MANY < self._count:
            return distinct(np.concatenate(found))
        held = np.zeros(self._count, np.bool_)
        for part in found:
            held[part] = True
        return np.flatnonzero(held)

    def but(self, ingredients: tuple[int, ...]) -> Any:
        """The orders that hold any ingredient but some, in order."""
        import numpy as np

        kept = np.ones(len(self._at), np.bool_)
        for one in ingredients:
            kept[self._bounds[one] : self._bounds[one + 1]] = False
        return distinct(self._at[kept])
