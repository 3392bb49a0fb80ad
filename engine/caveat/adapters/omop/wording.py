"""Names of concepts and source values as text: what is a name, what tells of an allergy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from caveat.adapters.omop.standard import PRELIMINARY

_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_PREFIX: Final = re.compile(
    r"(?:(?:h/o|history of|personal history of):?\s+)?"
    r"(?P<what>allergy|allergic reaction|hypersensitivity|adverse reaction|propensity to adverse reactions?"
    r"|intolerance)\s+(?:to|of)\s+(?P<to>\S.*)",
    re.IGNORECASE,
)
_SUFFIX: Final = re.compile(
    r"(?:(?:h/o|history of|personal history of):?\s+)?"
    r"(?P<to>\S+(?:\s+\S+){0,2})\s+(?P<what>allergy|intolerance)",
    re.IGNORECASE,
)
_NONE_KNOWN: Final = re.compile(
    r"no known (?:drug |medication |food |environmental )?allerg(?:y|ies)", re.IGNORECASE
)
_TAG: Final = re.compile(r"\s*\((?:disorder|finding|situation|event|observable entity)\)\s*$", re.IGNORECASE)
_NOT_ONE: Final = frozenset(
    "no not absence family suspected possible risk screening education without denies father mother".split()
)
_KINDS_OF_THINGS: Final = frozenset(
    "drug drugs medication medications medicine substance substances food foods pharmaceutical allergen "
    "product biological chemical environmental other multiple unspecified and or biologic agent class "
    "ingredient".split()
)


@dataclass(frozen=True, slots=True)
class Allergen:
    """What a name says of an allergy: `to` the substance, or None for a kind of things or none known."""

    to: str | None
    type: Literal["allergy", "intolerance"] | None


def is_name(text: str) -> bool:
    """Whether the text has a word and is not only a code."""
    return _WORD.search(text) is not None


def allergen(text: str) -> Allergen | None:
    """The allergy that a name tells of, else None. `Family history of allergy to x` tells of none."""
    plain = _TAG.sub("", text.strip())
    if _NONE_KNOWN.fullmatch(plain):
        return Allergen(None, None)
    found = _PREFIX.fullmatch(plain) or _SUFFIX.fullmatch(plain)
    if found is None:
        return None
    to = found["to"].strip()
    words = re.findall(r"[a-z]+", to.lower())
    if not _NOT_ONE.isdisjoint(words):
        return None
    kind: Literal["allergy", "intolerance"] = "intolerance" if "intolerance" in plain.lower() else "allergy"
    return Allergen(None if _KINDS_OF_THINGS.issuperset(words) else to, kind)


def verification(status: int | None, words: str | None) -> str | None:
    """What a condition's status says of how sure it is; None for admission, discharge, primary and so on."""
    plain = (words or "").strip().lower()
    if status in PRELIMINARY or plain.startswith(("preliminary", "provisional", "suspected", "working")):
        return "provisional"
    return "confirmed" if plain.startswith("confirmed") else None
