"""Recorded allergies recognised by substance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from caveat.facts.chart import Chart
from caveat.facts.clinical import Allergy, Coded
from caveat.facts.identify import OrderView
from caveat.facts.problems_list import Answer, indicated, named
from caveat.findings.basis import Basis, Missing, merge_basis, merge_missing
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import Resolution, resolve_allergen
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, all_of

NONE_KNOWN = ("no-known-allergy", "no-known-drug-allergy")
_TOLD: Final = re.compile(
    r"(?P<substance>[^()\[\]:;]+?)"
    r"(?:\s*[(\[](?P<inside>[^()\[\]]+)[)\]]|(?:\s*[:;]|\s+[-\u2013\u2014])\s+(?P<after>[^()\[\]:;]+))\s*"
)
_BETWEEN: Final = re.compile(r"\s*[/,;&+]\s*|\s+and\s+")
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class AllergyView:
    """One allergy with the ingredients it is to, those of a class where it names one.

    An assertion of none has no ingredients. `reactions` are those recorded, else those that its text tells.
    """

    allergy: Allergy
    id: str
    ingredients: frozenset[str]
    resolution: Resolution | None
    reactions: tuple[Coded, ...] = ()

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
        reactions = allergy.reactions or reactions_told(chart.terminology, allergy.text)
        view = AllergyView(allergy, identifier, frozenset(resolution.ingredients), resolution, reactions)
        found.append(view)
    return tuple(found)


def reactions_told(terminology: Terminology, text: str | None) -> tuple[Coded, ...]:
    """The reactions in the text of an allergy: `Codeine - nausea`, `Lisinopril (angioedema)`.

    All of them or none: with one that is not the whole label of a value set, or where the words before
    them are not recognised as what the whole text is, nothing is known of the reaction.
    """
    if not text or len(text) > _LONGEST:
        return ()
    return terminology.remember(("reactions told", text), lambda: _reactions_told(terminology, text))


def _reactions_told(terminology: Terminology, text: str) -> tuple[Coded, ...]:
    told = _TOLD.fullmatch(text.strip())
    if told is None:
        return ()
    substance = resolve_allergen(terminology, (), told["substance"])
    whole = resolve_allergen(terminology, (), text)
    if substance.unrecognised or set(substance.ingredients) != set(whole.ingredients):
        return ()
    parts = _BETWEEN.split((told["inside"] or told["after"]).strip())
    if any(not part or not terminology.condition_sets(None, part).sets for part in parts):
        return ()
    return tuple(Coded(text=part) for part in parts)


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
        return bool(allergy.reactions)
    return getattr(allergy.allergy, prop) is not None


def is_assertion_of_none(chart: Chart, allergy: Allergy) -> bool:
    """Whether the entry says that there is no known (drug) allergy."""
    if not allergy.codes:
        matches = [chart.terminology.condition_sets(None, allergy.text or "")]
    else:
        matches = [chart.terminology.condition_sets(code, allergy.text or "") for code in allergy.codes]
    return any(not match.sets.isdisjoint(NONE_KNOWN) for match in matches)
