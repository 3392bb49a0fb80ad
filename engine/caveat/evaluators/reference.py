"""The evaluator that gives rules their meaning: a plain walk of the tree, nothing skipped.

It is kept obviously right and is never made faster. Every other evaluator agrees with it, and
`explain` prints its trace.
"""

from __future__ import annotations

from dataclasses import dataclass

from caveat.compile.nodes import All, AnyOf, AtLeast, Leaf, Node
from caveat.compile.program import CompiledRule, Program
from caveat.evaluators.leaves import judge
from caveat.evaluators.outcome import Outcome, status_of
from caveat.evaluators.subjects import Subject, subjects
from caveat.facts.chart import Chart
from caveat.findings.basis import Basis, Details, Missing, Unchecked, merge_basis, merge_missing
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, all_of, any_of, at_least

NAME = "reference"
OVERLAP = (Missing("overlap", "the dates of the two orders do not say whether they overlap"),)
NO_ALLERGY_LIST = (Missing("allergies", "no allergy list is recorded"),)


@dataclass(frozen=True, slots=True)
class Trace:
    """One node with its truth, and the traces of its parts. A leaf that raised is UNKNOWN, by `failure`."""

    node: Node
    truth: Truth
    parts: tuple[Trace, ...] = ()
    basis: tuple[Basis, ...] = ()
    missing: tuple[Missing, ...] = ()
    failure: Exception | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule judged for one subject with everything that led there."""

    outcome: Outcome
    when: Trace | None = None
    unless: tuple[Trace, ...] = ()
    overlaps: Truth = TRUE


def trace(node: Node, chart: Chart, subject: Subject, *, note_failures: bool = False) -> Trace:
    """The truth of a node and of everything below it; nothing is cut short.

    Raises what a leaf raises, unless failures are noted in the trace.
    """
    if isinstance(node, (All, AnyOf, AtLeast)):
        parts = tuple(trace(part, chart, subject, note_failures=note_failures) for part in node.parts)
        truths = [part.truth for part in parts]
        if isinstance(node, All):
            truth = all_of(truths)
        elif isinstance(node, AnyOf):
            truth = any_of(truths)
        else:
            truth = at_least(node.count, truths, node.each)
        return Trace(node, truth, parts)
    try:
        return _leaf(node, chart, subject)
    except Exception as failure:
        if not note_failures:
            raise
        return Trace(node, UNKNOWN, missing=(Missing("error", _why(failure)),), failure=failure)


def _leaf(leaf: Leaf, chart: Chart, subject: Subject) -> Trace:
    answer = judge(leaf, chart, subject)
    return Trace(leaf, answer.truth, (), answer.basis, answer.missing)


def deciding(found: Trace) -> tuple[Basis, ...]:
    """The facts of the leaves that make a TRUE node TRUE, or that an UNKNOWN one already has."""
    if not found.parts:
        return found.basis
    chosen = [part for part in found.parts if part.truth != FALSE]
    if found.truth == TRUE:
        chosen = [part for part in found.parts if part.truth == TRUE]
    return merge_basis([deciding(part) for part in chosen])


def lacking(found: Trace) -> tuple[Missing, ...]:
    """The missing facts of the UNKNOWN leaves that leave an UNKNOWN node open."""
    if found.truth != UNKNOWN:
        return ()
    if not found.parts:
        return found.missing
    return merge_missing([lacking(part) for part in found.parts if part.truth == UNKNOWN])


def failure_of(found: Trace) -> Exception | None:
    """The first failure that leaves an UNKNOWN node open; None where the truth is the same without it."""
    if found.truth != UNKNOWN:
        return None
    failures = [found.failure, *(failure_of(part) for part in found.parts)]
    return next((failure for failure in failures if failure is not None), None)


def judge_rule(rule: CompiledRule, chart: Chart, subject: Subject) -> Judgement:
    """The rule judged for a subject, with its trace; a failure becomes an error, never silence.

    A part that raises is an error of the rule unless the verdict is the same whatever the part is: a
    condition that is FALSE without it, an exception beside one that is TRUE.
    """
    when = trace(rule.when, chart, subject, note_failures=True)
    unless = tuple(trace(exclusion.node, chart, subject, note_failures=True) for exclusion in rule.unless)
    failure = failure_of(when)
    if failure is None and when.truth != FALSE and not any(part.truth == TRUE for part in unless):
        failure = next((found for part in unless if (found := failure_of(part)) is not None), None)
    if failure is not None:
        return Judgement(failed(rule, subject, failure))
    truth, missing = when.truth, lacking(when)
    if not subject.listed:
        truth = min(truth, UNKNOWN)
        missing = merge_missing([NO_ALLERGY_LIST, missing]) if truth == UNKNOWN else ()
    if subject.overlaps == UNKNOWN:
        truth = min(truth, UNKNOWN)
        missing = merge_missing([OVERLAP, missing]) if truth == UNKNOWN else ()
    status = status_of(truth, [part.truth for part in unless])
    exceptions = tuple(e.id for e, t in zip(rule.unless, unless, strict=True) if t.truth == TRUE)
    unchecked = tuple(
        Unchecked(e.id, e.because, lacking(t))
        for e, t in zip(rule.unless, unless, strict=True)
        if t.truth == UNKNOWN
    )
    outcome = Outcome(
        rule,
        subject,
        status,
        Details(
            deciding(when) if status is not Status.NOT_MET else (),
            missing if status is Status.CANNOT_ASSESS else (),
            unchecked if status in (Status.FIRES, Status.CANNOT_ASSESS) else (),
            exceptions if status is Status.EXCEPTED else (),
        ),
    )
    return Judgement(outcome, when, unless, subject.overlaps)


def failed(rule: CompiledRule, subject: Subject, error: Exception) -> Outcome:
    """The outcome of a rule that raised."""
    return Outcome(rule, subject, Status.ERROR, error=_why(error))


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


@dataclass(frozen=True, slots=True)
class ReferenceEvaluator:
    """Judges every rule for every subject."""

    program: Program
    name: str = NAME

    def outcomes(self, chart: Chart) -> list[Outcome]:
        """Every outcome but "out of scope", in the order of the rules and of the record."""
        return [
            judge_rule(rule, chart, subject).outcome
            for rule in self.program.rules
            for subject in subjects(rule, chart)
        ]
