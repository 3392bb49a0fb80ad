"""The condition language, as it is written.

A mapping of several keys holds when all of them hold. A key that is none of the fixed ones
names a numeric fact (`age`, `creatinine_clearance`, `potassium`, ...) with a range.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


class Strict(BaseModel):
    """Unknown keys are errors; objects are frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    Field(min_length=1, json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array"}]}),
]
Bound = str | int | float


class Range(Strict):
    """A range of numbers with their unit, as in `{at_least: 30 mL/min, below: 50 mL/min}`.

    `below` and `above` leave the bound out, `at_most` and `at_least` take it in.
    """

    below: Bound | None = None
    at_most: Bound | None = None
    above: Bound | None = None
    at_least: Bound | None = None
    equals: Bound | None = None


class NumberTest(Range):
    """A range on a patient's number, and which of several values is meant.

    `within` says how old a value may be: past it the fact is UNKNOWN. `using` names the body
    weight that enters creatinine clearance.
    """

    pick: Literal["latest", "lowest", "highest"] = "latest"
    within: str | None = None
    using: Literal["actual", "ideal", "adjusted"] | None = None


class OrderTest(Strict):
    """Properties of one order; all that are written must hold.

    `of` names the ingredient whose part of a combination product the amounts are; without it, the one that
    is in the scope of the rule. `daily_dose` is the most the order permits in a day. `treatment_time` counts
    from the first order of the same ingredient by the same route, as far as the record goes back. `continued`
    says whether a stopped order lives on in a current one of the same ingredient and route.
    """

    of: Names | None = None
    ingredient: Names | None = None
    class_: Annotated[Names | None, Field(alias="class")] = None
    route: Names | None = None
    form: Names | None = None
    status: Names | None = None
    purpose: Literal["test", "treatment"] | None = None
    as_needed: bool | None = None
    tapered: bool | None = None
    continued: bool | None = None
    indication: Names | None = None
    dose: Range | None = None
    daily_dose: Range | None = None
    dose_per_weight: Range | None = None
    daily_dose_per_weight: Range | None = None
    frequency: Range | None = None
    strength: Range | None = None
    duration: Range | None = None
    since_start: Range | None = None
    since_stop: Range | None = None
    treatment_time: Range | None = None
    dose_multiple_of: str | None = None


class OrderCondition(OrderTest):
    """A condition on each order that is counted or added: its properties, with `all`, `any` and `not`."""

    all: Annotated[tuple[OrderCondition, ...] | None, Field(min_length=1)] = None
    any: Annotated[tuple[OrderCondition, ...] | None, Field(min_length=1)] = None
    not_: Annotated[OrderCondition | None, Field(alias="not")] = None


class ConditionTest(Strict):
    """A recorded condition of a value set.

    `status`: active (now), past (over), ever (either). `within`: onset or recording no older
    than that. `during_order`: first noted on or after the start of the judged order.
    """

    in_: Annotated[Names, Field(alias="in")]
    status: Literal["active", "past", "ever"]
    within: str | None = None
    during_order: bool = False


class AllergyTest(Strict):
    """Properties of the allergy in a rule whose subject is an order against an allergy.

    `reaction`: a recorded reaction is in a value set; `only_reaction`: every one is. `to_ingredient`: the
    allergy is to an ingredient of the order itself, not only to another of the wider scope. `taken_since`: a
    course of what the order and the allergy share, or of the order where they share nothing, was begun
    after the allergy was recorded, and completed.
    """

    type: Literal["allergy", "intolerance"] | None = None
    status: Literal["active", "ever"] | None = None
    severity: Names | None = None
    criticality: Names | None = None
    reaction: Names | None = None
    only_reaction: Names | None = None
    to_ingredient: bool | None = None
    taken_since: bool | None = None


class Scope(Strict):
    """Which orders: by ingredient, by class, or both; `except` leaves ingredients out.

    `any` takes every order, in the `order` of an allergy and of a pair that shares an ingredient.
    """

    any: Literal[True] | None = None
    ingredient: Names | None = None
    class_: Annotated[Names | None, Field(alias="class")] = None
    except_: Annotated[Names | None, Field(alias="except")] = None


