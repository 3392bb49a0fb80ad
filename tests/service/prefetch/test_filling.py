"""Templates filled in for a call, and what of its prefetch is worth asking a server for."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.errors import InputError
from caveat.service.fetch.client import _QUERY
from caveat.service.prefetch.filling import filled, lacking, merged, refusing

OFFERED = {
    "patient": "Patient/{{context.patientId}}",
    "medications": "MedicationRequest?patient={{context.patientId}}&_count=200",
    "labs": "Observation?patient={{context.patientId}}&code=http://loinc.org|2160-0&_sort=-date&_count=20",
}
OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'


def page(following: bool, kind: str = "Bundle") -> bytes:
    link = [{"relation": "self", "url": "x"}, *([{"relation": "next", "url": "y"}] if following else [])]
    return json.dumps({"resourceType": kind, "link": link}).encode()


@pytest.mark.parametrize(
    "given_", ["p-1.x", "Patient/p-1.x", "https://ehr.example/fhir/Patient/p-1.x", " p-1.x "]
)
def test_the_patient_is_put_in_however_it_is_named(given_: str) -> None:
    assert filled(OFFERED, {"patientId": given_, "userId": "Practitioner/1"}) == {
        "patient": "Patient/p-1.x",
        "medications": "MedicationRequest?patient=p-1.x&_count=200",
        "labs": "Observation?patient=p-1.x&code=http://loinc.org|2160-0&_sort=-date&_count=20",
    }


@pytest.mark.parametrize(
    "given_",
    [
        None,
        "",
        " ",
        7,
        ["p1"],
        "..",
        ".",
        "Patient/",
        "Patient/..",
        "p1&_id=p2",
        "p1?x=1",
        "p1#x",
        "p1,p2",
        "p1|p2",
        "p1%2Cp2",
        "p 1",
        "p1\r\nX: y",
        "p1\u0000",
        "\u0440atient",
        "p1;x",
        "p1\\,p2",
        "p$1",
        "{{context.userId}}",
        "x" * 129,
    ],
)
def test_an_id_that_could_lead_elsewhere_is_refused(given_: Any) -> None:
    with pytest.raises(InputError) as caught:
        filled(OFFERED, {"patientId": given_})
    assert caught.value.code == "context-id"
    assert caught.value.path == "$.context.patientId"


@given(st.text(max_size=40))
def test_whatever_the_id_the_query_asks_for_one_patient_on_the_server(text: str) -> None:
    try:
        found = filled(OFFERED, {"patientId": text})
    except InputError:
        return
    identity = found["patient"].removeprefix("Patient/")
    assert text.strip().endswith(identity)
    for query in found.values():
        assert _QUERY.fullmatch(query)
        assert ".." not in query.split("/")
        assert unquote(query) == query
    assert found["medications"] == f"MedicationRequest?patient={identity}&_count=200"
    assert re.fullmatch(r"[\w\-.]+", identity)


def test_what_is_worth_asking_for() -> None:
    assert lacking(OFFERED, {}) == ("patient", "medications", "labs")
    whole = {"patient": b'{"resourceType":"Patient"}', "medications": page(False), "labs": b" null\n"}
    assert lacking(OFFERED, whole) == ()
    assert lacking(OFFERED, {**whole, "medications": OUTCOME}) == ("medications",)
    assert lacking(OFFERED, {**whole, "medications": page(True)}) == ("medications",)
    assert lacking(OFFERED, {**whole, "labs": page(True)}) == (), "only the newest results were asked for"
    assert lacking(OFFERED, {**whole, "medications": b"null"}) == ()
    assert lacking(OFFERED, {**whole, "medications": b"7"}) == (), (
        "what is no resource is a fault of the client"
    )


def test_what_was_fetched_stands_in_and_a_failure_for_nothing() -> None:
    sent = {"medications": page(True), "labs": OUTCOME}
    assert merged(sent, {"medications": page(False)})["medications"] == page(False)
    assert merged(sent, {"medications": OUTCOME})["medications"] == page(True)
    assert merged(sent, {"patient": OUTCOME})["patient"] == OUTCOME
    assert merged(sent, {}) == sent


def test_what_refuses_a_call() -> None:
    assert refusing({}) == ("patient", "medications")
    whole = {"patient": b'{"resourceType":"Patient"}', "medications": b"null"}
    assert refusing(whole) == ()
    assert refusing({**whole, "patient": b"null"}) == ("patient",)
    assert refusing({**whole, "medications": OUTCOME}) == ("medications",)
