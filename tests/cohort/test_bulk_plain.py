"""Resources that are read as columns give the facts, notes and problems of the single-record reader."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.cohort.bulk import KnownCodes
from caveat.adapters.fhir.bulk import quick, recall, sorting
from caveat.adapters.fhir.bulk.lines import Decoder
from caveat.adapters.fhir.bulk.sorting import Sorting
from caveat.adapters.fhir.bulk.thin import THIN, _careful
from caveat.adapters.fhir.types import READ
from cohort.bulk_records import HEIGHT_ONLY, MEDICATION, assert_same, patient

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def coded(system: str, code: str, display: str | None = None, **more: Any) -> dict[str, Any]:
    shown = {} if display is None else {"display": display}
    return {"coding": [{"system": system, "code": code, **shown}], **more}


NEVER = coded(SNOMED, "266919005", "Never smoker")
LAB = {
    "resourceType": "Observation",
    "status": "final",
    "code": coded(LOINC, "8302-2", "Body height"),
    "effectiveDateTime": "2024-05-06T10:20:30.123+02:00",
    "valueQuantity": {"value": 166.82, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
}
HCT = coded(RXNORM, "316052", "Hydrochlorothiazide 6.25 MG", text="HCT")
ORDER = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": HCT,
    "authoredOn": "2024-05-06",
}
DISEASE = {
    "resourceType": "Condition",
    "clinicalStatus": coded("x", "active"),
    "code": coded(SNOMED, "74400008", "Appendicitis"),
    "onsetDateTime": "2001-03-29",
}
DATES = (
    "2023",
    "2022-11",
    "2024-05-06T10:20:30Z",
    " 2024-05-06",
    "2024-02-30",
    "2024-05-06T10:20.5Z",
    "soon",
    "",
    None,
)
COMMON: tuple[dict[str, Any], ...] = (
    {"meta": {"tag": [{"code": "x"}]}},
    {"meta": {"versionId": "2", "lastUpdated": "2024-02-01"}},
    {"meta": {"lastUpdated": 5}},
    {"meta": None},
    {"id": ""},
    {"id": "x" * 70},
    {"id": None},
    {"id": 5},
    {"subject": None},
    {"subject": {"reference": "http://x.y/Patient/p0"}},
    {"subject": {"reference": "http://x.y/fhir/Patient/p0/_history/2", "display": "A B"}},
    {"subject": {"reference": "Patient/nobody"}},
    {"status": "zz"},
    {"status": 5},
    {"code": None},
    {"code": {}},
    {"code": 5},
    {"code": {"text": "Some\u200bthing"}},
    {"code": {"coding": [{"code": "y" * 300}]}},
)


def amount(value: Any, **more: Any) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": "cm", **more}}


def without(*names: str, **more: Any) -> dict[str, Any]:
    return {**dict.fromkeys(names, DROPPED), **more}


DROPPED = object()
SYSTOLIC = {"code": coded(LOINC, "8480-6"), **amount(120)}
OF_LABS: tuple[dict[str, Any], ...] = (
    *({"effectiveDateTime": date} for date in DATES),
    *({"status": status} for status in ("amended", "preliminary", "entered-in-error", None)),
    *({"code": coded(LOINC, code)} for code in ("82810-3", "2160-0")),
    {"code": {"text": "Child-Pugh class"}},
    {"issued": "2024-05-07"},
    without("effectiveDateTime"),
    without("effectiveDateTime", effectivePeriod={"end": "2020"}),
    without("effectiveDateTime", issued="2024-05-07"),
    *(amount(value) for value in (0, -3.5, 1e-40, 1e31, 10**25, 0.0, 5e2, "7", None, True, "5,5", [1], {})),
    *(
        amount(3, **more)
        for more in (
            {"comparator": "<"},
            {"comparator": "~"},
            {"code": "kg", "system": "http://unitsofmeasure.org"},
        )
    ),
    {"valueQuantity": {"value": 3}},
    {"valueQuantity": {"unit": "cm", "value": 3}},
    {"valueQuantity": {"width": 3, "unit": "cm"}},
    {"valueQuantity": {"width": 3, "value": 4, "unit": "cm"}},
    {"valueQuantity": {}},
    {"valueQuantity": None},
    {"valueString": "3"},
    {"dataAbsentReason": {"text": "lost"}},
    {"component": []},
    {"component": [SYSTOLIC]},
    *(
        without("valueQuantity", **more)
        for more in (
            {},
            *({"valueString": words} for words in ("high", "3.5 mg/dL", "2-4 mg", " ", "7", None, 7)),
            *({"valueCodeableConcept": words} for words in (NEVER, {"text": "yes\u200b"}, {}, None)),
            {"valueCodeableConcept": NEVER, "valueString": "x"},
            {"valueBoolean": True},
            {"valueInteger": 3},
            {"dataAbsentReason": coded("x", "unknown")},
            {"component": []},
            {"component": None},
            {"component": [SYSTOLIC, {**SYSTOLIC, **amount(80.5)}]},
            {"component": [SYSTOLIC, {**SYSTOLIC, "code": coded(LOINC, "8302-2"), **amount(8)}]},
            {"component": [SYSTOLIC], "valueString": "x"},
            {"component": [{**SYSTOLIC, "valueQuantity": {"value": 3}}]},
            {"component": [{**SYSTOLIC, "code": {"text": "left\u200b"}}]},
            {"component": [{**SYSTOLIC, "code": {"text": "Child-Pugh"}}]},
            {"component": [{"code": coded(LOINC, "8480-6"), "valueString": "x"}]},
            {"component": [{**SYSTOLIC, **amount("7")}]},
            {"component": [{**SYSTOLIC, "referenceRange": [{"low": {"value": 5}}]}]},
        )
    ),
)
REASONS = (
    "Condition/base{}",
    "http://x.y/fhir/Condition/base{}/_history/1",
    "Condition/none",
    "urn:uuid:x",
    "Observation/lab{}",
    "#c",
    "AllergyIntolerance/l{}",
    "MedicationRequest/order{}",
    "Medication/x1",
)
ASKED = {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}
OF_ORDERS: tuple[dict[str, Any], ...] = (
    *({"authoredOn": date} for date in DATES),
    *({"status": status} for status in ("stopped", "cancelled", None)),
    {"intent": "proposal"},
    *({"medicationCodeableConcept": words} for words in ({"text": "bac\u200blofen"}, {}, None, 5)),
    without("medicationCodeableConcept"),
    without("medicationCodeableConcept", medicationReference={"reference": "Medication/x1"}),
    without(
        "medicationCodeableConcept",
        medicationReference={"reference": "#m"},
        contained=[{"resourceType": "Medication", "id": "m", "code": HCT}],
    ),
    {"medication": {"concept": {"text": "R5"}}},
    *(
        {"dosageInstruction": some}
        for some in (
            [{"text": "one a day"}],
            [{**ASKED, "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}],
            [{"doseAndRate": [{"doseQuantity": {"value": 1}}]}],
            [{"timing": {"repeat": {"boundsDuration": {"value": 10, "code": "d"}}}}],
            [{"timing": {"repeat": {"boundsPeriod": {"start": "2024-01-01", "end": "2024-02-01"}}}}],
            [{"sequence": 1, "text": "x"}, {"sequence": 2, "text": "y"}],
            [{"sequence": "1"}],
            [],
            None,
        )
    ),
    {"doNotPerform": True},
    {"note": [{"text": "test dose"}]},
    {"statusReason": {"text": "tapered off"}, "status": "stopped"},
    {"dispenseRequest": {"expectedSupplyDuration": {"value": 30, "code": "d"}}},
    {"reasonCode": [{"text": "spasm"}]},
    *({"reasonReference": [{"reference": reason}]} for reason in REASONS),
    {"reasonReference": [{"reference": REASONS[3]}, {"reference": REASONS[0]}, {"reference": REASONS[2]}]},
    {"reasonReference": [{"reference": REASONS[0]}], "reasonCode": [{"text": "spasm"}]},
    *(
        {"reasonReference": [{"reference": "Condition/none", "display": shown}]}
        for shown in ("for pain", " sp\u200bace", "")
    ),
    {"reasonReference": [{"display": "for pain"}, {}]},
    {"reasonReference": None},
    {"reasonReference": 5},
)
OF_DISEASES: tuple[dict[str, Any], ...] = (
    *({name: date} for name in ("onsetDateTime", "abatementDateTime", "recordedDate") for date in DATES),
    *({"clinicalStatus": status} for status in (coded("x", "zz"), "active", None)),
    {"verificationStatus": coded("x", "entered-in-error")},
    {"onsetString": "long ago"},
    without("onsetDateTime", onsetString="long ago"),
    without("onsetDateTime", onsetPeriod={"start": "2020"}),
    {"abatementBoolean": True},
    {"abatementAge": {"value": 5}},
    {"abatementPeriod": {"end": "2021"}},
)


def made(base: dict[str, Any], identity: str, whose: int, change: dict[str, Any]) -> dict[str, Any]:
    """A resource of a patient that differs from the usual one in one thing."""
    text = json.dumps(
        {"id": identity, "subject": {"reference": f"Patient/p{whose}"}, **base},
        separators=(",", ":"),
    )
    whole = {**json.loads(text), **change}
    return {name: value for name, value in whole.items() if value is not DROPPED}


ALL: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    *((base, change) for base in (LAB, ORDER, DISEASE) for change in COMMON),
    *((LAB, change) for change in OF_LABS),
    *((ORDER, change) for change in OF_ORDERS),
    *((DISEASE, change) for change in OF_DISEASES),
)


def other(kind: str, number: int, whose: int, **more: Any) -> dict[str, Any]:
    subject = "patient" if kind == "AllergyIntolerance" else "subject"
    return {"resourceType": kind, "id": f"l{number}", subject: {"reference": f"Patient/p{whose}"}, **more}


TAKEN = {
    "status": "completed",
    "medicationCodeableConcept": {"text": "HCT"},
    "effectiveDateTime": "2024-05-05",
}
EMPTY = {"status": "current", "mode": "working", "emptyReason": {"coding": [{"code": "nilknown"}]}}
LISTS = ("10160-0", "11450-4", "30954-2")
PREGNANT = {
    "status": "final",
    "code": coded(LOINC, "82810-3"),
    "valueCodeableConcept": coded(SNOMED, "77386006"),
}
OTHERS: tuple[dict[str, Any], ...] = (
    *(
        {"kind": "AllergyIntolerance", "code": {"text": words}}
        for words in ("penicillin", "pen\u200bicillin", "")
    ),
    *(
        {"kind": kind, **TAKEN}
        for kind in ("MedicationStatement", "MedicationAdministration", "MedicationDispense")
    ),
    *(
        {"kind": "MedicationAdministration", **TAKEN, "medicationCodeableConcept": {"text": "heparin"}, **at}
        for at in ({}, {"effectiveDateTime": "2024-01-05"})
    ),
    {"kind": "MedicationStatement", **TAKEN, "reasonReference": [{"reference": "Condition/base{}"}]},
    {
        "kind": "MedicationDispense",
        **TAKEN,
        "authorizingPrescription": [{"reference": "MedicationRequest/order{}"}],
    },
    *(
        {"kind": "Procedure", "status": "completed", "code": {"text": words}}
        for words in ("hemodialysis", "suture")
    ),
    *({"kind": "Observation", **PREGNANT, "effectiveDateTime": date} for date in ("2019", "2024-05-01")),
    {"kind": "Encounter", "status": "in-progress", "class": {"code": "IMP"}},
    *({"kind": "List", **EMPTY, "code": coded(LOINC, code)} for code in LISTS),
    {"kind": "MedicationRequest", **ORDER, "id": "order{}"},
    {"kind": "Observation", **LAB, "id": "lab{}", "valueQuantity": {"value": 3}},
    {"kind": "Condition", **DISEASE, "id": "base{}"},
    {"kind": "Condition", **DISEASE, "id": "order{}"},
)


def usual(whose: int) -> list[dict[str, Any]]:
    """What every patient has."""
    return [
        {**patient(f"p{whose}")},
        made(LAB, f"lab{whose}", whose, {}),
        made(ORDER, f"order{whose}", whose, {}),
        made(DISEASE, f"base{whose}", whose, {}),
    ]


def named(resource: dict[str, Any], whose: int) -> dict[str, Any]:
    """The resource with the patient's number where it names others."""
    found: dict[str, Any] = json.loads(
        json.dumps(resource).replace('{}"', f'{whose}"').replace("{}/_", f"{whose}/_")
    )
    return found


