"""A ledger that names a rule that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level, did_you_mean

CODE: tuple[str, Level] = ("C062", "error")
TITLE = "ledger names an unknown rule"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each rule of a ledger entry that is not below the folder, or is retired."""
    status = {placed.rule.id: placed.rule.status for placed in folder.texts.rules}
    for file, ledger in folder.texts.ledgers.items():
        for index, entry in enumerate(ledger.statements):
            for position, name in enumerate(entry.rules):
                if status.get(name, "retired") != "retired":
                    continue
                place = folder.texts.places[file].place(("statements", index, "rules", position))
                why = f"{entry.id} is said to be carried by a rule that is never judged."
                title = f"ledger names an unknown rule {name!r}"
                yield finding(CODE, title, place, why, did_you_mean(name, status), rule=name)


CHECK = Check(*CODE, TITLE, run)
