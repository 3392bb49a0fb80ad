"""What of a faulty configuration can be read, and where in the file a problem of the rest stands."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from caveat.rules.diagnostics import Path as Where
from caveat.rules.diagnostics import Place, Problems
from caveat.rules.source import Source
from caveat.service.config import Config

_ROUNDS: Final = 20
"""Leaving a part out may show what is wrong with the one around it."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Adds problems with their places. What stands in a part that could not be read is left alone.

    `given` are settings that came from the command line and not from the file; `kept` says which
    places the items of a list have in the file, where items of it were left out.
    """

    source: Source
    problems: Problems
    unread: frozenset[Where]
    given: frozenset[str]
    kept: Mapping[Where, list[int]] = field(default_factory=dict)

    def error(self, code: str, title: str, path: Where, why: str = "", hint: str = "") -> None:
        """Something that would stop the service or mislead it."""
        self._add(code, title, path, why, hint, warn=False)

    def warning(self, code: str, title: str, path: Where, why: str = "", hint: str = "") -> None:
        """Something that someone should look at."""
        self._add(code, title, path, why, hint, warn=True)

    def _add(self, code: str, title: str, path: Where, why: str, hint: str, *, warn: bool) -> None:
        for at, step in enumerate(path):
            if isinstance(step, int) and path[:at] in self.kept:
                path = (*path[:at], self.kept[path[:at]][step], *path[at + 1 :])
        if any(path[: len(cut)] == cut[: len(path)] for cut in self.unread):
            return
        place = Place("--" + str(path[0])) if path[:1] and path[0] in self.given else self.source.place(path)
        self.problems.add(code, title, place, why=why, hint=hint, level="warning" if warn else "error")


def readable_part(source: Source) -> tuple[Config | None, frozenset[Where], dict[Where, list[int]]]:
    """The configuration without what does not fit, the places of what was left out, and the places that
    the items of a shortened list have in the file. None where nothing can be read.

    A faulty item of a list is left out as a whole.
    """
    left: set[Where] = set()
    kept: dict[Where, list[int]] = {}
    if not isinstance(source.data, dict):
        return None, frozenset(), kept
    data = copy.deepcopy(source.data)
    for _ in range(_ROUNDS):
        try:
            return Config.model_validate(data), frozenset(left), kept
        except ValidationError as error:
            places = {_part(item["loc"], item["type"] == "missing") for item in error.errors()}
            for place in sorted(places, key=_order, reverse=True):
                left.add(_cut(data, place, kept))
    return None, frozenset(left), kept


def _part(loc: Where, missing: bool) -> Where:
    """The smallest part that can be left out."""
    path = loc[:-1] if missing else loc
    number = next((at for at, step in enumerate(path) if isinstance(step, int)), None)
    return path if number is None else path[: number + 1]


def _order(place: Where) -> list[str]:
    """Later items of a list after earlier ones."""
    return [f"{step:09}" if isinstance(step, int) else step for step in place]


def _cut(data: dict[str, Any], path: Where, kept: dict[Where, list[int]]) -> Where:
    """Take a part out; its place in the file."""
    here: Any = data
    for at, step in enumerate(path):
        if isinstance(here, list) and isinstance(step, int):
            numbers = kept.setdefault(path[:at], list(range(len(here))))
            del here[step]
            return (*path[:at], numbers.pop(step))
        inside = here.get(step)
        if at == len(path) - 1 or not isinstance(inside, (dict, list)):
            here.pop(step, None)
            return path[: at + 1]
        here = inside
    data.clear()
    return ()
