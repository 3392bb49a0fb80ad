"""Why a rule did or did not alert for a patient: every clause with its truth and values, nothing cut short.

Built on the reference evaluator's own trace, so its verdict is the evaluator's.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from caveat.compile.program import CompiledRule, Program
from caveat.compile.ruleset import Ruleset
from caveat.errors import CaveatError
from caveat.evaluators.assemble import superseded
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.reference import Judgement, judge_rule
from caveat.evaluators.screen import ordinal
from caveat.evaluators.subjects import subjects
from caveat.evaluators.texts import fill
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView, Selection
from caveat.facts.patient import Patient
from caveat.findings.severity import Status


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """An order of the record: how it was recognised, whether it counts, and whether the rule is about it."""

    id: str
    name: str
    ingredients: tuple[str, ...]
    how: str
    counts: str
    unrecognised: bool
    candidates: tuple[str, ...]
    in_scope: bool


@dataclass(frozen=True, slots=True)
class SubjectExplained:
    """One subject with its verdict; `suppressed_by` names the rule that is shown in its place."""

    judgement: Judgement
    suppressed_by: str | None
    summary: str

    @property
    def status(self) -> Status:
        """What became of the rule for this subject."""
        return self.judgement.outcome.status


@dataclass(frozen=True, slots=True)
class Explanation:
    """A rule on a patient. No subjects means out of scope, and `out_of_scope` says why."""

    rule: CompiledRule
    patient: str
    as_of: str
    subjects: tuple[SubjectExplained, ...]
    orders: tuple[OrderSeen, ...]
    out_of_scope: str = ""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The verdicts, as the evaluator gives them."""
        return tuple(subject.judgement.outcome for subject in self.subjects)


def find_rule(program: Program, rule_id: str) -> CompiledRule:
    """The rule of that id. Raises CaveatError, with close names, when there is none."""
    try:
        return program.rule(rule_id)
    except KeyError:
        from caveat.rules.diagnostics import did_you_mean

        known = [rule.id for rule in program.rules]
        near = [name for name in known if rule_id and rule_id in name]
        hint = f"Did you mean {' or '.join(near[:3])}?" if near else did_you_mean(rule_id, known, many=3)
        text = f"there is no rule {rule_id!r}"
        raise CaveatError(f"{text}. {hint}" if hint else f"{text} among {len(known)} rules") from None


def explain(
    rule_id: str,
    patient: Patient,
    rules: Ruleset,
    as_of: str | dt.date,
    *,
    selection: Selection = "active",
    order: str | None = None,
) -> Explanation:
    """How the rule was judged for every subject of the patient, or for those with the order `order`.

    Raises CaveatError for an unknown rule or order, DateError for a bad `as_of`.
    """
    rule = find_rule(rules.program, rule_id)
    chart = Chart(patient, rules.terminology, as_of=ordinal(as_of), selection=selection)
    seen = tuple(_seen(view, rule) for view in chart.views)
    if order is not None and order not in {view.id for view in seen}:
        ids = ", ".join(view.id for view in seen) or "none"
        raise CaveatError(f"the patient has no order {order!r}. Orders: {ids}")
    judged = [judge_rule(rule, chart, subject) for subject in subjects(rule, chart)]
    hidden = _hidden(rule, judged, chart, rules.program)
    explained = tuple(
        SubjectExplained(
            one,
            by,
            fill(rule.texts.summary, chart, one.outcome.subject, rule.limits, rule.scopes, rule.when)
            if _shown(one)
            else rule.title,
        )
        for one, by in zip(judged, hidden, strict=True)
        if order is None or order in one.outcome.subject.order_ids
    )
    why = "" if explained else _out_of_scope(rule, chart, seen, order)
    return Explanation(rule, patient.id, chart.day, explained, seen, why)


def _shown(judged: Judgement) -> bool:
    return judged.outcome.status in (Status.FIRES, Status.CANNOT_ASSESS)


def _hidden(rule: CompiledRule, judged: list[Judgement], chart: Chart, program: Program) -> list[str | None]:
    """For each judgement, the rule that supersedes it, found as a report finds it."""
    kept = [one.outcome for one in judged]
    for other in program.rules:
        if rule.id in other.supersedes and other.id != rule.id:
            kept += [judge_rule(other, chart, subject).outcome for subject in subjects(other, chart)]
    found = superseded(kept)
    return [found.get(index) for index in range(len(judged))]


def _seen(view: OrderView, rule: CompiledRule) -> OrderSeen:
    resolution = view.resolution
    how = {"code": "by its code", "name": "by its name", "brand": "by its brand name"}.get(resolution.how, "")
    if not view.ingredients:
        how = "not recognised"
    elif resolution.unrecognised:
        how = f"recognised in part {how}, {', '.join(map(repr, resolution.leftover))} not"
    counts = "current" if view.current else "ended" if view.ended else _not_counted(view)
    scope = {*rule.first, *rule.second}
    return OrderSeen(
        view.order.id,
        view.name,
        view.ingredients,
        how,
        counts,
        resolution.unrecognised,
        resolution.candidates,
        rule.of_any or not scope.isdisjoint(view.ingredients),
    )


def _not_counted(view: OrderView) -> str:
    return view.order.status if view.order.status in ("cancelled", "entered-in-error") else "not current"


def _out_of_scope(rule: CompiledRule, chart: Chart, seen: tuple[OrderSeen, ...], order: str | None) -> str:
    """Why the rule has no subject in this record."""
    if order is not None and any(o.id == order and o.in_scope for o in seen):
        return f"order {order} is not judged by this rule: see how the orders count below"
    if chart.patient.orders is None:
        return "no list of medicines is recorded, so no order could be judged"
    if not seen:
        return "the list of medicines is empty"
    if rule.subject == "stopped":
        return "no order of its ingredients has ended"
    if rule.subject == "pair":
        return "no two different current orders, one of each side, that overlap in time"
    current = [o for o in seen if o.in_scope and o.counts == "current"]
    if rule.subject == "allergy" and current:
        return "no recorded allergy to what is taken"
    return "no current order of its ingredients"
