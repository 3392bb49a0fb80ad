"""Drawing the conditions, allergies and observations of a block of patients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.cohort.catalogue import Named, catalogue
from benchmarks.cohort.draw import (
    TODAY_NUMBER,
    Bools,
    Codes,
    Floats,
    Ints,
    Table,
    Words,
    booleans,
    chance,
    dates,
    lists,
    numbers,
    struct,
    take,
    texts,
)
from benchmarks.cohort.settings import Shares
from caveat.columns import schema

_STATUSES = Words(("active", 66), ("resolved", 11), ("inactive", 4), ("remission", 2), (None, 17))
_VERIFIED = Words(
    ("confirmed", 58),
    (None, 36),
    ("provisional", 3),
    ("unconfirmed", 1),
    ("refuted", 1),
    ("entered-in-error", 1),
)
_KINDS = Words(("allergy", 60), ("intolerance", 15), (None, 25))
_ALLERGY_STATUSES = Words(("active", 70), ("inactive", 4), ("resolved", 3), (None, 23))
_SEVERITIES = Words((None, 60), ("mild", 15), ("moderate", 15), ("severe", 10))
_CRITICALITIES = Words((None, 70), ("low", 15), ("high", 12), ("unable-to-assess", 3))
_SOURCES = Words((None, 60), ("Observation/1", 40))


class Lab(NamedTuple):
    """One thing that is measured: codes, mean, spread, floor, decimals, unit and the other unit in use."""

    concept: str
    loinc: str
    text: str
    mean: float
    spread: float
    floor: float
    digits: int
    unit: str
    often: float
    other: str | None = None
    factor: float = 1
    other_digits: int = 0


LABS = (
    Lab("serum_creatinine", "2160-0", "creatinine", 1.0, 0.35, 0.3, 2, "mg/dL", 0.75, "umol/L", 88.4),
    Lab("serum_creatinine", "2160-0", "creatinine", 1.0, 0.35, 0.3, 2, "mg/dL", 0.35, "umol/L", 88.4),
    Lab("weight", "29463-7", "weight", 76, 16, 35, 1, "kg", 0.8, "[lb_av]", 2.20462, 1),
    Lab("height", "8302-2", "height", 169, 10, 140, 0, "cm", 0.65, "m", 0.01, 2),
    Lab("egfr", "33914-3", "gfr", 75, 22, 6, 0, "mL/min/{1.73_m2}", 0.5),
    Lab("potassium", "2823-3", "potassium", 4.3, 0.5, 2.5, 1, "mmol/L", 0.7),
    Lab("sodium", "2951-2", "sodium", 139, 3.5, 118, 0, "mmol/L", 0.7, "meq/L"),
    Lab("bilirubin_total", "1975-2", "bilirubin", 0.7, 0.4, 0.1, 1, "mg/dL", 0.4, "umol/L", 17.1),
    Lab("albumin", "1751-7", "albumin", 4.1, 0.45, 1.8, 1, "g/dL", 0.4, "g/L", 10),
    Lab("inr", "6301-6", "inr", 1.15, 0.35, 0.8, 1, "1", 0.25),
    Lab("alt", "1742-6", "alt", 28, 16, 5, 0, "U/L", 0.45),
    Lab("ast", "1920-8", "ast", 27, 14, 5, 0, "U/L", 0.4),
    Lab("systolic_blood_pressure", "8480-6", "systolic blood pressure", 131, 17, 70, 0, "mm[Hg]", 0.7),
    Lab("heart_rate", "8867-4", "heart rate", 76, 12, 35, 0, "/min", 0.6),
    Lab("qtc_interval", "8636-3", "qtc", 425, 28, 340, 0, "ms", 0.1),
    # not bound to any concept
    Lab("haemoglobin", "718-7", "haemoglobin", 13.4, 1.6, 6, 1, "g/dL", 0.6),
    Lab("hba1c", "4548-4", "hba1c", 6.1, 1.1, 4, 1, "%", 0.3),
)
_OLD = 1
"""The place of the second, older creatinine."""
_ODD_UNITS = ("", "units", "mg%")


class _Drawn:
    """Named things as columns."""

    def __init__(self, named: Sequence[Named]) -> None:
        self.codes = Codes(schema.code(), [one.codes for one in named])
        self.texts = texts([one.text for one in named])
        self.table = Table([one.weight for one in named])


@cache
def _named(shares: Shares, which: str) -> _Drawn:
    """The conditions or allergens of the catalogue; the last ones are not recognised."""
    found = catalogue(shares)
    if which == "conditions":
        return _Drawn(_with(found.conditions, found.unknown_conditions, shares.condition_unrecognised))
    known = _with(found.allergens, found.unknown_allergens, shares.allergy_unrecognised)
    return _Drawn([*known, *(Named(one.codes, one.text, 0) for one in found.none_known)])


def _with(known: Sequence[Named], unknown: Sequence[Named], share: float) -> list[Named]:
    whole = sum(one.weight for one in known) * share / (1 - share)
    return [*known, *(Named(one.codes, one.text, whole / len(unknown)) for one in unknown)]


def conditions(random: np.random.Generator, count: int, shares: Shares, known: Bools) -> pa.Array:
    """A list of conditions for each patient."""
    drawn = _named(shares, "conditions")
    counts = np.minimum(random.poisson(random.gamma(1.5, shares.conditions_mean / 1.5, count)), 20)
    how_many = np.where(known, counts, 0).astype(np.int32)
    total = int(how_many.sum())
    place = drawn.table.draw(random, total)
    onset = TODAY_NUMBER - (random.random(total) ** 2 * 9000).astype(np.int32) - 1
    return lists(
        how_many,
        struct(
            schema.condition(),
            total,
            codes=drawn.codes.take(place),
            text=take(drawn.texts, place),
            clinical_status=_STATUSES.draw(random, total),
            verification=_VERIFIED.draw(random, total),
            onset=dates(random, onset, shares.partial * 2, chance(random, 0.8, total)),
            recorded=dates(random, onset + 1, 0, chance(random, 0.3, total)),
        ),
        known,
    )


def allergies(random: np.random.Generator, count: int, shares: Shares, known: Bools) -> pa.Array:
    """A list of allergies for each patient; an assertion that there are none stands alone."""
    drawn = _named(shares, "allergies")
    none = chance(random, shares.allergy_none_known, count) & known
    counts = np.minimum(random.poisson(shares.allergies_mean, count), 6)
    how_many = np.where(known, np.where(none, 1, counts), 0).astype(np.int32)
    total = int(how_many.sum())
    place = drawn.table.draw(random, total)
    said = np.repeat(none, how_many)
    last = len(drawn.texts)
    place[said] = random.integers(last - 3, last, int(said.sum()), dtype=np.int32)
    recorded = TODAY_NUMBER - random.integers(1, 6000, total, dtype=np.int32)
    return lists(
        how_many,
        struct(
            schema.allergy(),
            total,
            codes=drawn.codes.take(place),
            text=take(drawn.texts, place),
            type=_KINDS.draw(random, total),
            reactions=lists(np.zeros(total, dtype=np.int32), struct(schema.coded(), 0)),
            severity=_SEVERITIES.draw(random, total),
            criticality=_CRITICALITIES.draw(random, total),
            clinical_status=_ALLERGY_STATUSES.draw(random, total),
            recorded=dates(random, recorded, shares.partial, chance(random, 0.5, total)),
        ),
        known,
    )


@cache
def _labs() -> tuple[Floats, ...]:
    columns = [(x.mean, x.spread, x.floor, x.digits, x.often, x.factor, x.other_digits) for x in LABS]
    return tuple(np.array(column, dtype=np.float64) for column in zip(*columns, strict=True))


@cache
def _lab_texts() -> tuple[Codes, pa.Array, pa.Array, pa.Array, Ints]:
    """Codes (the last list is empty), concepts, texts, units, and the other unit of each lab (-1: none)."""
    codes = [(("loinc", lab.loinc, None),) for lab in LABS]
    units = list(dict.fromkeys(unit for lab in LABS for unit in (lab.unit, lab.other) if unit is not None))
    others = [units.index(lab.other) if lab.other is not None else -1 for lab in LABS]
    mine = [units.index(lab.unit) for lab in LABS]
    return (
        Codes(schema.code(), [*codes, ()]),
        texts([lab.concept for lab in LABS]),
        texts([lab.text for lab in LABS]),
        texts([*units, *_ODD_UNITS]),
        np.array([mine, others, [len(units)] * len(LABS)], dtype=np.int32),
    )


def observations(random: np.random.Generator, count: int, shares: Shares, known: Bools) -> pa.Array:
    """A list of observations for each patient: laboratory values, weight, height and signs."""
    mean, spread, floor, digits, often, factor, other_digits = _labs()
    codes, concepts, words, units, unit_of = _lab_texts()
    there = random.random((count, len(LABS)), dtype=np.float32) < often
    there &= known[:, None]
    lab = np.nonzero(there)[1].astype(np.int32)
    total = len(lab)
    values = np.maximum(mean[lab] + spread[lab] * random.standard_normal(total, dtype=np.float32), floor[lab])
    # a long tail to the right, as creatinine, bilirubin and INR have
    tail = chance(random, 0.04, total) & np.isin(lab, (0, 1, 7, 9))
    values[tail] *= 1 + 3 * random.random(int(tail.sum()))
    other = chance(random, shares.other_unit, total) & (unit_of[1][lab] >= 0)
    values[other] *= factor[lab[other]]
    scale = 10.0 ** np.where(other, other_digits[lab], digits[lab])
    values = np.round(values * scale) / scale
    unit = np.where(other, unit_of[1][lab], unit_of[0][lab])
    odd = np.flatnonzero(chance(random, shares.odd_unit, total))
    unit[odd] = unit_of[2][0] + random.integers(0, len(_ODD_UNITS), len(odd), dtype=np.int32)
    old = chance(random, shares.stale, total) | (lab == _OLD)
    ago = np.where(old, 91 + random.random(total) ** 2 * 1400, random.random(total) * 90).astype(np.int32)
    drawn = random.random(total, dtype=np.float32)
    valued = drawn >= shares.no_value
    named = (drawn > 0.95) & (drawn <= 0.98)
    worded = drawn > 0.98
    place = np.where(named | worded, np.int32(len(LABS)), lab)
    return lists(
        there.sum(axis=1, dtype=np.int32),
        struct(
            schema.observation(),
            total,
            concept=take(concepts, lab, named & (lab < len(LABS) - 2)),
            codes=codes.take(place),
            text=take(words, lab, worded | named),
            value=_values(random, values, take(units, unit), valued, shares),
            answer=_answers(random, total, ~valued),
            at=dates(random, TODAY_NUMBER - ago, shares.partial, ~chance(random, shares.undated, total)),
            preliminary=booleans(chance(random, shares.preliminary, total)),
            source=_SOURCES.draw(random, total),
        ),
        known,
    )


def _values(
    random: np.random.Generator, values: Floats, units: pa.Array, valid: Bools, shares: Shares
) -> pa.Array:
    count = len(values)
    drawn = random.random(count, dtype=np.float32)
    compared = drawn < shares.comparator
    upper = drawn > 1 - shares.range
    signs = texts(["<", "<=", ">", ">="])
    sign = random.integers(0, 4, count, dtype=np.int32)
    return struct(
        schema.quantity(),
        count,
        valid,
        value=numbers(values),
        unit=units,
        comparator=take(signs, sign, compared),
        upper=numbers(values * 1.2, upper),
    )


def _answers(random: np.random.Generator, count: int, there: Bools) -> pa.Array:
    said = Words(("haemolysed", 1), ("not done", 1)).draw(random, count)
    no_codes = lists(np.zeros(count, dtype=np.int32), struct(schema.code(), 0))
    return struct(schema.coded(), count, there & chance(random, 0.5, count), codes=no_codes, text=said)
