"""Measured and stated values of a batch: the latest of a concept, and what is odd about any of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.errors import UnitError
from caveat.evaluators.columnar.arrays import combined, field, floats, lists, valid, words
from caveat.evaluators.columnar.days import NONE, Days, days
from caveat.evaluators.columnar.orders import Coded
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation
from caveat.facts.measure import base_interval
from caveat.facts.observed import STATED, concept_of
from caveat.facts.patient import Patient
from caveat.facts.quick import MARGIN
from caveat.facts.values import Quantity
from caveat.intervals import Interval
from caveat.terminology.concepts import Terminology

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Floats, Ints, Longs

ABSENT, VALUE, NO_VALUE, HARD = 0, 1, 2, 3
"""State of a latest value: none recorded, a value, recorded without a usable value, to be judged alone."""


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

    def concept(self, key: tuple[str | None, Any, str | None]) -> str | None:
        """The concept of an observation so named, None when nothing binds it."""
        if key not in self._concepts:
            name, codes, text = key
            if len(self._concepts) >= 100_000:
                self._concepts.clear()
            entry = Observation.model_construct(concept=name, codes=codes, text=text)
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


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one concept, an entry each; `plain` where there is one number and no comparator."""

    rows: Ints
    when: Days
    base: Floats
    usable: Bools
    plain: Bools
    quantity: Any
    """`quantity(i)` is entry i as it was recorded."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest value of a concept, a patient each.

    `state` is one of ABSENT, VALUE, NO_VALUE, HARD. `entry` is the place in `values` (-1 for none);
    `low` and `high` the number in base units, which differ for several values of one day; `when`
    is its date. `recorded` says whether there is any entry.
    """

    state: Any
    low: Floats
    high: Floats
    when: Days
    plain: Bools
    several: Bools
    entry: Longs
    values: Values

    @property
    def recorded(self) -> Bools:
        """Patients with any entry of the concept, usable or not."""
        found: Bools = self.state != ABSENT
        return found


