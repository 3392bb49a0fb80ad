"""What was met before, within bounds: numbers of parts by their bytes, and dates that are dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from caveat.adapters.fhir.bulk.meaning import SOME_DAY
from caveat.dates import parse_when
from caveat.errors import DateError

NOT_PLAIN: Final = -1

MOST: Final = 50_000
_MOST_BYTES: Final = 32_000_000
"""Of the parts that are kept: where nothing repeats, keeping is of no use."""
_DATES: Final = 200_000
_LONGEST_DATE: Final = 40
_FRACTION: Final = re.compile(r"(?<=:[0-9]{2}:[0-9]{2})\.[0-9]{1,12}")
"""Of a second; it stands after seconds only."""

Understand = Callable[[bytes], int]
Text = Callable[[int], bytes]


class Known(dict[bytes, int]):
    """Numbers by bytes, within bounds; what is not plain makes room when it is full."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self._most = most
        self._held = 0
        self._full = False

    def number(self, key: bytes, understand: Understand) -> int:
        """The number of a part; one that is met first is understood first."""
        found = self.get(key)
        if found is None:
            if not self._full and (len(self) >= self._most or self._held >= _MOST_BYTES):
                self._make_room()
            if self._full:
                return NOT_PLAIN
            self._held += len(key)
            found = self[key] = understand(key)
        return found

    def _make_room(self) -> None:
        for key in [key for key, number in self.items() if number < 0]:
            self._held -= len(key)
            del self[key]
        self._full = len(self) > self._most // 2 or self._held > _MOST_BYTES // 2

    def numbers(self, keys: list[bytes], understand: Understand) -> list[int]:
        """The numbers of several."""
        found: list[Any] = list(map(self.get, keys))
        if None in found:
            for at, one in enumerate(found):
                if one is None:
                    found[at] = self.number(keys[at], understand)
        return found


class Dates:
    """Texts that are dates as they stand."""

    def __init__(self) -> None:
        self._known: set[str | None] = set()
        self._days: set[str] = set()
        self._clocks: set[str] = set()

    def undated(self, dates: Iterable[str | None]) -> set[str | None]:
        """Those that are no date as it stands."""
        fresh = set(dates).difference(self._known)
        if not fresh:
            return fresh
        bad = {one for one in fresh if one is None or not self._is_date(one)}
        if len(self._known) >= _DATES:
            self._known.clear()
        self._known |= fresh - bad
        return bad

    def _is_date(self, text: str) -> bool:
        """Whether it is a date; days and times of day are told apart, since few of either make many dates."""
        day, clock = text[:10], text[10:]
        if not clock or len(text) > _LONGEST_DATE:
            return _parses(text)
        if "." in clock:
            clock = _FRACTION.sub("", clock, count=1)
        if day not in self._days:
            if not (day[4] == day[7] == "-" and day.isascii() and _parses(day)):
                return False
            self._days.add(day)
        if clock not in self._clocks:
            if not _parses(SOME_DAY + clock):
                return False
            if len(self._clocks) >= _DATES:
                self._clocks.clear()
            self._clocks.add(clock)
        return True


def _parses(text: str) -> bool:
    try:
        return parse_when(text).text == text
    except DateError:
        return False
