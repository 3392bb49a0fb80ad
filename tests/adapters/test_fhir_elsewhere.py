"""Records as systems of many countries and ages write them: units, codes, texts, versions, envelopes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.builder import (
    UCUM,
    allergy,
    bundle,
    codes,
    condition,
    dosage,
    mg,
    observation,
    order,
    patients,
    person,
    read,
    rejects,
    request,
)
from caveat.adapters import read_bundle, read_records
from caveat.adapters.fhir.results import worded_quantity
from caveat.adapters.fhir.values import unit_of

SNOMED = "http://snomed.info/sct"
FORMS = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"


# Units


@pytest.mark.parametrize(
    ("unit", "system", "code", "read_as"),
    [
        ("mmol/L", SNOMED, "258813002", "mmol/L"),
        ("umol/L", UCUM, "258814008", "umol/L"),
        (None, SNOMED, "258684004", "mg"),
        (None, SNOMED, "99999999", "code 99999999"),
        ("tablet", SNOMED, "428673006", "tablet"),
        (None, FORMS, "TAB", "TAB"),
        ("Tablette", FORMS, "TAB", "{tablet}"),
        ("St\u00fcck", UCUM, "1", "{piece}"),
        ("comprim\u00e9s", None, None, "{tablet}"),
        ("IE", None, None, "IE"),
        ("mEq/L", "http://hospital.example/units", "x12", "mEq/L"),
        ("mg", "https://unitsofmeasure.org", "mg", "mg"),
        ("tablet", UCUM, "1", "tablet"),
        ("Quaddel", None, None, "Quaddel"),
    ],
)
def test_units_of_other_systems_and_languages(
    unit: str | None, system: str | None, code: str | None, read_as: str
) -> None:
    assert unit_of(unit, system, code) == (read_as, None)


@pytest.mark.parametrize(
    "system", [UCUM, "https://unitsofmeasure.org", None, "http://hospital.example/units"]
)
def test_a_printed_unit_that_contradicts_its_code_is_told(system: str | None) -> None:
    assert unit_of("mg/dL", system, "umol/L") == ("umol/L", "mg/dL")


# Results


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("6.1 mmol/L (H)", "6.1 mmol/L"),
        ("6.1 mmol/L H", "6.1 mmol/L"),
        ("6.1 mmol/L L", "6.1 mmol/L"),
        ("6.1 mmol/L *", "6.1 mmol/L"),
        ("6,1 mmol/L", "6.1 mmol/L"),
        ("<0,3 mg/dL", "<0.3 mg/dL"),
        ("0,125 mg/L", "0.125 mg/L"),
        ("5 ft 3 in", "63 [in_i]"),
        ("5' 3\"", "63 [in_i]"),
        ("9 st 6 lb", "132 [lb_av]"),
        ("7 lb 4 oz", "116 [oz_av]"),
        ("5 L", "5 L"),
        ("6.1 (H)", "6.1"),
        ("6.1 H", "6.1"),
    ],
)
def test_results_in_words(text: str, read_as: str) -> None:
    assert str(worded_quantity(text)) == read_as


@pytest.mark.parametrize("text", ["1,234 mg/L", "1:40", "120/80", "9 st 20 lb", "see comment", "3+"])
def test_words_that_are_no_single_result(text: str) -> None:
    assert worded_quantity(text) is None


def test_a_value_that_contradicts_itself_is_kept_as_written() -> None:
    value = {"value": 1.4, "unit": "umol/L", "system": UCUM, "code": "mg/dL"}
    found = read(observation(valueQuantity=value))
    assert found.observations is not None
    one = found.observations[0]
    assert (one.value, str(one.answer)) == (None, "1.4 umol/L (coded mg/dL)")
    assert codes(found.problems) == ["unit-conflict"]


@pytest.mark.parametrize(
    ("timing", "at"),
    [
        ({"event": ["2026-01-03", "2026-01-04T08:00:00Z"]}, "2026-01-04T08:00:00Z"),
        ({"repeat": {"boundsPeriod": {"start": "2026-01-03", "end": "2026-01-04"}}}, "2026-01-04"),
        ({"code": {"text": "daily"}}, None),
        ("daily", None),
    ],
)
def test_an_observation_made_at_listed_times(timing: Any, at: str | None) -> None:
    made = observation(effectiveTiming=timing, valueQuantity={"value": 1, "unit": "mg/dL"})
    del made["effectiveDateTime"]
    found = read(made)
    assert found.observations is not None
    assert (found.observations[0].at and str(found.observations[0].at)) == at
    assert codes(found.notes) == ([] if at else ["observation-undated"])


def test_an_offset_without_its_colon() -> None:
    found = read(observation(effectiveDateTime="2026-01-05T08:00:00.000+0100", valueInteger=1))
    assert found.observations is not None
    assert str(found.observations[0].at) == "2026-01-05T08:00:00.000+01:00"
    assert found.problems == ()


# Conditions


@pytest.mark.parametrize(
    ("system", "code", "kept"),
    [
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "I50.14", "I50.1"),
        ("http://hl7.org/fhir/sid/icd-10-am", "N18.5", "N18.5"),
        ("http://fhir.de/CodeSystem/dimdi/icd-10-gm", "E11.90\u2020", "E11.9"),
        ("https://smt.esante.gouv.fr/terminologie-cim-10", "K25", "K25"),
        ("http://example.org/ICD10-GM", "K250", "K25.0"),
    ],
)
def test_national_editions_of_icd_10_count_by_their_first_four_characters(
    system: str, code: str, kept: str
) -> None:
    found = read(condition(code={"coding": [{"system": system, "code": code, "display": "x"}]}))
    assert found.conditions is not None
    assert [(one.system, one.code) for one in found.conditions[0].codes] == [(system, code), ("icd10", kept)]


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("http://www.cms.gov/Medicare/Coding/ICD10-PCS", "0DT60ZZ"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I50.14"),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "-"),
    ],
)
def test_other_codes_stay_alone(system: str, code: str) -> None:
    found = read(condition(code={"coding": [{"system": system, "code": code}]}))
    assert found.conditions is not None
    assert len(found.conditions[0].codes) == 1


def certain(code: str, **fields: Any) -> dict[str, Any]:
    url = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"
    extension = [{"url": url, "valueCoding": {"code": code}}]
    one = {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "K25.0", "extension": extension}
    return condition(code={"coding": [one]}, **fields)


def verified(code: str) -> dict[str, Any]:
    return {"verificationStatus": {"coding": [{"code": code}]}}


@pytest.mark.parametrize(
    ("code", "fields", "verification", "status"),
    [
        ("G", {}, "confirmed", None),
        ("V", {}, "provisional", None),
        ("A", {}, "refuted", None),
        ("Z", {}, None, "resolved"),
        ("Z", {"clinicalStatus": {"coding": [{"code": "active"}]}}, None, "active"),
        ("A", verified("confirmed"), "differential", None),
        ("V", verified("confirmed"), "provisional", None),
        ("G", verified("refuted"), "differential", None),
        ("G", verified("provisional"), "provisional", None),
    ],
)
def test_the_certainty_of_a_german_diagnosis(
    code: str, fields: dict[str, Any], verification: str | None, status: str | None
) -> None:
    found = read(certain(code, **fields))
    assert found.conditions is not None
    assert (found.conditions[0].verification, found.conditions[0].clinical_status) == (verification, status)
    assert codes(found.notes) == ["condition-certainty"]


# Other versions of FHIR


def statement(**fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "warfarin 5 mg"},
        **fields,
    }


OTHERS: dict[str, dict[str, Any]] = {
    "taken is of STU3": statement(taken="n"),
    "was not taken is of DSTU2": statement(wasNotTaken=True),
    "patient is of DSTU2": statement(patient={"reference": "Patient/p1"}),
    "not given is of STU3": {
        **statement(notGiven=True),
        "resourceType": "MedicationAdministration",
        "status": "completed",
    },
    "not done is of STU3": {**statement(notDone=True), "resourceType": "MedicationDispense"},
    "patient of a condition is of DSTU2": {**condition(), "patient": {"reference": "Patient/p1"}},
    "substance is of DSTU2": allergy(substance={"text": "penicillin"}),
    "medication is of R5": request(medicationCodeableConcept=None, medication={"concept": {"text": "x"}}),
}


@pytest.mark.parametrize("resource", OTHERS.values(), ids=OTHERS)
def test_what_only_another_version_has_sets_the_bundle_aside(resource: dict[str, Any]) -> None:
    found = read_bundle(bundle(person(), resource, request()))
    assert patients(found) == []
    assert [one.code for one in rejects(found)] == ["fhir-version"]


@pytest.mark.parametrize("resource", OTHERS.values(), ids=OTHERS)
def test_on_a_line_of_its_own_it_is_never_clear(resource: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text("".join(json.dumps(one) + "\n" for one in (person(), resource)))
    found = list(read_records([tmp_path / "x.ndjson"]))
    assert [one.code for one in rejects(found)] == ["fhir-version"]
    assert all(one.problems for one in patients(found))


# Envelopes


def entry(resource: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {**({} if resource is None else {"resource": resource}), **fields}


def responses(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": list(entries)}).encode()


def search(*resources: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bundle(*resources, type="searchset", **fields))
    return found


FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}


@pytest.mark.parametrize(
    "response",
    [
        {"status": "403", "outcome": FAILED},
        {"status": "404 Not Found"},
        {"status": "500"},
        {"status": "200", "outcome": FAILED},
    ],
)
def test_a_refused_part_of_a_batch_is_a_problem(response: dict[str, Any]) -> None:
    for answers in ([entry(person())], [entry(person()), entry(search(request()))]):
        found = patients(read_bundle(responses(*answers, entry(response=response))))
        assert [codes(one.problems) for one in found] == [["entry"]]


def test_what_a_transaction_wrote_is_none() -> None:
    found = patients(read_bundle(responses(entry(person()), entry(response={"status": "201 Created"}))))
    assert found[0].problems == ()


def test_a_further_page_of_a_bundle_inside_is_a_problem() -> None:
    page = search(request(), link=[{"relation": "next", "url": "https://fhir.example/2"}])
    found = patients(read_bundle(responses(entry(person()), entry(search(total=0)), entry(page))))
    assert [(one.code, one.value) for one in found[0].problems] == [("more-pages", "https://fhir.example/2")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"total": 40}, ["more-pages"]),
        ({"total": 2}, []),
        ({"total": 40, "link": [{"relation": "previous", "url": "x"}]}, []),
        ({"total": 40, "link": [{"relation": "self", "url": "https://h/Patient?_page=2"}]}, []),
        ({"total": 40, "link": [{"relation": "self", "url": "https://h/Patient?_id=1"}]}, ["more-pages"]),
    ],
)
def test_fewer_results_than_were_found(fields: dict[str, Any], said: list[str]) -> None:
    found = patients(read_bundle(bundle(person(), request(), type="searchset", **fields)))
    assert codes(found[0].problems) == said


def parameters(*given: dict[str, Any]) -> str:
    return json.dumps({"resourceType": "Parameters", "parameter": list(given)})


@pytest.mark.parametrize(
    "text",
    [
        parameters({"name": "return", "resource": search(person(), request())}),
        parameters(
            {"name": "a", "resource": person()}, {"name": "b", "part": [{"name": "c", "resource": request()}]}
        ),
        parameters({"name": "a", "resource": person()}, {"name": "b", "resource": search(request())}),
    ],
)
def test_the_answer_to_an_operation(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    found = patients(read_records([tmp_path / "x.json"]))
    assert [one.id for one in found] == ["p1"]
    assert found[0].orders is not None
    assert len(found[0].orders) == 1


def test_parameters_without_resources_hold_no_record(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(parameters({"name": "a", "valueString": "x"}))
    assert [one.code for one in rejects(read_records([tmp_path / "x.json"]))][:1] == ["no-patient"]


def test_a_dose_of_a_coded_unit() -> None:
    amount = {"value": 2, "system": SNOMED, "code": "428673006"}
    assert str(order(dosageInstruction=[dosage(amount)]).dose) == "2 {tablet}"
    assert str(order(dosageInstruction=[dosage(mg(5))]).dose) == "5 mg"
