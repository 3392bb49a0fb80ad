"""The orders of a batch: what each is of, and whether it is current or ended."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.arrays import (
    Lists,
    Words,
    combined,
    field,
    joined,
    lists,
    sequences,
    words,
)
from caveat.evaluators.columnar.catalogue import Catalogue, Products
from caveat.evaluators.columnar.days import Days, days
from caveat.facts.identify import ENTRY_LOOK_BACK, Selection
from caveat.terminology.codes import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Ints, Longs

REMOVED = ("entered-in-error", "cancelled")
ENDED = ("completed", "stopped", "cancelled")
PROPOSED, STOPPED = ("proposed",), ("stopped",)
STATUSES = (REMOVED, ENDED, PROPOSED, STOPPED)
Written = tuple[tuple[str, str, str], ...]
"""Codes as plain words: system, code and display of each."""
CARRIED_OUT = ("administration", "dispense")


class Orders:
    """The orders of a batch as columns, worked out as they are asked for."""

    def __init__(self, column: pa.ListArray, catalogue: Catalogue, as_of: int, selection: Selection) -> None:
        self.lists: Lists = lists(column)
        self.items: Any = self.lists.items
        self.catalogue = catalogue
        self.as_of = as_of
        self.selection = selection
        self._words: dict[str, Words] = {}

    @property
    def rows(self) -> Ints:
        """The patient of each order."""
        return self.lists.rows

    def words(self, name: str) -> Words:
        """A text field, its codes found once."""
        found = self._words.get(name)
        if found is None:
            found = self._words[name] = words(field(self.items, name))
        return found

    def is_one_of(self, found: Words, wanted: tuple[str, ...]) -> Bools:
        """Which entries are one of the words; null is not."""
        import numpy as np

        table = np.array([text in wanted for text in found.texts()], np.bool_)
        if not table.any():
            return np.zeros(len(found.codes), np.bool_)
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
    def stopped(self) -> Bools:
        """Orders recorded as stopped."""
        return self._marked(STOPPED)

    @cached_property
    def carried_out(self) -> Bools:
        """Administrations and dispenses."""
        return self.is_one_of(self.words("origin"), CARRIED_OUT)

    @cached_property
    def _marks(self) -> Any:
        """What the status of each order says, as bits: see `_marked`."""
        import numpy as np

        table = [
            sum(1 << bit for bit, words in enumerate(STATUSES) if text in words)
            for text in self.status.texts()
        ]
        return np.array(table, np.int8)[self.status.codes]

    def _marked(self, words: tuple[str, ...]) -> Bools:
        """Orders whose status is one of some words, which are among `STATUSES`."""
        found: Bools = (self._marks & (1 << STATUSES.index(words))) != 0
        return found

    @cached_property
    def removed(self) -> Bools:
        """Orders that never counted."""
        return self._marked(REMOVED)

    @cached_property
    def closed(self) -> Bools:
        """Orders whose status says that they are over."""
        return self._marked(ENDED)

    @cached_property
    def proposed(self) -> Bools:
        """Orders that are only proposed."""
        return self._marked(PROPOSED)

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
    def counted(self) -> Bools:
        """Current orders as counts take them: see `caveat.facts.identify.counted`."""
        import numpy as np

        carried = np.flatnonzero(self.carried_out & self.current)
        if not len(carried):
            return self.current
        ordered = np.flatnonzero(self.current & ~self.carried_out)
        one, other = joined(self.rows[ordered], self.rows[carried])
        products = self.products
        first, second = products.codes[carried[one]], products.codes[ordered[other]]
        same = (products.sets[first] == products.sets[second]) & (products.sets[first] >= 0)
        routes, others = products.routes[first], products.routes[second]
        same &= (routes == others) | (routes < 0) | (others < 0)
        found = self.current.copy()
        found[carried[one[same]]] = False
        return found

    @cached_property
    def ended(self) -> Bools:
        """`caveat.facts.identify.has_ended` of each order that is not current."""
        found: Bools = ~self.current & ~self.removed & (self.closed | self.over)
        return found & ~self.proposed

    def _undated(self, places: Any) -> Bools:
        """Orders that are over at a time that is not recorded."""
        found: Bools = self.closed[places]
        if found.any():
            found = found & ~(self.start.at(places).known & self.stop.at(places).known)
        return found

    def overlap(self, one: Any, other: Any) -> Any:
        """`caveat.facts.identify.overlap` of pairs of current orders, as truths."""
        import numpy as np

        found = np.full(len(one), 2, np.int8)
        if self._vague:
            found[self._undated(one) | self._undated(other)] = 1
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

        def names_at(places: Any) -> list[tuple[str, ...] | None]:
            return [
                tuple([str(spellings[code]) for code in names.codes[low:high].tolist()]) if there else None
                for low, high, there in zip(
                    named.starts[places].tolist(),
                    named.starts[places + 1].tolist(),
                    named.known[places].tolist(),
                    strict=True,
                )
            ]

        # an empty list and none have the same code, and neither names anything
        name_lists = _numbered(spelled, found.first, names_at, catalogue.name_list)
        texts, routes, forms = text.texts(), route.texts(), form.texts()
        keys = [
            (texts[t], c, n, routes[r], forms[f])
            for t, c, n, r, f in zip(
                text.codes[found.first].tolist(),
                code_lists.tolist(),
                name_lists.tolist(),
                route.codes[found.first].tolist(),
                form.codes[found.first].tolist(),
                strict=True,
            )
        ]

        def named_by(index: int) -> tuple[tuple[Code, ...], tuple[str, ...] | None]:
            place = found.first[index : index + 1]
            return codes_of(coded.at(place)[0]), names_at(place)[0]

        return catalogue.products(found.codes, keys, named_by)

    def ingredients(self, places: Any) -> tuple[Longs, Ints]:
        """The ingredients of some orders, each by its number, with the place in `places` of who holds it."""
        import numpy as np

        products = self.products
        codes = products.codes[places]
        low, times, names = products.start[codes], products.lengths[codes], products.first[codes]
        odd = np.flatnonzero(times != 1)
        if not len(odd):
            return np.arange(len(codes)), names
        which, names = np.repeat(np.arange(len(codes)), times), np.repeat(names, times)
        # only of a product of several is any but the first looked up
        begin = odd + np.cumsum(times[odd] - 1) - (times[odd] - 1)
        for step in range(1, int(times[odd].max(initial=0))):
            more = times[odd] > step
            names[begin[more] + step] = products.held[low[odd[more]] + step]
        return which, names

    @cached_property
    def mixed(self) -> Bools:
        """Orders of products of several ingredients."""
        found: Bools = self.products.several[self.products.codes]
        return found

    @cached_property
    def _vague(self) -> bool:
        """Whether any current order may be over at a time that is not recorded."""
        return bool((self.closed & self.current).any())

    @cached_property
    def held(self) -> tuple[Longs, Ints]:
        """Every current order with every ingredient it holds, in order."""
        import numpy as np

        at = np.flatnonzero(self.current)
        which, names = self.ingredients(at)
        return at[which], names

    def share(self, one: Any, other: Any) -> Bools:
        """Whether two orders of each pair have an ingredient in common."""
        import numpy as np

        products = self.products
        first, second = products.codes[one], products.codes[other]
        found: Bools = (products.first[first] == products.first[second]) & (products.first[first] >= 0)
        mixed = np.flatnonzero((products.several[first] | products.several[second]) & ~found)
        if len(mixed):
            width = len(self.catalogue.names)
            which, names = self.ingredients(one[mixed])
            others, same = self.ingredients(other[mixed])
            keys, able = which * width + names, np.sort(others * width + same)
            if len(able):
                places = np.minimum(np.searchsorted(able, keys), len(able) - 1)
                found[mixed[which[able[places] == keys]]] = True
        return found


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
    def _triples(self) -> list[tuple[str, str, str]]:
        systems, numbers, displays = (
            [text or "" for text in found.texts()] for found in (self._systems, self._numbers, self._displays)
        )
        first = self._each.first
        return [
            (systems[s], numbers[n], displays[d])
            for s, n, d in zip(
                self._systems.codes[first].tolist(),
                self._numbers.codes[first].tolist(),
                self._displays.codes[first].tolist(),
                strict=True,
            )
        ]

    def at(self, places: Any) -> list[Written]:
        """The codes of some entries."""
        triples = self._triples
        codes = self._each.codes
        starts = self.lists.starts
        return [
            ()
            if low == high
            else (triples[codes[low]],)
            if high == low + 1
            else tuple([triples[code] for code in codes[low:high].tolist()])
            for low, high in zip(starts[places].tolist(), starts[places + 1].tolist(), strict=True)
        ]


def codes_of(written: Written) -> tuple[Code, ...]:
    """Codes that are given by system, code and display."""
    return tuple([Code(*triple) for triple in written])


def _numbered(
    codes: Ints, places: Longs, at: Callable[[Any], list[Any]], number: Callable[[Any], int]
) -> Ints:
    """The number of what each of `places` has, by its code; `at` says what some places have."""
    import numpy as np

    chosen = codes[places]
    distinct, first, inverse = np.unique(chosen, return_index=True, return_inverse=True)
    numbers = [number(value) for value in at(places[first])]
    return np.array(numbers, np.int32)[inverse] if len(distinct) else np.zeros(0, np.int32)
