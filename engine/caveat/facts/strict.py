"""A record read strictly: the Patient that plain data state, or every fault of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from caveat.errors import InputError, shorten
from caveat.facts import clinical
from caveat.facts.patient import Measurement, Patient
from caveat.facts.values import IMPOSSIBLE

LISTED: Final[dict[str, type[BaseModel]]] = {
    "orders": clinical.Order,
    "conditions": clinical.Condition,
    "allergies": clinical.Allergy,
    "observations": clinical.Observation,
    "context": clinical.Context,
    "complete": clinical.Lists,
    "notes": clinical.Note,
    "problems": clinical.Problem,
    "indication": clinical.Coded,
    "reactions": clinical.Coded,
    "answer": clinical.Coded,
}
"""The model of each field that holds records of its own."""

_MODELS: Final[dict[str, type[BaseModel]]] = {
    **LISTED,
    **dict.fromkeys(("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr"), Measurement),
}
SYNONYMS: Final = {
    "medications": "orders",
    "drugs": "orders",
    "prescriptions": "orders",
    "meds": "orders",
    "diagnoses": "conditions",
    "problem_list": "conditions",
    "labs": "observations",
    "measurements": "observations",
    "dob": "birth_date",
    "birthdate": "birth_date",
    "gender": "sex",
    "date_of_birth": "birth_date",
    "patient_id": "id",
    "person_id": "id",
    "subject_id": "id",
    "mrn": "id",
    "crcl": "creatinine_clearance",
    "clearance": "creatinine_clearance",
    "gfr": "egfr",
    "breastfeeding": "lactating",
    "pregnancy": "pregnant",
    "name": "text",
    "drug": "text",
    "medication": "text",
    "substance": "text",
    "start_date": "start",
    "end": "stop",
    "end_date": "stop",
    "stop_date": "stop",
    "prn": "as_needed",
    "date": "at",
    "units": "unit",
    "vocabulary": "system",
}
"""What others call the fields of a record."""


# The measurements that a record states by name, with the unit that a hint shows.
UNITS: Final = {
    "age": "a",
    "gestation": "wk",
    "weight": "kg",
    "height": "cm",
    "serum_creatinine": "mg/dL",
    "creatinine_clearance": "mL/min",
    "egfr": "mL/min/{1.73_m2}",
}
Fault = tuple[str, str, str, str]
"""Path, message, value and code of one thing that is wrong."""


class RecordError(InputError):
    """Every fault of one record; `summary` is the first alone and `also` the others, a line each."""

    def __init__(self, *, faults: list[Fault], also: tuple[str, ...], source: str) -> None:
        path, self.summary, value, code = faults[0]
        self.also = also
        listed = "".join(f"\n  also: {other}" for other in also)
        shown = f" (found {value})" if value and also else ""
        super().__init__(
            self.summary + shown + listed, code=code, source=source, path=path, value="" if also else value
        )
        self.value = value


def read_record(record: Mapping[str, Any], *, source: str = "") -> Patient:
    """The Patient that plain data state, in the fields of the native record.

    A value that cannot be true is set aside as a problem. Raises RecordError with every fault, and
    RecursionError for data nested too deeply.
    """
    bare = _without_unit(record)
    try:
        found = _validated(dict(record))
    except ValidationError as error:
        raise _explained(error, source, bare) from None
    if bare:
        raise _record_error(bare, source)
    return found if found.source or not source else found.model_copy(update={"source": source})


def is_bare(text: str) -> bool:
    """Whether the text is a number, perhaps with a comparator, and no unit."""
    return re.fullmatch(r"[<>=≤≥+\-\s]*[0-9][0-9.,]*\s*", text) is not None


def _validated(value: dict[str, Any]) -> Patient:
    """The Patient; a value that cannot be true is set aside as a problem, and the rest is judged."""
    try:
        return Patient.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        if any(fault["type"] != IMPOSSIBLE for fault in faults):
            raise
    value = json.loads(json.dumps(value, default=str))
    problems = list(value.get("problems") or ())
    for fault in faults:
        *parents, last = fault["loc"]
        holder: Any = value
        for step in parents:
            holder = holder[step]
        path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault["loc"])
        problems.append(
            {
                "code": "impossible-value",
                "message": fault["msg"],
                "path": path,
                "value": shorten(holder[last]),
            }
        )
        del holder[last]
    value["problems"] = problems
    return _validated(value)


def _explained(error: ValidationError, source: str, bare: list[Fault]) -> RecordError:
    faults = [_fault(dict(one)) for one in error.errors(include_url=False, include_context=False)]
    known = {path for path, *_ in faults}
    return _record_error([*faults, *(one for one in bare if one[0] not in known)], source)


def _record_error(faults: list[Fault], source: str) -> RecordError:
    others = [
        f"{path}: {message}" + (f" (found {value})" if value else "")
        for path, message, value, _ in faults[1:]
    ]
    return RecordError(faults=faults, also=tuple(others), source=source)


def _without_unit(record: Mapping[str, Any]) -> list[Fault]:
    """A fault for each measurement that is a number as text alone: it would pass for a plain count."""
    stated = [(f"$.{name}", record.get(name), name) for name in UNITS]
    observations = record.get("observations")
    for place, one in enumerate(observations if isinstance(observations, (list, tuple)) else ()):
        if isinstance(one, Mapping) and isinstance(one.get("concept"), str) and one["concept"] in UNITS:
            stated.append((f"$.observations[{place}].value", one.get("value"), one["concept"]))
    faults: list[Fault] = []
    for path, given, name in stated:
        value = given.get("value") if isinstance(given, Mapping) and "unit" not in given else given
        if isinstance(value, str) and is_bare(value):
            hint = f"a measurement needs its unit: write it as '{value.strip()} {UNITS[name]}'"
            faults.append((path, hint, shorten(value), "unit-missing"))
    return faults


def _fault(one: dict[str, Any]) -> Fault:
    """Path, message, value and code of one of pydantic's errors, in plain words."""
    kind, where = one["type"], tuple(one["loc"])
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{shorten(step, 60)}" for step in where)
    message = str(one["msg"]).removeprefix("Value error, ")
    value = one.get("input")
    if kind == "extra_forbidden":
        return path, _unknown_key(where), "", "unknown-key"
    if kind == "missing":
        return path, "this is required and is not there", "", "missing"
    if kind == "literal_error":
        message = message.replace("Input should be", "must be one of").replace(" or ", ", ")
        if message.count("'") == 2:
            message = message.replace("must be one of", "must be")
    elif kind.endswith(("_type", "_parsing")):
        message = message.replace("Input should be a valid", "must be a").replace(
            "must be a tuple", "must be a list"
        )
    if isinstance(value, (dict, list, tuple)) and kind == "value_error":
        value = None  # the message names the value that matters
    return path, message, "" if value is None else shorten(value), kind.replace("_", "-")


def _unknown_key(where: tuple[int | str, ...]) -> str:
    key = str(where[-1])
    model: type[BaseModel] = Patient
    for step in where[:-1]:
        model = _MODELS.get(str(step), model)
    names = list(model.model_fields)
    plain = key.lower().replace("-", "_").replace(" ", "_")
    guess = SYNONYMS.get(plain)
    close = [guess] if guess in names else get_close_matches(plain, names, n=1, cutoff=0.6)
    meant = f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(names)}"
    return f"{shorten(key, 40)!r} is not a field of {model.__name__.lower()}{meant}"
