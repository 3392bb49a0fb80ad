"""What records say of themselves in codes or words of their own: none known, nothing known, ruled out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.builder import SUBJECT, allergy, codes, condition, dosage, order, person, read, request
from cohort.bulk_records import assert_same

ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
SNOMED = "http://snomed.info/sct"
REASONS = "http://terminology.hl7.org/CodeSystem/list-empty-reason"


def coded(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def statement(concept: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "active",
        "subject": SUBJECT,
        "medicationCodeableConcept": concept,
        **fields,
    }


SUPPLY = {"expectedSupplyDuration": {"value": 90, "unit": "d", "code": "d"}}


# Medicines


@pytest.mark.parametrize(
    "concept",
    [
        coded(ABSENT, "no-known-medications"),
        coded(SNOMED, "787481004", "No known medications"),
        coded(SNOMED, "1234391000168107"),
        {"text": "No known medications"},
        {"text": "Keine Medikation bekannt"},
    ],
)
def test_no_known_medicine_empties_the_list(concept: dict[str, Any]) -> None:
    assert read(statement(concept)).orders == ()
    both = read(statement(concept), request()).orders
    assert both is not None
    assert [one.id for one in both] == ["o1"]


@pytest.mark.parametrize(
    "concept", [{"text": "None of the usual"}, {"text": "no known medications", "coding": [{"code": "1"}]}]
)
def test_other_words_are_a_medicine_that_is_not_known(concept: dict[str, Any]) -> None:
    found = read(statement(concept)).orders
    assert found is not None
    assert len(found) == 1


def test_a_statement_that_names_its_request_is_no_second_order() -> None:
    named = {"text": "baclofen 10 mg tablet"}
    for link in ("basedOn", "derivedFrom"):
        found = read(request(), statement(named, **{link: [{"reference": "MedicationRequest/o1"}]}))
        assert [one.id for one in found.orders or ()] == ["o1"]
        assert codes(found.notes) == ["statement-folded"]
    apart = read(
        request(), statement({"text": "tizanidine"}, basedOn=[{"reference": "MedicationRequest/o1"}])
    )
    assert [one.id for one in apart.orders or ()] == ["o1", "s1"]
    assert [one.id for one in read(request(), statement(named)).orders or ()] == ["o1", "s1"]


@pytest.mark.parametrize(
    ("text", "dose", "frequency", "daily"),
    [
        ("1 comprim\u00e9 par jour", "1 {tablet}", "1 /d", "None"),
        ("1 comprimido al d\u00eda", "1 {tablet}", "1 /d", "None"),
        ("1 tablet per dag", "1 {tablet}", "1 /d", "None"),
        ("1/2 tablet per day", "0.5 {tablet}", "1 /d", "None"),
        ("3 comprim\u00e9s par jour", "None", ">=1 /d", "3 {tablet}/d"),
        ("30 mg/day", "None", ">=1 /d", "30 mg/d"),
        ("30 mg daily in 3 divided doses", "None", "3 /d", "30 mg/d"),
    ],
)
def test_an_amount_of_a_day_is_taken_every_day(text: str, dose: str, frequency: str, daily: str) -> None:
    """Methotrexate `1 comprim\u00e9 par jour` was never told to be more often than weekly."""
    one = order(dosageInstruction=[dosage(text=text)])
    assert (str(one.dose), str(one.frequency), str(one.daily_dose)) == (dose, frequency, daily)


# Problems and allergies


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"text": "Ruled out"}, "refuted"),
        ({"text": "Suspected"}, "provisional"),
        ({"text": "confirmed "}, "confirmed"),
        ({"coding": [{"display": "Entered in Error"}]}, None),
        (coded(SNOMED, "410516002"), "refuted"),
        (coded(SNOMED, "415684004"), "provisional"),
        (coded(SNOMED, "410605003"), "confirmed"),
    ],
)
def test_a_verification_status_in_words(said: dict[str, Any], meant: str | None) -> None:
    found = read(condition(verificationStatus=said))
    assert [one.verification for one in found.conditions or ()] == ([] if meant is None else [meant])
    assert found.problems == ()


@pytest.mark.parametrize("said", [{"text": "not ruled out"}, {"text": "?"}])
def test_other_words_leave_it_unknown_with_a_problem(said: dict[str, Any]) -> None:
    found = read(condition(verificationStatus=said))
    assert [one.verification for one in found.conditions or ()] == [None]
    assert codes(found.problems) == ["status"]


def test_nothing_known_is_no_entry() -> None:
    for made, name in (
        (condition(code=coded(ABSENT, "no-problem-info")), "conditions"),
        (allergy(code=coded(ABSENT, "no-allergy-info")), "allergies"),
        (allergy(code=coded(ABSENT, "no-known-food-allergies")), "allergies"),
        (allergy(code=coded(SNOMED, "429625007", "No known food allergy")), "allergies"),
        (allergy(code={"text": "No known latex allergy"}), "allergies"),
        (allergy(code={"text": "No known allergy to peanuts"}), "allergies"),
    ):
        found = read(made)
        assert getattr(found, name) is None
        assert codes(found.notes) == ["nothing-known"]


@pytest.mark.parametrize(
    "text", ["No known allergy to penicillins", "No known drug allergies", "latex allergy"]
)
def test_what_concerns_medicines_is_kept(text: str) -> None:
    assert [one.text for one in read(allergy(code={"text": text})).allergies or ()] == [text]


def test_none_known_without_a_display_is_put_in_words() -> None:
    found = read(
        condition(code=coded(ABSENT, "no-known-problems")), allergy(code=coded(ABSENT, "no-known-allergies"))
    )
    assert [one.text for one in found.conditions or ()] == ["No known problems"]
    assert [one.text for one in found.allergies or ()] == ["No known allergies"]


# Extensions that may turn a meaning round


@pytest.mark.parametrize("made", [request(), condition(), allergy()])
def test_a_modifier_extension_is_a_problem(made: dict[str, Any]) -> None:
    turned = {**made, "modifierExtension": [{"url": "urn:negated", "valueBoolean": True}]}
    found = read(turned)
    assert [(one.code, one.value) for one in found.problems] == [("modifier-extension", "urn:negated")]
    assert (found.orders or found.conditions or found.allergies) is not None
    assert read({**made, "modifierExtension": []}).problems == ()


# Sections of a document


def document(*sections: tuple[str, str | None], status: str = "final", **more: Any) -> dict[str, Any]:
    listed = [
        {
            "code": coded("http://loinc.org", code),
            **({"emptyReason": coded(REASONS, reason)} if reason else {}),
            **more,
        }
        for code, reason in sections
    ]
    return {"resourceType": "Composition", "id": "d", "status": status, "subject": SUBJECT, "section": listed}


def test_a_section_without_entries_for_want_of_any_empties_its_list() -> None:
    found = read(document(("10160-0", "nilknown"), ("48765-2", "nilknown"), ("11450-4", "nilknown")))
    assert (found.orders, found.allergies, found.conditions) == ((), (), ())
    assert (found.complete.orders, found.complete.allergies) == ("open", "open")
    assert codes(found.notes) == ["section-empty"] * 3


def test_any_other_reason_leaves_it_unknown() -> None:
    found = read(document(("10160-0", "unavailable"), ("48765-2", "notasked")))
    assert (found.orders, found.allergies) == (None, None)
    assert (found.complete.orders, found.complete.allergies) == ("unknown", "unknown")
    assert read(document(("10160-0", "nilknown"), entry=[{"reference": "x"}])).complete.orders == "unknown"


def test_entries_beside_it_are_kept() -> None:
    found = read(document(("10160-0", "nilknown")), request())
    assert [one.id for one in found.orders or ()] == ["o1"]
    assert found.complete.orders == "unknown"
    assert codes(found.notes) == ["section-empty", "list-not-empty"]


def test_a_document_in_error_or_a_part_of_a_record_empties_nothing() -> None:
    assert read(document(("10160-0", "nilknown"), status="entered-in-error")).orders is None
    assert read(document(("10160-0", None))).orders is None


@pytest.mark.parametrize("partitions", [1, 3])
def test_cohorts_read_the_same(partitions: int, tmp_path: Path) -> None:
    people = [
        [document(("10160-0", "nilknown"))],
        [
            request(),
            statement({"text": "baclofen 10 mg tablet"}, basedOn=[{"reference": "MedicationRequest/o1"}]),
        ],
        [allergy(code=coded(ABSENT, "no-allergy-info")), condition(code=coded(ABSENT, "no-problem-info"))],
        [condition(verificationStatus={"text": "Ruled out"}), request(medicationReference={"display": "x"})],
        [request(dosageInstruction=[dosage(text="3 tablets per day")])],
        [request(status="completed", authoredOn="2026-01-01", dispenseRequest=SUPPLY), request("x")],
        [request(status="completed", authoredOn="2026-01-01", dispenseRequest=SUPPLY)],
        [request(modifierExtension=[{"url": "urn:x"}])],
    ]
    lines = []
    for number, resources in enumerate(people):
        whole = json.dumps([person(), *resources]).replace("Patient/p1", f"Patient/q{number}")
        for place, one in enumerate(json.loads(whole)):
            one["id"] = f"q{number}" if one["resourceType"] == "Patient" else one["id"]
            text = json.dumps(one).replace('"x"', f'"x{number}"')
            lines.append(text.replace('"o1"', f'"o{number}"').replace("/o1", f"/o{number}"))
            assert place >= 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.ndjson").write_text("\n".join(lines))
    assert len(assert_same([tmp_path / "in"], tmp_path / "w", partitions=partitions)) == len(people)
