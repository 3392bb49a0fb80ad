"""What may be done at once: only to drafts, and always with whole resources."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.program import Suggestion
from caveat.findings.basis import Basis
from caveat.findings.report import Finding
from caveat.render.cds.cards import cards
from caveat.render.cds.dosage import with_dosage, without_empty
from render.cds.samples import DRAFT, empties, finding, report, view
from render.fhir.validators import faults

HALF = Suggestion("half", "dose", "Halve the dose", "5 mg", "2 /d")
OTHER = Suggestion("other", "alternative", "Use tizanidine", ingredient="tizanidine")
FIVE = {"doseQuantity": {"value": 5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}
STOP = Suggestion("stop", "cancel", "Do not start it")
CODES = {"tizanidine": (("http://www.nlm.nih.gov/research/umls/rxnorm", "57258", "tizanidine"),)}


def offered(made: Finding, **parts: Any) -> list[dict[str, Any]]:
    (card,) = cards(report(made), view(**parts))
    return list(card.get("suggestions", []))


def test_a_draft_can_be_removed_and_an_active_order_cannot() -> None:
    (removal,) = offered(finding(), drafts={"o1": DRAFT})
    assert removal["label"] == "Remove the draft: baclofen (Lioresal 10 mg tablet)"
    assert removal["actions"] == [
        {"type": "delete", "description": removal["label"], "resourceId": "MedicationRequest/m1"}
    ]
    assert "isRecommended" not in removal
    assert offered(finding()) == []
    assert offered(finding(), drafts={"another": DRAFT}) == []


@pytest.mark.parametrize("missing", ["id", "resourceType"])
def test_a_draft_that_cannot_be_named_is_not_removed(missing: str) -> None:
    assert offered(finding(), drafts={"o1": {k: v for k, v in DRAFT.items() if k != missing}}) == []


@pytest.mark.parametrize("name", ["a\n", "](x) <b>", "../../etc", "a b", "x" * 129, 7])
def test_a_draft_whose_id_no_reference_can_hold_is_not_removed(name: Any) -> None:
    assert offered(finding(), drafts={"o1": {**DRAFT, "id": name}}) == []


@pytest.mark.parametrize("severity", ["minor", "info"])
def test_a_note_does_not_propose_to_remove_the_draft(severity: str) -> None:
    assert offered(finding(severity=severity), drafts={"o1": DRAFT}) == []


def test_both_drafts_of_a_pair_can_be_removed_and_neither_is_recommended() -> None:
    pair = finding(orders=("o1", "o2"), severity="contraindicated")
    found = offered(pair, drafts={"o1": DRAFT, "o2": {**DRAFT, "id": "m2"}})
    assert [s["actions"][0]["resourceId"] for s in found] == ["MedicationRequest/m1", "MedicationRequest/m2"]
    assert not any("isRecommended" in s for s in found)


def test_what_the_rule_proposes_comes_first_and_alone_is_recommended() -> None:
    made = finding(severity="contraindicated", suggestions=(HALF, OTHER, STOP))
    found = offered(made, drafts={"o1": DRAFT}, codes=CODES)
    assert [s["label"] for s in found] == ["Halve the dose", "Use tizanidine", "Do not start it"]
    assert [s.get("isRecommended", False) for s in found] == [True, False, False]
    assert [[a["type"] for a in s["actions"]] for s in found] == [
        ["update"],
        ["delete", "create"],
        ["delete"],
    ]


def test_every_resource_of_a_suggestion_is_valid() -> None:
    told = (Basis("pregnant", "true"), Basis("lactating", "true"))
    made = finding(suggestions=(HALF, OTHER, STOP), because=told)
    found = offered(made, drafts={"o1": DRAFT}, codes=CODES, detected_issue=True)
    resources = [a["resource"] for s in found for a in s["actions"] if "resource" in a]
    kinds = [resource["resourceType"] for resource in resources]
    assert kinds == ["MedicationRequest"] * 2 + ["Observation"] * 2 + ["DetectedIssue"]
    for resource in resources:
        assert not faults(resource)


def test_removal_is_recommended_where_the_medicine_must_not_be_used() -> None:
    (removal,) = offered(finding(severity="contraindicated"), drafts={"o1": DRAFT})
    assert removal["isRecommended"] is True


def test_another_dose_is_the_whole_draft_with_its_dosage_changed() -> None:
    before = copy.deepcopy(dict(DRAFT))
    found = offered(finding(suggestions=(HALF,)), drafts={"o1": DRAFT})
    resource = found[0]["actions"][0]["resource"]
    assert {k: v for k, v in resource.items() if k != "dosageInstruction"} == {
        k: v for k, v in DRAFT.items() if k != "dosageInstruction"
    }
    assert resource["dosageInstruction"] == [
        {
            "route": {"text": "oral"},
            "doseAndRate": [
                {
                    "doseQuantity": {
                        "value": 5,
                        "unit": "mg",
                        "system": "http://unitsofmeasure.org",
                        "code": "mg",
                    }
                }
            ],
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "text": "5 mg 2 times a day",
        }
    ]
    assert before == DRAFT, "the draft as sent is not touched"


@pytest.mark.parametrize(
    "coding", [True, {}, [True], [{"code": "26643006"}], [{"system": "http://snomed.info/sct", "code": ""}]]
)
def test_a_draft_with_a_damaged_coding_can_be_removed_and_no_more(coding: Any) -> None:
    draft = {**DRAFT, "reasonCode": [{"coding": coding}]}
    found = offered(finding(suggestions=(HALF, OTHER)), drafts={"o1": draft}, codes=CODES)
    assert [[action["type"] for action in one["actions"]] for one in found] == [["delete"]]


def test_another_medicine_is_a_draft_for_the_same_patient_without_dose_or_route() -> None:
    found = offered(finding(suggestions=(OTHER,)), drafts={"o1": DRAFT}, codes=CODES)
    remove, create = found[0]["actions"]
    assert remove["resourceId"] == "MedicationRequest/m1"
    assert create["resource"] == {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {
            "text": "tizanidine",
            "coding": [
                {
                    "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                    "code": "57258",
                    "display": "tizanidine",
                }
            ],
        },
        "subject": {"reference": "Patient/p1"},
    }
    (uncoded, *_) = offered(finding(suggestions=(OTHER,)), drafts={"o1": DRAFT})
    assert uncoded["actions"][1]["resource"]["medicationCodeableConcept"] == {"text": "tizanidine"}


def test_the_issue_can_be_recorded_where_the_site_wants_it() -> None:
    (issue,) = offered(finding(), detected_issue=True)
    (action,) = issue["actions"]
    assert action["type"] == "create"
    assert action["resource"]["resourceType"] == "DetectedIssue"


def test_breast_feeding_is_corrected_as_pregnancy_is() -> None:
    (found,) = offered(finding(because=(Basis("lactating", "true"),)))
    resource = found["actions"][0]["resource"]
    assert resource["code"]["coding"][0]["code"] == "63895-7"
    assert resource["valueCodeableConcept"]["coding"][0]["code"] == "LA29253-4"


# Dosage


def changed(instruction: dict[str, Any], dose: str | None = None, frequency: str | None = None) -> Any:
    found = with_dosage({**DRAFT, "dosageInstruction": [instruction]}, dose, frequency)
    return None if found is None else found["dosageInstruction"][0]


def test_what_is_not_proposed_stays() -> None:
    (old,) = DRAFT["dosageInstruction"]
    assert changed(old, dose="2.5 mg")["timing"] == old["timing"]
    assert changed(old, dose="2.5 mg")["doseAndRate"][0]["doseQuantity"]["value"] == 2.5
    assert changed(old, frequency="3 /d")["doseAndRate"] == old["doseAndRate"]
    assert "text" not in changed(old, dose="2.5 mg"), "words that state the old dose are gone"
    assert changed(old, dose="2.5 mg")["route"] == old["route"]


def test_bounds_and_ceilings_of_the_draft_stay() -> None:
    old = {
        "timing": {
            "repeat": {"boundsPeriod": {"end": "2026-02-01"}, "frequency": 4},
            "code": {"text": "QID"},
        },
        "asNeededBoolean": True,
        "maxDosePerPeriod": {"numerator": {"value": 60, "unit": "mg"}},
        "patientInstruction": "take four",
    }
    assert changed(old, dose="5 mg", frequency="3 /d") == {
        "asNeededBoolean": True,
        "maxDosePerPeriod": {"numerator": {"value": 60, "unit": "mg"}},
        "doseAndRate": [FIVE],
        "timing": {
            "repeat": {
                "boundsPeriod": {"end": "2026-02-01"},
                "frequency": 3,
                "period": 1,
                "periodUnit": "d",
            }
        },
        "text": "5 mg 3 times a day",
    }


@pytest.mark.parametrize(
    ("frequency", "expected", "words"),
    [
        ("1 /d", (1, 1, "d"), "once a day"),
        ("0.5 /d", (1, 2, "d"), "once every 2 days"),
        ("2 /wk", (2, 1, "wk"), "2 times a week"),
        ("1 /mo", (1, 1, "mo"), "once a month"),
    ],
)
def test_frequencies(frequency: str, expected: tuple[int, int, str], words: str) -> None:
    new = changed({"text": "old"}, dose="5 mg", frequency=frequency)
    repeat = new["timing"]["repeat"]
    assert (repeat["frequency"], repeat["period"], repeat["periodUnit"]) == expected
    assert new["text"] == f"5 mg {words}"


@pytest.mark.parametrize(
    ("dose", "frequency"),
    [
        (None, None),
        ("5-10 mg", None),
        ("<5 mg", None),
        ("5", None),
        ("0 mg", None),
        ("five mg", None),
        ("5 mg", "2 kg"),
        ("5 mg", "1-2 /d"),
        ("5 mg", "0.123 /d"),
        ("5 mg", "100 /d"),
    ],
)
def test_what_cannot_be_said_without_doubt_is_not_proposed(dose: str | None, frequency: str | None) -> None:
    assert changed({"text": "old"}, dose, frequency) is None


@pytest.mark.parametrize(
    "resource",
    [
        {**DRAFT, "resourceType": "MedicationStatement"},
        {**DRAFT, "dosageInstruction": [{}, {}]},
        {**DRAFT, "dosageInstruction": [{"text": "a"}, {"text": "b"}]},
        {**DRAFT, "dosageInstruction": {"text": "a"}},
        {**DRAFT, "dosageInstruction": [None]},
        {**DRAFT, "dosageInstruction": [{"timing": "daily"}]},
        {**DRAFT, "note": [None, {"text": "a"}]},
        {**DRAFT, "subject": None},
        {**DRAFT, "status": "new"},
        {key: value for key, value in DRAFT.items() if key != "intent"},
        {key: value for key, value in DRAFT.items() if key != "medicationCodeableConcept"},
    ],
)
def test_a_draft_that_cannot_be_changed_without_doubt_is_left(resource: dict[str, Any]) -> None:
    assert with_dosage(resource, "5 mg", "3 /d") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from("abc"), json_values, max_size=3))
def test_nothing_empty_is_left_and_nothing_else_is_lost(value: dict[str, Any]) -> None:
    found = without_empty({"id": "x", **value})
    if found is None:
        assert list(empties(value))
    else:
        assert not list(empties(found))
        if not list(empties(value)):
            assert found == {"id": "x", **value}
    assert json.dumps(value)
