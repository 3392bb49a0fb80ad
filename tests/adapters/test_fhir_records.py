"""Whole records in the shapes of many systems: what is read of each, and what must alert."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pytest

import caveat
from caveat.adapters import Reject, read_records
from caveat.compile.ruleset import Ruleset
from caveat.facts.chart import Chart
from caveat.facts.clinical import Coded, Observation
from caveat.facts.observed import latest
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from cohort.bulk_records import assert_same

FOLDER = Path(__file__).parents[2] / "fixtures" / "elsewhere"
AS_OF = "2026-11-26"
Row = tuple[str, str, str, str]


@lru_cache(maxsize=1)
def rules() -> Ruleset:
    return caveat.load()


def read(name: str) -> list[Patient | Reject]:
    terminology = rules().terminology
    return list(
        read_records(
            [FOLDER / f"{name}.json"], bound=lambda code: terminology.observation_for(code) is not None
        )
    )


def judged(name: str) -> tuple[Patient, Report]:
    (patient,) = read(name)
    assert isinstance(patient, Patient), patient
    return patient, caveat.screen(patient, rules(), as_of=AS_OF)


# Of each order: id, dose, frequency, status. An amount of a day stands after "=".
ORDERS: dict[str, list[Row]] = {
    "us-portal": [("mr1", "5 mg", "1 /d", "active"), ("mr2", "600 mg", "4 /d", "active")],
    "us-hospital-words": [("mr1", "1 tab", "1 /d", "active"), ("mr2", "600 mg", "4 /d", "active")],
    "uk-practice": [
        ("mr1", "1 {tablet}", "1 /d", "active"),
        ("mr2", "1 {tablet}", "2 /d", "active"),
        ("mr3", "6 {tablet}", "1 /wk", "active"),
        ("mr4", "1 {piece}", "2 /d", "active"),
    ],
    "uk-combination": [("mr1", "2 {tablet}", "4 /d", "active"), ("mr2", "2 {tablet}", "4 /d", "active")],
    "de-prescription": [("mr1", "1 {piece}", "2 /d", "active")],
    "de-given-only": [
        ("ma1", "3 mg", "1 /d", "unknown"),
        ("ma2", "600 mg", "", "completed"),
        ("ma3", "600 mg", "", "unknown"),
        ("ma4", "50 mg", "", "unknown"),
        ("ma5", "", "", "unknown"),
    ],
    "de-certainty": [("mr1", "1 {piece}", "3 /d", "active")],
    "de-two-times": [("ms1", "1 {piece} = 2 {piece}/d", "2 /d", "active")],
    "ch-card": [("ms1", "1 {tablet}", "1-4 /d", "active")],
    "au-summary": [
        ("mr1", "500 mg", "3 /d", "active"),
        ("mr2", "1 {tablet}", "1 /d", "active"),
        ("ms1", "", "", "active"),
    ],
    "fr-pharmacy": [
        ("mr1", "1 {tablet}", "4 /d", "active"),
        ("mr2", "1 {tablet}", "1 /d", "active"),
        ("mr3", "1 {sachet}", "1 /d", "active"),
    ],
    "nordic-pharmacy": [
        ("mr1", "1 {tablet}", "1 /d", "active"),
        ("mr2", "", "", "active"),
        ("mr3", "", "", "active"),
    ],
    "summary-none-known": [],
    "summary-document": [("mr1", "", "", "active"), ("ms1", "", "", "active")],
    "batch-refused": [("mr1", "5 mg", "1 /d", "active"), ("mr2", "", "", "active")],
    "answer-parameters": [("mr1", "5 mg", "1 /d", "active"), ("mr2", "300 mg", "1 /d", "active")],
    "given-weekly": [
        ("ma1", "", "", "completed"),
        ("ma2", "", "", "completed"),
        ("ma3", "", "", "unknown"),
        ("mr1", "200 mg", "2 /d", "active"),
    ],
    "given-in-progress": [("ma1", "", "", "active"), ("mr1", "40 mg", "1 /d", "active")],
    "given-beside-order": [
        ("mr1", "", "", "active"),
        ("ma1", "", "", "completed"),
        ("mr2", "", "", "active"),
    ],
    "taper-in-steps": [
        ("mr1", "20-40 mg = 20-40 mg/d", "1 /d", "active"),
        ("mr2", "400 mg", "3 /d", "active"),
    ],
    "letters": [("mr1", "", "", "active"), ("mr2", "", "", "active")],
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_orders_that_are_read(name: str) -> None:
    patient, _ = judged(name)
    assert patient.orders is not None
    found = [
        (
            one.id,
            f"{one.dose or ''}{f' = {one.daily_dose}' if one.daily_dose else ''}",
            str(one.frequency or ""),
            str(one.status),
        )
        for one in patient.orders
    ]
    assert found == ORDERS[name]


# Orders that some alert of the record must be about.
ALERTS = [
    ("us-portal", {"mr1", "mr2"}),
    ("us-hospital-words", {"mr1", "mr2"}),
    ("uk-practice", {"mr1", "mr2"}),
    ("uk-practice", {"mr3", "mr4"}),
    ("uk-combination", {"mr1", "mr2"}),
    ("de-prescription", {"mr1"}),
    ("de-given-only", {"ma1", "ma3"}),
    ("de-given-only", {"ma4", "ma5"}),
    ("de-certainty", {"mr1"}),
    ("de-two-times", {"ms1"}),
    ("au-summary", {"mr2", "ms1"}),
    ("fr-pharmacy", {"mr2", "mr3"}),
    ("nordic-pharmacy", {"mr1", "mr2"}),
    ("summary-document", {"mr1", "ms1"}),
    ("batch-refused", {"mr1", "mr2"}),
    ("answer-parameters", {"mr1", "mr2"}),
    ("given-weekly", {"ma3", "mr1"}),
    ("given-in-progress", {"ma1", "mr1"}),
    ("given-beside-order", {"mr1", "mr2"}),
    ("result-with-comma", {"mr1", "mr2"}),
    ("result-coded-unit", {"mr1", "mr2"}),
    ("pregnancy-under-local-code", {"mr1"}),
    ("letters", {"mr1", "mr2"}),
]


@pytest.mark.parametrize(
    ("name", "orders"), ALERTS, ids=[f"{name}-{'-'.join(sorted(o))}" for name, o in ALERTS]
)
def test_what_must_alert(name: str, orders: set[str]) -> None:
    _, report = judged(name)
    assert any(set(one.orders) == orders for one in report.alerts)


def test_a_dose_and_its_order_alert_once() -> None:
    _, report = judged("given-beside-order")
    assert [set(one.orders) for one in report.alerts] == [{"mr1", "mr2"}]


def test_only_what_says_all_that_is_asked_is_clear() -> None:
    clear = {file.stem for file in FOLDER.glob("*.json") if all_clear(file.stem)}
    assert clear == {"summary-none-known", "summary-none-worded", "summary-sections-none"}


def all_clear(name: str) -> bool:
    return all(
        isinstance(one, Patient) and caveat.screen(one, rules(), as_of=AS_OF).is_clear for one in read(name)
    )


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("batch-refused", ["entry", "more-pages"]),
        ("de-given-only", ["given-without-request"] * 4),
        ("given-weekly", ["given-without-request"]),
        ("us-portal", []),
        ("de-prescription", []),
        ("letters", []),
        ("result-coded-unit", []),
    ],
)
def test_problems(name: str, problems: list[str]) -> None:
    assert [one.code for one in judged(name)[0].problems] == problems


@pytest.mark.parametrize("name", ["version-stu3", "version-r5"])
def test_other_versions_are_set_aside(name: str) -> None:
    found = read(name)
    assert [one.code if isinstance(one, Reject) else "" for one in found] == ["fhir-version"]


def test_a_diagnosis_that_was_excluded_is_refuted() -> None:
    patient, _ = judged("de-certainty")
    assert [one.verification for one in patient.conditions or ()] == [None, "confirmed", "refuted"]


def test_results_as_written_elsewhere() -> None:
    shown = {
        name: [str(one.value) for one in judged(name)[0].observations or ()]
        for name in ("result-with-comma", "result-coded-unit", "body-in-feet")
    }
    assert shown == {
        "result-with-comma": ["6.1 mmol/L"],
        "result-coded-unit": ["6.1 mmol/L"],
        "body-in-feet": ["1.9 mg/dL", "132 [lb_av]", "63 [in_i]"],
    }


def test_a_taper_ends_when_its_last_step_does() -> None:
    patient, _ = judged("taper-in-steps")
    assert patient.orders is not None
    assert str(patient.orders[0].stop) == "2026-11-11"


def test_a_result_that_cannot_be_read_is_not_said_to_be_missing() -> None:
    def why(**fields: object) -> str:
        result = Observation(concept="potassium", at="2026-01-01", **fields)  # type: ignore[arg-type]
        patient = Patient(id="p", observations=(result,))
        return latest(Chart(patient, rules().terminology, as_of=740_000), "potassium").missing[0].reason

    assert why(answer=Coded(text="haemolysed")) == "'haemolysed' is recorded and cannot be read as a number"
    assert why() == "the result is not recorded"


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_cohort_of_them_gives_the_same_facts(partitions: int, tmp_path: Path) -> None:
    """All of them are about one patient id, so each is a cohort of its own, and all together are another."""
    names = sorted(file.stem for file in FOLDER.glob("*.json"))
    for name in names:
        assert_same([FOLDER / f"{name}.json"], tmp_path / name, partitions=partitions)
    assert_same([FOLDER], tmp_path / "all", partitions=partitions)


def test_the_same_resources_line_by_line_give_the_same_facts(tmp_path: Path) -> None:
    for file in sorted(FOLDER.glob("*.json")):
        whole = json.loads(file.read_text("utf-8"))
        lines = [one["resource"] for one in whole.get("entry", ()) if "resource" in one]
        if not lines:
            continue
        folder = tmp_path / file.stem
        folder.mkdir()
        (folder / "x.ndjson").write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
        assert_same([folder], tmp_path / f"{file.stem}-work", partitions=2)
