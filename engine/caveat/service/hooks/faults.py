"""Everything that is wrong with a body, collected and refused at once."""

from __future__ import annotations

from typing import Any, Final

from caveat.errors import shorten
from caveat.service.problems import Fault, Refused

MOST: Final = 100
"""Faults that are named; more are counted."""


class Faults:
    """Faults in the order they were found."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, code: str, message: str, path: str, value: Any = None, hint: str = "") -> None:
        """One more; `value` is what stood there, shown shortened. Never give a token."""
        shown = "" if value is None else shorten(value)
        self._found.append(Fault(code, message, path, shown, hint))

    def text(self, value: Any, path: str, *, required: bool = True, hint: str = "") -> str | None:
        """The text at `path`; None, and a fault, for anything else. Blank is no text; null is absent."""
        if value is None:
            if required:
                self.add("missing", f"{path[2:]} is required", path, hint=hint)
            return None
        if not isinstance(value, str):
            self.add("type", f"{path[2:]} must be text, not {kind(value)}", path, value, hint)
            return None
        if not value.strip():
            self.add("empty", f"{path[2:]} must not be empty", path, hint=hint)
            return None
        return value

    def refuse(self, title: str, status: int = 400) -> None:
        """Raises Refused when anything was found."""
        if not self._found:
            return
        found = self._found[:MOST]
        if len(self._found) > MOST:
            found.append(Fault("more", f"{len(self._found) - MOST} further faults are not listed"))
        raise Refused(status, title, tuple(found))


def kind(value: Any) -> str:
    """What JSON calls it."""
    if value is None:
        return "null"
    names: tuple[tuple[type, str], ...] = (
        (bool, "a truth value"),
        (str, "text"),
        (int, "a number"),
        (float, "a number"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((name for known, name in names if isinstance(value, known)), "another type")
