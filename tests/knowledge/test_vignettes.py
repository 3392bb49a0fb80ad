"""The vignettes: each shows what its table says, by every evaluator in process, in text that can be read."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from caveat.adapters import read_records
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.screen import screen
from caveat.facts.patient import Patient
from caveat.render.json import report_json

FOLDER = Path(__file__).parents[2] / "fixtures" / "vignettes"
TABLE = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = TABLE["vignettes"]
GRADES = ("none", "info", "minor", "moderate", "major", "contraindicated")
KEYS = {"alerts", "at_most", "absent", "cannot_assess", "unchecked", "unrecognised", "clear"}
TEXTS = ("summary", "consequence", "action", "monitoring", "advice")

Reports = dict[str, Any]


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return load()


@pytest.fixture(scope="module")
def patients() -> dict[str, Patient]:
    found = {}
    for file in sorted(FOLDER.glob("*.json")):
        for record in read_records([file]):
            assert isinstance(record, Patient), f"{file.name}: {record}"
            assert record.id not in found
            found[record.id] = record
    return found


@pytest.fixture(scope="module", params=["inprocess", "reference"])
def reports(request: pytest.FixtureRequest, rules: Ruleset, patients: dict[str, Patient]) -> Reports:
    day = str(TABLE["as_of"])
    return {
        name: report_json(screen(patient, rules, as_of=day, evaluator=request.param))
        for name, patient in patients.items()
    }


def test_the_table_names_each_record_once(patients: dict[str, Patient]) -> None:
    assert sorted(row["id"] for row in ROWS) == sorted(patients)
    assert {row["file"] for row in ROWS} == {file.name for file in FOLDER.glob("*.json")}
    assert all(row["expect"] and set(row["expect"]) <= KEYS for row in ROWS)


def test_a_third_of_them_ask_for_silence() -> None:
    silent = [row for row in ROWS if row["expect"].get("at_most") in ("none", "minor")]
    assert len(silent) * 3 >= len(ROWS)


def test_what_must_be_absent_is_a_rule(rules: Ruleset) -> None:
    ids = [rule.id for rule in rules.program.rules]
    patterns = [pattern for row in ROWS for pattern in row["expect"].get("absent", ())]
    assert [pattern for pattern in patterns if not any(fnmatch(rule, pattern) for rule in ids)] == []


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_it_shows_what_its_table_says(row: dict[str, Any], reports: Reports) -> None:
    report, expect = reports[row["id"]], row["expect"]
    alerts = {alert["rule"]: alert for alert in report["alerts"]}
    graded = {rule: alert["severity"] for rule, alert in alerts.items()}
    left_open = {entry["rule"]: set(entry["missing"]) for entry in report["cannot_assess"]}
    assert expect.get("alerts", {}).items() <= graded.items()
    if "at_most" in expect:
        limit = GRADES.index(expect["at_most"])
        assert {rule: grade for rule, grade in graded.items() if GRADES.index(grade) > limit} == {}
    shown = [rule for rule in alerts for pattern in expect.get("absent", ()) if fnmatch(rule, pattern)]
    assert shown == []
    for rule, missing in expect.get("cannot_assess", {}).items():
        assert rule in left_open
        assert set(missing) <= left_open[rule]
    for rule, exceptions in expect.get("unchecked", {}).items():
        assert set(exceptions) <= {entry["id"] for entry in alerts[rule]["unchecked"]}
    assert set(expect.get("unrecognised", ())) <= {entry["text"] for entry in report["unrecognised"]}
    assert expect.get("clear", report["is_clear"]) is report["is_clear"]


def test_no_text_holds_a_placeholder(reports: Reports) -> None:
    told = [
        (name, alert["rule"], text)
        for name, report in reports.items()
        for alert in report["alerts"]
        for key in TEXTS
        if (text := alert[key]) and re.search(r"[{}]|\bNone\b", text)
    ]
    assert told == []


def test_no_rule_fails(reports: Reports) -> None:
    failed = ("rule-failed", "evaluators-differ", "check-failed")
    assert [e for r in reports.values() for e in r["errors"] if e["code"] in failed] == []
