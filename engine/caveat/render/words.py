"""Grades, facts and counts in the words people read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from caveat.findings.basis import Basis, Medicine, Missing
from caveat.render.clean import clean


@dataclass(frozen=True, slots=True)
class Grade:
    """How a level is shown: the word first, then the shape; the colours only repeat them."""

    word: str
    shape: str
    plain_shape: str
    background: str
    foreground: str


GRADES: Final = {
    "contraindicated": Grade("Contraindicated: do not use", "⯃", "[X]", "#7A0019", "#FFFFFF"),
    "major": Grade("Serious: use an alternative or change the dose", "◆", "<!>", "#B33F00", "#FFFFFF"),
    "moderate": Grade("Caution: monitor or adjust", "▲", "/!\\", "#FFC20A", "#1A1A1A"),
    "minor": Grade("Note", "●", "(i)", "#0C5EA8", "#FFFFFF"),
    "info": Grade("Note", "●", "(i)", "#0C5EA8", "#FFFFFF"),
    "open": Grade("Cannot assess: data missing", "⬚?", "[?]", "#5D3A9B", "#FFFFFF"),
}

SHORT: Final = {
    "contraindicated": "contraindicated",
    "major": "serious",
    "moderate": "caution",
    "minor": "note",
    "info": "note",
}

_PROPER: Final = {
    "egfr": "eGFR",
    "qtc": "QTc",
    "qtc_bazett": "QTc (Bazett)",
    "bmi": "BMI",
    "bsa": "body surface",
    "inr": "INR",
    "child_pugh_class": "Child-Pugh class",
    "child_pugh_score": "Child-Pugh score",
    "child_pugh_stated": "a stated Child-Pugh class",
    "max_per_day": "maximum a day",
    "dose_per_weight": "dose by weight",
    "daily_dose_per_weight": "daily dose by weight",
    "orders": "list of medicines",
    "conditions": "condition list",
    "allergies": "allergy list",
    "observations": "list of observations",
    "all_orders": "closed list of medicines",
    "all_conditions": "closed condition list",
    "all_allergies": "closed allergy list",
    "all_observations": "closed list of observations",
    "as_needed": "as needed",
    "pump_refill_age": "time since the pump was filled",
    "since_start": "time since the start",
    "since_stop": "time since the end",
    "treatment_time": "time on treatment",
}
_MOST_NAMES: Final = 4
_AGE: Final = re.compile(r"(.+)_age")


def fact_words(name: str) -> str:
    """The name of a fact in words: `creatinine_clearance` is "creatinine clearance"."""
    kind, _, rest = name.partition(":")
    if rest:
        return f"{kind} ({rest.replace('-', ' ')})"
    name = name.removeprefix("context.").removeprefix("order.")
    if name in _PROPER:
        return _PROPER[name]
    aged = _AGE.fullmatch(name)
    if aged:
        return f"time since the last {fact_words(aged[1])}"
    return name.replace("_", " ")


def missing_words(missing: Missing) -> str:
    """What is missing and why: "creatinine clearance not recorded"."""
    name = fact_words(missing.fact)
    if missing.reason == "not recorded":
        return with_medicines(f"{name} not recorded", missing.of)
    return with_medicines(f"{name}: {in_words(missing.reason)}", missing.of)


def missing_briefly(missing: Missing) -> str:
    """What is missing in a few words; the finding itself says it in full."""
    inputs = [name for name in missing.inputs if name != missing.fact]
    if inputs:
        names = [fact_words(name) for name in inputs]
        named = " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"
        return with_medicines(f"{fact_words(missing.fact)} lacks {named}", missing.of)
    reason = missing.reason.partition(", so ")[0].partition("; ")[0]
    if reason.startswith("no "):
        return with_medicines(in_words(reason), missing.of)
    return missing_words(Missing(missing.fact, reason, (), missing.of))


def with_medicines(text: str, medicines: tuple[Medicine, ...]) -> str:
    """The text with the medicines it is said of, unless it names them: "dose 25 ug/h (fentanyl)"."""
    names = dict.fromkeys(" + ".join(one.drugs) or clean(one.name, 80) for one in medicines)
    others = [name for name in names if name.casefold() not in text.casefold()]
    if not others:
        return text
    rest = len(others) - _MOST_NAMES
    return f"{text} ({', '.join(others[:_MOST_NAMES])}{f' and {rest} more' if rest > 0 else ''})"


_NAMED: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def in_words(text: str) -> str:
    """A reason with the names of facts in it put into words."""
    text = text.replace(": not recorded", " not recorded")
    return clean(_NAMED.sub(lambda found: fact_words(found[0]), text))


def basis_words(basis: Basis) -> str:
    """A fact with value, unit, date and source: "weight 70 kg · 2026-01-10 · Observation/9"."""
    said = _said(basis)
    parts = [
        with_medicines(said, basis.of),
        *(clean(part, 80) for part in (basis.at, basis.source) if part and part not in said),
    ]
    return " · ".join(parts)


_YES: Final = {"true": "yes", "false": "no"}
_STARTED: Final = ("since_start", "treatment_time")


def _said(basis: Basis) -> str:
    """The fact and its value: "alcohol use yes", "weight 70 kg", "started 2026-01-10"."""
    value = clean(basis.value)
    if basis.fact.removeprefix("order.") in _STARTED:
        if value.startswith("start "):
            return f"started {value.removeprefix('start ')}"
        if value == "proposed":
            return "proposed, not started"
    return f"{fact_words(basis.fact)} {_YES.get(value, value)}"


def counted(count: int, singular: str, plural: str = "") -> str:
    """`1 alert`, `2 alerts`."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def joined(items: list[str], most: int) -> str:
    """The first `most` of the items, and how many more there are."""
    shown = items[:most]
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    return "; ".join(shown)
