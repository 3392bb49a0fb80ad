"""What an order's free texts say of it: that it is a test dose, that it was tapered before it was stopped.

Only set phrases count, and only where the clause they stand in does not turn them round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from caveat.adapters.fhir import shapes as fhir

_TEST_DOSE: Final = re.compile(r"\b(?:test|screening)[\s-]+dose\b", re.IGNORECASE)
_CLAUSE_END: Final = re.compile(r"[.;:,()\n!?]|\bbut\b|\bthen\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z']+")
# Words before the phrase that make it another dose than this one, or none at all.
_ANOTHER_DOSE: Final = frozenset(
    "after following post since no not without never before until unless pending previous prior earlier last "
    "passed successful unsuccessful failed positive negative response responded tolerated instead if from "
    "based by per despite".split()
)
# Words after it that tell of its result, which is known of an earlier dose only.
_RESULT: Final = frozenset(
    "tolerated passed successful unsuccessful positive negative responded response result results showed "
    "effective failed".split()
)

_TAPERED: Final = re.compile(r"\btapered\b|\btaper completed?\b|\bgradually reduced\b")
_ABRUPT: Final = re.compile(
    r"\bwithout (?:an? |any )?(?:[a-z]+ )?taper(?:ing)?\b|\bno taper\b|\btaper (?:was )?not completed?\b"
    r"|\buntapered\b|\babrupt(?:ly)?\b|\bstopped suddenly\b|\bsuddenly stopped\b"
)
_NEGATIONS: Final = frozenset("not never no without isn't wasn't hasn't".split())
_UNSURE: Final = re.compile(
    r"\?|\b(?:should|to be|will|must|needs?|if|whether|unless|when|until|may|might|could|can|cannot|"
    r"plan(?:s|ned)?|advised?|recommend(?:ed)?|instead|rather|possibly|probably|unknown|unclear|partial(?:ly)?|partly|being|too|"
    r"attempted|refused|declined|intended|supposed|n/a)\b"
)
_CLAUSE: Final = re.compile(r"(?:[^.;,()\n]|(?<=\d)[.,](?=\d))+")
_ANSWERED_NO: Final = re.compile(r"\s*[:=-]?\s*(?:no|not|false|never)\b")


def says_test_dose(texts: Iterable[str | None]) -> bool:
    """Whether a text says that this order is a test or screening dose, not that one went before it."""
    return any(text is not None and "dose" in text.lower() and _is_test_dose(text) for text in texts)


def _is_test_dose(text: str) -> bool:
    for found in _TEST_DOSE.finditer(text):
        before = _WORD.findall(_CLAUSE_END.split(text[: found.start()])[-1].lower())
        after = _WORD.findall(_CLAUSE_END.split(text[found.end() :])[0].lower())
        if _ANOTHER_DOSE.isdisjoint(before[-6:]) and _RESULT.isdisjoint(after[:6]):
            return True
    return False


def says_tapered(texts: Iterable[str | None]) -> bool | None:
    """Whether the dose was lowered in steps before the stop; None when no text says, or they disagree."""
    found: set[bool | None] = set()
    for text in texts:
        for clause in _CLAUSE.findall((text or "").lower()):
            found |= _of_clause(" ".join(clause.split()))
    return found.pop() if len(found) == 1 else None


def _of_clause(clause: str) -> set[bool | None]:
    """True or False for each phrase of the clause; None for one that is a wish, a doubt or a plan."""
    if not (_TAPERED.search(clause) or _ABRUPT.search(clause)):
        return set()
    if _UNSURE.search(clause):
        return {None}
    found: set[bool | None] = set()
    for match in _ABRUPT.finditer(clause):
        if _NEGATIONS.isdisjoint(_WORD.findall(clause[: match.start()])):
            found.add(False)
    rest = _ABRUPT.sub(" ", clause)
    for match in _TAPERED.finditer(rest):
        negated = not _NEGATIONS.isdisjoint(_WORD.findall(rest[: match.start()]))
        found.add(not (negated or _ANSWERED_NO.match(rest[match.end() :])))
    return found


def concept_texts(given: fhir.Concept | list[fhir.Concept] | None) -> Iterable[str | None]:
    """The text and every display of one concept or several."""
    for concept in given if isinstance(given, list) else (given,):
        if concept is not None:
            yield concept.text
            for coding in concept.coding or ():
                yield coding.display


def order_texts(
    resource: Any, instructions: list[fhir.Dosage] | None, name: str | None
) -> Iterable[str | None]:
    """Every text of an order that may say what it is for."""
    yield name
    for instruction in instructions or ():
        yield instruction.text
    yield from concept_texts(resource.category)
    yield from concept_texts(resource.reason_code)
    for note in resource.note or ():
        yield note.text
