"""Source values that are codes: told by their form and, where there is one, their check digit.

Without a vocabulary a source value does not say which code system it is from. LOINC and SNOMED CT
codes carry a check digit, ICD-10-CM codes a form that others rarely have; anything else stays text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

Pair = tuple[str, str]
"""Code system and code."""

_LOINC: Final = re.compile(r"([0-9]{1,7})-([0-9])", re.ASCII)
_SNOMED: Final = re.compile(r"[1-9][0-9]{5,17}", re.ASCII)
_ICD: Final = re.compile(r"[A-TWY-Z][0-9][0-9A-Z](?:[.]?[0-9A-Z]{1,4})?", re.ASCII)
# ICD-9-CM writes E800 to E999 as ICD-10-CM without its dot would write E80.0 to E99.9.
_ICD9_CAUSE: Final = re.compile(r"E[89][0-9]{2}(?:[.][0-9])?", re.ASCII)
_CONCEPT_PARTITIONS: Final = ("00", "10")

_D: Final = tuple(
    tuple(int(digit) for digit in row)
    for row in (
        "0123456789",
        "1234067895",
        "2340178956",
        "3401289567",
        "4012395678",
        "5987604321",
        "6598710432",
        "7659821043",
        "8765932104",
        "9876543210",
    )
)
_P: Final = tuple(
    tuple(int(digit) for digit in row)
    for row in (
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    )
)


@lru_cache(maxsize=16384)
def of_condition(text: str) -> tuple[Pair, ...]:
    """ICD-10-CM (with or without its dot) or SNOMED CT, else nothing."""
    plain = text.strip().upper()
    if is_snomed(plain):
        return (("snomed", plain),)
    if _ICD.fullmatch(plain) and not _ICD9_CAUSE.fullmatch(plain):
        return (("icd10cm", plain),)
    return ()


@lru_cache(maxsize=16384)
def of_result(text: str) -> tuple[Pair, ...]:
    """LOINC or SNOMED CT, else nothing."""
    plain = text.strip()
    if is_loinc(plain):
        return (("loinc", plain),)
    return (("snomed", plain),) if is_snomed(plain) else ()


def is_loinc(text: str) -> bool:
    """Whether the text has the form and the check digit (Luhn) of a LOINC code."""
    found = _LOINC.fullmatch(text)
    if found is None:
        return False
    total = 0
    for place, digit in enumerate(reversed(found[1])):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number // 10 + number % 10
    return (10 - total % 10) % 10 == int(found[2])


def is_snomed(text: str) -> bool:
    """Whether the text is a SNOMED CT concept id: its partition, and its check digit (Verhoeff)."""
    if not _SNOMED.fullmatch(text) or text[-3:-1] not in _CONCEPT_PARTITIONS:
        return False
    check = 0
    for place, digit in enumerate(reversed(text)):
        check = _D[check][_P[place % 8][int(digit)]]
    return check == 0
