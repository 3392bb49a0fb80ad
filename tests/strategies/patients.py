"""Generated patients, full of gaps: as plain data that is still easy to change, and as records."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from hypothesis import strategies as st

from caveat.facts.chart import Chart
from caveat.facts.identify import Selection
from caveat.facts.patient import Patient
from strategies import vocabulary as v
from strategies.sources import Drawn, Source, maybe

Data = dict[str, Any]

COMPLETENESS: Final = ("closed", "open", "unknown")
SELECTIONS: Final[tuple[Selection, ...]] = ("active", "overlapping", "ever")
PRODUCTS: Final = (
    "baclofen",
    "Lioresal 10 mg tablet",
    "baclofen 10 mg tablet",
    "baclofen intrathecal",
    "diazepam",
    "morphine",
    "codeine",
    "tizanidine",
    "warfarin",
    "paracetamol",
    "baclofn",
    "baclofen 5 mg/5 mL oral solution",
    "baclofen and codeine",
    "paracetamol 500 mg / codeine 30 mg tablet",
    "co-codamol 8/500",
    "codeine-paracetamol 15-500 mg",
    "codeine 10 mg / baclofen 5 mg per 5 mL",
    "12 HR morphine 30 mg tablet",
    "fentanyl 25 mcg/hr patch",
    "some unknown herb",
)
# The unit of a rule's bound, others of the same dimension, and one that does not fit.
UNITS: Final = {
    "creatinine_clearance": ("mL/min", "mL/s", "L/d", "mg/dL"),
    "serum_creatinine": ("mg/dL", "umol/L", "mg/L", "kg"),
    "weight": ("kg", "g", "[lb_av]", "cm"),
    "height": ("cm", "m", "[in_i]", "kg"),
    "egfr": ("mL/min/{1.73_m2}", "mL/min", "%"),
    "potassium": ("mmol/L", "meq/L", "mg"),
    "inr": ("1", "{INR}", "s"),
    "bilirubin_total": ("mg/dL", "umol/L", "%"),
    "albumin": ("g/dL", "g/L", "%"),
    "heart_rate": ("/min", "{beats}/min", "s"),
    "qt_interval": ("ms", "s", "mV"),
    "bmi": ("kg/m2", "kg"),
    "child_pugh_score": ("1", "{score}"),
    "qtc_interval": ("ms", "s"),
    "recorded_gestation": ("wk", "d", "kg"),
}
DATED: Final = ("estimated_delivery_date", "last_menstrual_period")
BOUNDS: Final = {name: bounds for name, (_, bounds) in v.NUMBERS.items()} | {
    "qtc_interval": (450, 500),
    "recorded_gestation": (12, 28),
}


def quantity(source: Source, bounds: tuple[int, ...], units: tuple[str, ...]) -> str | Data:
    """A value on or beside a bound, mostly in the first unit, sometimes with a comparator or a range."""
    value = source.pick(bounds)
    text = source.pick((f"{value}", f"{value}.1", f"{max(value - 1, 1)}", f"{value}.05", f"{value * 3}"))
    unit = units[0] if source.chance(80) else source.pick(units)
    shape = source.number(0, 19)
    if shape == 19:
        return {"value": text, "unit": unit, "upper": f"{value * 4}"}
    if shape in (17, 18):
        return {"value": text, "unit": unit, "comparator": source.pick(("<", "<=", ">", ">="))}
    if shape == 16:
        return {"value": text, "unit": ""}
    return {"value": text, "unit": unit}


def date(source: Source, oldest: int = 500, newest: int = 3) -> str:
    """A day, month, year or instant from `oldest` days before the day asked about to `newest` after it."""
    offsets = [days for days in (5, 0, 7, 8, 14, 15, 29, 30, 31, 89, 90, 91, 365, 366, 500) if days <= oldest]
    day = v.AS_OF + dt.timedelta(
        days=source.number(0, newest) if newest and source.chance(8) else -source.pick(offsets)
    )
    match source.number(0, 11):
        case 11:
            return f"{day:%Y}"
        case 9 | 10:
            return f"{day:%Y-%m}"
        case 8:
            return f"{day:%Y-%m-%d}T0{source.number(0, 9)}:30:00Z"
        case _:
            return day.isoformat()


def order(source: Source, index: int) -> Data:
    """An order with any of its properties missing."""
    found: Data = {"id": f"o{index}"}
    name = source.pick(PRODUCTS)
    if source.chance(25):
        found["ingredients"] = [source.pick(v.INGREDIENTS) for _ in range(source.number(1, 2))]
        if source.chance(40):
            found["ingredients"] = [f"{name} {source.pick((5, 10, 20))} mg" for name in found["ingredients"]]
        if source.chance(30):
            found["text"] = name
    else:
        found["text"] = name
    if source.chance(10):
        found["codes"] = ["rxnorm|1292"]
    _put(found, "route", maybe(source, 60, lambda: source.pick((*v.ROUTES, "po", "by magic"))))
    _put(found, "form", maybe(source, 30, lambda: source.pick((*v.FORMS, "blob"))))
    _put(found, "dose", maybe(source, 70, lambda: _dose(source)))
    _put(found, "strength", maybe(source, 20, lambda: quantity(source, (5, 10), ("mg", "mg/mL", "mg/{tbl}"))))
    _put(found, "frequency", maybe(source, 65, lambda: quantity(source, (1, 3, 4), ("/d", "h", "/wk", "mg"))))
    _put(found, "max_per_day", maybe(source, 15, lambda: quantity(source, (20, 60), ("mg", "mg/d", "{tbl}"))))
    _put(found, "rate", maybe(source, 8, lambda: quantity(source, (300, 1000), ("ug/d", "mg/h", "mL/h"))))
    _put(found, "daily_dose", maybe(source, 10, lambda: quantity(source, (20, 60, 80), ("mg/d", "mg", "mL"))))
    _put(found, "as_needed", maybe(source, 40, lambda: source.chance(40)))
    _put(found, "tapered", maybe(source, 30, lambda: source.chance(50)))
    _put(found, "purpose", maybe(source, 15, lambda: source.pick(("treatment", "test"))))
    statuses = ("active", "active", "proposed", "on-hold", "completed", "stopped", "unknown", "cancelled")
    _put(found, "status", maybe(source, 80, lambda: source.pick((*statuses, "entered-in-error"))))
    _put(found, "origin", maybe(source, 20, lambda: source.pick(("order", "statement", "dispense"))))
    _put(found, "start", maybe(source, 65, lambda: date(source)))
    _put(found, "stop", maybe(source, 35, lambda: date(source, 30, 40)))
    if source.chance(40):
        found["indication"] = [source.pick(_CONDITIONS) for _ in range(source.number(0, 2))]
    if source.chance(30):
        found["source"] = f"Record/{index}"
    if "start" in found and "stop" in found and found["stop"][:10] < found["start"][:10]:
        found["start"], found["stop"] = found["stop"], found["start"]
    return found


def _dose(source: Source) -> str | Data:
    unit = source.pick(("mg", "mg", "ug", "mL", "{tbl}", "banana"))
    return quantity(source, (5, 10, 20, 50), (unit, "g"))


_CONDITIONS: Final[tuple[Any, ...]] = (
    {"codes": ["icd10cm|G40.909"]},
    {"codes": ["icd10cm|N18.4"], "text": "CKD stage 4"},
    {"codes": ["icd10cm|N18"]},
    {"codes": ["icd10cm|K27.9"]},
    {"codes": ["icd10cm|R18.8"]},
    {"codes": ["snomed|84757009"]},
    {"codes": [{"system": "snomed", "code": "999999991", "display": "Rare epilepsy"}]},
    {"text": "Spasticity"},
    {"text": "pregnancy"},
    {"codes": ["icd10cm|Z3A.12"]},
    {"text": "family history of seizures"},
    {"codes": ["icd10cm|Z99.2"]},
    {"text": "something else"},
)


def condition(source: Source) -> Data:
    """A condition with its status, verification or dates missing."""
    found: Data = dict(source.pick(_CONDITIONS))
    states = ("active", "inactive", "remission", "resolved", "recurrence")
    _put(found, "clinical_status", maybe(source, 70, lambda: source.pick(states)))
    verifications = ("confirmed", "unconfirmed", "provisional", "refuted", "entered-in-error")
    _put(found, "verification", maybe(source, 50, lambda: source.pick(verifications)))
    for name in ("onset", "recorded", "abatement"):
        _put(found, name, maybe(source, 15 if name == "abatement" else 45, lambda: date(source)))
    return found


def allergy(source: Source) -> Data:
    """An allergy, or an entry that says there is none."""
    found: Data = {
        "text": source.pick(
            (
                "baclofen",
                "codeine",
                "diazepam - rash",
                "codeine (nausea)",
                "bakloffen",
                "No known allergies",
                "peanut",
            )
        )
    }
    _put(found, "type", maybe(source, 50, lambda: source.pick(("allergy", "intolerance"))))
    _put(found, "severity", maybe(source, 50, lambda: source.pick(("mild", "moderate", "severe"))))
    _put(found, "criticality", maybe(source, 50, lambda: source.pick(("low", "high", "unable-to-assess"))))
    reactions = [dict(source.pick(_CONDITIONS)) for _ in range(source.number(1, 2))]
    _put(found, "reactions", maybe(source, 40, lambda: reactions))
    _put(found, "recorded", maybe(source, 60, lambda: date(source)))
    _put(found, "clinical_status", maybe(source, 50, lambda: source.pick(("active", "inactive", "resolved"))))
    _put(
        found, "verification", maybe(source, 40, lambda: source.pick(("confirmed", "unconfirmed", "refuted")))
    )
    return found


def observation(source: Source) -> Data:
    """A measured value, at times undated, without a result, or of an unknown concept."""
    concept = source.pick((*UNITS, *DATED, "phlogiston"))
    found: Data = {"concept": concept}
    if concept in DATED:
        _put(found, "answer", maybe(source, 90, lambda: date(source, newest=200)))
        _put(found, "at", maybe(source, 90, lambda: date(source)))
        return found
    bounds, units = BOUNDS.get(concept, (1,)), UNITS.get(concept, ("1",))
    _put(found, "value", maybe(source, 94, lambda: quantity(source, bounds, units)))
    _put(found, "at", maybe(source, 90, lambda: date(source)))
    return found


def data(source: Source, index: int = 0) -> Data:
    """A patient as plain data that `Patient.model_validate` takes."""
    found: Data = {"id": f"p{index}"}
    match source.number(0, 9):
        case 9:
            pass
        case 7 | 8:
            found["age"] = source.pick(
                ("18 a", "17 a", "64 a", "65 a", "1 a", "12 mo", "23 mo", "28 d", "6 d", "40 wk")
            )
        case _:
            years = source.pick((65, 64, 18, 17, 40, 1, 0, 85))
            born = v.AS_OF.replace(year=v.AS_OF.year - years) + dt.timedelta(
                days=source.number(-1, 1) if years else -5
            )
            found["birth_date"] = source.pick(
                (f"{born:%Y-%m-%d}", f"{born:%Y-%m-%d}", f"{born:%Y-%m}", f"{born:%Y}")
            )
    _put(found, "sex", maybe(source, 80, lambda: source.pick(("female", "male"))))
    _put(found, "pregnant", maybe(source, 20, lambda: found.get("sex") != "male" and source.chance(50)))
    _put(found, "lactating", maybe(source, 20, lambda: source.chance(50)))
    _put(found, "gestation", maybe(source, 15, lambda: quantity(source, (12, 28), ("wk", "d", "kg"))))
    _put(found, "child_pugh", maybe(source, 10, lambda: source.pick(("A", "B", "C"))))
    for name, percent in (
        ("weight", 40),
        ("height", 30),
        ("serum_creatinine", 25),
        ("creatinine_clearance", 15),
        ("egfr", 10),
    ):
        if source.chance(percent):
            value = quantity(source, BOUNDS[name], UNITS[name])
            found[name] = {"value": value, "at": date(source)} if source.chance(60) else value
    _put(found, "orders", maybe(source, 93, lambda: [order(source, i) for i in range(source.number(0, 4))]))
    _put(
        found,
        "conditions",
        maybe(source, 80, lambda: [condition(source) for _ in range(source.number(0, 3))]),
    )
    _put(found, "allergies", maybe(source, 75, lambda: [allergy(source) for _ in range(source.number(0, 2))]))
    _put(
        found,
        "observations",
        maybe(source, 85, lambda: [observation(source) for _ in range(source.number(0, 5))]),
    )
    if source.chance(60):
        found["complete"] = {
            name: source.pick(COMPLETENESS) for name in ("orders", "conditions", "allergies", "observations")
        }
    context: Data = {}
    for name in ("specialist_oversight", "hazardous_work"):
        _put(context, name, maybe(source, 40, lambda: source.chance(50)))
    _put(context, "care_setting", maybe(source, 30, lambda: source.pick(("ambulatory", "inpatient", "home"))))
    _put(context, "pump_refilled", maybe(source, 20, lambda: date(source)))
    if context:
        found["context"] = context
    return found


def _put(found: Data, name: str, value: object) -> None:
    if value is not None:
        found[name] = value


def patient(found: Data) -> Patient:
    """The record of generated data."""
    return Patient.model_validate(found)


def chart(found: Data | Patient, *, as_of: dt.date = v.AS_OF, selection: Selection = "active") -> Chart:
    """A fresh chart."""
    record = found if isinstance(found, Patient) else patient(found)
    return Chart(record, v.terminology(), as_of=as_of.toordinal(), selection=selection)


@st.composite
def datas(draw: st.DrawFn) -> Data:
    """Patients as data, which shrink towards an empty record."""
    return data(Drawn(draw))
