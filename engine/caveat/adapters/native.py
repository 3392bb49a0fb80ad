"""The native record: facts as JSON, read strictly and written back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from caveat.adapters.cells import is_bare
from caveat.adapters.fhir import decode
from caveat.adapters.reject import shorten
from caveat.dates import When
from caveat.errors import InputError, UnitError
from caveat.facts import clinical
from caveat.facts.patient import Measurement, Patient
from caveat.facts.values import IMPOSSIBLE, Quantity
from caveat.terminology.codes import Code
from caveat.units import parse_unit

_MODELS: Final[dict[str, type[BaseModel]]] = {
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
    "weight": Measurement,
    "height": Measurement,
    "serum_creatinine": Measurement,
    "creatinine_clearance": Measurement,
    "egfr": Measurement,
}
# What others call these fields.
_SYNONYMS: Final = {
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
    "patient_id": "id",
    "crcl": "creatinine_clearance",
    "clearance": "creatinine_clearance",
    "gfr": "egfr",
    "breastfeeding": "lactating",
    "pregnancy": "pregnant",
    "name": "text",
    "drug": "text",
    "medication": "text",
    "substance": "text",
    "end": "stop",
    "prn": "as_needed",
    "date": "at",
}


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


def read_native(record: Mapping[str, Any] | bytes | str, *, source: str = "") -> Patient:
    """The Patient that a native record states.

    Raises InputError with every fault at once: `path` (`$.orders[0].dose`), `value` and `code` are
    those of the first, the message names all. A key that appears twice is a fault, not a choice.
    """
    value: Any = record
    if isinstance(record, (bytes, str)):
        value = _parse(
            record if isinstance(record, bytes) else record.encode("utf-8", "surrogatepass"), source
        )
    if not isinstance(value, Mapping):
        raise InputError(
            "a record is a JSON object", code="not-a-record", source=source, value=shorten(value)
        )
    bare = _without_unit(value)
    try:
        found = _validated(dict(value))
    except ValidationError as error:
        raise _explained(error, source, bare) from None
    except RecursionError:
        raise decode.too_deep() from None
    if bare:
        raise _record_error(bare, source)
    return found if found.source or not source else found.model_copy(update={"source": source})


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


def _parse(data: bytes, source: str) -> Any:
    """JSON in which no key may appear twice: one of the two would be lost unseen."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(
                f"the key {shorten(twice, 40)!r} appears twice in one object",
                code="duplicate-key",
                source=source,
                hint="Join the two, or take one out",
            )
        return found

    decode.parse(data)  # strict JSON, and errors with line and column
    try:
        return json.loads(data, object_pairs_hook=once)
    except RecursionError:
        raise decode.too_deep() from None
    except ValueError as error:
        raise InputError(f"not JSON: {shorten(str(error))}", code="not-json", source=source) from None


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
    guess = _SYNONYMS.get(plain)
    close = [guess] if guess in names else get_close_matches(plain, names, n=1, cutoff=0.6)
    meant = f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(names)}"
    return f"{shorten(key, 40)!r} is not a field of {model.__name__.lower()}{meant}"


def to_native(patient: Patient) -> dict[str, Any]:
    """The native record of a Patient, without what is unknown; reading it gives an equal Patient."""
    return _object(patient, keep=("id",))


def _object(record: BaseModel, keep: Iterable[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in type(record).model_fields.items():
        value = getattr(record, name)
        if name not in keep and not field.is_required() and value == field.get_default():
            continue
        found[name] = _plain(value)
    return found


def _plain(value: object) -> Any:
    if isinstance(value, Measurement):
        plain = _plain(value.value)
        rest = {k: v for k, v in (("at", _plain(value.at)), ("source", value.source)) if v is not None}
        return {"value": plain, **rest} if rest else plain
    if isinstance(value, BaseModel):
        return _object(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Quantity):
        return _quantity(value)
    if isinstance(value, When):
        return value.text
    if isinstance(value, Code):
        return {
            "system": value.system,
            "code": value.code,
            **({"display": value.display} if value.display else {}),
        }
    return value


def _quantity(value: Quantity) -> Any:
    """Text where reading it gives the same quantity, else a mapping: units not known are kept as written."""
    try:
        simple = parse_unit(value.unit).text == value.unit and value.unit != "1"
    except UnitError:
        simple = False
    if simple and value.value >= 0 and (value.comparator is None or value.upper is None):
        return str(value)
    found: dict[str, Any] = {"value": str(value.value), "unit": value.unit}
    if value.comparator is not None:
        found["comparator"] = value.comparator
    if value.upper is not None:
        found["upper"] = str(value.upper)
    return found