def text_of(resource: dict[str, Any], style: int) -> bytes:
    if style == 1:  # as most writers of JSON do it
        return json.dumps(resource).encode()
    if style == 2:
        turned = dict(reversed(list(resource.items())))
        return json.dumps(turned, separators=(",", ":"), ensure_ascii=False).encode()
    return json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()


def compare(lines: list[bytes], end: bytes = b"\n", **more: Any) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        (top / "in").mkdir()
        (top / "in" / "x.ndjson").write_bytes(b"".join(line + end for line in lines))
        assert_same([top / "in"], top / "w", **more)
    finally:
        shutil.rmtree(top)


@pytest.mark.parametrize("bound", [None, HEIGHT_ONLY])
@pytest.mark.parametrize(("style", "shelved"), [(0, False), (0, True), (1, False), (2, True)])
def test_each_oddity_in_a_patient_of_its_own(
    style: int, shelved: bool, bound: KnownCodes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    for whose, (base, change) in enumerate(ALL):
        odd = [named(made(base, f"odd{whose}-{number}", whose, change), whose) for number in range(2)]
        lines += [*usual(whose), *odd, made(base, f"last{whose}", whose, {})]
    for whose, one in enumerate(OTHERS, len(ALL)):
        plain = {name: value for name, value in one.items() if name != "kind"}
        why = made(
            ORDER, f"why{whose}", whose, {"reasonReference": [{"reference": f"Condition/base{whose}"}]}
        )
        lines += [*usual(whose), why, named(other(one["kind"], 1, whose, **plain), whose)]
    for whose, code in enumerate(LISTS, len(ALL) + len(OTHERS)):  # which has nothing else of its kind
        lines += [patient(f"p{whose}"), other("List", 1, whose, **EMPTY, code=coded(LOINC, code))]
        lines.append(made(DISEASE if code == LISTS[0] else ORDER, f"only{whose}", whose, {}))
    if shelved:
        lines.append(MEDICATION)
    columns = []
    kept = quick.split

    def split(*given: Any, **more: Any) -> Any:
        columns.append(kept(*given, **more))
        return columns[-1]

    monkeypatch.setattr(quick, "split", split)
    compare([text_of(one, style) for one in lines], bound=bound, partitions=3)
    assert len(columns) == 3
    assert None not in columns


@given(
    some=st.lists(st.tuples(st.sampled_from(ALL), st.integers(0, 2), st.integers(0, 2)), max_size=12),
    others=st.lists(st.tuples(st.sampled_from(OTHERS), st.integers(0, 2)), max_size=2),
    shelved=st.booleans(),
    bound=st.sampled_from((None, HEIGHT_ONLY)),
    partitions=st.integers(1, 2),
    end=st.sampled_from((b"\n", b"\r\n")),
    data=st.data(),
)
def test_any_plain_resources(
    some: list[Any],
    others: list[Any],
    shelved: bool,
    bound: Any,
    partitions: int,
    end: bytes,
    data: st.DataObject,
) -> None:
    lines = [text_of(one, 0) for whose in range(3) for one in usual(whose)]
    for number, ((base, change), whose, style) in enumerate(some):
        identity = f"odd{data.draw(st.integers(0, 3)) if number % 5 == 4 else number + 10}"
        lines.append(text_of(named(made(base, identity, whose, change), whose), style))
    for number, (one, whose) in enumerate(others):
        plain = {name: value for name, value in one.items() if name != "kind"}
        lines.append(text_of(named(other(one["kind"], number, whose, **plain), whose), 0))
    if shelved:
        lines.append(text_of(MEDICATION, 0))
    compare(data.draw(st.permutations(lines)), end, bound=bound, partitions=partitions)


@pytest.mark.parametrize(
    "member",
    [
        b'"valueQuantity":{"value":3,"unit":"cm","value":4}',
        b'"valueQuantity":{"value":3,"unit":"cm","\\u0076alue":4}',
        b'"valueQuantity":{"value":3,"unit":"cm","unit":"kg"}',
        b'"valueQuantity":{"value":3,"unit":"cm"},"valueQuantity":{"value":4,"unit":"cm"}',
        b'"component":[{"code":{"text":"a"},"valueQuantity":{"value":3,"value":4,"unit":"cm"}}]',
        b'"component":[{"code":{"text":"a \\"value\\":5, b"},"valueQuantity":{"value":3,"unit":"cm"}}]',
        b'"component":[{"code":{"text":"a"},"x\\"value":5,"valueQuantity":{"value" :3,"unit":"cm"}}]',
        b'"valueString":"a\\u0000b"',
        b'"valueString":"\xff"',
        b'"valueCodeableConcept":{"text":"\xff"}',
    ],
)
def test_json_that_few_would_write(member: bytes) -> None:
    """Equal bytes are understood once, so what they are equal to must be the whole of them."""
    bare = {name: value for name, value in made(LAB, "odd", 0, {}).items() if name != "valueQuantity"}
    odd = text_of(bare, 0)[:-1] + b"," + member + b"}"
    again = odd.replace(b'"odd"', b'"again"').replace(b":3,", b":7,").replace(b":5,", b":8,")
    compare([*(text_of(one, 0) for one in usual(0)), odd, again])


@pytest.mark.parametrize("kind", sorted(THIN))
def test_no_field_is_overlooked(kind: str) -> None:
    """What the common code reads is part of the first look, or else keeps a resource from being plain."""
    whole, thin = READ[kind], THIN[kind]
    assert set(whole.__struct_encode_fields__) <= set(thin.__struct_encode_fields__)
    text = json.dumps({"resourceType": kind, "id": "1", "unheard": 5}).encode()
    assert Decoder().lines(text, len(text)).found[0] is not None
    new = msgspec.defstruct(
        "New", [("unheard", Any, None)], bases=(whole,), tag=kind, tag_field="resourceType"
    )
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=_careful(thin, new))


