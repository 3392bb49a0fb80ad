"""Whatever is broken in a call: no failure of the service, and never silence about what was not judged."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from caveat.terminology.resolver import resolve
from service.hooks.calls import allergy, bundle, call, creatinine, order, prefetch
from service.hooks.fakes import live, service
from service.hooks.shape import faults_of_cards

SERVICE = service()
Path = tuple[str | int, ...]

JUNK = st.sampled_from(
    (
        None,
        True,
        0,
        -1,
        7.5,
        1e308,
        "",
        " ",
        "x",
        "x" * 300,
        "\0",
        "\ud800",
        "2026-13-45",
        "<b>*x*</b>",
        "Patient/x",
    )
) | st.sampled_from(
    (
        [],
        {},
        [None],
        [[[]]],
        {"resourceType": "Patient"},
        {"resourceType": "Bundle", "entry": 3},
        {"resourceType": "Bundle", "entry": [None, {"resource": None}]},
        {"resourceType": "OperationOutcome", "issue": []},
        {"reference": "Patient/other"},
        {"coding": [{}]},
        {"value": "5", "unit": 5},
    )
)


def paths(value: Any, at: Path = ()) -> list[Path]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*at, key))
    return found


def mutated(body: Any, path: Path, kind: str, junk: Any) -> Any:
    made = copy.deepcopy(body)
    at = made
    for step in path[:-1]:
        at = at[step]
    last = path[-1]
    if kind == "replace":
        at[last] = copy.deepcopy(junk)
    elif kind == "delete":
        del at[last]
    elif kind == "wrap":
        at[last] = [at[last]]
    elif isinstance(at, list):
        at.insert(int(last), copy.deepcopy(at[last]))
    else:
        at[f"{last}x"] = copy.deepcopy(at[last])
    return made


KINDS = st.sampled_from(("replace", "replace", "delete", "wrap", "repeat"))


def record(drug: str) -> dict[str, Any]:
    taken = bundle(order("m", "Oxycodone 5 mg tablet", dose=5, status="active"), kind="searchset")
    return call(
        drafts=[order("a", drug), order("b", "Diazepam 5 mg tablet", dose=5)],
        prefetch=prefetch(
            medications=taken, labs=bundle(creatinine(), kind="searchset"), allergies=bundle(allergy())
        ),
    )


UNKNOWN = record("baclofne 10 mg tablet")
# What says which medicine is selected: a call in which that is changed is another call.
SAID: tuple[Path, ...] = (
    ("hook",),
    ("context",),
    ("context", "selections"),
    ("context", "selections", 0),
    ("context", "draftOrders"),
    ("context", "draftOrders", "entry"),
    ("context", "draftOrders", "entry", 0),
    ("context", "draftOrders", "entry", 0, "resource"),
    *(
        ("context", "draftOrders", "entry", 0, "resource", name)
        for name in ("resourceType", "id", "status", "medicationCodeableConcept")
    ),
    ("context", "draftOrders", "entry", 0, "resource", "medicationCodeableConcept", "text"),
)
ELSEWHERE = [path for path in paths(UNKNOWN) if path not in SAID]


@given(st.sampled_from(ELSEWHERE), KINDS, JUNK)
def test_junk_never_hides_an_unrecognised_medicine(path: Path, kind: str, junk: Any) -> None:
    response = SERVICE.post(mutated(UNKNOWN, path, kind, junk))
    assert response.status_code in (200, 400, 412, 413)
    if response.status_code == 200:
        body = response.json()
        assert faults_of_cards(body) == []
        # a draft that names another patient is not judged and not named, and that is said
        told = [card["detail"] for card in body["cards"]]
        assert any("baclofne" in text or "it was not judged" in text for text in told), path


KNOWN = record("Baclofen 10 mg tablet")


@given(st.lists(st.tuples(st.sampled_from(paths(KNOWN)), KINDS, JUNK), min_size=1, max_size=4))
def test_junk_anywhere_is_answered_or_refused(changes: list[tuple[Path, str, Any]]) -> None:
    body: Any = KNOWN
    for path, kind, junk in changes:
        try:
            body = mutated(body, path, kind, junk)
        except (KeyError, IndexError, TypeError, ValueError):
            continue  # an earlier change took this place away
    before = len(SERVICE.store.recorded)
    response = SERVICE.post(body)
    assert response.status_code in (200, 400, 412, 413)
    if response.status_code == 200:
        assert faults_of_cards(response.json()) == []
        [judged] = SERVICE.store.recorded[-1][1].judged
        if not response.json()["cards"]:
            counts = (judged.alerts, judged.cannot_assess, judged.unrecognised, judged.errors)
            assert counts == (0, 0, 0, 0)
    else:
        assert len(SERVICE.store.recorded) == before


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_bytes_of_any_kind_are_refused(raw: bytes) -> None:
    for path in ("/cds-services/caveat", "/cds-services/caveat/feedback"):
        assert SERVICE.post(raw, path).status_code in (400, 413)


ITEM = {
    "feedback": [
        {
            "card": "0f5f1f6a-1111-4222-8333-444455556666",
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": "0f5f1f6a-aaaa-4bbb-8ccc-dddd55556666"}],
            "overrideReason": {"reason": {"code": "a", "system": "b", "display": "c"}, "userComment": "d"},
            "outcomeTimestamp": "2026-01-15T09:31:00Z",
        }
    ]
}


@given(st.sampled_from(paths(ITEM)), KINDS, JUNK)
def test_junk_in_feedback_is_kept_whole_or_refused(path: Path, kind: str, junk: Any) -> None:
    body = mutated(ITEM, path, kind, junk)
    before = len(SERVICE.store.said)
    response = SERVICE.post(body, "/cds-services/caveat/feedback")
    assert response.status_code in (200, 400, 413)
    if response.status_code != 200:
        assert len(SERVICE.store.said) == before


@given(st.text(max_size=60))
def test_any_name_of_a_drug_is_shown_or_recognised(name: str) -> None:
    response = SERVICE.post(json.loads(json.dumps(record(name))))
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert faults_of_cards(response.json()) == []
        known = resolve(live().rules.terminology, (), name)
        assert response.json()["cards"] or (known.ingredients and not known.unrecognised)
