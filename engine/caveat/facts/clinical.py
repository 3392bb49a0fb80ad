"""What a record says: orders, conditions, allergies, observations and context.

Unknown is None and never a default; an empty list is "known to have none". Codes and text are
kept as written and are recognised when the record is screened, so a name that no table knows
is still there to be shown.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from caveat.dates import When
from caveat.facts.values import CodeField, Quantity, QuantityField, Record, WhenField, impossible

Completeness = Literal["closed", "open", "unknown"]
OrderStatus = Literal[
    "proposed", "active", "on-hold", "completed", "stopped", "cancelled", "entered-in-error", "unknown"
]
ClinicalStatus = Literal["active", "recurrence", "relapse", "inactive", "remission", "resolved"]
Verification = Literal[
    "confirmed", "presumed", "unconfirmed", "provisional", "differential", "refuted", "entered-in-error"
]


class Coded(Record):
    """A concept as recorded: codes, text, or both."""

    codes: tuple[CodeField, ...] = ()
    text: str | None = None

    def __str__(self) -> str:
        named = self.text or next((code.display for code in self.codes if code.display), None)
        return named or ", ".join(f"{code.system}|{code.code}" for code in self.codes)


def _coded(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


CodedField = Annotated[Coded, BeforeValidator(_coded)]


class Order(Record):
    """A medicine that is proposed, taken, or was taken.

    `text` names the product as written ("Lioresal 10 mg tablet"); `ingredients` names
    substances where the record does so, each with its own strength where that is known (`oxycodone 5 mg`).
    `frequency` is a count a time (`3 /d`), `max_per_day` the
    ceiling of an as-needed order, `rate` an amount a time for infusions and pumps (`300 ug/d`),
    `daily_dose` what the record itself states a day. `tapered` is known for stopped orders only.
    `purpose` says whether this is a test dose, `origin` what kind of entry it was read from.
    `strength` is the amount in one unit or volume.
    """

    id: str
    text: str | None = None
    codes: tuple[CodeField, ...] = ()
    ingredients: tuple[str, ...] | None = None
    route: str | None = None
    form: str | None = None
    strength: QuantityField | None = None
    dose: QuantityField | None = None
    frequency: QuantityField | None = None
    as_needed: bool | None = None
    max_per_day: QuantityField | None = None
    rate: QuantityField | None = None
    daily_dose: QuantityField | None = None
    purpose: Literal["test", "treatment"] | None = None
    origin: Literal["order", "statement", "administration", "dispense"] | None = None
    start: WhenField | None = None
    stop: WhenField | None = None
    status: OrderStatus | None = None
    tapered: bool | None = None
    indication: tuple[CodedField, ...] | None = None
    source: str | None = None

    @field_validator("strength", "dose", "frequency", "max_per_day", "rate", "daily_dose")
    @classmethod
    def _positive(cls, value: Quantity | None, info: ValidationInfo) -> Quantity | None:
        if value is not None and value.value <= 0 and (value.upper is None or value.upper <= 0):
            raise impossible(f"{info.field_name} must be greater than 0, not {value}")
        return value

    @field_validator("stop")
    @classmethod
    def _not_before_start(cls, value: When | None, info: ValidationInfo) -> When | None:
        start = info.data.get("start")
        if value is not None and start is not None and value.last < start.first:
            raise impossible(f"stop {value} lies before start {start}")
        return value

    @model_validator(mode="after")
    def _named(self) -> Order:
        if not (self.text or self.codes or self.ingredients):
            raise ValueError("an order needs text, codes or ingredients to say what it is")
        return self


class Condition(Record):
    """A diagnosis, problem or sign; `clinical_status` None is unknown, not active."""

    id: str | None = None
    codes: tuple[CodeField, ...] = ()
    text: str | None = None
    clinical_status: ClinicalStatus | None = None
    verification: Verification | None = None
    onset: WhenField | None = None
    abatement: WhenField | None = None
    recorded: WhenField | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _named(self) -> Condition:
        if not (self.codes or self.text):
            raise ValueError("a condition needs codes or text to say what it is")
        return self


class Allergy(Record):
    """A recorded allergy or intolerance; an assertion of none is a code or text like any other."""

    id: str | None = None
    codes: tuple[CodeField, ...] = ()
    text: str | None = None
    type: Literal["allergy", "intolerance"] | None = None
    reactions: tuple[CodedField, ...] = ()
    severity: Literal["mild", "moderate", "severe"] | None = None
    criticality: Literal["low", "high", "unable-to-assess"] | None = None
    clinical_status: Literal["active", "inactive", "resolved"] | None = None
    verification: Verification | None = None
    recorded: WhenField | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _named(self) -> Allergy:
        if not (self.codes or self.text):
            raise ValueError("an allergy needs codes or text to say what it is against")
        return self


class Observation(Record):
    """One measured or stated value.

    `concept` names it directly (`serum_creatinine`), else `codes` are looked up. `value` is a
    quantity, `answer` a coded or worded result; with neither, the result is not known.
    """

    id: str | None = None
    concept: str | None = None
    codes: tuple[CodeField, ...] = ()
    text: str | None = None
    value: QuantityField | None = None
    answer: CodedField | None = None
    at: WhenField | None = None
    preliminary: bool = False
    source: str | None = None

    @model_validator(mode="after")
    def _named(self) -> Observation:
        if not (self.concept or self.codes or self.text):
            raise ValueError("an observation needs a concept, codes or text to say what it is")
        return self


class Context(Record):
    """Circumstances that no chart list holds; each None is unknown."""

    specialist_oversight: bool | None = None
    care_setting: (
        Literal["ambulatory", "inpatient", "emergency", "intensive-care", "home", "long-term-care"] | None
    ) = None
    hazardous_work: bool | None = None
    fall_risk: bool | None = None
    alcohol_use: bool | None = None
    pump_refilled: WhenField | None = None


class Lists(Record):
    """How complete each list is.

    closed: nothing is left out. open: what is listed is known, more may exist; a presence rule
    takes absence as FALSE, an absence rule as UNKNOWN. unknown: absence is always UNKNOWN.
    """

    orders: Completeness = "open"
    conditions: Completeness = "open"
    allergies: Completeness = "open"
    observations: Completeness = "open"


class Note(Record):
    """An oddity of the data, named by a stable `code`, that did not stop the record."""

    code: str
    message: str
    path: str = ""
    count: int = Field(default=1, ge=1)


class Problem(Record):
    """A value that is impossible or unreadable: not used as a fact, and never silent."""

    code: str
    message: str
    path: str = ""
    value: str = ""