def test_the_sample_is_read_as_columns(
    shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the comparison of the two readers would say nothing of columns."""
    singles: list[str] = []
    kept = Sorting._resource

    def counted(self: Sorting, resource: Any, *more: Any) -> None:
        singles.append(type(resource).__name__)
        kept(self, resource, *more)

    monkeypatch.setattr(Sorting, "_resource", counted)
    assert_same([shared_dir / "data" / "fhir" / "synthea" / "dev"], tmp_path, partitions=2)
    assert set(singles) == {"Patient", "AllergyIntolerance"}


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"resourceType":"Patient","id":"a"}{"resourceType":"Patient","id":"b"}', b""],
        [
            b'{"resourceType":"Patient","id":"a"}',
            b'{"resourceType":"Patient",',
            b'"id":"b"}{"resourceType":"Patient","id":"c"}',
        ],
        [
            b'{"resourceType":"Patient",',
            b'"id":"b"}',
            b'{"resourceType":"Patient","id":"c"} {"resourceType":"Patient","id":"d"}',
        ],
        [b'{"resourceType":"Patient","id":"a"}', b"", b' {"resourceType":"Patient","id":"c"}  '],
    ],
)
def test_a_line_is_one_value(lines: list[bytes]) -> None:
    """A value over two lines beside a line of two values is no block of as many values as lines."""
    data = b"".join(line + b"\n" for line in lines)
    found = Decoder().lines(data, len(data))
    assert [found.text(at) for at in range(len(found.found))] == lines
    for at, one in enumerate(found.found):
        alone = Decoder().lines(lines[at], len(lines[at])).found
        assert (one is None) == (alone in ([], [None]))
    compare(lines)


@pytest.mark.parametrize("most", [0, 2_000])
def test_what_does_not_fit_in_memory(
    most: int, shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that repeat are kept within bounds; beyond them the common code reads all."""
    monkeypatch.setattr(recall, "_MOST_BYTES", most)
    assert assert_same([shared_dir / "data" / "fhir" / "bulk-export-10"], tmp_path, partitions=2)


@pytest.mark.parametrize("size", [64, 1_000, 5_000])
def test_blocks_of_any_size(
    size: int, tmp_path: Path, shared_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "_BLOCK", size)
    source = shared_dir / "data" / "fhir" / "bulk-export-10"
    assert assert_same([source], tmp_path, partitions=2)