class CountTest(Range):
    """How many current orders, or how many different ingredients, are in a scope.

    `where` is judged for each of these orders: one of which it is FALSE is not counted, one of which it is
    UNKNOWN may count.
    """

    of: Scope
    where: OrderCondition | None = None
    by: Literal["order", "ingredient"] = "ingredient"


class SumTest(Range):
    """A weighted sum over current orders in a scope.

    Each ingredient counts its weight from `weights` (0 when not named); `times: daily_dose`
    multiplies it by the daily dose (as for morphine equivalents), of a combination product by that of the
    ingredient. `where` is as in a count.
    """

    of: Scope
    where: OrderCondition | None = None
    weights: dict[str, int | float] | None = None
    times: Literal["daily_dose"] | None = None


class ExposureTest(Range):
    """On how many of the last `within` days, the day asked about left out, an order in a scope ran.

    Current orders and those that have ended count, as needed or not; `where` is as in a count.
    """

    of: Scope
    where: OrderCondition | None = None
    within: str


class ContextTest(Strict):
    """Circumstances; each that is written must hold, and an unknown one is UNKNOWN."""

    specialist_oversight: bool | None = None
    care_setting: Names | None = None
    hazardous_work: bool | None = None
    fall_risk: bool | None = None
    alcohol_use: bool | None = None


class AtLeast(Strict):
    """At least `count` of the listed expressions hold."""

    count: Annotated[int, Field(ge=1)]
    of: Annotated[tuple[Expression, ...], Field(min_length=1)]


class TableAxis(Strict):
    """How a number of a table is read: as in a range on it."""

    pick: Literal["latest", "lowest", "highest"] = "latest"
    within: str | None = None
    using: Literal["actual", "ideal", "adjusted"] | None = None


class TableRow(BaseModel):
    """A row: a range of each axis (none: any value), and the most that may be ordered, or `avoid`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Range]

    at_most: str | None = None
    avoid: Literal[True] | None = None


class Table(Strict):
    """The most of an order that fits a patient's numbers; the condition holds where the order is above it."""

    limits: Literal["dose", "daily_dose", "dose_per_weight", "daily_dose_per_weight", "frequency"]
    axes: Annotated[dict[str, TableAxis], Field(min_length=1, max_length=3)]
    rows: Annotated[tuple[TableRow, ...], Field(min_length=1, max_length=40)]


class Expression(BaseModel):
    """A condition; several keys are joined by `all`."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    __pydantic_extra__: dict[str, NumberTest]

    all: Annotated[tuple[Expression, ...] | None, Field(min_length=1)] = None
    any: Annotated[tuple[Expression, ...] | None, Field(min_length=1)] = None
    not_: Annotated[Expression | None, Field(alias="not")] = None
    at_least: AtLeast | None = None
    score: Score | None = None
    table: Table | None = None
    always: Literal[True] | None = None
    order: OrderTest | None = None
    other: OrderTest | None = None
    condition: ConditionTest | None = None
    allergy: AllergyTest | None = None
    count: CountTest | None = None
    sum: SumTest | None = None
    exposure: ExposureTest | None = None
    known: Names | None = None
    unknown: Names | None = None
    context: ContextTest | None = None
    sex: Literal["male", "female"] | None = None
    pregnant: bool | None = None
    lactating: bool | None = None
    child_pugh_class: Names | None = None

    @field_validator("always", mode="before")
    @classmethod
    def _only_true(cls, value: Any) -> Any:
        if value is not True:
            raise ValueError("always takes only true; leave it out otherwise")
        return value


class ScoreItem(Expression):
    """A condition of a score, and the points it gives when it holds."""

    points: Annotated[int, Field(ge=1, le=100)]


class Score(Range):
    """The sum of the points of what holds: an interval where parts are UNKNOWN."""

    of: Annotated[tuple[ScoreItem, ...], Field(min_length=1, max_length=20)]


class Exception_(Expression):
    """A reason not to alert, judged for the same subject as the rule."""

    id: str
    because: str


OrderCondition.model_rebuild()
AtLeast.model_rebuild()
Expression.model_rebuild()
Exception_.model_rebuild()
ScoreItem.model_rebuild()
