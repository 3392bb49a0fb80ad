"""What orders of some words are of: each product recognised once, and its properties as columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.facts.clinical import Order
from caveat.facts.identify import OrderView, identify
from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology

if TYPE_CHECKING:
    from collections.abc import Callable

    from caveat.evaluators.columnar.arrays import Bools, Ints

MOST_KEPT = 100_000
"""Products kept recognised from one batch to the next."""

ProductKey = tuple[str | None, int, int, str | None, str | None]
"""Text, code list, ingredient list (as the catalogue numbers them), route and form as written."""
Measured = tuple[object, ...]
"""What of a product its amounts depend on: the strength that its name gives, of several ingredients which."""


@dataclass(frozen=True, slots=True)
class Product:
    """What an order of some words, codes, route and form is of; `key` are the words."""

    key: ProductKey
    view: OrderView
    codes: tuple[Code, ...]
    named: tuple[str, ...] | None
    name: str


class Catalogue:
    """Products recognised so far, each once; a cache of what names mean, not of any record."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.names: list[str] = sorted(terminology.tables.ingredients)
        self.number = {name: index for index, name in enumerate(self.names)}
        self._blank = Order.model_construct(id="")
        self._clear()

    def _clear(self) -> None:
        self.each: list[Product] = []
        self._places: dict[ProductKey, int] = {}
        self._code_lists: dict[tuple[tuple[str, str, str], ...], int] = {}
        self._name_lists: dict[tuple[str, ...] | None, int] = {}
        self.routes: dict[str | None, int] = {None: -1}
        self.forms: dict[str | None, int] = {None: -1}
        self.kinds: dict[Measured, int] = {}
        self.sets: dict[frozenset[str], int] = {frozenset(): -1}
        self._rows: list[tuple[int, ...]] = []
        self._members: list[int] = []
        self._table: Any = None
        self._held: Any = None

    def code_list(self, codes: tuple[tuple[str, str, str], ...]) -> int:
        """The number of a list of codes."""
        return self._code_lists.setdefault(codes, len(self._code_lists))

    def name_list(self, names: tuple[str, ...] | None) -> int:
        """The number of a list of ingredient names."""
        return self._name_lists.setdefault(names, len(self._name_lists))

    def trim(self) -> bool:
        """Forget what was met when it is too much, and say so; between batches only."""
        full = max(len(self.each), len(self._code_lists), len(self._name_lists)) >= MOST_KEPT
        if full:
            self._clear()
        return full

    def among(self, names: Any) -> Bools:
        """Which ingredients are among some names, by their numbers."""
        import numpy as np

        found = np.zeros(len(self.names), np.bool_)
        found[[self.number[name] for name in names if name in self.number]] = True
        return found

    def products(
        self,
        codes: Ints,
        keys: list[ProductKey],
        named_by: Callable[[int], tuple[tuple[Code, ...], tuple[str, ...] | None]],
    ) -> Products:
        """What orders of these words, codes, routes and forms are of; `codes` is the key of each order.

        `named_by` gives the codes and the ingredient names that key i stands for.
        """
        import numpy as np

        places = list(map(self._places.get, keys))
        for index, place in enumerate(places):
            if place is None:
                places[index] = self._read(keys[index], *named_by(index))
        if self._table is None or len(self._table) < len(self._rows):
            self._table = np.array(self._rows, np.int32).reshape(-1, len(Products.COLUMNS))
            self._held = np.array(self._members, np.int32)
        return Products(self, codes, np.array(places, np.int64), self._table, self._held)

    def _read(self, key: ProductKey, codes: tuple[Code, ...], named: tuple[str, ...] | None) -> int:
        text, _, _, route, form = key
        said = {"text": text, "codes": codes, "ingredients": named, "route": route, "form": form}
        view = identify(self._blank.model_copy(update=said), self.terminology, 1, "active")
        place = self._places[key] = len(self.each)
        self.each.append(Product(key, view, codes, named, view.name))
        members = [self.number[name] for name in view.ingredients]
        resolution = view.resolution
        kind: Measured = resolution.strength
        if len(members) != 1 or len(resolution.strength) != 1:
            kind = (view.ingredients, resolution.shares) if len(members) > 1 else ()
        self._rows.append(
            (
                members[0] if members else -1,
                len(members),
                len(self._members),
                bool(resolution.unrecognised),
                bool(resolution.conflict),
                bool(resolution.gathered),
                self.routes.setdefault(view.route, len(self.routes) - 1),
                self.forms.setdefault(view.form, len(self.forms) - 1),
                self.kinds.setdefault(kind, len(self.kinds)),
                self.sets.setdefault(frozenset(view.ingredients), len(self.sets) - 1),
            )
        )
        self._members += members
        return place


class Products:
    """The distinct products of a batch; `codes` is the product of each order.

    `first` is the number of the only or first ingredient (-1 when there is none), `several` says
    which products have more than one. Product p holds `held[start[p] : start[p] + lengths[p]]`.
    `routes` and `forms` are numbers as the catalogue has them, -1 where they are not known; `kinds`
    are the same where amounts mean the same, `sets` where the ingredients are the same (-1 for none).
    """

    COLUMNS = (
        "first",
        "lengths",
        "start",
        "unrecognised",
        "conflicting",
        "gathered",
        "routes",
        "forms",
        "kinds",
        "sets",
    )

    def __init__(self, catalogue: Catalogue, codes: Ints, places: Any, table: Any, held: Ints) -> None:
        self.catalogue = catalogue
        self.codes = codes
        self.count = len(places)
        self.held = held
        self._places = places
        found = table[places]
        self.first: Ints = found[:, 0]
        self.lengths: Ints = found[:, 1]
        self.start: Ints = found[:, 2]
        self.unrecognised: Bools = found[:, 3] > 0
        self.conflicting: Bools = found[:, 4] > 0
        self.gathered: Bools = found[:, 5] > 0
        self.routes: Ints = found[:, 6]
        self.forms: Ints = found[:, 7]
        self.kinds: Ints = found[:, 8]
        self.sets: Ints = found[:, 9]
        self.several: Bools = self.lengths > 1

    @cached_property
    def each(self) -> list[Product]:
        """What each is."""
        every = self.catalogue.each
        return [every[place] for place in self._places.tolist()]

    @cached_property
    def views(self) -> list[OrderView]:
        """Each as an order."""
        return [product.view for product in self.each]

    def holding(self, wanted: Bools) -> Bools:
        """Which of them hold an ingredient of those marked by their numbers."""
        import numpy as np

        found: Bools = np.append(wanted, False)[self.first]
        for place in np.flatnonzero(self.several & ~found).tolist():
            low = int(self.start[place])
            found[place] = wanted[self.held[low : low + int(self.lengths[place])]].any()
        return found

    def taken(self, places: Any) -> Products:
        """Of some of the orders."""
        found = object.__new__(Products)
        found.__dict__.update(self.__dict__)
        found.codes = self.codes[places]
        return found
