"""Answers of observations as yes or no, as a care setting, or as a Child-Pugh class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from caveat.dates import When
from caveat.facts.clinical import Coded, Condition
from caveat.facts.values import Quantity

UNREAD: Final = object()
"""An answer that is none of those known."""

# LOINC answers: yes, no, unknown; SNOMED CT: yes, no.
_ANY: Final[dict[str, bool | None]] = {
    "loinc|LA33-6": True,
    "loinc|LA32-8": False,
    "loinc|LA4489-6": None,
    "snomed|373066001": True,
    "snomed|373067005": False,
    "yes": True,
    "true": True,
    "no": False,
    "false": False,
    "unknown": None,
    "not known": None,
}
ANSWERS: Final[dict[str, dict[str, bool | None]]] = {
    "pregnant": {
        "loinc|LA15173-0": True,
        "loinc|LA26683-5": False,
        "snomed|77386006": True,
        "snomed|60001007": False,
        "pregnant": True,
        "not pregnant": False,
    },
    "lactating": {
        "loinc|LA29252-6": True,
        "loinc|LA29253-4": False,
        "currently breastfeeding": True,
        "breastfeeding": True,
        "not currently breastfeeding": False,
        "not breastfeeding": False,
    },
    "alcohol_use": {
        "current drinker": True,
        "current drinker of alcohol": True,
        "drinks alcohol": True,
        "current non-drinker of alcohol": False,
        "lifetime non-drinker": False,
        "lifetime non-drinker of alcohol": False,
        "does not drink alcohol": False,
        "never": False,
        "none": False,
    },
}
_SETTINGS: Final = ("ambulatory", "inpatient", "emergency", "intensive-care", "home", "long-term-care")
_TAG: Final = re.compile(r"\s*\([a-z /]+\)$")
_CLASS: Final = re.compile(r"\bclass\s*[:=-]?\s*([ABC])\b", re.IGNORECASE)
_LETTER: Final = re.compile(r"\s*([ABC])\s*", re.IGNORECASE)
_SIGNS: Final = {
    "pregnant": (re.compile(r"pregnan|gravid|gestation", re.IGNORECASE), ("O", "Z33", "Z34", "Z3A")),
    "lactating": (re.compile(r"lactat|breast.?fe|nursing mother", re.IGNORECASE), ("Z391", "O92")),
}
_OVER: Final = ("inactive", "remission", "resolved")


def _said(answer: Coded) -> Iterator[str]:
    """Every code as `system|code`, every display and the text, in lower case and without a semantic tag."""
    for code in answer.codes:
        yield f"{code.system}|{code.code}"
        if code.display:
            yield _TAG.sub("", code.display.strip().lower())
    if answer.text:
        yield _TAG.sub("", answer.text.strip().lower())


def flag(name: str, value: Quantity | None, answer: Coded | None) -> Any:
    """True, False, None for "not known", or UNREAD. A count is yes when it is above 0 for certain."""
    if value is not None:
        if name != "alcohol_use":
            return UNREAD
        if value.comparator not in ("<", "<=") and (value.value > 0 or value.comparator == ">"):
            return True
        plain = value.comparator is None or value.comparator == "<="
        return False if value.value == 0 and plain and not value.upper else UNREAD
    if answer is None:
        return UNREAD
    own = ANSWERS.get(name, {})
    found = {own.get(one, _ANY.get(one)) for one in _said(answer) if one in own or one in _ANY}
    return found.pop() if len(found) == 1 else UNREAD


def setting(answer: Coded | None) -> Any:
    """The care setting by its own name, or UNREAD."""
    if answer is None:
        return UNREAD
    words = {one.rpartition("|")[2].replace(" ", "-") for one in _said(answer)}
    found = [one for one in _SETTINGS if one in words]
    return found[0] if len(found) == 1 else UNREAD


def is_total(value: Quantity | None) -> bool:
    """Whether the value can be a Child-Pugh total: a plain number from 5 to 15."""
    if value is None or value.comparator is not None or value.upper is not None:
        return False
    plain = value.unit in ("", "1") or value.unit.startswith("{") or value.unit.lower() in ("points", "score")
    return plain and value.value == value.value.to_integral_value() and 5 <= value.value <= 15


def child_pugh(value: Quantity | None, answer: Coded | None) -> frozenset[str]:
    """The classes A, B and C that an answer names, or the one that a total gives."""
    if value is not None:
        return frozenset(_class_of(value)) if is_total(value) else frozenset()
    if answer is None:
        return frozenset()
    texts = [
        answer.text or "",
        *(code.display for code in answer.codes),
        *(code.code for code in answer.codes),
    ]
    found = {letter.upper() for text in texts for letter in _CLASS.findall(text)}
    return frozenset(found | {match.group(1).upper() for text in texts if (match := _LETTER.fullmatch(text))})


def _class_of(total: Quantity) -> str:
    return "A" if total.value <= 6 else "B" if total.value <= 9 else "C"


def may_be(name: str, condition: Condition) -> bool:
    """Whether a condition that was not refuted and is not over may say yes."""
    if (
        condition.verification == "refuted"
        or condition.clinical_status in _OVER
        or condition.abatement is not None
    ):
        return False
    words, roots = _SIGNS[name]
    texts = (condition.text or "", *(code.display for code in condition.codes))
    if any(words.search(text) for text in texts):
        return True
    return any(
        code.system in ("icd10cm", "icd10") and code.code.upper().replace(".", "").startswith(roots)
        for code in condition.codes
    )


def shown(value: object) -> str:
    """A settled value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.text if isinstance(value, When) else str(value)
