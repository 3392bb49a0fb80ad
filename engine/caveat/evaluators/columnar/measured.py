"""Measured and stated values of a batch: the latest of a concept, and what is odd about any of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.dates import parse_when
from caveat.evaluators.columnar.arrays import combined, field, lists, valid, words
from caveat.evaluators.columnar.days import NONE, Days, days
from caveat.evaluators.columnar.orders import Coded
from caveat.evaluators.columnar.scales import Quantities, Scale, Scales, odd_values, scaled
from caveat.facts.observed import STATED
from caveat.facts.values import Quantity

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

    def values(self, concept: str) -> Values:
        """Every value of a concept that is not of the future, stated ones first."""
        import numpy as np

        codes, known = self.concepts
        parts: list[tuple[Ints, Days, Floats, Bools, Bools]] = []
        sources: list[tuple[Quantities, Any, Longs]] = []
        if concept in self.stated:
            quantities, held, when, base, usable, _ = self.stated[concept]
            at = np.flatnonzero(held)
            parts.append((at.astype(np.int32), when.at(at), base[at], usable[at], quantities.plain[at]))
            sources.append((quantities, field(self.batch.column(concept), "at"), at))
        if concept in known:
            at = np.flatnonzero((codes == known.index(concept)) & ~self.future)
            base, usable = self._scaled
            plain = self._quantities.plain[at]
            parts.append((self.lists.rows[at], self.when.at(at), base[at], usable[at], plain))
            sources.append((self._quantities, field(self.items, "at"), at))
        if not parts:
            nothing = np.zeros(0, np.int32)
            no = np.zeros(0, np.bool_)
            return Values(nothing, Days.of(nothing, nothing), np.zeros(0), no, no, _never, _never)

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
            quantity,
            instant,
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
        low, high, simple = self._spans(concept, values)
        first, last = values.when.first, values.when.last
        usable, plain, spanned = values.usable, values.plain, simple
        if (times > 1).any():
            chosen = self._candidates(values, count)
            entry[rows[chosen[::-1]]] = chosen[::-1]
            again = chosen[entry[rows[chosen]] != chosen]
            several[rows[again]] = True
            # several candidates make a span; one that cannot be used leaves it unknown
            tied = chosen[several[rows[chosen]]]
            kept = entry[rows[tied]]
            low, high, first, last = low.copy(), high.copy(), first.copy(), last.copy()
            usable, plain, spanned = usable.copy(), plain.copy(), spanned.copy()
            least, most = low[tied], high[tied]
            with np.errstate(invalid="ignore"):
                np.minimum.at(low, kept, least)
                np.maximum.at(high, kept, most)
            np.logical_and.at(spanned, kept, simple[tied] | ~values.usable[tied])
            np.minimum.at(first, kept, values.when.first[tied])
            np.maximum.at(last, kept, values.when.last[tied])
            np.logical_and.at(usable, kept, values.usable[tied])
            np.logical_and.at(plain, kept, values.plain[tied] | ~values.usable[tied])
        held = entry >= 0
        at = entry[held]
        state[held] = np.where(usable[at], VALUE, NO_VALUE)
        state[several & (state == VALUE) & ~_spread(spanned, at, held)] = HARD
        least, most = np.full(count, np.nan), np.full(count, np.nan)
        least[held], most[held] = low[at], high[at]
        number, ranged = _spread(plain, at, held), _spread(spanned, at, held)
        begin, end = np.full(count, NONE, np.int32), np.full(count, NONE, np.int32)
        begin[held], end[held] = first[at], last[at]
        return Latest(state, least, most, Days.of(begin, end), number, ranged, several, entry, values)

    def _spans(self, concept: str, values: Values) -> tuple[Floats, Floats, Bools]:
        """Both ends of each value in base units, NaN for open above; and where they say enough.

        An end that is not itself included is told from one that is by comparing exactly near a bound.
        """
        import numpy as np

        odd = np.flatnonzero(values.usable & ~values.plain).tolist()
        if not odd:
            return values.base, values.base, values.plain
        low, high, simple = values.base.copy(), values.base.copy(), values.plain.copy()
        for place in odd:
            interval = self.scales.interval(concept, values.quantity(place))
            if interval is None or interval.low is None:
                continue
            low[place] = float(interval.low)
            high[place] = np.nan if interval.high is None else float(interval.high)
            simple[place] = True
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
        instants = {place: values.instant(int(place)) for place in timed.tolist()}
        whole = np.zeros(count, np.int64)
        last = np.full(count, -np.inf)
        for place, instant in instants.items():
            if instant is not None:
                whole[rows[place]] += 1
                last[rows[place]] = max(last[rows[place]], instant)
        settled = (whole == times)[rows[found]] & (times[rows[found]] > 1)
        own = np.array([instants.get(place) or np.nan for place in found.tolist()], np.float64)
        kept: Longs = found[~settled | (own == last[rows[found]])]
        return kept


def _spread(flags: Bools, at: Any, held: Bools) -> Bools:
    import numpy as np

    found = np.zeros(len(held), np.bool_)
    found[held] = flags[at]
    return found


def _never(entry: int) -> None:
    """Nothing is recorded."""
