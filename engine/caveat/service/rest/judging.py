"""One patient judged: the report, and what the audit trail keeps of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from caveat.evaluators.assemble import assemble
from caveat.facts.chart import Chart
from caveat.facts.identify import Selection
from caveat.facts.patient import Patient
from caveat.findings.report import RecordError, Report
from caveat.render.json import report_json
from caveat.render.products import Product, current_products, not_covered
from caveat.render.shapes import ReportJSON
from caveat.service.live import Live
from caveat.service.overrides.matching import Fact, deciding
from caveat.service.question import Judged, Override, Shown

NOBODY: Final[Mapping[str, Override]] = {}
_STATUS: Final = (
    ("alerts", "fires"),
    ("cannot_assess", "cannot-assess"),
    ("suppressed", "suppressed"),
    ("excepted", "excepted"),
)


def judge(patient: Patient, live: Live, as_of: int, selection: Selection) -> tuple[Report, ReportJSON]:
    """The report of a patient on the day `as_of` (an ordinal), and the same as plain data.

    A failure of the check becomes a report that says so: never silence, never clear.
    """
    try:
        chart = Chart(patient, live.rules.terminology, as_of=as_of, selection=selection)
        report = assemble(chart, live.evaluator.outcomes(chart), live.rules, live.evaluator.name)
        uncovered = not_covered(current_products(chart.current), live.named)
        return report, _plain(report, live, uncovered)
    except Exception as error:
        report = _failed(patient, live, as_of, error)
        return report, _plain(report, live, ())


def _plain(report: Report, live: Live, uncovered: tuple[Product, ...]) -> ReportJSON:
    return report_json(report, sources=live.sources, not_covered=uncovered)


def _failed(patient: Patient, live: Live, as_of: int, error: Exception) -> Report:
    message = f"interaction check failed, review manually ({type(error).__name__})"
    return Report(
        patient=patient.id,
        as_of=dt.date.fromordinal(as_of).isoformat(),
        version=live.rules.version,
        digest=live.rules.digest,
        findings=(),
        rules_checked=0,
        errors=(RecordError("check-failed", message),),
        evaluator=live.evaluator.name,
    )


def judged(report: Report, told: ReportJSON, past: Mapping[str, Override] = NOBODY) -> Judged:
    """What the audit trail keeps of a report that was told as `told`; `past` are overrides by finding.

    An alert keeps what an override of it would depend on.
    """
    plain: Mapping[str, Any] = told
    alerts = zip(told["alerts"], report.alerts, strict=True) if told["alerts"] else ()
    taken: dict[str, str] = {}
    facts = {one["id"]: deciding(finding, taken) for one, finding in alerts}
    return Judged(
        patient=told["patient"],
        findings=tuple(
            _shown(one, status, facts.get(one["id"], ()), past.get(one["id"]))
            for name, status in _STATUS
            for one in plain[name]
        ),
        alerts=len(told["alerts"]),
        cannot_assess=len(told["cannot_assess"]),
        unrecognised=len(told["unrecognised"]),
        errors=len(told["errors"]),
        is_clear=told["is_clear"],
    )


def _shown(one: Mapping[str, Any], status: str, facts: tuple[Fact, ...], override: Override | None) -> Shown:
    return Shown(
        finding=one["id"],
        rule=one["rule"],
        kind=one["kind"],
        status=status,
        severity=one["severity"],
        tier=one["tier"],
        drugs=tuple(one["drugs"]),
        override="" if override is None else override.id,
        facts=facts,
    )
