"""Rows of the audit trail as FHIR R4 AuditEvent resources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from caveat.render.words import counted

PATIENT: Final = "urn:caveat:patient-hash"
RULESET: Final = "urn:caveat:ruleset"
KIND: Final = "urn:caveat:audit-kind"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_ASKED: Final = {"system": f"{_TERMS}audit-event-type", "code": "rest", "display": "RESTful Operation"}
_DONE: Final = {"system": _DICOM, "code": "110100", "display": "Application Activity"}
_OPERATION: Final = {
    "system": "http://hl7.org/fhir/restful-interaction",
    "code": "operation",
    "display": "operation",
}
_SERVER: Final = {"system": f"{_TERMS}security-source-type", "code": "4", "display": "Application Server"}
_CALLER: Final = {"system": _DICOM, "code": "110153", "display": "Source Role ID"}
_PERSON: Final = {"system": f"{_TERMS}audit-entity-type", "code": "1", "display": "Person"}
_SYSTEM: Final = {"system": f"{_TERMS}audit-entity-type", "code": "2", "display": "System Object"}
_PATIENT: Final = {"system": f"{_TERMS}object-role", "code": "1", "display": "Patient"}
_DETAILS: Final = (
    *("sequence", "hash", "previous", "hook_instance", "policy", "as_of", "input_digest", "output_digest"),
    *("sealed_digest", "shown_digest", "microseconds", "format"),
)


def audit_event(row: Mapping[str, Any], observer: str = "caveat") -> dict[str, Any]:
    """The AuditEvent of a row (`trail.rows`). A patient is named by the keyed hash only."""
    asked = bool(row["ruleset"])
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": row["evaluation"],
        "type": _ASKED if asked else _DONE,
        "subtype": [*([_OPERATION] if asked else []), {"system": KIND, "code": row["kind"]}],
        "action": "E",
        "recorded": row["at"],
        "outcome": _outcome(row["status"]),
        "outcomeDesc": _said(row),
        "agent": [_agent(row)],
        "source": _source(row, observer),
        "entity": [*(_patient(one) for one in dict.fromkeys(row["patients"]) if one), _evaluation(row)],
    }
    if asked:
        found["entity"].append(
            {
                "what": {"identifier": {"system": RULESET, "value": row["ruleset"]}},
                "type": _SYSTEM,
                "description": "The rules it was judged by",
            }
        )
    return found


def _outcome(status: int) -> str:
    """0 success, 4 the call was refused, 8 the check failed."""
    return "0" if status < 400 else "4" if status < 500 else "8"


def _said(row: Mapping[str, Any]) -> str:
    counts = row["counts"]
    if not counts:
        return str(row["kind"])
    return (
        f"{counted(counts['patients'], 'patient')}, {counts['clear']} clear, {counts['alerts']} alerts, "
        f"{counts['cannot_assess']} could not be assessed, {counts['unrecognised']} unrecognised, "
        f"{counts['errors']} errors"
    )


def _agent(row: Mapping[str, Any]) -> dict[str, Any]:
    who = {"identifier": {"value": row["issuer"] or "unknown"}}
    found: dict[str, Any] = {"type": {"coding": [_CALLER]}, "who": who, "requestor": True}
    return {**found, "altId": row["subject"]} if row["subject"] else found


def _source(row: Mapping[str, Any], observer: str) -> dict[str, Any]:
    found: dict[str, Any] = {"observer": {"display": observer}, "type": [_SERVER]}
    return {"site": row["tenant"], **found} if row["tenant"] else found


def _patient(hashed: str) -> dict[str, Any]:
    return {
        "what": {"identifier": {"system": PATIENT, "value": hashed}},
        "type": _PERSON,
        "role": _PATIENT,
    }


def _evaluation(row: Mapping[str, Any]) -> dict[str, Any]:
    details = [_detail(name, row[name]) for name in _DETAILS if row[name] != ""]
    considered = row["overrides"] if isinstance(row["overrides"], str) else " ".join(row["overrides"])
    if considered:
        details.append(_detail("overrides", considered))
    details += [_detail("finding", json.dumps(one, sort_keys=True)) for one in row["findings"]]
    return {
        "what": {"identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{row['evaluation']}"}},
        "type": _SYSTEM,
        "description": "The evaluation",
        "detail": details,
    }


def _detail(name: str, value: Any) -> dict[str, str]:
    return {"type": name, "valueString": str(value)}
