"""GET /v1/rules and /v1/rules/{id}, and what says how the service is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from caveat.service.live import Live
from caveat.service.rest.rules import KINDS, STATUSES, heading, needs
from caveat.service.rest.schemas import schema
from caveat.service.state import State
from service.rest.conftest import application, kept
from service.rest.test_screen import codes, problem

RULE = "baclofen.renal.crcl-below-30"


def test_pages_neither_overlap_nor_leave_gaps(client: Any, live: Live) -> None:
    seen: list[str] = []
    after = ""
    while True:
        page = client.get("/v1/rules", params={"limit": 7, "after": after}).json()
        jsonschema.validate(page, schema("rules"))
        seen += [rule["id"] for rule in page["rules"]]
        assert page["total"] == len(live.rules.program.rules)
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted(rule.id for rule in live.rules.program.rules)


def test_a_page_that_is_just_full_is_the_last(client: Any, live: Live) -> None:
    some = {"kind": "allergy"}
    count = sum(rule.kind == "allergy" for rule in live.rules.program.rules)
    assert client.get("/v1/rules", params={**some, "limit": count}).json()["next"] is None
    assert client.get("/v1/rules", params={**some, "limit": count - 1}).json()["next"] is not None


def test_filters_hold_together(client: Any, live: Live) -> None:
    wanted = {"ingredient": "Baclofen", "kind": "contraindication", "severity": "contraindicated"}
    found = client.get("/v1/rules", params=wanted).json()["rules"]
    assert RULE in [rule["id"] for rule in found]
    assert [rule["id"] for rule in found] == sorted(
        rule.id
        for rule in live.rules.program.rules
        if "baclofen" in (*rule.first, *rule.second)
        and (rule.kind, rule.severity) == ("contraindication", "contraindicated")
    )
    assert client.get("/v1/rules?status=retired").json() == {
        **client.get("/v1/rules").json(),
        "rules": [],
        "total": 0,
        "next": None,
    }


def test_wrong_filters_are_refused_all_at_once(client: Any) -> None:
    response = client.get("/v1/rules?kind=danger&severity=grave&status=on&limit=0&sevrity=major")
    assert {path for _, path in codes(response, 422)} == {"kind", "severity", "status", "limit", "sevrity"}


def test_known_values_are_those_of_the_model(live: Live) -> None:
    from typing import get_args

    from caveat.rules import model

    assert get_args(model.Kind) == KINDS or set(get_args(model.Kind)) == set(KINDS)
    assert {rule.status for rule in live.rules.program.rules} <= set(STATUSES)


def test_a_rule_is_given_whole(client: Any, live: Live) -> None:
    rule = live.rules.program.rule(RULE)
    response = client.get(f"/v1/rules/{RULE}")
    found = response.json()
    jsonschema.validate(found, schema("rule"))
    assert response.headers["x-caveat-ruleset"] == live.rules.digest
    assert found["texts"]["summary"] == rule.texts.summary
    assert [one["says"] for one in found["evidence"]] == [one.says for one in rule.evidence]
    assert all(one["reference"] for one in found["evidence"])
    assert found["needs"] == list(needs(rule))
    assert "creatinine_clearance" in found["needs"]


def test_every_rule_can_be_read_and_has_its_own_digest(client: Any, live: Live) -> None:
    checker = jsonschema.Draft202012Validator(schema("rule"))
    digests = set()
    for rule in live.rules.program.rules:
        found = client.get(f"/v1/rules/{rule.id}").json()
        checker.validate(found)
        digests.add(found["digest"])
        assert found["needs"], rule.id
    assert len(digests) == len(live.rules.program.rules)
    assert heading(live.rules.program.rules[0], live)["digest"] in digests


@pytest.mark.parametrize(
    "name",
    [
        RULE[:-1],
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fVERSION",
        "....//VERSION",
        "/etc/passwd",
        "..\\..\\VERSION",
        "concepts",
        "%00",
        "a" * 3000,
        "*",
        RULE + "%0a",
        RULE.upper(),
    ],
)
def test_no_other_name_leads_anywhere(client: Any, name: str) -> None:
    client.get(f"/v1/rules/{RULE[:-1]}")  # whatever is loaded late is loaded now
    with watched() as touched:
        response = client.get(f"/v1/rules/{name}")
    assert response.status_code == 404
    assert len(response.content) < 1000
    assert touched == []


_WATCHING: list[list[str]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _WATCHING and event in ("open", "os.listdir", "os.scandir"):
        _WATCHING[-1].append(f"{event} {arguments[0]}")


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is opened or listed meanwhile."""
    if not hasattr(watched, "hooked"):
        sys.addaudithook(_audit)
        watched.hooked = True  # type: ignore[attr-defined]
    _WATCHING.append([])
    try:
        yield _WATCHING[-1]
    finally:
        _WATCHING.pop()


def test_the_watch_sees_what_is_opened(tmp_path: Path) -> None:
    with watched() as touched:
        (tmp_path / "x").write_text("")
    assert touched


def test_a_close_name_is_offered(client: Any) -> None:
    assert RULE in problem(client.get(f"/v1/rules/{RULE[:-1]}"), 404)["detail"]


@pytest.mark.parametrize("path", ["/v1/screen", "/v1/rules", "/healthz"])
def test_other_methods_are_405_and_say_which_are_taken(client: Any, path: str) -> None:
    response = client.request("PATCH", path)
    assert problem(response, 405)
    assert response.headers["allow"]


def test_healthz_is_up(client: Any, state: State) -> None:
    kept(state).full = True
    assert client.get("/healthz").json() == {"status": "up"}


@pytest.mark.parametrize(
    ("database", "spooled", "status", "word"),
    [
        ("ok", 0, 200, "ready"),
        ("ok", 10, 200, "ready"),
        ("away", 9, 200, "degraded"),
        ("away", 10, 503, "refusing"),
    ],
)
def test_readyz_says_whether_calls_are_answered(
    client: Any, state: State, database: str, spooled: int, status: int, word: str
) -> None:
    kept(state).state = {"database": database, "spooled": spooled, "spool_limit": 10}
    response = client.get("/readyz")
    assert response.status_code == status
    found = response.json()
    jsonschema.validate(found, schema("ready"))
    assert found["status"] == word
    assert found["ruleset"]["digest"] == state.holder.live.rules.digest
    assert str(state.holder.live.rules.root) not in response.text


def test_readyz_is_503_where_an_evaluation_was_just_refused(client: Any, state: State) -> None:
    kept(state).state = {"database": "away", "spooled": 0, "spool_limit": 10, "refusing": True}
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "refusing")
    jsonschema.validate(response.json(), schema("ready"))


def test_no_caller_is_needed_to_ask_how_it_is(state: State) -> None:
    from starlette.testclient import TestClient

    inner = TestClient(application(state).app)
    assert inner.get("/healthz").status_code == inner.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", f"/v1/rules/{RULE}", "/v1/rules/{rule}"),
        ("GET", "/healthz", "/healthz"),
        ("POST", "/v1/screen", None),
    ],
)
def test_the_template_of_the_path_is_left_for_log_and_metrics(
    state: State, method: str, path: str, template: str | None
) -> None:
    from starlette.testclient import TestClient

    seen: list[str] = []
    inner = application(state)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)
        seen.append(scope["route"].path)

    TestClient(outer).request(method, path)
    assert seen == [template or path]
