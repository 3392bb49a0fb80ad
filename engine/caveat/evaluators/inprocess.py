"""The default evaluator: compiled closures, chosen by the ingredients that are present.

What a record costs follows its orders, not the number of rules: rules are found by ingredient,
interactions by pairs of ingredients. Statuses are computed at once; what a finding rests on is
traced by the reference evaluator when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock

from caveat.compile.nodes import (
    All,
    AnyOf,
    AtLeast,
    ChoiceLeaf,
    ConditionLeaf,
    KnownLeaf,
    Leaf,
    Node,
    NumberLeaf,
    OrderIsLeaf,
)
from caveat.compile.program import CompiledRule, Program
from caveat.evaluators.closures import Closures, cost
from caveat.evaluators.closures_of_lists import touched
from caveat.evaluators.closures_of_numbers import Closure
from caveat.evaluators.outcome import Outcome, status_of
from caveat.evaluators.reference import failed, judge_rule
from caveat.evaluators.subjects import PATIENT, Subject, subjects
from caveat.facts.allergies import allergy_views
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView, overlap
from caveat.findings.basis import Basis, Explained, Missing, Unchecked
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

NAME = "inprocess"
NONE: tuple[Truth, ...] = ()
BARE = (Status.NOT_MET, Status.CANNOT_ASSESS, Status.FIRES)
"""The status of a rule without exceptions, by the truth of its condition."""
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


Candidate = tuple[Entry, Closure]


class Guarded:
    """The rules of one ingredient, grouped by a condition each of them needs.

    Rules that need a recorded disease are found by the value sets the record touches; others that
    share a guard (an age, a route, a known fact) are passed over together when it is FALSE, and are
    asked only for the rest of their condition when it is TRUE.
    """

    __slots__ = ("by_set", "guards", "needing_a_condition", "unguarded")

    def __init__(self) -> None:
        self.by_set: dict[str, list[Candidate]] = {}
        self.needing_a_condition: list[Candidate] = []
        self.guards: dict[Leaf, tuple[Closure, list[Candidate], list[Candidate]]] = {}
        self.unguarded: list[Candidate] = []

    def add(self, entry: Entry, closures: Closures) -> None:
        """Place a rule under its guard."""
        whole = (entry, entry.when)
        sets = needed_sets(entry.rule.when)
        if sets:
            self.needing_a_condition.append(whole)
            for name in sets:
                self.by_set.setdefault(name, []).append(whole)
            return
        guard = needed_leaf(entry.rule.when)
        if guard is None:
            self.unguarded.append(whole)
            return
        _, passed, doubtful = self.guards.setdefault(guard, (closures.node(guard), [], []))
        passed.append((entry, closures.rest(entry.rule.when, guard) or entry.when))
        doubtful.append(whole)

    def candidates(self, chart: Chart, view: OrderView) -> list[Candidate]:
        """Every rule that is not certain to be "not met", with what is left to ask; one may come twice."""
        found = self.unguarded.copy()
        for closure, passed, doubtful in self.guards.values():
            try:
                truth = closure(chart, view, None, None)
            except Exception:
                truth = UNKNOWN  # the rule itself will fail and say so
            if truth == TRUE:
                found += passed
            elif truth == UNKNOWN:
                found += doubtful
        sets = touched(chart)
        if sets is None:
            found += self.needing_a_condition
        else:
            by_set = self.by_set
            for name in sets:
                if name in by_set:
                    found += by_set[name]
        return found


def needed_sets(node: Node) -> frozenset[str]:
    """Value sets of which one must be recorded, or the node is FALSE; empty when none must."""
    if isinstance(node, ConditionLeaf) and not node.negated:
        return frozenset(node.sets)
    if isinstance(node, All):
        found = [sets for part in node.parts if (sets := needed_sets(part))]
        return min(found, key=len) if found else frozenset()
    if isinstance(node, (AnyOf, AtLeast)):
        parts = [needed_sets(part) for part in node.parts]
        return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset()


def needed_leaf(node: Node) -> Leaf | None:
    """The cheapest leaf that must not be FALSE for the node to be anything but FALSE."""
    if isinstance(node, All):
        found = [leaf for part in node.parts if (leaf := needed_leaf(part)) is not None]
        return min(found, key=cost, default=None)
    if isinstance(node, (KnownLeaf, ChoiceLeaf)):
        return node
    if isinstance(node, NumberLeaf):
        return node if node.fact == "age" else None
    if isinstance(node, OrderIsLeaf):
        return node if node.prop in ("route", "purpose") else None
    return None


class InprocessEvaluator:
    """Compiled once a program; holds no state of any record and may be shared between threads."""

    name = NAME

    def __init__(self, program: Program) -> None:
        self.program = program
        closures = Closures()
        self._orders: dict[str, Guarded] = {}
        self._stopped: dict[str, Guarded] = {}
        self._allergies: dict[str, list[Entry]] = {}
        self._patients: dict[str, list[Entry]] = {}
        self._everyone: list[Entry] = []
        self._pairs: dict[str, dict[str, list[Entry]]] = {}
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
            self._place(entry, closures)

    def _place(self, entry: Entry, closures: Closures) -> None:
        rule = entry.rule
        if rule.subject == "pair":
            if len(rule.first) * len(rule.second) > LARGEST_PRODUCT:
                _index(self._wide, rule.first, entry)
                return
            for one in rule.first:
                by_second = self._pairs.setdefault(one, {})
                for other in rule.second:
                    by_second.setdefault(other, []).append(entry)
        elif rule.subject == "patient":
            if rule.first:
                _index(self._patients, rule.first, entry)
            else:
                self._everyone.append(entry)
        elif rule.subject == "allergy":
            _index(self._allergies, rule.first, entry)
        else:
            table = self._orders if rule.subject == "order" else self._stopped
            for name in rule.first:
                table.setdefault(name, Guarded()).add(entry, closures)

    def outcomes(self, chart: Chart) -> list[Outcome]:
        """Every outcome but "not met" and "out of scope", in the order of the rules and of the record."""
        found: list[tuple[int, Outcome]] = []
        for table, views in ((self._orders, chart.current), (self._stopped, chart.ended)):
            for view in views:
                for name in view.ingredients:
                    if name in table:
                        self._judge_order(table, chart, view, found)
                        break
        if len(chart.current) > 1 and (self._pairs or self._wide):
            self._judge_pairs(chart, found)
        if self._allergies and (allergy_views(chart) != () or chart.patient.complete.allergies == "unknown"):
            self._judge_by_subjects(self._allergies, chart, found)
        if self._patients:
            for entry in _chosen(self._patients, chart):
                self._judge_subject(entry, chart, PATIENT, found)
        for entry in self._everyone:
            self._judge_subject(entry, chart, PATIENT, found)
        found.sort(key=itemgetter(0))
        return [outcome for _, outcome in found]

    def _judge_order(
        self, table: dict[str, Guarded], chart: Chart, view: OrderView, found: list[tuple[int, Outcome]]
    ) -> None:
        """The rules of an order's ingredients, each once."""
        subject: Subject | None = None
        seen: set[int] = set()
        for name in view.ingredients:
            group = table.get(name)
            if group is None:
                continue
            for entry, when in group.candidates(chart, view):
                index = entry.index
                if index in seen:
                    continue
                seen.add(index)
                try:
                    truth = when(chart, view, None, None)
                    if truth == FALSE:
                        continue
                    unless = (
                        [check(chart, view, None, None) for check in entry.unless] if entry.unless else NONE
                    )
                except Exception as error:
                    found.append((index, failed(entry.rule, Subject((view,)), error)))
                    continue
                if subject is None:
                    subject = Subject((view,))
                _add(entry, chart, subject, truth, unless, found)

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
            for a in one.ingredients:
                by_second, by_first = pairs.get(a), wide.get(a, ())
                if by_second is None and not by_first:
                    continue
                for j, other in enumerate(current):
                    if i == j:
                        continue
                    for b in other.ingredients:
                        for entry in by_second.get(b, ()) if by_second else ():
                            self._judge_pair(entry, chart, i, j, seen, found)
                    for entry in by_first:
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
        if (entry.index, i, j) in seen:
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
        for entry in _chosen(table, chart):
            for subject in subjects(entry.rule, chart):
                self._judge_subject(entry, chart, subject, found)


def _chosen(table: dict[str, list[Entry]], chart: Chart) -> Iterable[Entry]:
    """The rules of any current order's ingredients, each once."""
    chosen: dict[int, Entry] = {}
    for view in chart.current:
        for name in view.ingredients:
            for entry in table.get(name, ()):
                chosen[entry.index] = entry
    return chosen.values()


def _index(table: dict[str, list[Entry]], names: tuple[str, ...], entry: Entry) -> None:
    for name in names:
        table.setdefault(name, []).append(entry)


def _add(
    entry: Entry,
    chart: Chart,
    subject: Subject,
    truth: Truth,
    unless: Sequence[Truth],
    found: list[tuple[int, Outcome]],
) -> None:
    """Note the outcome of a condition that is not FALSE."""
    status = status_of(truth, unless) if unless else BARE[truth]
    rule = entry.rule
    found.append((entry.index, Outcome(rule, subject, status, TracedDetails(rule, chart, subject))))


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
