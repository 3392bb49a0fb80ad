"""Names of the numbers that a rule may ask for, with the unit each is measured in.

Observation concepts come on top, from the terminology, and for each `x` of them `x_age`, the
time since its latest value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from caveat.terminology.concepts import Terminology


@dataclass(frozen=True, slots=True)
class NumberFact:
    """`unit` gives the dimension a range must have; `analyte` allows mass and molar units."""

    name: str
    unit: str
    analyte: str | None = None
    derived: bool = True


PATIENT_NUMBERS: Final = {
    fact.name: fact
    for fact in (
        NumberFact("age", "a"),
        NumberFact("gestation", "wk"),
        NumberFact("weight", "kg", derived=False),
        NumberFact("height", "cm", derived=False),
        NumberFact("bmi", "kg/m2"),
        NumberFact("bsa", "m2"),
        NumberFact("ideal_weight", "kg"),
        NumberFact("adjusted_weight", "kg"),
        NumberFact("creatinine_clearance", "mL/min"),
        NumberFact("egfr", "mL/min/{1.73_m2}"),
        NumberFact("child_pugh_score", "1"),
        NumberFact("qtc", "ms"),
        NumberFact("qtc_bazett", "ms"),
        NumberFact("pump_refill_age", "d"),
    )
}

ORDER_NUMBERS: Final = {
    "dose": None,
    "daily_dose": None,
    "dose_per_weight": None,
    "daily_dose_per_weight": None,
    "strength": None,
    "frequency": "/d",
    "duration": "d",
    "since_start": "d",
    "since_stop": "d",
    "treatment_time": "d",
}
"""Properties of an order that are numbers; None where the dimension follows the substance."""

AMOUNTS_OF_ORDER: Final = (
    "dose",
    "daily_dose",
    "dose_per_weight",
    "daily_dose_per_weight",
    "strength",
)
"""Properties that of a combination product are those of one of its ingredients."""

STATED_OF_ORDER: Final = ("as_needed", "max_per_day", "purpose", "rate", "start", "status", "stop", "tapered")
"""Properties that are known where the record states them."""

KNOWABLE_OF_ORDER: Final = tuple(
    f"order.{name}" for name in ("indication", "route", "form", *STATED_OF_ORDER, *ORDER_NUMBERS)
)
"""What `known` may ask of the judged order."""
KNOWABLE_OF_ALLERGY: Final = tuple(
    f"allergy.{name}" for name in ("reaction", "severity", "criticality", "recorded")
)
"""What `known` may ask of the judged allergy."""

CHOICES: Final = {
    "sex": ("female", "male"),
    "pregnant": ("true", "false"),
    "lactating": ("true", "false"),
    "child_pugh_class": ("A", "B", "C"),
    "context.specialist_oversight": ("true", "false"),
    "context.hazardous_work": ("true", "false"),
    "context.fall_risk": ("true", "false"),
    "context.alcohol_use": ("true", "false"),
    "context.care_setting": (
        "ambulatory",
        "inpatient",
        "emergency",
        "intensive-care",
        "home",
        "long-term-care",
    ),
}


LISTS: Final = ("orders", "conditions", "allergies", "observations")
"""The lists of a record; `known` asks of each whether there is one."""

CLOSED_LISTS: Final = {f"all_{name}": name for name in LISTS}
"""By the name that `known` takes, the list of which it asks whether nothing is left out."""


def described(name: str) -> Callable[[Terminology], NumberFact | None]:
    """`number_fact` of one name, remembered for the terminology that it was last asked of."""
    kept: list[tuple[Terminology | None, NumberFact | None]] = [(None, None)]

    def fact(terminology: Terminology) -> NumberFact | None:
        of, found = kept[0]
        if of is not terminology:
            found = number_fact(name, terminology)
            kept[0] = terminology, found
        return found

    return fact


def number_fact(name: str, terminology: Terminology) -> NumberFact | None:
    """The fact of that name, or None when there is none."""
    found = PATIENT_NUMBERS.get(name)
    if found is not None:
        return found
    concepts = terminology.tables.observations
    if name in concepts:
        return terminology.remember(("number", name), lambda: _observation(name, terminology))
    if name.endswith("_age") and name[:-4] in concepts:
        return NumberFact(name, "d")
    return None


def _observation(name: str, terminology: Terminology) -> NumberFact:
    concept = terminology.observation(name)
    return NumberFact(name, concept.unit or "1", concept.analyte or None, derived=False)


def number_names(terminology: Terminology) -> tuple[str, ...]:
    """Every number a rule may ask for, for suggestions and documentation."""
    return (*PATIENT_NUMBERS, *terminology.tables.observations)


def knowable(terminology: Terminology) -> tuple[str, ...]:
    """Every name that `known` and `unknown` take."""
    ages = (f"{name}_age" for name in terminology.tables.observations)
    judged = (*KNOWABLE_OF_ORDER, *KNOWABLE_OF_ALLERGY)
    return (*number_names(terminology), *ages, *CHOICES, *LISTS, *CLOSED_LISTS, "child_pugh_stated", *judged)
