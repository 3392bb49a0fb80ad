"""Codes of ingredients and of facts, as FHIR names their systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caveat.render.cds.view import Codes
from caveat.terminology.codes import SYSTEMS

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset
    from caveat.terminology.concepts import Terminology


def ingredient_codes(rules: Ruleset) -> Codes:
    """RxNorm and ATC codes of the ingredients that some rule proposes instead, where they are known."""
    return rules.terminology.remember(("codes", rules.program.digest), lambda: _ingredients(rules))


def _ingredients(rules: Ruleset) -> Codes:
    vocabulary = rules.terminology
    proposed = {s.ingredient for rule in rules.program.rules for s in rule.suggestions if s.ingredient}
    found = {}
    for name in sorted(proposed & vocabulary.ids("ingredient")):
        one = vocabulary.ingredient(name)
        pairs = [("rxnorm", one.rxcui)] if one.rxcui and one.verified else []
        pairs += [("atc", code) for code in one.atc if code]
        found[name] = tuple((SYSTEMS[system][0], code, one.name) for system, code in pairs)
    return found


def fact_codes(rules: Ruleset) -> Codes:
    """LOINC codes of the facts that are observations."""
    return rules.terminology.remember("codes of facts", lambda: _observations(rules.terminology))


def _observations(vocabulary: Terminology) -> Codes:
    return {
        name: tuple((SYSTEMS["loinc"][0], code, shown) for code, shown in concept.loinc.items())
        for name in sorted(vocabulary.ids("observation"))
        if (concept := vocabulary.observation(name)).loinc
    }
