"""What a generated cohort looks like: every share and distribution, and where it comes from.

None of these numbers is taken from a data set. They are assumptions, set so that each kind of
record that a reader or a rule has to cope with occurs often enough to be measured, and each is a
field here, so that another assumption is one argument away.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

AS_OF = "2026-01-15"
TODAY = dt.date.fromisoformat(AS_OF)
BLOCK = 16_384
"""Patients drawn from one state of the random generator: a batch of any size cuts across blocks."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of a cohort; each is a probability unless it says otherwise."""

    baclofen: float = 0.01
    """Patients with a current order for baclofen (of whom `intrathecal` by pump)."""
    intrathecal: float = 0.05
    baclofen_ended: float = 0.002
    """Patients, with an ended order, whose first ended order was for baclofen."""

    ingredients: int = 1000
    """Ingredients that are prescribed at all."""
    exponent: float = 1.05
    offset: float = 9.0
    """Zipf-Mandelbrot: the ingredient of rank r has weight 1 / (r + offset) ** exponent."""
    orders_mean: float = 8.0
    orders_shape: float = 4.0
    orders_most: int = 25
    """Current orders a patient: negative binomial of that mean and shape, cut at the most."""
    ended_mean: float = 0.9
    ended_most: int = 5
    """Ended orders a patient: geometric, cut at the most."""

    combination: float = 0.03
    """Orders of a product with several ingredients."""
    unrecognised: float = 0.005
    """Orders with a name that no table knows."""
    dose: float = 0.85
    frequency: float = 0.85
    route: float = 0.6
    """Orders that state it (a form may still imply the route)."""
    as_needed: float = 0.08
    start: float = 0.93
    current_stop: float = 0.12
    """Current orders with a planned end."""
    ahead: float = 0.03
    """Current orders that begin in the days to come."""
    max_per_day: float = 0.5
    """As-needed orders with a ceiling."""
    dose_unit_odd: float = 0.01
    """Doses counted in tablets."""
    partial: float = 0.03
    """Dates that give the year, or the year and month, alone."""

    conditions_mean: float = 3.5
    condition_unrecognised: float = 0.005
    allergies_mean: float = 0.4
    allergy_none_known: float = 0.25
    allergy_unrecognised: float = 0.01

    stale: float = 0.25
    """Measurements more than 90 days old."""
    other_unit: float = 0.3
    """Measurements in the other unit where there are two in use (mg/dL and umol/L)."""
    odd_unit: float = 0.003
    """Measurements in a unit that is not understood, or in none."""
    comparator: float = 0.01
    """Measurements with `<` or `>`."""
    range: float = 0.002
    """Measurements given as a range."""
    no_value: float = 0.004
    """Observations without a result, or with words for one."""
    undated: float = 0.01
    preliminary: float = 0.01
    stated: float = 0.02
    """Patients whose weight, and orders whose daily dose, is stated by the record."""

    no_birth_date: float = 0.005
    no_sex: float = 0.005
    no_list: float = 0.01
    """Records in which a list is not known at all, for each of the four lists."""
    closed: float = 0.3
    unknown: float = 0.05
    """Lists that are closed, or of unknown completeness; half of the others say that they are open."""
    problem: float = 0.003
    """Records with a value that the reader could not use."""


DEFAULT = Shares()
PLAIN = Shares(
    baclofen=0.05,
    unrecognised=0,
    dose=1,
    frequency=1,
    as_needed=0,
    ahead=0,
    dose_unit_odd=0,
    partial=0,
    condition_unrecognised=0,
    allergy_unrecognised=0,
    stale=0,
    odd_unit=0,
    comparator=0,
    range=0,
    no_value=0,
    undated=0,
    preliminary=0,
    stated=0,
    no_birth_date=0,
    no_sex=0,
    no_list=0,
    problem=0,
)
"""Records in which every fact is whole, or absent: what the peers, who know no more, can be compared on."""
