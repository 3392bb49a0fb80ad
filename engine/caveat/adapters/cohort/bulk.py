"""Folders of a Bulk Data export, Bundles and whatever stands beside them, as a cohort."""

from __future__ import annotations

from dataclasses import dataclass

from caveat.adapters.fhir.bulk import BulkCohort, sniff
from caveat.terminology.codes import Code

__all__ = ["BulkCohort", "KnownCodes", "sniff"]


@dataclass(frozen=True, slots=True)
class KnownCodes:
    """Whether an observation code of one system is known; a `bound` that can be sent to other processes."""

    codes: frozenset[str]
    system: str = "loinc"

    def __call__(self, code: Code) -> bool:
        return code.system == self.system and code.code.strip() in self.codes
