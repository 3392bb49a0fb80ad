"""Rates and intervals beside published figures, and their limits."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.batch.report.rates import Z, of_events, of_patients

# Newcombe RG. Two-sided confidence intervals for the single proportion: comparison of seven methods.
# Stat Med 1998;17:857-872, table I, method 3 (score without continuity correction).
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("count", "patients", "low", "high"), NEWCOMBE)
def test_wilson_as_published(count: int, patients: int, low: float, high: float) -> None:
    rate = of_patients(count, patients)
    assert rate is not None
    assert rate.low == pytest.approx(100 * low, abs=0.005)
    assert rate.high == pytest.approx(100 * high, abs=0.005)


@given(st.integers(1, 10**8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(pair: tuple[int, int]) -> None:
    count, patients = pair
    rate, other = of_patients(count, patients), of_patients(patients - count, patients)
    assert rate is not None
    assert other is not None
    assert 0 <= rate.low <= rate.value <= rate.high <= 100
    assert rate.low == pytest.approx(100 - other.high, abs=1e-6)
    assert (rate.low == 0) == (count == 0)
    assert (rate.high == 100) == (count == patients)


@pytest.mark.parametrize(("count", "patients"), [(1, 0), (-1, 5), (6, 5)])
def test_no_share(count: int, patients: int) -> None:
    with pytest.raises(ValueError, match=f"{count} of {patients} patients is no share"):
        of_patients(count, patients)


def test_nobody_has_no_rate() -> None:
    assert of_patients(0, 0) is None
    assert of_events(0, 0, 0) is None


def test_no_event_is_garwood() -> None:
    # Garwood 1936, table: no event, upper 97.5 % limit 3.689.
    rate = of_events(0, 0, 1000)
    assert rate is not None
    assert (rate.value, rate.low) == (0, 0)
    assert rate.high == pytest.approx(0.3689, abs=0.00005)


def test_events_one_a_patient_are_poisson() -> None:
    rate = of_events(100, 100, 10_000)
    assert rate is not None
    assert rate.value == 1
    assert rate.high == pytest.approx(exp(Z / 10), rel=1e-9)
    assert rate.low == pytest.approx(exp(-Z / 10), rel=1e-9)


def test_events_in_clusters_are_less_certain() -> None:
    apart, together = of_events(100, 100, 10_000), of_events(100, 1000, 10_000)
    assert apart is not None
    assert together is not None
    assert together.value == apart.value
    assert together.low < apart.low
    assert together.high > apart.high


def test_events_cover_their_rate() -> None:
    """Of 400 cohorts with clustered alerts, about 95 % of intervals hold the true rate."""
    import random

    draw, held = random.Random(5), 0
    for _ in range(400):
        counts = [draw.choice((1, 1, 2, 4)) if draw.random() < 0.2 else 0 for _ in range(500)]
        rate = of_events(sum(counts), sum(c * c for c in counts), len(counts))
        assert rate is not None
        held += rate.low <= 40 <= rate.high
    assert 370 <= held <= 393
