"""From the truth of a condition to an outcome whose details are traced when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from caveat.compile.program import CompiledRule
from caveat.evaluators.outcome import BARE, EXCEPTED, Outcome
from caveat.evaluators.reference import judge_rule
from caveat.evaluators.sheets import Entry
from caveat.evaluators.subjects import Subject
from caveat.facts.chart import Chart
from caveat.findings.basis import Explained
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

Found = list[tuple[int, Outcome]]
"""Outcomes with the place of their rule in the program."""


class Traced(Outcome):
    """An outcome whose details are traced when they are first asked for; the same for every asker."""

    __slots__ = ("_chart", "_found")
    _found: Explained | None

    def __init__(self, rule: CompiledRule, subject: Subject, status: Status, chart: Chart) -> None:
        self.rule, self.subject, self.status, self.error = rule, subject, status, None
        self._chart, self._found = chart, None

    @property
    def explained(self) -> Explained:
        """The outcome itself, whose parts are traced when one is asked for."""
        return self

    @property
    def details(self) -> Explained:  # type: ignore[override]
        """What the outcome rests on, as the reference evaluator finds it."""
        found = self._found
        if found is None:
            self._found = found = judge_rule(self.rule, self._chart, self.subject).outcome.details
        return found


def judge_subject(entry: Entry, chart: Chart, subject: Subject, found: Found) -> None:
    """Note the outcome of a rule for one subject, unless it does not hold."""
    truth: Truth = TRUE
    if not entry.always:
        orders = subject.orders
        first = orders[0] if orders else None
        second = orders[1] if len(orders) > 1 else None
        try:
            truth = entry.when(chart, first, second, subject.allergy)
        except Exception:
            by_reference((entry,), chart, subject, found)
            return
    if truth == TRUE and (subject.overlaps == UNKNOWN or not subject.listed):
        truth = UNKNOWN
    if truth != FALSE:
        conclude(entry, chart, subject, truth, found)


def conclude(entry: Entry, chart: Chart, subject: Subject, truth: Truth, found: Found) -> None:
    """Note the outcome of a condition that is not FALSE."""
    status = BARE[truth]
    if entry.unless:
        orders = subject.orders
        first = orders[0] if orders else None
        second = orders[1] if len(orders) > 1 else None
        allergy = subject.allergy
        try:
            for check in entry.unless:
                if check(chart, first, second, allergy) == TRUE:
                    status = EXCEPTED  # and what another one raises changes nothing
                    break
        except Exception:
            by_reference((entry,), chart, subject, found)
            return
    found.append((entry.index, Traced(entry.rule, subject, status, chart)))


def by_reference(entries: Iterable[Entry], chart: Chart, subject: Subject, found: Found) -> None:
    """The rules as the reference evaluator judges them, where something of them raised."""
    for entry in entries:
        outcome = judge_rule(entry.rule, chart, subject).outcome
        if outcome.status is not Status.NOT_MET:
            found.append((entry.index, outcome))
