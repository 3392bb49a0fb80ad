"""A finding on the patient names the medicines it rests on, and is the same finding whatever it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caveat
from authoring.small import rule, rules_file
from caveat.compile.ruleset import load
from caveat.findings.basis import Basis, Details, Medicine, Missing, merge_basis
from caveat.findings.report import Finding, Report
from caveat.findings.severity import Status
from caveat.render.cds.detail import medicines
from caveat.render.fhir.detected_issue import detected_issue
from caveat.render.json import report_json
from caveat.render.text import report_text
from render.cds.samples import finding, view
from render.fhir.validators import faults

DAY = "2026-01-15"
OPIOIDS = "{patient: {taking: {class: opioid}}}"
DOSES = "{sum: {of: {class: opioid}, times: daily_dose, at_least: 60 mg/d}}"
POINTS = "{sum: {of: {ingredient: [morphine, diazepam]}, weights: {morphine: 2, diazepam: 1}, at_least: 3}}"


def judged(
    folder: Path,
    when: str,
    *orders: dict[str, Any],
    applies_to: str = OPIOIDS,
    alert: str = "",
    **record: Any,
) -> Report:
    """What a rule says of these orders, which are listed in full unless told otherwise."""
    (folder / "a.rules.yaml").write_text(
        rules_file(rule("a.test.rule", when, applies_to=applies_to, **({"alert": alert} if alert else {})))
    )
    listed = [{"id": f"o{i}", "status": "active", "route": "oral", **one} for i, one in enumerate(orders)]
    fields = {"id": "p", "orders": listed, "complete": {"orders": "closed"}, **record}
    return caveat.screen(caveat.Patient.model_validate(fields), load(folder, cache=False), as_of=DAY)


def morphine(**more: Any) -> dict[str, Any]:
    return {"text": "morphine 20 mg tablet", "dose": "20 mg", "frequency": "4 /d"} | more


DIAZEPAM = {"text": "diazepam", "dose": "5 mg", "frequency": "2 /d"}
CODEINE = {"text": "codeine", "dose": "30 mg", "frequency": "4 /d"}


def test_a_sum_names_the_orders_it_adds_up(tmp_path: Path) -> None:
    found = judged(tmp_path, DOSES, morphine(source="R/1"), CODEINE, DIAZEPAM)
    (alert,) = report_json(found)["alerts"]
    assert alert["subject"] == {"orders": [], "allergies": []}
    assert alert["drugs"] == ["morphine", "codeine"]
    assert [(p["order"], p["name"], p["ingredients"]) for p in alert["products"]] == [
        ("o0", "morphine 20 mg tablet", ["morphine"]),
        ("o1", "codeine", ["codeine"]),
    ]
    told = [(b["fact"], b["value"], b["orders"]) for b in alert["because"]]
    assert ("dose", "20 mg", ["o0"]) in told
    assert ("dose", "30 mg", ["o1"]) in told
    text = " ".join(report_text(found).split())
    assert "Medicines morphine (morphine 20 mg tablet) codeine" in text
    assert "dose 20 mg (morphine)" in text
    assert "dose 30 mg (codeine)" in text


def test_a_count_names_the_orders_it_counts(tmp_path: Path) -> None:
    when = "{count: {of: {ingredient: [morphine, diazepam]}, by: order, at_least: 2}}"
    found = judged(tmp_path, when, morphine(), DIAZEPAM, CODEINE)
    (alert,) = report_json(found)["alerts"]
    assert alert["drugs"] == ["morphine", "diazepam"]
    assert [b["orders"] for b in alert["because"]] == [[p["order"]] for p in alert["products"]]
    # the order says its medicine itself
    assert "Because order morphine 20 mg tablet; order diazepam Source" in " ".join(
        report_text(found).split()
    )


def test_points_are_of_the_orders_that_have_them(tmp_path: Path) -> None:
    found = judged(tmp_path, POINTS, morphine(), DIAZEPAM, {"text": "baclofen"})
    assert found.alerts[0].named == ("morphine", "diazepam")


def test_what_is_taken_is_named_where_nothing_of_it_is_counted(tmp_path: Path) -> None:
    (alert,) = judged(tmp_path, "{always: true}", morphine(), DIAZEPAM).alerts
    assert [one.order for one in alert.medicines] == ["o0"]
    assert alert.drugs == ()
    counted = "{count: {of: {ingredient: diazepam}, at_least: 1}}"
    (alert,) = judged(tmp_path, counted, morphine(), DIAZEPAM).alerts
    assert alert.named == ("diazepam", "morphine")


def test_a_rule_on_every_patient_names_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path, "{always: true}", morphine(), applies_to="{patient: {}}")
    (alert,) = report_json(found)["alerts"]
    assert (alert["drugs"], alert["products"]) == ([], [])
    assert "Medicines" not in report_text(found)


def test_a_combination_is_named_by_the_part_that_counts(tmp_path: Path) -> None:
    product = {"text": "codeine 30 mg / paracetamol 500 mg", "dose": "2 tablets", "frequency": "4 /d"}
    found = judged(tmp_path, DOSES.replace("at_least: 60", "above: 0"), product)
    (alert,) = report_json(found)["alerts"]
    assert alert["drugs"] == ["codeine"]
    assert alert["products"][0]["ingredients"] == ["codeine", "paracetamol"]


def test_what_is_missing_is_said_of_its_order(tmp_path: Path) -> None:
    found = judged(tmp_path, DOSES, morphine(dose=None), CODEINE | {"dose": "10 mg"})
    (open_,) = report_json(found)["cannot_assess"]
    assert open_["drugs"] == ["codeine", "morphine"]
    assert [one["orders"] for one in open_["missing_detail"]] == [["o0"]]
    assert "(morphine)" in report_text(found)


def test_what_is_added_without_a_dose_is_named_too(tmp_path: Path) -> None:
    found = judged(tmp_path, DOSES, {"text": "morphine"}, CODEINE, DIAZEPAM)
    (alert,) = found.alerts
    assert {one.order for fact in alert.because for one in fact.of} == {"o1"}
    assert alert.named == ("codeine", "morphine")


def test_a_fact_of_two_orders_is_told_once_and_names_both(tmp_path: Path) -> None:
    found = judged(tmp_path, DOSES, morphine(), CODEINE | {"frequency": "4 /d"})
    (alert,) = found.alerts
    (often,) = [b for b in alert.because if b.fact == "frequency"]
    assert [one.order for one in often.of] == ["o0", "o1"]
    assert "frequency 4 /d (morphine, codeine)" in " ".join(report_text(found).split())


def test_more_than_two_medicines_are_all_named(tmp_path: Path) -> None:
    when = "{count: {of: {ingredient: [morphine, diazepam, codeine]}, by: order, at_least: 3}}"
    found = judged(tmp_path, when, morphine(), CODEINE, DIAZEPAM)
    text = " ".join(report_text(found).split())
    assert all(name in text.partition("What can happen")[0] for name in ("morphine", "codeine", "diazepam"))


def test_rules_left_open_for_different_medicines_name_them_all() -> None:
    parts = [
        finding(
            Status.CANNOT_ASSESS,
            orders=(),
            drugs=(),
            because=(Basis("order", name, None, None, (Medicine(name, name, (name,), (name,)),)),),
            missing=(Missing("age", "not recorded"),),
            id=name,
        )
        for name in ("a.one", "b.two")
    ]
    text = report_text(Report("p", DAY, "1", "sha256:" + "a" * 64, tuple(parts), 2))
    assert text.count("Missing") == 1
    assert "a.one" in text.partition("Missing")[0]
    assert "b.two" in text.partition("Missing")[0]


def test_cards_and_detected_issues_name_the_orders(tmp_path: Path) -> None:
    found = judged(tmp_path, DOSES, morphine(source="MedicationRequest/o0"), CODEINE)
    (alert,) = found.alerts
    assert medicines(alert) == ["morphine (morphine 20 mg tablet)", "codeine"]
    issue = detected_issue(alert, found, view(references={"o0": "MedicationRequest/o0"}))
    assert not faults(issue)
    assert [one["display"] for one in issue["implicated"]] == ["morphine (morphine 20 mg tablet)", "codeine"]
    assert issue["implicated"][0]["reference"] == "MedicationRequest/o0"


WORD = st.sampled_from(["a", "b"])
MEDICINES = st.builds(
    Medicine, WORD, WORD, st.just(("a", "b")), st.sampled_from([("a",), ("b",), ("a", "b")])
)
FACTS = st.lists(st.tuples(WORD, WORD, st.lists(MEDICINES, max_size=2).map(tuple)), max_size=6)


@given(FACTS)
def test_what_is_named_is_no_part_of_the_finding(
    facts: list[tuple[str, str, tuple[Medicine, ...]]],
) -> None:
    def made(named: bool) -> Finding:
        every: list[tuple[Basis, ...]] = [
            (Basis(fact, value, of=of if named else ()),) for fact, value, of in facts
        ]
        sample = finding()
        return Finding(sample.rule, Status.FIRES, (), (), (), Details(merge_basis(every)))

    bare, told = made(named=False), made(named=True)
    assert told.id == bare.id
    assert told.because == bare.because
    assert {m.order for b in told.because for m in b.of} == {m.order for *_, of in facts for m in of}
    wanted = {(m.order, name) for *_, of in facts for m in of for name in m.drugs}
    assert {(m.order, name) for m in told.medicines for name in m.drugs} == wanted


TOTAL = "{summary: '{total} of opioids', consequence: Harm., action: Avoid.}"


@pytest.mark.parametrize(
    ("orders", "text"),
    [
        ((morphine(),), "80 mg/d of opioids"),
        ((morphine(), {"text": "xyzzolol"}), "at least 80 mg/d of opioids"),
        ((morphine(), CODEINE), "200 mg/d of opioids"),
    ],
)
def test_the_total_is_told(tmp_path: Path, orders: tuple[dict[str, Any], ...], text: str) -> None:
    (alert,) = judged(tmp_path, DOSES, *orders, alert=TOTAL).alerts
    assert alert.summary == text


def test_a_total_of_which_nothing_is_known_is_not_told(tmp_path: Path) -> None:
    (open_,) = judged(tmp_path, DOSES, morphine(dose=None), alert=TOTAL).cannot_assess
    assert open_.summary == "not recorded of opioids"


def test_points_have_no_unit(tmp_path: Path) -> None:
    (alert,) = judged(tmp_path, POINTS, morphine(), DIAZEPAM, alert=TOTAL).alerts
    assert alert.summary == "3 of opioids"


def test_one_sum_with_two_limits_is_one_total_and_two_sums_are_none(tmp_path: Path) -> None:
    twice = f"{{all: [{DOSES}, {DOSES.replace('at_least: 60', 'below: 500')}]}}"
    (alert,) = judged(tmp_path, twice, morphine(), alert=TOTAL).alerts
    assert alert.summary == "80 mg/d of opioids"
    both = f"{{all: [{DOSES}, {POINTS.replace('at_least: 3', 'at_least: 1')}]}}"
    (alert,) = judged(tmp_path, both, morphine(), alert=TOTAL).alerts
    assert alert.summary == "not recorded of opioids"
