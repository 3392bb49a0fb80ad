"""A draft with another dose: the resource as sent, with its dosage instruction changed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from caveat.errors import UnitError
from caveat.units import parse_quantity, parse_unit

_KEPT: Final[tuple[str, ...]] = (
    "sequence",
    "additionalInstruction",
    "asNeededBoolean",
    "asNeededCodeableConcept",
    "site",
)
_ALSO: Final[tuple[str, ...]] = (
    "route",
    "method",
    "maxDosePerPeriod",
    "maxDosePerAdministration",
    "maxDosePerLifetime",
)
_BOUNDS: Final = ("boundsDuration", "boundsRange", "boundsPeriod")
_PERIODS: Final = {"/h": "h", "/d": "d", "/wk": "wk", "/mo": "mo", "/a": "a"}
_WORDS: Final = {"h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
_STATUSES: Final = frozenset(
    "active on-hold cancelled completed entered-in-error stopped draft unknown".split()
)
_INTENTS: Final = frozenset(
    "proposal plan order original-order reflex-order filler-order instance-order option".split()
)
_UCUM: Final = "http://unitsofmeasure.org"


def with_dosage(
    resource: Mapping[str, Any], dose: str | None, frequency: str | None
) -> dict[str, Any] | None:
    """The whole resource with the dose and frequency proposed; what is not proposed stays.

    None where that cannot be said without doubt: a resource that is no valid MedicationRequest, several
    dosage instructions, a quantity that is a range, a frequency that is no simple count a time, a
    null within the resource. Words that state the old dosage are taken away.
    """
    if resource.get("resourceType") != "MedicationRequest" or not (dose or frequency):
        return None
    whole = without_empty(resource)
    if whole is None or not _is_valid(whole):
        return None
    found = whole.get("dosageInstruction", [{}])
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        return None
    old: dict[str, Any] = found[0]
    try:
        changed = _instruction(old, dose, frequency)
    except (UnitError, KeyError, TypeError, AttributeError, ValueError):
        return None
    return None if changed is None else {**whole, "dosageInstruction": [changed]}


def _is_valid(resource: Mapping[str, Any]) -> bool:
    """Whether it has what a MedicationRequest must have: what is lacking cannot be added for the client."""
    named = "medicationCodeableConcept" in resource or "medicationReference" in resource
    known = resource.get("status") in _STATUSES and resource.get("intent") in _INTENTS
    return named and known and isinstance(resource.get("subject"), dict)


def _instruction(old: dict[str, Any], dose: str | None, frequency: str | None) -> dict[str, Any] | None:
    new: dict[str, Any] = {key: old[key] for key in (*_KEPT, *_ALSO) if key in old}
    if dose is not None:
        amount = parse_quantity(dose)
        if amount.comparator or amount.upper is not None or amount.value <= 0 or amount.unit == "1":
            return None
        shown = {"value": _number(amount.value), "unit": amount.unit, "system": _UCUM, "code": amount.unit}
        new["doseAndRate"] = [{"doseQuantity": shown}]
    elif "doseAndRate" in old:
        new["doseAndRate"] = old["doseAndRate"]
    if frequency is None:
        if "timing" in old:
            new["timing"] = old["timing"]
    else:
        repeat = _repeat(frequency)
        if repeat is None:
            return None
        before = old.get("timing", {}).get("repeat", {})
        new["timing"] = {"repeat": {**{key: before[key] for key in _BOUNDS if key in before}, **repeat}}
    if dose is not None and frequency is not None:
        new["text"] = f"{dose} {_often(new['timing']['repeat'])}"
    return new


def _repeat(frequency: str) -> dict[str, Any] | None:
    """`3 /d` as three times in one day, `0.5 /d` as once in two days."""
    read = parse_quantity(frequency)
    if read.comparator or read.upper is not None or read.value <= 0:
        return None
    unit = next((u for text, u in _PERIODS.items() if parse_unit(text) == parse_unit(read.unit)), None)
    count = Fraction(read.value)
    if unit is None or count.numerator > 48 or count.denominator > 30:
        return None
    return {"frequency": count.numerator, "period": count.denominator, "periodUnit": unit}


def _often(repeat: dict[str, Any]) -> str:
    count, period, unit = repeat["frequency"], repeat["period"], _WORDS[repeat["periodUnit"]]
    times = "once" if count == 1 else f"{count} times"
    return f"{times} a {unit}" if period == 1 else f"{times} every {period} {unit}s"


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def without_empty(value: Mapping[str, Any]) -> dict[str, Any] | None:
    """The resource without nulls, empty texts, lists and objects, which FHIR does not allow.

    None where a null within a list keeps the place of a value: taking it away would move others.
    """
    try:
        found = _pruned(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        found = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        kept = [_pruned(item) for item in value]
        if any(item in (None, "", [], {}) for item in kept):
            raise ValueError("a list with a place kept empty")
        return kept
    return value
