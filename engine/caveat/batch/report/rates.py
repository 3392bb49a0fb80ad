"""Rates per 100 patients with their 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

Z: Final = 1.959963984540054
"""The normal quantile of 97.5 %: intervals hold 95 %."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate per 100 patients; `low` and `high` end its 95 % interval."""

    value: float
    low: float
    high: float


def of_patients(count: int, patients: int) -> Rate | None:
    """The share of patients per 100 with Wilson's score interval; None when there are no patients.

    Wilson EB, J Am Stat Assoc 1927;22:209-212; without continuity correction, method 3 of Newcombe
    RG, Stat Med 1998;17:857-872. Raises ValueError unless 0 <= count <= patients.
    """
    if not 0 <= count <= patients:
        raise ValueError(f"{count} of {patients} patients is no share")
    if not patients:
        return None
    share, square = count / patients, Z * Z
    middle = share + square / (2 * patients)
    spread = Z * sqrt(share * (1 - share) / patients + square / (4 * patients * patients))
    whole = 1 + square / patients
    low = 0.0 if count == 0 else (middle - spread) / whole
    high = 1.0 if count == patients else (middle + spread) / whole
    return Rate(100 * share, 100 * low, 100 * high)


def of_events(events: int, squares: int, patients: int) -> Rate | None:
    """Events per 100 patients, where one patient may have several; None when there are no patients.

    `squares` is the sum over patients of the squared number of events. Events of one patient come
    together, so the standard error is that of the mean number a patient, never below Poisson's;
    the interval is that of the logarithm of the rate. Without any event its upper end is Poisson's
    exact one, 3.69 events (Garwood F, Biometrika 1936;28:437-442).
    """
    if not patients:
        return None
    if not events:
        return Rate(0.0, 0.0, -100 * log(0.025) / patients)
    mean = events / patients
    seen = (squares - patients * mean * mean) / (patients - 1) if patients > 1 else 0.0
    error = sqrt(max(seen, mean) / patients)
    factor = exp(Z * error / mean)
    return Rate(100 * mean, 100 * mean / factor, 100 * mean * factor)
