"""A rule without a source."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C050", "error")
TITLE = "rule has no evidence"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each rule with an empty `evidence`; a rule that leaves the key out does not load (C012)."""
    for placed in folder.texts.rules:
        if not placed.rule.evidence:
            why = "A reviewer could not tell where it comes from."
            hint = "Name a source of sources.yaml, its section and what it says, restated."
            yield finding(CODE, TITLE, placed.place("evidence", key=True), why, hint, rule=placed.rule.id)


CHECK = Check(*CODE, TITLE, run)
