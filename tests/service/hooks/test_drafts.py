"""Which drafts are medicines, and which of them a client selected."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caveat.service.hooks.drafts import read_drafts
from caveat.service.hooks.request import read
from service.hooks.calls import bundle, call, order

A, B = order("a", "Baclofen 10 mg tablet"), order("b", "Diazepam 5 mg tablet")
LAB = {"resourceType": "ServiceRequest", "id": "s", "status": "draft"}
DIET = {"resourceType": "NutritionOrder", "id": "n", "status": "draft"}


def places(body: Any) -> tuple[list[int], list[int], tuple[str, ...]]:
    found = read_drafts(read(json.dumps(body).encode()))
    return [d.place for d in found.judged], [d.place for d in found.context], found.absent


@pytest.mark.parametrize(
    "selection",
    [
        "MedicationRequest/b",
        "b",
        "https://fhir.example/r4/MedicationRequest/b",
        "MedicationRequest/b/_history/3",
        "https://fhir.example/r4/MedicationRequest/b/_history/3",
    ],
)
def test_a_selection_is_a_reference_in_any_form(selection: str) -> None:
    assert places(call(drafts=[A, LAB, B], selected=[selection])) == ([2], [0], ())


def test_a_selection_may_be_the_url_of_an_entry() -> None:
    drafts = bundle(A, B)
    for number, entry in enumerate(drafts["entry"]):
        entry["fullUrl"] = f"urn:uuid:{number}"
        del entry["resource"]["id"]
    try:
        assert places(call(drafts=drafts, selected=["urn:uuid:1"])) == ([1], [0], ())
    finally:
        A["id"], B["id"] = "a", "b"


def test_a_bare_id_means_every_draft_that_has_it() -> None:
    assert places(call(drafts=[A, {**LAB, "id": "a"}, B], selected=["a"])) == ([0], [2], ())


def test_the_type_of_a_selection_counts() -> None:
    assert places(call(drafts=[A], selected=["ServiceRequest/a"])) == ([], [0], ())
    assert places(call(drafts=[A], selected=["MedicationStatement/a"])) == (
        [],
        [0],
        ("MedicationStatement/a",),
    )


def test_several_selections_are_all_judged_once() -> None:
    body = call(drafts=[A, B, LAB], selected=["b", "MedicationRequest/a", "MedicationRequest/b"])
    assert places(body) == ([0, 1], [], ())


@pytest.mark.parametrize(
    ("selection", "absent"),
    [
        ("MedicationRequest/x", True),
        ("x", True),
        ("MedicationOrder/x", True),
        ("urn:uuid:x", True),
        ("Other/x", True),
        ("ServiceRequest/x", False),
        ("https://fhir.example/r4/NutritionOrder/x", False),
    ],
)
def test_a_selection_without_a_draft_is_missed_where_it_may_be_a_medicine(
    selection: str, absent: bool
) -> None:
    body = call(drafts=[A, LAB], selected=[selection])
    assert places(body) == ([], [0], (selection,) if absent else ())
    assert read_drafts(read(json.dumps(body).encode())).concerned is absent


def test_signing_judges_every_medicine() -> None:
    assert places(call("order-sign", drafts=[A, LAB, B, DIET])) == ([0, 2], [], ())


@pytest.mark.parametrize("drafts", [[], [LAB], [LAB, DIET], [{"resourceType": "Medication", "id": "m"}]])
def test_drafts_without_a_medicine_concern_nobody(drafts: list[Any]) -> None:
    body = call("order-sign", drafts=bundle(*drafts))
    assert not read_drafts(read(json.dumps(body).encode())).concerned


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"fullUrl": "urn:uuid:1"},
        {"resource": None},
        {"resource": []},
        {"resource": {}},
        {"resource": {"resourceType": 5}},
        {"resource": {"resourceType": "medicationrequest", "id": "x"}},
        {"resource": {"resourceType": "MedicationOrder", "id": "x"}},
        {"resource": {"resourceType": "Bundle", "entry": [{"resource": A}]}},
        {"resource": {"resourceType": "RequestGroup", "contained": [A]}},
    ],
)
def test_what_may_be_a_medicine_is_taken_for_one(entry: Any) -> None:
    body = call("order-sign", drafts={"resourceType": "Bundle", "entry": [{"resource": LAB}, entry]})
    assert places(body) == ([1], [], ())


def test_nothing_is_drafted_when_a_chart_is_opened() -> None:
    assert places(call("patient-view")) == ([], [], ())
