"""The orders of a batch: what each is of, and whether it is current or ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.arrays import (
    Dense,
    Lists,
    Words,
    combined,
    field,
    flags,
    floats,
    lists,
    sequences,
    words,
)
from caveat.evaluators.columnar.days import Days, days
from caveat.facts.clinical import Order
from caveat.facts.identify import ENTRY_LOOK_BACK, OrderView, Selection, identify
from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Ints, Longs

QUANTITIES = ("strength", "dose", "frequency", "max_per_day", "rate", "daily_dose")
REMOVED = ("entered-in-error", "cancelled")
ENDED = ("completed", "stopped", "cancelled")
CARRIED_OUT = ("administration", "dispense")
MOST_KEPT = 100_000
"""Products kept recognised from one batch to the next."""

ProductKey = tuple[str | None, int, int, str | None, str | None]
"""Text, code list, ingredient list (as the catalogue numbers them), route and form as written."""


@dataclass(frozen=True, slots=True)
class Product:
    """What an order of some words, codes, route and form is of; `first` is -1 when it is of nothing known."""

    view: OrderView
    codes: tuple[Code, ...]
    named: tuple[str, ...] | None
    first: int
    several: bool
    unrecognised: bool
    conflicting: bool
    name: str


class Catalogue:
    """Products recognised so far, each once; a cache of what names mean, not of any record."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.names: list[str] = sorted(terminology.tables.ingredients)
        self.number = {name: index for index, name in enumerate(self.names)}
        self._blank = Order.model_construct(id="")
        self._products: dict[ProductKey, Product] = {}
        self._code_lists: dict[tuple[Code, ...], int] = {}
        self._name_lists: dict[tuple[str, ...] | None, int] = {}

    def code_list(self, codes: tuple[Code, ...]) -> int:
        """The number of a list of codes."""
        return self._code_lists.setdefault(codes, len(self._code_lists))

    def name_list(self, names: tuple[str, ...] | None) -> int:
        """The number of a list of ingredient names."""
        return self._name_lists.setdefault(names, len(self._name_lists))

    def trim(self) -> None:
        """Forget what was met when it is too much; between batches only."""
        if max(len(self._products), len(self._code_lists), len(self._name_lists)) >= MOST_KEPT:
            self._products.clear()
            self._code_lists.clear()
            self._name_lists.clear()

    def products(
        self,
        keys: list[ProductKey],
        code_lists: dict[int, tuple[Code, ...]],
        name_lists: dict[int, tuple[str, ...] | None],
    ) -> list[Product]:
        """What orders of these words, codes, routes and forms are of."""
        kept = self._products
        found = [kept.get(key) for key in keys]
        for place, product in enumerate(found):
            if product is None:
                key = keys[place]
                found[place] = kept[key] = self._read(key, code_lists[key[1]], name_lists[key[2]])
        return found  # type: ignore[return-value]

    def _read(self, key: ProductKey, codes: tuple[Code, ...], named: tuple[str, ...] | None) -> Product:
        text, _, _, route, form = key
        said = {"text": text, "codes": codes, "ingredients": named, "route": route, "form": form}
        view = identify(self._blank.model_copy(update=said), self.terminology, 1, "active")
        first = self.number[view.ingredients[0]] if view.ingredients else -1
        resolution = view.resolution
        return Product(
            view,
            codes,
            named,
            first,
            len(view.ingredients) > 1,
            bool(resolution.unrecognised),
            bool(resolution.conflict),
            view.name,
        )


@dataclass(frozen=True, slots=True)
class Products:
    """The distinct products of a batch; `codes` is the product of each order.

    `first` is the number of the only or first ingredient (-1 when there is none), `several` says
    which products have more than one.
    """

    codes: Ints
    keys: list[ProductKey]
    each: list[Product]
    views: list[OrderView]
    first: Ints
    several: Bools
    unrecognised: Bools
    conflicting: Bools


