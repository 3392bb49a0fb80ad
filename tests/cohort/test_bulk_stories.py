"""One small story each: where resources of a patient may stand, and how they may name one another.

Folders of files are read as a cohort and by the single-record reader, which must give the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from caveat.adapters.fhir.bulk import sorting
from cohort.bulk_records import (
    ANOTHER_X1,
    COMPONENT,
    HEIGHT_ONLY,
    IDENTIFIED,
    LIST,
    LIST_OF_LABS,
    MEDICATION,
    MIXTURE,
    NATIVE,
    OUTCOME,
    PREGNANT,
    SUBSTANCE,
    about,
    assert_same,
    bundle,
    diagnosis,
    lab,
    lay,
    order,
    page,
    patient,
)

STORIES: dict[str, dict[str, Any]] = {
    "patient line after its resources": {"1": [lab(1, "Patient/a"), order(1, "Patient/a"), patient()]},
    "several types in one file": {"x": [order(1, "Patient/a"), patient(), lab(1, "Patient/a"), patient("b")]},
    "nobody has this id": {"1": [lab(1, "Patient/ghost"), order(2, "Patient/ghost")]},
    "one resource twice": {"1": [patient(), lab(1, "Patient/a"), lab(1, "Patient/a"), lab(3, "Patient/a")]},
    "one id, two contents": {"1": [patient(), lab(1, "Patient/a", status="amended"), lab(1, "Patient/a")]},
    "one id, two files, same person": {"1": [patient()], "2": [patient(), lab(1, "Patient/a")]},
    "one id, two files, two people": {"1": [patient()], "2": [patient(gender="male")]},
    "one id, two bundles, two people": {"1": bundle(patient()), "2": bundle(patient(gender="male"))},
    "a bundle and lines of one person": {
        "1": bundle(patient(), lab(1, "Patient/a")),
        "2": [order(1, "Patient/a")],
    },
    "a native record with the same id": {"1": [patient(), lab(1, "Patient/a")], "2": [NATIVE, {"id": "n"}]},
    "a native record that cannot be read": {"1": [patient()], "2": [{**NATIVE, "sexx": 1}, {"sex": "male"}]},
    "a table beside": {"1": [patient(), patient("t")], "2": "patient_id,sex,orders\nt,male,warfarin\nu,,\n"},
    "bundles in NDJSON": {"1": [bundle(patient(), lab(1, "Patient/a")), bundle(patient("b")), lab(2, None)]},
    "a list of resources": {"1": "list", "2": [patient("b")]},
    "only patient assumed": {"1": [lab(1, None), patient(), diagnosis(1, None)]},
    "two patients, nobody assumed": {"1": [lab(1, None), patient(), lab(2, None), patient("b")]},
    "by identifier": {
        "1": [lab(1, "Patient?identifier=urn:mrn|77"), order(1, "Patient?identifier=77"), IDENTIFIED],
        "2": [lab(2, None, subject={"identifier": {"system": "urn:mrn", "value": "77"}}), patient("b")],
    },
    "identifier of nobody": {"1": [lab(1, "Patient?identifier=9"), patient(), lab(2, "urn:oid:1.2")]},
    "two patients with one identifier": {
        "1": [lab(1, "Patient?identifier=77"), {**IDENTIFIED, "id": "j"}, IDENTIFIED]
    },
    "every way to name a patient": {
        "1": [
            patient(),
            *(
                lab(number, reference)
                for number, reference in enumerate(
                    (
                        "Patient/a",
                        "http://x/fhir/Patient/a",
                        "urn:uuid:a",
                        "a",
                        " Patient/a ",
                        "Patient/a/_history/2",
                    )
                )
            ),
        ]
    },
    "urn of nobody": {"1": [lab(1, "urn:uuid:zz"), lab(2, "Patient/zz"), lab(3, "Patient/urn:uuid:zz")]},
    "about a group or a device": {
        "1": [patient(), lab(1, "Group/g"), lab(2, "Device/d"), lab(3, "Group/g"), order(1, "#x")]
    },
    "about blanks": {"1": [patient(), lab(1, " "), lab(2, "Patient/")]},
    "a patient without an id": {
        "1": [lab(1, "Patient/a"), {"resourceType": "Patient", "gender": "male"}, patient()],
        "2": [{"resourceType": "Patient"}],
    },
    "a medicine elsewhere": {
        "1": [order(1, "Patient/a", medicationReference={"reference": "Medication/x1"}), MEDICATION],
        "2": [patient(), MIXTURE, order(2, "Patient/b", medicationReference={"reference": "Medication/x2"})],
        "3": [SUBSTANCE],
    },
    "a medicine nowhere": {
        "1": [patient(), order(1, "Patient/a", medicationReference={"reference": "Medication/x9"})]
    },
    "two medicines with one id": {
        "1": [patient(), order(1, "Patient/a", medicationReference={"reference": "Medication/x1"})],
        "2": [MEDICATION],
        "3": [ANOTHER_X1],
    },
    "a medicine in a bundle without a patient": {
        "1": bundle(patient(), order(1, "Patient/a", medicationReference={"reference": "Medication/x1"})),
        "2": bundle(MEDICATION),
        "3": [order(2, "Patient/b", medicationReference={"reference": "urn:uuid:x1"})],
    },
    "a bundle of many patients": {
        "1": bundle(
            *(patient(f"q{n}") for n in range(30)),
            *(
                order(n, f"Patient/q{n}", medicationReference={"reference": f"urn:uuid:x{n % 3}"})
                for n in range(30)
            ),
            *({**MEDICATION, "id": f"x{n}"} for n in range(2)),
            MIXTURE,
            SUBSTANCE,
            *({"resourceType": "Medication", "id": f"z{n}"} for n in range(40)),
        ),
        "2": bundle(patient("q3"), lab(1, "Patient/q3")),
    },
    "pages, one missing": {"1": page(1, of=3), "2": page(2, of=3)},
    "all pages": {"1": page(1, of=2), "2": page(2, of=2)},
    "one page": {"1": page(1, of=2)},
    "the source reports an error": {"1": [patient(), OUTCOME, patient("b")], "2": [OUTCOME]},
    "only an error": {"1": [OUTCOME]},
    "another version": {
        "1": [
            patient(),
            order(1, "Patient/a", medication={"reference": {"reference": "Medication/x1"}}),
            diagnosis(1, "Patient/a", clinicalStatus="active"),
            {"resourceType": "MedicationOrder", "patient": {"reference": "Patient/a"}},
            bundle(patient("b"), diagnosis(2, "Patient/b", clinicalStatus="active")),
        ]
    },
    "fields of a wrong type": {
        "1": [
            patient(birthDate=1950),
            lab(1, "Patient/a", valueQuantity={"value": "high"}),
            lab(2, None, subject="Patient/a"),
            {**lab(3, "Patient/a"), "id": 5},
            {"resourceType": "Observation", "subject": {"reference": 5}},
        ]
    },
    "lines that are no resource": {
        "1": [
            patient(),
            5,
            [],
            {"resourceType": 7},
            {"resourceType": "Nonsense"},
            None,
            {"x": 1},
            "{",
            "\xff",
        ]
    },
    "types that hold no facts": {"1": [{"resourceType": "Claim", "patient": {"reference": "Patient/a"}}] * 3},
    "claims beside a patient": {
        "1": [{"resourceType": "Claim"}, patient()],
        "2": bundle({"resourceType": "Claim"}),
    },
    "procedures and visits": {
        "1": [
            patient(),
            {"resourceType": "Procedure", "id": "d", "code": {"text": "Hemodialysis"}, **about("Patient/a")},
            {"resourceType": "Procedure", "id": "e", "code": {"text": "Suture"}, **about("Patient/a")},
            {
                "resourceType": "Encounter",
                "status": "in-progress",
                "class": {"code": "IMP"},
                **about("Patient/a"),
            },
            {"resourceType": "Encounter", "status": "finished", **about("Patient/a")},
            {"resourceType": "Patient"},
        ]
    },
    "a list that closes": {"1": [LIST, patient(), diagnosis(1, "Patient/a"), diagnosis(9, "Patient/a")]},
    "a list with an entry of another's": {
        "1": [LIST, patient(), diagnosis(1, "Patient/a"), diagnosis(9, "Patient/b")]
    },
    "a reason that is another's": {
        "1": [
            patient(),
            {**order(1, "Patient/a"), "reasonReference": [{"reference": "Condition/c9"}]},
            diagnosis(9, "Patient/b"),
        ]
    },
    "a dispense of another's request": {
        "1": [
            order(1, "Patient/b"),
            patient(),
            {
                "resourceType": "MedicationDispense",
                "id": "d1",
                "status": "completed",
                "authorizingPrescription": [{"reference": "MedicationRequest/m1"}],
                "medicationCodeableConcept": {"text": "Drug 1"},
                **about("Patient/a"),
            },
        ]
    },
    "the log of an export": {
        "1": [{"eventId": "kickoff", "exportId": "e"}, {"eventId": "end", "exportId": "e"}],
        "2": [patient()],
        "3": {"transactionTime": "2024-01-01", "output": []},
    },
    "nothing": {"1": "", "2": "\n\n", "README.md": "# words"},
    "blank lines": {"1": "blank"},
    "a deleted entry": {
        "1": {
            **bundle(patient(), lab(1, "Patient/a"), type="history"),
            "entry": [
                {"request": {"method": "DELETE", "url": "Observation/o1"}},
                {"resource": patient()},
                {"resource": lab(1, "Patient/a")},
            ],
        }
    },
    "numbers of more than 64 bits": {
        "1": [
            patient(),
            lab(1, "Patient/a", valueQuantity=None, valueInteger=10**30),
            diagnosis(1, "Patient/a", onsetAge={"value": 10**30}),
            {**order(1, "Patient/a"), "dosageInstruction": [{"sequence": 10**30, "text": "daily"}]},
            {**order(2, None), "dosageInstruction": [{"sequence": 10**30, "text": "daily"}]},
        ],
        "2": bundle(patient("b"), lab(2, "Patient/b", valueQuantity=None, valueInteger=10**30)),
        "3": [NATIVE],
    },
    "one lab twice, one of them elsewhere": {
        "1": [patient(), lab(1, "Patient/a"), lab(3, "Patient/a")],
        "2": [lab(1, "Patient/a", meta={"lastUpdated": "2025-01-01"}), patient("b"), lab(5, "Patient/b")],
    },
    "panels and answers between labs": {
        "1": [
            patient(),
            lab(9, "Patient/a"),
            lab(2, "Patient/a", valueQuantity=None, valueString="high"),
            lab(4, "Patient/a", valueQuantity=None, component=[COMPONENT, COMPONENT]),
            lab(3, "Patient/a", status="preliminary"),
            lab(1, "Patient/a", valueQuantity={"value": 3, "unit": "mg", "code": "mL"}),
            lab(5, "Patient/a", valueQuantity={"value": 1e-40, "unit": "mg"}),
            lab(6, "Patient/a", effectiveDateTime="2024-02-31"),
            lab(7, "Patient/a", valueQuantity={"value": 5, "comparator": "<", "unit": "mg"}),
            lab(8, "Patient/a", effectiveDateTime="2024-02"),
            lab(0, "Patient/a", code={"text": "Creatinine\u200b"}),
            lab(10, "Patient/a", code={"text": "Creatinine"}, component=[COMPONENT]),
            *(lab(number, "Patient/a") for number in (24, 22, 20, 21)),
            patient("c"),
            lab(11, "Patient/c", code={"coding": [{"system": "http://loinc.org", "code": "11331-6"}]}),
            lab(14, "Patient/c"),
            patient("b"),
            lab(12, "Patient/b", valueQuantity={"value": 5}),
            lab(13, "Patient/b", component=[{**COMPONENT, "valueQuantity": None, "valueString": "x"}]),
        ]
    },
    "labs of people who are not there": {
        "1": [lab(1, "Patient/y"), lab(2, "Patient/x"), lab(3, "Patient/y"), patient(), order(1, "Patient/x")]
    },
    "a stated circumstance long before the last lab": {
        "1": [patient(), lab(1, "Patient/a", effectiveDateTime="2024-05-06"), PREGNANT]
    },
    "a list of observations": {
        "1": [patient(), lab(1, "Patient/a"), lab(3, "Patient/a"), LIST_OF_LABS, patient("b")]
    },
    "a reason that is an observation": {
        "1": [
            patient(),
            lab(1, "Patient/a"),
            {**order(1, "Patient/a"), "reasonReference": [{"reference": "Observation/o1"}]},
        ]
    },
    "a deep line": {"1": [patient(), "[" * 2000 + "]" * 2000, '{"resourceType":"Patient","x":' + "[" * 3000]},
}


@pytest.mark.parametrize("partitions", [1, 5])
@pytest.mark.parametrize("name", STORIES)
def test_a_story(name: str, partitions: int, tmp_path: Path) -> None:
    lay(STORIES[name], tmp_path / "in")
    assert_same([tmp_path / "in"], tmp_path / "a", partitions=partitions)
    assert_same([tmp_path / "in"], tmp_path / "b", partitions=partitions, bound=HEIGHT_ONLY)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_file_by_file(name: str, tmp_path: Path) -> None:
    lay(STORIES[name], tmp_path / "in", packed=True)
    files = sorted((tmp_path / "in").iterdir())
    assert_same(files, tmp_path / "a", partitions=3)
    assert_same(files[:1], tmp_path / "b", partitions=3)


@pytest.mark.parametrize("block", [50, 1_000_000])
def test_all_stories_as_folders_of_one_call(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "_BLOCK", block)
    folders = [tmp_path / "in" / f"{number:02}" for number in range(len(STORIES))]
    for folder, story in zip(folders, STORIES.values(), strict=True):
        lay(story, folder)
    assert_same(folders, tmp_path / "a", partitions=4)
    assert_same([tmp_path / "in"], tmp_path / "b", partitions=4)
