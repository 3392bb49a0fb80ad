"""What of a check failed: said first and everywhere, since nothing may be concluded from such a check."""

from __future__ import annotations

from typing import Final

from caveat.findings.report import RecordError, Report
from caveat.findings.severity import Status

FAILURES: Final = ("rule-failed", "check-failed", "evaluators-differ")
"""Codes of errors that are of the check and not of the record."""


def failures(report: Report) -> tuple[RecordError, ...]:
    """Every failure of the check, that of a rule also where the report does not list it as an error."""
    if report.is_clear:
        return ()
    listed = tuple(error for error in report.errors if error.code in FAILURES)
    named = {error.rule for error in listed}
    others = tuple(
        RecordError("rule-failed", f"rule {f.rule.id} failed and was not judged: {f.error}", rule=f.rule.id)
        for f in report.findings
        if f.status is Status.ERROR and f.rule.id not in named
    )
    return listed + others
