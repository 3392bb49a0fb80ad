"""A rule that hides a graver one."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.findings.severity import RANK
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C035", "error")
TITLE = "a milder rule supersedes a graver one"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each entry of `supersedes` that names a rule of graver severity."""
    by_id = {rule.id: rule for rule in folder.rules}
    for rule in folder.rules:
        for index, name in enumerate(rule.compiled.supersedes):
            other = by_id.get(name)
            if other is None or RANK[other.compiled.severity] >= RANK[rule.compiled.severity]:
                continue
            mine, its = rule.compiled.severity, other.compiled.severity
            why = f"{name} is {its} and would be hidden by an alert that is {mine}."
            hint = "Let the graver rule supersede this one, or give the milder case an exception there."
            yield finding(CODE, TITLE, rule.placed.place("supersedes", index), why, hint, rule=rule.id)


CHECK = Check(*CODE, TITLE, run)
