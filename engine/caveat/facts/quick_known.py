"""Whether a number is known, told from plain values alone."""

from __future__ import annotations

from functools import lru_cache

from caveat.facts.catalog import PATIENT_NUMBERS, number_fact
from caveat.facts.chart import Chart
from caveat.facts.quick import NEEDED, clearance, entries, if_recorded, latest, time_since, years


def known(chart: Chart, fact: str) -> bool | None:
    """Whether a number is known with nothing missing; None where only the exact way can tell."""
    memo = chart.memo
    recorded = memo["quick"] if "quick" in memo else entries(chart)
    kind = kind_of(fact)
    if kind == "observation":
        if fact in recorded:
            return _is(latest(chart, fact, *_unit(chart, fact), None))
        concepts = chart.terminology.tables.observations
        if fact in concepts:
            return False
        concept = _aged(fact)
        if concept is not None and concept in concepts:
            return concept in recorded and _is(time_since(chart, concept))
        return None
    if kind == "context":
        return getattr(chart.patient.context, fact[8:], None) is not None
    if fact == "creatinine_clearance":
        return _is(clearance(chart, None, None))
    if fact == "child_pugh_stated":
        return chart.patient.child_pugh is not None or "child_pugh_score" in recorded
    if fact == "pump_refill_age":
        return False if chart.patient.context.pump_refilled is None else None
    if fact in NEEDED:
        return None if if_recorded(chart, fact) is None else False
    return _egfr_known(chart) if fact == "egfr" else None


@lru_cache(maxsize=1024)
def kind_of(fact: str) -> str:
    """How a fact is looked up: in the context, as an observation, or in its own way."""
    if fact.startswith("context."):
        return "context"
    derived = PATIENT_NUMBERS.get(fact)
    own = fact == "child_pugh_stated" or (derived is not None and derived.derived)
    return "own" if own else "observation"


@lru_cache(maxsize=1024)
def _aged(fact: str) -> str | None:
    """The concept whose age a fact is; None for any other fact."""
    return fact[:-4] if fact.endswith("_age") else None


def _is(value: float | None) -> bool | None:
    return None if value is None else value == value


def _unit(chart: Chart, fact: str) -> tuple[str, str | None]:
    found = number_fact(fact, chart.terminology)
    return ("1", None) if found is None else (found.unit, found.analyte)


def _egfr_known(chart: Chart) -> bool | None:
    recorded = entries(chart)
    if "egfr" in recorded:
        return _is(latest(chart, "egfr", "mL/min/{1.73_m2}", None, None))
    if "serum_creatinine" not in recorded:
        return False
    lived = years(chart)
    if lived is None or lived < 18 or chart.patient.sex is None:
        return None
    return _is(latest(chart, "serum_creatinine", "mg/dL", "creatinine", None))
