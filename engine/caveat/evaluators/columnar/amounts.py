"""Leaves that ask for an order's amounts alone, judged once for each combination that occurs.

The combination is judged by the same code as a single record; a batch only looks it up.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import Leaf
from caveat.evaluators.columnar.arrays import field, flags
from caveat.evaluators.columnar.orders import QUANTITIES, Orders, Product
from caveat.evaluators.columnar.scales import Quantities
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts.chart import Chart
from caveat.facts.clinical import Order
from caveat.facts.measure import Measure
from caveat.facts.order_numbers import order_number
from caveat.facts.patient import Patient
from caveat.terminology.concepts import Terminology

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Ints

MOST_KEPT = 50_000
Verdict = tuple[int, tuple[str, ...]]
"""A truth and the names of what is missing; -1 for what must be judged one record at a time."""


class Amounts:
    """Combinations of product and amounts met so far, each with a number, and what was judged of them."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self._numbers: dict[Any, int] = {}
        self._charts: list[tuple[Chart, Subject]] = []
        self._verdicts: dict[Leaf, dict[int, Verdict]] = {}
        self._measures: dict[str, dict[int, Measure | None]] = {}

    def trim(self) -> None:
        """Forget what was met when it is too much; between batches only."""
        if len(self._charts) >= MOST_KEPT:
            self._numbers.clear()
            self._charts.clear()
            self._verdicts.clear()
            self._measures.clear()

    def number(self, key: Any, product: Product) -> int:
        """The number of a combination; a chart is made that holds nothing but such an order."""
        found = self._numbers.get(key)
        if found is None:
            (text, _, _, route, form), quantities, as_needed = key
            order = Order.model_construct(
                id="order",
                text=text,
                codes=product.codes,
                ingredients=product.named,
                route=route,
                form=form,
                as_needed=as_needed,
                **dict(zip(QUANTITIES, quantities, strict=True)),
            )
            chart = Chart(Patient.model_construct(id="", orders=(order,)), self.terminology, as_of=1)
            view = chart.views[0]
            self._numbers[key] = found = len(self._charts)
            self._charts.append((chart, Subject((view, view))))
        return found

    def verdicts(self, leaf: Leaf, numbers: list[int]) -> list[Verdict]:
        """The truth of a leaf for orders of these combinations."""
        kept = self._verdicts.setdefault(leaf, {})
        for number in numbers:
            if number not in kept:
                kept[number] = self._judge(leaf, number)
        return [kept[number] for number in numbers]

    def _judge(self, leaf: Leaf, number: int) -> Verdict:
        chart, subject = self._charts[number]
        try:
            answer = judge(leaf, chart, subject)
        except Exception:
            return -1, ()  # the record itself, judged alone, says what went wrong
        if chart.problems or chart.notes:
            return -1, ()
        return int(answer.truth), tuple(sorted({missing.fact for missing in answer.missing}))

    def measures(self, prop: str, numbers: list[int]) -> list[Measure | None]:
        """A number of orders of these combinations; None where asking fails."""
        kept = self._measures.setdefault(prop, {})
        for number in numbers:
            if number not in kept:
                chart, subject = self._charts[number]
                try:
                    kept[number] = order_number(chart, subject.orders[0], prop)
                except Exception:
                    kept[number] = None
        return [kept[number] for number in numbers]


class Combinations:
    """The combinations of product and amounts that the orders of a batch have."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._found = orders.quantity_codes
        self._quantities = [Quantities(field(orders.items, name)) for name in QUANTITIES]

    @property
    def codes(self) -> Ints:
        """The combination of each order."""
        return self._found.codes

    @cached_property
    def _as_needed(self) -> Any:
        return flags(field(self._orders.items, "as_needed"))

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {}

    def numbers(self, codes: list[int], amounts: Amounts) -> list[int]:
        """The number in `amounts` of each of these combinations."""
        kept = self._numbers
        products = self._orders.products
        for code in codes:
            if code not in kept:
                place = int(self._found.first[code])
                needed = int(self._as_needed[place])
                product = int(products.codes[place])
                key = (
                    products.keys[product],
                    tuple([q.at(place) for q in self._quantities]),
                    None if needed < 0 else bool(needed),
                )
                kept[code] = amounts.number(key, products.each[product])
        return [kept[code] for code in codes]
