"""The native record: facts as JSON, read strictly and written back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from caveat.adapters.fhir import decode
from caveat.dates import When
from caveat.errors import InputError, UnitError, shorten
from caveat.facts.patient import Measurement, Patient
from caveat.facts.strict import RecordError, read_record
from caveat.facts.values import Quantity
from caveat.terminology.codes import Code
from caveat.units import parse_unit

__all__ = ["RecordError", "read_native", "to_native"]


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
    try:
        return read_record(value, source=source)
    except RecursionError:
        raise decode.too_deep() from None


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
