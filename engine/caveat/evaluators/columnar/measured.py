"""Measured and stated values of a batch: the latest of a concept, and what is odd about any of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.dates import parse_when
from caveat.evaluators.columnar.arrays import combined, field, lists, valid, words
from caveat.evaluators.columnar.days import NONE, Days, days
from caveat.evaluators.columnar.orders import Coded
from caveat.evaluators.columnar.quantities import Quantities
from caveat.evaluators.columnar.scales import Scale, Scales, odd_values, scaled
from caveat.facts.observed import STATED
from caveat.facts.values import Quantity
from caveat.intervals import Interval, hull

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Floats, Ints, Longs

ABSENT, VALUE, NO_VALUE, HARD = 0, 1, 2, 3
"""State of a latest value: none recorded, a value, recorded without a usable value, to be judged alone."""


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one concept, an entry each; `plain` where there is one number and no comparator."""

    rows: Ints
    when: Days
    base: Floats
    usable: Bools
    plain: Bools
    upper: Floats
    """The other end of a range in base units, NaN where there is none."""
    sign: Any
    """-1 for `<` and `<=`, 1 for `>` and `>=`, 0 without a comparator."""
    quantity: Any
    """`quantity(i)` is entry i as it was recorded."""
    instant: Any
    """`instant(i)` is the time of entry i in POSIX seconds, None where it has none."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest value of a concept, a patient each.

    `state` is one of ABSENT, VALUE, NO_VALUE, HARD. `entry` is the place in `values` (-1 for none);
    `low` and `high` the number in base units, which differ for several values of one day and for
    comparators and ranges; `plain` where it is one number, `spanned` where the two ends say enough.
    `when` is its date. `recorded` says whether there is any entry.
    """

    state: Any
    low: Floats
    high: Floats
    when: Days
    plain: Bools
    spanned: Bools
    several: Bools
    entry: Longs
    values: Values
    tied: Longs
    """Entries of patients with several that may be the latest."""

    def candidates(self, row: int) -> list[Quantity | None]:
        """The values of a patient that may be the latest, as recorded."""
        places = [int(self.entry[row])]
        if self.several[row]:
            places = self.tied[self.values.rows[self.tied] == row].tolist()
        return [self.values.quantity(place) for place in places]

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
        self._exact: dict[str, dict[int, Interval | None]] = {}

    @cached_property
    def _named(self) -> Any:
        name, text = words(field(self.items, "concept")), words(field(self.items, "text"))
        coded = Coded(field(self.items, "codes"))
        found = combined(
            self.lists.count, (name.codes, name.width), (coded.codes, coded.width), (text.codes, text.width)
        )
        names, texts = name.texts(), text.texts()
        first = found.first
        keys = zip(
            [names[code] for code in name.codes[first].tolist()],
            coded.at(first),
            [texts[code] for code in text.codes[first].tolist()],
            strict=True,
        )
        concepts = [self.scales.concept(key) for key in keys]
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
    def _pairs(self) -> tuple[Any, list[Scale]]:
        """Concept and unit of each observation as a code, and the scale of each pair."""
        codes, known = self.concepts
        quantities = self._quantities
        pairs = combined(len(codes), (codes, len(known) + 1), (quantities.unit.codes, quantities.unit.width))
        units = quantities.unit.texts()
        scales = []
        for place in pairs.first.tolist():
            concept, unit = codes[place], units[quantities.unit.codes[place]]
            scales.append(Scale(False) if concept < 0 else self.scales.scale(known[concept], unit or ""))
        return pairs.codes, scales

    @cached_property
    def _scaled(self) -> tuple[Floats, Bools]:
        """Numbers in base units, and which of them are usable."""
        import numpy as np

        codes, scales = self._pairs
        return scaled(scales, codes, self._quantities) if len(codes) else (np.zeros(0), np.zeros(0, np.bool_))

    @cached_property
    def odd(self) -> tuple[Bools, Bools]:
        """Bound observations, not of the future, that are unlikely or worse; and those of no known fact."""
        import numpy as np

        codes, known = self.concepts
        strange = np.array([not self.scales.is_fact(c) for c in known] + [False], np.bool_)[codes]
        pairs, scales = self._pairs
        if not len(pairs):
            return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        found: Bools = odd_values(scales, pairs, self._quantities) & ~self.future & (codes >= 0)
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
            base, usable = scaled(scales, codes, quantities)
            odd = odd_values(scales, codes, quantities)
            found[name] = (quantities, held, Days.of(today, last), base, usable & held, odd & held)
        return found

    @cached_property
    def _by_concept(self) -> tuple[Any, Any]:
        """The observations that are bound and not of the future, by concept; where each concept begins."""
        import numpy as np

        codes, known = self.concepts
        used = np.flatnonzero((codes >= 0) & ~self.future)
        chosen = codes[used]
        order = np.argsort(chosen.astype(np.uint16) if len(known) < 1 << 16 else chosen, kind="stable")
        return used[order], np.searchsorted(chosen[order], np.arange(len(known) + 1))

    def values(self, concept: str) -> Values:
        """Every value of a concept that is not of the future, stated ones first."""
        import numpy as np

        known = self.concepts[1]
        parts: list[tuple[Ints, Days, Floats, Bools, Bools, Floats, Any]] = []
        sources: list[tuple[Quantities, Any, Longs]] = []
        if concept in self.stated:
            quantities, held, when, base, usable, _ = self.stated[concept]
            at = np.flatnonzero(held)
            upper, sign = self._ends(concept, quantities, at)
            plain = quantities.plain[at]
            parts.append((at.astype(np.int32), when.at(at), base[at], usable[at], plain, upper, sign))
            sources.append((quantities, field(self.batch.column(concept), "at"), at))
        if concept in known:
            order, bounds = self._by_concept
            number = known.index(concept)
            at = order[bounds[number] : bounds[number + 1]]
            base, usable = self._scaled
            plain = self._quantities.plain[at]
            upper, sign = self._ends(concept, self._quantities, at)
            parts.append((self.lists.rows[at], self.when.at(at), base[at], usable[at], plain, upper, sign))
            sources.append((self._quantities, field(self.items, "at"), at))
        if not parts:
            nothing = np.zeros(0, np.int32)
            no = np.zeros(0, np.bool_)
            none = np.zeros(0)
            return Values(nothing, Days.of(nothing, nothing), none, no, no, none, nothing, _never, _never)

        def found(entry: int) -> tuple[Quantities, Any, int]:
            for source, dates, at in sources:
                if entry < len(at):
                    return source, dates, int(at[entry])
                entry -= len(at)
            raise IndexError(entry)

        def quantity(entry: int) -> Quantity | None:
            source, _, place = found(entry)
            return source.at(place)

        def instant(entry: int) -> float | None:
            _, dates, place = found(entry)
            text = dates[place].as_py()
            return None if text is None else parse_when(text).instant

        return Values(
            np.concatenate([p[0] for p in parts]),
            Days.of(np.concatenate([p[1].first for p in parts]), np.concatenate([p[1].last for p in parts])),
            np.concatenate([p[2] for p in parts]),
            np.concatenate([p[3] for p in parts]),
            np.concatenate([p[4] for p in parts]),
            np.concatenate([p[5] for p in parts]),
            np.concatenate([p[6] for p in parts]),
            quantity,
            instant,
        )

    def _ends(self, concept: str, quantities: Quantities, at: Longs) -> tuple[Floats, Any]:
        """The upper ends of some quantities in base units, and which way their comparators point."""
        import numpy as np

        upper, codes = quantities.upper[at], quantities.unit.codes[at]
        some = np.flatnonzero(~np.isnan(upper))
        if len(some):
            scales = [self.scales.scale(concept, unit or "") for unit in quantities.unit.texts()]
            slope, offset = (np.array([getattr(s, end) for s in scales]) for end in ("slope", "offset"))
            upper[some] = upper[some] * slope[codes[some]] + offset[codes[some]]
        signs = [
            0 if text is None else -1 if text.startswith("<") else 1 for text in quantities.comparator.texts()
        ]
        return upper, np.array(signs, np.int8)[quantities.comparator.codes[at]]

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
        low, high, simple = self._spans(values)
        tied = np.zeros(0, np.int64)
        if len(rows) and times.max() > 1:
            chosen = self._candidates(values, count)
            entry[rows[chosen[::-1]]] = chosen[::-1]
            again = chosen[entry[rows[chosen]] != chosen]
            several[rows[again]] = True
            tied = chosen[several[rows[chosen]]]
        held = np.flatnonzero(entry >= 0)
        at = entry[held]

        def spread(values: Any, empty: Any, kind: Any) -> Any:
            found = np.full(count, empty, kind)
            found[held] = values[at]
            return found

        usable = spread(values.usable, False, np.bool_)
        number, ranged = spread(values.plain, False, np.bool_), spread(simple, False, np.bool_)
        least, most = spread(low, np.nan, np.float64), spread(high, np.nan, np.float64)
        begin, end = spread(values.when.first, NONE, np.int32), spread(values.when.last, NONE, np.int32)
        if len(tied):
            # several candidates make a span; one that cannot be used leaves it unknown
            whose, unusable = rows[tied], ~values.usable[tied]
            with np.errstate(invalid="ignore"):
                np.minimum.at(least, whose, low[tied])
                np.maximum.at(most, whose, high[tied])
            np.minimum.at(begin, whose, values.when.first[tied])
            np.maximum.at(end, whose, values.when.last[tied])
            np.logical_and.at(usable, whose, ~unusable)
            np.logical_and.at(number, whose, values.plain[tied] | unusable)
            np.logical_and.at(ranged, whose, simple[tied] | unusable)
        state[held] = np.where(usable[held], VALUE, NO_VALUE)
        state[several & (state == VALUE) & ~ranged] = HARD
        return Latest(state, least, most, Days.of(begin, end), number, ranged, several, entry, values, tied)

    def exact(self, concept: str, rows: Any) -> list[Interval | None]:
        """The latest values of some patients as `exactly` has each."""
        memo = self._exact.setdefault(concept, {})
        found = []
        for row in rows.tolist():
            if row not in memo:
                memo[row] = self.exactly(concept, row)
            found.append(memo[row])
        return found

    def exactly(self, concept: str, row: int) -> Interval | None:
        """The latest value of a patient in base units; None where one that may be it cannot be used."""
        found: Interval | None = None
        for quantity in self.latest(concept).candidates(row):
            held = None if quantity is None else self.scales.interval(concept, quantity)
            if held is None:
                return None
            found = held if found is None else hull(found, held)
        return found

    def _spans(self, values: Values) -> tuple[Floats, Floats, Bools]:
        """Both ends of each value in base units, NaN for open above; and where they say enough.

        An end that is not itself included is told from one that is by comparing exactly near a bound.
        """
        import numpy as np

        odd = np.flatnonzero(values.usable & ~values.plain)
        if not len(odd):
            return values.base, values.base, values.plain
        low, high, simple = values.base.copy(), values.base.copy(), values.plain.copy()
        base, upper, sign = values.base[odd], values.upper[odd], values.sign[odd]
        ranged = ~np.isnan(upper)
        under = ~ranged & (sign < 0)
        # what has no lower end but 0 is told from what has none at all
        low[odd] = np.where(ranged, np.fmin(base, upper), np.where(under, 0.0, base))
        high[odd] = np.where(ranged, np.fmax(base, upper), np.where(under, base, np.nan))
        simple[odd] = ~under | (base >= 0)
        return low, high, simple

    def _candidates(self, values: Values, count: int) -> Longs:
        """The entries that may be the latest one of their patient, in order."""
        import numpy as np

        rows, when = values.rows, values.when
        newest = np.zeros(count, np.int32)
        np.maximum.at(newest, rows, when.first)
        found = np.flatnonzero(~when.known | (when.last >= newest[rows]))
        times = np.bincount(rows[found], minlength=count)
        timed = found[(times[rows[found]] > 1) & when.exact[found]]
        if not len(timed):
            return found
        # values of one day that all have a time: the last of them
        instants = [values.instant(place) for place in timed.tolist()]
        own = np.full(len(rows), np.nan)
        own[timed] = [np.nan if instant is None else instant for instant in instants]
        some = timed[~np.isnan(own[timed])]
        whole = np.bincount(rows[some], minlength=count)
        last = np.full(count, -np.inf)
        np.maximum.at(last, rows[some], own[some])
        settled = (whole == times)[rows[found]] & (times[rows[found]] > 1)
        own = own[found]
        kept: Longs = found[~settled | (own == last[rows[found]])]
        return kept


def _never(entry: int) -> None:
    """Nothing is recorded."""
