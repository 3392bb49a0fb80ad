"""Conditions and allergies."""

from __future__ import annotations

from typing import Any, Final

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.completeness import VOID, about, closes, is_nil_known
from caveat.adapters.fhir.nothing import says_nothing, verified, worded
from caveat.adapters.ledger import Ledger
from caveat.dates import When
from caveat.facts.clinical import Allergy, Coded, Condition

CONDITION_STATUS: Final = frozenset(("active", "recurrence", "relapse", "inactive", "remission", "resolved"))
ALLERGY_STATUS: Final = frozenset(("active", "inactive", "resolved"))
VERIFICATION: Final = frozenset(
    ("confirmed", "presumed", "unconfirmed", "provisional", "differential", "refuted", "entered-in-error")
)
# The certainty that a German diagnosis code carries: confirmed, suspected, excluded, status after.
CERTAINTY: Final = {"G": "confirmed", "V": "provisional", "A": "refuted", "Z": "resolved"}
_CERTAINTY_URL: Final = "icd-10-gm-diagnosesicherheit"
_SEVERITIES: Final = ("mild", "moderate", "severe")


def condition(resource: fhir.Condition, log: Ledger, path: str, identity: str | None) -> Condition | None:
    """The Condition, or None when it was entered in error (noted) or names nothing (a problem)."""
    verification = _one_of(resource.verification_status, VERIFICATION, log, path + ".verificationStatus")
    if verification == "entered-in-error":
        log.note("entered-in-error-condition", "Condition entered in error left out", path)
        return None
    codes, words = (
        values.codes(resource.code, log, path + ".code"),
        values.text(resource.code, log, path + ".code"),
    )
    if says_nothing(resource.code, words):
        log.note("nothing-known", "an entry that says that nothing is known is no entry", path)
        return None
    words = worded(resource.code, words)
    if not (codes or words):
        log.problem("condition-unnamed", "a condition that does not say what it is", path)
        return None
    abatement = _time(resource, "abatement", log, path)
    status = _one_of(resource.clinical_status, CONDITION_STATUS, log, path + ".clinicalStatus")
    certainty = _certainty(resource.code)
    if certainty is not None:
        meaning = CERTAINTY[certainty]
        if meaning in CONDITION_STATUS:
            status = status or meaning
        else:
            verification = _more_doubtful(verification, meaning)
        log.note("condition-certainty", f"the certainty {certainty} of a coded diagnosis was read", path)
    if status is None and resource.abatement_boolean:
        status = "resolved"
    fields: dict[str, Any] = {
        "id": identity,
        "codes": codes,
        "text": words,
        "clinical_status": status,
        "verification": verification,
        "onset": _time(resource, "onset", log, path),
        "abatement": abatement,
        "recorded": values.date(resource.recorded_date, log, path + ".recordedDate"),
        "source": path,
    }
    return trusted(Condition, fields)


def _certainty(concept: fhir.Concept | None) -> str | None:
    """The one certainty that the codings of a diagnosis carry in an extension."""
    found = set()
    for coding in (concept.coding if concept is not None else None) or ():
        for one in coding.extension if isinstance(coding.extension, list) else ():
            if not isinstance(one, dict) or not str(one.get("url", "")).endswith(_CERTAINTY_URL):
                continue
            value = one.get("valueCoding")
            code = value.get("code") if isinstance(value, dict) else one.get("valueCode")
            if isinstance(code, str) and code.strip().upper() in CERTAINTY:
                found.add(code.strip().upper())
    return found.pop() if len(found) == 1 else None


def _more_doubtful(stated: str | None, coded: str) -> str:
    """What both say of a diagnosis: where one confirms what the other excludes or doubts, it is open."""
    if stated is None or stated == "confirmed":
        return "differential" if (stated, coded) == ("confirmed", "refuted") else coded
    return "differential" if (stated, coded) == ("refuted", "confirmed") else stated


def _one_of(concept: fhir.Concept | None, known: frozenset[str], log: Ledger, path: str) -> str | None:
    """The status code; None when there is none, and with a problem when it is not one of `known`."""
    if concept is None:
        return None
    for coding in concept.coding or ():
        if coding.code in known:
            return coding.code
    found = values.lower_case(values.first_code(concept), known, log, path)
    if found in known:
        return found
    if known is VERIFICATION and (meant := verified(concept)) is not None:
        log.note("status-in-words", "a verification status was read from its words", path)
        return meant
    log.problem("status", "a status that FHIR R4 does not have; it counts as unknown", path, found or "")
    return None


