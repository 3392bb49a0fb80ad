"""Dates as records state them: a day, a month, a year or an instant, and ages counted from them.

A partial date is every day it can mean, so `2024-03` is the first to the last of March. The day
of an instant is the day as written, in its own offset: the day the people at the bedside saw.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from caveat.errors import DateError, UnitError
from caveat.intervals import Interval
from caveat.units import parse_quantity, parse_unit, to_base

FIRST_YEAR: Final = 1800
LAST_YEAR: Final = 2300

_LONGEST: Final = 40
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]{1,12})?)?)"
    r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?",
    re.ASCII,
)
_FORMS: Final = "Write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset such as +02:00"


@dataclass(frozen=True, slots=True)
class When:
    """A date as written, and the days it can mean.

    `first` and `last` are proleptic Gregorian ordinals (`date.toordinal`) of the earliest and the
    latest day. `instant` is POSIX seconds when a time of day with an offset is given, else None:
    a time without an offset fixes the day but no instant.
    """

    text: str
    first: int
    last: int
    instant: float | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def is_exact(self) -> bool:
        """Whether the date names one single day."""
        return self.first == self.last


@lru_cache(maxsize=16384)
def parse_when(text: str) -> When:
    """The days that `text` can mean: YYYY, YYYY-MM, YYYY-MM-DD or a FHIR dateTime.

    Raises DateError for any other form, for a day that does not exist and for years outside
    1800 to 2300. A leap second (`:60`) is read as the second after it.
    """
    length = len(text)
    if length == 10 and text[4] == text[7] == "-":
        day = _day(text, text)
        return When(text, day, day)
    if length > 10:
        found = _INSTANT.fullmatch(text) if length <= _LONGEST else None
        if found is not None:
            return _instant(text, found)
    elif length == 7 and (found := _MONTH.fullmatch(text)):
        return _month(text, int(found[1]), int(found[2]))
    elif length == 4 and _YEAR.fullmatch(text):
        year = _year(text, int(text))
        return When(text, dt.date(year, 1, 1).toordinal(), dt.date(year, 12, 31).toordinal())
    raise DateError(f"{_shown(text)} is not a date. {_hint(text)}")


def when(value: dt.date | dt.datetime | str | When) -> When:
    """The When of a date, a datetime, its text, or a When itself.

    A datetime without a timezone gives its day and no instant. Raises DateError as `parse_when`
    does, and for the not-a-time value of data frames.
    """
    if isinstance(value, When):
        return value
    if isinstance(value, str):
        return parse_when(value.strip())
    if not isinstance(value, dt.date):
        raise DateError(f"{type(value).__name__} is not a date. Pass text, a date or a datetime")
    if value != value:
        raise DateError(
            "the date is not-a-time, the missing value of data frames. Pass None for an unknown date"
        )
    _year(value.isoformat(), value.year)
    day = value.toordinal()
    aware = isinstance(value, dt.datetime) and value.tzinfo is not None
    return When(value.isoformat(), day, day, value.timestamp() if aware else None)  # type: ignore[attr-defined]


def completed_years(birth: When, on: int) -> Interval:
    """Whole years lived on the day `on` (an ordinal), from the fewest to the most.

    A birth date known to the month or the year gives two or more values. A child of 29 February
    completes a year on 1 March of a common year: no birthday is claimed before its day is over.
    Raises DateError when the birth lies wholly after `on`.
    """
    earliest, latest, today = _lifetime(birth, on)
    return Interval(Fraction(_months(latest, today) // 12), Fraction(_months(earliest, today) // 12))


def completed_months(birth: When, on: int) -> Interval:
    """Whole months lived on the day `on` (an ordinal), from the fewest to the most.

    A month without the day of birth completes on the first of the next month, as years do.
    Raises DateError when the birth lies wholly after `on`.
    """
    earliest, latest, today = _lifetime(birth, on)
    return Interval(Fraction(_months(latest, today)), Fraction(_months(earliest, today)))


def age_days(birth: When, on: int) -> Interval:
    """Days lived on the day `on` (an ordinal), from the fewest to the most; 0 on the day of birth.

    Raises DateError when the birth lies wholly after `on`.
    """
    _lifetime(birth, on)
    return Interval(Fraction(max(on - birth.last, 0)), Fraction(on - birth.first))


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> int:
    """Whole days of a duration such as `90 d`, `12 wk`, `6 mo` or `1 a`, for limits on age and recency.

    Months and years are the mean ones of UCUM (30.4375 and 365.25 days) and the sum is rounded
    down: a limit is then never longer than written, and a value at its edge counts as stale
    sooner, never later. Raises DateError for less than a whole day (`0 d` is allowed), for a
    range or a comparator, and for a number without a unit of time.
    """
    hint = "Write a number and a unit of time: 90 d, 12 wk, 6 mo, 1 a"
    try:
        value, comparator, upper, unit_text = parse_quantity(text)
        unit = parse_unit(unit_text)
    except UnitError as error:
        raise DateError(f"{_shown(text)} is not a duration: {error}. {hint}") from error
    if unit.dimension != parse_unit("d").dimension:
        raise DateError(f"{_shown(text)} is not a duration: {unit.text} is no unit of time. {hint}")
    if comparator is not None or upper is not None:
        raise DateError(f"{_shown(text)} is not one duration but a range. {hint}")
    days = to_base(value, unit) / 86400
    if days < 0 or 0 < days < 1:
        raise DateError(f"{_shown(text)} is less than one day; limits are counted in whole days. {hint}")
    return int(days)


def _day(text: str, day: str) -> int:
    try:
        found = dt.date.fromisoformat(day)
    except ValueError as error:
        raise _no_day(text, day, error) from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        _year(text, found.year)
    return found.toordinal()


def _no_day(text: str, day: str, error: ValueError) -> DateError:
    if not _DAY.fullmatch(day):
        return DateError(f"{_shown(text)} is not a date. {_hint(text)}")
    _year(text, int(day[:4]))
    return DateError(f"{_shown(text)} is not a day of the calendar: {error}. {_FORMS}")


def _month(text: str, year: int, month: int) -> When:
    _year(text, year)
    if not 1 <= month <= 12:
        raise DateError(f"{_shown(text)} is not a month: {month:02d} is not 01 to 12. {_FORMS}")
    first = dt.date(year, month, 1).toordinal()
    after = dt.date(year + month // 12, month % 12 + 1, 1).toordinal()
    return When(text, first, after - 1)


def _instant(text: str, found: re.Match[str]) -> When:
    day, clock, zone = found.groups()
    if zone is None:
        ordinal = _day(text, day)
        return When(text, ordinal, ordinal)
    leap = clock[6:8] == "60"
    try:
        moment = dt.datetime.fromisoformat(f"{day}T{clock[:6]}59{clock[8:]}{zone}" if leap else text)
    except ValueError as error:
        raise _no_day(text, day, error) from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        _year(text, moment.year)
    ordinal = moment.toordinal()
    return When(text, ordinal, ordinal, moment.timestamp() + leap)


def _year(text: str, year: int) -> int:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise DateError(
            f"{_shown(text)} lies outside the years {FIRST_YEAR} to {LAST_YEAR}. "
            "Mend the year, or leave the date out when it stands for unknown"
        )
    return year


def _lifetime(birth: When, on: int) -> tuple[dt.date, dt.date, dt.date]:
    if birth.first > on:
        day = dt.date.fromordinal(on).isoformat()
        raise DateError(
            f"a birth on {birth.text} lies after {day}. Mend the birth date or the day asked about"
        )
    return dt.date.fromordinal(birth.first), dt.date.fromordinal(min(birth.last, on)), dt.date.fromordinal(on)


def _months(born: dt.date, today: dt.date) -> int:
    months = (today.year - born.year) * 12 + today.month - born.month
    return months - (today.day < born.day)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")


def _hint(text: str) -> str:
    if "T24:" in text:
        return "Midnight at the end of a day is T00:00:00 of the next day"
    if re.fullmatch(r"[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}", text):
        return f"Day and month cannot be told apart here. {_FORMS}"
    if re.fullmatch(r"[0-9]{8}", text):
        return f"Put the dashes in: {text[:4]}-{text[4:6]}-{text[6:]}"
    return _FORMS
