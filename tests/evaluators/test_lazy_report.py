"""A report whose findings are made when they are asked for is the same report."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators import concluding
from caveat.evaluators.reference import judge_rule
from caveat.evaluators.screen import screen
from caveat.findings.report import Report
from caveat.findings.severity import Status
from strategies import patients
from strategies.sources import Seeded


@cache
def bundled() -> Ruleset:
    return load(cache=False)


def report_of(record: dict[str, Any] | None = None, *, seed: int = 7) -> Report:
    data = patients.data(Seeded(seed)) if record is None else record
    return screen(patients.patient(data), bundled(), as_of="2026-01-15")


CLEAR = {
    "id": "p",
    "orders": [{"id": "o1", "text": "amlodipine", "status": "active"}],
    "conditions": [],
    "allergies": [],
}
ON_BACLOFEN = {"id": "p", "orders": [{"id": "o1", "text": "baclofen", "status": "active"}]}


@given(st.integers(0, 100_000))
def test_whether_it_is_clear_does_not_depend_on_the_findings_being_made(seed: int) -> None:
    before = report_of(seed=seed)
    clear = before.is_clear
    assert "findings" not in vars(before)
    open_ones = [f for f in before.findings if f.status in (Status.FIRES, Status.CANNOT_ASSESS, Status.ERROR)]
    assert clear is before.is_clear is (not (open_ones or before.unrecognised or before.errors))


def test_what_a_finding_rests_on_is_traced_only_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[str] = []

    def counted(rule: Any, *rest: Any) -> Any:
        traced.append(rule.id)
        return judge_rule(rule, *rest)

    monkeypatch.setattr(concluding, "judge_rule", counted)
    report = report_of(ON_BACLOFEN)
    assert report.findings
    assert report.cannot_assess
    assert traced == []
    first = report.cannot_assess[0]
    assert first.missing
    assert first.missing == report.cannot_assess[0].missing
    assert traced == [first.rule.id]


def test_a_record_without_a_list_of_medicines_is_not_clear() -> None:
    report = report_of({"id": "p"})
    assert not report.is_clear
    assert [f.rule.id for f in report.cannot_assess] == ["record.orders.unknown"]
    assert not report.is_clear


def test_findings_are_made_once_for_every_asker() -> None:
    report = report_of(ON_BACLOFEN)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: report.findings, range(64)))
    assert found[0]
    assert all(one is found[0] for one in found)
    assert report.alerts[0] is report.alerts[0]


def test_it_is_frozen_and_is_replaced_and_compared_by_what_it_holds() -> None:
    report = report_of(ON_BACLOFEN)
    with pytest.raises(AttributeError):
        report.findings = ()  # type: ignore[misc]
    with pytest.raises(AttributeError, match="no attribute 'finding'"):
        report.finding  # type: ignore[attr-defined]  # noqa: B018
    again = replace(report, evaluator="another")
    assert again.findings == report.findings
    assert again != report
    assert replace(again, evaluator=report.evaluator) == report
    assert not again.is_clear
    whole = Report(**{field.name: getattr(report, field.name) for field in fields(Report)})
    assert whole == report
    assert repr(whole) == repr(report)


def test_a_clear_report_is_pickled_whole() -> None:
    report = report_of(CLEAR)
    assert report.is_clear
    copy = pickle.loads(pickle.dumps(report))
    assert copy == report
    assert copy.is_clear
    assert copy.findings == ()
