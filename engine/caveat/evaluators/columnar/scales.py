"""How numbers in a unit become base units, concept by concept, and which of them are odd."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from caveat.errors import UnitError
from caveat.evaluators.columnar.orders import Written, codes_of
from caveat.evaluators.columnar.quantities import Quantities
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation
from caveat.facts.measure import base_interval
from caveat.facts.observed import concept_of
from caveat.facts.patient import Patient
from caveat.facts.quick import MARGIN
from caveat.facts.values import Quantity
from caveat.intervals import Interval
from caveat.terminology.concepts import Terminology

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Bools, Floats


@dataclass(frozen=True, slots=True)
class Scale:
    """How a number in a unit becomes one in base units (`slope` x + `offset`), and the limits there.

    `fits` is False where the unit is unknown or measures something else.
    """

    fits: bool
    slope: float = 1.0
    offset: float = 0.0
    plausible: tuple[float, float] = (float("-inf"), float("inf"))


class Scales:
    """Scales by concept and unit, worked out once."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self._chart = Chart(Patient.model_construct(id=""), terminology, as_of=1)
        self._scales: dict[tuple[str, str], Scale] = {}
        self._concepts: dict[Any, str | None] = {}
        self._intervals: dict[tuple[str, Quantity], Interval | None] = {}

    def concept(self, key: tuple[str | None, Written, str | None]) -> str | None:
        """The concept of an observation so named, None when nothing binds it."""
        if key not in self._concepts:
            name, codes, text = key
            if len(self._concepts) >= 100_000:
                self._concepts.clear()
            entry = Observation.model_construct(concept=name, codes=codes_of(codes), text=text)
            self._concepts[key] = concept_of(self._chart, entry)
        return self._concepts[key]

    def is_fact(self, concept: str) -> bool:
        """Whether the concept is one that rules can ask for."""
        return number_fact(concept, self.terminology) is not None

    def scale(self, concept: str, unit: str) -> Scale:
        """The scale of a unit for a concept."""
        key = (concept, unit)
        if key not in self._scales:
            self._scales[key] = self._scale(concept, unit)
        return self._scales[key]

    def _scale(self, concept: str, unit: str) -> Scale:
        fact = number_fact(concept, self.terminology)
        if fact is None:
            return Scale(False)
        try:
            zero, one = (
                base_interval(Quantity(Decimal(n), unit), fact.unit, fact.analyte).low for n in (0, 1)
            )
        except UnitError:
            return Scale(False)
        assert zero is not None
        assert one is not None
        return Scale(True, float(one - zero), float(zero), self._limits(concept, fact.unit))

    def _limits(self, concept: str, unit: str) -> tuple[float, float]:
        """Bounds in base units inside which nothing is odd, a little narrowed."""
        if concept not in self.terminology.tables.observations:
            return 1e-300, float("inf")
        limits = self.terminology.observation(concept)
        ends = []
        for place, choose in ((0, max), (1, min)):
            given = [pair[place] for pair in (limits.plausible, limits.possible) if pair[place] is not None]
            if not given:
                ends.append(float("-inf") if place == 0 else float("inf"))
                continue
            base = base_interval(Quantity(Decimal(str(choose(given))), unit), unit).low  # type: ignore[type-var]
            assert base is not None
            ends.append(float(base) + (1 - 2 * place) * abs(float(base)) * MARGIN)
        return ends[0], ends[1]

    def interval(self, concept: str, quantity: Quantity) -> Interval | None:
        """A quantity exactly, in base units; None when its unit does not fit."""
        key = (concept, quantity)
        if key not in self._intervals:
            if len(self._intervals) >= 100_000:
                self._intervals.clear()
            fact = number_fact(concept, self.terminology)
            try:
                found = None if fact is None else base_interval(quantity, fact.unit, fact.analyte)
            except UnitError:
                found = None
            self._intervals[key] = found
        return self._intervals[key]


def scaled(scales: list[Scale], codes: Any, quantities: Quantities) -> tuple[Floats, Bools]:
    import numpy as np

    slope = np.array([s.slope for s in scales])[codes]
    offset = np.array([s.offset for s in scales])[codes]
    fits = np.array([s.fits for s in scales], np.bool_)[codes]
    return quantities.value * slope + offset, fits & ~np.isnan(quantities.value)


def odd_values(scales: list[Scale], codes: Any, quantities: Quantities) -> Bools:
    """Values that are not certain to be likely; what does not fit the concept is not among them."""
    import numpy as np

    nothing = (float("-inf"), float("inf"))
    own = [
        sorted((end - s.offset) / s.slope for end in s.plausible) if s.fits and s.slope else nothing
        for s in scales
    ]
    low, high = np.array([o[0] for o in own])[codes], np.array([o[1] for o in own])[codes]
    found: Bools = (quantities.value <= low) | (quantities.value >= high)
    if not quantities.plain.all():
        found |= (quantities.upper <= low) | (quantities.upper >= high)
    # an unbounded side takes every number, infinity included
    return found