class Orders:
    """The orders of a batch as columns, worked out as they are asked for."""

    def __init__(self, column: pa.ListArray, catalogue: Catalogue, as_of: int, selection: Selection) -> None:
        self.lists: Lists = lists(column)
        self.items: Any = self.lists.items
        self.catalogue = catalogue
        self.as_of = as_of
        self.selection = selection

    @property
    def rows(self) -> Ints:
        """The patient of each order."""
        return self.lists.rows

    def words(self, name: str) -> Words:
        """A text field."""
        return words(field(self.items, name))

    def is_one_of(self, found: Words, wanted: tuple[str, ...]) -> Bools:
        """Which entries are one of the words; null is not."""
        import numpy as np

        table = np.array([text in wanted for text in found.texts()], np.bool_)
        held: Bools = table[found.codes]
        return held

    @cached_property
    def status(self) -> Words:
        """The recorded status."""
        return self.words("status")

    @cached_property
    def start(self) -> Days:
        """The start."""
        return days(field(self.items, "start"))

    @cached_property
    def stop(self) -> Days:
        """The stop."""
        return days(field(self.items, "stop"))

    @cached_property
    def carried_out(self) -> Bools:
        """Administrations and dispenses."""
        return self.is_one_of(self.words("origin"), CARRIED_OUT)

    @cached_property
    def removed(self) -> Bools:
        """Orders that never counted."""
        return self.is_one_of(self.status, REMOVED)

    @cached_property
    def closed(self) -> Bools:
        """Orders whose status says that they are over."""
        return self.is_one_of(self.status, ENDED)

    @cached_property
    def over(self) -> Bools:
        """Orders whose stop lies before the day."""
        found: Bools = self.stop.known & (self.stop.last < self.as_of)
        return found

    @cached_property
    def current(self) -> Bools:
        """`caveat.facts.identify.is_current` of each order."""
        import numpy as np

        found: Bools = ~self.removed
        if self.selection == "ever":
            return found
        found &= ~self.over
        if self.selection == "overlapping":
            started = ~self.start.known | (self.start.first <= self.as_of)
            return found & started & (self.stop.known | ~self.closed)
        found &= ~self.closed
        if self.carried_out.any():
            entry = np.flatnonzero((self.status.codes < 0) & self.carried_out & ~self.stop.known)
            start = self.start.at(entry)
            found[entry[start.known & (start.last < self.as_of - ENTRY_LOOK_BACK)]] = False
        return found

    @cached_property
    def ended(self) -> Bools:
        """`caveat.facts.identify.has_ended` of each order that is not current."""
        found: Bools = ~self.current & ~self.removed & (self.closed | self.over)
        return found & ~self.is_one_of(self.status, ("proposed",))

    def _undated(self, places: Any) -> Bools:
        """Orders that are over at a time that is not recorded."""
        found: Bools = self.closed[places]
        if found.any():
            found = found & ~(self.start.at(places).known & self.stop.at(places).known)
        return found

    def overlap(self, one: Any, other: Any) -> Any:
        """`caveat.facts.identify.overlap` of pairs of orders, as truths."""
        import numpy as np

        vague = self._undated(one) | self._undated(other)
        found = np.where(vague, 1, 2).astype(np.int8)
        for left, right in ((one, other), (other, one)):
            # only an order that is known to stop can miss another
            at = np.flatnonzero(self.stop.known[left])
            stop, start = self.stop.at(left[at]), self.start.at(right[at])
            open_ = start.known & (stop.first < start.last) & ~(stop.exact & start.exact)
            found[at[open_ & (found[at] == 2)]] = 1
            found[at[start.known & (stop.last < start.first)]] = 0
        return found

    @cached_property
    def products(self) -> Products:
        """What each order is of."""
        import numpy as np

        text, route, form = self.words("text"), self.words("route"), self.words("form")
        coded = Coded(field(self.items, "codes"))
        named = lists(field(self.items, "ingredients"))
        names = words(named.items)
        spelled, spelled_width = sequences(names.codes, names.width, named)
        # an empty list of ingredients is not the same as none, but both mean that none is named
        found = combined(
            len(self.rows),
            (text.codes, text.width),
            (coded.codes, coded.width),
            (spelled, spelled_width),
            (route.codes, route.width),
            (form.codes, form.width),
        )
        catalogue = self.catalogue
        code_lists = _numbered(coded.codes, found.first, coded.at, catalogue.code_list)
        spellings = names.texts()

        def names_at(place: int) -> tuple[str, ...] | None:
            low, high = int(named.starts[place]), int(named.starts[place + 1])
            written = tuple([str(spellings[code]) for code in names.codes[low:high].tolist()])
            return written if named.known[place] else None

        # an empty list and none have the same code, and neither names anything
        name_lists = _numbered(spelled, found.first, names_at, catalogue.name_list)
        texts, routes, forms = text.texts(), route.texts(), form.texts()
        keys = [
            (texts[t], code_lists[0][c], name_lists[0][n], routes[r], forms[f])
            for t, c, n, r, f in zip(
                *(codes[found.first].tolist() for codes in (text.codes, coded.codes, spelled)),
                *(codes[found.first].tolist() for codes in (route.codes, form.codes)),
                strict=True,
            )
        ]
        each = catalogue.products(keys, code_lists[1], name_lists[1])
        views = [product.view for product in each]
        return Products(
            found.codes,
            keys,
            each,
            views,
            np.array([product.first for product in each], np.int32),
            np.array([product.several for product in each], np.bool_),
            np.array([product.unrecognised for product in each], np.bool_),
            np.array([product.conflicting for product in each], np.bool_),
        )

    @cached_property
    def quantity_codes(self) -> Dense:
        """Combinations of product, amounts, frequency and "as needed"."""
        parts = [(self.products.codes, len(self.products.keys))]
        for name in QUANTITIES:
            parts.append(quantity_codes(field(self.items, name)))
        parts.append((flags(field(self.items, "as_needed")), 3))
        return combined(len(self.rows), *parts)


