"""The most an order permits in a day, row by row of its table."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.facts.derive.daily_dose import daily_dose
from caveat.intervals import Interval, exactly, inside
from caveat.truth import TRUE


def span(low: int, high: int | None) -> Interval:
    return Interval(Fraction(low), None if high is None else Fraction(high))


TEN = exactly(10)


@pytest.mark.parametrize(
    ("dose", "frequency", "as_needed", "maximum", "expected"),
    [
        (TEN, exactly(3), False, None, exactly(30)),
        (TEN, exactly(3), False, exactly(20), exactly(30)),
        (TEN, exactly(Fraction(1, 2)), False, None, exactly(5)),
        (TEN, exactly(3), True, None, exactly(30)),
        (TEN, exactly(6), True, exactly(40), exactly(40)),
        (TEN, exactly(3), True, exactly(40), exactly(30)),
        (TEN, None, True, exactly(40), span(10, 40)),
        (TEN, None, True, exactly(5), exactly(5)),
        (TEN, None, True, None, span(10, None)),
        (TEN, None, False, None, span(0, None)),
        (TEN, None, False, exactly(40), span(0, 40)),
        (TEN, exactly(6), None, exactly(40), span(40, 60)),
        (TEN, exactly(3), None, None, exactly(30)),
        (TEN, None, None, None, span(0, None)),
        (span(10, 20), exactly(3), False, None, exactly(60)),
        (span(10, 20), span(2, 3), False, None, exactly(60)),
        (span(10, 20), None, True, None, span(20, None)),
        (Interval(None, Fraction(20), high_open=True), exactly(3), False, None,
         Interval(Fraction(0), Fraction(60), high_open=True)),
        (span(10, None), exactly(3), False, None, span(30, None)),
        (Interval(), exactly(3), False, None, span(0, None)),
    ],
)  # fmt: skip
def test_what_an_order_permits(
    dose: Interval,
    frequency: Interval | None,
    as_needed: bool | None,
    maximum: Interval | None,
    expected: Interval,
) -> None:
    found = daily_dose(dose=dose, frequency_per_day=frequency, as_needed=as_needed, max_per_day=maximum)
    assert found == expected


NUMBERS = st.integers(0, 50).map(exactly)


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans(), st.booleans())
def test_knowing_less_never_leaves_out_what_more_would_say(
    dose: Interval, frequency: Interval, hide_dose: bool, hide_schedule: bool, hide_frequency: bool
) -> None:
    full = daily_dose(dose=dose, frequency_per_day=frequency, as_needed=False, max_per_day=None)
    less = daily_dose(
        dose=Interval() if hide_dose else dose,
        frequency_per_day=None if hide_frequency else frequency,
        as_needed=None if hide_schedule else False,
        max_per_day=None,
    )
    assert inside(full, less) == TRUE


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 500))
def test_a_maximum_caps_what_is_taken_as_needed(dose: int, frequency: int, maximum: int) -> None:
    found = daily_dose(
        dose=exactly(dose), frequency_per_day=exactly(frequency), as_needed=True, max_per_day=exactly(maximum)
    )
    assert found == exactly(min(dose * frequency, maximum))


@pytest.mark.parametrize("part", ["dose", "frequency_per_day", "max_per_day"])
def test_negative_inputs_are_refused(part: str) -> None:
    inputs = {"dose": TEN, "frequency_per_day": TEN, "max_per_day": TEN, part: exactly(-1)}
    with pytest.raises(ValueError, match="below zero"):
        daily_dose(**inputs, as_needed=True)
