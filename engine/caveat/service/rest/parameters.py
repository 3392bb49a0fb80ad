"""Parameters of a call, from its query or its body: each once, none unknown, every fault at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from caveat.errors import CaveatError, shorten
from caveat.service.problems import Fault, Refused
from caveat.service.rest.bodies import unknown_key

if TYPE_CHECKING:
    from starlette.requests import Request

SELECTIONS = ("active", "overlapping", "ever")


class Given:
    """Values by name, and what is wrong with them so far; `where` comes before a name in a fault."""

    def __init__(self, values: dict[str, str], faults: list[Fault], where: str = "") -> None:
        self.values, self.faults, self._where = values, faults, where

    def fault(self, code: str, message: str, name: str, hint: str = "") -> None:
        """Note one thing that is wrong."""
        shown = shorten(self.values.get(name, ""))
        self.faults.append(Fault(code, message, self._where + name, shown, hint))

    def one_of(self, name: str, known: tuple[str, ...]) -> None:
        """A value that must be one of `known`, where it is given."""
        if name in self.values and self.values[name] not in known:
            self.fault("unknown-value", f"there is no such {name}", name, f"One of: {', '.join(known)}")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds; `default` where it is not given."""
        text = self.values.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        self.fault("number", f"this must be a whole number from {least} to {most}", name)
        return default

    def refuse(self, title: str) -> None:
        """Raises Refused (422) where anything is wrong."""
        if self.faults:
            raise Refused(422, title, tuple(self.faults))


def in_query(request: Request, known: tuple[str, ...]) -> Given:
    """The parameters of the query."""
    values: dict[str, str] = {}
    faults: list[Fault] = []
    for name, value in request.query_params.multi_items():
        if name not in known:
            if known:
                faults.append(unknown_key(name, known, path=shorten(name, 40)))
            else:
                faults.append(Fault("unknown-key", "no parameters are read here", shorten(name, 40)))
        elif name in values:
            faults.append(Fault("duplicate-key", "this parameter is given twice", name))
        else:
            values[name] = value
    return Given(values, faults)


def in_body(given: Mapping[str, Any]) -> Given:
    """Day and selection of a body, whose fields stand as their own bytes."""
    import msgspec

    values: dict[str, str] = {}
    faults: list[Fault] = []
    for name in ("as_of", "selection"):
        value = msgspec.json.decode(given[name]) if name in given else None
        if isinstance(value, str):
            values[name] = value
        elif value is not None:
            faults.append(Fault("not-text", "this must be text", f"$.{name}", shorten(value)))
    return Given(values, faults, "$.")


def day_and_selection(given: Given, today: str) -> tuple[str, str]:
    """The day to judge for, as ISO text, and the selection of orders: today and active by default."""
    from caveat.evaluators.screen import ordinal

    given.one_of("selection", SELECTIONS)
    as_of = given.values.get("as_of")
    if as_of is not None:
        try:
            today = dt.date.fromordinal(ordinal(as_of)).isoformat()
        except (CaveatError, ValueError) as error:
            given.fault("as-of", str(error), "as_of")
    return today, given.values.get("selection", "active")
