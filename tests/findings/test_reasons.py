"""The override reasons: each kind has its own, few enough to read, and corrections are told apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from caveat.findings.reasons import MOST, REASONS, is_result, reason_of, reasons_for
from caveat.rules.model import Kind

KINDS = get_args(Kind)
# Codes are stored with every override: one that is renamed or taken away leaves old ones unreadable.
CODES = {
    "contraindication": "benefit-outweighs-risk no-alternative specialist-advice will-monitor comfort-care "
    "other not-pregnant not-lactating newer-result condition-not-present other-indication",
    "precaution": "will-monitor benefit-outweighs-risk tolerated-so-far dose-adjusted specialist-advice "
    "other not-pregnant not-lactating newer-result condition-not-present no-longer-taking",
    "interaction": "will-monitor benefit-outweighs-risk tolerated-together dose-adjusted given-apart other "
    "no-longer-taking newer-result condition-not-present",
    "dosing": "titrated dose-for-indication will-monitor benefit-outweighs-risk specialist-advice other "
    "newer-result condition-not-present other-indication no-longer-taking",
    "duplicate": "intended-combination switching one-dose-of-two as-needed-with-regular will-monitor other "
    "no-longer-taking",
    "allergy": "tolerated-since mild-reaction benefit-outweighs-risk allergist-cleared "
    "given-under-observation other allergy-refuted intolerance-only",
    "monitoring": "will-monitor monitored-elsewhere monitoring-not-needed patient-declines other "
    "newer-result condition-not-present no-longer-taking",
    "adverse-reaction": "will-monitor other-cause effect-acceptable benefit-outweighs-risk dose-adjusted "
    "other newer-result condition-not-present no-longer-taking",
    "discontinuation": "must-stop switching taken-briefly will-monitor specialist-advice other still-taking "
    "was-tapered not-taken",
    "indication": "evidence-for-use no-alternative specialist-advice will-monitor other other-indication "
    "condition-not-present",
}


def test_every_kind_of_rule_has_reasons_and_no_other() -> None:
    assert set(REASONS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_are_stable(kind: str) -> None:
    assert [reason.code for reason in reasons_for(kind)] == CODES[kind].split()


@pytest.mark.parametrize("kind", KINDS)
def test_few_overrides_then_corrections(kind: str) -> None:
    found = reasons_for(kind)
    categories = [reason.category for reason in found]
    assert categories == sorted(categories, key=["override", "correction"].index)
    assert 2 <= categories.count("override") <= MOST
    assert "correction" in categories
    assert [r.code for r in found if r.category == "override"][-1] == "other"
    assert len({reason.code for reason in found}) == len(found)
    assert len({reason.display for reason in found}) == len(found)


def test_codes_are_kebab_case_and_mean_one_thing() -> None:
    every = [reason for found in REASONS.values() for reason in found]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.code) for reason in every)
    categories: dict[str, set[str]] = {}
    for reason in every:
        categories.setdefault(reason.code, set()).add(reason.category)
    assert all(len(found) == 1 for found in categories.values())


def test_what_is_asked() -> None:
    for found in REASONS.values():
        for reason in found:
            known = ("fact", "by", "comment")
            if reason.category == "correction":
                known = ("fact", "value", "at", "order", "condition", "allergy", "text")
            assert set(reason.asks) <= set(known), reason.code
    assert reason_of("interaction", "will-monitor").asks == ("fact", "by")  # type: ignore[union-attr]
    assert reason_of("allergy", "other").asks == ("comment",)  # type: ignore[union-attr]


def test_a_contraindication_is_not_overridden_without_an_argument() -> None:
    argued = {r.code: r.asks for r in reasons_for("contraindication")}
    assert argued["benefit-outweighs-risk"] == ("comment",)
    assert argued["no-alternative"] == ("comment",)
    assert reason_of("interaction", "benefit-outweighs-risk").asks == ()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("facts", "offered"),
    [
        (("pregnant",), {"not-pregnant"}),
        (("condition:pregnancy",), {"not-pregnant", "condition-not-present"}),
        (("lactating", "route"), {"not-lactating"}),
        (("creatinine_clearance", "dose"), {"newer-result"}),
        (("condition:epilepsy-or-seizure",), {"condition-not-present"}),
        (("route", "dose", "order:as-taken", "sex", "age"), set()),
    ],
)
def test_only_corrections_that_could_change_the_finding(facts: tuple[str, ...], offered: set[str]) -> None:
    found = reasons_for("precaution", facts)
    general = {"no-longer-taking"}
    assert {r.code for r in found if r.category == "correction"} == offered | general
    assert [r for r in found if r.category == "override"] == [
        r for r in reasons_for("precaution") if r.category == "override"
    ]


def test_results_are_told_from_what_no_laboratory_measures() -> None:
    assert is_result("potassium")
    assert is_result("child_pugh_score")
    assert not any(map(is_result, ("dose", "context.fall_risk", "order.status", "condition:x", "orders")))


def test_unknown_kind_and_code() -> None:
    with pytest.raises(ValueError, match="no override reasons for the kind 'advice'"):
        reasons_for("advice")
    assert reason_of("advice", "other") is None
    assert reason_of("allergy", "will-monitor") is None


def test_the_documentation_lists_them(root: Path) -> None:
    text = (root / "docs" / "overrides.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z-]+) \| (.*) \|$", text, re.MULTILINE))
    for kind in KINDS:
        listed = [name.removesuffix(" (comment)") for name in re.split(r", | \| ", rows[kind])]
        assert listed == [reason.code for reason in reasons_for(kind)], kind
        asking = {n.removesuffix(" (comment)") for n in re.split(r", | \| ", rows[kind]) if "(comment)" in n}
        assert asking == {r.code for r in reasons_for(kind) if "comment" in r.asks} - {"other"}, kind
