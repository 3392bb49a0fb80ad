"""The words that generated rules and patients share, all from the bundled concepts."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Final

from caveat.compile.ruleset import bundled
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import load_terminology

AS_OF: Final = dt.date(2026, 1, 15)

INGREDIENTS: Final = ("baclofen", "diazepam", "morphine", "codeine", "tizanidine", "warfarin", "paracetamol")
CLASSES: Final = ("opioid", "benzodiazepine", "central-depressant")
ROUTES: Final = ("oral", "intrathecal", "intravenous", "enteral-tube")
FORMS: Final = ("tablet", "oral-solution", "injection", "intrathecal-solution")
SETS: Final = (
    "epilepsy-or-seizure",
    "pregnancy",
    "chronic-kidney-disease",
    "dialysis",
    "ascites",
    "spasticity",
    "peptic-ulcer",
    "hepatic-encephalopathy",
)

# Numbers a rule may ask for: unit and bounds, which patients' values then lie on and around.
NUMBERS: Final = {
    "creatinine_clearance": ("mL/min", (30, 50, 90)),
    "serum_creatinine": ("mg/dL", (1, 2)),
    "age": ("a", (1, 18, 65)),
    "weight": ("kg", (40, 70)),
    "egfr": ("mL/min/{1.73_m2}", (30, 60)),
    "potassium": ("mmol/L", (4, 6)),
    "inr": ("1", (1, 2)),
    "bilirubin_total": ("mg/dL", (2, 3)),
    "albumin": ("g/dL", (3, 4)),
    "height": ("cm", (150, 170)),
    "heart_rate": ("/min", (50, 100)),
    "qt_interval": ("ms", (400, 500)),
    "qtc": ("ms", (450, 500)),
    "qtc_bazett": ("ms", (450, 500)),
    "bmi": ("kg/m2", (18, 30)),
    "bsa": ("m2", (1, 2)),
    "ideal_weight": ("kg", (50, 70)),
    "adjusted_weight": ("kg", (50, 70)),
    "child_pugh_score": ("1", (7, 10)),
    "gestation": ("wk", (12, 28)),
    "pump_refill_age": ("d", (30, 90)),
    "serum_creatinine_age": ("d", (30, 90)),
}
# Ages in months and in days compare by another count than ages in years.
AGES: Final = {"a": (1, 18, 65), "mo": (1, 12, 24), "d": (7, 28)}

ORDER_NUMBERS: Final = {
    "dose": (("mg", (5, 10, 20)), ("ug", (50, 500)), ("mL", (5,))),
    "daily_dose": (("mg/d", (20, 60, 80)), ("ug/d", (300, 1000))),
    "dose_per_weight": (("mg/kg", (1, 2)),),
    "daily_dose_per_weight": (("mg/kg/d", (1, 2)),),
    "strength": (("mg", (5, 10)), ("mg/mL", (1, 2))),
    "frequency": (("/d", (1, 3, 4)),),
    "duration": (("d", (7, 30)),),
    "since_start": (("d", (7, 30)),),
    "since_stop": (("d", (7, 14)),),
    "treatment_time": (("d", (30, 90)),),
}
KNOWABLE: Final = (
    *NUMBERS,
    "sex",
    "pregnant",
    "context.specialist_oversight",
    "orders",
    "conditions",
    "allergies",
    "all_orders",
    "all_conditions",
    "all_allergies",
)


@cache
def terminology() -> Terminology:
    """The bundled concepts."""
    return load_terminology(bundled() / "concepts")


def members(name: str) -> tuple[str, ...]:
    """The members of a class, sorted as the compiler sorts them."""
    return tuple(sorted(terminology().class_members(name)))
