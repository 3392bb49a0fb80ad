"""The OpenAPI document: every route, with what it takes, answers and refuses."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from caveat.service.rest.described.operations import OPERATIONS
from caveat.service.rest.described.parts import SECURITY, refusals
from caveat.service.rest.facts_schema import settable_facts
from caveat.service.rest.schemas import components

if TYPE_CHECKING:
    from fastapi import FastAPI

_FHIR_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A FHIR R4 Bundle (collection): a DetectedIssue an alert, a GuidanceResponse a patient, "
    "an OperationOutcome where something was not used",
    "properties": {
        "resourceType": {"const": "Bundle"},
        "id": {"type": "string"},
        "type": {"const": "collection"},
        "timestamp": {"type": "string", "format": "date-time"},
        "entry": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "fullUrl": {"type": "string", "pattern": "^urn:uuid:"},
                    "resource": {
                        "type": "object",
                        "properties": {
                            "resourceType": {
                                "enum": ["DetectedIssue", "GuidanceResponse", "OperationOutcome"]
                            }
                        },
                        "required": ["resourceType"],
                    },
                },
                "required": ["fullUrl", "resource"],
            },
        },
    },
    "required": ["resourceType", "type", "entry"],
}
_RECORD: Final = "A native record, or a FHIR R4 Bundle of one patient"


def customise(app: FastAPI) -> None:
    """Let the application describe itself so; the document is made when it is first asked for."""
    made: dict[str, dict[str, Any]] = {}

    def described() -> dict[str, Any]:
        state = app.state.caveat
        digest = state.holder.live.rules.digest
        if digest not in made:
            made.clear()
            made[digest] = openapi(app)
        return made[digest]

    app.openapi = described  # type: ignore[method-assign]


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document, for the rules that are served now: which facts can be set depends on them."""
    from fastapi.openapi.utils import get_openapi

    state = app.state.caveat
    found = get_openapi(
        title="caveat",
        version=app.version,
        summary="Contraindications, interactions and dosing, judged from a record by declared rules",
        description="What could not be assessed is always part of an answer. A refusal is problem+json with "
        "every fault at once. Every call needs a token but those of /healthz and /readyz.",
        routes=app.routes,
    )
    for operations in found["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation["responses"] = {**refusals(401, 429), **operation.get("responses", {})}
                operation["responses"].setdefault("500", refusals(500)["500"])
                if operation["responses"].get("422", {}).get("description") == "Validation Error":
                    operation["responses"]["422"] = refusals(422)["422"]
    found["paths"].update(deepcopy(OPERATIONS))
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    named = {
        **components(),
        "FhirAnswer": _FHIR_ANSWER,
        **settable_facts(state.holder.live.rules.terminology),
    }
    schemas.update({name: _here(part) for name, part in named.items()})
    document: dict[str, Any] = _records(found)
    if state.config.insecure_dev:
        return _without_tokens(document)
    _secured(document)
    return document


def _secured(found: dict[str, Any]) -> None:
    """Say that every call needs a token."""
    found["components"]["securitySchemes"] = {
        SECURITY: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JWT of a configured issuer, ES384 or RS384; each is good for one call",
        }
    }
    found["security"] = [{SECURITY: []}]


def _without_tokens(found: dict[str, Any]) -> dict[str, Any]:
    """The document of a service that was started to ask nobody for a token."""
    for operations in found["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
                operation.get("responses", {}).pop("401", None)
    return found


def _here(part: Any) -> Any:
    """The schema with its references led to the components of the document."""
    if isinstance(part, list):
        return [_here(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace("#/$defs/", "#/components/schemas/")
        if key == "$ref" and isinstance(value, str)
        else _here(value)
        for key, value in part.items()
    }


def _records(part: Any) -> Any:
    """The document with every record described by the one schema of records."""
    if isinstance(part, list):
        return [_records(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "object" and part.get("description") == _RECORD and "properties" not in part:
        return {"$ref": "#/components/schemas/Record"}
    return {key: _records(value) for key, value in part.items()}