def _time(resource: fhir.Condition, name: str, log: Ledger, path: str) -> When | None:
    stated = getattr(resource, f"{name}_date_time")
    if stated is not None:
        return values.date(stated, log, f"{path}.{name}DateTime")
    period: fhir.Period | None = getattr(resource, f"{name}_period")
    if period is not None:
        end = period.start if name == "onset" else period.end or period.start
        return values.date(end, log, f"{path}.{name}Period")
    for form in ("age", "range", "string"):
        if getattr(resource, f"{name}_{form}") is not None:
            log.note(f"{name}-not-a-date", f"{name} given as {form}, not as a date; it was not used", path)
    return None


def allergy(resource: fhir.AllergyIntolerance, log: Ledger, path: str, identity: str | None) -> list[Allergy]:
    """The Allergy; several when each reaction names its own substance and the whole names none."""
    verification = _one_of(resource.verification_status, VERIFICATION, log, path + ".verificationStatus")
    if verification == "entered-in-error":
        log.note("entered-in-error-allergy", "AllergyIntolerance entered in error left out", path)
        return []
    reactions = resource.reaction or []
    named = [resource.code, *(reaction.substance for reaction in reactions)]
    subjects: dict[tuple[Any, str | None], None] = {}
    for concept in named:
        codes, words = values.codes(concept, log, path + ".code"), values.text(concept, log, path + ".code")
        if says_nothing(concept, words):
            log.note("nothing-known", "an entry that says that nothing is known is no entry", path)
            return []
        words = worded(concept, words)
        if codes or words:
            subjects.setdefault((codes, words))
    if not subjects:
        log.problem("allergy-unnamed", "an allergy that does not say what it is against", path)
        return []
    kind = resource.type
    if kind not in (None, "allergy", "intolerance"):
        log.problem("status", "a type of allergy that FHIR R4 does not have", path + ".type", kind)
        kind = None
    criticality = resource.criticality
    if criticality not in (None, "low", "high", "unable-to-assess"):
        log.problem("status", "a criticality that FHIR R4 does not have", path + ".criticality", criticality)
        criticality = None
    fields: dict[str, Any] = {
        "id": identity,
        "type": kind,
        "reactions": _manifestations(reactions, log, path),
        "severity": _worst(reactions, log, path),
        "criticality": criticality,
        "clinical_status": _one_of(resource.clinical_status, ALLERGY_STATUS, log, path + ".clinicalStatus"),
        "verification": verification,
        "recorded": values.date(resource.recorded_date, log, path + ".recordedDate"),
        "source": path,
    }
    return [trusted(Allergy, {**fields, "codes": codes, "text": words}) for codes, words in subjects]


def _manifestations(reactions: list[fhir.Reaction], log: Ledger, path: str) -> tuple[Coded, ...]:
    found = (
        values.coded(concept, log, f"{path}.reaction[{i}].manifestation")
        for i, reaction in enumerate(reactions)
        for concept in reaction.manifestation or ()
    )
    return tuple(one for one in found if one is not None)


def _worst(reactions: list[fhir.Reaction], log: Ledger, path: str) -> str | None:
    stated = [reaction.severity for reaction in reactions if reaction.severity is not None]
    for one in stated:
        if one not in _SEVERITIES:
            log.problem("status", "a severity that FHIR R4 does not have", path + ".reaction", one)
    known = [one for one in stated if one in _SEVERITIES]
    return max(known, key=_SEVERITIES.index, default=None)


def no_known_allergies(resource: fhir.List, log: Ledger, path: str, identity: str | None) -> Allergy | None:
    """The assertion of a List of allergies in which nothing is known, but which closes no list; else None."""
    if (
        about(resource) != "allergies"
        or not is_nil_known(resource)
        or resource.status in VOID
        or closes(resource)
    ):
        return None
    codes = values.codes(resource.empty_reason, log, path)
    words = values.text(resource.empty_reason, log, path)
    shown = words or next((c.display for c in codes if c.display), None)
    return trusted(Allergy, {"id": identity, "codes": codes, "text": shown, "source": path})
