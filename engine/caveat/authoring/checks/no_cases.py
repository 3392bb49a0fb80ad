"""A file of rules without a file of cases beside it."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level, Place
from caveat.rules.folder import CASES, RULES

CODE: tuple[str, Level] = ("C057", "error")
TITLE = "rules without cases"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each rules file whose cases file of the same stem does not exist."""
    for file in dict.fromkeys(placed.file for placed in folder.texts.rules):
        beside = file.with_name(file.name.removesuffix(RULES) + CASES)
        if not beside.is_file():
            source = folder.texts.places[file]
            why = f"{beside.name} does not stand beside it: nothing shows that the rules do what they say."
            yield finding(
                CODE, TITLE, Place(source.file), why, "Write the cases, the missing-data case first."
            )


CHECK = Check(*CODE, TITLE, run)
