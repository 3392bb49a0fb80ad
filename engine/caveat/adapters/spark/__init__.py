"""Builders that group a cohort's records by patient in Spark, into the published schema."""

from __future__ import annotations

from caveat.adapters.spark.built import Built
from caveat.adapters.spark.bulk import fhir
from caveat.adapters.spark.cdm import omop

__all__ = ["Built", "fhir", "omop"]
