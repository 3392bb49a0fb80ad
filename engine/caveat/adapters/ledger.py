"""Oddities met while one record is read: notes are counted, problems are kept one by one."""

from __future__ import annotations

import re
from typing import Final

from caveat.adapters.assemble import trusted
from caveat.adapters.reject import shorten
from caveat.facts.clinical import Note, Problem

LONGEST_TEXT: Final = 2_000
"""Characters of a text that are kept; a longer one is cut and its cut is a problem."""

_MOST_PROBLEMS: Final = 200
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u202a-\u202e\u2066-\u2069]")


class Ledger:
    """Collects what one record's reading has to say, in the order met; made anew for each record."""

    __slots__ = ("_counts", "_notes", "_problems", "_unlisted")

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], str] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._problems: dict[tuple[str, str, str], Problem] = {}
        self._unlisted = 0

    def note(self, code: str, message: str, path: str = "", count: int = 1) -> None:
        """Counts an oddity that did not stop anything; `path` is that of the first."""
        key = (code, message)
        self._notes.setdefault(key, path)
        self._counts[key] = self._counts.get(key, 0) + count

    def problem(self, code: str, message: str, path: str = "", value: object = "") -> None:
        """Keeps a value that is not used as a fact; the record is then never clear."""
        key = (code, message, path)
        if key in self._problems:
            return
        if len(self._problems) >= _MOST_PROBLEMS:
            self._unlisted += 1
            return
        self._problems[key] = Problem(
            code=code, message=message, path=path, value="" if value == "" else shorten(value)
        )

    def repeat(self, log: Ledger, path: str) -> None:
        """Says everything again in another ledger, with `path` before each path."""
        for (code, message), where in self._notes.items():
            log.note(code, message, path + where, self._counts[code, message])
        for one in self._problems.values():
            log.problem(one.code, one.message, path + one.path, one.value)
        log._unlisted += self._unlisted

    def clean(self, text: str, path: str = "") -> str:
        """The text without invisible characters and outer blanks, cut at LONGEST_TEXT; both are said."""
        if not text.isascii():
            seen = _INVISIBLE.sub("", text)
            if seen != text:
                self.note("invisible-characters", "invisible characters were taken out of a text", path)
                text = seen
        text = text.strip()
        if len(text) > LONGEST_TEXT:
            self.problem(
                "text-too-long",
                f"a text of {len(text)} characters was cut at {LONGEST_TEXT}; the rest was not read",
                path,
                text,
            )
            text = text[:LONGEST_TEXT]
        return text

    @property
    def notes(self) -> tuple[Note, ...]:
        """Each oddity once, with its count."""
        return tuple(
            trusted(Note, {"code": key[0], "message": key[1], "path": path, "count": self._counts[key]})
            for key, path in self._notes.items()
        )

    @property
    def noted(self) -> frozenset[str]:
        """The codes of the oddities."""
        return frozenset(code for code, _ in self._notes)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem, and one that counts those past the limit of the list."""
        listed = tuple(self._problems.values())
        if not self._unlisted:
            return listed
        more = Problem(code="more-problems", message=f"{self._unlisted} further problems are not listed")
        return (*listed, more)
