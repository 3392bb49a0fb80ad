"""A value set of the folder's own vocabulary that nothing can be in."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level, Place

CODE: tuple[str, Level] = ("C038", "error")
TITLE = "value set is empty"
FILE = "value_sets.yaml"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each value set that neither it nor a set within it gives a code; words alone make nothing certain."""
    if not folder.local:
        return
    tables = folder.terminology.tables
    coded = {name for name, v in tables.value_sets.items() if v["icd10cm"] or v["snomed"]}
    wider = {wide for name in coded for wide in tables.within.get(name, ())}
    for name in tables.value_sets:
        found = folder.terminology.value_set(name)
        if found.icd10cm or found.snomed or name in wider:
            continue
        why = f"{name} has no code: no coded condition is in it, and a rule on it stays silent."
        hint = "Add icd10cm roots or SNOMED CT codes."
        yield finding(CODE, f"value set {name!r} is empty", place_of(folder, name), why, hint)


def place_of(folder: Folder, name: str) -> Place:
    """Where a value set is defined."""
    file = folder.concepts / FILE
    shown = f"{folder.root.name}/{folder.concepts.name}/{FILE}"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return Place(shown)
    for number, line in enumerate(lines, 1):
        head, found, rest = line.partition(f"id: {name}")
        if found and not head.strip(" -{") and (not rest or rest[0] in ",} \t#"):
            return Place(shown, number, len(head) + 5, len(name), line)
    return Place(shown)


CHECK = Check(*CODE, TITLE, run)
