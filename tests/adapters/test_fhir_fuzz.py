"""Records broken at random: every patient comes out as a patient or a reject, never as a traceback."""

from __future__ import annotations

import copy
import gzip
import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.builder import (
    LOINC,
    administration,
    coding,
    context,
    dispense,
    encounter,
    observation,
    patients,
    procedure,
    stated,
    whole,
)
from caveat.adapters import Reject, read_bundle, read_native, read_records, to_native
from caveat.facts.patient import Patient

FIXTURES = Path(__file__).parents[2] / "fixtures" / "fhir"
ORDERS = ("MedicationRequest",)
KEPT = (
    "Patient",
    "MedicationRequest",
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "Procedure",
    "Encounter",
)


@lru_cache(maxsize=1)
def small() -> dict[str, Any]:
    """A real Bundle with two resources of each type."""
    path = sorted((FIXTURES / "synthea").glob("*.json"))[0]
    given = json.loads(path.read_bytes())
    seen: dict[str, int] = {}
    entries = []
    for entry in given["entry"]:
        kind = entry["resource"]["resourceType"]
        seen[kind] = seen.get(kind, 0) + 1
        if kind in KEPT and seen[kind] <= 2:
            entry["resource"].pop("text", None)
            entries.append(entry)
    return {**given, "entry": entries + [{"resource": one} for one in features(entries)]}


def features(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Resources that state circumstances, lists and what was carried out, of the same patient."""
    ordered = next(one["resource"]["id"] for one in entries if one["resource"]["resourceType"] in ORDERS)
    subject = next(one["resource"]["subject"] for one in entries if "subject" in one["resource"])
    made = [
        context("fall_risk", valueBoolean=True),
        context("pump_refilled", valueDateTime="2026-01-01"),
        stated("82810-3", valueCodeableConcept=coding(LOINC, "LA26683-5")),
        stated("74013-4", valueQuantity={"value": 0, "unit": "/d"}),
        observation("cp", code={"text": "Child-Pugh class"}, valueString="B"),
        whole("10160-0", f"MedicationRequest/{ordered}", date="2026-01-01"),
        whole("11450-4", reason="nilknown"),
        dispense("d1", f"MedicationRequest/{ordered}"),
        administration("m1", "2026-01-01", f"MedicationRequest/{ordered}"),
        procedure({"text": "Hemodialysis"}),
        encounter("IMP", "2026-01-01"),
    ]
    return [{**one, "subject": subject} for one in made]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, one in inner:
        found += places(one, (*path, key))
    return found


@lru_cache(maxsize=1)
def all_places() -> list[tuple[Any, ...]]:
    return places(small())


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["", "active", "2026-13-45", "Patient/none", "#x", "NaN", "1e999", "\u200b", "Patient?identifier=x"]
    ),
    st.builds(list),
    st.builds(dict),
    st.lists(st.integers() | st.none(), max_size=2),
    st.dictionaries(
        st.sampled_from(["value", "code", "reference", "coding", "text"]), st.integers(), max_size=2
    ),
    st.integers(10, 400).map(lambda n: json.loads("[" * n + "]" * n)),
)


@st.composite
def broken_bundles(draw: st.DrawFn) -> dict[str, Any]:
    value = copy.deepcopy(small())
    for _ in range(draw(st.integers(1, 6))):
        path = draw(st.sampled_from(all_places()))
        holder: Any = value
        for step in path[:-1]:
            try:
                holder = holder[step]
            except (KeyError, IndexError, TypeError):
                break
        else:
            try:
                if draw(st.booleans()):
                    holder[path[-1]] = copy.deepcopy(draw(ODD))
                elif isinstance(holder, dict):
                    holder.pop(path[-1], None)
                else:
                    holder.insert(0, copy.deepcopy(draw(ODD)))
            except (IndexError, TypeError, AttributeError):
                continue
    return value


def people(value: Any) -> int:
    entries = value.get("entry")
    found = set()
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        one = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(one, dict) and one.get("resourceType") == "Patient":
            found.add(one.get("id") if isinstance(one.get("id"), str) else number)
    return len(found)


@settings(max_examples=300, deadline=None)
@given(broken_bundles())
def test_a_broken_bundle_loses_no_patient(value: dict[str, Any]) -> None:
    found = read_bundle(json.dumps(value).encode())
    assert found
    whole = [one for one in found if isinstance(one, Reject)]
    assert len(patients(found)) >= people(value) or whole
    for one in patients(found):
        # What was put together without validation is what validation would have made.
        assert read_native(to_native(one)) == one


@settings(max_examples=150, deadline=None)
@given(broken_bundles())
def test_no_order_is_lost_without_a_word(value: dict[str, Any]) -> None:
    asked = [
        entry["resource"]
        for entry in (value.get("entry") if isinstance(value.get("entry"), list) else ())
        if isinstance(entry, dict)
        and isinstance(entry.get("resource"), dict)
        and entry["resource"].get("resourceType") == "MedicationRequest"
    ]
    found = read_bundle(json.dumps(value).encode())
    kept = sum(len(one.orders or ()) for one in patients(found))
    said = sum(
        note.count for one in patients(found) for note in one.notes if note.code != "dose-without-unit"
    )
    said += len([one for one in found if isinstance(one, Reject)])
    assert kept >= len(asked) or said


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_bundle_cut_anywhere_is_one_reject(data: st.DataObject) -> None:
    whole = json.dumps(small()).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    found = read_bundle(whole[:cut])
    assert len(found) == 1
    assert isinstance(found[0], Reject)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_bytes_changed_at_random(data: st.DataObject) -> None:
    whole = bytearray(json.dumps(small()).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert read_bundle(bytes(whole))


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"{", b"[", b"\x1f\x8b", b"\xff\xfe", b'{"resourceType":"Bundle",']),
)
def test_any_file_gives_records_or_rejects(data: bytes, head: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(head + data)
        found = list(read_records([path]))
        assert found
        assert all(isinstance(one, (Patient, Reject)) for one in found)
        packed = Path(folder) / "packed"
        packed.write_bytes(gzip.compress(head + data, mtime=0))
        assert len(list(read_records([packed]))) == len(found)


@settings(max_examples=100, deadline=None)
@given(st.lists(broken_bundles(), min_size=1, max_size=3), st.lists(st.binary(max_size=40), max_size=2))
def test_lines_of_resources_broken_at_random(values: list[dict[str, Any]], junk: list[bytes]) -> None:
    lines = [json.dumps(entry.get("resource") if isinstance(entry, dict) else entry).encode()
             for value in values
             for entry in (value.get("entry") if isinstance(value.get("entry"), list) else ())]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.ndjson").write_bytes(b"\n".join(lines + junk))
        assert list(read_records([folder]))
