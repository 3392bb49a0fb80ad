"""What depends on an order's amounts alone, judged once for each combination that occurs.

The combination is judged by the same code as a single record; a batch only looks it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import Leaf, OrderNumberLeaf
from caveat.errors import CaveatError
from caveat.evaluators.columnar.arrays import combined, distinct, field, flags
from caveat.evaluators.columnar.catalogue import Product
from caveat.evaluators.columnar.orders import Orders
from caveat.evaluators.columnar.quantities import Quantities
from caveat.evaluators.columnar.ranges import compare
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts.chart import Chart
from caveat.facts.clinical import Order
from caveat.facts.measure import Measure
from caveat.facts.order_numbers import order_number
from caveat.facts.patient import Patient
from caveat.intervals import Interval
from caveat.terminology.concepts import Terminology
from caveat.units import parse_unit

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Ints, Longs

QUANTITIES = ("strength", "dose", "frequency", "max_per_day", "rate", "daily_dose")
COUNTED = ("dose", "max_per_day", "rate", "daily_dose")
"""Amounts that may be a count of units or a volume, and then depend on the strength of the product."""
MOST_KEPT = 50_000
UNASKED, HARD = -2, -1
"""Verdicts: not judged so far; to be judged one record at a time."""


@dataclass(slots=True)
class _Verdicts:
    """What a leaf says of each combination, by its number: a truth, and bits of `names` for what it lacks."""

    truth: Any
    lacking: Longs
    names: list[str]


@dataclass(slots=True)
class _Numerals:
    """A number of each combination in base units, NaN where it is not one number; and its dimension."""

    values: list[float]
    dimensions: list[int]
    numbers: dict[Any, int]


@dataclass(frozen=True, slots=True)
class Spans:
    """Numbers of combinations in base units, lowest and highest; 0 and NaN where they are not known.

    `known` have a number of the dimension asked for, of which something may be `missing`; `odd` are to
    be judged one record at a time.
    """

    low: Any
    high: Any
    known: Any
    missing: Any
    odd: Any


class Amounts:
    """Combinations of product and amounts met so far, each with a number, and what was judged of them."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        # copies of a blank one are made far sooner than new ones
        self._order = Order.model_construct(id="order")
        self._patient = Patient.model_construct(id="")
        self.clear()

    def clear(self) -> None:
        """Forget what was met; between batches only."""
        self._numbers: dict[Any, int] = {}
        self._charts: list[tuple[Chart, Subject]] = []
        self._verdicts: dict[Leaf, _Verdicts] = {}
        self._measures: dict[tuple[str, tuple[str, ...]], dict[int, Measure | None]] = {}
        self._spans: dict[Any, Any] = {}
        self._numerals: dict[str, _Numerals] = {}

    @property
    def is_full(self) -> bool:
        """Whether so much was met that it should be forgotten."""
        return len(self._charts) >= MOST_KEPT

    def get(self, key: Any) -> int | None:
        """The number of a combination that was met before."""
        return self._numbers.get(key)

    def add(self, key: Any, product: Product, quantities: tuple[Any, ...], as_needed: bool | None) -> int:
        """The number of a new combination; a chart is made that holds nothing but such an order."""
        text, _, _, route, form = product.key
        said = {
            "text": text,
            "codes": product.codes,
            "ingredients": product.named,
            "route": route,
            "form": form,
            "as_needed": as_needed,
            **dict(zip(QUANTITIES, quantities, strict=True)),
        }
        order = self._order.model_copy(update=said)
        chart = Chart(self._patient.model_copy(update={"orders": (order,)}), self.terminology, as_of=1)
        view = chart.views[0]
        self._numbers[key] = found = len(self._charts)
        self._charts.append((chart, Subject((view, view))))
        return found

    def verdicts(self, leaf: Leaf, numbers: Longs) -> tuple[Any, Any, tuple[str, ...]]:
        """The truths of a leaf for orders of these combinations, and by bits of some names what they lack."""
        import numpy as np

        kept = self._verdicts.get(leaf)
        if kept is None:
            kept = self._verdicts[leaf] = _Verdicts(np.zeros(0, np.int8), np.zeros(0, np.int64), [])
        if len(kept.truth) < len(self._charts):
            more = len(self._charts) - len(kept.truth)
            kept.truth = np.concatenate([kept.truth, np.full(more, UNASKED, np.int8)])
            kept.lacking = np.concatenate([kept.lacking, np.zeros(more, np.int64)])
        fresh = numbers[kept.truth[numbers] == UNASKED]
        if len(fresh) and isinstance(leaf, OrderNumberLeaf):
            kept.truth[fresh] = self._compared(leaf, fresh)
            fresh = fresh[kept.truth[fresh] == UNASKED]
        for number in distinct(fresh).tolist():
            truth, missing = self._judge(leaf, number)
            kept.names += [name for name in missing if name not in kept.names]
            kept.truth[number] = truth
            kept.lacking[number] = sum(1 << kept.names.index(name) for name in missing)
        return kept.truth[numbers], kept.lacking[numbers], tuple(kept.names)

    def _compared(self, leaf: OrderNumberLeaf, numbers: Longs) -> Any:
        """The truths where there is one number that lies off the limits; UNASKED elsewhere."""
        import numpy as np

        kept = self._numerals.setdefault(leaf.prop, _Numerals([], [], {}))
        for number in range(len(kept.values), len(self._charts)):
            value, dimension = self._numeral(leaf.prop, number)
            kept.values.append(value)
            kept.dimensions.append(kept.numbers.setdefault(dimension, len(kept.numbers)))
        values = np.array(kept.values)[numbers]
        wanted = kept.numbers.get(parse_unit(leaf.unit).dimension, -1)
        truth, close = compare(values, values, leaf.target)
        if leaf.negated:
            truth = 2 - truth
        told = ~np.isnan(values) & ~close & (np.array(kept.dimensions, np.int32)[numbers] == wanted)
        return np.where(told, truth, UNASKED)

    def _numeral(self, prop: str, number: int) -> tuple[float, Any]:
        """The number of orders of a combination with its dimension; NaN where it is not one number.

        Of several ingredients the amount may be that of one of them, which is not told here.
        """
        chart, subject = self._charts[number]
        none = float("nan"), None
        if len(subject.orders[0].ingredients) > 1:
            return none
        try:
            found = order_number(chart, subject.orders[0], prop)
        except Exception:
            return none
        held = found.interval
        if chart.problems or chart.notes or held is None or held.low is None or held.low != held.high:
            return none
        return none if held.low_open or held.high_open else (float(held.low), found.dimension)

    def _judge(self, leaf: Leaf, number: int) -> tuple[int, tuple[str, ...]]:
        chart, subject = self._charts[number]
        try:
            answer = judge(leaf, chart, subject)
        except Exception:
            return HARD, ()  # the record itself, judged alone, says what went wrong
        if chart.problems or chart.notes:
            return HARD, ()
        return int(answer.truth), tuple(sorted({missing.fact for missing in answer.missing}))

    def measures(self, prop: str, numbers: list[int], of: tuple[str, ...] = ()) -> list[Measure | None]:
        """A number of orders of these combinations, or of their part in `of`; None where asking fails."""
        kept = self._measures.setdefault((prop, of), {})
        for number in numbers:
            if number not in kept:
                chart, subject = self._charts[number]
                try:
                    kept[number] = order_number(chart, subject.orders[0], prop, of)
                except Exception:
                    kept[number] = None
        return [kept[number] for number in numbers]

    def spans(self, prop: str, unit: str, numbers: Longs, of: tuple[str, ...] = ()) -> Spans:
        """A number of orders of these combinations where it is measured in `unit`, else unknown."""
        import numpy as np

        key = (prop, unit, of)
        kept = self._spans.get(key, np.zeros((0, 6)))
        if len(kept) < len(self._charts):
            more = np.zeros((len(self._charts) - len(kept), 6))
            kept = self._spans[key] = np.concatenate([kept, more])
        asked = numbers[kept[numbers, 5] == 0].tolist()
        for number, found in zip(asked, self.measures(prop, asked, of), strict=True):
            kept[number] = _row(found, prop, unit)
        found = kept[numbers]
        return Spans(found[:, 0], found[:, 1], found[:, 2] > 0, found[:, 3] > 0, found[:, 4] > 0)

    def exact(self, prop: str, unit: str, number: int, of: tuple[str, ...]) -> Interval:
        """What `spans` says in floating point; from 0 without end where it is not known."""
        found = self.measures(prop, [number], of)[0]
        if found is None or found.interval is None or found.dimension != parse_unit(unit).dimension:
            return Interval(Fraction(0), None)
        return Interval(found.interval.low or Fraction(0), found.interval.high)


