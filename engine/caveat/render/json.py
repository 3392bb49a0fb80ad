"""A report as the JSON that other programs rely on; the shape is in `render.shapes`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from caveat.findings.basis import Basis, Missing, Unchecked
from caveat.findings.report import Finding, Report
from caveat.render.clean import encodable
from caveat.render.products import NotCovered, products
from caveat.render.shapes import (
    AlertJSON,
    CannotAssessJSON,
    EvidenceJSON,
    ExceptedJSON,
    ExceptionJSON,
    FactJSON,
    MissingJSON,
    ReportJSON,
    SuppressedJSON,
    UncheckedJSON,
)


def report_json(
    report: Report,
    *,
    sources: Mapping[str, str] | None = None,
    not_covered: Iterable[NotCovered] | None = None,
) -> ReportJSON:
    """The report as plain data, keys in a fixed order.

    `sources` maps the ids of the bibliography to full citations. `not_covered` lists the current
    orders that no rule is about; None says that it was not worked out.
    """
    known = sources or {}
    return {
        "patient": report.patient,
        "as_of": report.as_of,
        "ruleset": {"version": report.version, "digest": report.digest},
        "evaluator": report.evaluator,
        "rules_checked": report.rules_checked,
        "is_clear": report.is_clear,
        "alerts": [_alert(finding, known) for finding in report.alerts],
        "cannot_assess": [_open(finding, known) for finding in report.cannot_assess],
        "suppressed": [_suppressed(finding, known) for finding in report.suppressed],
        "excepted": [_excepted(finding, known) for finding in report.excepted],
        "unrecognised": [
            {
                "text": u.text,
                "candidates": list(u.candidates),
                "kind": u.kind,  # type: ignore[typeddict-item]
                "id": u.id,
                "partly": list(u.partly),
            }
            for u in report.unrecognised
        ],
        "not_covered": None
        if not_covered is None
        else [{"order": n.order, "name": n.name, "ingredients": list(n.ingredients)} for n in not_covered],
        "errors": [
            {"code": e.code, "message": e.message, "path": e.path, "value": e.value, "rule": e.rule}
            for e in report.errors
        ],
        "notes": [
            {"code": n.code, "message": n.message, "path": n.path, "count": n.count} for n in report.notes
        ],
    }


def report_line(
    report: Report,
    *,
    sources: Mapping[str, str] | None = None,
    not_covered: Iterable[NotCovered] | None = None,
) -> bytes:
    """The report as one line of NDJSON in UTF-8, its line end included."""
    return dump(report_json(report, sources=sources, not_covered=not_covered)) + b"\n"


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8; what no UTF-8 can carry (lone surrogates) becomes U+FFFD."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return orjson.dumps(_encodable(value))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value


def _finding(finding: Finding, sources: Mapping[str, str]) -> dict[str, Any]:
    """What all findings state."""
    rule = finding.rule
    return {
        "id": finding.id,
        "rule": rule.id,
        "covers": list(rule.covers),
        "kind": rule.kind,
        "severity": rule.severity,
        "tier": finding.tier,
        "status": rule.status,
        "title": rule.title,
        "subject": {"orders": list(finding.orders), "allergies": list(finding.allergies)},
        "drugs": list(finding.named),
        "products": [
            {"order": p.order, "name": p.name, "ingredients": list(p.ingredients)} for p in products(finding)
        ],
        "summary": finding.summary,
        "consequence": finding.text("consequence"),
        "action": finding.text("action"),
        "monitoring": finding.text("monitoring"),
        "advice": finding.text("advice"),
        "because": [_fact(b) for b in finding.because],
        "evidence": [_evidence(citation, sources) for citation in rule.evidence],
    }


def _fact(basis: Basis) -> FactJSON:
    found: FactJSON = {
        "fact": basis.fact,
        "value": basis.value,
        "at": basis.at,
        "source": basis.source,
    }
    if basis.of:
        found["orders"] = [medicine.order for medicine in basis.of]
    return found


def _evidence(citation: Any, sources: Mapping[str, str]) -> EvidenceJSON:
    return {
        "source": citation.source,
        "section": citation.section,
        "says": citation.says,
        "checked": citation.checked,
        "level": citation.level,
        "reference": sources.get(citation.source),
    }


def _alert(finding: Finding, sources: Mapping[str, str]) -> AlertJSON:
    rule = finding.rule
    found: AlertJSON = {
        **_finding(finding, sources),  # type: ignore[typeddict-item]
        "onset": getattr(rule, "onset", None),
        "confidence": getattr(rule, "confidence", "unknown"),
        "interaction": dict(rule.interaction) or None,
        "unchecked": _unchecked(finding.unchecked),
    }
    return found


def _open(finding: Finding, sources: Mapping[str, str]) -> CannotAssessJSON:
    found: CannotAssessJSON = {
        **_finding(finding, sources),  # type: ignore[typeddict-item]
        "missing": list(dict.fromkeys(m.fact for m in finding.missing)),
        "needs": needs(finding.missing),
        "missing_detail": _missing(finding.missing),
        "unchecked": _unchecked(finding.unchecked),
    }
    return found


def _suppressed(finding: Finding, sources: Mapping[str, str]) -> SuppressedJSON:
    found: SuppressedJSON = {
        **_alert(finding, sources),
        "by": finding.suppressed_by or "",
    }
    return found


def _excepted(finding: Finding, sources: Mapping[str, str]) -> ExceptedJSON:
    found: ExceptedJSON = {
        **_finding(finding, sources),  # type: ignore[typeddict-item]
        "exceptions": exceptions(finding),
    }
    return found


def exceptions(finding: Finding) -> list[ExceptionJSON]:
    """The exceptions that hold, each with its reason."""
    reasons = {e.id: e.because for e in getattr(finding.rule, "unless", ())}
    return [{"id": name, "because": reasons.get(name, "")} for name in finding.exceptions]


def needs(missing: Iterable[Missing]) -> list[str]:
    """The facts to record so that the question can be decided: inputs where there are some, else the fact."""
    return list(dict.fromkeys(name for m in missing for name in (m.inputs or (m.fact,))))


def _missing(missing: Iterable[Missing]) -> list[MissingJSON]:
    return [_lack(m) for m in missing]


def _lack(missing: Missing) -> MissingJSON:
    found: MissingJSON = {"fact": missing.fact, "reason": missing.reason, "inputs": list(missing.inputs)}
    if missing.of:
        found["orders"] = [medicine.order for medicine in missing.of]
    return found


def _unchecked(unchecked: Iterable[Unchecked]) -> list[UncheckedJSON]:
    return [{"id": u.id, "because": u.because, "missing": _missing(u.missing)} for u in unchecked]
