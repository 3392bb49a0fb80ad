"""The gate before every endpoint, and what browsers need to be told."""

from __future__ import annotations

from typing import Any, Final, Protocol

from caveat.service.config import Config
from caveat.service.limits.refusal import send_refusal
from caveat.service.problems import Fault, Refused
from caveat.service.trust.cors import Header, Origins
from caveat.service.trust.gate import Distrusted, Gate, GateShut

Scope = Any
Receive = Any
Send = Any
PUBLIC: Final = frozenset(("/healthz", "/readyz"))
"""Answered without a token: they say nothing of patients."""
METRICS: Final = "/metrics"
_SHUT: Final = {
    "replays-away": "which tokens were used before cannot be told",
    "keys-away": "the caller's keys are out of reach",
}


class _Metrics(Protocol):
    def refused(self, code: str) -> None: ...


class _State(Protocol):
    @property
    def config(self) -> Config: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def metrics(self) -> _Metrics: ...
    @property
    def log(self) -> Any: ...


class Trusted:
    """Lets a call on with its Caller in `scope["state"]["caller"]`, or answers a bare 401.

    The reason is counted and logged as a code; the caller is not told. When nothing can be checked
    the answer is 503. A browser of an allow-listed origin can read either.
    """

    def __init__(self, app: Any, state: _State) -> None:
        self._app, self._state = app, state
        trust = state.config.trust
        self._origins = Origins(trust.cors_origins)
        self._public = PUBLIC | {METRICS} if trust.metrics_public else PUBLIC

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: list[Header] = scope["headers"]
        origins = [value for name, value in headers if name == b"origin"]
        asked = any(name == b"access-control-request-method" for name, _ in headers)
        if scope["method"] == "OPTIONS" and origins and asked:
            await self._preflight(origins, send)
            return
        extra = self._origins.answer(origins)

        async def told(message: dict[str, Any]) -> None:
            if extra and message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        if scope["path"] not in self._public:
            authorization = [value.decode("latin-1") for name, value in headers if name == b"authorization"]
            raw = scope.get("raw_path") or b""
            try:
                caller = await self._state.gate.check(authorization, scope["path"], raw.decode("latin-1"))
            except Distrusted as error:
                self._note(error.code, "token-refused")
                await _unauthorised(told)
                return
            except GateShut as error:
                self._note(error.code, "gate-shut", grave=True)
                await send_refusal(told, _shut(error.code))
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, told)

    async def _preflight(self, origins: list[bytes], send: Send) -> None:
        headers = self._origins.preflight(origins)
        if headers is None:
            self._note("origin", "origin-refused")
        status = 403 if headers is None else 204
        length = [(b"content-length", b"0")] if headers is None else []
        await send({"type": "http.response.start", "status": status, "headers": [*(headers or ()), *length]})
        await send({"type": "http.response.body", "body": b""})

    def _note(self, code: str, event: str, *, grave: bool = False) -> None:
        self._state.metrics.refused(code)
        log = self._state.log
        if log is not None:
            (log.error if grave else log.warning)(event, reason=code)


async def _unauthorised(send: Send) -> None:
    headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _shut(code: str) -> Refused:
    return Refused(
        503,
        "callers cannot be recognised now",
        (Fault(code, _SHUT.get(code, "tokens cannot be checked"), hint="Try again, or review by hand"),),
        (("Retry-After", "5"),),
    )