def _row(found: Measure | None, prop: str, unit: str) -> tuple[float, float, bool, bool, bool, bool]:
    """Lowest, highest, whether it is known, whether anything is missing, whether it is odd; and a mark."""
    nan = float("nan")
    if found is None:
        return 0.0, nan, False, True, True, True
    odd = any(missing.fact != prop for missing in found.missing)
    interval = found.interval
    if interval is None or found.dimension != parse_unit(unit).dimension:
        return 0.0, nan, False, True, odd, True
    low = 0.0 if interval.low is None else float(interval.low)
    high = nan if interval.high is None else float(interval.high)
    return low, high, True, bool(found.missing) or interval.high is None, odd, True


class Combinations:
    """The combinations of product and amounts that the orders of a batch have.

    Products that mean the same for the amounts count as one: a dose in mg is what it is whatever the
    product's name says of its strength. `kind` is `strength` where the strength itself is asked for.
    """

    def __init__(self, orders: Orders, kind: str) -> None:
        import numpy as np

        self._orders = orders
        self._names = ("strength",) if kind == "strength" else QUANTITIES
        self._numbers = np.full(len(orders.rows), -1, np.int32)

    def numbers(self, places: Any, amounts: Amounts) -> Longs:
        """The number in `amounts` of what each of some orders has."""
        import numpy as np

        found = self._numbers[places]
        fresh = distinct(places[found < 0])
        if len(fresh):
            self._numbers[fresh] = self._fresh(fresh, amounts)
            found = self._numbers[places]
        return np.asarray(found, np.int64)

    def _fresh(self, places: Longs, amounts: Amounts) -> Any:
        """The numbers of some orders that were not asked for before."""
        import numpy as np
        import pyarrow as pa

        at = pa.array(places)
        items = self._orders.items
        columns = {name: field(items, name) for name in self._names}
        held = {
            name: Quantities(column.take(at))
            for name, column in columns.items()
            if column.null_count < len(column)
        }
        codes = self._orders.products.codes[places]
        kinds = self._kinds(codes, held)
        parts = [(kinds, int(kinds.max()) + 2), *(column.codes for column in held.values())]
        needed = np.full(len(places), -1, np.int32)
        if len(self._names) > 1:
            needed = flags(field(items, "as_needed").take(at))
            parts.append((needed, 3))
        each = combined(len(places), *parts)
        first = each.first
        numbers = self._numbered(held, first, kinds[first], needed[first], codes[first], amounts)
        return np.array(numbers, np.int32)[each.codes]

    def _kinds(self, codes: Ints, held: dict[str, Quantities]) -> Any:
        """What the amounts of orders of some products depend on in these; -1 where on nothing."""
        import numpy as np

        products = self._orders.products
        if len(self._names) == 1:
            return products.kinds[codes]
        # a count of units or a volume may have to be multiplied by the strength
        asked = products.several[codes]
        for name in COUNTED:
            if name in held:
                units = held[name].unit
                counted = np.array([not _is_mass(text) for text in units.texts()], np.bool_)
                asked = asked | counted[units.codes]
        return np.where(asked, products.kinds[codes], -1)

    def _numbered(
        self,
        held: dict[str, Quantities],
        places: Longs,
        kinds: Any,
        needed: Any,
        codes: Any,
        amounts: Amounts,
    ) -> list[int]:
        """The number of the combination that each of some entries of `held` has."""
        none = [None] * len(places)
        written = [held[name].written(places) if name in held else none for name in QUANTITIES]
        numbers = []
        for index, key in enumerate(zip(kinds.tolist(), needed.tolist(), *written, strict=True)):
            number = amounts.get(key)
            if number is None:
                place = int(places[index])
                quantities = tuple([held[n].at(place) if n in held else None for n in QUANTITIES])
                as_needed = None if needed[index] < 0 else bool(needed[index])
                product = self._orders.products.each[codes[index]]
                number = amounts.add(key, product, quantities, as_needed)
            numbers.append(number)
        return numbers


def _is_mass(unit: str | None) -> bool:
    """Whether a unit is a mass or a mass a time, or there is none; what is not understood is not."""
    if not unit:
        return True
    try:
        dimension = parse_unit(unit).dimension
    except CaveatError:
        return False
    return {name for name, _ in dimension} <= {"g", "s"} and any(name == "g" for name, _ in dimension)
