"""Runs the cases that stand beside the rules, all of them, and says what differs and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path as FilePath

from caveat.authoring.case_files import Case, CaseFile, Expectation, PlacedCase, case_files, read_cases, shown
from caveat.authoring.clauses import culprit, why
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.reference import Judgement, judge_rule
from caveat.evaluators.screen import Evaluator, build
from caveat.evaluators.subjects import subjects
from caveat.facts.chart import Chart
from caveat.findings.severity import Status
from caveat.rules.diagnostics import Diagnostic, Problems, did_you_mean

__all__ = [
    "Case",
    "CaseFile",
    "CaseResult",
    "CaseResults",
    "Expectation",
    "PlacedCase",
    "differences",
    "judge",
    "read_all",
    "read_cases",
    "run_case",
    "run_cases",
]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case run; `differences` is empty when it holds, `why` shows how the rule was judged."""

    case: PlacedCase
    evaluator: str
    differences: tuple[str, ...] = ()
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything came out as the case expects."""
        return not self.differences

    def __str__(self) -> str:
        case = self.case.case
        head = f"{self.case.place}: {case.id} ({case.rule}, {case.class_}, {self.evaluator})"
        if self.ok:
            return f"{head}: holds"
        lines = [head, *(f"  {text}" for text in self.differences)]
        lines += [f"    {line}" for line in self.why.splitlines()]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class CaseResults:
    """Every case run, and what is wrong with the case files; `ok` needs both to be clean."""

    results: tuple[CaseResult, ...]
    problems: tuple[Diagnostic, ...] = ()

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """The cases that do not hold, in the order of the files."""
        return tuple(result for result in self.results if not result.ok)

    @property
    def ok(self) -> bool:
        """Whether there is a case, every case holds, and every case file could be read."""
        return bool(self.results) and not self.failed and not any(p.level == "error" for p in self.problems)

    def __str__(self) -> str:
        texts = [str(problem) for problem in self.problems] + [str(result) for result in self.failed]
        held = len(self.results) - len(self.failed)
        texts.append(f"{held} of {len(self.results)} cases hold, {len(self.problems)} problems in case files")
        return "\n\n".join(texts)

    def junit(self) -> str:
        """The same as JUnit XML, a test suite a case file."""
        from caveat.authoring.junit import junit_xml

        return junit_xml(self)


def read_all(
    root: FilePath, rules: Sequence[CompiledRule], problems: Problems, only: str | None = None
) -> list[PlacedCase]:
    """Every case below `root` that can be run; `only` takes part of a case or rule id, or a `*` pattern.

    A case of a rule that does not exist is a problem.
    """
    known = {rule.id for rule in rules}
    found: list[PlacedCase] = []
    for file in case_files(root):
        for case in read_cases(file, problems, name=shown(file, root)):
            name = case.case.rule
            if name not in known:
                problems.add(
                    "C040",
                    f"unknown rule {name!r}",
                    case.place,
                    why="The case names a rule that does not exist or is retired.",
                    hint=did_you_mean(name, known),
                    rule=name,
                )
            elif _chosen(case.case, only):
                found.append(case)
    return found


def _chosen(case: Case, only: str | None) -> bool:
    if only is None:
        return True
    if any(sign in only for sign in "*?["):
        return fnmatchcase(case.id, only) or fnmatchcase(case.rule, only)
    return only in case.id or only in case.rule


def run_cases(
    root: str | FilePath, rules: Ruleset, evaluator: str = "reference", only: str | None = None
) -> CaseResults:
    """Every case below `root` against `rules`, none left out after a failure.

    `root` is a folder, or one rules or cases file. Nothing raises but CaveatError for an evaluator
    that does not exist or is not installed.
    """
    problems = Problems()
    cases = read_all(FilePath(root), rules.program.rules, problems, only)
    by_id = {rule.id: rule for rule in rules.program.rules}
    second = None if evaluator == "reference" else build(evaluator, rules.program)
    results = [run_case(case, by_id[case.case.rule], rules, second) for case in cases]
    return CaseResults(tuple(results), tuple(problems.found))


def run_case(
    placed: PlacedCase, rule: CompiledRule, rules: Ruleset, evaluator: Evaluator | None = None
) -> CaseResult:
    """One case, judged by the reference evaluator or by the one given."""
    chart = Chart(placed.patient, rules.terminology, as_of=placed.as_of)
    judged = judge(rule, chart)
    if evaluator is None:
        outcomes = [one.outcome for one in judged]
    else:
        fresh = Chart(placed.patient, rules.terminology, as_of=placed.as_of)
        outcomes = [o for o in evaluator.outcomes(fresh) if o.rule.id == rule.id]
    name = "reference" if evaluator is None else evaluator.name
    found = differences(placed.case, outcomes, terse=evaluator is not None)
    if not found:
        return CaseResult(placed, name)
    return CaseResult(placed, name, tuple(text for _, text in found), _explained(placed.case, found, judged))


def judge(rule: CompiledRule, chart: Chart) -> list[Judgement]:
    """The rule judged by the reference evaluator for every subject of the record."""
    return [judge_rule(rule, chart, subject) for subject in subjects(rule, chart)]


def differences(
    case: Case, outcomes: Sequence[Outcome], *, terse: bool = False
) -> list[tuple[tuple[str, ...], str]]:
    """Subject and text of everything that is not as expected.

    `terse`: an evaluator may leave out subjects for which the rule is not met.
    """
    actual = {o.subject.order_ids + o.subject.allergy_ids: o for o in outcomes}
    found: list[tuple[tuple[str, ...], str]] = []
    for wanted in case.expect:
        outcome = actual.pop(wanted.subject, None)
        if outcome is None:
            if not (terse and wanted.status == "not-met"):
                came = "not-met or out of scope" if terse else "out of scope"
                found.append(
                    (wanted.subject, f"{_named(wanted.subject)}: expected {wanted.status}, came {came}")
                )
            continue
        found += [(wanted.subject, text) for text in _compare(wanted, outcome)]
    for subject, outcome in actual.items():
        if not (terse and outcome.status is Status.NOT_MET):
            text = f"{_named(subject)}: expected out of scope (not listed), came {outcome.status}"
            found.append((subject, text))
    return found


def _compare(wanted: Expectation, outcome: Outcome) -> list[str]:
    name = _named(wanted.subject)
    if outcome.status != wanted.status:
        tail = f" ({outcome.error})" if outcome.error else ""
        return [f"{name}: expected {wanted.status}, came {outcome.status}{tail}"]
    texts = []
    for what, asked, came in (
        ("missing", wanted.missing, {m.fact for m in outcome.missing}),
        ("unchecked", wanted.unchecked, {u.id for u in outcome.unchecked}),
    ):
        if asked is not None and set(asked) != came:
            texts.append(f"{name}: expected {what} {_set(set(asked))}, came {_set(came)}")
    return texts


def _explained(case: Case, found: Sequence[tuple[tuple[str, ...], str]], judged: Sequence[Judgement]) -> str:
    wanted = {w.subject: w.status for w in case.expect}
    lines: list[str] = []
    for subject in dict.fromkeys(subject for subject, _ in found):
        for one in judged:
            if one.outcome.subject.order_ids + one.outcome.subject.allergy_ids != subject:
                continue
            lines.append(f"{_named(subject)}: {one.outcome.status}")
            first = culprit(one, wanted.get(subject, "not-met"))
            if first:
                lines.append(f"first clause that differs: {first}")
            lines.append(why(one))
    return "\n".join(lines)


def _named(subject: tuple[str, ...]) -> str:
    return ", ".join(subject) or "the patient"


def _set(names: set[str]) -> str:
    return f"[{', '.join(sorted(names))}]"
