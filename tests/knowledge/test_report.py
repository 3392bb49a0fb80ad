"""The knowledge report: the same for the same rules, and loud about rules that alert often for no reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.compile.ruleset import load
from scripts import knowledge_report
from scripts.knowledge_report import COHORTS, _often, _reason, main

RULE = """\
format: 1
rules:
- id: paracetamol.taken.at-all
  kind: precaution
  severity: minor
  status: draft
  title: Paracetamol is taken
  applies_to: {order: {ingredient: paracetamol}}
  when: {always: true}
  alert: {summary: Paracetamol is taken, consequence: None., action: Consider nothing.}
  evidence:
  - {source: paper.one, section: all, says: It is taken., checked: 2026-01-01}
"""
SOURCES = """\
format: 1
sources:
- id: paper.one
  publisher: A press
  title: A paper
  version: "2020"
  licence: facts only
  retrieved: 2026-01-01
  kind: paper
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "rules" / "own"
    own.mkdir(parents=True)
    (own / "a.rules.yaml").write_text(RULE, encoding="utf-8")
    (own / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    return tmp_path / "rules"


def run(folder: Path, date: str, *more: str) -> tuple[int, str]:
    code = main(["--rules", str(folder), "--shared", str(folder / "none"), "--date", date, *more])
    return code, (folder / "REPORT.md").read_text(encoding="utf-8")


def test_same_but_for_the_date(folder: Path) -> None:
    code, first = run(folder, "2026-01-01")
    again, second = run(folder, "2026-01-02")
    assert code == again == 0
    assert first != second
    assert first.replace("Date: 2026-01-01", "Date: 2026-01-02") == second
    assert first.count("Not screened: the records are not in the shared data.") == len(COHORTS)
    assert "| precaution | 0 | 0 | 0 | 1 | 0 | 1 |" in first


def test_mutants_are_kept_while_the_rules_are_the_same(folder: Path) -> None:
    assert "not run" in run(folder, "2026-01-01")[1]
    ran = run(folder, "2026-01-01", "--mutants")[1]
    assert "survived" in ran
    assert run(folder, "2026-01-01")[1] == ran
    file = folder / "own" / "a.rules.yaml"
    file.write_text(RULE.replace("minor", "moderate"), encoding="utf-8")
    assert "not run" in run(folder, "2026-01-01")[1]


def manifest(patients: int) -> dict[str, object]:
    rule = {"rule": "paracetamol.taken.at-all", "alerts": patients, "patients": patients}
    return {
        "counts": {
            "screened": 100,
            "rejected": 0,
            "clear": 0,
            "suppressed": 0,
            "patients_with": {},
            "findings": {"fires": {}, "cannot-assess": {}},
        },
        "rules": [rule],
        "unrecognised": {"names": 0, "mentions": 0, "listed": []},
        "not_covered": {},
    }


def test_often_is_more_than_ten_in_a_hundred() -> None:
    assert not _often([(COHORTS[0], manifest(10))])
    assert _often([(COHORTS[0], manifest(11))]) == {"paracetamol.taken.at-all": ["Synthea 11.0"]}


def test_a_rule_that_alerts_often_needs_a_written_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(knowledge_report, "_screened", lambda *_: manifest(11))
    code, text = run(folder, "2026-01-01")
    assert code == 1
    assert "NOT WRITTEN" in text
    assert "paracetamol.taken.at-all alerts in more than 10 of 100 patients" in capsys.readouterr().err
    page = folder / "own" / "departures.md"
    page.write_text("# Own\n\n`taken.at-all` fires in 11 in 100: it is common.\n", encoding="utf-8")
    code, text = run(folder, "2026-01-01")
    assert code == 0
    assert "own/departures.md: `taken.at-all` fires in 11 in 100: it is common." in text


def test_a_reason_names_the_rule_and_how_often(folder: Path) -> None:
    page = folder / "own" / "departures.md"
    page.write_text("`taken.at-all` is a rule.\n\nAnother fires in 90 in 100.\n", encoding="utf-8")
    assert not _reason(folder, "paracetamol.taken.at-all", load(folder))
