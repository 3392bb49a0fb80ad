"""An interaction rule without the minimal information of an interaction."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C055", "error")
TITLE = "interaction metadata is missing"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each rule of kind `interaction` without `interaction:`, and each entry of it that is blank."""
    for placed in folder.texts.rules:
        facts = placed.rule.interaction
        if facts is None:
            if placed.rule.kind == "interaction":
                why = "Mechanism, seriousness, modifying factors and frequencies belong to each interaction."
                hint = "Add interaction:, and write unknown for what is not known."
                yield finding(CODE, TITLE, placed.place("kind"), why, hint, rule=placed.rule.id)
            continue
        for name, value in facts.model_dump().items():
            if not str(value).strip():
                place = placed.place("interaction", name)
                yield finding(
                    CODE, TITLE, place, f"{name} is blank.", "Write unknown if so.", rule=placed.rule.id
                )


CHECK = Check(*CODE, TITLE, run)
