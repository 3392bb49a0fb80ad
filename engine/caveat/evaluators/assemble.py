"""Outcomes to a report: superseding, what was not recognised, errors and notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from caveat.compile.program import CompiledRule, Texts
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.texts import fill, sums_of
from caveat.evaluators.totals import medicine
from caveat.facts import quick
from caveat.facts.allergies import allergy_views
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.numbers import OLDEST, number
from caveat.facts.problems_list import views
from caveat.findings.basis import Details, Medicine, Missing, merge_medicines
from caveat.findings.report import UNSETTLED, Finding, RecordError, RecordNote, Report, Unrecognised
from caveat.findings.severity import Status

LONG_LIFE = OLDEST * 365
"""Days of life past which a birth date is looked at even where no rule asks the age: it may be unlikely."""
RECENT = 30
"""Days after its end within which an unrecognised order is still reported as such."""


_NOT_MET, _ERROR, _UNSETTLED = Status.NOT_MET, Status.ERROR, tuple(UNSETTLED)


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
    """The report of one patient; what the site changed about the rules is among its notes."""
    patient = chart.patient
    found: list[Outcome] = []
    settled, failed = patient.orders is not None, False
    for outcome in outcomes:
        status = outcome.status
        if status is not _NOT_MET:
            found.append(outcome)
            failed = failed or status is _ERROR
            settled = settled and status not in _UNSETTLED
    unrecognised = _unrecognised(chart)
    quick.entries(chart)
    if patient.birth_date is not None and not 0 <= chart.as_of - patient.birth_date.first <= LONG_LIFE:
        number(chart, "age", "a")
    _gathered(chart, rules)
    errors = [RecordError(p.code, p.message, p.path, p.value) for p in chart.problems]
    if failed:
        errors += [_failure(o) for o in once_a_pair(found) if o.status is Status.ERROR]
    return Report.of(
        lambda: findings(found, chart, rules),
        settled=settled,
        patient=patient.id,
        as_of=chart.day,
        version=rules.version,
        digest=rules.digest,
        rules_checked=len(rules.program.rules),
        unrecognised=unrecognised,
        errors=tuple(errors),
        notes=tuple([RecordNote(n.code, n.message, n.path, n.count) for n in chart.notes]) + rules.notes,
        evaluator=evaluator,
        uncovered=uncovered(chart, rules),
    )


def findings(outcomes: list[Outcome], chart: Chart, rules: Ruleset) -> tuple[Finding, ...]:
    """What was judged as a report holds it: each pair once, with what supersedes it."""
    kept = once_a_pair(outcomes)
    suppressed = superseded(kept) if len(kept) > 1 else {}
    found = [_finding(o, chart, rules, suppressed.get(index)) for index, o in enumerate(kept)]
    if chart.patient.orders is None:
        found.append(_no_orders(rules))
    return tuple(found)


def _failure(outcome: Outcome) -> RecordError:
    why = f"rule {outcome.rule.id} failed and was not judged: {outcome.error}"
    return RecordError("rule-failed", why, rule=outcome.rule.id)


def _no_orders(rules: Ruleset) -> Finding:
    """That no list of medicines is recorded, which leaves every rule on medicines open."""
    return Finding(
        NO_ORDERS,
        Status.CANNOT_ASSESS,
        (),
        (),
        (),
        Details(missing=(Missing("orders", "no list of medicines is recorded"),)),
        tier=rules.tier(NO_ORDERS.id, "major", open=True),
    )


def uncovered(chart: Chart, rules: Ruleset) -> tuple[str, ...]:
    """Ingredients of current orders that no rule is about, in the order of the record."""
    covered = rules.covered
    return tuple([name for name in chart.places if name not in covered])


def once_a_pair(outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes without the second of two that say the same of the same two orders the other way round."""
    if [outcome.rule.subject for outcome in outcomes].count("pair") < 2:
        return outcomes
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
    winners = [(i, o) for i, o in firing if o.rule.supersedes]
    if not winners or len(firing) < 2:
        return found
    by_rule: dict[str, list[tuple[int, Outcome]]] = {}
    for index, outcome in firing:
        by_rule.setdefault(outcome.rule.id, []).append((index, outcome))
    for place, winner in winners:
        for name in winner.rule.supersedes:
            if name not in by_rule or found.get(place) == name:
                continue
            for index, loser in by_rule[name]:
                if index != place and _covers(winner, loser):
                    found.setdefault(index, winner.rule.id)
    return found


def _covers(winner: Outcome, loser: Outcome) -> bool:
    """Whether two outcomes are on the same orders (one's among the other's) and allergy."""
    if winner.subject.allergy_ids not in ((), loser.subject.allergy_ids):
        return False
    ids, others = set(winner.subject.order_ids), set(loser.subject.order_ids)
    return ids <= others or others <= ids


