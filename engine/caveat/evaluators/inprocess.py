"""The default evaluator: compiled closures, chosen by the ingredients that are present.

What a record costs follows its orders, not the number of rules: rules are found by ingredient,
interactions by pairs of ingredients. Statuses are computed at once; what a finding rests on is
traced by the reference evaluator when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from caveat.compile.program import CompiledRule, Program
from caveat.evaluators.closures import Closure, Closures
from caveat.evaluators.outcome import Outcome, status_of
from caveat.evaluators.reference import failed, judge_rule
from caveat.evaluators.subjects import PATIENT, Subject, subjects
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView, overlap
from caveat.findings.basis import NO_DETAILS, Basis, Explained, Missing, Unchecked
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

NAME = "inprocess"
LARGEST_PRODUCT = 50_000
"""Pairs of ingredients past which a rule is looked up by its first side alone."""


class TracedDetails:
    """Details traced when they are first asked for; the same for every asker."""

    __slots__ = ("_chart", "_details", "_rule", "_subject")

    def __init__(self, rule: CompiledRule, chart: Chart, subject: Subject) -> None:
        self._rule, self._chart, self._subject = rule, chart, subject
        self._details: Explained | None = None

    def _traced(self) -> Explained:
        if self._details is None:
            self._details = judge_rule(self._rule, self._chart, self._subject).outcome.details
        return self._details

    @property
    def because(self) -> tuple[Basis, ...]:
        """The facts that decided it."""
        return self._traced().because

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The facts that left it open."""
        return self._traced().missing

    @property
    def unchecked(self) -> tuple[Unchecked, ...]:
        """The exceptions that could not be judged."""
        return self._traced().unchecked

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The exceptions that hold."""
        return self._traced().exceptions


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One rule ready to run; `index` is its place in the program."""

    index: int
    rule: CompiledRule
    when: Closure
    unless: tuple[Closure, ...]
    first: frozenset[str]
    second: frozenset[str]


