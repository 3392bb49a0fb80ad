"""One patient at one date, with everything recognised once and remembered.

A chart is what evaluators ask. It never changes what the record says: it finds, converts and
derives, and says for each answer what it rests on and what is missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

from caveat.facts.clinical import Note, Problem
from caveat.facts.identify import OrderView, Selection, counted, identify
from caveat.facts.patient import Patient
from caveat.terminology.concepts import Terminology

T = TypeVar("T")


class Chart:
    """A patient as seen at `as_of`; answers are computed once and kept for the chart's life."""

    __slots__ = (
        "as_of",
        "counted",
        "current",
        "ended",
        "memo",
        "notes",
        "patient",
        "problems",
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
        self.views: tuple[OrderView, ...] = tuple(
            [identify(order, terminology, as_of, selection) for order in patient.orders or ()]
        )
        self.current: tuple[OrderView, ...] = tuple([view for view in self.views if view.current])
        self.counted: tuple[OrderView, ...] = counted(self.current)
        self.ended: tuple[OrderView, ...] = tuple([view for view in self.views if view.ended])

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
        return dt.date.fromordinal(self.as_of).isoformat()

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
