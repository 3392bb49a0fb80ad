"""Of a plain record only the values that may be the latest are looked at, and the number is the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from caveat.facts import quick
from caveat.facts.catalog import PATIENT_NUMBERS
from caveat.facts.numbers import number
from caveat.facts.observed import dates_of, newest_of, observed, of_concept
from strategies.patients import chart, datas
from strategies.vocabulary import terminology


@given(found=datas())
def test_a_number_is_the_same_whether_the_record_was_looked_through_or_not(found: dict[str, Any]) -> None:
    plainly, exactly = chart(found), chart(found)
    quick.entries(plainly)
    observed(exactly)
    names = (*PATIENT_NUMBERS, *terminology().tables.observations)
    for name in dict.fromkeys(names):
        for pick in ("latest", "lowest", "highest"):
            for within in (None, 30, 400):
                assert number(plainly, name, "a", pick, within) == number(exactly, name, "a", pick, within)
    assert plainly.problems == exactly.problems
    assert plainly.notes == exactly.notes


@given(found=datas())
def test_the_newest_and_the_dates_are_those_of_all_values(found: dict[str, Any]) -> None:
    plainly, apart, exactly = chart(found), chart(found), chart(found)
    quick.entries(plainly)
    quick.entries(apart)
    for name in terminology().tables.observations:
        every = of_concept(exactly, name) or []
        newest = newest_of(plainly, name) or []
        assert dates_of(plainly, name) == [one.at for one in every if one.at is not None]
        assert newest == (newest_of(exactly, name) or [])
        assert [one for one in every if one in newest] == newest
        assert (of_concept(apart, name) or []) == every
