"""The outcome of one check as a FHIR R4 GuidanceResponse, and everything of a report as a Bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from caveat.findings.report import Report
from caveat.render.cds.failures import FAILURES, failures
from caveat.render.cds.ids import derived
from caveat.render.cds.view import CardView
from caveat.render.fhir.detected_issue import detected_issue
from caveat.render.fhir.operation_outcome import outcome_of
from caveat.render.fhir.parts import patient_reference, type_of
from caveat.render.json import needs
from caveat.render.markdown import plain
from caveat.render.words import fact_words

FACT_SYSTEM: Final = "urn:caveat:fact"
_TYPES: Final = {
    "age": "Patient",
    "sex": "Patient",
    "birth_date": "Patient",
    "orders": "MedicationRequest",
    "conditions": "Condition",
    "allergies": "AllergyIntolerance",
    "observations": "Observation",
}
_OF_ORDER: Final = frozenset(
    "dose daily_dose strength frequency duration since_start since_stop start stop status route form "
    "indication max_per_day rate tapered purpose treatment_time ingredient as_needed".split()
)
_NAMED: Final = {
    "medication": "MedicationRequest",
    "allergy": "AllergyIntolerance",
    "condition": "Condition",
}


def guidance_response(report: Report, view: CardView) -> dict[str, Any]:
    """`failure` when the check or a rule failed, `data-required` when anything could not be assessed, else
    `success`.

    What is required is listed, one entry a fact; what was not recognised or failed is in a contained
    OperationOutcome.
    """
    made: dict[str, Any] = {"resourceType": "GuidanceResponse", "id": derived(view.base, "guidance")}
    outcome = outcome_of(report)
    if outcome is not None:
        made["contained"] = [{"resourceType": "OperationOutcome", "id": "outcome", "issue": outcome["issue"]}]
    made |= {
        "moduleUri": f"urn:caveat:ruleset:{report.digest}",
        "status": status(report),
        "subject": patient_reference(view.patient),
        "occurrenceDateTime": view.at,
        "performer": {"display": f"{plain(view.label) or 'caveat'}, ruleset {plain(report.version)}"},
    }
    if outcome is not None:
        made["evaluationMessage"] = [{"reference": "#outcome"}]
    if required := list(_required(report, view)):
        made["dataRequirement"] = required
    return made


def status(report: Report) -> str:
    """The status of the check; `success` only where nothing failed and nothing was left open."""
    if failures(report):
        return "failure"
    return "data-required" if report.cannot_assess or report.unrecognised or report.errors else "success"


def _required(report: Report, view: CardView) -> Iterator[dict[str, Any]]:
    missing = [m for finding in report.cannot_assess for m in finding.missing]
    missing += [m for finding in report.alerts for one in finding.unchecked for m in one.missing]
    for fact in needs(missing):
        yield {"type": resource_type(fact), "codeFilter": [_filter(fact, view)]}
    for kind in dict.fromkeys(name.kind for name in report.unrecognised):
        yield {"type": _NAMED.get(kind, "MedicationRequest"), "mustSupport": ["code"]}
    for kind in dict.fromkeys(_place(error.path) for error in report.errors if error.code not in FAILURES):
        yield {"type": kind}


def _place(path: str) -> str:
    """The type to look at for a value that was not used, by its path in a FHIR or native record."""
    return type_of(path) or resource_type(path.removeprefix("$.").partition("[")[0].partition(".")[0])


def resource_type(fact: str) -> str:
    """The FHIR type that a fact would be found in."""
    name = fact.removeprefix("order.")
    if name in _TYPES:
        return _TYPES[name]
    if name in _OF_ORDER or fact.startswith("order."):
        return "MedicationRequest"
    return "Condition" if fact.startswith("condition:") else "Observation"


def _filter(fact: str, view: CardView) -> dict[str, Any]:
    codes = view.fact_codes.get(fact, ())
    found = [{"system": s, "code": c, "display": d} if d else {"system": s, "code": c} for s, c, d in codes]
    name = plain(fact) or "unknown"
    found.append({"system": FACT_SYSTEM, "code": name, "display": plain(fact_words(fact)) or name})
    return {"path": "code", "code": found}


def bundle(report: Report, view: CardView) -> dict[str, Any]:
    """Everything of one report: a DetectedIssue an alert, the gravest first, and one GuidanceResponse.

    A collection; what was not recognised or failed is also an OperationOutcome of its own. Alerts that
    another supersedes are not in it; those that a policy keeps quiet are.
    """
    resources = [detected_issue(finding, report, view) for finding in report.alerts]
    resources.append(guidance_response(report, view))
    outcome = outcome_of(report)
    if outcome is not None:
        resources.append({"resourceType": "OperationOutcome", "id": derived(view.base, "outcome"), **outcome})
    return {
        "resourceType": "Bundle",
        "id": derived(view.base, "bundle"),
        "type": "collection",
        "timestamp": view.at,
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources],
    }
