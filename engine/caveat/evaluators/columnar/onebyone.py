"""Rows judged one at a time by the default evaluator, in the form of columns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from caveat.compile.site import NOTES
from caveat.findings.report import Finding, Report
from caveat.findings.severity import SEVERITIES, Status


def finding_rows(report: Report, row: int, *, because: bool = False) -> list[dict[str, Any]]:
    """The findings of a report as rows of `results.findings`, in the order of the report."""
    return [_finding(report.patient, found, row, because) for found in report.findings]


def _finding(patient: str, found: Finding, row: int, because: bool) -> dict[str, Any]:
    status = found.status
    basis = None
    if because:
        basis = [{"fact": b.fact, "value": b.value, "at": b.at, "source": b.source} for b in found.because]
    return {
        "patient": patient,
        "row": row,
        "rule": found.rule.id,
        "orders": list(found.orders),
        "allergies": list(found.allergies),
        "status": status.value,
        "severity": found.severity,
        "kind": found.rule.kind,
        "tier": found.tier,
        "drugs": list(found.drugs),
        "missing": names_of_missing(found) if status is Status.CANNOT_ASSESS else [],
        "unchecked": [one.id for one in found.unchecked],
        "suppressed_by": found.suppressed_by,
        "because": basis,
        "error": found.error,
    }


def names_of_missing(found: Finding) -> list[str]:
    """The facts that left a finding open, each once, sorted."""
    return sorted({missing.fact for missing in found.missing})


def patient_row(report: Report, source: str | None, uncovered: int) -> dict[str, Any]:
    """The row of a report in `results.patients`; `uncovered` counts orders, which a report does not."""
    shown = [f for f in report.findings if f.suppressed_by is None]
    of_status = Counter(f.status for f in shown)
    fired = Counter(f.severity for f in shown if f.status is Status.FIRES)
    return {
        "patient": report.patient,
        "clear": report.is_clear,
        "alerts": of_status[Status.FIRES],
        **{name: fired[name] for name in SEVERITIES},
        "cannot_assess": of_status[Status.CANNOT_ASSESS],
        "excepted": of_status[Status.EXCEPTED],
        "suppressed": len(report.findings) - len(shown),
        "failed_rules": of_status[Status.ERROR],
        "notes": sum(note.count for note in report.notes if note.code not in NOTES),
        "unrecognised": [{"text": u.text, "kind": u.kind, "id": u.id or None} for u in report.unrecognised],
        "uncovered": uncovered,
        "errors": [
            {"code": e.code, "message": e.message, "path": e.path or None, "value": e.value or None}
            for e in report.errors
        ],
        "source": source,
    }
