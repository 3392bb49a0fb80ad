"""Quantities: text that is read, text that is refused, and numbers as they are shown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.errors import UnitError
from caveat.units import (
    Parsed,
    format_number,
    format_quantity,
    normal_unit,
    parse_quantity,
    parse_unit,
    to_base,
)

EGFR = "mL/min/{1.73_m2}"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("24 mL/min", ("24", None, None, "mL/min")), ("<0.3 mg/dL", ("0.3", "<", None, "mg/dL")),
        ("\u2265 5 mg", ("5", ">=", None, "mg")), ("<= 5 mg", ("5", "<=", None, "mg")),
        (">5", ("5", ">", None, "1")),
        ("10-20 mg", ("10", None, "20", "mg")), ("10 to 20 mg", ("10", None, "20", "mg")),
        ("10\u201320 mg", ("10", None, "20", "mg")), ("5 mg to 10 mg", ("5", None, "10", "mg")),
        ("1e3 mg", ("1e3", None, None, "mg")), ("3", ("3", None, None, "1")),
        ("-5 mL/min", ("-5", None, None, "mL/min")),
        (".5 mg", ("0.5", None, None, "mg")), ("5mg", ("5", None, None, "mg")),
        ("3x/day", ("3", None, None, "/d")),
        ("3 times daily", ("3", None, None, "/d")), ("2 tablets", ("2", None, None, "{tablet}")),
        ("5 10*9/L", ("5", None, None, "10*9/L")), ("5.2 x10^9/L", ("5.2", None, None, "10*9/L")),
        ("10 MG", ("10", None, None, "mg")), ("37 \u00b0C", ("37", None, None, "Cel")),
        ("5 /100", ("5", None, None, "/100")), ("70 kg.m-2", ("70", None, None, "kg.m-2")),
    ],
)  # fmt: skip
def test_quantities_are_read(text: str, parsed: tuple[str, str | None, str | None, str]) -> None:
    value, comparator, upper, unit = parsed
    expected = Parsed(Decimal(value), comparator, None if upper is None else Decimal(upper), unit)
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1,5 mg", "write 1.5 or 1500"), ("1,000 mg", "write 1.5 or 1500"),
        ("1 000 mg", "without a separator"),
        ("1'000 mg", "without a separator"), ("1_000 mg", "without a separator"),
        ("1.000.000 mg", "one point"),
        ("1/2 tablet", "0.5 for 1/2"), ("1 / 2 tablet", "0.5 for 1/2"), ("5. mg", "one point"),
        ("NaN mg", "begin with a number"),
        ("Infinity", "begin with a number"), ("1e999999 mg", "Write the number out"),
        ("1e-999999", "Write the number out"),
        ("1e99 mg", "exponent is out of reach"), ("20-10 mg", "lower number first"),
        ("<10-20 mg", "Keep one"),
        ("10*9/L", "Write a number and a unit"), ("mg", "begin with a number"), ("", "begin with a number"),
        ("9" * 100_000, "too long"), ("5 mgg", "Did you mean mg"), ("\u0665 mg", "begin with a number"),
        ("5 Mg", "Write mg"), ("10 mg to 20 g", "not a unit"),
    ],
)  # fmt: skip
def test_text_that_can_be_read_two_ways_is_refused(text: str, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(text)
    assert hint in str(caught.value)


def test_numbers_that_are_none_are_refused() -> None:
    for value in ("NaN", "Infinity", "1e999999", "1e-999999"):
        with pytest.raises(UnitError):
            to_base(Decimal(value), parse_unit("mg"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("24", "24"), ("29.99999666", "29.9999"), ("30.00001", "30.0001"), ("0.000123456", "0.0001235"),
        ("1234.56", "1234.56"), ("12345.678912", "12345.7"), ("0.99998", "0.9999"), ("0.0625", "0.0625"),
        ("-0.5", "-0.5"),
        ("100", "100"), ("0", "0"), ("0.0000625", "0.0000625"), ("1.73205", "1.732"), ("1e-9", "0.000000001"),
        ("-29.999999", "-29.9999"), ("1e20", "100000000000000000000"),
    ],
)  # fmt: skip
def test_numbers_are_shown_short_and_never_across_a_whole_number(value: str, text: str) -> None:
    assert format_number(Decimal(value)) == text


@given(st.fractions(min_value=Fraction(-(10**6)), max_value=Fraction(10**6)))
def test_a_shown_number_is_close_and_on_its_side_of_every_whole_number(value: Fraction) -> None:
    shown = Fraction(format_number(value))
    assert abs(shown - value) <= max(abs(value) / 1000, Fraction(1, 10**4))
    if abs(value) > Fraction(1, 2) and value.denominator != 1:
        assert shown.denominator != 1


@given(
    st.decimals("0.0001", "99999", places=4),
    st.sampled_from(["mg", "mL/min", "1", "{tablet}/d", "10*9/L", "%"]),
)
def test_shown_quantities_read_back(value: Decimal, unit: str) -> None:
    assert parse_quantity(format_quantity(value, unit)) == Parsed(value, None, None, unit)


def test_the_usual_units_are_shown() -> None:
    for text in ("mL/min", EGFR, "mg/dL", "kg", "mm[Hg]", "/min", "1", "U/L", "m2", "kg/m2"):
        assert normal_unit(parse_unit(text).dimension).text == text
