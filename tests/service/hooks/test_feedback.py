"""Feedback is read strictly, kept once, and its comments stay out of every message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caveat.service.hooks.feedback import LONGEST, read
from caveat.service.problems import Refused
from caveat.service.store.base import Said
from service.hooks.fakes import service

CARD = "0f5f1f6a-1111-4222-8333-444455556666"
SUGGESTION = "0f5f1f6a-aaaa-4bbb-8ccc-dddd55556666"
AT = "2026-01-15T09:00:00Z"
CANARY = "CANARY comment of a clinician"
PATH = "/cds-services/caveat/feedback"


def item(**named: Any) -> dict[str, Any]:
    found = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT, **named}
    return {key: value for key, value in found.items() if value is not ...}


def refusal(body: Any) -> Refused:
    with pytest.raises(Refused) as found:
        read(json.dumps(body).encode())
    return found.value


def test_both_outcomes_are_read() -> None:
    reason = {"code": "will-monitor", "system": "urn:caveat:override-reason", "display": "Will monitor"}
    body = {
        "feedback": [
            item(outcome="accepted", acceptedSuggestions=[{"id": SUGGESTION.upper()}, {"id": SUGGESTION}]),
            item(overrideReason={"reason": reason, "userComment": f" {CANARY} "}),
            item(overrideReason={"userComment": CANARY}, card=CARD.upper()),
            item(),
        ]
    }
    at = "2026-01-15T09:00:00.000000Z"
    assert read(json.dumps(body).encode()) == (
        Said(CARD, "accepted", at, (SUGGESTION,)),
        Said(CARD, "overridden", at, (), tuple(reason.values()), CANARY),  # type: ignore[arg-type]
        Said(CARD, "overridden", at, (), None, CANARY),
        Said(CARD, "overridden", at),
    )


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-15T10:00:00+01:00", "2026-01-15T09:00:00.000000Z"),
        ("2026-01-15T09:00:00.5Z", "2026-01-15T09:00:00.500000Z"),
        ("2026-01-15T09:00:00.123456789Z", "2026-01-15T09:00:00.123456Z"),
    ],
)
def test_one_moment_is_written_in_one_way(text: str, same: str) -> None:
    assert read(json.dumps({"feedback": [item(outcomeTimestamp=text)]}).encode())[0].outcome_at == same


@pytest.mark.parametrize(
    ("given", "code", "where"),
    [
        ({}, "missing", "$.feedback"),
        ({"feedback": None}, "missing", "$.feedback"),
        ({"feedback": {}}, "type", "$.feedback"),
        ({"feedback": []}, "empty", "$.feedback"),
        ({"feedback": ["x"]}, "type", "$.feedback[0]"),
        ({"feedback": [item(card=...)]}, "missing", "$.feedback[0].card"),
        ({"feedback": [item(card="7")]}, "uuid", "$.feedback[0].card"),
        ({"feedback": [item(outcome=...)]}, "missing", "$.feedback[0].outcome"),
        ({"feedback": [item(outcome="ignored")]}, "outcome", "$.feedback[0].outcome"),
        ({"feedback": [item(outcomeTimestamp=...)]}, "missing", "$.feedback[0].outcomeTimestamp"),
        ({"feedback": [item(outcomeTimestamp="today")]}, "instant", "$.feedback[0].outcomeTimestamp"),
        ({"feedback": [item(outcomeTimestamp="2026-01-15")]}, "instant", "$.feedback[0].outcomeTimestamp"),
        (
            {"feedback": [item(outcomeTimestamp="2026-01-15T09:00:00")]},
            "instant",
            "$.feedback[0].outcomeTimestamp",
        ),
        (
            {"feedback": [item(outcomeTimestamp="2026-02-30T09:00:00Z")]},
            "instant",
            "$.feedback[0].outcomeTimestamp",
        ),
        (
            {"feedback": [item(outcomeTimestamp="0001-01-01T00:00:00+10:00")]},
            "instant",
            "$.feedback[0].outcomeTimestamp",
        ),
        ({"feedback": [item(outcome="accepted")]}, "missing", "$.feedback[0].acceptedSuggestions"),
        (
            {"feedback": [item(outcome="accepted", acceptedSuggestions=[])]},
            "empty",
            "$.feedback[0].acceptedSuggestions",
        ),
        (
            {"feedback": [item(outcome="accepted", acceptedSuggestions=[SUGGESTION])]},
            "type",
            "$.feedback[0].acceptedSuggestions[0]",
        ),
        (
            {"feedback": [item(outcome="accepted", acceptedSuggestions=[{}])]},
            "missing",
            "$.feedback[0].acceptedSuggestions[0].id",
        ),
        ({"feedback": [item(overrideReason="no")]}, "type", "$.feedback[0].overrideReason"),
        (
            {"feedback": [item(overrideReason={"reason": "no"})]},
            "type",
            "$.feedback[0].overrideReason.reason",
        ),
        (
            {"feedback": [item(overrideReason={"reason": {"display": "x"}})]},
            "missing",
            "$.feedback[0].overrideReason.reason.code",
        ),
        (
            {"feedback": [item(overrideReason={"userComment": [CANARY]})]},
            "type",
            "$.feedback[0].overrideReason.userComment",
        ),
        (
            {"feedback": [item(overrideReason={"userComment": CANARY * 400})]},
            "too-long",
            "$.feedback[0].overrideReason.userComment",
        ),
    ],
)
def test_each_fault_has_its_place(given: Any, code: str, where: str) -> None:
    found = refusal(given)
    assert found.status == 400
    assert [(fault.code, fault.path) for fault in found.faults] == [(code, where)]
    assert CANARY not in json.dumps(found.problem())


def test_every_fault_of_every_item_at_once() -> None:
    found = refusal({"feedback": [item(card="x", outcome="y"), 5, item(outcomeTimestamp=...)]})
    assert [fault.path for fault in found.faults] == [
        "$.feedback[0].card",
        "$.feedback[0].outcome",
        "$.feedback[1]",
        "$.feedback[2].outcomeTimestamp",
    ]


def test_many_faults_are_counted() -> None:
    found = refusal({"feedback": [5] * 1_000})
    assert len(found.faults) == 101
    assert found.faults[-1].message == "900 further faults are not listed"


def test_a_nul_is_no_text_that_a_database_keeps() -> None:
    found = read(json.dumps({"feedback": [item(overrideReason={"userComment": "a\0b"})]}).encode())
    assert found[0].comment == "a\ufffdb"


def test_the_longest_comment_is_kept_whole() -> None:
    comment = "x" * LONGEST["userComment"]
    body = {"feedback": [item(overrideReason={"userComment": comment})]}
    assert read(json.dumps(body).encode())[0].comment == comment


def test_feedback_is_stored_and_answered_without_a_body() -> None:
    made = service()
    body = {"feedback": [item(overrideReason={"userComment": CANARY})]}
    for _ in range(2):
        response = made.post(body, PATH)
        assert (response.status_code, response.content) == (200, b"")
    assert len(made.store.said) == 1
    assert CANARY not in repr(made.log.lines)


def test_feedback_that_cannot_be_kept_is_refused_loudly() -> None:
    response = service(away=True).post({"feedback": [item()]}, PATH)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert response.json()["errors"][0]["code"] == "store-away"


def test_feedback_needs_the_service_and_a_caller() -> None:
    assert service().post({"feedback": [item()]}, "/cds-services/other/feedback").status_code == 404
    made = service(caller=None)
    assert made.post({"feedback": [item()]}, PATH).status_code == 401
    assert made.store.said == []
