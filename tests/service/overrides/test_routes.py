"""Overrides, follow-ups and corrections over HTTP, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from caveat.findings.reasons import SYSTEM
from caveat.service.question import FollowUp
from caveat.service.store.base import Caller, Said, StoreAway
from service.overrides.conftest import CARD, NOW, Service, shown

one_database = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
"""For what no database sees."""

WANTED: dict[str, Any] = {
    "patient": "p1",
    "finding": "0" * 20,
    "reason": "tolerated-together",
    "by": "Practitioner/17",
}


def post(service: Service, path: str, body: Any, status: int = 200, **headers: str) -> Any:
    found = service.client.post(path, json=body, headers=headers)
    assert found.status_code == status, found.text
    if status >= 400:
        assert found.headers["content-type"] == "application/problem+json"
    return found.json()


def create(service: Service, status: int = 201, key: str = "", **changes: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    body = {name: value for name, value in {**WANTED, **changes}.items() if value is not None}
    return post(service, "/v1/overrides", body, status, **headers)


def codes(problem: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["code"], error.get("path", "")) for error in problem["errors"]]


def in_force(service: Service, patient: str = "p1", **headers: str) -> list[Any]:
    found: list[Any] = post(service, "/v1/overrides/search", {"patient": patient}, **headers)["overrides"]
    return found


def test_recorded_found_and_withdrawn(service: Service) -> None:
    service.show(shown())
    made = create(service, comment="  seen by pain team ")
    assert made["expires"] == "2026-02-14T09:00:00.000Z"
    assert made == {
        "id": made["id"],
        "finding": "0" * 20,
        "rule": "baclofen.interaction.opioid",
        "kind": "interaction",
        "severity": "major",
        "drugs": ["baclofen", "morphine"],
        "reason": {
            "code": "tolerated-together",
            "system": SYSTEM,
            "display": "Has taken both together without harm",
            "category": "override",
            "asks": [],
        },
        "comment": "seen by pain team",
        "by": "Practitioner/17",
        "created": "2026-01-15T09:00:00.000Z",
        "expires": made["expires"],
        "suppresses": True,
    }
    assert in_force(service) == [made]
    assert in_force(service, "Patient/p1") == [made]
    assert in_force(service, "p2") == []
    path = f"/v1/overrides/{made['id']}"
    assert service.client.delete(path).status_code == 204
    assert in_force(service) == []
    assert service.client.delete(path).status_code == 204
    gone = service.client.delete("/v1/overrides/00000000-0000-4000-8000-000000000000")
    assert gone.status_code == 404
    assert codes(gone.json()) == [("no-such-override", "override")]
    assert service.client.delete("/v1/overrides/search").status_code == 405


def test_the_facts_of_that_time_are_kept(service: Service) -> None:
    service.show(shown(facts=(("potassium", "3.0 mmol/L", "2026-01-02", None),)))
    service.show(shown())
    create(service)
    (found,) = service.run(service.state.store.overrides("p1", service.state.at(), "north"))
    assert found.facts == (("potassium", "4.1 mmol/L", "2026-01-10", "Observation/canary"),)


def test_it_ends_on_its_day(service: Service) -> None:
    service.show(shown())
    create(service, expires="2026-01-20")
    service.clock[0] = dt.datetime(2026, 1, 20, 23, 59, tzinfo=dt.UTC)
    assert len(in_force(service)) == 1
    service.clock[0] = dt.datetime(2026, 1, 21, 0, 0, tzinfo=dt.UTC)
    assert in_force(service) == []


@one_database
@pytest.mark.parametrize(
    ("severity", "until"),
    [("major", "2026-02-14"), ("moderate", "2026-04-15"), ("minor", "2026-07-14"), ("info", "2026-07-14")],
)
def test_how_long_it_lasts(service: Service, severity: str, until: str) -> None:
    service.show(shown(severity=severity))
    assert create(service)["expires"] == f"{until}T09:00:00.000Z"


def test_a_contraindication_is_recorded_and_not_suppressed(service: Service) -> None:
    service.show(shown(kind="contraindication", severity="contraindicated", rule="baclofen.renal.end-stage"))
    assert codes(create(service, 409, reason="benefit-outweighs-risk")) == [("comment-needed", "$.comment")]
    made = create(service, reason="benefit-outweighs-risk", comment="palliative")
    assert made["suppresses"] is False
    assert made["expires"] == "2026-01-22T09:00:00.000Z"


@one_database
def test_never_shown(service: Service) -> None:
    service.show(shown())
    for changes in ({"finding": "1" * 20}, {"patient": "p2"}):
        assert codes(create(service, 404, **changes)) == [("not-shown", "$.finding")]
    assert in_force(service) == []


def test_tenants_do_not_see_each_other(service: Service) -> None:
    service.show(shown())
    made = create(service)
    other = {"X-Tenant": "south"}
    assert in_force(service, **other) == []
    post(service, "/v1/overrides", WANTED, 404, **other)
    assert service.client.delete(f"/v1/overrides/{made['id']}", headers=other).status_code == 404
    assert in_force(service) == [made]


@one_database
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"reason": "no-longer-taking"}, [("422 is-a-correction", "$.reason")]),
        ({"reason": "titrated"}, [("409 reason", "$.reason")]),
        ({"reason": "nonsense"}, [("422 unknown-reason", "$.reason")]),
        ({"reason": "other"}, [("409 comment-needed", "$.comment")]),
        ({"reason": "other", "comment": "  \n"}, [("409 comment-needed", "$.comment")]),
        ({"reason": "will-monitor"}, [("409 follow-up-needed", "$.follow_up")]),
        ({"follow_up": {"fact": "potassium", "by": "2026-02-01"}}, [("409 follow-up", "$.follow_up")]),
        ({"expires": "2026-01-15T08:59:59Z"}, [("409 date", "$.expires")]),
        ({"expires": "2026-01-14"}, [("409 date", "$.expires")]),
        ({"expires": "2027-01-18"}, [("409 date", "$.expires")]),
        ({"expires": "9999-12-31"}, [("409 date", "$.expires")]),
        ({"expires": "soon"}, [("422 not-a-day", "$.expires")]),
        ({"expires": "2026-02-01T10:00:00"}, [("422 not-a-day", "$.expires")]),
        ({"expires": "2026-02-30"}, [("422 not-a-day", "$.expires")]),
        (
            {"reason": "other", "expires": "soon"},
            [("422 comment-needed", "$.comment"), ("422 not-a-day", "$.expires")],
        ),
    ],
)
def test_refused(service: Service, changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    service.show(shown())
    status = int(found[0][0][:3])
    assert [(f"{status} {code}", path) for code, path in codes(create(service, status, **changes))] == found
    assert in_force(service) == []


@one_database
def test_a_correction_is_told_where_to_go(service: Service) -> None:
    service.show(shown())
    (error,) = create(service, 422, reason="no-longer-taking")["errors"]
    assert error["message"] == (
        "'no-longer-taking' says that the record is wrong or old: that is a correction, not an override"
    )
    assert (
        error["hint"]
        == "Send it with the record to /v1/corrections, where the record is judged again at once"
    )


@one_database
def test_what_cannot_be_assessed_is_not_overridden(service: Service) -> None:
    service.show(shown(status="cannot-assess"))
    assert codes(create(service, 409)) == [("not-an-alert", "$.finding")]


@one_database
@pytest.mark.parametrize(
    ("follow_up", "found"),
    [
        ({"fact": "sedation", "by": "2026-02-01"}, ("404 no-such-fact", "$.follow_up.fact")),
        ({"fact": "potasium", "by": "2026-02-01"}, ("404 no-such-fact", "$.follow_up.fact")),
        ({"fact": "potassium", "by": "2026-01-13"}, ("409 date", "$.follow_up.by")),
        ({"fact": "potassium", "by": "2027-01-16"}, ("409 date", "$.follow_up.by")),
        ({"fact": "potassium", "by": "2026-02-30"}, ("422 not-a-day", "$.follow_up.by")),
    ],
)
def test_a_promise_that_cannot_be_checked(service: Service, follow_up: Any, found: tuple[str, str]) -> None:
    service.show(shown())
    status = int(found[0][:3])
    made = create(service, status, reason="will-monitor", follow_up=follow_up)
    assert [(f"{status} {code}", path) for code, path in codes(made)] == [found]


def test_promises(service: Service) -> None:
    service.show(shown())
    follow_up = {"fact": "potassium", "by": "2026-03-01", "note": "call the ward"}
    made = create(service, reason="will-monitor", follow_up=follow_up)
    assert made["follow_up"] == follow_up
    assert made["expires"] == "2026-03-31T23:59:59.000Z"
    early = create(service, 409, reason="will-monitor", follow_up=follow_up, expires="2026-02-28")
    assert codes(early) == [("date", "$.expires")]

    def listed(**body: Any) -> Any:
        return post(service, "/v1/follow-ups/search", {"patient": "p1", **body})

    found = listed()
    assert (found["as_of"], found["checked"]) == ("2026-01-15", False)
    assert [one["state"] for one in found["follow_ups"]] == ["open"]
    record = {
        "id": "p1",
        "observations": [{"concept": "potassium", "value": "4.4 mmol/L", "at": "2026-01-20"}],
    }
    done = listed(record=record, as_of="2026-01-21")
    assert done["checked"] is True
    (one,) = done["follow_ups"]
    assert (one["state"], one["value"], one["note"]) == ("done", "4.4 mmol/L", "call the ward")
    # an override that has expired was still promised something
    service.clock[0] = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    assert in_force(service) == []
    assert [one["state"] for one in listed()["follow_ups"]] == ["overdue"]
    assert service.client.delete(f"/v1/overrides/{made['id']}").status_code == 204
    service.clock[0] += dt.timedelta(seconds=1)
    assert listed()["follow_ups"] == []


@one_database
def test_follow_ups_of_somebody_else(service: Service) -> None:
    body = {"patient": "p1", "record": {"id": "p2"}}
    assert codes(post(service, "/v1/follow-ups/search", body, 409)) == [("patient", "$.record")]
    nothing = {"patient": "p1", "record": None}
    assert codes(post(service, "/v1/follow-ups/search", nothing, 422)) == [("not-a-record", "$.record")]
    assert codes(post(service, "/v1/follow-ups/search", {"patient": None}, 422)) == [
        ("not-text", "$.patient")
    ]


def test_a_key_is_used_once(service: Service) -> None:
    service.show(shown())
    made = create(service, key="k-1", comment="a")
    service.clock[0] += dt.timedelta(hours=1)
    assert create(service, key="k-1", comment="a") == made
    assert codes(create(service, 409, key="k-1", comment="b")) == [("key-used", "Idempotency-Key")]
    assert len(in_force(service)) == 1
    create(service, key="k-2", comment="a")
    create(service, comment="a")
    assert len(in_force(service)) == 3


def test_the_audit_trail_knows(service: Service) -> None:
    service.show(shown())
    made = create(service, key="k", comment="canary-comment")
    create(service, key="k", comment="canary-comment")
    service.client.delete(f"/v1/overrides/{made['id']}")
    service.client.delete(f"/v1/overrides/{made['id']}")
    rows = _rows(service, "SELECT kind, patients, findings FROM audit ORDER BY sequence")
    assert [row[0] for row in rows] == ["order-sign", "override", "override-withdrawn"]
    assert len({row[1] for row in rows}) == 1
    assert made["id"] in rows[1][2]
    assert "canary-comment" not in str(rows)


def test_nothing_of_the_patient_lies_open_in_the_database(service: Service) -> None:
    service.show(shown(), patient="canary-patient", user="Practitioner/canary-user")
    follow = {"fact": "potassium", "by": "2026-02-01", "note": "canary-note"}
    create(service, patient="canary-patient", reason="will-monitor", follow_up=follow,
           comment="canary-comment", by="Practitioner/canary-by", key="canary-key")  # fmt: skip
    reason = ("other", SYSTEM, "canary-display")
    said = Said(CARD, "overridden", "2026-01-15T09:00:00.000000Z", (), reason, "canary-said")
    assert (
        service.run(service.state.store.feedback((said,), Caller("i", "north"), "s", service.state.at())) == 1
    )
    for name in ("overrides", "feedback", "audit", "shown"):
        rows = _rows(service, f"SELECT * FROM {name}")
        assert rows
        assert b"canary" not in b" ".join(
            value
            if isinstance(value, bytes)
            else bytes(value)
            if isinstance(value, memoryview)
            else str(value).encode()
            for row in rows
            for value in row
        )
    assert "canary" not in str(service.state.log.lines)


def _rows(service: Service, statement: str) -> list[Any]:
    store: Any = service.state.store
    with store._database.read() as connection:
        return list(connection.exec_driver_sql(statement).all())


# --- feedback ---


def say(service: Service, *said: Said, tenant: str = "north") -> int:
    caller = Caller("https://ehr.example", tenant)
    found: int = service.run(service.state.store.feedback(said, caller, "caveat", service.state.at()))
    return found


def overridden(code: str = "given-apart", comment: str = "", **more: Any) -> Said:
    given: dict[str, Any] = {"system": SYSTEM, "at": "2026-01-15T09:01:00.000000Z", "card": CARD, **more}
    follow = given.get("follow_up")
    reason = (code, given["system"], "said")
    return Said(given["card"], "overridden", given["at"], (), reason, comment, follow)


def test_feedback_on_our_card_becomes_an_override(service: Service) -> None:
    service.show(shown())
    assert say(service, overridden(comment="morning and evening")) == 1
    (made,) = in_force(service)
    assert (made["reason"]["code"], made["comment"], made["by"]) == (
        "given-apart",
        "morning and evening",
        "Practitioner/17",
    )


def test_feedback_sent_again_is_counted_and_kept_once(service: Service) -> None:
    service.show(shown())
    said = overridden()
    assert say(service, said, said) == 1
    assert say(service, said, overridden(comment="more")) == 1
    assert [tuple(row) for row in _rows(service, "SELECT times FROM feedback ORDER BY times DESC")] == [
        (3,),
        (1,),
    ]
    assert len(in_force(service)) == 2
    kinds = [row[0] for row in _rows(service, "SELECT kind FROM audit ORDER BY sequence")]
    assert kinds == ["order-sign", "feedback", "override", "feedback", "override"]


@pytest.mark.parametrize(
    "said",
    [
        overridden("no-longer-taking"),
        overridden("will-monitor"),
        overridden("other"),
        overridden("titrated"),
        overridden(system="http://other.example"),
        overridden(card="99999999-2222-4333-8444-555555555555"),
        Said(CARD, "overridden", "2026-01-15T09:01:00.000000Z"),
        Said(CARD, "accepted", "2026-01-15T09:01:00.000000Z", ("a",), ("given-apart", SYSTEM, "x")),
    ],
)
def test_feedback_that_stays_feedback(service: Service, said: Said) -> None:
    service.show(shown())
    assert say(service, said) == 1
    assert in_force(service) == []


def test_feedback_with_what_its_reason_asks_for(service: Service) -> None:
    service.show(shown())
    say(service, overridden("other", comment="short course"))
    say(service, overridden("will-monitor", follow_up=FollowUp("potassium", "2026-02-01")))
    assert {made["reason"]["code"] for made in in_force(service)} == {"other", "will-monitor"}


def test_feedback_of_another_tenant_overrides_nothing(service: Service) -> None:
    service.show(shown())
    assert say(service, overridden(), tenant="south") == 1
    assert in_force(service) == []


def test_a_card_of_several_findings(service: Service) -> None:
    service.show(shown(), shown(1, rule="baclofen.interaction.alcohol-use"), shown(2, status="cannot-assess"))
    say(service, overridden())
    assert {made["finding"] for made in in_force(service)} == {"0" * 20, f"{1:020x}"}


# --- corrections, reasons, and what goes wrong ---

CORRECTION: dict[str, Any] = {
    "record": {
        "id": "canary-patient",
        "age": "70 a",
        "sex": "male",
        "observations": [{"concept": "creatinine_clearance", "value": "24 mL/min", "at": "2026-01-10"}],
        "orders": [{"id": "o1", "text": "Baclofen 10 mg tablet", "route": "oral", "status": "active"}],
    },
    "rule": "baclofen.renal.crcl-below-30",
    "correction": "newer-result",
    "fact": "creatinine_clearance",
    "value": "90 mL/min",
    "at": "2026-01-14",
}


def test_a_correction_is_answered_at_once_and_audited(service: Service) -> None:
    found = service.client.post("/v1/corrections", json=CORRECTION)
    assert found.status_code == 200
    told = found.json()
    assert {one["rule"] for one in told["changes"]["lost"]} == {"baclofen.renal.crcl-below-30"}
    assert told["report"]["as_of"] == "2026-01-15"
    assert found.headers["X-Caveat-Ruleset"] == service.state.holder.live.rules.digest
    ((evaluation, kind, overrides),) = _rows(service, "SELECT evaluation, kind, overrides FROM audit")
    assert (evaluation, kind) == (found.headers["X-Caveat-Evaluation"], "correction")
    assert "not considered" in overrides


@one_database
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "truncated"),
        (b"nonsense", 400, "not-json"),
        (b"[]", 422, "not-an-object"),
        (b'{"record": {}}', 422, "missing"),
        (b'{"record": {}, "correction": "not-pregnant"}', 422, "missing"),
        (b'{"record": {}, "correction": "not-pregnant", "as_of": "soon"}', 422, "as-of"),
        (b'{"record": 3, "correction": "not-pregnant", "rule": "r"}', 422, "not-a-record"),
    ],
)
def test_bad_corrections(service: Service, body: bytes, status: int, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    found = service.client.post("/v1/corrections", content=body, headers=headers)
    assert (found.status_code, found.json()["errors"][0]["code"]) == (status, code)
    assert found.headers["content-type"] == "application/problem+json"
    assert (
        service.client.post(
            "/v1/corrections", content=b"{}", headers={"Content-Type": "text/xml"}
        ).status_code
        == 415
    )


@one_database
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"[]", 422),
        (b'{"patient": 3}', 422),
        (b'{"patient": "p", "finding": "a\\u0000", "reason": "other", "by": "b"}', 422),
        (
            b'{"patient": "\\ud800", "finding": "00000000000000000000", "reason": "\\ud800", "by": "b"}',
            422,
        ),
    ],
)
def test_bad_overrides(service: Service, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    found = service.client.post("/v1/overrides", content=body, headers=headers)
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"


def test_odd_texts_are_kept_as_they_are(service: Service) -> None:
    service.show(shown())
    headers = {"Content-Type": "application/json"}
    body = (b'{"patient": "p1", "finding": "00000000000000000000", "reason": "other",'
            b' "by": "a\\u0000b", "comment": "\\u0000 <b>"}')  # fmt: skip
    found = service.client.post("/v1/overrides", content=body, headers=headers)
    assert found.status_code == 201
    (made,) = in_force(service)
    assert (made["by"], made["comment"]) == ("a\0b", "\0 <b>")


@one_database
def test_reasons(service: Service) -> None:
    every = service.client.get("/v1/override-reasons").json()
    assert every["system"] == SYSTEM
    assert len(every["kinds"]) == 10
    (one,) = service.client.get("/v1/override-reasons?kind=allergy").json()["kinds"]
    assert one["kind"] == "allergy"
    assert [reason["code"] for reason in one["corrections"]] == ["allergy-refuted", "intolerance-only"]
    assert service.client.get("/v1/override-reasons?kind=advice").status_code == 422


@one_database
@pytest.mark.parametrize("path", ["/v1/overrides", "/v1/overrides/search", "/v1/follow-ups/search"])
def test_the_store_away(service: Service, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*arguments: Any) -> Any:
        raise StoreAway("canary: no such host")

    for name in ("override", "overrides", "promised", "withdraw"):
        monkeypatch.setattr(service.state.store, name, away)
    body = WANTED if path == "/v1/overrides" else {"patient": "p1"}
    found = service.client.post(path, json=body)
    assert (found.status_code, found.headers["retry-after"]) == (503, "5")
    assert "canary" not in found.text
    assert service.client.delete("/v1/overrides/00000000-0000-4000-8000-000000000000").status_code == 503


@one_database
def test_no_address_holds_a_patient(service: Service) -> None:
    for path, methods in service.client.get("/openapi.json").json()["paths"].items():
        assert "patient" not in path
        for method in methods.values():
            names = [parameter["name"].lower() for parameter in method.get("parameters", [])]
            assert not any("patient" in name for name in names)
    assert NOW.tzinfo is not None


def test_the_chain_holds_and_a_correction_is_replayed(service: Service) -> None:
    from caveat.service.audit.export import audit_event
    from caveat.service.audit.replay import replay
    from caveat.service.audit.trail import rows
    from caveat.service.audit.verify import verify
    from service.store.making import KEYS

    service.show(shown())
    made = create(service)
    say(service, overridden())
    service.client.delete(f"/v1/overrides/{made['id']}")
    evaluation = service.client.post("/v1/corrections", json=CORRECTION).headers["X-Caveat-Evaluation"]
    store: Any = service.state.store
    verdict = verify(store._database, KEYS)
    assert verdict.faults == ()
    assert verdict.rows == 6
    events = [audit_event(row) for row in rows(store._database)]
    assert [event["subtype"][-1]["code"] for event in events] == [
        *("order-sign", "override", "feedback", "override", "override-withdrawn", "correction")
    ]
    again = replay(store._database, KEYS, evaluation, service.state.holder.live)
    assert (again.needs, again.differences) == ("", ())
