"""A ledger and a rule that do not say the same of one another."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C063", "error")
TITLE = "ledger and rule do not agree"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each statement that names a rule which does not cover it, and the other way round."""
    by_id = {placed.rule.id: placed for placed in folder.texts.rules}
    carried: dict[str, set[str]] = {}
    for file, ledger in folder.texts.ledgers.items():
        for index, entry in enumerate(ledger.statements):
            carried.setdefault(entry.id, set()).update(entry.rules)
            for position, name in enumerate(entry.rules):
                rule = by_id.get(name)
                if rule is not None and entry.id not in rule.rule.covers:
                    place = folder.texts.places[file].place(("statements", index, "rules", position))
                    why = f"{name} ({rule.place('id')}) does not list {entry.id} under covers."
                    hint = f"Add {entry.id} to its covers, or take the rule out of the ledger entry."
                    yield finding(CODE, TITLE, place, why, hint, rule=name)
    for placed in folder.texts.rules:
        for index, name in enumerate(placed.rule.covers):
            if name in carried and placed.rule.id not in carried[name]:
                place = placed.place("covers", index)
                why = f"The ledger entry {name} does not name this rule."
                hint = "Add the rule to the entry, or take the statement out of covers."
                yield finding(CODE, TITLE, place, why, hint, rule=placed.rule.id)


CHECK = Check(*CODE, TITLE, run)
