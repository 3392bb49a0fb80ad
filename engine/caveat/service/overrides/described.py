"""What the OpenAPI document says of the bodies that are read as they were sent, and of refusals."""

from __future__ import annotations

from typing import Any, Final

from caveat.findings.reasons import REASONS
from caveat.service.overrides.bodies import INSTANT
from caveat.service.overrides.corrections import ALSO
from caveat.service.rest.described.parts import answer, ref
from caveat.service.rest.described.parts import refusals as refused
from caveat.service.rest.records_schema import SHARED

_TEXT: Final = {"type": "string", "minLength": 1}
_RECORD: Final = ref("Record")
_AS_OF: Final = {
    "anyOf": [ref("Day"), {"type": "null"}],
    "description": "The day to judge for; today at the site without it",
}
_PATIENT: Final = {
    "id": "p-17",
    "age": "70 a",
    "creatinine_clearance": {"value": "24 mL/min", "at": "2026-01-10"},
    "orders": [{"id": "o1", "text": "Baclofen 10 mg tablet", "route": "oral", "status": "active"}],
}
_SAID: Final = {
    "404": "No such thing is known here: a finding that was shown for this patient, an override, a rule, "
    "an entry of the record",
    "409": "It contradicts what is known: the record, the day, the kind of the rule, or another request "
    "with this Idempotency-Key",
    "422": "The request does not fit; every fault is listed with its path",
    "503": "The database of overrides, or the audit trail, is away",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals by status, as problem+json."""
    return {
        status: {**one, "description": _SAID.get(status, one["description"])}
        for status, one in refused(*statuses).items()
    }


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


_WHAT: Final[dict[str, dict[str, Any]]] = {
    "fact": {**_TEXT, "description": "A measured fact, such as serum_creatinine"},
    "value": {
        **SHARED["Quantity"]["anyOf"][0],
        "description": "With its unit, such as 1.1 mg/dL; also 10-20 mg",
    },
    "at": {
        "type": "string",
        "pattern": INSTANT,
        "description": "The day or instant of the result, or the day on which the medicine was stopped",
    },
    "order": {**_TEXT, "description": "The id of the order in the record"},
    "condition": {
        **_TEXT,
        "description": "By its id, as recorded, or as the fact of the alert (condition:epilepsy)",
    },
    "allergy": {**_TEXT, "description": "By its id or as recorded"},
    "text": {**_TEXT, "description": "The indication"},
}


def _variants() -> list[dict[str, Any]]:
    """One object for each list of what is asked, with the corrections that ask for it."""
    by_asks: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for reasons in REASONS.values():
        for reason in reasons:
            if reason.category == "correction":
                codes = by_asks.setdefault((reason.asks, ALSO.get(reason.code, ())), [])
                if reason.code not in codes:
                    codes.append(reason.code)
    return [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["record", "correction", *asks],
            "anyOf": [{"required": ["rule"]}, {"required": ["finding"]}],
            "properties": {
                "record": _RECORD,
                "correction": {"enum": codes},
                "finding": {**_TEXT, "description": "Id of the finding that it is about"},
                "rule": {**_TEXT, "description": "Id of the rule that it is about"},
                "as_of": _AS_OF,
                "selection": ref("Selection"),
                **{name: _WHAT[name] for name in (*asks, *also)},
            },
        }
        for (asks, also), codes in by_asks.items()
    ]


CORRECTION: Final = _body(
    {"anyOf": _variants()},
    {
        "record": _PATIENT,
        "rule": "baclofen.renal.crcl-below-30",
        "correction": "newer-result",
        "fact": "creatinine_clearance",
        "value": "64 mL/min",
        "at": "2026-01-14",
        "as_of": "2026-01-15",
    },
)
"""The body of a correction."""

FOLLOW_UPS: Final = _body(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["patient"],
        "properties": {"patient": _TEXT, "record": _RECORD, "as_of": _AS_OF},
    },
    {"patient": "p-17", "as_of": "2026-01-15"},
)
"""The body of a search for follow-ups."""

_NAMED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("finding", "rule", "severity", "summary")},
        "became": {
            "enum": ["cleared", "cannot-assess", "excepted", "suppressed", "error"],
            "description": "Of an alert that is none any more: what it is instead",
        },
        "orders": {"type": "array", "items": {"type": "string"}},
        "drugs": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["finding", "rule", "severity", "summary", "orders", "drugs"],
}
_LISTED: Final = {"type": "array", "items": _NAMED}
_CHANGES: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("gained", "lost", "still"), _LISTED),
        "cannot_assess": {
            "type": "object",
            "properties": dict.fromkeys(("gained", "lost"), _LISTED),
            "required": ["gained", "lost"],
        },
    },
    "required": ["gained", "lost", "still", "cannot_assess"],
}
_CORRECTED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "correction": {
            "type": "object",
            "properties": {
                **{name: {"type": "string"} for name in ("code", "display", "rule")},
                "applied": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["code", "display", "rule", "applied"],
        },
        "changes": _CHANGES,
        "report": ref("Report"),
        "rejects": {"type": "array", "items": {"type": "object"}},
        "note": {"type": "string"},
    },
    "required": ["correction", "changes", "report", "rejects", "note"],
}
CORRECTED: Final[dict[int | str, dict[str, Any]]] = {
    200: answer(
        "The record judged as corrected, and what that changes",
        _CORRECTED,
        "X-Caveat-Evaluation",
        "X-Caveat-Ruleset",
    )
}
"""What a correction is answered."""
