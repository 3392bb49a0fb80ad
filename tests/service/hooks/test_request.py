"""A call is read strictly, with every fault at once, and never keeps a token."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from caveat.service.hooks.request import Token, read
from caveat.service.problems import Refused
from service.hooks.calls import bundle, call, order
from service.hooks.fakes import INSTANCE

BACLOFEN = order("a", "Baclofen 10 mg tablet")
CANARY = "tok3n-CANARY-9"


def refusal(body: Any) -> Refused:
    with pytest.raises(Refused) as found:
        read(body if isinstance(body, bytes) else json.dumps(body).encode(), keys=frozenset(("labs",)))
    return found.value


def faults(body: Any) -> list[tuple[str, str]]:
    found = refusal(body)
    assert found.status == 400
    return [(fault.code, fault.path) for fault in found.faults]


def changed(path: str, value: Any, hook: str = "order-select") -> dict[str, Any]:
    body = call(hook, drafts=[copy.deepcopy(BACLOFEN)])
    *parents, last = path.split(".")
    at: Any = body
    for name in parents:
        at = at[name]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return body


def test_a_plain_call_is_read() -> None:
    found = read(json.dumps(call(drafts=[BACLOFEN])).encode())
    assert (found.hook, found.instance, found.user, found.patient) == (
        "order-select",
        INSTANCE,
        "Practitioner/7",
        "p1",
    )
    assert found.selections == ("MedicationRequest/a",)
    assert json.loads(found.drafts or b"") == bundle(BACLOFEN)
    assert found.prefetch["labs"] == b"null"
    assert found.server is None
    assert found.token is None


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        ("p1", "p1"),
        ("Patient/p1", "p1"),
        ("https://fhir.example/r4/Patient/p1", "p1"),
        ("a.b-c_9", "a.b-c_9"),
    ],
)
def test_patient_is_a_bare_id_or_a_reference(value: str, bare: str) -> None:
    assert read(json.dumps(changed("context.patientId", value)).encode()).patient == bare


@pytest.mark.parametrize(
    "value",
    ["..", "Patient/..", "Patient/", "Group/p1", "p1?x=1", "p1/../p2", "a b", "p1&y", "p\n1", "x" * 129, "é"],
)
def test_what_is_no_id_is_no_patient(value: str) -> None:
    assert faults(changed("context.patientId", value)) == [("patient", "$.context.patientId")]


@pytest.mark.parametrize(
    ("path", "value", "code", "where"),
    [
        ("hook", ..., "missing", "$.hook"),
        ("hook", "", "empty", "$.hook"),
        ("hook", 3, "type", "$.hook"),
        ("hook", "medication-prescribe", "hook", "$.hook"),
        ("hook", "Order-Select", "hook", "$.hook"),
        ("hookInstance", ..., "missing", "$.hookInstance"),
        ("hookInstance", "7", "uuid", "$.hookInstance"),
        ("hookInstance", INSTANCE + "\n", "uuid", "$.hookInstance"),
        ("context", ..., "missing", "$.context"),
        ("context", None, "missing", "$.context"),
        ("context", [], "type", "$.context"),
        ("context.userId", ..., "missing", "$.context.userId"),
        ("context.userId", " ", "empty", "$.context.userId"),
        ("context.patientId", ..., "missing", "$.context.patientId"),
        ("context.patientId", {"id": "p1"}, "type", "$.context.patientId"),
        ("context.encounterId", 5, "type", "$.context.encounterId"),
        ("context.selections", ..., "missing", "$.context.selections"),
        ("context.selections", [], "empty", "$.context.selections"),
        ("context.selections", "MedicationRequest/a", "type", "$.context.selections"),
        ("context.selections", ["MedicationRequest/a", 7], "type", "$.context.selections[1]"),
        ("context.draftOrders", ..., "missing", "$.context.draftOrders"),
        ("context.draftOrders", None, "missing", "$.context.draftOrders"),
        ("context.draftOrders", [BACLOFEN], "type", "$.context.draftOrders"),
        ("context.draftOrders", BACLOFEN, "type", "$.context.draftOrders.resourceType"),
        ("context.draftOrders.entry", {}, "type", "$.context.draftOrders.entry"),
        ("context.draftOrders.entry", [{}, 3], "type", "$.context.draftOrders.entry[1]"),
        ("prefetch", [], "type", "$.prefetch"),
        ("prefetch.labs", "none", "type", "$.prefetch.labs"),
        ("prefetch.labs", [], "type", "$.prefetch.labs"),
        ("fhirServer", "fhir.example", "url", "$.fhirServer"),
        ("fhirServer", "ftp://fhir.example", "url", "$.fhirServer"),
        ("fhirServer", "https://a b", "url", "$.fhirServer"),
        ("fhirServer", 5, "type", "$.fhirServer"),
        ("fhirAuthorization", "Bearer x", "type", "$.fhirAuthorization"),
    ],
)
def test_each_fault_has_its_place(path: str, value: Any, code: str, where: str) -> None:
    assert faults(changed(path, value)) == [(code, where)]


def test_hooks_need_only_their_own_context() -> None:
    assert read(json.dumps(call("patient-view")).encode()).drafts is None
    signed = call("order-sign", drafts=[BACLOFEN])
    assert "selections" not in signed["context"]
    assert read(json.dumps(signed).encode()).selections == ()
    assert faults(changed("context.draftOrders", ..., "order-sign")) == [
        ("missing", "$.context.draftOrders"),
    ]


def test_every_fault_at_once() -> None:
    body = {
        "hook": "order-select",
        "hookInstance": "x",
        "context": {"patientId": "..", "selections": [1, ""], "draftOrders": {"resourceType": "Bundle"}},
        "fhirAuthorization": {"token_type": "mac"},
        "prefetch": {"labs": 5},
    }
    assert faults(body) == [
        ("uuid", "$.hookInstance"),
        ("missing", "$.fhirServer"),
        ("token", "$.fhirAuthorization.token_type"),
        ("missing", "$.fhirAuthorization.access_token"),
        ("missing", "$.context.userId"),
        ("patient", "$.context.patientId"),
        ("type", "$.context.selections[0]"),
        ("empty", "$.context.selections[1]"),
        ("type", "$.prefetch.labs"),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[]", "type"),
        (b"null", "type"),
        (b'"hook"', "type"),
        (b"{", "truncated"),
        (b'{"hook": NaN}', "not-json"),
        (b'{"hook": "\xff"}', "encoding"),
        (b'{"prefetch": {"labs": {"a": 01}}}', "not-json"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, code: str) -> None:
    assert [found for found, _ in faults(body)] == [code]


def test_json_nested_beyond_reading_is_too_much() -> None:
    depth = 100_000
    body = b'{"context":' + b"[" * depth + b"]" * depth + b"}"
    found = refusal(body)
    assert (found.status, found.faults[0].code) == (413, "too-deep")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(call("patient-view")).encode()).patient == "p1"


def test_unknown_keys_are_tolerated_and_not_kept() -> None:
    body = call(drafts=[BACLOFEN], extension={"com.example": CANARY}, other=[])
    body["context"]["extension"] = {"x": CANARY}
    body["context"]["units"] = CANARY
    body["prefetch"]["user"] = CANARY  # some clients put an id there
    found = read(json.dumps(body).encode(), keys=frozenset(("labs",)))
    assert CANARY.encode() not in found.question()
    assert "user" not in found.prefetch


def authorized(**more: Any) -> dict[str, Any]:
    grant = {"access_token": CANARY, "token_type": "Bearer", "expires_in": 300, "scope": CANARY, **more}
    return call(drafts=[BACLOFEN], fhirServer="https://fhir.example/r4", fhirAuthorization=grant)


def test_the_token_is_held_out_of_sight() -> None:
    found = read(json.dumps(authorized()).encode())
    assert found.token is not None
    assert found.token.reveal() == CANARY
    assert found.server == "https://fhir.example/r4"
    assert CANARY not in repr(found) + str(found) + f"{found.token}"
    assert CANARY.encode() not in found.question()
    assert b"fhirAuthorization" not in found.question()
    with pytest.raises(TypeError):
        pickle.dumps(found.token)


@pytest.mark.parametrize(
    "grant",
    [
        {"access_token": CANARY + " x"},
        {"access_token": CANARY + "\r\nX: y"},
        {"access_token": [CANARY]},
        {"token_type": CANARY},
        {"token_type": ["Bearer"]},
    ],
)
def test_no_fault_repeats_a_token(grant: dict[str, Any]) -> None:
    found = refusal(authorized(**grant))
    assert CANARY not in json.dumps(found.problem())


def test_a_token_needs_its_server() -> None:
    body = authorized()
    del body["fhirServer"]
    assert faults(body) == [("missing", "$.fhirServer")]


def test_the_question_says_what_was_sent() -> None:
    body = authorized()
    found = read(json.dumps(body).encode())
    kept = json.loads(found.question())
    assert set(kept) == {"hook", "hookInstance", "context", "prefetch"}
    assert kept["context"] == body["context"]
    assert kept["prefetch"] == body["prefetch"]
    again = read(found.question())
    assert again.question() == found.question()
    assert again.drafts == found.drafts


def test_numbers_are_kept_as_they_were_written() -> None:
    raw = json.dumps(call(drafts=[BACLOFEN])).replace('"value": 10,', '"value": 10.50,').encode()
    assert b'"value": 10.50' in read(raw).question()


def test_a_token_is_equal_to_none_but_itself() -> None:
    assert Token("a") != Token("a")


def test_the_message_says_what_where_and_how_to_mend() -> None:
    found = refusal(changed("context.patientId", "Group/9"))
    assert found.problem() == {
        "type": "about:blank",
        "title": "this is no CDS Hooks request that can be answered",
        "status": 400,
        "detail": "patientId must be the id of one Patient",
        "errors": [
            {
                "code": "patient",
                "message": "patientId must be the id of one Patient",
                "path": "$.context.patientId",
                "value": "Group/9",
                "hint": "Give the id of the Patient, such as 123 or Patient/123",
            }
        ],
    }


def doubled(raw: str, key: str, first: Any, path: str) -> None:
    again = raw.replace(f'"{key}": ', f'"{key}": {json.dumps(first)}, "{key}": ', 1)
    assert raw != again
    assert faults(again.encode()) == [("duplicate-key", path)]


def test_a_key_that_stands_twice_loses_nothing_in_silence() -> None:
    raw = json.dumps(call(drafts=[BACLOFEN]))
    other = bundle(order("b", "Oxycodone 5 mg tablet"))
    doubled(raw, "draftOrders", other, "$.context.draftOrders")
    doubled(raw, "medications", other, "$.prefetch.medications")
    doubled(raw, "prefetch", {"medications": other}, "$.prefetch")
    doubled(raw, "context", call(drafts=[order("b", "Oxycodone")])["context"], "$.context")


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(
    ("key", "first", "path"),
    [
        ("hook", "patient-view", "$.hook"),
        ("hookInstance", "", "$.hookInstance"),
        ("patientId", "p2", "$.context.patientId"),
        ("selections", ["MedicationRequest/zzz"], "$.context.selections"),
        ("medications", None, "$.prefetch.medications"),
        ("status", "cancelled", "$.context.draftOrders.status"),
    ],
)
def test_a_short_key_that_stands_twice_is_refused_too(
    key: str, first: Any, path: str, separators: tuple[str, str]
) -> None:
    raw = json.dumps(call(drafts=[BACLOFEN], medications=None), separators=separators)
    mark = f'"{key}"{separators[1]}'
    again = raw.replace(mark, f"{mark}{json.dumps(first)},{mark}", 1)
    assert raw != again
    assert faults(again.encode()) == [("duplicate-key", path)]
    assert faults(b"\xef\xbb\xbf" + again.encode()) == [("duplicate-key", path)]


@pytest.mark.parametrize("indent", [None, 1, 4, 12])
def test_wide_layouts_and_extensions_are_no_repeats(indent: int | None) -> None:
    body = call(drafts=[BACLOFEN], extension={"a": [{"b": "x" * 900}, {"b": 1}]})
    body["context"]["selections"] = [f"MedicationRequest/{n}" for n in range(60)]
    assert read(json.dumps(body, indent=indent).encode()).patient == "p1"