def _finding(outcome: Outcome, chart: Chart, rules: Ruleset, suppressed_by: str | None) -> Finding:
    subject, rule, status = outcome.subject, outcome.rule, outcome.status
    orders = subject.orders
    alone = len(orders) == 1 and len(orders[0].ingredients) == 1
    return Finding(
        rule,
        status,
        subject.order_ids,
        subject.allergy_ids,
        orders[0].ingredients if alone else _drugs(rule.first, rule.second, orders),
        outcome.explained,
        suppressed_by,
        outcome.error,
        rules.tier(rule.id, rule.severity, open=status is Status.CANNOT_ASSESS),
        lambda template: fill(template, chart, subject, rule.limits, rule.scopes, rule.when),
        None if orders or rule.subject != "patient" else lambda told: _medicines(told, rule, chart),
    )


def _medicines(told: tuple[Medicine, ...], rule: CompiledRule, chart: Chart) -> tuple[Medicine, ...]:
    """The medicines that a finding on the patient rests on, from those that its facts are `told` of.

    To these come what was added to the same sum though nothing is known of it, and the orders in the scope
    of the rule where none of them is among the others.
    """
    found, known = list(told), {one.order for one in told}
    for leaf in sums_of(rule.when):
        members = frozenset(name for name, weight in leaf.weights if weight.low)
        # which orders a `where` leaves out is told by the facts alone
        if leaf.where is None and not known.isdisjoint(v.order.id for v in _within(members, chart)):
            found += [medicine(view, members) for view in _within(members, chart) if view in chart.counted]
    scope = _within(frozenset(rule.first), chart)
    if known.isdisjoint(view.order.id for view in scope):
        # an order and its being carried out are one medicine
        counted = [view for view in scope if view in chart.counted]
        found += [medicine(view, rule.first) for view in counted or scope]
    return merge_medicines(found)


def _within(names: frozenset[str], chart: Chart) -> list[OrderView]:
    return [view for view in chart.current if not names.isdisjoint(view.ingredients)]


def _drugs(first: tuple[str, ...], second: tuple[str, ...], orders: tuple[OrderView, ...]) -> tuple[str, ...]:
    """The ingredients the finding is about: those in the rule's scope, else all of the order."""
    found: dict[str, None] = {}
    for index, view in enumerate(orders):
        ingredients = view.ingredients
        if len(ingredients) > 1:
            scope = second if index else first
            ingredients = tuple([name for name in ingredients if name in scope]) or ingredients
        for name in ingredients:
            found[name] = None
    return tuple(found)


def _gathered(chart: Chart, rules: Ruleset) -> None:
    """A problem for each current order whose words name medicines that a rule judges only as two orders."""
    for view in chart.doubtful:
        if not (view.current and view.resolution.gathered):
            continue
        names = paired(view.ingredients, rules)
        if names:
            chart.problem(
                "several-medicines",
                f"order {view.order.id} names {', '.join(names)}, which are not judged against each other; "
                "write each as an order of its own",
                view.order.source or "",
                view.name,
            )


def paired(ingredients: tuple[str, ...], rules: Ruleset) -> tuple[str, ...]:
    """Those of the ingredients that some rule judges as two orders; none where no rule does."""
    names = set(ingredients)
    for rule in rules.program.rules:
        if rule.subject == "pair" and rule.first and rule.second:
            one, other = names.intersection(rule.first), names.intersection(rule.second)
            if one and other and len(one | other) > 1:
                return tuple(sorted(one | other))
    return ()


def _unrecognised(chart: Chart) -> tuple[Unrecognised, ...]:
    found: list[Unrecognised] = []
    for view in chart.doubtful:
        understood = view.recognised
        if understood.unrecognised and _matters(view, chart):
            found.append(_unknown_order(view))
        if understood.conflict and (view.current or view.ended):
            chart.note(
                "codes-disagree",
                f"order {view.order.id}: {understood.conflict}",
                view.order.source or "",
            )
    if chart.patient.allergies:
        found += _unknown_allergies(chart)
    if chart.patient.conditions:
        names = [view.name for view in views(chart) or () if not view.recognised and not view.sets]
        found += [Unrecognised(name, (), "condition") for name in dict.fromkeys(names)]
    return tuple(found)


def _unknown_allergies(chart: Chart) -> list[Unrecognised]:
    return [
        Unrecognised(allergy.name, resolution.candidates, "allergy", allergy.id, resolution.ingredients)
        for allergy in allergy_views(chart) or ()
        if (resolution := allergy.resolution) is not None and resolution.unrecognised
    ]


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
    close = () if view.is_unstated else resolution.candidates
    return Unrecognised(view.name, close, "medication", view.order.id, resolution.ingredients)
