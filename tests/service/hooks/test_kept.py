"""What a route has read of a call says the same as reading the question again, so the answer is the same."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.service.calls import order_select
from caveat.service.answers import answer
from caveat.service.hooks.request import Call, read
from service.hooks.calls import call, order, question
from service.hooks.fakes import live

KEYS = ("labs", "conditions", "x", "allergies", "z\u00e9", "patient")
VALUES = st.sampled_from([None, {}, {"resourceType": "Bundle", "entry": []}, {"a": [1.50, "\u00fc", "\\"]}])


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Calls of each hook: ids and values in the forms that clients send."""
    hook = draw(st.sampled_from(["patient-view", "order-select", "order-sign"]))
    body: dict[str, Any] = call(
        hook, drafts=[order("a", "Baclofen 10 mg tablet"), order("b", "Warfarin 3 mg tablet")]
    )
    context = body["context"]
    context["patientId"] = draw(st.sampled_from(["p1", "Patient/p1", "https://ehr.example/fhir/Patient/p1"]))
    context["encounterId"] = draw(st.none() | st.sampled_from(["e1", "Encounter/\u00e9"]))
    if hook == "order-select":
        chosen = ["MedicationRequest/a", "MedicationRequest/b", "a", "x"]
        context["selections"] = draw(st.lists(st.sampled_from(chosen), min_size=1, max_size=4))
    body["prefetch"] = draw(st.dictionaries(st.sampled_from(KEYS), VALUES))
    body["hookInstance"] = draw(st.uuids(version=4).map(str).map(str.upper))
    if draw(st.booleans()):
        body["fhirServer"] = "https://ehr.example/fhir"
        body["fhirAuthorization"] = {"token_type": "Bearer", "access_token": "secret"}
    return body


def same(one: Call, other: Call) -> bool:
    return one == other and list(one.prefetch) == list(other.prefetch)


@given(body=bodies(), indent=st.sampled_from([None, 1]))
def test_what_is_kept_is_what_is_read_again(body: dict[str, Any], indent: int | None) -> None:
    found = read(json.dumps(body, indent=indent).encode())
    again = read(found.question())
    assert same(found.kept(), again)
    assert again.question() == found.question()
    assert found.kept().token is None
    assert found.kept().server is None


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_the_answer_is_the_same_with_what_was_read(seed: int) -> None:
    body = order_select(seed, 6_000)
    asked = question(body)
    assert answer(asked, live(), read(body).kept()) == answer(asked, live())
