"""The optional pack of VA NDF-RT 2014: off, honest about its age, and judged alike by every evaluator.

A sample of its pairs is judged; CAVEAT_ALL_PAIRS=1 judges them all.
"""

from __future__ import annotations

import os
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import caveat
from caveat.authoring.case_files import case_files
from caveat.columns.records import to_batch
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset, bundled, load
from caveat.evaluators.columnar import Columnar
from caveat.evaluators.columnar.onebyone import finding_rows
from caveat.facts.patient import Patient
from caveat.rules.bundle import texts_below
from caveat.rules.folder import read_texts, rule_files

DAY = "2026-01-15"
EVERY = 1 if os.environ.get("CAVEAT_ALL_PAIRS") else 13
"""Every how many-th pair is judged; 13 takes all letters."""
PACK = Path("optional") / "va-ndfrt-2014"


@cache
def pack() -> Ruleset:
    return load(bundled() / PACK)


@cache
def sample() -> tuple[CompiledRule, ...]:
    return pack().program.rules[::EVERY]


def two(rule: CompiledRule, place: int) -> Patient:
    """A patient on the two drugs of a rule; every other one the other way round."""
    names = (*rule.first, *rule.second)
    orders = [
        {"id": f"o{n}", "ingredients": [name], "status": "active", "start": "2026-01-01"}
        for n, name in enumerate(names if place % 2 else reversed(names), 1)
    ]
    return Patient.model_validate({"id": f"p{place}", "orders": orders})


@cache
def patients() -> tuple[Patient, ...]:
    return tuple(two(rule, place) for place, rule in enumerate(sample()))


def test_off_where_it_is_not_named() -> None:
    root = bundled()
    assert (root / PACK / "a.rules.yaml").is_file()
    assert not [r.id for r in load().program.rules if "va-ndfrt" in r.id]
    texts = read_texts(root)
    assert "dataset.va-ndfrt-2014" not in texts.sources
    assert not [file for file in (*texts.ledgers, *case_files(root)) if "optional" in file.parts]
    assert not [path for path, _ in texts_below(root) if path.startswith("optional/")]


def test_on_where_it_or_what_holds_it_is_named() -> None:
    assert set(rule_files(bundled() / "optional")) >= set(rule_files(bundled() / PACK)) != set()
    assert "dataset.va-ndfrt-2014" in read_texts(bundled() / PACK / "a.rules.yaml").sources
    assert len(pack().program.rules) == len({rule.id for rule in pack().program.rules}) > 2_500


def test_every_alert_says_its_age_and_source() -> None:
    for rule in pack().program.rules:
        assert rule.texts.summary.endswith("(VA NDF-RT 2014; not maintained since)"), rule.id
        assert rule.status == "draft"
        assert rule.confidence == "low"
        assert [citation.source for citation in rule.evidence] == ["dataset.va-ndfrt-2014"]
        grade = re.search(r"graded (Critical|Significant) ", rule.texts.summary)
        assert grade is not None
        assert rule.severity == {"Critical": "major", "Significant": "moderate"}[grade[1]]


def test_every_row_of_the_source_became_a_rule_or_a_statement() -> None:
    (ledger,) = read_texts(bundled() / PACK / "v.rules.yaml").ledgers.values()
    first, *refused = ledger.statements
    concepts = [concept for rule in pack().program.rules for concept in rule.evidence[0].section.split(", ")]
    assert int(first.says.split()[0]) == len(concepts) + len(refused)
    assert len(set(concepts)) == len(concepts)
    assert all(statement.cannot for statement in refused)


def test_two_sources_name_each_ingredient() -> None:
    terminology = pack().terminology
    for name in sorted({i for rule in pack().program.rules for i in (*rule.first, *rule.second)}):
        known = terminology.ingredient(name)
        assert known.agreed or known.source != "worldvista", name


@pytest.mark.parametrize("evaluator", ["inprocess", "reference"])
def test_each_pair_fires(evaluator: str) -> None:
    for rule, patient in zip(sample(), patients(), strict=True):
        report = caveat.screen(patient, pack(), as_of=DAY, evaluator=evaluator)
        assert [(f.rule.id, sorted(f.orders)) for f in report.alerts] == [(rule.id, ["o1", "o2"])]
        assert not report.errors


def test_evaluators_agree_in_the_whole_report() -> None:
    for patient in patients():
        report = caveat.screen(patient, pack(), as_of=DAY, second_opinion="reference")
        assert not report.errors


def test_columns_agree() -> None:
    screened = Columnar(pack(), as_of=DAY).screen(to_batch(patients()))
    by_row: dict[int, list[object]] = {}
    for row in screened.findings.to_pylist():
        by_row.setdefault(row["row"], []).append(row)
    for place, patient in enumerate(patients()):
        report = caveat.screen(patient, pack(), as_of=DAY)
        assert finding_rows(report, place, because=False) == by_row.get(place, []), patient


@pytest.mark.skipif(find_spec("durable") is None, reason="needs durable-rules; install caveat[durable]")
def test_durable_agrees() -> None:
    for patient in patients()[::4]:
        report = caveat.screen(patient, pack(), as_of=DAY, second_opinion="durable")
        assert not report.errors
        assert len(report.alerts) == 1
