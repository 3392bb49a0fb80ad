"""Every case that ships, on every evaluator: the shared conformance suite over the rules' own cases."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from dataclasses import replace
from functools import lru_cache

import pytest

from caveat.authoring.cases import CaseResults, PlacedCase, read_all, run_case, run_cases
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset, bundled, load
from caveat.evaluators.screen import Evaluator, build
from caveat.rules.diagnostics import Problems

EVALUATORS = ("reference", "inprocess", "durable")


@lru_cache
def rules() -> Ruleset:
    return load(cache=False)


@lru_cache
def shipped() -> tuple[tuple[PlacedCase, ...], tuple[str, ...]]:
    problems = Problems()
    cases = read_all(bundled(), rules().program.rules, problems)
    return tuple(cases), tuple(str(problem) for problem in problems.found)


@lru_cache
def cases_of() -> dict[str, list[PlacedCase]]:
    found: dict[str, list[PlacedCase]] = defaultdict(list)
    for case in shipped()[0]:
        found[case.case.rule].append(case)
    return found


def evaluator(name: str, rule: CompiledRule) -> Evaluator | None:
    """The evaluator of every rule; of durable the network of the rule's own file, which is quicker by far.

    The network of all rules judges generated patients in evaluators/test_conformance.py.
    """
    if name == "reference":
        return None
    program = rules().program
    if name == "durable":
        file = rule.place.partition(":")[0]
        beside = tuple(other for other in program.rules if other.place.partition(":")[0] == file)
        program = replace(program, rules=beside, digest=f"{program.digest} {file}")
    return build(name, program)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rule" in metafunc.fixturenames:
        placed = sorted((rule.place.partition(":")[0], rule.id) for rule in rules().program.rules)
        metafunc.parametrize("rule", [name for _, name in placed])


@pytest.fixture(params=EVALUATORS)
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "durable" and importlib.util.find_spec("durable") is None:
        pytest.skip(
            "durable-rules is not installed (it does not run on Python 3.13); the extra durable runs this"
        )
    return str(request.param)


def test_case_files_can_all_be_read() -> None:
    cases, problems = shipped()
    assert not problems, "\n\n".join(problems)
    assert cases, "no case ships: the suite would hold for nothing"


def test_every_rule_that_ships_has_cases() -> None:
    cases, _ = shipped()
    without = {rule.id for rule in rules().program.rules} - {case.case.rule for case in cases}
    assert not without, "\n".join(sorted(without))


def test_every_case_of_a_rule_holds(rule: str, name: str) -> None:
    compiled = rules().program.rule(rule)
    judge = evaluator(name, compiled)
    found = [run_case(case, compiled, rules(), judge) for case in cases_of()[rule]]
    assert not [str(one) for one in found if not one.ok]


def test_the_run_as_a_whole_agrees() -> None:
    found = run_cases(bundled(), rules())
    assert isinstance(found, CaseResults)
    assert len(found.results) == len(shipped()[0])
    assert found.ok, str(found)
