"""Drawing the orders of a block of patients."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from benchmarks.cohort.catalogue import all_products, catalogue
from benchmarks.cohort.draw import (
    TODAY_NUMBER,
    Bools,
    Codes,
    Ints,
    Table,
    Words,
    booleans,
    chance,
    dates,
    lists,
    numbers,
    offsets_of,
    spread,
    steps,
    struct,
    take,
    texts,
)
from benchmarks.cohort.settings import Shares
from caveat.columns import schema

_CURRENT = Words(("active", 88), ("on-hold", 2), ("proposed", 4), ("unknown", 2), (None, 4))
_ENDED = Words(("completed", 55), ("stopped", 36), ("cancelled", 6), ("entered-in-error", 3))
_ORIGINS = Words(("order", 78), ("statement", 16), ("dispense", 3), ("administration", 1), (None, 2))
_SOURCES = Words((None, 60), ("MedicationRequest/1", 40))
_PURPOSES = Words((None, 96), ("treatment", 4))
_PUMP_PURPOSES = Words((None, 60), ("treatment", 30), ("test", 10))
_REASONS = Words(("spasticity", 4), ("pain", 3), ("hypertension", 3), ("alcohol use disorder", 1))
_UNITS = texts(["mg", "ug", "mg/d", "ug/d", "/d", "{tbl}"])
_MG, _UG, _MG_A_DAY, _UG_A_DAY, _A_DAY, _TABLETS = range(6)
_MULTIPLES = np.array([0.5, 1, 1, 1, 1, 2, 2, 3], dtype=np.float64)
_A_DAY_DRAWN = np.array([1, 1, 1, 1, 2, 2, 3, 4], dtype=np.float64)
_BACLOFEN_MG = np.array([5, 5, 10, 10, 10, 20, 20, 25], dtype=np.float64)


class _Products:
    """The products of a catalogue as columns, and tables to draw them by."""

    def __init__(self, shares: Shares) -> None:
        found = catalogue(shares)
        every = list(all_products(found))
        places = {text: n for n, text in enumerate(sorted({p.form or "" for p in every}))}
        routes = {text: n for n, text in enumerate(sorted({p.route or "" for p in every}))}
        self.texts = texts([p.text for p in every])
        self.codes = Codes(schema.code(), [p.codes for p in every])
        self.named_counts = np.array([len(p.named or ()) for p in every], dtype=np.int32)
        self.named = texts([name for p in every for name in p.named or ()])
        self.named_starts = offsets_of(self.named_counts)[:-1]
        self.forms = texts([text or None for text in places])
        self.form = np.array([places[p.form or ""] for p in every], dtype=np.int32)
        self.routes = texts([text or None for text in routes])
        self.route = np.array([routes[p.route or ""] for p in every], dtype=np.int32)
        self.strength = np.array([p.strength for p in every], dtype=np.float64)
        # of an ingredient: 16 steps, each held by one of its products
        self.of = np.empty((len(found.singles), 16), dtype=np.int32)
        first = 0
        for rank, group in enumerate(found.singles):
            weights = [n for n, p in enumerate(group) for _ in range(p.weight)]
            self.of[rank] = first + np.resize(weights, 16)
            first += len(group)
        ranks = np.arange(1, len(found.singles) + 1, dtype=np.float64)
        self.ranks = Table((ranks + shares.offset) ** -shares.exponent)
        self.groups = []
        for group in (found.combinations, found.unrecognised, found.oral, found.pump):
            self.groups.append((first, Table([p.weight for p in group])))
            first += len(group)

    def group(self, number: int, random: np.random.Generator, count: int) -> Ints:
        """Products of the combinations (0), the unrecognised (1), oral (2) or intrathecal (3) baclofen."""
        first, table = self.groups[number]
        return first + table.draw(random, count)


@cache
def products(shares: Shares) -> _Products:
    """The products of the catalogue."""
    return _Products(shares)


@cache
def _ids() -> pa.Array:
    return texts([f"o{n}" for n in range(64)])


def orders(random: np.random.Generator, count: int, shares: Shares, known: Bools) -> pa.Array:
    """A list of orders for each patient, the current ones first; null where `known` is False."""
    catalogued = products(shares)
    current, ended, takes = _counts(random, count, shares, known)
    counts = current + ended
    total = int(counts.sum())
    offsets = offsets_of(counts)[:-1]
    place = spread(np.zeros(count, dtype=np.int32), counts)
    patient = np.repeat(np.arange(count, dtype=np.int32), counts)
    over = place >= current[patient]
    product = _chosen(random, catalogued, patient, place, shares)
    baclofen, pump = _baclofen(random, catalogued, product, (current, ended, takes, offsets), shares)
    return lists(
        counts, _columns(random, catalogued, shares, total, (product, place, over, baclofen, pump)), known
    )


def _counts(
    random: np.random.Generator, count: int, shares: Shares, known: Bools
) -> tuple[Ints, Ints, Bools]:
    """Current and ended orders of each patient, and who takes baclofen."""
    mean, shape = shares.orders_mean, shares.orders_shape
    current = random.negative_binomial(shape, shape / (shape + mean), count).astype(np.int32)
    np.minimum(current, shares.orders_most, out=current)
    ended = random.geometric(1 / (1 + shares.ended_mean), count).astype(np.int32) - 1
    np.minimum(ended, shares.ended_most, out=ended)
    takes = chance(random, shares.baclofen, count) & known
    np.maximum(current, takes.astype(np.int32), out=current)
    current[~known] = 0
    ended[~known] = 0
    return current, ended, takes


def _chosen(
    random: np.random.Generator, catalogued: _Products, patient: Ints, place: Ints, shares: Shares
) -> Ints:
    """A product for each order. An ingredient that a patient already has is drawn once more."""
    total = len(patient)
    rank = catalogued.ranks.draw(random, total)
    keys = (patient.astype(np.int64) << 20) | (rank.astype(np.int64) << 6) | place
    keys.sort()
    same = np.flatnonzero((keys[1:] >> 6) == (keys[:-1] >> 6)) + 1
    again = keys[same]
    first = np.searchsorted(patient, again >> 20)
    rank[first + (again & 63)] = catalogued.ranks.draw(random, len(same))
    product: Ints = catalogued.of[rank, steps(random, total) & 15]
    drawn = random.random(total, dtype=np.float32)
    mixed = np.flatnonzero(drawn < shares.combination)
    product[mixed] = catalogued.group(0, random, len(mixed))
    odd = np.flatnonzero(drawn > 1 - shares.unrecognised)
    product[odd] = catalogued.group(1, random, len(odd))
    return product


def _baclofen(
    random: np.random.Generator,
    catalogued: _Products,
    product: Ints,
    places: tuple[Ints, Ints, Bools, Ints],
    shares: Shares,
) -> tuple[Bools, Bools]:
    """One order of each patient who takes it becomes baclofen; which orders are, and which by pump."""
    current, ended, takes, offsets = places
    baclofen = np.zeros(len(product), dtype=np.bool_)
    pump = np.zeros(len(product), dtype=np.bool_)
    who = np.flatnonzero(takes)
    nth = (random.random(len(who)) * current[who]).astype(np.int32)
    before = np.flatnonzero(chance(random, shares.baclofen_ended, len(takes)) & (ended > 0))
    where = np.concatenate([offsets[who] + nth, offsets[before] + current[before]])
    by_pump = chance(random, shares.intrathecal, len(where))
    product[where] = catalogued.group(2, random, len(where))
    product[where[by_pump]] = catalogued.group(3, random, int(by_pump.sum()))
    baclofen[where] = True
    pump[where[by_pump]] = True
    return baclofen, pump


def _columns(
    random: np.random.Generator,
    catalogued: _Products,
    shares: Shares,
    total: int,
    drawn: tuple[Ints, Ints, Bools, Bools, Bools],
) -> pa.Array:
    product, place, over, baclofen, pump = drawn
    start = TODAY_NUMBER - (random.random(total) ** 2 * 2200).astype(np.int32) - 1
    ahead = np.flatnonzero(~over & chance(random, shares.ahead, total))
    start[ahead] = TODAY_NUMBER + random.integers(1, 60, len(ahead), dtype=np.int32)
    lasted = (random.random(total, dtype=np.float32) * 300).astype(np.int32)
    lasted += chance(random, 0.9, total) * np.int32(1)
    planned = np.maximum(start, TODAY_NUMBER) + 5 + lasted
    stop = np.where(over, np.minimum(start + lasted, TODAY_NUMBER - 1), planned)
    lately = np.flatnonzero(over & chance(random, 0.1, total))
    stop[lately] = np.maximum(start[lately], TODAY_NUMBER - random.integers(1, 15, len(lately)))
    has_start = chance(random, shares.start, total)
    has_stop = np.where(over, chance(random, 0.85, total), chance(random, shares.current_stop, total))
    starts = dates(random, start, shares.partial, has_start)
    amount = catalogued.strength[product] * _MULTIPLES[steps(random, total) & 7]
    amount[baclofen] = _BACLOFEN_MG[random.integers(0, 8, int(baclofen.sum()))]
    unit = np.where(chance(random, 0.02, total), np.int32(_UG), np.int32(_MG))
    unit[baclofen] = _MG
    amount[unit == _UG] *= 1000
    has_dose = chance(random, shares.dose, total) & ~pump
    by_count = chance(random, shares.dose_unit_odd, total) & ~baclofen
    unit[by_count] = _TABLETS
    amount[by_count] = 1
    if pump.any():
        has_dose |= pump & chance(random, 0.3, total)
        amount[pump] = 50
        unit[pump] = _UG
    often = _A_DAY_DRAWN[steps(random, total) & 7]
    often[baclofen] += 1
    as_needed = chance(random, shares.as_needed, total)
    mostly = as_needed & chance(random, shares.max_per_day, total)
    rated = pump & chance(random, 0.7, total)
    stated = chance(random, shares.stated, total) & ~pump
    form = catalogued.form[product]
    route = catalogued.route[product]
    has_route = chance(random, shares.route, total) | pump
    named = catalogued.named_counts[product]
    of_stopped = over & chance(random, 0.15, total)
    return struct(
        schema.order(),
        total,
        id=take(_ids(), place),
        text=take(catalogued.texts, product),
        codes=catalogued.codes.take(product),
        ingredients=lists(
            named, take(catalogued.named, spread(catalogued.named_starts[product], named)), named > 0
        ),
        route=take(catalogued.routes, route, has_route),
        form=take(catalogued.forms, form),
        strength=_quantity(catalogued.strength[product], np.int32(_MG), chance(random, 0.15, total)),
        dose=_quantity(amount, unit, has_dose),
        frequency=_quantity(often, np.int32(_A_DAY), chance(random, shares.frequency, total) & ~rated),
        as_needed=booleans(as_needed, as_needed | chance(random, 0.5, total)),
        max_per_day=_quantity(often * 2, np.int32(_A_DAY), mostly),
        rate=_quantity(np.full(total, 300.0), np.int32(_UG_A_DAY), rated),
        daily_dose=_quantity(amount * often, np.where(unit == _UG, _UG_A_DAY, _MG_A_DAY), stated & ~by_count),
        purpose=_purposes(random, total, pump),
        origin=_ORIGINS.draw(random, total),
        start=starts,
        stop=dates(random, stop, 0, has_stop),
        status=_merged(over, _ENDED.draw(random, total), _CURRENT.draw(random, total)),
        tapered=booleans(chance(random, 0.5, total), of_stopped),
        indication=_reasons(random, total, baclofen),
        source=_SOURCES.draw(random, total),
    )


def _quantity(values: np.ndarray, unit: Ints | np.int32, valid: Bools) -> pa.Array:
    count = len(values)
    units = np.full(count, unit, dtype=np.int32) if np.ndim(unit) == 0 else np.asarray(unit, dtype=np.int32)
    return struct(schema.quantity(), count, valid, value=numbers(values), unit=take(_UNITS, units))


def _merged(first: Bools, one: pa.Array, other: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.if_else(pa.array(first), one, other)


def _purposes(random: np.random.Generator, count: int, pump: Bools) -> pa.Array:
    if not pump.any():
        return _PURPOSES.draw(random, count)
    return _merged(pump, _PUMP_PURPOSES.draw(random, count), _PURPOSES.draw(random, count))


def _reasons(random: np.random.Generator, count: int, baclofen: Bools) -> pa.Array:
    told = chance(random, 0.05, count) | (baclofen & chance(random, 0.5, count))
    how_many = told.astype(np.int32)
    inner = int(how_many.sum())
    none = np.zeros(inner, dtype=np.int32)
    coded = struct(
        schema.coded(),
        inner,
        codes=lists(none, struct(schema.code(), 0)),
        text=_REASONS.draw(random, inner),
    )
    return lists(how_many, coded, told)
