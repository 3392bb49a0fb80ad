"""A summary that is cut off once long values stand in it."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.summaries import LIMIT
from caveat.evaluators.texts import PLACEHOLDER, UNKNOWN_TEXT
from caveat.rules.diagnostics import Diagnostic, Level
from caveat.terminology.concepts import Terminology

CODE: tuple[str, Level] = ("C054", "warning")
TITLE = "summary is cut off with long values"
NAME = 40
"""Characters of a long product or condition as records write it."""
NUMBER = len("at least 1234.5 mL/min")


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each summary under 140 characters as written that passes them when filled with long values."""
    for placed in folder.texts.rules:
        summary = placed.rule.alert.summary
        longest = len(PLACEHOLDER.sub(lambda m: "x" * width(m.group(1).strip(), folder.terminology), summary))
        if len(summary) < LIMIT <= longest:
            why = f"With long values it has {longest} characters; an alert shows fewer than {LIMIT}."
            hint = "Shorten the words around the values."
            yield finding(CODE, TITLE, placed.place("alert", "summary"), why, hint, rule=placed.rule.id)


def width(name: str, terminology: Terminology) -> int:
    """The characters that a long value of a placeholder takes."""
    prop = name.removeprefix("half:").rpartition(".")[2]
    if prop in ("name", "ingredient", "indication"):
        return NAME
    if prop in ("route", "form"):
        table = terminology.tables.routes if prop == "route" else terminology.tables.forms
        return max([len("route not recorded"), *map(len, table)])
    if prop in ("sex", "pregnant", "lactating", "child_pugh_class", "status"):
        return len(UNKNOWN_TEXT)
    return NUMBER


CHECK = Check(*CODE, TITLE, run)
