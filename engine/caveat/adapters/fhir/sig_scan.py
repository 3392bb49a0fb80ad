"""What a dosage in words names, part by part: amounts, times, limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from caveat.adapters.fhir import sig_words as vocabulary
from caveat.adapters.fhir.rates import Rate, decimal
from caveat.facts.values import Quantity

_MOST_BARE: Final = 4
"""The largest number beside no unit that counts pieces: `take 10 at night` may mean milligrams."""


@dataclass(slots=True)
class Amount:
    """An amount as written. `sure` False is a number of which it is not said what is counted.

    `inside` brackets it may say again what stands before them, `total` marks `(10 mg total)`, and
    `several` an amount of so many units, as in `2 x 500 mg`.
    """

    low: Fraction
    high: Fraction
    unit: str
    sure: bool = True
    inside: bool = False
    total: bool = False
    several: bool = False

    def quantity(self, unit: str | None = None) -> Quantity:
        """The amount in its own or another unit."""
        upper = None if self.high == self.low else decimal(self.high)
        return Quantity(decimal(self.low), unit or self.unit or vocabulary.PIECE, None, upper)


@dataclass(slots=True)
class Parts:
    """What was met, in order. `groups` are amounts with the times of the day that follow them."""

    amounts: list[Amount] = field(default_factory=list)
    groups: list[tuple[Amount, set[str]]] = field(default_factory=list)
    events: set[str] = field(default_factory=set)
    rates: list[tuple[Rate, bool]] = field(default_factory=list)
    """How often, and whether it is no more than the word `daily`."""
    weekdays: set[str] = field(default_factory=set)
    daily: list[Amount] = field(default_factory=list)
    maxima: list[Amount] = field(default_factory=list)
    routes: set[str] = field(default_factory=set)
    scheme: tuple[Fraction, ...] = ()
    scheme_unit: str = ""
    as_needed: bool = False
    verb: bool = False
    divided: int | None = None
    equal: bool = False
    inside: bool = False
    last: str = ""


def scan(plain: str) -> Parts | None:
    """The parts of a text, or None when it holds a word that is not known."""
    parts, at = Parts(), 0
    while at < len(plain):
        if plain[at] == " ":
            at += 1
            continue
        for name, pattern, take in PATTERNS:
            found = pattern.match(plain, at)
            if found is None or found.end() == at:
                continue
            if not take(found, parts):
                return None
            at = found.end()
            if name == "needed":
                at = _past_reason(plain, at)
            if name not in ("joint", "passed", "route", "reason"):
                parts.last = name
            break
        else:
            return None
    return parts


def _past_reason(plain: str, at: int) -> int:
    """Where the text goes on after what an as-needed dose is for."""
    reason = vocabulary.AFTER_NEEDED.match(plain, at)
    return at if reason is None or vocabulary.NO_REASON.search(reason[0]) else reason.end()


Take = Callable[[re.Match[str], Parts], bool]
"""Enters what was met; False leaves the whole text unread."""


def _number(text: str) -> Fraction:
    if text in vocabulary.NUMBERS:
        return vocabulary.NUMBERS[text]
    whole, _, part = text.rpartition(" ")
    return (Fraction(whole) if whole else Fraction(0)) + Fraction(part)


def _ends(found: re.Match[str]) -> tuple[Fraction, Fraction]:
    low = _number(found["low"])
    return low, _number(found["high"]) if found["high"] else low


def _days(found: re.Match[str]) -> Fraction:
    if found["week"]:
        return Fraction(7)
    return Fraction("365.25") / 12 if found["month"] else Fraction(1)


def _often(parts: Parts, low: Fraction, high: Fraction, *, weak: bool = False) -> bool:
    parts.rates.append((Rate(low, high), weak))
    return 0 < low <= high <= 24


def _scheme(found: re.Match[str], parts: Parts) -> bool:
    """`1-0-2`: morning, noon, evening and perhaps night."""
    again = bool(parts.scheme)
    parts.scheme = tuple(_number(one) for one in re.split(r" ?- ?", found["doses"]))
    parts.scheme_unit = vocabulary.UNITS.get(found["unit"] or "", "")
    return not again and (bool(parts.scheme_unit) or max(parts.scheme) <= _MOST_BARE)


def _amount(found: re.Match[str], parts: Parts) -> bool:
    low, high = _ends(found)
    unit = vocabulary.UNITS.get(found["unit"] or "", "")
    one = Amount(low, high, unit, inside=parts.inside, total=bool(found["total"]))
    if not unit:
        if found["low"] in vocabulary.ARTICLES:
            return False
        one.sure = found["low"] in vocabulary.NUMBERS or (parts.verb and high <= _MOST_BARE)
    parts.amounts.append(one)
    return 0 < low <= high


def _several(found: re.Match[str], parts: Parts) -> bool:
    """`two 500 mg tablets`, `2 x 500 mg`: so many of such an amount."""
    size = _number(found["count"]) * _number(found["size"])
    unit = vocabulary.UNITS[found["unit"]]
    parts.amounts.append(Amount(size, size, unit, inside=parts.inside, several=bool(found["x"])))
    return size > 0 and bool(found["x"] or found["of"])


def _spoons(found: re.Match[str], parts: Parts) -> bool:
    low, high = _ends(found)
    parts.amounts.append(Amount(low * 5, high * 5, "mL"))
    return 0 < low <= high


def _a_day(found: re.Match[str], parts: Parts) -> bool:
    """`30 mg/day`: the amount of a day, however it is divided."""
    low, high = _ends(found)
    parts.daily.append(Amount(low, high, vocabulary.UNITS[found["unit"]]))
    return 0 < low <= high


def _most(found: re.Match[str], parts: Parts) -> bool:
    low, high = _ends(found)
    parts.maxima.append(Amount(low, high, vocabulary.UNITS.get(found["unit"] or "", "")))
    return 0 < low == high


def _up_to(found: re.Match[str], parts: Parts) -> bool:
    days = _days(found)
    most = _number(found["low"]) / days
    return _often(parts, min(1 / days, most), most)


def _counted(found: re.Match[str], parts: Parts) -> bool:
    (low, high), days = _ends(found), _days(found)
    return _often(parts, low / days, high / days)


def _once(found: re.Match[str], parts: Parts) -> bool:
    rate = vocabulary.ONCE[found["once"]] / _days(found)
    return _often(parts, rate, rate)


def _every(found: re.Match[str], parts: Parts) -> bool:
    low, high = _ends(found) if found["low"] else (Fraction(1), Fraction(1))
    span = vocabulary.SPAN[found["span"]]
    return 0 < low <= high and _often(parts, 1 / (high * span), 1 / (low * span))


def _plainly(found: re.Match[str], parts: Parts) -> bool:
    rate = 1 / _days(found)
    return _often(parts, rate, rate, weak=bool(found["day"]))


def _short(found: re.Match[str], parts: Parts) -> bool:
    rate = vocabulary.ABBREVIATIONS[found[1]]
    return _often(parts, rate, rate)


def _od(found: re.Match[str], parts: Parts) -> bool:
    """Once a day only where it cannot be the right eye: of what is swallowed."""
    swallowed = any(one.unit in vocabulary.SWALLOWED for one in parts.amounts) or "oral" in parts.routes
    return _often(parts, Fraction(1), Fraction(1)) and swallowed


def _other_day(found: re.Match[str], parts: Parts) -> bool:
    return _often(parts, Fraction(1, 2), Fraction(1, 2))


def _event(found: re.Match[str], parts: Parts) -> bool:
    return _happens(vocabulary.EVENTS[found["event"]], parts)


def _clock(found: re.Match[str], parts: Parts) -> bool:
    return _happens(found["clock"].replace(" ", ""), parts)


def _happens(event: str, parts: Parts) -> bool:
    if parts.amounts:
        if parts.last not in ("event", "clock") or not parts.groups:
            parts.groups.append((parts.amounts[-1], set()))
        parts.groups[-1][1].add(event)
    parts.events.add(event)
    return True


def _weekday(found: re.Match[str], parts: Parts) -> bool:
    parts.weekdays.add(found[1][:3])
    return True


def _needed(found: re.Match[str], parts: Parts) -> bool:
    parts.as_needed = True
    return True


def _route(found: re.Match[str], parts: Parts) -> bool:
    parts.routes.add(vocabulary.ROUTES[found[1]])
    return True


def _passed(found: re.Match[str], parts: Parts) -> bool:
    parts.verb = parts.verb or found[0] == "take"
    if found[0] == "to be taken" and parts.amounts and parts.amounts[-1].high <= _MOST_BARE:
        parts.amounts[-1].sure = True
    return True


def _divided(found: re.Match[str], parts: Parts) -> bool:
    times = _number(found["low"])
    parts.divided = int(times)
    return times == parts.divided > 0


def _reason(found: re.Match[str], parts: Parts) -> bool:
    """What it is for, where no word of it may change how much or how often."""
    return vocabulary.NO_REASON.search(found[0]) is None


def _equal(found: re.Match[str], parts: Parts) -> bool:
    parts.equal = True
    return True


def _bracket(found: re.Match[str], parts: Parts) -> bool:
    parts.inside = found[0] == "("
    return True


def _nothing(found: re.Match[str], parts: Parts) -> bool:
    return True


def _any(words: object) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_NUMBER: Final = (
    rf"(?:(?:\d+ \d/[1-9]|\d+/[1-9]|\d+(?:\.\d+)?)(?![\d.]|/\d)|(?:{_any(vocabulary.NUMBERS)})\b)"
)
_RANGE: Final = rf"(?P<low>{_NUMBER})(?: ?(?:-|to|or|bis|a|ou|o) ?(?P<high>{_NUMBER}))?"
_DOSE: Final = r"(?:\d{1,2}/[1-9]|\d{1,2}(?:\.\d+)?)"
_WORDS: Final = _any(vocabulary.UNITS)
_UNIT: Final = rf"(?: ?(?P<unit>{_WORDS})\b)"
_TIMES: Final = vocabulary.TIMES
_PERIOD: Final = (
    rf"(?:(?P<day>{vocabulary.DAY})|(?P<week>{vocabulary.WEEK})|(?P<month>{vocabulary.MONTH}))(?![a-z])"
)
_PER_DAY: Final = r"(?:/ ?(?:day|d|tag|dag|jour|j)|(?:per|pro|par) (?:day|tag|jour|dag)|al giorno|al dia)\b"
PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Take], ...]] = tuple(
    (name, re.compile(pattern), take)
    for name, pattern, take in (
        ("scheme", rf"(?P<doses>{_DOSE}(?: ?- ?{_DOSE}){{2,3}})(?![\d-]){_UNIT}?", _scheme),
        ("lasts", vocabulary.LASTS, _nothing),
        ("passed", vocabulary.PASSED, _passed),
        ("divided", rf"in (?P<low>{_NUMBER}) (?:equally )?divided doses\b", _divided),
        ("most", rf"{vocabulary.MOST} ?{_RANGE}{_UNIT}? ?{vocabulary.DAY}\b", _most),
        ("up to", rf"{vocabulary.MOST} ?(?P<low>{_NUMBER}) ?{_TIMES} ?{_PERIOD}", _up_to),
        ("other day", rf"{vocabulary.OTHER_DAY}\b", _other_day),
        ("every", rf"{vocabulary.EVERY} ?(?:{_RANGE} ?)?-? ?(?P<span>{_any(vocabulary.SPAN)})\b", _every),
        ("hourly", rf"{_RANGE} ?-? ?(?P<span>hour)ly\b", _every),
        ("counted", rf"{_RANGE} ?{_TIMES} ?{_PERIOD}", _counted),
        ("counted", rf"x ?{_RANGE} ?{_PERIOD}", _counted),
        ("once", rf"(?P<once>{_any(vocabulary.ONCE)}) ?{_PERIOD}", _once),
        ("once event", r"once(?= (?:every|each|in|at|on) )", _nothing),
        ("a day", rf"{_RANGE}{_UNIT} ?{_PER_DAY}", _a_day),
        ("spoons", rf"{_RANGE} {vocabulary.SPOON}\b", _spoons),
        (
            "several",
            rf"(?P<count>{_NUMBER}) ?(?P<x>x ?)?(?P<size>\d+(?:\.\d+)?) ?(?P<unit>mg|mcg|ug|g|micrograms?)\b"
            rf"(?P<of> (?:{_WORDS})\b)?",
            _several,
        ),
        ("clock", r"(?:at |um )(?P<clock>\d{1,2}(?:[:.]\d{2})? ?(?:am|pm|uhr|h)|\d{1,2}[:.]\d{2})\b", _clock),
        ("plain", _PERIOD, _plainly),
        ("short", rf"({_any(vocabulary.ABBREVIATIONS)})\b", _short),
        ("od", r"od\b", _od),
        ("reason", vocabulary.REASON, _reason),
        ("weekday", vocabulary.DAYS_OF_WEEK, _weekday),
        ("needed", rf"{vocabulary.NEEDED}\b", _needed),
        ("complaint", rf"{vocabulary.COMPLAINT}\b", _needed),
        ("route", rf"(?:(?:by|via) (?:the )?|the )?({_any(vocabulary.ROUTES)})(?: routes?| use)?\b", _route),
        ("event", rf"{vocabulary.BEFORE_EVENT}(?P<event>{_any(vocabulary.EVENTS)})\b", _event),
        ("amount", rf"{_RANGE}{_UNIT}?(?P<total> total)?(?![a-z])", _amount),
        ("equal", r"=", _equal),
        ("bracket", r"[()]", _bracket),
        ("joint", r"[,;:+&]|-(?= )|(?:and|und|et|y|e|og|och|en)\b", _nothing),
    )
)
