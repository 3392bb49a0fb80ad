"""Dates: which days a text can mean, ages counted from them, and durations."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.dates import When, age_days, completed_months, completed_years, parse_duration, parse_when, when
from caveat.errors import DateError
from caveat.intervals import Interval, exactly

DAYS = st.dates(dt.date(1800, 1, 1), dt.date(2300, 12, 31))


def ordinal(text: str) -> int:
    return dt.date.fromisoformat(text).toordinal()


def span(low: int, high: int) -> Interval:
    return Interval(Fraction(low), Fraction(high))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        ("2024-12", "2024-12-01", "2024-12-31"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        ("1800", "1800-01-01", "1800-12-31"),
        ("2300-12", "2300-12-01", "2300-12-31"),
        ("2024-03-10T23:30:00-05:00", "2024-03-10", "2024-03-10"),
        ("2024-03-10T10:00", "2024-03-10", "2024-03-10"),
    ],
)
def test_a_date_is_every_day_it_can_mean(text: str, first: str, last: str) -> None:
    found = parse_when(text)
    assert (found.first, found.last) == (ordinal(first), ordinal(last))
    assert found.is_exact == (first == last)
    assert str(found) == text


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-10T23:30:00-05:00", "2024-03-11T04:30:00"),
        ("2024-03-10T00:00:00Z", "2024-03-10T00:00:00"),
        ("2024-03-10 00:00:00+14:00", "2024-03-09T10:00:00"),
        ("2024-03-10T00:00:00.250Z", "2024-03-10T00:00:00.250"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("2024-03-10T12:30Z", "2024-03-10T12:30:00"),
        ("1850-03-10T12:30:00Z", "1850-03-10T12:30:00"),
    ],
)
def test_an_instant_is_posix_seconds(text: str, utc: str) -> None:
    assert parse_when(text).instant == dt.datetime.fromisoformat(f"{utc}+00:00").timestamp()


def test_a_time_without_an_offset_fixes_no_instant() -> None:
    assert parse_when("2024-03-10T10:00:00").instant is None
    assert parse_when("2024-03-10").instant is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2023-02-29", "not a day of the calendar"),
        ("2024-04-31T10:00:00Z", "not a day of the calendar"),
        ("2024-02-30T10:00:00", "not a day of the calendar"),
        ("2024-13", "not 01 to 12"),
        ("2024-00", "not 01 to 12"),
        ("1799", "1800 to 2300"),
        ("1799-12", "1800 to 2300"),
        ("1799-12-31", "1800 to 2300"),
        ("2301-01-01T00:00:00Z", "1800 to 2300"),
        ("0000-01-01", "1800 to 2300"),
        ("0000-01-01T00:00:00Z", "1800 to 2300"),
        ("9999-12-31", "1800 to 2300"),
        ("2024-03-10T24:00:00Z", "T00:00:00 of the next day"),
        ("2024-03-10T25:00:00Z", "Write YYYY"),
        ("2024-03-10T10:61:00Z", "Write YYYY"),
        ("2024-03-10T10:00:00+15:00", "Write YYYY"),
        ("2024-03-10T10:00:00+14:30", "Write YYYY"),
        ("2024-03-10T10", "Write YYYY"),
        ("03/10/2024", "cannot be told apart"),
        ("10.03.2024", "cannot be told apart"),
        ("20240310", "2024-03-10"),
        ("2024-W10-1", "Write YYYY"),
        ("2024-1-1", "Write YYYY"),
        ("2024-ab-cd", "Write YYYY"),
        ("2024-3-010", "Write YYYY"),
        ("", "Write YYYY"),
        ("next week", "Write YYYY"),
        ("\uff12\uff10\uff12\uff14", "Write YYYY"),
        ("2024-03-1\u0660", "Write YYYY"),
        ("2" * 100_000, "Write YYYY"),
    ],
)
def test_what_is_not_a_date_is_refused(text: str, hint: str) -> None:
    with pytest.raises(DateError) as caught:
        parse_when(text)
    assert hint in str(caught.value)
    assert len(str(caught.value)) < 300


@given(
    st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9W]{2}-[0-9]{2}[T ]?[0-9:.+Z-]{0,20}", fullmatch=True)
)
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        found = parse_when(text)
    except DateError:
        return
    assert ordinal("1800-01-01") <= found.first <= found.last <= ordinal("2300-12-31")


@given(DAYS)
def test_a_day_lies_in_its_month_and_its_year(day: dt.date) -> None:
    exact = parse_when(day.isoformat())
    month, year = parse_when(f"{day:%Y-%m}"), parse_when(f"{day:%Y}")
    assert exact.first == exact.last == day.toordinal()
    assert year.first <= month.first <= exact.first <= month.last <= year.last


@given(DAYS, st.times(), st.integers(-14 * 60, 14 * 60))
def test_a_datetime_and_its_text_agree(day: dt.date, clock: dt.time, offset: int) -> None:
    moment = dt.datetime.combine(day, clock, dt.timezone(dt.timedelta(minutes=offset)))
    assert when(moment) == parse_when(moment.isoformat())


def test_when_takes_what_records_hold() -> None:
    day = dt.date(2024, 3, 10)
    assert when(day) == when("2024-03-10") == when(" 2024-03-10 ") == parse_when("2024-03-10")
    assert when(parse_when("2024")) is parse_when("2024")
    assert when(dt.datetime(2024, 3, 10, 9)) == When("2024-03-10T09:00:00", day.toordinal(), day.toordinal())  # noqa: DTZ001
    for wrong in (dt.date(1700, 1, 1), 20240310, None):
        with pytest.raises(DateError):
            when(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("birth", "on", "years", "months"),
    [
        ("2000-06-15", "2024-06-14", (23, 23), (287, 287)),
        ("2000-06-15", "2024-06-15", (24, 24), (288, 288)),
        ("2004-02-29", "2023-02-28", (18, 18), (227, 227)),
        ("2004-02-29", "2023-03-01", (19, 19), (228, 228)),
        ("2004-02-29", "2024-02-29", (20, 20), (240, 240)),
        ("2024-01-31", "2024-02-29", (0, 0), (0, 0)),
        ("2024-01-31", "2024-03-01", (0, 0), (1, 1)),
        ("2006", "2024-06-15", (17, 18), (209, 221)),
        ("2006", "2024-12-31", (18, 18), (216, 227)),
        ("2006-06", "2024-06-15", (17, 18), (215, 216)),
        ("2024", "2024-06-15", (0, 0), (0, 5)),
        ("2024-06-15", "2024-06-15", (0, 0), (0, 0)),
    ],
)
def test_ages_in_whole_years_and_months(
    birth: str, on: str, years: tuple[int, int], months: tuple[int, int]
) -> None:
    assert completed_years(parse_when(birth), ordinal(on)) == span(*years)
    assert completed_months(parse_when(birth), ordinal(on)) == span(*months)


def test_ages_in_days() -> None:
    assert age_days(parse_when("2024-06-15"), ordinal("2024-06-15")) == exactly(0)
    assert age_days(parse_when("2024-06"), ordinal("2024-06-15")) == span(0, 14)
    assert age_days(parse_when("2024-05"), ordinal("2024-06-15")) == span(15, 45)


@pytest.mark.parametrize("age", [completed_years, completed_months, age_days])
def test_a_birth_to_come_is_refused(age: object) -> None:
    assert callable(age)
    with pytest.raises(DateError, match="lies after 2024-06-15"):
        age(parse_when("2024-06-16"), ordinal("2024-06-15"))


@given(DAYS, st.integers(0, 40_000), st.sampled_from(["%Y", "%Y-%m"]))
def test_the_age_of_every_possible_birthday_lies_in_the_interval(
    born: dt.date, lived: int, form: str
) -> None:
    on = born.toordinal() + lived
    if on > dt.date.max.toordinal():
        return
    exact, partial = parse_when(born.isoformat()), parse_when(born.strftime(form))
    for age in (completed_years, completed_months, age_days):
        point, bounds = age(exact, on).exact, age(partial, on)
        assert point is not None
        assert bounds.low is not None
        assert bounds.high is not None
        assert 0 <= bounds.low <= point <= bounds.high


@pytest.mark.parametrize(
    ("text", "days"),
    [("90 d", 90), ("90d", 90), ("12 wk", 84), ("6 mo", 182), ("1 a", 365), ("18 years", 6574),
     ("3 months", 91),
     ("48 h", 2), ("36 h", 1), ("0 d", 0), ("1.5 d", 1), ("24 h", 1)],
)  # fmt: skip
def test_durations_are_whole_days_rounded_down(text: str, days: int) -> None:
    assert parse_duration(text) == days


@pytest.mark.parametrize("text", ["90", "12 h", "-3 d", "5 mg", "1-2 d", "<5 d", "x", "", "90 dd", "3 /d"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(DateError, match="Write a number and a unit of time"):
        parse_duration(text)