class Observations:
    """The observations and the stated values of a batch."""

    def __init__(self, batch: pa.RecordBatch, scales: Scales, as_of: int) -> None:
        self.batch = batch
        self.scales = scales
        self.as_of = as_of
        self.lists = lists(batch.column("observations"))
        self.items: Any = self.lists.items
        self._latest: dict[str, Latest] = {}

    @cached_property
    def _named(self) -> Any:
        name, text = words(field(self.items, "concept")), words(field(self.items, "text"))
        coded = Coded(field(self.items, "codes"))
        found = combined(
            self.lists.count, (name.codes, name.width), (coded.codes, coded.width), (text.codes, text.width)
        )
        names, texts = name.texts(), text.texts()
        concepts = [
            self.scales.concept((names[name.codes[i]], coded.at(i), texts[text.codes[i]]))
            for i in found.first.tolist()
        ]
        return found, concepts

    @cached_property
    def concepts(self) -> tuple[Ints, list[str]]:
        """The concept of each observation as a code into the list, -1 for those that nothing binds."""
        import numpy as np

        found, each = self._named
        known = sorted({c for c in each if c is not None})
        number = {c: i for i, c in enumerate(known)}
        table = np.array([-1 if c is None else number[c] for c in each], np.int32)
        return (table[found.codes] if len(table) else np.zeros(0, np.int32)), known

    @cached_property
    def when(self) -> Days:
        """The date of each observation."""
        return days(field(self.items, "at"))

    @cached_property
    def _quantities(self) -> Any:
        return Quantities(field(self.items, "value"))

    @cached_property
    def future(self) -> Bools:
        """Bound observations of after the day; they are not used."""
        found: Bools = (self.concepts[0] >= 0) & (self.when.first > self.as_of)
        return found

    @cached_property
    def _scaled(self) -> tuple[Floats, Bools, Bools]:
        """Numbers in base units, which of them are usable, and which values are odd."""
        import numpy as np

        codes, known = self.concepts
        quantities = self._quantities
        pairs = combined(len(codes), (codes, len(known) + 1), (quantities.unit.codes, quantities.unit.width))
        units = quantities.unit.texts()
        scales = []
        for place in pairs.first.tolist():
            concept, unit = codes[place], units[quantities.unit.codes[place]]
            scales.append(Scale(False) if concept < 0 else self.scales.scale(known[concept], unit or ""))
        if not len(codes):
            return np.zeros(0), np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        return _scaled(scales, pairs.codes, quantities)

    @cached_property
    def odd(self) -> tuple[Bools, Bools]:
        """Bound observations, not of the future, that are unlikely or worse; and those of no known fact."""
        import numpy as np

        codes, known = self.concepts
        strange = np.array([not self.scales.is_fact(c) for c in known] + [False], np.bool_)[codes]
        found: Bools = self._scaled[2] & ~self.future & (codes >= 0)
        return found, strange

    @cached_property
    def stated(self) -> dict[str, tuple[Quantities, Bools, Days, Floats, Bools, Bools]]:
        """Stated values by name: quantities, where known, dates, base numbers, usable, odd."""
        import numpy as np

        found = {}
        for name in STATED:
            column = self.batch.column(name)
            if column.null_count == len(column):
                continue
            held = valid(column)
            quantities = Quantities(field(column, "value"))
            at = days(field(column, "at"))
            today = np.where(at.known, at.first, self.as_of).astype(np.int32)
            last = np.where(at.known, at.last, self.as_of).astype(np.int32)
            units = quantities.unit.texts()
            scales = [self.scales.scale(name, unit or "") for unit in units]
            codes = quantities.unit.codes % len(units)
            base, usable, odd = _scaled(scales, codes, quantities)
            found[name] = (quantities, held, Days(today, last), base, usable & held, odd & held)
        return found

    def values(self, concept: str) -> Values:
        """Every value of a concept that is not of the future, stated ones first."""
        import numpy as np

        codes, known = self.concepts
        parts: list[tuple[Ints, Days, Floats, Bools, Bools]] = []
        sources: list[tuple[Quantities, Longs]] = []
        if concept in self.stated:
            quantities, held, when, base, usable, _ = self.stated[concept]
            at = np.flatnonzero(held)
            parts.append((at.astype(np.int32), when.at(at), base[at], usable[at], quantities.plain[at]))
            sources.append((quantities, at))
        if concept in known:
            at = np.flatnonzero((codes == known.index(concept)) & ~self.future)
            base, usable, _ = self._scaled
            plain = self._quantities.plain[at]
            parts.append((self.lists.rows[at], self.when.at(at), base[at], usable[at], plain))
            sources.append((self._quantities, at))
        if not parts:
            nothing = np.zeros(0, np.int32)
            no = np.zeros(0, np.bool_)
            return Values(nothing, Days(nothing, nothing), np.zeros(0), no, no, lambda _: None)

        def quantity(entry: int) -> Quantity | None:
            for source, at in sources:
                if entry < len(at):
                    return source.at(int(at[entry]))
                entry -= len(at)
            return None

        return Values(
            np.concatenate([p[0] for p in parts]),
            Days(np.concatenate([p[1].first for p in parts]), np.concatenate([p[1].last for p in parts])),
            np.concatenate([p[2] for p in parts]),
            np.concatenate([p[3] for p in parts]),
            np.concatenate([p[4] for p in parts]),
            quantity,
        )

    def latest(self, concept: str) -> Latest:
        """The latest value of a concept, as `caveat.facts.observed.latest` chooses it."""
        if concept not in self._latest:
            self._latest[concept] = self._find(concept)
        return self._latest[concept]

    def _find(self, concept: str) -> Latest:
        import numpy as np

        count = self.batch.num_rows
        values = self.values(concept)
        rows = values.rows
        state = np.zeros(count, np.int8)
        entry = np.full(count, -1, np.int64)
        entry[rows[::-1]] = np.arange(len(rows) - 1, -1, -1)
        times = np.bincount(rows, minlength=count) if len(rows) else np.zeros(count, np.int64)
        several = np.zeros(count, np.bool_)
        vague = np.zeros(count, np.bool_)
        low, high = values.base, values.base
        if (times > 1).any():
            newest = np.zeros(count, np.int32)
            np.maximum.at(newest, rows, values.when.last)
            vague[rows[~values.when.exact]] = True
            vague &= times > 1
            chosen = np.flatnonzero(values.when.last == newest[rows])
            entry[rows[chosen[::-1]]] = chosen[::-1]
            again = chosen[entry[rows[chosen]] != chosen]
            if len(again):
                several[rows[again]] = True
                # values of one day that differ make a span; one without a number leaves it open
                tied = chosen[several[rows[chosen]]]
                vague[rows[tied[~(values.plain[tied] & values.usable[tied])]]] = True
                low, high = low.copy(), high.copy()
                kept = entry[rows[tied]]
                with np.errstate(invalid="ignore"):
                    np.minimum.at(low, kept, values.base[tied])
                    np.maximum.at(high, kept, values.base[tied])
        held = entry >= 0
        at = entry[held]
        state[held] = np.where(values.usable[at], VALUE, NO_VALUE)
        state[vague] = HARD
        least, most = np.full(count, np.nan), np.full(count, np.nan)
        least[held], most[held] = low[at], high[at]
        plain = np.zeros(count, np.bool_)
        plain[held] = values.plain[at]
        first, last = np.full(count, NONE, np.int32), np.full(count, NONE, np.int32)
        first[held], last[held] = values.when.first[at], values.when.last[at]
        return Latest(state, least, most, Days(first, last), plain, several, entry, values)


class Quantities:
    """A column of quantities."""

    def __init__(self, column: Any) -> None:
        self.value, self.upper = floats(field(column, "value")), floats(field(column, "upper"))
        self.unit, self.comparator = words(field(column, "unit")), words(field(column, "comparator"))

    @cached_property
    def plain(self) -> Bools:
        """Where there is one number and no comparator."""
        import numpy as np

        found: Bools = (self.comparator.codes < 0) & np.isnan(self.upper) & ~np.isnan(self.value)
        return found

    def at(self, place: int) -> Quantity | None:
        """One of them as recorded."""
        value, upper = float(self.value[place]), float(self.upper[place])
        if value != value:
            return None
        unit = self.unit.values[int(self.unit.codes[place])].as_py() if self.unit.codes[place] >= 0 else ""
        comparator = None
        if self.comparator.codes[place] >= 0:
            comparator = self.comparator.values[int(self.comparator.codes[place])].as_py()
        return Quantity(_decimal(value), unit, comparator, None if upper != upper else _decimal(upper))


def _decimal(value: float) -> Decimal:
    return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))


def _scaled(scales: list[Scale], codes: Any, quantities: Quantities) -> tuple[Floats, Bools, Bools]:
    import numpy as np

    slope = np.array([s.slope for s in scales])[codes]
    offset = np.array([s.offset for s in scales])[codes]
    fits = np.array([s.fits for s in scales], np.bool_)[codes]
    low = np.array([s.plausible[0] for s in scales])[codes]
    high = np.array([s.plausible[1] for s in scales])[codes]
    base = quantities.value * slope + offset
    usable = fits & ~np.isnan(quantities.value)
    odd = usable & ~((base > low) & (base < high))
    if not quantities.plain.all():
        upper = quantities.upper * slope + offset
        ranged = ~np.isnan(upper)
        odd |= usable & ranged & ~((upper > low) & (upper < high))
    return base, usable, odd
