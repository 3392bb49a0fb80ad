"""caveat: graded, explained alerts from patient records and declarative rules.

rules = caveat.load()
patient = caveat.Patient(id="p1", age="70 a", creatinine_clearance="24 mL/min", orders=[...])
report = caveat.screen(patient, rules, as_of="2026-01-15")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset, load
    from caveat.errors import CaveatError, InputError, RulesetError
    from caveat.evaluators.screen import screen
    from caveat.facts.clinical import Allergy, Condition, Context, Lists, Observation, Order
    from caveat.facts.patient import Patient
    from caveat.findings.report import Finding, Report

__version__ = "0.1.0"

_PLACES = {
    "load": "caveat.compile.ruleset",
    "Ruleset": "caveat.compile.ruleset",
    "screen": "caveat.evaluators.screen",
    "Patient": "caveat.facts.patient",
    "Order": "caveat.facts.clinical",
    "Condition": "caveat.facts.clinical",
    "Allergy": "caveat.facts.clinical",
    "Observation": "caveat.facts.clinical",
    "Context": "caveat.facts.clinical",
    "Lists": "caveat.facts.clinical",
    "Finding": "caveat.findings.report",
    "Report": "caveat.findings.report",
    "CaveatError": "caveat.errors",
    "InputError": "caveat.errors",
    "RulesetError": "caveat.errors",
}
__all__ = [
    "Allergy",
    "CaveatError",
    "Condition",
    "Context",
    "Finding",
    "InputError",
    "Lists",
    "Observation",
    "Order",
    "Patient",
    "Report",
    "Ruleset",
    "RulesetError",
    "__version__",
    "load",
    "screen",
]


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'caveat' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(place), name)


def __dir__() -> list[str]:
    return list(__all__)
