"""A limit that the cases do not show from both sides."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.prepared import bounds, by_rule, prepare, unseen_sides
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C060", "error")
TITLE = "limit is not shown from both sides"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each limit without a case exactly at it, or without one close by on its other side.

    Close by is within a tenth, or one step of what is counted. Rules without any case are C057 or C058.
    """
    cases_of = by_rule(folder.cases)
    for rule in folder.judged:
        cases = prepare(cases_of, rule.compiled, folder.terminology)
        if not cases:
            continue
        for spot in rule.spots:
            for bound in bounds(spot.node) if not hasattr(spot.node, "parts") else []:
                unseen = unseen_sides(cases, bound)
                if unseen:
                    why = f"No case has a value of {' or '.join(unseen)}."
                    hint = "Add it with class: boundary."
                    yield finding(CODE, TITLE, spot.place, why, hint, rule=rule.id)


CHECK = Check(*CODE, TITLE, run)
