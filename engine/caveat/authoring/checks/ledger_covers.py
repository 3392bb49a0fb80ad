"""A rule that covers a statement no ledger holds."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level, did_you_mean

CODE: tuple[str, Level] = ("C061", "error")
TITLE = "unknown statement"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each entry of `covers` that is in no ledger below the folder."""
    known = {entry.id for ledger in folder.texts.ledgers.values() for entry in ledger.statements}
    for placed in folder.texts.rules:
        for index, name in enumerate(placed.rule.covers):
            if name not in known:
                why = "No ledger holds a statement of that id."
                hint = did_you_mean(name, known) or "Add the statement to ledger.yaml."
                title = f"unknown statement {name!r}"
                yield finding(CODE, title, placed.place("covers", index), why, hint, rule=placed.rule.id)


CHECK = Check(*CODE, TITLE, run)
