"""The facts that rules need of a record, each under the name of what must be asked for to have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from caveat.compile import nodes
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.facts.catalog import CHOICES, CLOSED_LISTS, PATIENT_NUMBERS
from caveat.terminology.concepts import Terminology

OBSERVED: Final = "observation:"
HISTORY: Final = "history:"
"""Prefixes: the latest value of a concept, and every value of it."""

# What each number of the catalogue is made of; an observation of its own name is added where there is one.
_SIZE: Final = ("observation:weight", "observation:height", "age")
MADE_OF: Final[dict[str, tuple[str, ...]]] = {
    "age": ("age",),
    "gestation": (
        "observation:recorded_gestation",
        "observation:estimated_delivery_date",
        "observation:last_menstrual_period",
        "conditions",
    ),
    "weight": (),
    "height": (),
    "bmi": _SIZE,
    "bsa": _SIZE,
    "ideal_weight": ("observation:height", "sex"),
    "adjusted_weight": (*_SIZE, "sex"),
    "creatinine_clearance": ("observation:serum_creatinine", "observation:weight", "age", "sex"),
    "egfr": ("observation:serum_creatinine", "observation:height", "age", "sex"),
    "child_pugh_score": (
        "child_pugh",
        "observation:bilirubin_total",
        "observation:albumin",
        "observation:inr",
        "conditions",
    ),
    "qtc": ("observation:qtc_interval", "observation:qt_interval", "observation:heart_rate"),
    "qtc_bazett": ("observation:qt_interval", "observation:heart_rate"),
    "pump_refill_age": ("context.pump_refilled",),
}
_STATES: Final = {"pregnant", "lactating"}
_LISTS: Final = {
    "orders": ("orders.current", "orders.ended"),
    "conditions": ("conditions",),
    "allergies": ("allergies",),
    "observations": ("observations",),
}
_OF_THE_PAST: Final = frozenset(("since_stop", "treatment_time", "tapered", "stop"))
_BY_WEIGHT: Final = frozenset(("dose_per_weight", "daily_dose_per_weight"))


def needs(rules: Ruleset) -> frozenset[str]:
    """Every fact that some rule needs; a fact of a kind not known here is in it under its own name."""
    found: set[str] = set()
    for rule in rules.program.rules:
        found.update(of_rule(rule, rules.terminology))
    return frozenset(found)


def of_rule(rule: CompiledRule, terminology: Terminology) -> frozenset[str]:
    """The facts that one rule needs."""
    found = {"orders.ended" if rule.subject == "stopped" else "orders.current"}
    if rule.subject == "allergy":
        found.add("allergies")
    for leaf in rule.leaves():
        found.update(of_leaf(leaf, terminology))
    return frozenset(found)


def of_leaf(leaf: nodes.Leaf, terminology: Terminology) -> Iterable[str]:
    """The facts that one leaf needs. Raises TypeError for a kind of leaf that is not known here."""
    if isinstance(leaf, nodes.NumberLeaf):
        yield from _number(leaf.fact, terminology, history=leaf.pick != "latest")
        if leaf.using not in (None, "actual"):
            yield from MADE_OF["adjusted_weight"]
    elif isinstance(leaf, (nodes.OrderNumberLeaf, nodes.OrderIsLeaf)):
        yield from _order(leaf.prop)
    elif isinstance(leaf, nodes.DoseMultipleLeaf):
        yield "orders.current"
    elif isinstance(leaf, nodes.IndicationLeaf):
        yield from ("orders.current", "conditions")
    elif isinstance(leaf, nodes.ConditionLeaf):
        yield "conditions"
        if not terminology.condition_sets(None, "dialysis").sets.isdisjoint(leaf.sets):
            yield "dialysis"
    elif isinstance(leaf, nodes.AllergyLeaf):
        yield "allergies"
        if leaf.prop == "taken_since":
            yield "orders.ended"
    elif isinstance(leaf, (nodes.CountLeaf, nodes.SumLeaf)):
        yield "orders.current"
        yield from _order(getattr(leaf, "times", None) or "dose")
        for inner in nodes.asked_of_each(leaf):
            yield from of_leaf(inner, terminology)
    elif isinstance(leaf, nodes.ExposureLeaf):
        yield from ("orders.current", "orders.ended")
        for inner in nodes.asked_of_each(leaf):
            yield from of_leaf(inner, terminology)
    elif isinstance(leaf, nodes.KnownLeaf):
        yield from _known(leaf.fact, terminology)
    elif isinstance(leaf, nodes.ChoiceLeaf):
        yield from _choice(leaf.fact)
    elif not isinstance(leaf, nodes.Always):
        raise TypeError(f"no one has said what facts a {type(leaf).__name__} needs")


def _order(prop: str) -> Iterable[str]:
    yield "orders.current"
    if prop in _OF_THE_PAST:
        yield "orders.ended"
    if prop in _BY_WEIGHT:
        yield from ("observation:weight", "age")


def _known(fact: str, terminology: Terminology) -> Iterable[str]:
    if fact.startswith("order."):
        yield from _order(fact.removeprefix("order."))
    elif fact.startswith("allergy."):
        yield "allergies"
    elif fact in _LISTS or fact in CLOSED_LISTS:
        yield from _LISTS[CLOSED_LISTS.get(fact, fact)]
    elif fact == "child_pugh_stated":
        yield "child_pugh"
    elif fact in CHOICES:
        yield from _choice(fact)
    else:
        yield from _number(fact, terminology)


def _choice(fact: str) -> Iterable[str]:
    if fact == "child_pugh_class":
        yield from MADE_OF["child_pugh_score"]
    else:
        yield fact
        if fact in _STATES:
            yield from ("sex", "age", "conditions")


def _number(fact: str, terminology: Terminology, *, history: bool = False) -> Iterable[str]:
    concepts = terminology.tables.observations
    made = MADE_OF.get(fact)
    if made is not None:
        yield from made
    if fact in concepts:
        yield from (f"{OBSERVED}{fact}", f"{HISTORY}{fact}") if history else (f"{OBSERVED}{fact}",)
    elif fact.endswith("_age") and fact[:-4] in concepts:
        yield f"{OBSERVED}{fact[:-4]}"
    elif made is None:
        yield fact


def check() -> frozenset[str]:
    """Numbers of the catalogue that MADE_OF does not know: none, or a new one was forgotten here."""
    return frozenset(PATIENT_NUMBERS) - frozenset(MADE_OF)
