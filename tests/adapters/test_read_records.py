"""Paths of any kind: sniffed by content, put together by patient, and nothing lost on the way."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.builder import bundle, codes, patients, person, rejects, request
from caveat.adapters import Reject, read_records
from caveat.facts.patient import Patient

NATIVE = {"id": "n1", "sex": "female", "orders": [{"id": "o1", "text": "baclofen 10 mg"}]}


def line(*resources: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def put(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (bundle(person(), request()), ["p1"]),
        (json.dumps(json.loads(bundle(person(), request())), indent=2).encode(), ["p1"]),
        (json.dumps(person()).encode(), ["p1"]),
        (json.dumps(NATIVE).encode(), ["n1"]),
        (json.dumps([NATIVE, NATIVE | {"id": "n2"}], indent=1).encode(), ["n1", "n2"]),
        (line(NATIVE, NATIVE | {"id": "n2"}), ["n1", "n2"]),
        (line(request(), person()), ["p1"]),
        (bundle(person()) + b"\n" + bundle(person("p2")), ["p1", "p2"]),
        (b"patient_id,sex\nx,female\n", ["x"]),
        (gzip.compress(line(person()), mtime=0), ["p1"]),
        (b"\xef\xbb\xbf" + json.dumps(NATIVE).encode(), ["n1"]),
        (json.dumps(NATIVE).encode("utf-16"), ["n1"]),
        (json.dumps(NATIVE).encode("utf-16-be"), ["n1"]),
        (json.dumps([person(), person("p2")]).encode(), ["p1", "p2"]),
    ],
)
def test_a_file_is_what_it_says_whatever_its_name(tmp_path: Path, data: bytes, ids: list[str]) -> None:
    put(tmp_path, **{"misnamed.png": data})
    found = list(read_records([tmp_path / "misnamed.png"]))
    assert not rejects(found), rejects(found)
    assert [one.id for one in patients(found)] == ids


def test_a_file_whose_first_line_is_larger_than_the_head_is_read_by_line(tmp_path: Path) -> None:
    padded = [
        json.loads(bundle(person(f"p{i}"), {"resourceType": "Binary", "data": "A" * 100_000})) for i in (1, 2)
    ]
    put(tmp_path, big=line(*padded))
    assert [one.id for one in patients(read_records([tmp_path / "big"]))] == ["p1", "p2"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(line(NATIVE))

    monkeypatch.setattr(sys, "stdin", Input)
    assert [one.id for one in patients(read_records(["-"]))] == ["n1"]


def test_bulk_files_of_a_folder_become_one_patient(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{
            "a.ndjson": line(request("o1"), request("o2", subject={"reference": "Patient/p2"})),
            "b.ndjson.gz": gzip.compress(line(person("p2"), person("p1")), mtime=0),
            "c.json": json.dumps(request("o3")).encode(),
        },
    )
    found = {one.id: one for one in patients(read_records([tmp_path]))}
    assert [o.id for o in found["p1"].orders or ()] == ["o1", "o3"]
    assert [o.id for o in found["p2"].orders or ()] == ["o2"]
    assert not found["p1"].problems


def test_files_named_one_by_one_are_put_together(tmp_path: Path) -> None:
    put(tmp_path, a=line(person()), b=line(request()))
    found = patients(read_records([tmp_path / "a", tmp_path / "b"]))
    assert [(one.id, len(one.orders or ())) for one in found] == [("p1", 1)]


def test_a_medication_in_another_file_is_found(tmp_path: Path) -> None:
    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "baclofen"}}
    asked = request(medicationReference={"reference": "Medication/m1"})
    put(tmp_path / "one", patient=bundle(person(), asked), medicines=bundle(medication))
    put(tmp_path / "two", patient=bundle(person(), asked), medicines=line(medication, medication))
    for folder in ("one", "two"):
        found = patients(read_records([tmp_path / folder]))
        assert len(found) == 1
        assert found[0].orders is not None
        assert found[0].orders[0].text == "baclofen"
        assert not found[0].problems


def test_two_bundles_of_one_patient_are_joined(tmp_path: Path) -> None:
    put(tmp_path, a=bundle(person(), request("o1")), b=bundle(person(), request("o2")))
    found = patients(read_records([tmp_path]))
    assert len(found) == 1
    assert [o.id for o in found[0].orders or ()] == ["o1", "o2"]
    assert codes(found[0].notes) == ["record-merged"]


def test_pages_of_one_search_make_one_patient(tmp_path: Path) -> None:
    link = [{"relation": "next", "url": "http://s/2"}]
    here = [{"relation": "self", "url": "http://s/2"}]
    put(
        tmp_path,
        a=bundle(person(), type="searchset", link=link),
        b=bundle(request(), type="searchset", link=here),
    )
    found = patients(read_records([tmp_path]))
    assert [(one.id, len(one.orders or ()), one.problems) for one in found] == [("p1", 1, ())]


def test_one_id_for_two_people_is_never_joined_and_never_clear(tmp_path: Path) -> None:
    put(tmp_path, a=bundle(person(), request("o1")), b=bundle(person(birthDate="1990-01-01"), request("o2")))
    found = patients(read_records([tmp_path]))
    assert [[o.id for o in one.orders or ()] for one in found] == [["o1"], ["o2"]]
    assert [codes(one.problems) for one in found] == [["patient-conflict"], ["patient-conflict"]]


def test_two_native_records_with_one_id_say_so(tmp_path: Path) -> None:
    put(tmp_path, a=line(NATIVE, NATIVE))
    found = patients(read_records([tmp_path / "a"]))
    assert [codes(one.problems) for one in found] == [["same-patient"], ["same-patient"]]


def test_two_rows_with_one_id_say_so(tmp_path: Path) -> None:
    put(tmp_path, a=b"patient_id,orders\nx,baclofen\nx,warfarin\n")
    assert [codes(one.problems) for one in patients(read_records([tmp_path / "a"]))] == [["same-patient"]] * 2


def test_a_bad_line_in_the_middle_is_set_aside_and_the_rest_read(tmp_path: Path) -> None:
    data = line(NATIVE) + b'{"id": "n2", \n' + b'{"id": NaN}\n' + b"[1]\n" + line(NATIVE | {"id": "n3"})
    put(tmp_path, a=data)
    found = list(read_records([tmp_path / "a"]))
    assert [one.id for one in patients(found)] == ["n1", "n3"]
    assert [(one.line, one.code) for one in rejects(found)] == [
        (2, "truncated"),
        (3, "not-json"),
        (4, "not-a-record"),
    ]
    assert not any(one.harmless for one in rejects(found))


def test_a_bad_first_line_does_not_hide_the_others(tmp_path: Path) -> None:
    for bad in (b'{"id": "n0"', b"garbage"):
        put(tmp_path, a=bad + b"\n" + line(NATIVE))
        found = list(read_records([tmp_path / "a"]))
        assert [one.id for one in patients(found)] == ["n1"]
        assert [one.line for one in rejects(found)] == [1]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n\n ", "empty"),
        (b"[]", "empty"),
        (bundle(person())[:-9], "truncated"),
        (json.dumps(json.loads(bundle(person(), request())), indent=2).encode()[:300], "truncated"),
        (gzip.compress(bundle(person()), mtime=0)[:-20], "truncated"),
        (b"\x1f\x8b" + b"\x00" * 30, "gzip"),
        (b'{"id": "x", "age": Infinity}', "not-json"),
        (b'{"id": "caf\xe9"}', "encoding"),
        (b'{"a":' * 100_000, "too-deep"),
        (
            b'{"resourceType":"Bundle","entry":[{"resource":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}",
            "too-deep",
        ),
        (b'{"resourceType":"Bundle","entry":{}}', "bundle"),
        (b'{"resourceType":"Bundle","entry":[]}', "no-patient"),
        (b'{"resourceType":7}', "not-a-record"),
        (b"<Bundle xmlns='http://hl7.org/fhir'/>", "not-a-record"),
        (b"PK\x03\x04zip", "not-a-record"),
        (b"some text", "not-a-record"),
        (b"some\x00text", "not-a-record"),
        (b'{"id": "x", "orders": [], "orders": []}', "duplicate-key"),
        (b'{"id": "x"} trailing', "not-json"),
        (b'"text"', "not-a-record"),
        (bundle({"resourceType": "Organization"}), "no-patient"),
        (json.dumps({"resourceType": "Organization"}).encode(), "no-patient"),
        (b"name,sex,weight\nx,female,3 kg\n", "header"),
        (b"\xff\xfe{\x00", "truncated"),
    ],
)
def test_bad_input_is_one_reject_with_its_file(tmp_path: Path, data: bytes, code: str) -> None:
    put(tmp_path, bad=data, good=line(NATIVE))
    found = list(read_records([tmp_path / "bad", tmp_path / "good"]))
    assert [one.id for one in patients(found)] == ["n1"]
    assert [one.code for one in rejects(found)] == [code], rejects(found)
    assert rejects(found)[0].source == str(tmp_path / "bad")
    assert not rejects(found)[0].harmless
    assert str(rejects(found)[0])


def test_records_before_the_end_of_a_damaged_gzip_are_read(tmp_path: Path) -> None:
    many = line(*(NATIVE | {"id": f"n{i}-{os.urandom(40).hex()}"} for i in range(2000)))
    put(tmp_path, a=gzip.compress(many, mtime=0)[:-2000])
    found = list(read_records([tmp_path / "a"]))
    assert len(patients(found)) > 1000
    assert [one.code for one in rejects(found)][-1] == "truncated"


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    found = list(read_records([tmp_path / "none", "bad\x00name"]))
    assert [one.code for one in rejects(found)] == ["not-found", "unreadable"]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, a=line(NATIVE))

    def refuse(self: Path, *args: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert [one.code for one in rejects(read_records([tmp_path / "a"]))] == ["permission"]


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "shut", a=line(NATIVE))

    def refuse(self: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert "permission" in [one.code for one in rejects(read_records([tmp_path]))]


def test_links_in_a_circle_and_to_nowhere(tmp_path: Path) -> None:
    put(tmp_path / "a", record=line(NATIVE))
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "gone").symlink_to(tmp_path / "nothing")
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    found = list(read_records([tmp_path]))
    assert [one.id for one in patients(found)] == ["n1"]
    assert all(one.code in ("not-found", "unreadable") for one in rejects(found))
    assert len(rejects(found)) == 2


def test_a_folder_without_records_says_so(tmp_path: Path) -> None:
    assert [one.code for one in rejects(read_records([tmp_path]))] == ["no-records"]
    put(tmp_path, README=b"nothing here")
    found = rejects(read_records([tmp_path]))
    assert [(one.code, one.harmless) for one in found] == [("not-a-record", True), ("no-records", False)]


def test_what_lies_beside_records_is_harmless(tmp_path: Path) -> None:
    log = {"exportId": "1", "eventId": "kickoff"}
    put(
        tmp_path,
        **{
            "README.md": b"# records",
            "log.ndjson": line(log, log),
            "hospitals.json": bundle({"resourceType": "Organization"}),
            "logo.png": b"\x89PNG\r\n\x1a\n",
            ".hidden": b"{",
            "p.json": bundle(person()),
        },
    )
    found = list(read_records([tmp_path]))
    assert [one.id for one in patients(found)] == ["p1"]
    assert len(rejects(found)) == 4
    assert all(one.harmless for one in rejects(found))


def test_a_line_of_another_version_marks_its_patient(tmp_path: Path) -> None:
    odd = request("o9", medicationCodeableConcept=None, medication={"concept": {"text": "baclofen"}})
    put(tmp_path, a=line(person(), odd))
    found = list(read_records([tmp_path / "a"]))
    assert [one.code for one in rejects(found)] == ["fhir-version"]
    assert "field" in codes(patients(found)[0].problems)


def test_faults_of_a_native_record_come_all_at_once(tmp_path: Path) -> None:
    put(tmp_path, a=line({"id": "x", "creatinine_clearance": "-5 mL/min", "medications": []}))
    found = list(read_records([tmp_path / "a"]))
    assert len(found) == 1
    assert isinstance(found[0], Reject)
    assert "'orders'" in str(found[0])


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    put(tmp_path, a=bundle(person(), request()), b=line(NATIVE), c=b"{")
    assert list(read_records([tmp_path])) == list(read_records([tmp_path]))


def test_patients_without_full_urls_are_counted_one_by_one(tmp_path: Path) -> None:
    both = (person("p1"), person("p2"))
    put(tmp_path, a=bundle(*both, request("o1")), b=bundle(*both, request("o2")))
    found = {one.id: one for one in patients(read_records([tmp_path]))}
    assert sorted(found) == ["p1", "p2"]
    assert [o.id for o in found["p1"].orders or ()] == ["o1", "o2"]


def test_oddities_in_the_places_of_a_first_look(tmp_path: Path) -> None:
    odd = [
        {"fullUrl": ["x"], "resource": person()},
        {
            "fullUrl": {"a": 1},
            "resource": {"resourceType": ["Patient"], "id": {}, "subject": {"reference": 5}},
        },
    ]
    put(tmp_path, a=bundle(entry=odd, link=[5, {"relation": "self", "url": []}]), b=bundle(person("p2")))
    assert [one.id for one in patients(read_records([tmp_path]))] == ["p1", "p2"]


def test_a_bundle_of_one_line_an_entry_is_one_document(tmp_path: Path) -> None:
    entries = [
        {"resource": {"resourceType": "Patient", "id": "p1"}},
        {
            "resource": {
                "resourceType": "MedicationRequest",
                "id": "m1",
                "status": "active",
                "subject": {"reference": "Patient/p1"},
                "medicationCodeableConcept": {"text": "baclofen"},
            }
        },
    ]
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    file = tmp_path / "bundle.json"
    file.write_text('{"resourceType": "Bundle", "type": "collection", "entry": [\n' + lines + "\n]}\n")
    (patient,) = read_records([file])
    assert isinstance(patient, Patient)
    assert patient.orders is not None
