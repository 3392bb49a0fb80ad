"""Entries that stand in place of a problem or an allergy: that none is known, or that nothing is known.

The International Patient Summary has codes for both. That nothing is known is no entry: the list stays
unknown. That none is known of a kind which no medicine belongs to (foods) says nothing either.
"""

from __future__ import annotations

import re
from typing import Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values

_ABSENT: Final = "absent-unknown-uv-ips"
WORDS: Final = {
    "no-known-problems": "No known problems",
    "no-known-allergies": "No known allergies",
    "no-known-medication-allergies": "No known medication allergies",
}
"""What the codes say, in words that are known where a display is missing."""

_NO_INFORMATION: Final = frozenset(("no-problem-info", "no-allergy-info"))
_OTHER_KINDS: Final = frozenset(("no-known-food-allergies", "no-known-environmental-allergies"))
_OTHER: Final = re.compile(
    r"no known (?:food|environmental|latex|egg|peanut|nut|pollen|animal|insect|dust)s? allerg(?:y|ies)"
    r"|no known allerg(?:y|ies) to (?:foods?|latex|eggs?|peanuts?|nuts?|pollens?|animals?|insects?)"
    r"|no (?:information|info) about (?:allergies|problems|conditions)",
    re.IGNORECASE,
)


def code_of(concept: fhir.Concept | None) -> str | None:
    """The code of the International Patient Summary for none known or nothing known; None without one."""
    for coding in (concept.coding if concept is not None else None) or ():
        if coding.system is not None and coding.system.endswith(_ABSENT) and coding.code is not None:
            return coding.code
    return None


def says_nothing(concept: fhir.Concept | None, words: str | None) -> bool:
    """Whether an entry is none, and leaves its list as unknown as it would be without it."""
    code = code_of(concept)
    if code in _NO_INFORMATION or code in _OTHER_KINDS:
        return True
    texts = [words, *(one.display for one in (concept.coding if concept is not None else None) or ())]
    return any(one is not None and _OTHER.fullmatch(one.strip()) is not None for one in texts)


def worded(concept: fhir.Concept | None, words: str | None) -> str | None:
    """The text of an entry, or that of its code where the code alone says that none is known."""
    if words is not None or concept is None:
        return words
    if any(one.display for one in concept.coding or ()):
        return None
    return WORDS.get(code_of(concept) or "")


VERIFIED: Final = {
    "confirmed": "confirmed",
    "confirmed present": "confirmed",
    "presumed": "presumed",
    "probable": "presumed",
    "suspected": "provisional",
    "provisional": "provisional",
    "working diagnosis": "provisional",
    "possible": "differential",
    "differential": "differential",
    "differential diagnosis": "differential",
    "ruled out": "refuted",
    "refuted": "refuted",
    "excluded": "refuted",
    "known absent": "refuted",
    "unconfirmed": "unconfirmed",
    "entered in error": "entered-in-error",
}
"""Verification status in words, for systems that send no code of FHIR."""
# SNOMED CT: confirmed present, suspected, known absent.
VERIFIED_CODES: Final = {"410605003": "confirmed", "415684004": "provisional", "410516002": "refuted"}


def verified(concept: fhir.Concept) -> str | None:
    """The verification status that words or a SNOMED CT code stand for; None where they are not known."""
    for coding in concept.coding or ():
        if coding.code in VERIFIED_CODES and values.system_name(coding.system or "") == "snomed":
            return VERIFIED_CODES[coding.code]
    texts = (concept.text, *(one.display for one in concept.coding or ()))
    found = {VERIFIED[one.strip().lower()] for one in texts if one and one.strip().lower() in VERIFIED}
    return found.pop() if len(found) == 1 else None
