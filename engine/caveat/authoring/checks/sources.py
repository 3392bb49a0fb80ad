"""Evidence that names a source the bibliography does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level, did_you_mean

CODE: tuple[str, Level] = ("C051", "error")
TITLE = "unknown source"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each source that is in no sources.yaml, in rules and in ledgers."""
    known = folder.texts.sources
    hint = "Add it to sources.yaml with publisher, title, version and licence."
    for placed in folder.texts.rules:
        for index, item in enumerate(placed.rule.evidence):
            if item.source not in known:
                place = placed.place("evidence", index, "source")
                title = f"unknown source {item.source!r}"
                why = "No sources.yaml holds it."
                yield finding(
                    CODE, title, place, why, did_you_mean(item.source, known) or hint, rule=placed.rule.id
                )
    for file, ledger in folder.texts.ledgers.items():
        if ledger.source not in known:
            place = folder.texts.places[file].place(("source",))
            title = f"unknown source {ledger.source!r}"
            yield finding(
                CODE, title, place, "No sources.yaml holds it.", did_you_mean(ledger.source, known) or hint
            )


CHECK = Check(*CODE, TITLE, run)