class Coded:
    """A column of lists of codes: one number for each list, and the codes it stands for."""

    def __init__(self, column: Any) -> None:
        self.lists = lists(column)
        items = self.lists.items
        self._systems, self._numbers = words(field(items, "system")), words(field(items, "code"))
        self._displays = words(field(items, "display"))
        self._each = combined(
            self.lists.count,
            (self._systems.codes, self._systems.width),
            (self._numbers.codes, self._numbers.width),
            (self._displays.codes, self._displays.width),
        )
        self.codes, self.width = sequences(self._each.codes, self._each.count + 1, self.lists)

    @cached_property
    def _objects(self) -> list[Code]:
        systems, numbers, displays = self._systems.texts(), self._numbers.texts(), self._displays.texts()
        return [
            Code(
                systems[self._systems.codes[place]] or "",
                numbers[self._numbers.codes[place]] or "",
                displays[self._displays.codes[place]] or "",
            )
            for place in self._each.first.tolist()
        ]

    def at(self, place: int) -> tuple[Code, ...]:
        """The codes of one entry."""
        low, high = int(self.lists.starts[place]), int(self.lists.starts[place + 1])
        if low == high:
            return ()
        objects = self._objects
        return tuple([objects[code] for code in self._each.codes[low:high].tolist()])


def _numbered(
    codes: Ints, places: Longs, at: Callable[[int], Any], number: Callable[[Any], int]
) -> tuple[dict[int, int], dict[int, Any]]:
    """The number of each distinct code that occurs at `places`, and what each number stands for."""
    import numpy as np

    distinct, first = np.unique(codes[places], return_index=True)
    numbers, meant = {}, {}
    for code, place in zip(distinct.tolist(), places[first].tolist(), strict=True):
        value = at(place)
        numbers[code] = number(value)
        meant[numbers[code]] = value
    return numbers, meant


def quantity_codes(column: Any) -> tuple[Ints, int]:
    """One number for each distinct quantity of a column, -1 for none; and how many, none included."""
    import numpy as np

    if column.null_count == len(column):
        return np.full(len(column), -1, np.int32), 1
    value, upper = floats(field(column, "value")), floats(field(column, "upper"))
    unit, comparator = words(field(column, "unit")), words(field(column, "comparator"))
    parts = [number_codes(value), (unit.codes, unit.width)]
    if not comparator.is_empty:
        parts.append((comparator.codes, comparator.width))
    if not np.isnan(upper).all():
        parts.append(number_codes(upper))
    found = combined(len(column), *parts)
    codes = found.codes.copy()
    codes[np.isnan(value)] = -1
    return codes, found.count + 1


def number_codes(values: Any) -> tuple[Ints, int]:
    """Numbers as codes, NaN as -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(pa.array(values, from_pandas=True))
    found = Words(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), encoded.dictionary)
    return found.codes, found.width
