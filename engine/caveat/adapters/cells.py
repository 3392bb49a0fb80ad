"""Cells of a table as the fields of a native record."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from caveat.adapters.reject import shorten
from caveat.errors import UnitError
from caveat.facts.strict import is_bare
from caveat.facts.values import Quantity
from caveat.units import parse_quantity

_CODE: Final = re.compile(r"[A-Za-z][\w.:/-]*\|[^\s|\[\]]+")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?([T ].*)?")
_FLAGS: Final = {"yes": True, "true": True, "no": False, "false": False}
MEASURES: Final = ("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")
LISTS: Final = ("orders", "conditions", "allergies", "observations")
CONTEXT_FLAGS: Final = ("specialist_oversight", "hazardous_work", "fall_risk", "alcohol_use")
FLAGS: Final = ("pregnant", "lactating", "deceased")
PLAIN: Final = ("birth_date", "age", "sex", "gestation", "child_pugh")
COLUMNS: Final = (
    "patient_id",
    *PLAIN,
    *FLAGS,
    *(name for measure in MEASURES for name in (measure, f"{measure}_at")),
    *LISTS,
    *(f"{name}_complete" for name in LISTS),
    *CONTEXT_FLAGS,
    "care_setting",
    "pump_refilled",
)

Faults = list[tuple[str, str, str]]


def record(given: dict[str, str], faults: Faults) -> dict[str, Any]:
    """The native record of a row; every cell that cannot be read is entered in `faults`.

    A fault is its column, what is wrong and what stood there.
    """
    found: dict[str, Any] = {"id": given.get("patient_id", "")}
    context: dict[str, Any] = {}
    complete: dict[str, Any] = {}
    for name, cell in given.items():
        if not cell or name == "patient_id":
            continue
        if name in (*MEASURES, "age", "gestation") and is_bare(cell):
            faults.append(
                (name, "a number without its unit; write it with one, such as 70 kg", shorten(cell))
            )
        elif name in PLAIN:
            found[name] = cell.upper() if name == "child_pugh" else _sex(cell) if name == "sex" else cell
        elif name in FLAGS or name in CONTEXT_FLAGS:
            flag = _FLAGS.get(cell.lower())
            if flag is None:
                faults.append(
                    (name, "write yes or no, or leave it empty when it is not known", shorten(cell))
                )
            else:
                (found if name in FLAGS else context)[name] = flag
        elif name in MEASURES:
            at = given.get(f"{name}_at", "")
            found[name] = {"value": cell, "at": at} if at else cell
        elif name.endswith("_at"):
            if not given.get(name[:-3]):
                faults.append((name, f"a date without its {name[:-3]}", shorten(cell)))
        elif name in LISTS:
            found[name] = _list(name, cell, faults)
            if not found[name]:
                complete.setdefault(name, "closed")
        elif name.endswith("_complete"):
            complete[name.removesuffix("_complete")] = cell.lower()
        else:
            context[name] = cell
    if context:
        found["context"] = context
    if complete:
        found["complete"] = complete
    return found


def _sex(cell: str) -> str:
    return {"m": "male", "f": "female"}.get(cell.lower(), cell.lower())


def _list(name: str, cell: str, faults: Faults) -> list[dict[str, Any]]:
    if cell.lower() == "none":
        return []
    found = []
    for number, part in enumerate(_split(cell, ";")):
        if not part.strip():
            continue
        try:
            found.append(_ENTRIES[name](part.strip(), number))
        except ValueError as error:
            faults.append((name, str(error), shorten(part.strip())))
    if not found and not any(fault[0] == name for fault in faults):
        faults.append((name, "a list without entries: write none, or leave it empty", shorten(cell)))
    return found


def _split(cell: str, mark: str) -> list[str]:
    """The cell cut at each mark, and each end of a line, that stands outside square brackets."""
    parts, depth, current = [], 0, ""
    for letter in cell:
        depth += (letter == "[") - (letter == "]")
        if letter in (mark, "\r", "\n") and depth <= 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    return [*parts, current]


def _entry(text: str) -> tuple[str, dict[str, Any]]:
    """`name [key=value, key=value]` as its name and its details."""
    name, bracket, rest = text.partition("[")
    details: dict[str, Any] = {}
    if bracket:
        if not rest.rstrip().endswith("]"):
            raise ValueError("an opening [ needs its closing ] at the end of the entry")
        for pair in rest.rstrip()[:-1].split(","):
            if not pair.strip():
                continue
            key, equals, value = pair.partition("=")
            if not equals or not value.strip():
                raise ValueError("details are written [key=value, key=value]")
            if key.strip() in details:
                raise ValueError(f"{key.strip()!r} stands twice in one entry")
            details[key.strip()] = value.strip()
    if not name.strip():
        raise ValueError("an entry needs a name or a code before its [details]")
    return name.strip(), details


def _named(name: str) -> dict[str, Any]:
    """Codes (`rxnorm|1292`) and words of an entry's name."""
    codes = [word for word in name.split() if _CODE.fullmatch(word)]
    words = " ".join(word for word in name.split() if not _CODE.fullmatch(word))
    return {**({"codes": codes} if codes else {}), **({"text": words} if words else {})}


def _order(text: str, number: int) -> dict[str, Any]:
    name, details = _entry(text)
    record = {"id": f"order-{number + 1}", **_named(name), **details}
    for flag in ("as_needed", "tapered"):
        if flag in details:
            if details[flag].lower() not in _FLAGS:
                raise ValueError(f"{flag} is yes or no")
            record[flag] = _FLAGS[details[flag].lower()]
    if "indication" in details:
        record["indication"] = [_named(details["indication"])]
    return record


def _condition(text: str, number: int) -> dict[str, Any]:
    name, details = _entry(text)
    if "status" in details:
        details["clinical_status"] = details.pop("status")
    return {**_named(name), **details}


def _allergy(text: str, number: int) -> dict[str, Any]:
    found = _condition(text, number)
    if "reactions" in found:
        found["reactions"] = [{"text": one.strip()} for one in found["reactions"].split("+")]
    return found


def _observation(text: str, number: int) -> dict[str, Any]:
    """`concept = value @ date`, with a LOINC code or a concept's name before the equals sign."""
    name, equals, rest = text.partition("=")
    value, _, at = rest.partition("@")
    name, value = name.strip(), value.strip()
    if not equals or not name or not value:
        raise ValueError("an observation is written name = value @ date")
    found: dict[str, Any] = {"codes": [name]} if _CODE.fullmatch(name) else {"concept": name}
    if at.strip():
        found["at"] = at.strip()
    if _DATE.fullmatch(value):
        found["answer"] = value
        return found
    try:
        read = parse_quantity(value)
        found["value"] = Quantity(read.value, read.unit, read.comparator, read.upper)
    except UnitError as error:
        if value[0] in "<>=+-.0123456789":
            raise ValueError(str(error)) from None
        found["answer"] = value
    return found


_ENTRIES: Final[dict[str, Callable[[str, int], dict[str, Any]]]] = {
    "orders": _order,
    "conditions": _condition,
    "allergies": _allergy,
    "observations": _observation,
}
