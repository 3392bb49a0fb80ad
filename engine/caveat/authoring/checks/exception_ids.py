"""Two exceptions of one rule with the same id: a report could not say which one was meant."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C065", "error")
TITLE = "exception id stands twice"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each exception whose id an earlier one of the same rule has."""
    for placed in folder.texts.rules:
        first: dict[str, int] = {}
        for index, item in enumerate(placed.rule.unless):
            if item.id in first:
                place = placed.place("unless", index, "id")
                why = f"The first stands at {placed.place('unless', first[item.id], 'id')}."
                title = f"exception {item.id!r} stands twice"
                yield finding(CODE, title, place, why, "Give it its own id.", rule=placed.rule.id)
            first.setdefault(item.id, index)


CHECK = Check(*CODE, TITLE, run)
