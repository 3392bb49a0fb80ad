"""What a report says about the orders being judged; the rest is context, counted and never lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from caveat.compile.nodes import CountLeaf, ExposureLeaf, SumLeaf
from caveat.compile.ruleset import Ruleset
from caveat.facts.identify import identify_all
from caveat.facts.patient import Patient
from caveat.findings.report import UNSETTLED, Finding, Report
from caveat.findings.severity import Status


@dataclass(frozen=True, slots=True)
class Focused:
    """A report of what concerns the judged orders.

    `left_out` are alerts, open questions and suppressed findings about other orders alone; whether
    the patient is clear is told by the whole report, not by this one.
    """

    report: Report
    left_out: tuple[Finding, ...] = ()


def ingredients_of(patient: Patient, rules: Ruleset, orders: Collection[str]) -> frozenset[str]:
    """The ingredients recognised in these orders of the patient."""
    chosen = [order for order in patient.orders or () if order.id in orders]
    views = identify_all(chosen, rules.terminology, 1, "active")
    return frozenset(name for view in views for name in view.ingredients)


def focus(report: Report, orders: frozenset[str], ingredients: frozenset[str]) -> Focused:
    """The report of the judged `orders`, whose recognised `ingredients` may add to burdens and counts.

    Kept is a finding whose subject includes a judged order (a pair by either side, an allergy by its
    order), or whose rule counts or sums over an ingredient of one; one on the patient when its rule
    is about such an ingredient or about every patient; a rule that failed; and what supersedes a
    finding that is kept. Names not recognised, errors and notes all stay: an unrecognised medicine
    among the context leaves its interactions with the judged orders open.
    """
    kept = [finding for finding in report.findings if _concerns(finding, orders, ingredients)]
    kept += _superseding(kept, report.findings)
    ids = {id(finding) for finding in kept}
    rest = tuple(f for f in report.findings if id(f) not in ids and f.status in UNSETTLED)
    whole = tuple(f for f in report.findings if id(f) in ids)
    uncovered = tuple(name for name in report.uncovered if name in ingredients)
    return Focused(replace(report, findings=whole, uncovered=uncovered), rest)


def _concerns(finding: Finding, orders: frozenset[str], ingredients: frozenset[str]) -> bool:
    if not orders.isdisjoint(finding.orders) or finding.status is Status.ERROR:
        return True
    rule: Any = finding.rule
    first = getattr(rule, "first", ())
    if not finding.orders and (not first or not ingredients.isdisjoint((*first, *rule.second))):
        return True
    return any(not ingredients.isdisjoint(names) for names in _counted(rule))


def _counted(rule: Any) -> Iterable[Iterable[str]]:
    """The ingredients over which a rule counts, sums or looks back."""
    leaves = getattr(rule, "leaves", None)
    for leaf in leaves() if leaves is not None else ():
        if isinstance(leaf, (CountLeaf, ExposureLeaf)):
            yield leaf.ingredients
        elif isinstance(leaf, SumLeaf):
            yield (name for name, _ in leaf.weights)


def _superseding(kept: list[Finding], findings: Iterable[Finding]) -> list[Finding]:
    """The findings that suppress a kept one and are about other orders alone: one of the two is shown."""
    there = {id(finding) for finding in kept}
    found: list[Finding] = []
    waiting = [finding for finding in kept if finding.suppressed_by is not None]
    while waiting:
        loser = waiting.pop()
        for other in findings:
            if id(other) in there or other.rule.id != loser.suppressed_by:
                continue
            ids, others = set(other.orders), set(loser.orders)
            if other.status is Status.FIRES and (ids <= others or others <= ids):
                there.add(id(other))
                found.append(other)
                if other.suppressed_by is not None:
                    waiting.append(other)
    return found
