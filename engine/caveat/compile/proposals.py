"""Suggested changes of an order, with every quantity and name checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from caveat.compile.expressions import Reader
from caveat.compile.program import Suggestion
from caveat.errors import UnitError
from caveat.rules.diagnostics import Path, did_you_mean
from caveat.rules.model import Proposal
from caveat.units import parse_quantity, parse_unit

_NEEDS: Final = {"dose": ("dose", "frequency"), "alternative": ("ingredient",), "cancel": ()}
_WITH_ORDER: Final = ("order", "pair", "allergy")


def suggestions(
    written: Sequence[Proposal], subject: str, reader: Reader, path: Path
) -> tuple[Suggestion, ...]:
    """The suggestions of a rule; what is wrong with one is recorded with its place."""
    found = []
    for index, one in enumerate(written):
        place = (*path, "suggest", index)
        if subject not in _WITH_ORDER:
            why = f"It changes the judged order, and a rule for {subject} judges none."
            reader.problem("C022", "key does not fit", (*path, "suggest"), why, key=True)
            return ()
        if one.id in {other.id for other in written[:index]}:
            reader.problem(
                "C008", f"suggestion id {one.id!r} stands twice", (*place, "id"), "Ids are unique."
            )
        _check(one, reader, place)
        found.append(Suggestion(one.id, one.kind, one.label, one.dose, one.frequency, one.ingredient))
    return tuple(found)


def _check(one: Proposal, reader: Reader, place: Path) -> None:
    wanted = _NEEDS[one.kind]
    given = [name for name in ("dose", "frequency", "ingredient") if getattr(one, name) is not None]
    for name in given:
        if name not in wanted:
            reader.problem(
                "C022", "key does not fit", (*place, name), f"kind {one.kind} takes no {name}.", key=True
            )
    if wanted and not set(wanted) & set(given):
        reader.problem(
            "C012",
            "missing key",
            place,
            f"kind {one.kind} needs {' or '.join(wanted)}.",
            "Say what is proposed.",
        )
    if one.dose is not None:
        _amount(one.dose, reader, (*place, "dose"))
    if one.frequency is not None:
        _frequency(one.frequency, reader, (*place, "frequency"))
    known = reader.terminology.tables.ingredients
    if one.ingredient is not None and one.ingredient not in known:
        hint = did_you_mean(one.ingredient, known)
        title = f"unknown ingredient {one.ingredient!r}"
        reader.problem("C020", title, (*place, "ingredient"), "No table of the vocabulary has it.", hint)


def _amount(text: str, reader: Reader, path: Path) -> None:
    """One plain amount of a medicine, not a range and not a rate."""
    try:
        read = parse_quantity(text)
        unit = dict(parse_unit(read.unit).dimension)
    except UnitError as error:
        reader.problem("C021", "unit does not fit", path, f"{error}", "Write one amount, such as 5 mg.")
        return
    if read.upper is not None or read.comparator or read.value <= 0 or unit.get("s"):
        reader.problem("C021", "unit does not fit", path, f"{text} is not one amount.", "Write 5 mg, say.")


def _frequency(text: str, reader: Reader, path: Path) -> None:
    try:
        read = parse_quantity(text)
        unit = dict(parse_unit(read.unit).dimension)
    except UnitError as error:
        reader.problem("C021", "unit does not fit", path, f"{error}", "Write a count a time, such as 3 /d.")
        return
    if read.upper is not None or read.comparator or read.value <= 0 or unit != {"s": -1}:
        reader.problem(
            "C021", "unit does not fit", path, f"{text} is not a count a time.", "Write 3 /d, say."
        )
