"""One patient at one date, with everything recognised once and remembered.

A chart is what evaluators ask. It never changes what the record says: it finds, converts and
derives, and says for each answer what it rests on and what is missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeVar

from caveat.facts.clinical import Note, Problem
from caveat.facts.identify import OrderView, Selection, counted, identify_all
from caveat.facts.patient import Patient
from caveat.terminology.concepts import Terminology

T = TypeVar("T")


class Chart:
    """A patient as seen at `as_of`; answers are computed once and kept for the chart's life.

    `places` are the places among the current orders of each ingredient that is taken, and `repeated`
    says whether one has several. `doubtful` are the orders that were not wholly recognised, whose name
    and codes disagree, or whose words may be several orders.
    """

    __slots__ = (
        "as_of",
        "current",
        "doubtful",
        "ended",
        "memo",
        "notes",
        "patient",
        "places",
        "problems",
        "repeated",
        "selection",
        "terminology",
        "views",
    )

    def __init__(
        self, patient: Patient, terminology: Terminology, *, as_of: int, selection: Selection = "active"
    ) -> None:
        self.patient = patient
        self.terminology = terminology
        self.as_of = as_of
        self.selection = selection
        self.memo: dict[Any, Any] = {}
        self.problems: list[Problem] = list(patient.problems)
        self.notes: list[Note] = list(patient.notes)
        self.views: tuple[OrderView, ...] = identify_all(patient.orders or (), terminology, as_of, selection)
        current: list[OrderView] = []
        self.doubtful: list[OrderView] = []
        self.places: dict[str, list[int]] = {}
        self.repeated = False
        places, place = self.places, 0
        for view in self.views:
            if not view.recognised.plain:
                self.doubtful.append(view)
            if view.current:
                for name in view.ingredients:
                    if name in places:
                        places[name].append(place)
                        self.repeated = True
                    else:
                        places[name] = [place]
                current.append(view)
                place += 1
        whole = len(current) == len(self.views)
        self.current: tuple[OrderView, ...] = self.views if whole else tuple(current)
        self.ended: tuple[OrderView, ...] = (
            () if whole else tuple([view for view in self.views if view.ended])
        )

    @property
    def counted(self) -> tuple[OrderView, ...]:
        """The current orders as counts and sums take them."""
        memo = self.memo
        if "counted" not in memo:
            memo["counted"] = counted(self.current)
        return memo["counted"]  # type: ignore[no-any-return]

    def once(self, key: Any, build: Callable[[], T]) -> T:
        """`build()`, computed once per key."""
        memo = self.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        memo[key] = value = build()
        return value

    @property
    def day(self) -> str:
        """`as_of` as ISO text."""
        return _iso(self.as_of)

    def problem(self, code: str, message: str, path: str, value: str = "") -> None:
        """Record an impossible value once."""
        found = Problem(code=code, message=message, path=path, value=value[:80])
        if found not in self.problems:
            self.problems.append(found)

    def note(self, code: str, message: str, path: str = "") -> None:
        """Record an oddity once."""
        found = Note(code=code, message=message, path=path)
        if found not in self.notes:
            self.notes.append(found)


def by_ingredient(listed: Iterable[OrderView]) -> dict[str, list[int]]:
    """The places of each ingredient among some orders."""
    found: dict[str, list[int]] = {}
    for place, view in enumerate(listed):
        for name in view.ingredients:
            found.setdefault(name, []).append(place)
    return found


@lru_cache(maxsize=256)
def _iso(day: int) -> str:
    return dt.date.fromordinal(day).isoformat()
