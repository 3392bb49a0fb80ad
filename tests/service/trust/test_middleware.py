"""What a caller and a browser see at the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from caveat.service.trust.gate import Gate
from caveat.service.trust.middleware import Trusted
from service.trust.issuer import BASE, NOW, SERVICE, Entrance, token

PAGE = "https://app.example.org"


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(("error", event, fields))


class State:
    """What the middleware asks of the service."""

    def __init__(self, entrance: Entrance) -> None:
        self.config, self.gate, self.log = entrance.config, entrance.gate, Log()
        self.codes: list[str] = []

    @property
    def metrics(self) -> State:
        return self

    def refused(self, code: str) -> None:
        self.codes.append(code)


class Site:
    """The middleware before an application that says who called."""

    def __init__(self, entrance: Entrance) -> None:
        self.state = State(entrance)
        self.reached = 0
        self.app = Trusted(self._application, self.state)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        caller = scope.get("state", {}).get("caller")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(caller).encode()})

    def call(
        self, path: str = SERVICE, method: str = "GET", headers: Iterable[tuple[str, str]] = ()
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        asyncio.run(self.app(scope, receive, send))
        found = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        assert len(dict(found)) == len(found), "no header stands twice"
        return sent[0]["status"], dict(found), b"".join(part.get("body", b"") for part in sent[1:])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Entrance(tmp_path, cors_origins=(PAGE,)))


def bearer(made: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {made}")


def test_caller_is_handed_on(site: Site) -> None:
    status, _, body = site.call(headers=[bearer(token(tenant="north"))])
    assert status == 200
    assert b"tenant='north'" in body


@pytest.mark.parametrize(
    "path", ["/cds-services", SERVICE, SERVICE + "/feedback", "/v1/screen", "/metrics", "/x", "/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "DELETE"])
def test_refusal_is_a_bare_401(site: Site, path: str, method: str) -> None:
    assert site.call(path, method) == (
        401,
        {"www-authenticate": "Bearer", "content-length": "0", "vary": "Origin"},
        b"",
    )
    assert site.reached == 0


def test_reason_is_counted_and_logged_as_a_code_alone(site: Site) -> None:
    secret = token(aud="https://canary.example.org", sub="canary")
    site.call(headers=[bearer(secret)])
    site.call(headers=[bearer(token(exp=NOW - 100, iat=NOW - 200))])
    assert site.state.codes == ["aud", "expired"]
    assert site.state.log.lines == [
        ("warning", "token-refused", {"reason": "aud"}),
        ("warning", "token-refused", {"reason": "expired"}),
    ]


def test_two_authorization_headers_are_refused(site: Site) -> None:
    assert site.call(headers=[bearer(token()), bearer(token())])[0] == 401
    assert site.state.codes == ["two-tokens"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token(site: Site, path: str) -> None:
    assert site.call(path)[0] == 200
    for near in (path + "/", path.upper(), "/" + path, path + "/x"):
        assert site.call(near)[0] == 401, near


def test_metrics_are_public_only_where_the_configuration_says_so(tmp_path: Path) -> None:
    assert Site(Entrance(tmp_path)).call("/metrics")[0] == 401
    assert Site(Entrance(tmp_path)).call("/metrics", headers=[bearer(token(aud=BASE + "/metrics"))])[0] == 200
    assert Site(Entrance(tmp_path, metrics_public=True)).call("/metrics")[0] == 200


def test_shut_gate_answers_503_and_says_so_loudly(site: Site, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way", "utf-8")
    status, headers, body = site.call(headers=[bearer(token()), ("Origin", PAGE)])
    assert status == 503
    assert headers["content-type"] == "application/problem+json"
    assert headers["retry-after"] == "5"
    assert headers["access-control-allow-origin"] == PAGE
    assert json.loads(body)["errors"][0]["code"] == "replays-away"
    assert site.state.log.lines == [("error", "gate-shut", {"reason": "replays-away"})]
    assert site.reached == 0


@pytest.mark.parametrize("path", ["/cds-services", SERVICE, SERVICE + "/feedback", "/v1/screen"])
def test_browser_of_a_listed_origin_is_told_what_it_may_send(site: Site, path: str) -> None:
    for header in ("authorization", "authorization,content-type"):
        asked = [("Origin", PAGE), ("Access-Control-Request-Method", "POST")]
        status, headers, body = site.call(
            path, "OPTIONS", [*asked, ("Access-Control-Request-Headers", header)]
        )
        assert (status, body) == (204, b"")
        assert headers == {
            "vary": "Origin",
            "access-control-allow-origin": PAGE,
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "Authorization, Content-Type",
            "access-control-max-age": "600",
        }
    assert site.reached == 0


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", "null", "*", PAGE + ".evil.org", PAGE + "/", "http://app.example.org", ""],
)
def test_other_origins_are_told_nothing(site: Site, origin: str) -> None:
    asked = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
    status, headers, _ = site.call(SERVICE, "OPTIONS", asked)
    assert (status, headers) == (403, {"content-length": "0"})
    status, headers, _ = site.call(headers=[("Origin", origin), bearer(token())])
    assert status == 200
    assert headers == {"vary": "Origin"}


def test_answers_can_be_read_by_a_listed_origin_refusals_too(site: Site) -> None:
    status, good, _ = site.call(headers=[("Origin", PAGE), bearer(token())])
    assert status == 200
    status, bad, _ = site.call(headers=[("Origin", PAGE)])
    assert status == 401
    for headers in (good, bad):
        assert headers["access-control-allow-origin"] == PAGE
        assert headers["vary"] == "Origin"
        assert "X-Caveat-Evaluation" in headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in headers


def test_two_origins_are_none(site: Site) -> None:
    _, headers, _ = site.call(headers=[("Origin", PAGE), ("Origin", PAGE)])
    assert "access-control-allow-origin" not in headers


def test_without_listed_origins_nothing_is_said_of_any(tmp_path: Path) -> None:
    site = Site(Entrance(tmp_path))
    assert site.call(headers=[("Origin", PAGE), bearer(token())])[1] == {}
    asked = [("Origin", PAGE), ("Access-Control-Request-Method", "POST")]
    assert site.call(SERVICE, "OPTIONS", asked)[0] == 403


def test_web_sockets_are_closed(site: Site) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(site.app({"type": "websocket", "path": SERVICE, "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert site.reached == 0


def test_path_as_it_was_sent_is_an_endpoint_too(entrance: Entrance) -> None:
    """A client signs the address it calls, with its escapes."""
    gate: Gate = entrance.gate
    made = token(aud=BASE + "/v1/rules/a%2Fb")
    caller = asyncio.run(gate.check([f"Bearer {made}"], "/v1/rules/a/b", "/v1/rules/a%2Fb"))
    assert caller.iss
