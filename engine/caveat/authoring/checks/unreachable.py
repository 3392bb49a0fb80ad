"""An exception that cannot hold where its rule applies: nobody is ever excused by it."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.contradiction import pair
from caveat.authoring.checks.logic import holds, impossible, scope_of, stays_open
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C032", "error")
TITLE = "exception can never hold"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each exception that is never TRUE while the condition is TRUE or UNKNOWN."""
    for rule in folder.judged:
        compiled = rule.compiled
        scope = scope_of(compiled.subject, compiled.first, compiled.second)
        for index, exclusion in enumerate(compiled.unless):
            if impossible(*scope, holds(exclusion.node)) is not None:
                continue  # impossible by itself: C030 says so
            found = impossible(*scope, stays_open(compiled.when), holds(exclusion.node))
            if found is not None:
                place = rule.placed.place("unless", index, "id")
                title = f"exception {exclusion.id!r} can never hold"
                why = f"Inside this rule {pair(*found)}"
                hint = "Take the other case out of `when`, or write a rule of its own for it."
                yield finding(CODE, title, place, why, hint, rule=rule.id)


CHECK = Check(*CODE, TITLE, run)
