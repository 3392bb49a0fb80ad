"""A summary that is cut off on the screen, as it stands."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C053", "error")
TITLE = "summary is too long"
LIMIT = 140


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each summary of 140 characters or more, placeholders counted as written."""
    for placed in folder.texts.rules:
        summary = placed.rule.alert.summary
        if len(summary) >= LIMIT:
            why = f"It has {len(summary)} characters; an alert shows fewer than {LIMIT}."
            hint = "Move the explanation to consequence or action."
            yield finding(CODE, TITLE, placed.place("alert", "summary"), why, hint, rule=placed.rule.id)


CHECK = Check(*CODE, TITLE, run)
