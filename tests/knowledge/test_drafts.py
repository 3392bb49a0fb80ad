"""The rulesets that are off: each loads, is without errors, and all its cases hold on two evaluators."""

from __future__ import annotations

from functools import cache

import pytest

from caveat.authoring.cases import run_cases
from caveat.authoring.check import check_folder
from caveat.compile.ruleset import Ruleset, bundled, load

DRAFTS = bundled() / "optional" / "drafts"
FOLDERS = sorted(path.name for path in DRAFTS.iterdir() if (path / "sources.yaml").is_file())


@cache
def rules() -> Ruleset:
    return load(DRAFTS, cache=False)


def test_they_are_off_unless_named() -> None:
    shipped = {rule.id for rule in load(cache=False).program.rules}
    assert len(FOLDERS) == 6
    assert len(rules().program.rules) > 150
    assert shipped.isdisjoint(rule.id for rule in rules().program.rules)


def test_together_they_are_without_errors() -> None:
    assert not [str(one) for one in check_folder(DRAFTS) if one.level == "error"]


def test_every_rule_is_a_draft_with_a_source() -> None:
    for rule in rules().program.rules:
        assert rule.status == "draft"
        assert rule.evidence


@pytest.mark.parametrize("evaluator", ["reference", "inprocess"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_its_cases_hold(folder: str, evaluator: str) -> None:
    found = run_cases(DRAFTS / folder, rules(), evaluator)
    assert len(found.results) > 100
    assert found.ok, "\n".join(map(str, (*found.problems[:3], *found.failed[:3])))
