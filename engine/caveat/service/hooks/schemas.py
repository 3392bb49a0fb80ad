"""The bodies of CDS Hooks as JSON Schema, for the OpenAPI description."""

from __future__ import annotations

from typing import Any, Final

from caveat.service.hooks.feedback import INSTANT, LONGEST, OUTCOMES
from caveat.service.hooks.request import HOOKS, LONGEST_URL, PATIENT, TOKEN, URL, UUID

_TEXT: Final[dict[str, Any]] = {"type": "string", "pattern": r"\S"}
_NAME: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": PATIENT,
    "description": "The id of the Patient: `123` or `Patient/123`",
}
_BUNDLE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {
        "resourceType": {"const": "Bundle"},
        "entry": {"type": "array", "items": {"type": "object"}},
    },
    "description": "A FHIR R4 Bundle of all unsigned orders",
}
_AUTHORIZATION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["access_token", "token_type"],
    "properties": {
        "access_token": {"type": "string", "pattern": TOKEN},
        "token_type": {"type": "string", "pattern": "^[Bb][Ee][Aa][Rr][Ee][Rr]$"},
    },
    "description": "Handed on to fhirServer for this call, never stored",
}


def _of_hook(hook: str) -> dict[str, Any]:
    context: dict[str, Any] = {
        "type": "object",
        "required": ["userId", "patientId"],
        "properties": {
            "userId": _TEXT,
            "patientId": _NAME,
            "encounterId": {"anyOf": [_TEXT, {"type": "null"}]},
        },
    }
    if hook != "patient-view":
        context["required"].append("draftOrders")
        context["properties"]["draftOrders"] = _BUNDLE
    if hook == "order-select":
        context["required"].append("selections")
        context["properties"]["selections"] = {"type": "array", "minItems": 1, "items": _TEXT}
    return {
        "type": "object",
        "title": hook,
        "required": ["hook", "hookInstance", "context"],
        "properties": {
            "hook": {"const": hook},
            "hookInstance": {"type": "string", "format": "uuid", "pattern": UUID},
            "fhirServer": {"type": "string", "pattern": URL, "maxLength": LONGEST_URL},
            "fhirAuthorization": _AUTHORIZATION,
            "context": context,
            "prefetch": {
                "type": "object",
                "additionalProperties": {"type": ["object", "null"]},
                "description": "A FHIR R4 resource by key; null: looked, none there",
            },
        },
        "dependentRequired": {"fhirAuthorization": ["fhirServer"]},
    }


REQUEST: Final[dict[str, Any]] = {"oneOf": [_of_hook(hook) for hook in HOOKS]}

_CODING: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {**_TEXT, "maxLength": LONGEST["code"]},
        "system": {"type": "string", "maxLength": LONGEST["system"]},
        "display": {"type": "string", "maxLength": LONGEST["display"]},
    },
}
_FEEDBACK: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["card", "outcome", "outcomeTimestamp"],
    "properties": {
        "card": {"type": "string", "format": "uuid", "pattern": UUID},
        "outcome": {"enum": list(OUTCOMES)},
        "outcomeTimestamp": {"type": "string", "format": "date-time", "pattern": INSTANT},
        "acceptedSuggestions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string", "format": "uuid", "pattern": UUID}},
            },
        },
        "overrideReason": {
            "type": "object",
            "properties": {
                "reason": _CODING,
                "userComment": {"type": "string", "maxLength": LONGEST["userComment"]},
            },
        },
    },
    "if": {"properties": {"outcome": {"const": "accepted"}}},
    "then": {"required": ["acceptedSuggestions"], "properties": {"acceptedSuggestions": {"minItems": 1}}},
}
FEEDBACK: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["feedback"],
    "properties": {"feedback": {"type": "array", "minItems": 1, "items": _FEEDBACK}},
}

DISCOVERY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["services"],
    "properties": {
        "services": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["hook", "id", "title", "description"],
                "properties": {
                    **dict.fromkeys(("hook", "id", "title", "description", "usageRequirements"), _TEXT),
                    "prefetch": {"type": "object", "minProperties": 1, "additionalProperties": _TEXT},
                },
            },
        }
    },
}
CARDS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["cards"],
    "properties": {
        "cards": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["uuid", "summary", "indicator", "source"],
                "properties": {
                    "uuid": {"type": "string", "format": "uuid"},
                    "summary": {"type": "string", "minLength": 1, "maxLength": 139},
                    "indicator": {"enum": ["info", "warning", "critical"]},
                    "detail": _TEXT,
                    "source": {"type": "object", "required": ["label"], "properties": {"label": _TEXT}},
                    "suggestions": {"type": "array", "minItems": 1},
                    "selectionBehavior": {"enum": ["at-most-one", "any"]},
                    "overrideReasons": {"type": "array", "minItems": 1},
                },
            },
        }
    },
}
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def operation(
    answer: dict[str, Any] | None,
    *,
    body: dict[str, Any] | None = None,
    refusals: dict[int, str] | None = None,
) -> dict[str, Any]:
    """What FastAPI is told of one operation: its body, its answer (None: without a body) and refusals."""
    good: dict[str, Any] = {"description": "Kept" if answer is None else "The answer"}
    if answer is not None:
        good["content"] = {"application/json": {"schema": answer}}
    responses: dict[str, Any] = {"200": good}
    for status, text in (refusals or {}).items():
        kind = "application/fhir+json" if status == 412 else "application/problem+json"
        schema = {"type": "object"} if status == 412 else PROBLEM
        responses[str(status)] = {"description": text, "content": {kind: {"schema": schema}}}
    found: dict[str, Any] = {"responses": responses}
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found
