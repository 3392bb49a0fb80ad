"""Circumstances that observations and encounters state: context, pregnancy, breastfeeding, Child-Pugh."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.builder import (
    LOINC,
    codes,
    coding,
    condition,
    context,
    encounter,
    observation,
    person,
    read,
    request,
    stated,
)
from caveat.adapters import read_native, to_native

SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
FLAGS = ("specialist_oversight", "hazardous_work", "fall_risk", "alcohol_use")
PREGNANT = {"valueCodeableConcept": coding(LOINC, "LA15173-0")}
NOT_PREGNANT = {"valueCodeableConcept": coding(LOINC, "LA26683-5")}


def knows_creatinine_only(code: Any) -> bool:
    return bool(code.system == "loinc" and code.code == "2160-0")


# Context


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [True, False])
def test_a_flag_of_the_context(name: str, value: bool) -> None:
    found = read(context(name, valueBoolean=value), bound=knows_creatinine_only)
    assert getattr(found.context, name) is value
    assert found.observations is None
    assert not found.problems
    assert codes(found.notes) == [f"{name.replace('_', '-')}-stated"]
    assert read_native(to_native(found)) == found


def test_what_is_not_stated_stays_unknown() -> None:
    found = read(context("fall_risk", valueBoolean=True))
    assert [getattr(found.context, name) for name in FLAGS] == [None, None, True, None]
    assert (found.context.care_setting, found.context.pump_refilled) == (None, None)


@pytest.mark.parametrize("dates", [("2025-01-01", "2026-01-01"), ("2025", "2026-01-01")])
def test_the_latest_statement_counts(dates: tuple[str, str]) -> None:
    old, new = (
        context("fall_risk", dates[0], valueBoolean=True),
        context("fall_risk", dates[1], valueBoolean=False),
    )
    for pair in ((old, new), (new, old)):
        assert read(*pair).context.fall_risk is False


@pytest.mark.parametrize(
    "dates", [("2026-01-01", "2026-01-01"), ("2026-01", "2026-01-20"), (None, "2026-01-01")]
)
def test_statements_that_contradict_each_other_give_a_problem_and_no_fact(
    dates: tuple[str | None, str],
) -> None:
    yes, no = (
        context("fall_risk", dates[0], valueBoolean=True),
        context("fall_risk", dates[1], valueBoolean=False),
    )
    found = read(yes, no)
    assert found.context.fall_risk is None
    assert codes(found.problems) == ["conflicting-statements"]
    assert "yes" in found.problems[0].message
    assert "no" in found.problems[0].message


def test_a_later_statement_that_cannot_be_read_hides_the_older_one() -> None:
    found = read(
        context("hazardous_work", "2025-01-01", valueBoolean=False),
        context("hazardous_work", "2026-01-01", valueString="on some days"),
    )
    assert found.context.hazardous_work is None
    assert codes(found.problems) == ["context-value"]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_void_statement_is_none(status: str) -> None:
    found = read(context("fall_risk", valueBoolean=True) | {"status": status})
    assert found.context.fall_risk is None


def test_an_unknown_context_is_a_problem_that_names_the_known_ones() -> None:
    found = read(context("hazardous_wrok", valueBoolean=True))
    assert codes(found.problems) == ["context-code"]
    assert "hazardous_work" in found.problems[0].message


@pytest.mark.parametrize(
    ("fields", "at", "refilled"),
    [
        ({"valueDateTime": "2025-12-01"}, "2026-01-05", "2025-12-01"),
        ({"valueDateTime": "2025-12-01"}, None, "2025-12-01"),
        ({"valueBoolean": True}, "2026-01-05", "2026-01-05"),
        ({}, "2026-01-05", "2026-01-05"),
    ],
)
def test_when_the_pump_was_refilled(fields: dict[str, Any], at: str | None, refilled: str) -> None:
    found = read(context("pump_refilled", at, **fields))
    assert str(found.context.pump_refilled) == refilled
    assert not found.problems


def test_a_refill_that_did_not_happen_or_has_no_date_is_no_refill() -> None:
    assert read(context("pump_refilled", valueBoolean=False)).context.pump_refilled is None
    undated = read(context("pump_refilled", None, valueBoolean=True))
    assert undated.context.pump_refilled is None
    assert codes(undated.problems) == ["context-value"]


@pytest.mark.parametrize(
    "value",
    [
        {"valueString": "Long term care"},
        {"valueString": "long-term-care"},
        {"valueCodeableConcept": {"text": "long-term-care"}},
        {"valueCodeableConcept": coding("urn:x", "long-term-care")},
    ],
)
def test_care_setting_as_stated(value: dict[str, Any]) -> None:
    assert read(context("care_setting", **value)).context.care_setting == "long-term-care"


def test_a_care_setting_that_is_none_of_those_known_is_a_problem() -> None:
    found = read(context("care_setting", valueString="a ship"))
    assert found.context.care_setting is None
    assert codes(found.problems) == ["context-value"]


# Encounters


@pytest.mark.parametrize(
    ("code", "setting"), [("AMB", "ambulatory"), ("IMP", "inpatient"), ("EMER", "emergency"), ("HH", "home")]
)
def test_the_class_of_an_encounter_in_progress(code: str, setting: str) -> None:
    assert read(encounter(code, "2026-01-05")).context.care_setting == setting


def test_finished_encounters_say_nothing() -> None:
    found = read(encounter("IMP", "2026-01-05", status="finished"))
    assert found.context.care_setting is None
    assert not found.notes


def test_of_two_encounters_the_later_counts_even_on_one_day() -> None:
    early = encounter("EMER", "2026-01-05T08:00:00Z", "e1")
    late = encounter("IMP", "2026-01-05T11:00:00Z", "e2")
    assert read(late, early).context.care_setting == "inpatient"
    undecided = read(encounter("EMER", "2026-01-05", "e1"), encounter("IMP", "2026-01-05", "e2"))
    assert undecided.context.care_setting is None
    assert codes(undecided.problems) == ["conflicting-statements"]


def test_a_class_in_the_form_of_r5_or_another_class_gives_no_setting() -> None:
    for odd in (encounter("VR", "2026"), encounter("IMP", "2026", **{"class": [coding("urn:x", "IMP")]})):
        found = read(odd)
        assert found.context.care_setting is None
        assert codes(found.notes) == ["encounter-class"]


# Alcohol


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("74013-4", {"valueQuantity": {"value": 0, "code": "/d"}}, False),
        ("74013-4", {"valueQuantity": {"value": 2, "code": "{wine glasses}/d"}}, True),
        ("74013-4", {"valueInteger": 0}, False),
        ("74013-4", {"valueQuantity": {"value": 1, "comparator": "<", "code": "/d"}}, None),
        ("74013-4", {"valueQuantity": {"value": 0, "comparator": ">", "code": "/d"}}, True),
        (
            "74013-4",
            {"valueRange": {"low": {"value": 0, "code": "/d"}, "high": {"value": 2, "code": "/d"}}},
            None,
        ),
        ("11331-6", {"valueCodeableConcept": {"text": "Current drinker"}}, True),
        ("11331-6", {"valueCodeableConcept": coding(SNOMED, "0", "Lifetime non-drinker (finding)")}, False),
        ("11331-6", {"valueBoolean": True}, True),
        ("11331-6", {"valueString": "former drinker"}, None),
        ("11331-6", {"valueString": "Yes, but not now"}, None),
    ],
)
def test_alcohol_use(code: str, value: dict[str, Any], expected: bool | None) -> None:
    found = read(stated(code, **value))
    assert found.context.alcohol_use is expected
    assert len(found.observations or ()) == 1
    assert not found.problems


def test_sources_of_alcohol_use_are_weighed_together() -> None:
    found = read(
        context("alcohol_use", "2025-01-01", valueBoolean=False),
        stated("74013-4", "2026-01-01", valueInteger=3),
    )
    assert found.context.alcohol_use is True


# Pregnancy and breastfeeding


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (coding(LOINC, "LA15173-0"), True),
        (coding(LOINC, "LA26683-5"), False),
        (coding(LOINC, "LA4489-6"), None),
        (coding(SNOMED, "77386006"), True),
        (coding(SNOMED, "60001007"), False),
        ({"text": "Pregnant"}, True),
        ({"text": "Not pregnant"}, False),
        ({"text": "not sure whether pregnant"}, None),
        ({"coding": [{"system": LOINC, "code": "LA15173-0"}], "text": "Not pregnant"}, None),
    ],
)
def test_pregnancy_status(answer: dict[str, Any], expected: bool | None) -> None:
    found = read(stated("82810-3", valueCodeableConcept=answer))
    assert found.pregnant is expected
    assert len(found.observations or ()) == 1
    assert not found.problems
    if expected is not None:
        assert "2026-01-05" in found.notes[0].message
    assert read_native(to_native(found)) == found


@pytest.mark.parametrize(
    ("code", "expected"), [("LA29252-6", True), ("LA29253-4", False), ("LA4489-6", None)]
)
def test_breastfeeding_status(code: str, expected: bool | None) -> None:
    found = read(stated("63895-7", valueCodeableConcept=coding(LOINC, code)), bound=knows_creatinine_only)
    assert found.lactating is expected
    assert "observations-not-bound" not in codes(found.notes)


def test_the_latest_pregnancy_status_counts_and_a_later_unknown_leaves_it_unknown() -> None:
    old, new = stated("82810-3", "2025-06-01", **NOT_PREGNANT), stated("82810-3", "2025-12-01", **PREGNANT)
    assert read(new, old).pregnant is True
    later = stated("82810-3", "2026-01-01", valueCodeableConcept=coding(LOINC, "LA4489-6"))
    assert read(new, old, later).pregnant is None
    absent = stated("82810-3", "2026-01-01", dataAbsentReason={"text": "asked but unknown"})
    assert read(new, old, absent).pregnant is None


def test_both_on_one_day_are_a_problem() -> None:
    found = read(stated("82810-3", **PREGNANT), stated("82810-3", **NOT_PREGNANT))
    assert found.pregnant is None
    assert codes(found.problems) == ["conflicting-statements"]


@pytest.mark.parametrize("answer", [PREGNANT, NOT_PREGNANT])
@pytest.mark.parametrize(("newest", "holds"), [("2026-10-12", True), ("2026-10-13", False)])
def test_an_old_status_does_not_hold(answer: dict[str, Any], newest: str, holds: bool) -> None:
    found = read(stated("82810-3", "2026-01-05", **answer), request(authoredOn=newest))
    assert (found.pregnant is not None) is holds
    assert ("pregnant-old" in codes(found.notes)) is not holds


def test_without_a_date_only_a_yes_is_used() -> None:
    assert read(stated("82810-3", None, **PREGNANT)).pregnant is True
    denied = read(stated("82810-3", None, **NOT_PREGNANT))
    assert denied.pregnant is None
    assert "pregnant-undated" in codes(denied.notes)


@pytest.mark.parametrize(
    ("code", "denied"),
    [
        ({"text": "Pregnancy, third trimester"}, True),
        (coding(ICD, "O09.90"), True),
        (coding(ICD, "Z34.90"), True),
        (coding(ICD, "G40.909"), False),
    ],
)
def test_a_no_is_not_used_beside_a_condition_that_says_yes(code: dict[str, Any], denied: bool) -> None:
    found = read(stated("82810-3", **NOT_PREGNANT), condition(code=code))
    assert found.pregnant is (None if denied else False)
    over = condition(code=code, clinicalStatus={"coding": [{"code": "resolved"}]})
    assert read(stated("82810-3", **NOT_PREGNANT), over).pregnant is False


def test_a_pregnant_man_is_a_problem() -> None:
    found = read(person(gender="male"), stated("82810-3", **PREGNANT))
    assert found.pregnant is None
    assert codes(found.problems) == ["pregnant-male"]


# Child-Pugh


def child_pugh(at: str = "2026-01-05", text: str = "Child-Pugh class", **value: Any) -> dict[str, Any]:
    made = observation(f"{at}-{value}", code={"text": text}, **value)
    return {**made, "effectiveDateTime": at}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueString": "B"}, "B"),
        ({"valueString": " c "}, "C"),
        ({"valueString": "Child-Pugh class B (7 points)"}, "B"),
        ({"valueCodeableConcept": {"text": "Class: A"}}, "A"),
        ({"valueCodeableConcept": coding(SNOMED, "0", "Child-Pugh class C (finding)")}, "C"),
        ({"valueString": "class A or class B"}, None),
        ({"valueString": "classic"}, None),
        ({"valueString": "D"}, None),
        ({"valueString": "ascites absent"}, None),
    ],
)
def test_a_stated_class(value: dict[str, Any], expected: str | None) -> None:
    assert read(child_pugh(**value)).child_pugh == expected


def test_the_code_may_name_it_and_need_not_be_bound() -> None:
    code = coding(SNOMED, "3191000175106", "Child-Turcotte-Pugh score")
    found = read(observation(code=code, valueString="B"), bound=knows_creatinine_only)
    assert found.child_pugh == "B"
    assert found.observations is None
    assert codes(found.notes) == ["child-pugh-stated"]


@pytest.mark.parametrize(
    "value", [{"valueInteger": 8}, {"valueQuantity": {"value": 8, "unit": "{score}"}}, {"valueString": "8"}]
)
def test_a_total_is_kept_as_an_observation(value: dict[str, Any]) -> None:
    code = coding(SNOMED, "3191000175106", "Child-Pugh score")
    found = read(observation(code=code, **value), bound=knows_creatinine_only)
    assert found.child_pugh is None
    assert found.observations is not None
    one = found.observations[0]
    assert (one.concept, str(one.value), str(one.at)) == ("child_pugh_score", "8", "2026-01-05")
    assert one.value is not None
    assert one.value.unit == "1"


@pytest.mark.parametrize("value", [4, 16, 2])
def test_points_that_are_no_total_are_none(value: int) -> None:
    found = read(
        child_pugh(text="Child-Pugh ascites points", valueInteger=value), child_pugh(valueString="B")
    )
    assert found.child_pugh == "B"
    assert not any(one.concept for one in found.observations or ())
    assert "child-pugh-not-read" in codes(found.notes)


def test_the_latest_class_counts_and_a_later_total_replaces_it() -> None:
    old, new = child_pugh("2025-01-01", valueString="A"), child_pugh("2026-01-01", valueString="B")
    assert read(new, old).child_pugh == "B"
    total = child_pugh("2026-01-02", valueInteger=11)
    found = read(old, new, total)
    assert found.child_pugh is None
    assert [one.concept for one in found.observations or ()].count("child_pugh_score") == 1


@pytest.mark.parametrize("other", [{"valueString": "C"}, {"valueInteger": 12}])
def test_classes_that_contradict_each_other_are_a_problem(other: dict[str, Any]) -> None:
    found = read(child_pugh(valueString="A"), child_pugh(**other))
    assert found.child_pugh is None
    assert codes(found.problems) == ["conflicting-statements"]


def test_a_class_and_its_total_agree() -> None:
    found = read(child_pugh(valueString="C"), child_pugh(valueInteger=12))
    assert found.child_pugh == "C"
    assert not found.problems


# What must not become a fact of the patient


def test_family_history_is_no_condition() -> None:
    family = {
        "resourceType": "FamilyMemberHistory",
        "id": "f1",
        "status": "completed",
        "patient": {"reference": "Patient/p1"},
        "relationship": {"text": "mother"},
        "condition": [{"code": {"text": "Epilepsy"}}],
    }
    assert read(family).conditions is None
    assert [one.text for one in read(family, condition(code={"text": "Asthma"})).conditions or ()] == [
        "Asthma"
    ]
