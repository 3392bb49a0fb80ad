"""Changes of a patient's data after which the rules must say the same, or at least not the opposite."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from strategies.patients import Data
from strategies.sources import Source

STATED: Final = ("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")
LISTS: Final = ("orders", "conditions", "allergies", "observations")

# Another unit and the factor to it: exact decimals, so that the value is the same value.
OTHER_UNITS: Final = {
    "mg": ("ug", 1000),
    "ug": ("ng", 1000),
    "kg": ("g", 1000),
    "g": ("mg", 1000),
    "cm": ("mm", 10),
    "m": ("cm", 100),
    "mL": ("uL", 1000),
    "mL/min": ("uL/min", 1000),
    "mL/min/{1.73_m2}": ("uL/min/{1.73_m2}", 1000),
    "mg/dL": ("mg/L", 10),
    "umol/L": ("nmol/L", 1000),
    "mmol/L": ("umol/L", 1000),
    "g/dL": ("g/L", 10),
    "ms": ("us", 1000),
    "s": ("ms", 1000),
    "mg/d": ("ug/d", 1000),
    "ug/d": ("ng/d", 1000),
    "mg/mL": ("mg/L", 1000),
    "/d": ("/wk", 7),
    "wk": ("d", 7),
}

# Facts that answer for another one when it is not there. Hiding is tested with one of the two sides alone,
# since data whose sides contradict each other says one thing or the other, and hiding then changes which.
INSTEAD: Final = {
    "creatinine_clearance": ("serum_creatinine",),
    "egfr": ("serum_creatinine",),
    "bmi": ("weight", "height"),
    "child_pugh_score": ("bilirubin_total", "albumin", "inr"),
    "qtc_interval": ("qt_interval", "heart_rate"),
}
GESTATION: Final = ("recorded_gestation", "estimated_delivery_date", "last_menstrual_period")


def with_ids(data: Data) -> Data:
    """Allergies with ids of their own, so that a place in the list is no name."""
    found = copy.deepcopy(data)
    for index, allergy in enumerate(found.get("allergies") or []):
        allergy["id"] = f"a{index}"
    return found


def one_sided(data: Data, source: Source) -> Data:
    """Without either the measured value or what would answer for it; stated facts without a rival."""
    found = copy.deepcopy(data)
    for measured, inputs in INSTEAD.items():
        _without(found, (measured,) if source.chance(50) else inputs)
    found.pop("child_pugh", None)
    # how far a pregnancy is: told in one way alone
    way = source.pick(("gestation", *GESTATION, "Z3A"))
    _without(found, tuple(name for name in ("gestation", *GESTATION) if name != way))
    if found.get("conditions"):
        weeks = [c for c in found["conditions"] if _names_a_week(c)]
        kept = weeks[:1] if way == "Z3A" else []
        found["conditions"] = [c for c in found["conditions"] if c not in weeks or any(c is k for k in kept)]
    # what is recorded about pregnancy: by statement alone, or by the condition list alone
    if source.chance(50):
        found["conditions"] = None
        found.pop("birth_date", None)
        found.pop("age", None)
        if found.get("sex") == "male":
            found.pop("sex")
    else:
        found.pop("pregnant", None)
        found.pop("lactating", None)
        if found.get("conditions"):
            found["conditions"] = [c for c in found["conditions"] if c.get("text") != "pregnancy"]
    return found


def _names_a_week(condition: Data) -> bool:
    return any(
        code.startswith("icd10cm|Z3A") for code in condition.get("codes") or () if isinstance(code, str)
    )


def _without(found: Data, concepts: tuple[str, ...]) -> None:
    for name in concepts:
        found.pop(name, None)
    if found.get("observations"):
        found["observations"] = [o for o in found["observations"] if o["concept"] not in concepts]


def hidings(data: Data) -> Iterator[tuple[str, Data]]:
    """Each fact of the data hidden, one at a time, so that it is unknown and not absent.

    Not among them are facts whose absence has a meaning by convention: an order's purpose
    (treatment), its status and its stop (it is current), a verification (confirmed), the date of
    a stated value (today), the route where the product's name or form implies one.
    """
    plain = (
        "birth_date", "age", "sex", "pregnant", "lactating", "gestation",
        "conditions", "allergies", "observations",
    )  # fmt: skip
    for name in plain:
        if data.get(name) is not None:
            yield name, {k: v for k, v in data.items() if k != name}
    for name in data.get("context") or {}:
        yield f"context.{name}", data | {"context": {k: v for k, v in data["context"].items() if k != name}}
    concepts = {o["concept"] for o in data.get("observations") or []} | {n for n in STATED if n in data}
    for concept in sorted(concepts):
        found = copy.deepcopy(data)
        _without(found, (concept,))
        yield concept, found
    for name in ("conditions", "allergies"):
        for index in range(len(data.get(name) or [])):
            found = copy.deepcopy(data)
            del found[name][index]
            found.setdefault("complete", {})[name] = "unknown"
            yield f"{name}[{index}]", found
    yield from _parts(data, "conditions", (("clinical_status", "abatement"), ("onset", "recorded")))
    yield from _parts(data, "allergies", (("severity",), ("criticality",)))
    yield from _parts(data, "observations", (("value",), ("at",)))
    order = (("dose",), ("frequency", "rate", "daily_dose"), ("indication",), ("tapered",), ("as_needed",))
    yield from _parts(data, "orders", order)


def _parts(data: Data, name: str, groups: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, Data]]:
    for index, item in enumerate(data.get(name) or []):
        for group in groups:
            if any(part in item for part in group):
                found = copy.deepcopy(data)
                for part in group:
                    found[name][index].pop(part, None)
                yield f"{name}[{index}].{group[0]}", found


def other_units(data: Data) -> Data:
    """Every quantity in another unit, the same amount.

    A recorded length of a pregnancy stays: whole weeks are completed weeks, and days say more than they.
    """

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if not isinstance(value, dict) or value.get("concept") == "recorded_gestation":
            return value
        if "unit" in value and value["unit"] in OTHER_UNITS:
            unit, factor = OTHER_UNITS[value["unit"]]
            ends = {k: str(Decimal(value[k]) * factor) for k in ("value", "upper") if k in value}
            return value | ends | {"unit": unit}
        return {k: change(v) for k, v in value.items()}

    return {k: change(v) for k, v in data.items()}


def reordered(data: Data, source: Source) -> Data:
    """Every list in another order."""
    found = copy.deepcopy(data)
    for name in LISTS:
        items = found.get(name)
        if items:
            order = sorted(range(len(items)), key=lambda i: (source.number(0, 9), -i))
            found[name] = [items[i] for i in order]
    return found


_DATE: Final = re.compile(r"(\d{4})((?:-\d{2}){0,2}(?:T[\d:]+Z)?)")
_DATES: Final = (
    "birth_date",
    "at",
    "answer",
    "start",
    "stop",
    "onset",
    "abatement",
    "recorded",
    "pump_refilled",
)


def shifted(data: Data, years: int) -> Data:
    """Every date moved by whole years; by multiples of four within 1901 to 2099 the calendar is the same."""

    def change(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if isinstance(value, dict):
            return {k: change(v, k) for k, v in value.items()}
        found = _DATE.fullmatch(value) if name in _DATES and isinstance(value, str) else None
        return value if found is None else f"{int(found[1]) + years:04d}{found[2]}"

    return {k: change(v, k) for k, v in data.items()}


UNRELATED: Final[dict[str, Callable[[], Data]]] = {
    "orders": lambda: {"id": "extra", "text": "amoxicillin", "route": "oral", "status": "active"},
    "conditions": lambda: {"codes": ["icd10cm|J30.9"], "clinical_status": "active", "onset": "2020"},
    "allergies": lambda: {"id": "extra", "text": "amoxicillin", "type": "allergy"},
    "observations": lambda: {"concept": "body_temperature", "value": "37 Cel", "at": "2026-01-10"},
}


def with_unrelated(data: Data, name: str, *, first: bool) -> Data:
    """One more entry that no generated rule asks about."""
    found = copy.deepcopy(data)
    found[name].insert(0 if first else len(found[name]), UNRELATED[name]())
    return found
