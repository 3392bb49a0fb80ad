"""Recorded allergies recognised by substance."""

from __future__ import annotations

from dataclasses import dataclass

from caveat.facts.chart import Chart
from caveat.facts.clinical import Allergy, Coded
from caveat.facts.identify import OrderView
from caveat.facts.problems_list import Answer, indicated, named
from caveat.findings.basis import Basis, Missing, merge_basis, merge_missing
from caveat.terminology.resolver import Resolution, resolve_allergen
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, all_of

NONE_KNOWN = ("no-known-allergy", "no-known-drug-allergy")


@dataclass(frozen=True, slots=True, eq=False)
class AllergyView:
    """One allergy with the ingredients it is to, those of a class where it names one.

    An assertion of none has no ingredients.
    """

    allergy: Allergy
    id: str
    ingredients: frozenset[str]
    resolution: Resolution | None

    @property
    def name(self) -> str:
        """The substance as recorded."""
        return named(self.allergy.codes, self.allergy.text)


def allergy_views(chart: Chart) -> tuple[AllergyView, ...] | None:
    """Every allergy that was not refuted; None when the list is not known."""
    return chart.once("allergies", lambda: _views(chart))


def _views(chart: Chart) -> tuple[AllergyView, ...] | None:
    allergies = chart.patient.allergies
    if allergies is None:
        return None
    found: list[AllergyView] = []
    for index, allergy in enumerate(allergies):
        if allergy.verification in ("refuted", "entered-in-error"):
            continue
        identifier = allergy.id or f"allergy-{index + 1}"
        if any(view.id == identifier for view in found):
            identifier = f"{identifier}#{index + 1}"
        if is_assertion_of_none(chart, allergy):
            found.append(AllergyView(allergy, identifier, frozenset(), None))
            continue
        resolution = resolve_allergen(chart.terminology, allergy.codes, allergy.text)
        found.append(AllergyView(allergy, identifier, frozenset(resolution.ingredients), resolution))
    return tuple(found)


def taken_since(chart: Chart, view: OrderView, allergy: AllergyView) -> Answer:
    """Whether another order of what the allergy is to was begun after it was recorded, and completed.

    Asked are the ingredients that the order and the allergy share, or all of the order where the
    allergy is to another one. An order that was stopped, or that goes on, shows nothing.
    """
    shared = allergy.ingredients.intersection(view.ingredients) or frozenset(view.ingredients)
    recorded = allergy.allergy.recorded
    best: Truth = FALSE
    basis: tuple[Basis, ...] = ()
    missing: tuple[Missing, ...] = ()
    for other in chart.ended:
        if other is view or other.order.status == "stopped" or shared.isdisjoint(other.ingredients):
            continue
        start = other.order.start
        if recorded is None or start is None:
            after: Truth = UNKNOWN
        else:
            after = (
                TRUE if start.first > recorded.last else FALSE if start.last <= recorded.first else UNKNOWN
            )
        if after > best:
            best = after
            basis = (Basis("taken since", other.name, start.text if start else None, other.order.source),)
            lacks = "allergy recorded" if recorded is None else "start"
            why = "its date is not recorded" if recorded is None or start is None else "its date is not exact"
            missing = (Missing(lacks, why),)
    return Answer(best, basis, missing if best == UNKNOWN else ())


def reactions_only(chart: Chart, reactions: tuple[Coded, ...], sets: tuple[str, ...]) -> Answer:
    """Whether every recorded reaction is in the sets; none recorded is UNKNOWN."""
    if not reactions:
        return Answer(UNKNOWN, (), (Missing("allergy reaction", "not recorded"),))
    each = [indicated(chart, (reaction,), sets, "allergy reaction") for reaction in reactions]
    truth = all_of([one.truth for one in each])
    basis = merge_basis([one.basis for one in each])
    return Answer(truth, basis, merge_missing([one.missing for one in each]) if truth == UNKNOWN else ())


def known_of_allergy(allergy: AllergyView | None, prop: str) -> bool:
    """Whether the entry says its reaction, severity, criticality or the day it was recorded."""
    if allergy is None:
        return False
    if prop == "reaction":
        return bool(allergy.allergy.reactions)
    return getattr(allergy.allergy, prop) is not None


def is_assertion_of_none(chart: Chart, allergy: Allergy) -> bool:
    """Whether the entry says that there is no known (drug) allergy."""
    if not allergy.codes:
        matches = [chart.terminology.condition_sets(None, allergy.text or "")]
    else:
        matches = [chart.terminology.condition_sets(code, allergy.text or "") for code in allergy.codes]
    return any(not match.sets.isdisjoint(NONE_KNOWN) for match in matches)
