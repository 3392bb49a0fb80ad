"""Results under codes that no concept binds, read by what they are called.

A laboratory that codes nothing in LOINC still calls creatinine creatinine. Where name, unit, size and
specimen leave no doubt the result is a fact like any other. Where one of them does, its concept is entered
without a value, so that an older result does not stand in for it and a rule that asks says why.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import decode, values
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.references import Index
from caveat.adapters.fhir.shapes_reports import Specimen
from caveat.adapters.ledger import Ledger
from caveat.dates import When
from caveat.errors import UnitError
from caveat.facts.clinical import Coded
from caveat.facts.measure import base_interval
from caveat.facts.observed import UNREAD
from caveat.facts.values import Quantity
from caveat.intervals import Interval, inside
from caveat.terminology.codes import Code
from caveat.terminology.results import MEASURED, OTHER_FLUIDS, Named, is_of_blood, named
from caveat.truth import FALSE

_LONGEST: Final = 60
# Specimens that hold blood, by SNOMED CT and HL7 v2 table 0487; others by their words.
_BLOOD: Final = frozenset(
    """119297000 122555007 258580003 119364003 119361006 BLD BLDA BLDC BLDV WB SER PLAS PLR""".split()
)
_OTHER: Final = frozenset("122575003 258450006 UR URN CSF".split())


@dataclass(frozen=True, slots=True)
class Found:
    """What a result that was called by name comes to: a concept, and a value or an answer."""

    concept: str
    value: Quantity | None
    answer: Coded | None


def has_loinc(concept: fhir.Concept | None) -> bool:
    """Whether one of the codings is of LOINC."""
    return concept is not None and any(
        one.system is not None and values.system_name(one.system) == "loinc" for one in concept.coding or ()
    )


def name_of(concept: fhir.Concept | None) -> Named | None:
    """What the words of a code name, all together; None where they name nothing, or two things.

    A name without its specimen beside a LOINC code that is not bound is doubtful: the code may be
    that of urine.
    """
    if concept is None:
        return None
    coding = concept.coding
    if not coding:
        return None if concept.text is None else _named_by((concept.text,))
    found = _named_by((concept.text, *[one.display for one in coding]))
    if found is None or found.specimen or not has_loinc(concept):
        return found
    codes = {one.code for one in coding}
    return None if codes & OTHER_FLUIDS else Named(found.concept, is_certain=False)


@lru_cache(maxsize=8192)
def _named_by(texts: tuple[str | None, ...]) -> Named | None:
    found: Named | None = None
    for text in texts:
        if not text:
            continue
        one = named(text)
        if one is None:
            if is_of_blood(text) is False:
                return None
            continue
        if found is not None and one.concept != found.concept:
            return None
        if found is None or (one.is_certain, one.specimen) > (found.is_certain, found.specimen):
            found = one
    return found


def specimen_of(resource: fhir.Observation, index: Index | None, holder: Any) -> bool | None:
    """Whether blood was examined; None where a specimen is named and not said what it is.

    Where no specimen is named nothing contradicts that it was. The name of a panel that holds the
    result may.
    """
    if holder is not None and holder.code is not None:
        named_so = (holder.code.text, *(one.display for one in holder.code.coding or ()))
        if any(is_of_blood(one) is False for one in named_so if one):
            return False
    reference = resource.specimen
    if reference is None:
        return True
    if reference.display and (told := is_of_blood(reference.display)) is not None:
        return told
    if not reference.reference:
        return None
    found = index.find(reference.reference, specimens(resource.contained)) if index is not None else None
    return _is_blood(found.type) if isinstance(found, Specimen) else None


def specimens(contained: Any) -> list[Any]:
    """The specimens among what a resource holds inside it."""
    found = []
    for one in contained if isinstance(contained, list) else ():
        if isinstance(one, dict) and one.get("resourceType") == "Specimen":
            one = decode.mended(deepcopy(one), "", "").resource
        if isinstance(one, Specimen):
            found.append(one)
    return found


def _is_blood(concept: fhir.Concept | None) -> bool | None:
    if concept is None:
        return None
    codes = {one.code for one in concept.coding or ()}
    if codes & _BLOOD or codes & _OTHER:
        return not codes & _OTHER
    told = {is_of_blood(one) for one in (concept.text, *(c.display for c in concept.coding or ())) if one}
    return None if not told - {None} else False not in told


def settled(
    name: Named,
    value: Quantity | None,
    answer: Coded | None,
    shown: str,
    is_blood: bool | None,
    at: When | None,
    log: Ledger,
    path: str,
) -> Found | None:
    """What a result of that name comes to; None where it is of something else."""
    if is_blood is False:
        return None
    measured = MEASURED[name.concept]
    certain = name.is_certain and (name.specimen or is_blood is True)
    unread = certain and measured.is_strict and not name.is_short
    if value is None:
        return Found(name.concept, None, answer) if unread else None
    fits = _fits(value, measured.unit, measured.analyte)
    if not fits:
        return Found(name.concept, value, None) if fits is False and unread else None
    if inside(base_interval(value, measured.unit, measured.analyte), _likely(name.concept)) == FALSE:
        if not (name.is_certain and measured.is_strict):
            return None
        certain = False
    if certain:
        log.note("result-by-name", "results in codes that no concept binds were read by their names", path)
        return Found(name.concept, value, None)
    log.note("result-not-certain", _NOT_CERTAIN, path)
    words = f"{shown[:_LONGEST]}: {value}" + ("" if at is None else f" of {at}")
    return Found(name.concept, None, trusted(Coded, {"codes": (Code(UNREAD, "name"),), "text": words}))


_NOT_CERTAIN: Final = "results whose name, size or specimen leaves open what was measured were not used"


@lru_cache(maxsize=32)
def _likely(concept: str) -> Interval:
    """The limits between which a result is believed to be of the concept, in base units."""
    measured = MEASURED[concept]
    ends = (Quantity(Decimal(str(end)), measured.unit) for end in (measured.low, measured.high))
    low, high = (base_interval(end, measured.unit).low for end in ends)
    return Interval(low, high)


def _fits(value: Quantity, unit: str, analyte: str | None) -> bool | None:
    """Whether the unit is one of the analyte in blood; None for an amount a day, or a ratio."""
    if value.unit in ("", "1") and unit != "1":
        return False
    own = values.parsed(value.unit or "1")
    if own is None:
        return False
    if unit == "1":
        return None if own.dimension or own.factor != 1 else True
    try:
        base_interval(value, unit, analyte)
    except UnitError:
        wanted = values.parsed(unit)
        assert wanted is not None
        has = {name for name, _ in own.dimension}
        if "s" in has and "s" not in {name for name, _ in wanted.dimension}:
            return None
        return None if not has or ("m" not in has and len(has) > 1) else False
    return True
