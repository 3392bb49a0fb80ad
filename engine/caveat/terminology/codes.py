"""A code in a code system, under one short name a system."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """`system` is the short name where the system is known, else the URI as given."""

    system: str
    code: str
    display: str = ""

    def __hash__(self) -> int:
        """Of the code alone: codes are looked up far more often than two differ only in the rest."""
        return hash(self.code)


SYSTEMS: Final[dict[str, tuple[str, ...]]] = {
    "rxnorm": ("http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88"),
    "ndc": ("http://hl7.org/fhir/sid/ndc", "2.16.840.1.113883.6.69"),
    "atc": ("http://www.whocc.no/atc", "2.16.840.1.113883.6.73"),
    "snomed": ("http://snomed.info/sct", "2.16.840.1.113883.6.96"),
    "icd10cm": ("http://hl7.org/fhir/sid/icd-10-cm", "2.16.840.1.113883.6.90"),
    "icd10": ("http://hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.3"),
    "icd9cm": (
        "http://hl7.org/fhir/sid/icd-9-cm",
        "http://terminology.hl7.org/CodeSystem/icd9cm",
        "2.16.840.1.113883.6.103",
    ),
    "loinc": ("http://loinc.org", "2.16.840.1.113883.6.1"),
    "unii": ("http://fdasis.nlm.nih.gov", "2.16.840.1.113883.4.9"),
    "cvx": ("http://hl7.org/fhir/sid/cvx", "2.16.840.1.113883.12.292"),
}

_ALIASES: Final = {
    alias: name
    for name, spellings in SYSTEMS.items()
    for alias in (name, *spellings, *(f"urn:oid:{s}" for s in spellings if s[0].isdigit()))
} | {"icd-10-cm": "icd10cm", "icd-10": "icd10", "sct": "snomed", "snomedct": "snomed", "rxcui": "rxnorm"}


@lru_cache(maxsize=1024)
def normalise_system(text: str) -> str:
    """The short name of a known code system; an unknown one is returned as it stands."""
    plain = text.strip()
    key = plain.lower().rstrip("/").replace("https://", "http://", 1)
    if key.startswith("http://snomed.info/sct"):
        return "snomed"
    return _ALIASES.get(key, plain)
