"""A finding as a FHIR R4 DetectedIssue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from caveat.findings.basis import Basis
from caveat.findings.reasons import SYSTEM as REASON_SYSTEM
from caveat.findings.reasons import reason_of
from caveat.findings.report import Finding, Report
from caveat.render.alert import product_words
from caveat.render.cds.grade import KIND_SYSTEM, KINDS
from caveat.render.cds.ids import derived
from caveat.render.cds.view import CardView, Overridden
from caveat.render.fhir.parts import LONG, patient_reference, reference
from caveat.render.markdown import plain
from caveat.render.products import products
from caveat.render.words import basis_words

ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
FINDING_SYSTEM: Final = "urn:caveat:finding"
SEVERITY: Final = {
    "contraindicated": "high",
    "major": "high",
    "moderate": "moderate",
    "minor": "low",
    "info": "low",
}
_DISPLAY: Final = {
    "AGE": "Age Alert",
    "ALGY": "Allergy Alert",
    "COND": "Condition Alert",
    "DOSE": "Dosage problem",
    "DRG": "Drug Interaction Alert",
    "DUPTHPY": "Duplicate Therapy Alert",
    "INT": "Intolerance Alert",
    "LAB": "Lab Alert",
    "LACT": "Lactation Alert",
    "OBSA": "Observation Alert",
    "PREG": "Pregnancy Alert",
    "REACT": "Reaction Alert",
    "TIME": "timing detected issue",
}
_OF_KIND: Final = {
    "interaction": "DRG",
    "dosing": "DOSE",
    "duplicate": "DUPTHPY",
    "allergy": "ALGY",
    "adverse-reaction": "REACT",
    "discontinuation": "TIME",
    "indication": "COND",
}
_OF_FACT: Final = {
    "pregnant": "PREG",
    "gestation": "PREG",
    "condition:pregnancy": "PREG",
    "lactating": "LACT",
    "condition:lactation": "LACT",
    "age": "AGE",
}
_LAB: Final = ("creatinine", "egfr", "child_pugh", "inr", "bilirubin", "albumin", "potassium", "alt")
# Codes of v3-ActCode below _ActDetectedIssueManagementCode that say what one of our reasons does.
_MITIGATION: Final = {
    "will-monitor": ("9", "Instituted Ongoing Monitoring Program"),
    "benefit-outweighs-risk": ("1", "Therapy Appropriate"),
    "tolerated-so-far": ("1", "Therapy Appropriate"),
    "tolerated-together": ("1", "Therapy Appropriate"),
    "tolerated-since": ("1", "Therapy Appropriate"),
    "specialist-advice": ("4", "Consulted Other Source"),
    "dose-for-indication": ("22", "appropriate indication or diagnosis"),
}


def detected_issue(finding: Finding, report: Report, view: CardView) -> dict[str, Any]:
    """The resource: what is wrong, how grave, for whom, with which orders, on which facts, and by which rule.

    An override in force becomes a mitigation. The id depends on the evaluation and the finding only.
    """
    rule = finding.rule
    made: dict[str, Any] = {
        "resourceType": "DetectedIssue",
        "id": derived(view.base, "issue", finding.id),
        "identifier": [{"system": FINDING_SYSTEM, "value": finding.id}],
        "status": "final",
        "code": {
            "coding": [
                _act(category(finding)),
                {"system": KIND_SYSTEM, "code": rule.kind, "display": KINDS.get(rule.kind, rule.kind)},
            ],
            "text": plain(rule.title, LONG) or rule.id,
        },
        "severity": SEVERITY[finding.severity],
        "patient": patient_reference(view.patient),
        "identifiedDateTime": view.at,
        "author": {"display": f"{plain(view.label) or 'caveat'}, ruleset {plain(report.version)}"},
    }
    if implicated := [*_implicated(finding, view)]:
        made["implicated"] = implicated
    if evidence := [_evidence(basis) for basis in finding.because]:
        made["evidence"] = evidence
    made["detail"] = _detail(finding)
    made["reference"] = f"urn:caveat:rule:{rule.id}"
    if (override := view.overridden.get(finding.id)) is not None:
        made["mitigation"] = [_mitigation(finding, override)]
    return made


def category(finding: Finding) -> str:
    """The code of v3-ActCode: by the kind of the rule, else by what of the patient decided it."""
    names = [basis.fact for basis in finding.because]
    if finding.rule.kind == "allergy":
        said = " ".join(basis.value for basis in finding.because).casefold()
        return "INT" if "intoleran" in said and "allergy" not in said else "ALGY"
    if finding.rule.kind in _OF_KIND:
        return _OF_KIND[finding.rule.kind]
    for name in names:
        if name in _OF_FACT:
            return _OF_FACT[name]
    if any(name.startswith("condition:") for name in names):
        return "COND"
    if any(part in name for name in names for part in _LAB):
        return "LAB"
    return "OBSA"


def _act(code: str) -> dict[str, str]:
    return {"system": ACT_CODE, "code": code, "display": _DISPLAY[code]}


def _implicated(finding: Finding, view: CardView) -> Iterator[dict[str, Any]]:
    named = {product.order: plain(product_words(product), 400) for product in products(finding)}
    for order in finding.orders or named:
        yield subject(order, view, finding) | ({"display": named[order]} if named.get(order) else {})
    for allergy in finding.allergies:
        yield subject(allergy, view, finding)


def subject(name: str, view: CardView, finding: Finding) -> dict[str, Any]:
    """The order or allergy: its reference where the record has one, else an identifier."""
    known = view.references.get(name, "")
    draft = view.drafts.get(name)
    if not known and draft is not None and draft.get("resourceType") and draft.get("id"):
        known = f"{draft['resourceType']}/{draft['id']}"
    if not known:
        known = next((b.source for b in finding.because if (b.source or "").endswith(f"/{name}")), "") or name
    shown = plain(name) or "unnamed"
    return reference(known) or {"identifier": {"value": shown}, "display": shown}


def _evidence(basis: Basis) -> dict[str, Any]:
    found: dict[str, Any] = {"code": [{"text": plain(basis_words(basis), LONG)}]}
    if (detail := reference(basis.source or "")) is not None:
        found["detail"] = [detail]
    return found


def _detail(finding: Finding) -> str:
    texts = [finding.summary, finding.text("consequence"), finding.text("action"), finding.text("monitoring")]
    unchecked = [f"Exception not checked: {one.id}" for one in finding.unchecked]
    parts = [plain(text, LONG) for text in (*texts, *unchecked) if text]
    return "\n".join(part for part in parts if part) or finding.rule.id


def _mitigation(finding: Finding, override: Overridden) -> dict[str, Any]:
    reason = reason_of(finding.rule.kind, override.reason)
    shown = reason.display if reason is not None else plain(override.reason) or "unknown"
    action: dict[str, Any] = {}
    if reason is not None:
        action["coding"] = [{"system": REASON_SYSTEM, "code": reason.code, "display": reason.display}]
        if reason.code in _MITIGATION:
            code, display = _MITIGATION[reason.code]
            action["coding"].insert(0, {"system": ACT_CODE, "code": code, "display": display})
    comment = plain(override.comment, LONG)
    action["text"] = f"{shown}: {comment}" if comment else shown
    found: dict[str, Any] = {"action": action, "date": override.created}
    if override.by:
        found["author"] = reference(override.by) or {"display": plain(override.by)}
    return found
