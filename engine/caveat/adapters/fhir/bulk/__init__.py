"""FHIR by the folder: resources sorted by patient on disk, then read a bucket at a time."""

from caveat.adapters.fhir.bulk.cohort import BulkCohort
from caveat.adapters.fhir.bulk.sniff import sniff

__all__ = ["BulkCohort", "sniff"]
