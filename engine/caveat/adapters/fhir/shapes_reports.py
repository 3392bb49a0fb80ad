"""The fields of reports, specimens and documents that bear on facts; see `shapes`."""

from __future__ import annotations

from typing import Any

from caveat.adapters.fhir.shapes import Concept, Period, Reference, Resource, Struct


class DiagnosticReport(Resource, tag="DiagnosticReport", tag_field="resourceType", rename="camel"):
    """A report, read for the results that it holds itself; all others are resources of their own."""

    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    result: list[Reference] | None = None
    contained: Any = None


class Specimen(Resource, tag="Specimen", tag_field="resourceType", rename="camel"):
    type: Concept | None = None
    subject: Reference | None = None


class Section(Struct, rename="camel"):
    code: Concept | None = None
    entry: list[Reference] | None = None
    empty_reason: Concept | None = None


class Composition(Resource, tag="Composition", tag_field="resourceType", rename="camel"):
    """A document, read for the sections that say that there is nothing to list."""

    status: str | None = None
    subject: Reference | None = None
    section: list[Section] | None = None
