"""Recorded allergies recognised by substance."""

from __future__ import annotations

from dataclasses import dataclass

from caveat.facts.chart import Chart
from caveat.facts.clinical import Allergy
from caveat.facts.problems_list import named
from caveat.terminology.resolver import Resolution, resolve_allergen

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


def is_assertion_of_none(chart: Chart, allergy: Allergy) -> bool:
    """Whether the entry says that there is no known (drug) allergy."""
    if not allergy.codes:
        matches = [chart.terminology.condition_sets(None, allergy.text or "")]
    else:
        matches = [chart.terminology.condition_sets(code, allergy.text or "") for code in allergy.codes]
    return any(not match.sets.isdisjoint(NONE_KNOWN) for match in matches)
