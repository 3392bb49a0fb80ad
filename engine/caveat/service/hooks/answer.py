"""The answer to a CDS Hooks call: a pure function of the question and the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from caveat.evaluators.screen import ordinal, screen
from caveat.facts.chart import Chart
from caveat.findings.report import Finding, Report
from caveat.findings.severity import Status
from caveat.render.cds.cards import Dealt, dealt
from caveat.render.cds.codes import fact_codes, ingredient_codes
from caveat.render.cds.view import CardView
from caveat.render.json import dump
from caveat.service.hooks.drafts import read_drafts
from caveat.service.hooks.focus import Focused, focus, ingredients_of
from caveat.service.hooks.record import Record, read_record
from caveat.service.hooks.request import Call, read
from caveat.service.live import Live
from caveat.service.overrides.follow_ups import notices
from caveat.service.overrides.matching import Matched, binding, deciding, match
from caveat.service.question import Answer, Judged, Override, Question, Shown

JSON: Final = "application/json"
LEFT_OUT: Final = "X-Caveat-Left-Out"
"""How many findings are about other orders alone and so have no card."""
_TOLD: Final = (Status.FIRES, Status.CANNOT_ASSESS, Status.ERROR)


@dataclass(frozen=True, slots=True)
class Concluded:
    """What a call comes to before it is put into cards.

    `whole` is the report on the patient, `focused` that on the judged orders, `shown` the one for
    the cards: without the `hidden` alerts, which this user has seen before.
    """

    whole: Report
    focused: Focused
    shown: Report
    hidden: frozenset[str]
    matched: Matched


def answer(question: Question, live: Live, call: Call | None = None) -> Answer:
    """The cards. Raises Refused for a call that cannot be answered.

    `call` is the question's body where it was read before, as `Call.kept` has it.
    """
    call = read(question.body) if call is None else call
    drafts = read_drafts(call)
    if call.hook != "patient-view" and not drafts.concerned:
        return Answer(200, JSON, dump({"cards": []}), (Judged(call.patient, ()),))
    record = read_record(question, call, drafts, live)
    found = conclude(question, record, live)
    made = dealt(found.shown, _view(question, call, record, found, live))
    left_out = len(found.focused.left_out)
    headers = ((LEFT_OUT, str(left_out)),) if left_out else ()
    return Answer(200, JSON, dump({"cards": made.cards}), (_judged(call, found, made),), headers)


def conclude(question: Question, record: Record, live: Live) -> Concluded:
    """Everything the rules say on the day of the question, and what of it concerns the judged orders."""
    whole = screen(record.patient, live.rules, as_of=question.as_of, evaluator=live.evaluator)
    if record.errors:
        whole = replace(whole, errors=whole.errors + record.errors)
    focused = Focused(whole)
    if record.judged is not None:
        focused = focus(whole, record.judged, ingredients_of(record.patient, live.rules, record.judged))
    matched = match(whole, question.overrides) if question.overrides else Matched()
    shown, hidden = _without_repeats(question, focused.report, matched)
    return Concluded(whole, focused, shown, hidden, matched)


def _without_repeats(question: Question, report: Report, matched: Matched) -> tuple[Report, frozenset[str]]:
    """The report without alerts shown before, where the site wants them once.

    A contraindication, an alert whose override lapsed, and what could not be assessed are shown
    each time.
    """
    if not question.site.suppress_repeats or not question.shown:
        return report, frozenset()
    kept: list[Finding] = []
    hidden: set[str] = set()
    for finding in report.findings:
        if _may_be_hidden(finding) and finding.id in question.shown and finding.id not in matched.lapsed:
            hidden.add(finding.id)
        else:
            kept.append(finding)
    return (replace(report, findings=tuple(kept)), frozenset(hidden)) if hidden else (report, frozenset())


def _may_be_hidden(finding: Finding) -> bool:
    return (
        finding.status is Status.FIRES
        and finding.suppressed_by is None
        and not binding(finding.rule.kind, finding.severity)
    )


def _view(question: Question, call: Call, record: Record, found: Concluded, live: Live) -> CardView:
    site, rules = question.site, live.rules
    return CardView(
        base=question.id,
        patient=call.patient,
        as_of=question.as_of,
        at=question.at,
        label=site.label,
        sources=live.sources,
        url=site.url,
        icon=site.icon,
        indicators=dict(rules.indicators),
        cannot_assess=site.cannot_assess,
        detected_issue=site.detected_issue,
        most=site.most,
        drafts=record.resources,
        overridden={**found.matched.active, **found.matched.noted},
        lapsed=found.matched.lapsed,
        considered=question.overrides is not None,
        hidden=len(found.hidden),
        uncovered=found.shown.uncovered,
        references=record.references,
        codes=ingredient_codes(rules),
        fact_codes=fact_codes(rules) if site.detected_issue else {},
        notices=_overdue(question, record, live),
        known=rules.terminology.remember(("cards", rules.digest), dict),
    )


def _overdue(question: Question, record: Record, live: Live) -> tuple[str, ...]:
    """Promises made with an override that this record does not show to be kept in time."""
    promised = [one for one in question.overrides or () if one.follow_up is not None]
    if not promised:
        return ()
    chart = Chart(record.patient, live.rules.terminology, as_of=ordinal(question.as_of))
    return tuple(one.text for one in notices(promised, chart) if one.state == "overdue")


def _judged(call: Call, found: Concluded, made: Dealt) -> Judged:
    """What the audit trail keeps: every finding on the judged orders, with its card where it has one."""
    report = found.focused.report
    card_of = made.card_of
    overridden = {**found.matched.active, **found.matched.noted}
    taken: dict[str, str] = {}
    findings = tuple(
        _shown(finding, card_of, overridden, taken)
        for finding in report.findings
        if finding.status in _TOLD and finding.suppressed_by is None
    )
    return Judged(
        patient=call.patient,
        findings=findings,
        alerts=len(report.alerts),
        cannot_assess=len(report.cannot_assess),
        unrecognised=len(report.unrecognised),
        errors=len(report.errors),
        is_clear=found.whole.is_clear,
    )


def _shown(
    finding: Finding,
    card_of: Mapping[str, str],
    overridden: Mapping[str, Override],
    taken: dict[str, str],
) -> Shown:
    name = finding.id
    override = overridden.get(name)
    return Shown(
        finding=name,
        rule=finding.rule.id,
        kind=finding.rule.kind,
        status=finding.status.value,
        severity=finding.severity,
        tier=finding.tier,
        drugs=finding.named,
        card=card_of.get(name, ""),
        override=override.id if override is not None else "",
        facts=deciding(finding, taken) if finding.status is Status.FIRES else (),
    )