class InprocessEvaluator:
    """Compiled once a program; holds no state of any record and may be shared between threads."""

    name = NAME

    def __init__(self, program: Program) -> None:
        self.program = program
        closures = Closures()
        self._orders: dict[str, list[Entry]] = {}
        self._stopped: dict[str, list[Entry]] = {}
        self._allergies: dict[str, list[Entry]] = {}
        self._patients: dict[str, list[Entry]] = {}
        self._everyone: list[Entry] = []
        self._pairs: dict[tuple[str, str], list[Entry]] = {}
        self._wide: dict[str, list[Entry]] = {}
        for index, rule in enumerate(program.rules):
            entry = Entry(
                index,
                rule,
                closures.node(rule.when),
                tuple(closures.node(exclusion.node) for exclusion in rule.unless),
                frozenset(rule.first),
                frozenset(rule.second),
            )
            self._place(entry)

    def _place(self, entry: Entry) -> None:
        rule = entry.rule
        if rule.subject == "pair":
            if len(rule.first) * len(rule.second) > LARGEST_PRODUCT:
                _index(self._wide, rule.first, entry)
                return
            for one in rule.first:
                for other in rule.second:
                    self._pairs.setdefault((one, other), []).append(entry)
        elif rule.subject == "patient":
            if rule.first:
                _index(self._patients, rule.first, entry)
            else:
                self._everyone.append(entry)
        else:
            tables = {"order": self._orders, "stopped": self._stopped, "allergy": self._allergies}
            _index(tables[rule.subject], rule.first, entry)

    def outcomes(self, chart: Chart) -> list[Outcome]:
        """Every outcome but "not met" and "out of scope", in the order of the rules and of the record."""
        found: list[tuple[int, Outcome]] = []
        for view in chart.current:
            for entry in _entries(self._orders, view):
                self._judge(entry, chart, view, None, Subject, found)
        for view in chart.ended:
            for entry in _entries(self._stopped, view):
                self._judge(entry, chart, view, None, Subject, found)
        if len(chart.current) > 1 and (self._pairs or self._wide):
            self._judge_pairs(chart, found)
        if self._allergies:
            self._judge_by_subjects(self._allergies, chart, found)
        if self._patients:
            self._judge_by_subjects(self._patients, chart, found)
        for entry in self._everyone:
            self._judge_subject(entry, chart, PATIENT, found)
        found.sort(key=lambda item: item[0])
        return [outcome for _, outcome in found]

    def _judge(
        self,
        entry: Entry,
        chart: Chart,
        view: OrderView,
        second: OrderView | None,
        make: type[Subject],
        found: list[tuple[int, Outcome]],
    ) -> None:
        """One order; the subject is made only when there is something to say."""
        try:
            truth = entry.when(chart, view, second, None)
            if truth == FALSE:
                return
            unless = [check(chart, view, second, None) for check in entry.unless]
        except Exception as error:
            found.append((entry.index, failed(entry.rule, make((view,)), error)))
            return
        _add(entry, chart, make((view,)), truth, unless, found)

    def _judge_subject(
        self, entry: Entry, chart: Chart, subject: Subject, found: list[tuple[int, Outcome]]
    ) -> None:
        first = subject.orders[0] if subject.orders else None
        second = subject.orders[1] if len(subject.orders) > 1 else None
        try:
            truth = entry.when(chart, first, second, subject.allergy)
            unless = [check(chart, first, second, subject.allergy) for check in entry.unless]
        except Exception as error:
            found.append((entry.index, failed(entry.rule, subject, error)))
            return
        if truth == TRUE and (subject.overlaps == UNKNOWN or not subject.listed):
            truth = UNKNOWN
        if truth != FALSE:
            _add(entry, chart, subject, truth, unless, found)

    def _judge_pairs(self, chart: Chart, found: list[tuple[int, Outcome]]) -> None:
        seen: set[tuple[int, int, int]] = set()
        current = chart.current
        pairs, wide = self._pairs, self._wide
        for i, one in enumerate(current):
            for j, other in enumerate(current):
                if i == j:
                    continue
                for a in one.ingredients:
                    for b in other.ingredients:
                        for entry in pairs.get((a, b), ()):
                            self._judge_pair(entry, chart, i, j, seen, found)
                    if wide:
                        for entry in wide.get(a, ()):
                            if not entry.second.isdisjoint(other.ingredients):
                                self._judge_pair(entry, chart, i, j, seen, found)

    def _judge_pair(
        self,
        entry: Entry,
        chart: Chart,
        i: int,
        j: int,
        seen: set[tuple[int, int, int]],
        found: list[tuple[int, Outcome]],
    ) -> None:
        if (entry.index, i, j) in seen or (entry.index, j, i) in seen:
            return
        one, other = chart.current[i], chart.current[j]
        together = overlap(one.order, other.order)
        if together == FALSE:
            return
        seen.add((entry.index, i, j))
        self._judge_subject(entry, chart, Subject((one, other), overlaps=together), found)

    def _judge_by_subjects(
        self, table: dict[str, list[Entry]], chart: Chart, found: list[tuple[int, Outcome]]
    ) -> None:
        chosen: dict[int, Entry] = {}
        for view in chart.current:
            for entry in _entries(table, view):
                chosen[entry.index] = entry
        for entry in chosen.values():
            for subject in subjects(entry.rule, chart):
                self._judge_subject(entry, chart, subject, found)


def _index(table: dict[str, list[Entry]], names: tuple[str, ...], entry: Entry) -> None:
    for name in names:
        table.setdefault(name, []).append(entry)


def _entries(table: dict[str, list[Entry]], view: OrderView) -> Iterator[Entry]:
    """The rules of an order's ingredients, each once."""
    names = view.ingredients
    if len(names) == 1:
        yield from table.get(names[0], ())
        return
    seen: set[int] = set()
    for name in names:
        for entry in table.get(name, ()):
            if entry.index not in seen:
                seen.add(entry.index)
                yield entry


def _add(
    entry: Entry,
    chart: Chart,
    subject: Subject,
    truth: Truth,
    unless: list[Truth],
    found: list[tuple[int, Outcome]],
) -> None:
    status = status_of(truth, unless)
    details = NO_DETAILS if status is Status.NOT_MET else TracedDetails(entry.rule, chart, subject)
    found.append((entry.index, Outcome(entry.rule, subject, status, details)))


_KEPT: dict[str, InprocessEvaluator] = {}
_LOCK = Lock()


def compiled(program: Program) -> InprocessEvaluator:
    """The evaluator of a program, compiled once; the last eight programs are kept by their digest."""
    found = _KEPT.get(program.digest)
    if found is None:
        found = InprocessEvaluator(program)
        with _LOCK:
            while len(_KEPT) >= 8:
                _KEPT.pop(next(iter(_KEPT)))
            _KEPT[program.digest] = found
    return found
