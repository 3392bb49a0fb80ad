"""One patient's facts."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ValidationInfo, field_validator, model_validator

from caveat.facts.clinical import Allergy, Condition, Context, Lists, Note, Observation, Order, Problem
from caveat.facts.values import Quantity, QuantityField, Record, WhenField, impossible, quantity


class Measurement(Record):
    """A value stated for this patient; `at` None means stated as current."""

    value: QuantityField
    at: WhenField | None = None
    source: str | None = None


def _measurement(value: object) -> object:
    if isinstance(value, Measurement):
        return value
    if isinstance(value, dict) and ("at" in value or "source" in value):
        rest = {k: v for k, v in value.items() if k not in ("at", "source")}
        inner = rest.get("value")
        plain = set(rest) == {"value"} and isinstance(inner, (str, dict))
        return {"value": inner if plain else rest, "at": value.get("at"), "source": value.get("source")}
    return {"value": quantity(value)}


MeasurementField = Annotated[Measurement, BeforeValidator(_measurement)]


def _sex(value: object) -> object:
    return None if value in ("other", "unknown", "") else value


class Patient(Record):
    """Facts of one patient. None is unknown; an empty list is known to have none.

    Give `birth_date` or `age` (`"70 a"`, `"14 mo"`, `"10 d"`). The shortcuts `weight`, `height`,
    `creatinine_clearance`, `egfr`, `serum_creatinine` and `child_pugh` state a current value;
    dated values belong in `observations`.
    """

    id: str
    birth_date: WhenField | None = None
    age: QuantityField | None = None
    sex: Annotated[Literal["male", "female"] | None, BeforeValidator(_sex)] = None
    pregnant: bool | None = None
    lactating: bool | None = None
    gestation: QuantityField | None = None
    deceased: bool | None = None
    weight: MeasurementField | None = None
    height: MeasurementField | None = None
    serum_creatinine: MeasurementField | None = None
    creatinine_clearance: MeasurementField | None = None
    egfr: MeasurementField | None = None
    child_pugh: Literal["A", "B", "C"] | None = None
    orders: tuple[Order, ...] | None = None
    conditions: tuple[Condition, ...] | None = None
    allergies: tuple[Allergy, ...] | None = None
    observations: tuple[Observation, ...] | None = None
    context: Context = Context()
    complete: Lists = Lists()
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    source: str | None = None

    @field_validator("age")
    @classmethod
    def _age(cls, value: Quantity | None) -> Quantity | None:
        if value is not None and value.value < 0:
            raise impossible(f"age must not be negative, not {value}")
        return value

    @field_validator("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")
    @classmethod
    def _positive(cls, value: Measurement | None, info: ValidationInfo) -> Measurement | None:
        if value is None or value.value.value > 0:
            return value
        if info.field_name != "creatinine_clearance":
            raise impossible(f"{info.field_name} must be greater than 0, not {value.value}")
        if value.value.value < 0:
            raise impossible(f"creatinine_clearance must not be negative, not {value.value}")
        return value

    @field_validator("pregnant")
    @classmethod
    def _not_in_a_man(cls, value: bool | None, info: ValidationInfo) -> bool | None:
        if value and info.data.get("sex") == "male":
            raise impossible("pregnant is true for a patient whose sex is male; correct one of them")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.age is not None and self.birth_date is not None:
            raise ValueError("give birth_date or age, not both")
        ids = [order.id for order in self.orders or ()]
        if len(ids) != len(set(ids)):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise ValueError(f"two orders have the id {twice!r}; each needs its own")
        return self
