"""How far a pregnancy is on a day, from what was recorded on another."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.dates import parse_when
from caveat.facts.chart import Chart
from caveat.facts.gestation import LONGEST, WHOLE, week
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from strategies import vocabulary as v

TODAY = dt.date(2026, 1, 15)


def told(*observations: dict[str, Any], conditions: Any = None, **fields: Any) -> Measure:
    patient = Patient.model_validate(
        {"id": "p", "observations": list(observations), "conditions": conditions, **fields}
    )
    return number(Chart(patient, v.terminology(), as_of=TODAY.toordinal()), "gestation", "wk")


def days(found: Measure) -> tuple[int, int]:
    assert found.interval is not None, found.missing
    ends = found.interval.low, found.interval.high
    assert None not in ends
    return tuple(int(end / 86400) for end in ends)  # type: ignore[return-value, operator]


def reason(found: Measure) -> str:
    assert found.interval is None
    (only,) = found.missing
    assert only.fact == "gestation"
    return only.reason


def age(value: str, at: str | None = "2026-01-01", **fields: Any) -> dict[str, Any]:
    return {"concept": "recorded_gestation", "value": value, "at": at, **fields}


def due(date: str, at: str | None = "2026-01-01") -> dict[str, Any]:
    return {"concept": "estimated_delivery_date", "answer": date, "at": at}


def menses(date: str, at: str | None = "2026-01-01") -> dict[str, Any]:
    return {"concept": "last_menstrual_period", "answer": date, "at": at}


def coded(code: str, onset: str | None = "2026-01-01", **fields: Any) -> dict[str, Any]:
    return {"codes": [f"icd10cm|{code}"], "onset": onset, **fields}


def test_nothing_recorded() -> None:
    assert reason(told()) == "not recorded"
    assert reason(told(conditions=[{"text": "pregnancy", "clinical_status": "active"}])) == "not recorded"


def test_what_is_stated_for_today_stands_as_it_is() -> None:
    assert days(told(age("10 wk"), gestation="20 wk")) == (140, 140)


def test_whole_weeks_are_completed_weeks_and_are_counted_on() -> None:
    assert days(told(age("20 wk"))) == (154, 160)
    assert days(told(age("20 weeks"))) == (154, 160)
    assert days(told(age("20.5 wk"))) == (157, 157)
    assert days(told(age("143 d"))) == (157, 157)
    assert days(told(age("20 wk", "2026-01-15"))) == (140, 146)


def test_a_month_without_its_day_makes_an_interval() -> None:
    assert days(told(age("143 d", "2025-12"))) == (143 + 15, 143 + 45)
    assert days(told(menses("2025-09"))) == (107, 136)


def test_a_plain_number_is_weeks_where_the_code_says_so() -> None:
    def with_code(code: str) -> Measure:
        return told({"codes": [f"loinc|{code}"], "value": {"value": 20, "unit": "1"}, "at": "2026-01-15"})

    assert days(with_code("49051-6")) == (140, 146)
    assert "recorded gestation of 20" in reason(with_code("18185-9"))


def test_the_expected_day_of_delivery() -> None:
    assert days(told(due("2026-01-15"))) == (WHOLE, WHOLE)
    assert days(told(due("2026-05-07"))) == (168, 168)
    assert days(told(due("2026-05-07T08:00:00Z"))) == (168, 168)


def test_the_first_day_of_the_last_menstruation() -> None:
    assert days(told(menses("2026-01-15"))) == (0, 0)
    assert days(told(menses("2025-07-31"))) == (168, 168)


@pytest.mark.parametrize(
    ("code", "span"),
    [
        ("Z3A.20", (140, 146)),
        ("Z3A20", (140, 146)),
        ("Z3A.01", (0, 55)),
        ("Z3A.08", (56, 62)),
        ("Z3A.42", (294, 300)),
        ("Z3A.49", (301, 308)),
        ("Z3A.00", None),
        ("Z3A", None),
        ("Z3A.2", None),
        ("Z3A.43", None),
        ("Z3A.07", None),
        ("Z34.20", None),
    ],
)
def test_weeks_by_the_code_of_a_condition(code: str, span: tuple[int, int] | None) -> None:
    assert week("icd10cm", code) == span
    assert week("snomed", code) is None
    found = told(conditions=[coded(code, "2026-01-15")])
    assert found.interval is None if span is None else days(found) == span


def test_a_week_code_counts_from_the_day_it_was_noted() -> None:
    assert days(told(conditions=[coded("Z3A.20")])) == (154, 160)
    assert days(told(conditions=[coded("Z3A.20", None, recorded="2026-01-08")])) == (147, 153)
    assert days(told(conditions=[coded("Z3A.20", clinical_status="resolved")])) == (154, 160)
    assert "no date" in reason(told(conditions=[coded("Z3A.20", None)]))
    assert reason(told(conditions=[coded("Z3A.20", verification="refuted")])) == "not recorded"
    assert reason(told(conditions=[coded("Z3A.20", verification="provisional")])) == "not recorded"
    assert reason(told(conditions=[coded("Z3A.20", "2026-01-16")])) == "not recorded"


def test_the_latest_statement_counts() -> None:
    assert days(told(age("100 d", "2025-12-01"), age("143 d", "2026-01-01"))) == (157, 157)
    assert days(told(due("2026-05-07", "2025-12-01"), age("100 d", "2025-11-30"))) == (168, 168)
    assert days(told(age("100 d", "2025-12-01"), conditions=[coded("Z3A.20")])) == (154, 160)


def test_statements_of_one_day_that_differ_make_an_interval() -> None:
    assert days(told(age("143 d"), due("2026-05-07"))) == (157, 168)


def test_a_usable_statement_makes_up_for_one_of_the_same_day_that_is_not() -> None:
    assert days(told(menses("unknown"), due("2026-05-07"))) == (168, 168)
    assert "is not a date" in reason(told(menses("unknown"), due("2026-05-07", "2025-12-01")))


def test_one_without_a_date_may_be_the_latest() -> None:
    assert "no date" in reason(told(age("20 wk", None), due("2026-05-07")))
    assert days(told(age("143 d"), due("2026-05-07", None))) == (157, 168)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (age("20 wk", None), "recorded gestation of 20 wk: it has no date to count on from"),
        (age("20 kg"), "recorded gestation of 20 kg"),
        ({**age("20 wk"), "value": None}, "recorded gestation of no value: it is no length of time"),
        (due("soon"), "estimated delivery date of soon: 'soon' is not a date"),
        ({**due("x"), "answer": None}, "estimated delivery date of no value: it is no date"),
    ],
)
def test_what_cannot_be_used_says_why(entry: dict[str, Any], why: str) -> None:
    assert why in reason(told(entry))


def test_a_statement_from_after_the_day_is_not_used() -> None:
    assert reason(told(age("20 wk", "2026-01-16"))) == "not recorded"


def test_past_44_weeks_no_pregnancy_goes_on() -> None:
    assert days(told(age("308 d", "2026-01-15"))) == (308, 308)
    wrong = "recorded gestation of 309 d makes 44 wk 1 d on 2026-01-15, past 44 wk: too old, or wrong"
    assert reason(told(age("309 d", "2026-01-15"))) == wrong
    assert "makes 72 wk 1 d" in reason(told(age("20 wk", "2025-01-15")))
    assert "Z3A.20 of 2025-01-15 makes 72 wk 1 d" in reason(told(conditions=[coded("Z3A.20", "2025-01-15")]))
    assert days(told(due("2025-12-18"))) == (308, 308)
    assert "past 44 wk" in reason(told(due("2025-12-17")))


def test_a_beginning_after_the_day_is_none() -> None:
    assert days(told(due("2026-10-22"))) == (0, 0)
    later = (
        "estimated delivery date of 2026-10-23 puts the beginning on 2026-01-16 or later, after 2026-01-15"
    )
    assert reason(told(due("2026-10-23"))) == later
    assert days(told(menses("2026-01"))) == (0, 14)


@given(st.integers(0, LONGEST), st.integers(0, 400))
def test_every_way_to_say_it_gives_the_same(length: int, earlier: int) -> None:
    begun = TODAY - dt.timedelta(days=length)
    said = TODAY - dt.timedelta(days=min(earlier, length))
    ways = [
        told(age(f"{(said - begun).days} d", said.isoformat())),
        told(due((begun + dt.timedelta(days=280)).isoformat(), said.isoformat())),
        told(menses(begun.isoformat(), said.isoformat())),
    ]
    for found in ways:
        assert found.interval is not None
        assert found.interval.exact == Fraction(length * 86400)
    if 8 * 7 <= (said - begun).days < 43 * 7:
        known = told(conditions=[coded(f"Z3A.{(said - begun).days // 7:02d}", said.isoformat())]).interval
        if known is not None:
            assert known.low is not None
            assert known.high is not None
            assert known.low <= length * 86400 <= known.high


def test_the_facts_name_what_it_rests_on() -> None:
    (basis,) = told({**due("2026-05-07"), "source": "Observation/9"}).basis
    assert (basis.fact, basis.value, basis.at, basis.source) == (
        "estimated_delivery_date",
        "2026-05-07",
        "2026-01-01",
        "Observation/9",
    )
    assert parse_when(basis.at or "").is_exact
