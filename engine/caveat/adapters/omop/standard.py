"""Concept ids that are the same in every OMOP database, and the code systems of its vocabularies.

Checked against public ETL code and the type concepts of the vocabulary; an id that is not listed
here says nothing.
"""

from __future__ import annotations

from typing import Final

MALE: Final = 8507
FEMALE: Final = 8532
OTHER_GENDERS: Final = (8551, 8521, 8570)
"""Unknown, other, ambiguous: said on purpose, so the source value does not replace them."""

OPERATORS: Final[dict[int, str | None]] = {
    4171756: "<",
    4171754: "<=",
    4171755: ">=",
    4172704: ">",
    4172703: None,
}
"""Measurement operators; `=` is none. 0 and null are none too."""

# Drug types: the Type Concept vocabulary of CDM 5.4, then the Drug Type vocabulary of CDM 5.3.
_ORIGINS: Final[dict[str, tuple[int, ...]]] = {
    "order": (32833, 32838, 32839, 38000177),
    "dispense": (32825, 32857, 32869, 38000175, 38000176, 581452),
    "administration": (32818, 38000179, 38000180, 43542356, 43542357, 43542358, 581373),
    "statement": (32830, 32862, 32865, 38000178, 44787730),
}
ORIGIN: Final = {concept: origin for origin, concepts in _ORIGINS.items() for concept in concepts}
"""What kind of entry a drug_type_concept_id is: order, dispense, administration or statement."""

PRELIMINARY: Final = (32899, 4033240)
"""Condition statuses that are a preliminary diagnosis."""

SYSTEMS: Final = {
    "RxNorm": "rxnorm",
    "ATC": "atc",
    "NDC": "ndc",
    "SNOMED": "snomed",
    "ICD10CM": "icd10cm",
    "ICD10": "icd10",
    "ICD9CM": "icd9cm",
    "LOINC": "loinc",
    "CVX": "cvx",
    "UCUM": "ucum",
    "UNII": "unii",
}
"""Vocabularies by the short names of code systems; others keep their own name."""

OPEN_END: Final = 9000
"""Year from which an end date is a place holder for "no end"."""
