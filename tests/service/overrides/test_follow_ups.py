"""What "will monitor" promised: done by a later result, open until its day, overdue after it."""

from __future__ import annotations

from typing import Any

import pytest

import caveat
from caveat.adapters.native import read_native
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.service.overrides.follow_ups import Notice, followed, notices, unseen
from caveat.service.question import FollowUp, Override

MADE = "2026-01-15T09:00:00.000Z"


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return caveat.load()


def promise(fact: str = "potassium", by: str = "2026-02-01", name: str = "v1", note: str = "") -> Override:
    return Override(
        id=name,
        finding="f" * 20,
        rule="r.one",
        kind="interaction",
        severity="major",
        drugs=("spironolactone", "trimethoprim"),
        reason="will-monitor",
        comment="",
        by="Practitioner/1",
        created=MADE,
        expires="2027-01-01T00:00:00.000Z",
        follow_up=FollowUp(fact, by, note),
    )


def seen(rules: Ruleset, made: Override, day: str, *observations: dict[str, Any], **stated: Any) -> Notice:
    record = {"id": "p1", "age": "70 a", "sex": "male", "observations": list(observations), **stated}
    chart = Chart(read_native(record), rules.terminology, as_of=ordinal(day))
    (found,) = notices([made], chart)
    return found


def lab(at: str | None, value: str | None = "4.9 mmol/L", concept: str = "potassium") -> dict[str, Any]:
    return {"concept": concept, **({"value": value} if value else {}), **({"at": at} if at else {})}


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-01-16", "done"),
        ("2026-01-15T09:00:01Z", "done"),
        ("2026-01-15T10:00:00+00:30", "done"),
        ("2026-01-15", "open"),
        ("2026-01-15T09:00:00Z", "open"),
        ("2026-01-15T10:00:00+01:00", "open"),
        ("2026-01-14", "open"),
        ("2026-01", "open"),
        (None, "open"),
    ],
)
def test_only_a_later_result_counts(rules: Ruleset, at: str | None, state: str) -> None:
    assert seen(rules, promise(), "2026-01-20", lab(at)).state == state


def test_wording(rules: Ruleset) -> None:
    what = "potassium was to be checked by 2026-02-01 (spironolactone, trimethoprim)"
    old = lab("2026-01-10")
    assert seen(rules, promise(), "2026-02-01", old).text == (
        f"{what}; the record has no potassium after 2026-01-15 yet"
    )
    overdue = seen(rules, promise(note="call her"), "2026-02-02", old)
    assert overdue.text == f"Overdue: {what}, and the record has no potassium after 2026-01-15"
    assert (overdue.state, overdue.note) == ("overdue", "call her")
    done = seen(rules, promise(), "2026-03-01", old, lab("2026-02-03", "5.1 mmol/L"), lab("2026-01-20"))
    assert done.text == f"{what}: potassium was 5.1 mmol/L on 2026-02-03"
    assert (done.value, done.at) == ("5.1 mmol/L", "2026-02-03")


def test_a_result_without_a_value_or_of_another_fact_is_none(rules: Ruleset) -> None:
    for other in (lab("2026-01-20", None), lab("2026-01-20", "140 mmol/L", "sodium")):
        assert seen(rules, promise(), "2026-02-02", other).state == "overdue"


def test_a_result_of_the_future_is_not_there_yet(rules: Ruleset) -> None:
    assert seen(rules, promise(), "2026-01-20", lab("2026-01-25")).state == "open"


def test_a_value_stated_without_a_date_is_no_new_one(rules: Ruleset) -> None:
    made = promise("serum_creatinine")
    assert seen(rules, made, "2026-01-20", serum_creatinine="1.1 mg/dL").state == "open"
    dated = {"value": "1.1 mg/dL", "at": "2026-01-18"}
    assert seen(rules, made, "2026-01-20", serum_creatinine=dated).state == "done"


@pytest.mark.parametrize("fact", ["creatinine_clearance", "egfr"])
def test_a_derived_fact_is_done_by_what_it_is_derived_from(rules: Ruleset, fact: str) -> None:
    creatinine = lab("2026-01-18", "1.1 mg/dL", "serum_creatinine")
    found = seen(rules, promise(fact), "2026-01-20", creatinine)
    assert (found.state, found.value) == ("done", "serum creatinine 1.1 mg/dL")
    weight = lab("2026-01-18", "70 kg", "weight")
    assert seen(rules, promise(fact), "2026-01-20", weight).state == "open"


def test_overdue_first_and_only_promises(rules: Ruleset) -> None:
    plain = Override("v9", "f" * 20, "r", "dosing", "major", (), "other", "c", "b", MADE)
    chart = Chart(
        read_native({"id": "p1", "observations": [lab("2026-01-20", "140 mmol/L", "sodium")]}),
        rules.terminology,
        as_of=ordinal("2026-02-05"),
    )
    made = [promise(by="2026-03-01", name="a"), promise("sodium", name="b"), plain, promise(name="c")]
    assert [(n.override, n.state) for n in notices(made, chart)] == [
        ("c", "overdue"),
        ("a", "open"),
        ("b", "done"),
    ]


def test_without_a_record_only_the_day_is_known() -> None:
    (open_,) = unseen([promise()], "2026-02-01")
    (due,) = unseen([promise()], "2026-02-02")
    assert (open_.state, due.state) == ("open", "overdue")
    assert due.text.endswith("; that day is past, and without a record it is not known whether it was done")


def test_facts_that_can_be_promised(rules: Ruleset) -> None:
    known = {name: followed(rules.terminology, name) for name in ("potassium", "egfr", "bmi", "qtc")}
    assert known == {name: name for name in known}
    for name in ("age", "gestation", "sedation", "dose", "", "potasium"):
        assert followed(rules.terminology, name) is None
