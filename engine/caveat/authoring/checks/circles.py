"""Rules that supersede one another in a circle: each would be hidden, and nothing shown."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.order import superseded_by
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C034", "error")
TITLE = "rules supersede one another in a circle"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each rule of a circle, at its `supersedes`."""
    reach = superseded_by(folder)
    for rule in folder.rules:
        if rule.id not in reach.get(rule.id, ()):
            continue
        others = sorted(n for n in reach[rule.id] if rule.id in reach.get(n, ()) and n != rule.id)
        why = "Both findings would be suppressed and no alert shown: a false all-clear."
        if not others:
            why = "The rule supersedes itself: its own alert would be suppressed."
        named = f" It is closed by {', '.join(others)}." if others else ""
        place = rule.placed.place("supersedes", key=True)
        yield finding(CODE, TITLE, place, why + named, "Keep only the graver rule's entry.", rule=rule.id)


CHECK = Check(*CODE, TITLE, run)
