"""One patient against a ruleset."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from caveat.compile.program import Program
from caveat.compile.ruleset import Ruleset
from caveat.dates import parse_when
from caveat.errors import CaveatError, DateError
from caveat.evaluators.assemble import assemble
from caveat.evaluators.outcome import Outcome
from caveat.facts.chart import Chart
from caveat.facts.identify import Selection
from caveat.facts.patient import Patient
from caveat.findings.report import RecordError, Report

EVALUATORS = ("inprocess", "reference", "durable")


class Evaluator(Protocol):
    """Judges a program on a chart."""

    @property
    def name(self) -> str: ...

    def outcomes(self, chart: Chart) -> list[Outcome]: ...


def build(name: str, program: Program) -> Evaluator:
    """The evaluator of that name for a program; CaveatError when there is none or it is not installed."""
    if name == "reference":
        from caveat.evaluators.reference import ReferenceEvaluator

        return ReferenceEvaluator(program)
    if name == "inprocess":
        from caveat.evaluators.inprocess import compiled

        return compiled(program)
    if name == "durable":
        from caveat.evaluators.durable import DurableEvaluator

        return DurableEvaluator.of(program)
    raise CaveatError(f"no evaluator is called {name!r}. One of: {', '.join(EVALUATORS)}")


def ordinal(as_of: str | dt.date | int) -> int:
    """The day as an ordinal. Raises DateError for anything but one whole day."""
    if isinstance(as_of, int):
        return as_of
    if isinstance(as_of, dt.date):
        return as_of.toordinal()
    found = parse_when(as_of)
    if not found.is_exact:
        raise DateError(f"as_of needs a whole day such as 2026-01-15, not {as_of}")
    return found.first


def screen(
    patient: Patient,
    rules: Ruleset,
    *,
    as_of: str | dt.date,
    evaluator: str | Evaluator = "inprocess",
    second_opinion: str | Evaluator | None = None,
    selection: Selection = "active",
) -> Report:
    """Everything the rules conclude about a patient on the day `as_of`.

    Missing and stale data give `cannot_assess`, unknown names `unrecognised`, failing rules and
    impossible values `errors`; `is_clear` holds only without any of them. A second opinion runs
    another evaluator and reports each difference as an error. Raises DateError for a bad `as_of`
    and CaveatError for an evaluator that does not exist; a record never raises: when the check
    itself fails, the report says so in `errors`.
    """
    day = ordinal(as_of)
    first = build(evaluator, rules.program) if isinstance(evaluator, str) else evaluator
    second = build(second_opinion, rules.program) if isinstance(second_opinion, str) else second_opinion
    try:
        chart = Chart(patient, rules.terminology, as_of=day, selection=selection)
        outcomes = first.outcomes(chart)
        report = assemble(chart, outcomes, rules, first.name)
        if second is None:
            return report
        again = Chart(patient, rules.terminology, as_of=day, selection=selection)
        return _compared(report, outcomes, second, again)
    except Exception as error:
        return _failed(patient, rules, day, first.name, error)


def _failed(patient: Patient, rules: Ruleset, day: int, name: str, error: Exception) -> Report:
    """The report of a check that failed: never clear, and saying so."""
    why = f"interaction check failed, review manually: {type(error).__name__}: {error}"[:300]
    return Report(
        patient=patient.id,
        as_of=dt.date.fromordinal(day).isoformat(),
        version=rules.version,
        digest=rules.digest,
        findings=(),
        rules_checked=0,
        errors=(RecordError("check-failed", why),),
        evaluator=name,
    )


def _compared(report: Report, outcomes: list[Outcome], second: Evaluator, chart: Chart) -> Report:
    from dataclasses import replace

    differences = compare(outcomes, second.outcomes(chart))
    errors = tuple(
        RecordError("evaluators-differ", f"{report.evaluator} and {second.name} differ: {text}", rule=rule)
        for rule, text in differences
    )
    return replace(report, errors=report.errors + errors)


def compare(first: list[Outcome], second: list[Outcome]) -> list[tuple[str, str]]:
    """Rule and description of each subject on which two evaluators differ in status or severity."""
    one = {o.key: o for o in first}
    two = {o.key: o for o in second}
    found = []
    for key in sorted({*one, *two}):
        a, b = one.get(key), two.get(key)
        left = a.status.value if a is not None else "not-met"
        right = b.status.value if b is not None else "not-met"
        if left != right:
            found.append(
                (
                    key[0],
                    f"{key[0]} for {', '.join(key[1] + key[2]) or 'the patient'}: {left} against {right}",
                )
            )
    return found
