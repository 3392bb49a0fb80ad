"""A second opinion on single records: the verdicts of a durable-rules network.

Leaves are judged by our own kernel; what becomes of them, through conditions, exceptions and the
table of statuses, is worked out by rules of durable-rules in a process of their own. When that
process fails, the reference evaluator's outcomes are given together with an `error` outcome that
says so: a failure is never taken for agreement.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from caveat.compile.nodes import Always, Leaf
from caveat.compile.program import CompiledRule, Program, Texts
from caveat.errors import CaveatError
from caveat.evaluators.concluding import Traced
from caveat.evaluators.durable_network import WHOLE, Network, atoms_of, build, conclusion
from caveat.evaluators.durable_process import Answer, Job, WorkerFailure, WorkerProcess
from caveat.evaluators.leaves import judge
from caveat.evaluators.outcome import Outcome, status_of
from caveat.evaluators.reference import judge_rule
from caveat.evaluators.subjects import PATIENT, Subject, subjects
from caveat.facts.chart import Chart
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

NAME: Final = "durable"
MOST_KEPT: Final = 16
"""Programs whose networks are kept."""

FAILURE: Final = CompiledRule(
    id="evaluator.durable",
    kind="monitoring",
    severity="major",
    status="active",
    title="The durable evaluator failed, so its opinion is missing",
    covers=(),
    subject="patient",
    first=(),
    second=(),
    when=Always(),
    unless=(),
    supersedes=(),
    texts=Texts(
        "The durable evaluator failed",
        "What it would have said of this record is not known.",
        "Use the findings of another evaluator, and report the failure.",
    ),
    evidence=(),
)
"""Stands for the evaluator itself in the outcome that reports its failure."""


@dataclass(slots=True)
class _Question:
    """What one chart asks of the network: each rule and subject, and the sessions they share."""

    chart: Chart
    asked: list[tuple[int, Subject, int | Exception]] = field(default_factory=list)
    sessions: dict[tuple[int, Subject], int] = field(default_factory=dict)
    atoms: list[tuple[int, set[str]]] = field(default_factory=list)
    judged: dict[tuple[int, Subject], Truth | Exception] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        """One job a session."""
        return [(ruleset, sorted(atoms)) for ruleset, atoms in self.atoms]


class DurableEvaluator:
    """Gives each rule and subject the status that durable-rules concludes; safe to share between threads."""

    name = NAME

    def __init__(self, program: Program, worker: WorkerProcess) -> None:
        self.program = program
        self.network: Network = build(program)
        self._worker = worker

    @classmethod
    def of(cls, program: Program) -> DurableEvaluator:
        """The evaluator of a program, built once.

        Raises CaveatError where durable-rules is not installed and CompileError naming each rule
        that it cannot run.
        """
        require_installed()
        return _SHARED.evaluator(program)

    def outcomes(self, chart: Chart) -> list[Outcome]:
        """Every outcome but "out of scope", in the order of the rules and of the record.

        A failure of durable-rules adds an outcome of status `error` for the rule
        `evaluator.durable`; the others are then the reference evaluator's where it gave none.
        """
        return self.outcomes_of([chart])[0]

    def outcomes_of(self, charts: Iterable[Chart]) -> list[list[Outcome]]:
        """The outcomes of each chart, with one request for all of them."""
        questions = [self._question(chart) for chart in charts]
        jobs = [job for question in questions for job in question.jobs()]
        try:
            answers = self._ask(jobs)
        except WorkerFailure as failure:
            if len(questions) > 1:
                # one by one, so that only the charts that bring the worker down are without an opinion
                return [self.outcomes_of([question.chart])[0] for question in questions]
            return [self._conclude(question, [str(failure)] * len(jobs)) for question in questions]
        found = []
        for question in questions:
            own, answers = answers[: len(question.atoms)], answers[len(question.atoms) :]
            found.append(self._conclude(question, own))
        return found

    def _ask(self, jobs: list[Job]) -> Sequence[Answer]:
        if not jobs:
            return []
        return self._worker.judge(
            self.program.digest, lambda: [ruleset.definition() for ruleset in self.network.rulesets], jobs
        )

    def _question(self, chart: Chart) -> _Question:
        question = _Question(chart)
        for index, rule in enumerate(self.program.rules):
            for subject in subjects(rule, chart):
                question.asked.append((index, subject, self._session(question, index, subject)))
        return question

    def _session(self, question: _Question, index: int, subject: Subject) -> int | Exception:
        """The number of the session that judges a rule for a subject, or why a leaf of it failed."""
        ruling = self.network.rulings[index]
        found: list[str] = []
        for number in ruling.leaves:
            truth = self._truth(question, number, subject)
            if isinstance(truth, Exception):
                return truth
            found.extend(atoms_of(number, truth))
        if subject.listed and subject.overlaps == TRUE:
            found.append(WHOLE)
        key = (ruling.ruleset, subject)
        place = question.sessions.get(key)
        if place is None:
            place = question.sessions[key] = len(question.atoms)
            question.atoms.append((ruling.ruleset, set()))
        question.atoms[place][1].update(self.network.rulesets[ruling.ruleset].atoms.intersection(found))
        return place

    def _truth(self, question: _Question, number: int, subject: Subject) -> Truth | Exception:
        key = (number, subject)
        if key not in question.judged:
            question.judged[key] = _judge(self.network.leaves[number], question.chart, subject)
        return question.judged[key]

    def _conclude(self, question: _Question, answers: Sequence[Answer]) -> list[Outcome]:
        found: list[Outcome] = []
        failures: dict[str, None] = {}
        drawn = [answer if isinstance(answer, str) else frozenset(answer) for answer in answers]
        for index, subject, place in question.asked:
            rule = self.program.rules[index]
            if isinstance(place, Exception):
                found.append(judge_rule(rule, question.chart, subject).outcome)
                continue
            conclusions = drawn[place]
            status = conclusions if isinstance(conclusions, str) else _status(rule, index, conclusions)
            if isinstance(status, Status):
                if status is Status.NOT_MET:
                    found.append(Outcome(rule, subject, status))
                else:
                    found.append(Traced(rule, subject, status, question.chart))
            else:
                failures.setdefault(status)
                found.append(judge_rule(rule, question.chart, subject).outcome)
        if failures:
            why = f"{'; '.join(failures)}. These outcomes are the reference evaluator's"
            found.append(Outcome(FAILURE, PATIENT, Status.ERROR, error=f"durable: {why}"[:400]))
        return found


def _judge(leaf: Leaf, chart: Chart, subject: Subject) -> Truth | Exception:
    try:
        return judge(leaf, chart, subject).truth
    except Exception as error:
        return error


def _status(rule: CompiledRule, index: int, drawn: frozenset[str]) -> Status | str:
    """The status that the conclusions give; text when they contradict each other."""
    truths: list[Truth] = []
    for part in range(1 + len(rule.unless)):
        surely = conclusion(index, part, surely=True) in drawn
        possibly = conclusion(index, part, surely=False) in drawn
        if surely and not possibly:
            return f"its network calls {rule.id} true and not possible"
        truths.append(TRUE if surely else UNKNOWN if possibly else FALSE)
    return status_of(truths[0], truths[1:])


def require_installed() -> None:
    """Raises CaveatError, saying how to mend it, where durable-rules cannot be used."""
    if sys.version_info >= (3, 13):
        raise CaveatError(
            "the durable evaluator needs Python 3.12 or 3.11: durable-rules does not run on "
            f"{sys.version_info[0]}.{sys.version_info[1]}. Use the inprocess or reference evaluator here"
        )
    if importlib.util.find_spec("durable_rules_engine") is None:
        raise CaveatError(
            "the durable evaluator is not installed. Run: pip install 'caveat[durable]' "
            "(Python below 3.13, with a C compiler), or use the inprocess or reference evaluator"
        )


class _Shared:
    """The networks of the last programs and the worker that runs them, one lock over both."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: OrderedDict[str, DurableEvaluator] = OrderedDict()
        self.worker = WorkerProcess()

    def evaluator(self, program: Program) -> DurableEvaluator:
        with self.lock:
            found = self.kept.get(program.digest)
            if found is None:
                found = DurableEvaluator(program, self.worker)
            self.kept[program.digest] = found
            self.kept.move_to_end(program.digest)
            while len(self.kept) > MOST_KEPT:
                self.kept.popitem(last=False)
            return found


_SHARED = _Shared()
if hasattr(os, "register_at_fork"):
    # another thread of the parent may hold the lock at that moment
    os.register_at_fork(after_in_child=lambda: setattr(_SHARED, "lock", threading.Lock()))
