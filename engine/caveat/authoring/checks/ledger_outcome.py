"""A statement of a source of which the ledger does not say what became of it."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C064", "error")
TITLE = "statement needs exactly one outcome"
OUTCOMES = ("rules", "data", "advice", "cannot")


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each ledger entry with none or several of rules, data, advice and cannot; each id that stands twice."""
    for file, ledger in folder.texts.ledgers.items():
        source = folder.texts.places[file]
        seen: dict[str, int] = {}
        for index, entry in enumerate(ledger.statements):
            place = source.place(("statements", index, "id"))
            given = [name for name in OUTCOMES if getattr(entry, name)]
            if len(given) != 1:
                why = f"{entry.id} has {' and '.join(given) or 'none of them'}."
                hint = "Write exactly one of rules, data, advice, cannot; the rest belongs in note."
                yield finding(CODE, TITLE, place, why, hint)
            if entry.id in seen:
                first = source.place(("statements", seen[entry.id], "id"))
                title = f"statement {entry.id!r} stands twice"
                yield finding(CODE, title, place, f"The first stands at {first}.", "Join the two.")
            seen.setdefault(entry.id, index)


CHECK = Check(*CODE, TITLE, run)
