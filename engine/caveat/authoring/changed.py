"""A record with some facts changed: what "if this were 35" means."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

from caveat.dates import When, parse_when
from caveat.errors import CaveatError, InputError
from caveat.facts.catalog import CHOICES, PATIENT_NUMBERS, number_fact
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation, Order
from caveat.facts.observed import STATED, concept_of
from caveat.facts.patient import Patient
from caveat.facts.values import Quantity, quantity
from caveat.terminology.concepts import Terminology
from caveat.units import parse_unit

ORDER: Final = re.compile(r"orders\[(?P<order>.+)\]\.(?P<prop>[a-z_]+)")
ORDER_VALUES: Final = ("dose", "daily_dose", "frequency", "max_per_day")
_FIXED: Final = {"creatinine_clearance", "egfr"}
_TRUTHS: Final = {"true": True, "yes": True, "false": False, "no": False, "unknown": None}


def with_facts(patient: Patient, facts: Mapping[str, str], terminology: Terminology, as_of: int) -> Patient:
    """The patient as if each fact had that value on the day `as_of`; `unknown` takes a fact away.

    Names are those of rules (`age`, `creatinine_clearance`, `potassium`, `sex`, `pregnant`,
    `context.care_setting`), and `orders[ID].dose` for an order. A measured value stands as the
    latest of its kind; older ones stay for rules that look back. Raises InputError with the name
    as its path for a name that cannot be set, or a value that does not fit it.
    """
    for name, value in facts.items():
        try:
            patient = _with(patient, name, value.strip(), terminology, as_of)
        except InputError:
            raise
        except (CaveatError, ValueError) as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(text, code="what-if-value", path=name, value=value[:80]) from None
    return patient


def with_number(
    patient: Patient, name: str, value: Quantity, terminology: Terminology, as_of: int
) -> Patient:
    """The patient as if the number had that value on the day `as_of`."""
    found = ORDER.fullmatch(name)
    if found is not None:
        return _with_order(patient, found["order"], found["prop"], value)
    if name == "age":
        return patient.model_copy(update={"age": value, "birth_date": None})
    if name == "gestation":
        return patient.model_copy(update={"gestation": value})
    at = When(dt.date.fromordinal(as_of).isoformat(), as_of, as_of)
    entry = Observation(concept=name, value=value, at=at)
    kept = _without_latest(patient, name, terminology, as_of)
    update: dict[str, Any] = {"observations": (*kept, entry)}
    if name in STATED:
        update[name] = None
    return patient.model_copy(update=update)


def _with(patient: Patient, name: str, value: str, terminology: Terminology, as_of: int) -> Patient:
    if name in CHOICES or name == "child_pugh":
        return _with_choice(patient, name, value)
    if name == "context.pump_refilled":
        when = None if value == "unknown" else parse_when(value)
        return patient.model_copy(
            update={"context": patient.context.model_copy(update={"pump_refilled": when})}
        )
    if not settable(name, terminology):
        raise InputError(
            f"{name!r} cannot be set",
            code="what-if-fact",
            path=name,
            hint=_hint(name, terminology),
        )
    if value == "unknown":
        return _without(patient, name, terminology)
    given = quantity(value)
    _fits(name, given, terminology)
    return with_number(patient, name, given, terminology, as_of)


def settable(name: str, terminology: Terminology) -> bool:
    """Whether a number can be set: what is measured or stated, not what is computed."""
    found = ORDER.fullmatch(name)
    if found is not None:
        return found["prop"] in ORDER_VALUES
    if name in ("age", "gestation") or name in _FIXED:
        return True
    return name in terminology.tables.observations


def _hint(name: str, terminology: Terminology) -> str:
    from difflib import get_close_matches

    if name in PATIENT_NUMBERS:
        return "It is computed: set what it is computed from"
    known = list(dict.fromkeys(("age", "gestation", *_FIXED, *CHOICES, *terminology.tables.observations)))
    close = get_close_matches(name, known, n=2)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return "Name a fact of a rule, such as creatinine_clearance, or orders[ID].dose"


def _fits(name: str, value: Quantity, terminology: Terminology) -> None:
    """Raises UnitError where the unit measures something else than the fact."""
    from caveat.facts.measure import base_interval

    fact = number_fact(name, terminology)
    if fact is not None:
        base_interval(value, fact.unit, fact.analyte)
    else:
        parse_unit(value.unit)


def _with_order(patient: Patient, order: str, prop: str, value: Quantity) -> Patient:
    orders = patient.orders or ()
    if order not in {one.id for one in orders}:
        ids = ", ".join(one.id for one in orders) or "none"
        raise InputError(f"the record has no order {order!r}", path=order, hint=f"Orders: {ids}")
    changed = tuple(_order(one, prop, value) if one.id == order else one for one in orders)
    return patient.model_copy(update={"orders": changed})


def _order(order: Order, prop: str, value: Quantity) -> Order:
    """A dose that is set makes what the record computed from the old one void."""
    update: dict[str, Any] = {prop: value}
    if prop != "daily_dose":
        update["daily_dose"] = None
    return order.model_copy(update=update)


def _with_choice(patient: Patient, name: str, value: str) -> Patient:
    if name in ("child_pugh", "child_pugh_class"):
        if value not in ("A", "B", "C", "unknown"):
            raise ValueError(f"{name} is A, B, C or unknown, not {value!r}")
        return patient.model_copy(update={"child_pugh": None if value == "unknown" else value})
    allowed = CHOICES[name]
    if value != "unknown" and value not in allowed and not (value in _TRUTHS and "true" in allowed):
        raise ValueError(f"{name} is {', '.join(allowed)} or unknown, not {value!r}")
    stated: Any = _TRUTHS.get(value, value)
    if not name.startswith("context."):
        return patient.model_copy(update={name: stated})
    field = name.removeprefix("context.")
    return patient.model_copy(update={"context": patient.context.model_copy(update={field: stated})})


def _without(patient: Patient, name: str, terminology: Terminology) -> Patient:
    found = ORDER.fullmatch(name)
    if found is not None:
        orders = tuple(
            one.model_copy(update={found["prop"]: None}) if one.id == found["order"] else one
            for one in patient.orders or ()
        )
        return patient.model_copy(update={"orders": orders})
    update: dict[str, Any] = {name: None} if name in STATED or name in ("age", "gestation") else {}
    if name == "age":
        update["birth_date"] = None
    if patient.observations is not None:
        of = _concepts(patient, terminology)
        update["observations"] = tuple(
            one for one, concept in zip(patient.observations, of, strict=True) if concept != name
        )
    return patient.model_copy(update=update)


def _without_latest(
    patient: Patient, name: str, terminology: Terminology, as_of: int
) -> tuple[Observation, ...]:
    """The observations without those of this concept that are undated or not older than the day."""
    observations = patient.observations or ()
    if not observations:
        return ()
    of = _concepts(patient, terminology)
    return tuple(
        one
        for one, concept in zip(observations, of, strict=True)
        if concept != name or (one.at is not None and one.at.last < as_of)
    )


def _concepts(patient: Patient, terminology: Terminology) -> list[str | None]:
    chart = Chart(patient.model_copy(update={"orders": None}), terminology, as_of=1)
    return [concept_of(chart, one) for one in patient.observations or ()]
