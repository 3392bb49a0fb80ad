"""Patients, conditions, allergies and observations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapters.builder import (
    LOINC,
    UCUM,
    allergy,
    bundle,
    codes,
    condition,
    observation,
    patients,
    person,
    read,
    rejects,
    request,
)
from caveat.adapters import read_bundle
from caveat.facts.values import Quantity


def test_partial_birth_date_sex_and_death() -> None:
    found = read(person(birthDate="1960-05", gender="male", deceasedDateTime="2025-01-01"))
    assert str(found.birth_date) == "1960-05"
    assert (found.sex, found.deceased) == ("male", True)
    assert read(person(gender="other")).sex is None


def test_lists_without_a_resource_are_unknown_and_never_empty() -> None:
    found = read(person())
    assert (found.orders, found.conditions, found.allergies, found.observations) == (None, None, None, None)


def test_an_unreadable_birth_date_is_a_problem() -> None:
    found = read(person(birthDate="04/05/1960"))
    assert found.birth_date is None
    assert codes(found.problems) == ["date"]


@pytest.mark.parametrize("birth", ["1800-01-01", "2200-12-31"])
def test_far_dates_are_dates(birth: str) -> None:
    found = read(person(birthDate=birth))
    assert str(found.birth_date) == birth
    assert not found.problems


# Conditions


def test_condition_keeps_codes_as_written() -> None:
    coding = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G40909"}]
    found = read(
        condition(
            code={"coding": coding},
            clinicalStatus={"coding": [{"code": "active"}]},
            verificationStatus={"coding": [{"code": "confirmed"}]},
            onsetDateTime="2020",
            abatementPeriod={"start": "2021", "end": "2022"},
        )
    )
    assert found.conditions is not None
    one = found.conditions[0]
    assert (one.codes[0].system, one.codes[0].code) == ("icd10cm", "G40909")
    assert (one.clinical_status, one.verification) == ("active", "confirmed")
    assert (str(one.onset), str(one.abatement)) == ("2020", "2022")


def test_condition_statuses() -> None:
    assert read(condition(verificationStatus={"coding": [{"code": "entered-in-error"}]})).conditions is None
    refuted = read(condition(verificationStatus={"coding": [{"code": "refuted"}]})).conditions
    assert refuted is not None
    assert refuted[0].verification == "refuted"
    assert read(condition()).conditions[0].clinical_status is None  # type: ignore[index]


@pytest.mark.parametrize("form", [{"onsetAge": {"value": 5, "unit": "a"}}, {"onsetString": "as a child"}])
def test_an_onset_that_is_no_date_is_noted(form: dict[str, Any]) -> None:
    found = read(condition(**form))
    assert found.conditions is not None
    assert found.conditions[0].onset is None
    assert codes(found.notes) == ["onset-not-a-date"]


def test_a_condition_that_names_nothing_is_a_problem() -> None:
    found = read(condition(code={}))
    assert found.conditions is None
    assert codes(found.problems) == ["condition-unnamed"]


# Allergies


def test_allergy_with_reactions() -> None:
    reactions = [
        {"manifestation": [{"text": "rash"}], "severity": "mild"},
        {"manifestation": [{"text": "shock"}], "severity": "severe"},
    ]
    found = read(allergy(type="intolerance", criticality="high", reaction=reactions))
    assert found.allergies is not None
    one = found.allergies[0]
    assert (one.type, one.criticality, one.severity) == ("intolerance", "high", "severe")
    assert [reaction.text for reaction in one.reactions] == ["rash", "shock"]


def test_the_substance_of_a_reaction_stands_in_for_the_code() -> None:
    found = read(allergy(code=None, reaction=[{"substance": {"text": "baclofen"}}]))
    assert found.allergies is not None
    assert found.allergies[0].text == "baclofen"


def test_no_known_allergy_is_kept_as_it_is() -> None:
    nothing = {
        "resourceType": "List",
        "id": "l1",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": LOINC, "code": "52472-8"}]},
        "emptyReason": {"coding": [{"system": "urn:x", "code": "nilknown", "display": "Nil Known"}]},
    }
    found = read(nothing)
    assert found.allergies is not None
    assert found.allergies[0].codes[0].code == "nilknown"


# Observations


def test_value_with_comparator_takes_the_ucum_code() -> None:
    value = {
        "value": 0.3,
        "comparator": "<",
        "unit": "milligrams per deciliter",
        "system": UCUM,
        "code": "mg/dL",
    }
    found = read(observation(valueQuantity=value))
    assert found.observations is not None
    assert found.observations[0].value == Quantity(Decimal("0.3"), "mg/dL", "<")


def test_decimals_are_kept_exactly() -> None:
    data = bundle(person(), observation(valueQuantity={"value": 0, "unit": "mg/dL"})).replace(
        b'"value": 0', b'"value": 1.10000000000000000001'
    )
    found = patients(read_bundle(data))[0]
    assert found.observations is not None
    assert found.observations[0].value is not None
    assert found.observations[0].value.value == Decimal("1.10000000000000000001")


def test_a_value_without_a_unit_keeps_an_empty_unit() -> None:
    found = read(observation(valueQuantity={"value": 1.2}))
    assert found.observations is not None
    assert found.observations[0].value == Quantity(Decimal("1.2"), "")
    assert codes(found.notes) == ["value-without-unit"]


@pytest.mark.parametrize(
    ("field", "value", "answer"),
    [
        ({"valueString": "<0.3 mg/dL"}, "<0.3 mg/dL", None),
        ({"valueString": "not detected"}, None, "not detected"),
        ({"valueString": "7 or 8"}, None, "7 or 8"),
        ({"valueInteger": 9}, "9", None),
        ({"valueBoolean": True}, None, "true"),
        ({"valueCodeableConcept": {"text": "Positive"}}, None, "Positive"),
        (
            {"valueRange": {"low": {"value": 1, "unit": "mg/dL"}, "high": {"value": 2, "unit": "mg/dL"}}},
            "1-2 mg/dL",
            None,
        ),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, None, "1:128"),
    ],
)
def test_forms_of_a_value(field: dict[str, Any], value: str | None, answer: str | None) -> None:
    found = read(observation(**field))
    assert found.observations is not None
    one = found.observations[0]
    assert (None if one.value is None else str(one.value)) == value
    assert (None if one.answer is None else one.answer.text) == answer


def test_absent_data_keep_the_observation_without_a_value() -> None:
    found = read(observation(dataAbsentReason={"text": "not performed"}))
    assert found.observations is not None
    assert (found.observations[0].value, found.observations[0].answer) == (None, None)
    assert codes(found.notes) == ["value-absent"]


def test_components_are_observations_of_their_own() -> None:
    parts = [
        {
            "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
            "valueQuantity": {"value": 120, "unit": "mm[Hg]"},
        },
        {
            "code": {"coding": [{"system": LOINC, "code": "8462-4"}]},
            "valueQuantity": {"value": 80, "unit": "mm[Hg]"},
        },
    ]
    found = read(observation(component=parts))
    assert found.observations is not None
    assert [(o.codes[0].code, str(o.value)) for o in found.observations] == [
        ("8480-6", "120 mm[Hg]"),
        ("8462-4", "80 mm[Hg]"),
    ]
    assert {str(o.at) for o in found.observations} == {"2026-01-05"}


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_observations_that_are_void_are_left_out_with_a_note(status: str) -> None:
    found = read(observation(status=status, valueQuantity={"value": 1, "unit": "mg/dL"}))
    assert found.observations is None
    assert codes(found.notes) == [f"{status}-observation"]


def test_preliminary_values_say_so() -> None:
    for status, preliminary in (
        ("preliminary", True),
        ("registered", True),
        ("final", False),
        ("amended", False),
    ):
        found = read(observation(status=status, valueQuantity={"value": 1, "unit": "mg/dL"}))
        assert found.observations is not None
        assert found.observations[0].preliminary is preliminary


@pytest.mark.parametrize(
    ("field", "at"),
    [
        ({"effectivePeriod": {"start": "2026-01-01", "end": "2026-01-03"}}, "2026-01-03"),
        ({"effectiveInstant": "2026-01-01T10:00:00Z"}, "2026-01-01T10:00:00Z"),
        ({"issued": "2026-01-01T10:00:00Z"}, "2026-01-01T10:00:00Z"),
        ({}, None),
    ],
)
def test_time_of_an_observation(field: dict[str, Any], at: str | None) -> None:
    found = read(observation(effectiveDateTime=None, valueInteger=1, **field))
    assert found.observations is not None
    one = found.observations[0].at
    assert (None if one is None else str(one)) == at


def test_unbound_observations_are_counted_in_one_note() -> None:
    other = {"coding": [{"system": LOINC, "code": "0-0"}]}
    found = read(
        observation("1", valueInteger=1),
        observation("2", valueInteger=1, code=other),
        observation("3", valueInteger=1, code=other),
        observation("4", valueInteger=1, code={"text": "creatinine"}),
        bound=lambda code: code.system == "loinc" and code.code == "2160-0",
    )
    assert found.observations is not None
    assert [one.id for one in found.observations] == ["1", "4"]
    assert [(n.code, n.count) for n in found.notes] == [("observations-not-bound", 2)]


# Of all resources


def test_invisible_characters_are_taken_out_and_noted() -> None:
    found = read(condition(code={"text": "Epi\u200blepsy"}))
    assert found.conditions is not None
    assert found.conditions[0].text == "Epilepsy"
    assert codes(found.notes) == ["invisible-characters"]


def test_a_very_long_text_is_cut_with_a_problem() -> None:
    found = read(request(medicationCodeableConcept={"text": "x" * 10_000_000}))
    assert found.orders is not None
    assert len(found.orders[0].text or "") == 2000
    assert codes(found.problems) == ["text-too-long"]


def test_of_versions_with_one_id_the_newest_counts() -> None:
    old = request(status="active", meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    new = request(status="stopped", meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    for pair in ((old, new), (new, old)):
        found = read(*pair)
        assert found.orders is not None
        assert [one.status for one in found.orders] == ["stopped"]
        assert codes(found.notes) == ["duplicate-id"]


def test_entries_with_one_id_that_cannot_be_ordered_are_all_kept() -> None:
    found = read(request(), request(medicationCodeableConcept={"text": "warfarin"}), request())
    assert found.orders is not None
    assert {one.text for one in found.orders} == {"baclofen 10 mg tablet", "warfarin"}
    assert len({one.id for one in found.orders}) == 2
    assert set(codes(found.notes)) == {"duplicate-id", "same-id-different"}


def test_an_outcome_with_errors_keeps_the_record_from_being_clear() -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "diagnostics": "timed out"}],
    }
    assert codes(read(outcome, request()).problems) == ["source-error"]
    outcome["issue"][0]["severity"] = "warning"  # type: ignore[index]
    found = read(outcome, request())
    assert (codes(found.problems), codes(found.notes)) == ([], ["source-warning"])


def test_a_further_page_is_missed() -> None:
    link = [{"relation": "next", "url": "http://server/page2"}]
    found = patients(read_bundle(bundle(person(), request(), type="searchset", link=link)))[0]
    assert codes(found.problems) == ["more-pages"]


# Whose resource it is


def test_resources_go_to_their_own_patient() -> None:
    data = bundle(person("p1"), person("p2"), request("1"), request("2", subject={"reference": "Patient/p2"}))
    found = {one.id: one for one in patients(read_bundle(data))}
    assert [o.id for o in found["p1"].orders or ()] == ["1"]
    assert [o.id for o in found["p2"].orders or ()] == ["2"]


def test_urn_and_conditional_subjects() -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": person("p1", identifier=[{"system": "urn:mrn", "value": "7"}])},
        {"resource": person("p2")},
        {"resource": request("1", subject={"reference": "urn:uuid:1"})},
        {"resource": request("2", subject={"reference": "Patient?identifier=urn:mrn|7"})},
        {"resource": request("3", subject={"identifier": {"system": "urn:mrn", "value": "7"}})},
    ]
    found = patients(read_bundle(bundle(entry=entries)))
    assert [o.id for o in found[0].orders or ()] == ["1", "2", "3"]
    assert found[1].orders is None


def test_a_patient_that_is_not_there_is_judged_with_a_problem() -> None:
    found = patients(read_bundle(bundle(request())))
    assert [one.id for one in found] == ["p1"]
    assert codes(found[0].problems) == ["patient-missing"]
    assert found[0].orders is not None


def test_a_resource_without_subject_belongs_to_the_only_patient_else_is_rejected() -> None:
    found = read(request(subject=None))
    assert found.orders is not None
    assert codes(found.notes) == ["subject-assumed"]
    several = read_bundle(bundle(person("p1"), person("p2"), request(subject=None)))
    assert [one.code for one in rejects(several)] == ["no-subject"]
    assert not rejects(several)[0].harmless


def test_one_odd_resource_does_not_cost_the_others() -> None:
    odd = condition("c2", onsetDateTime=5, recordedDate={"a": 1})
    found = read(request(), odd, observation(valueInteger=1))
    assert (len(found.orders or ()), len(found.conditions or ()), len(found.observations or ())) == (1, 1, 1)
    assert [p.path for p in found.problems] == ["Condition/c2.onsetDateTime", "Condition/c2.recordedDate"]


def test_entries_that_are_no_resources_are_problems() -> None:
    data = bundle(entry=[{"resource": person()}, 5, {"resource": [1]}, {"resource": {"id": "x"}}])
    found = patients(read_bundle(data))[0]
    assert codes(found.problems) == ["entry", "entry", "entry"]


def test_an_unknown_type_is_noted() -> None:
    assert codes(read({"resourceType": "Wizard"}).notes) == ["unknown-type"]


@pytest.mark.parametrize(
    "odd",
    [
        request(medicationCodeableConcept=None, medication={"concept": {"text": "baclofen"}}),
        condition(clinicalStatus="active"),
        {"resourceType": "MedicationOrder", "patient": {"reference": "Patient/p1"}},
    ],
)
def test_another_version_of_fhir_is_set_aside(odd: dict[str, Any]) -> None:
    found = read_bundle(bundle(person(), odd), source="x.json")
    assert [one.code for one in rejects(found)] == ["fhir-version"]
    assert not patients(found)
    assert "R4" in str(found[0])


def test_deleted_resources_of_a_history_are_gone() -> None:
    entries = [
        {"request": {"method": "DELETE", "url": "MedicationRequest/o1"}},
        {"resource": request("o1")},
        {"resource": request("o2", status="stopped")},
        {"resource": request("o2", status="active")},
        {"resource": person()},
    ]
    found = patients(read_bundle(bundle(type="history", entry=entries)))[0]
    assert [(o.id, o.status) for o in found.orders or ()] == [("o2", "stopped")]


def test_bundles_inside_a_bundle_are_read() -> None:
    inner = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": request()}]}
    found = read(person(), inner)
    assert len(found.orders or ()) == 1
