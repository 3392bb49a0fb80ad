"""Native records read fast: what is plain is put together directly, and all else is read strictly.

The result is the one of `caveat.adapters.read_native`, or None where anything is out of the
ordinary: a fault, a number without its unit, an impossible value, a form that only the strict
reader knows. It is then read again, so that no message and no judgement depends on this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, get_args

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from caveat.dates import When, parse_when
from caveat.errors import CaveatError
from caveat.facts import clinical
from caveat.facts.patient import Measurement, MeasurementField, Patient
from caveat.facts.strict import UNITS, is_bare
from caveat.facts.values import Quantity, Record, quantity
from caveat.terminology.codes import Code, normalise_system

Read = Callable[[Any], Any] | None
"""How a field is read; None is text or null, as it stands."""
_R = TypeVar("_R", bound=Record)
_LONGEST: Final = 80
"""Characters of a quantity, date or code that are remembered; longer ones are read strictly."""
_EXACT: Final = 10**15
"""Numbers up to which every JSON reader agrees."""
_NEW: Final = object.__new__
# How the slots of a frozen record are filled, looked up once.
_FIELDS, _GIVEN, _EXTRA, _PRIVATE = (
    BaseModel.__dict__[name].__set__
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


class _Odd(Exception):
    """Not for this reader."""


def read_quick(data: bytes) -> Patient | None:
    """The Patient of a native record, or None where it must be read strictly."""
    try:
        value = orjson.loads(data)
    except ValueError:
        return None
    if type(value) is not dict or "resourceType" in value or not _once(data, value):
        return None
    try:
        return _patient(value)
    except (_Odd, CaveatError, ValidationError, ValueError, TypeError, RecursionError):
        return None


def _once(data: bytes, value: Any) -> bool:
    """Whether no key appears twice: a pair that was dropped would take its colon with it."""
    return b"\\u003" not in data and orjson.dumps(value).count(b":") == data.count(b":")


def _needed(value: Any) -> str:
    if type(value) is str:
        return value
    raise _Odd


def _truth(value: Any) -> bool | None:
    if value is None or value is True or value is False:
        return value
    raise _Odd


def _one_of(literal: Any, *, none: bool = True) -> Read:
    """One of the words of a Literal; a word that is not raises KeyError, which `_made` turns away."""
    known: dict[Any, Any] = {word: word for word in get_args(literal)}
    if none:
        known[None] = None
    return known.__getitem__


def _odd() -> Any:
    raise _Odd


@lru_cache(maxsize=16384)
def _amount(text: str) -> Quantity:
    return quantity(text)


def _quantity(value: Any) -> Quantity | None:
    if type(value) is str:
        if len(value) > _LONGEST:
            raise _Odd
        return _amount(value)
    if value is None:
        return None
    if type(value) is dict:
        return _exact(quantity(value))
    raise _Odd


def _exact(found: Quantity) -> Quantity:
    if abs(found.value) > _EXACT or (found.upper is not None and abs(found.upper) > _EXACT):
        raise _Odd
    return found


def _positive(value: Any) -> Quantity | None:
    found = _quantity(value)
    if found is not None and found.value <= 0:
        raise _Odd
    return found


@lru_cache(maxsize=16384)
def _date(value: Any) -> When | None:
    if value is None:
        return None
    if type(value) is str and len(value) <= _LONGEST:
        return parse_when(value.strip())
    raise _Odd


@lru_cache(maxsize=16384)
def _known_code(system: Any, code: Any, display: Any) -> Code:
    """The code; what is no text raises and is not remembered."""
    if type(system) is not str or type(code) is not str or type(display) is not str or not code:
        raise _Odd
    if len(system) + len(code) + len(display) > 2 * _LONGEST:
        raise _Odd
    return Code(normalise_system(system), code.strip(), display)


def _code(value: Any) -> Code:
    if type(value) is dict:
        if len(value) == 2:
            return _known_code(value["system"], value["code"], "")
        if value.keys() <= _CODE_KEYS:
            return _known_code(value["system"], value["code"], value["display"])
    elif type(value) is str:
        system, mark, code = value.rpartition("|")
        if mark and system:
            return _known_code(system, code, "")
    raise _Odd


_CODE_KEYS: Final = frozenset(("system", "code", "display"))


def _codes(value: Any) -> tuple[Code, ...]:
    if type(value) is not list:
        raise _Odd
    return tuple([_code(one) for one in value])


def _texts(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if type(value) is not list:
        raise _Odd
    return tuple([_needed(one) for one in value])


def _reader(model: type[Record], readers: Mapping[str, Read]) -> tuple[dict[str, Any], Mapping[str, Read]]:
    """The defaults of a model and how each field is read; every field must have its reader."""
    if set(readers) != set(model.model_fields):
        raise TypeError(f"{model.__name__} has other fields than are read here")
    defaults = {
        name: field.get_default() for name, field in model.model_fields.items() if not field.is_required()
    }
    return defaults, readers


def _made(model: type[_R], how: tuple[dict[str, Any], Mapping[str, Read]], value: Any) -> _R:
    """The record of a JSON object: each key must be known, and each value plain."""
    if type(value) is not dict:
        raise _Odd
    defaults, readers = how
    fields = defaults.copy()
    try:
        for name, one in value.items():
            read = readers[name]
            if read is not None:
                fields[name] = read(one)
            elif type(one) is str or one is None:
                fields[name] = one
            else:
                raise _Odd
    except KeyError:
        raise _Odd from None
    record = _NEW(model)
    _FIELDS(record, fields)
    _GIVEN(record, set(value))
    _EXTRA(record, None)
    _PRIVATE(record, None)
    return record


def _many(read: Callable[[Any], _R]) -> Callable[[Any], tuple[_R, ...] | None]:
    def listed(value: Any) -> tuple[_R, ...] | None:
        if value is None:
            return None
        if type(value) is not list:
            raise _Odd
        return tuple([read(one) for one in value])

    return listed


_CODED: Final = _reader(clinical.Coded, {"codes": _codes, "text": None})


def _coded(value: Any) -> clinical.Coded:
    return _made(clinical.Coded, _CODED, {"text": value} if type(value) is str else value)


def _maybe_coded(value: Any) -> clinical.Coded | None:
    return None if value is None else _coded(value)


_ORDER: Final = _reader(
    clinical.Order,
    {
        "id": _needed,
        "text": None,
        "codes": _codes,
        "ingredients": _texts,
        **dict.fromkeys(("route", "form", "source"), None),
        **dict.fromkeys(("strength", "dose", "frequency", "max_per_day", "rate", "daily_dose"), _positive),
        **dict.fromkeys(("as_needed", "tapered"), _truth),
        "purpose": _one_of(get_args(clinical.Order.model_fields["purpose"].annotation)[0]),
        "origin": _one_of(get_args(clinical.Order.model_fields["origin"].annotation)[0]),
        **dict.fromkeys(("start", "stop"), _date),
        "status": _one_of(clinical.OrderStatus),
        "indication": _many(_coded),
    },
)


def _order(value: Any) -> clinical.Order:
    found = _made(clinical.Order, _ORDER, value)
    if not (found.text or found.codes or found.ingredients) or "id" not in value:
        raise _Odd
    if found.stop is not None and found.start is not None and found.stop.last < found.start.first:
        raise _Odd
    return found


_STATES: Final = {
    "clinical_status": _one_of(clinical.ClinicalStatus),
    "verification": _one_of(clinical.Verification),
}
_WORDED: Final[dict[str, Read]] = {"id": None, "codes": _codes, "text": None, "source": None}
_CONDITION: Final = _reader(
    clinical.Condition,
    {**_WORDED, **_STATES, **dict.fromkeys(("onset", "abatement", "recorded"), _date)},
)


def _condition(value: Any) -> clinical.Condition:
    found = _made(clinical.Condition, _CONDITION, value)
    return found if found.codes or found.text else _odd()


def _of_field(model: type[Record], name: str) -> Read:
    return _one_of(get_args(model.model_fields[name].annotation)[0])


_ALLERGY: Final = _reader(
    clinical.Allergy,
    {
        **_WORDED,
        **{
            name: _of_field(clinical.Allergy, name)
            for name in ("type", "severity", "criticality", "clinical_status")
        },
        "reactions": lambda value: _many(_coded)(value) if value is not None else _odd(),
        "verification": _one_of(clinical.Verification),
        "recorded": _date,
    },
)


def _allergy(value: Any) -> clinical.Allergy:
    found = _made(clinical.Allergy, _ALLERGY, value)
    return found if found.codes or found.text else _odd()


_OBSERVATION: Final = _reader(
    clinical.Observation,
    {
        **_WORDED,
        "concept": None,
        "value": _quantity,
        "answer": _maybe_coded,
        "at": _date,
        "preliminary": lambda value: value if value is True or value is False else _odd(),
    },
)


def _observation(value: Any) -> clinical.Observation:
    found = _made(clinical.Observation, _OBSERVATION, value)
    if not (found.concept or found.codes or found.text):
        raise _Odd
    if found.concept in UNITS:
        _with_unit(value.get("value"))
    return found


def _with_unit(value: Any) -> None:
    """Leaves a number as text without a unit to the strict reader."""
    stated = value.get("value") if type(value) is dict and "unit" not in value else value
    if type(stated) is str and is_bare(stated):
        raise _Odd


_MEASUREMENT: Final[TypeAdapter[Measurement]] = TypeAdapter(MeasurementField)
_FIELDS_OF: Final = _reader(Measurement, {"value": _quantity, "at": _date, "source": None})


def _measured(value: Any) -> Measurement | None:
    if value is None:
        return None
    _with_unit(value)
    if type(value) is str:
        found = _made(Measurement, _FIELDS_OF, {"value": value})
    else:
        found = _MEASUREMENT.validate_python(value)
        _exact(found.value)
    if found.value.value <= 0:
        raise _Odd
    return found


def _span(value: Any) -> Quantity | None:
    """An age or the length of a pregnancy."""
    if value is None:
        return None
    _with_unit(value)
    found = _quantity(value)
    if found is not None and found.value < 0:
        raise _Odd
    return found


_COMPLETE: Final = _reader(
    clinical.Lists,
    dict.fromkeys(clinical.Lists.model_fields, _one_of(clinical.Completeness, none=False)),
)


def _complete(value: Any) -> clinical.Lists:
    return _made(clinical.Lists, _COMPLETE, value)


def _context(value: Any) -> clinical.Context:
    return clinical.Context.model_validate(value) if type(value) is dict else _odd()


_SEX: Final = {"male": "male", "female": "female", "other": None, "unknown": None, "": None, None: None}
_PATIENT: Final = _reader(
    Patient,
    {
        "id": _needed,
        "source": None,
        "birth_date": _date,
        **dict.fromkeys(("age", "gestation"), _span),
        "sex": _SEX.__getitem__,
        **dict.fromkeys(("pregnant", "lactating", "deceased"), _truth),
        **dict.fromkeys(("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr"), _measured),
        "child_pugh": _of_field(Patient, "child_pugh"),
        "orders": _many(_order),
        "conditions": _many(_condition),
        "allergies": _many(_allergy),
        "observations": _many(_observation),
        "context": _context,
        "complete": _complete,
        **dict.fromkeys(("notes", "problems"), lambda value: () if value == [] else _odd()),
    },
)


def _patient(value: dict[str, Any]) -> Patient:
    if "id" not in value:
        raise _Odd
    found = _made(Patient, _PATIENT, value)
    if found.age is not None and found.birth_date is not None:
        raise _Odd
    if found.pregnant and found.sex == "male":
        raise _Odd
    if found.orders and len({order.id for order in found.orders}) != len(found.orders):
        raise _Odd
    return found
