"""Small parts of FHIR R4 resources: codings and references."""

from __future__ import annotations

import re
from typing import Any, Final

from caveat.render.markdown import plain

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REFERENCE: Final = re.compile(r"([A-Z][A-Za-z]{2,40})/([A-Za-z0-9\-.]{1,64})")
LONG: Final = 4000
"""Characters of one text that is written to a resource."""


def coding(system: str, code: str, display: str) -> dict[str, Any]:
    """A CodeableConcept of one code, its display also as text."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def reference(text: str) -> dict[str, Any] | None:
    """A relative reference such as `Observation/9`, None for what is none."""
    return {"reference": text} if _REFERENCE.fullmatch(text) else None


def type_of(path: str) -> str:
    """The resource type that a path within a record begins with; empty where it begins with none."""
    found = _REFERENCE.match(path)
    return found[1] if found else ""


def patient_reference(patient: str) -> dict[str, Any]:
    """The patient by `Patient/id`; an id that FHIR does not allow goes into an identifier."""
    bare = patient.removeprefix("Patient/")
    if _ID.fullmatch(bare):
        return {"reference": f"Patient/{bare}"}
    shown = plain(bare) or "unknown"
    return {"identifier": {"value": shown}, "display": shown}
