"""Outcomes to a report: superseding, what was not recognised, errors and notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from caveat.compile.program import Texts
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.texts import fill
from caveat.facts import quick
from caveat.facts.allergies import allergy_views
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.problems_list import views
from caveat.findings.basis import Details, Missing
from caveat.findings.report import Finding, RecordError, RecordNote, Report, Unrecognised
from caveat.findings.severity import Status

RECENT = 30
"""Days after its end within which an unrecognised order is still reported as such."""


NO_ORDERS_TEXTS = Texts(
    "No list of medicines is recorded",
    "Contraindications and interactions of what this patient takes are not known.",
    "Obtain the list of medicines and screen again.",
)


@dataclass(frozen=True, slots=True)
class RecordRule:
    """Stands for every rule when the record gives no list of medicines at all."""

    id: str = "record.orders.unknown"
    kind: str = "monitoring"
    severity: str = "major"
    status: str = "active"
    title: str = "No list of medicines is recorded, so no rule on medicines could be judged"
    covers: tuple[str, ...] = ()
    texts: Texts = NO_ORDERS_TEXTS
    evidence: tuple[object, ...] = ()
    interaction: tuple[tuple[str, str], ...] = ()


NO_ORDERS = RecordRule()


def assemble(chart: Chart, outcomes: Iterable[Outcome], rules: Ruleset, evaluator: str) -> Report:
    """The report of one patient."""
    kept = once_a_pair(o for o in outcomes if o.status is not Status.NOT_MET)
    suppressed = superseded(kept)
    findings = [_finding(o, chart, rules, suppressed.get(index)) for index, o in enumerate(kept)]
    if chart.patient.orders is None:
        missing = (Missing("orders", "no list of medicines is recorded"),)
        findings.append(
            Finding(
                NO_ORDERS,
                Status.CANNOT_ASSESS,
                (),
                (),
                (),
                Details(missing=missing),
                tier=rules.tier(NO_ORDERS.id, "major", open=True),
            )
        )
    unrecognised = _unrecognised(chart)
    quick.entries(chart)
    errors = [RecordError(p.code, p.message, p.path, p.value) for p in chart.problems]
    errors += [
        RecordError("rule-failed", f"rule {o.rule.id} failed and was not judged: {o.error}", rule=o.rule.id)
        for o in kept
        if o.status is Status.ERROR
    ]
    return Report(
        patient=chart.patient.id,
        as_of=chart.day,
        version=rules.version,
        digest=rules.digest,
        findings=tuple(findings),
        rules_checked=len(rules.program.rules),
        unrecognised=unrecognised,
        errors=tuple(errors),
        notes=tuple(RecordNote(n.code, n.message, n.path, n.count) for n in chart.notes),
        evaluator=evaluator,
        uncovered=uncovered(chart, rules),
    )


def uncovered(chart: Chart, rules: Ruleset) -> tuple[str, ...]:
    """Ingredients of current orders that no rule is about, in the order of the record."""
    found: dict[str, None] = {}
    for view in chart.current:
        for name in view.ingredients:
            if name not in rules.covered:
                found[name] = None
    return tuple(found)


def once_a_pair(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes without the second of two that say the same of the same two orders the other way round."""
    kept: list[Outcome] = []
    seen: set[tuple[str, str, str, Status]] = set()
    for outcome in outcomes:
        if outcome.rule.subject == "pair":
            one, other = outcome.subject.order_ids
            if other < one:
                one, other = other, one
            key = (outcome.rule.id, one, other, outcome.status)
            if key in seen:
                continue
            seen.add(key)
        kept.append(outcome)
    return kept


def superseded(kept: list[Outcome]) -> dict[int, str]:
    """Index of each firing outcome that another firing one supersedes, and the rule that does.

    A rule supersedes another on the same orders: its own are all among the other's, or the other way.
    What a rule suppresses never suppresses it in turn, so that of two at least one is shown.
    """
    found: dict[int, str] = {}
    firing = [(i, o) for i, o in enumerate(kept) if o.status is Status.FIRES]
    if len(firing) < 2:
        return found
    for place, winner in firing:
        if not winner.rule.supersedes:
            continue
        ids = set(winner.subject.order_ids)
        for index, loser in firing:
            if loser.rule.id not in winner.rule.supersedes or index == place:
                continue
            if found.get(place) == loser.rule.id:
                continue
            others = set(loser.subject.order_ids)
            same = winner.subject.allergy_ids in ((), loser.subject.allergy_ids)
            if same and (ids <= others or others <= ids):
                found.setdefault(index, winner.rule.id)
    return found


def _finding(outcome: Outcome, chart: Chart, rules: Ruleset, suppressed_by: str | None) -> Finding:
    subject, rule, status = outcome.subject, outcome.rule, outcome.status
    return Finding(
        rule,
        status,
        subject.order_ids,
        subject.allergy_ids,
        _drugs(rule.first, rule.second, subject.orders),
        outcome.details,
        suppressed_by,
        outcome.error,
        rules.tier(rule.id, rule.severity, open=status is Status.CANNOT_ASSESS),
        lambda template: fill(template, chart, subject),
    )


def _drugs(first: tuple[str, ...], second: tuple[str, ...], orders: tuple[OrderView, ...]) -> tuple[str, ...]:
    """The ingredients the finding is about: those in the rule's scope, else all of the order."""
    if len(orders) == 1 and len(orders[0].ingredients) == 1:
        return orders[0].ingredients
    found: dict[str, None] = {}
    for index, view in enumerate(orders):
        ingredients = view.ingredients
        if len(ingredients) > 1:
            scope = second if index else first
            ingredients = tuple([name for name in ingredients if name in scope]) or ingredients
        for name in ingredients:
            found[name] = None
    return tuple(found)


def _unrecognised(chart: Chart) -> tuple[Unrecognised, ...]:
    found: list[Unrecognised] = []
    for view in chart.views:
        if view.resolution.unrecognised and _matters(view, chart):
            found.append(_unknown_order(view))
        if view.resolution.conflict and (view.current or view.ended):
            chart.note(
                "codes-disagree",
                f"order {view.order.id}: {view.resolution.conflict}",
                view.order.source or "",
            )
    for allergy in allergy_views(chart) or ():
        resolution = allergy.resolution
        if resolution is not None and resolution.unrecognised:
            found.append(
                Unrecognised(
                    allergy.name, resolution.candidates, "allergy", allergy.id, resolution.ingredients
                )
            )
    conditions: dict[str, None] = {}
    for view_ in views(chart) or ():
        if not view_.recognised and not view_.sets:
            conditions.setdefault(view_.name)
    found += [Unrecognised(name, (), "condition") for name in conditions]
    return tuple(found)


def _matters(view: OrderView, chart: Chart) -> bool:
    """Current orders, and ended ones whose end is recent or not recorded; older ones become a note."""
    if view.current:
        return True
    if not view.ended:
        return False
    stop = view.order.stop or view.order.start
    if stop is None or stop.last >= chart.as_of - RECENT:
        return True
    chart.note(
        "ended-not-recognised",
        f"ended order {view.order.id} ({view.name}) is not recognised",
        view.order.source or "",
    )
    return False


def _unknown_order(view: OrderView) -> Unrecognised:
    resolution = view.resolution
    return Unrecognised(view.name, resolution.candidates, "medication", view.order.id, resolution.ingredients)
