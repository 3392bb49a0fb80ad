"""The application: routes joined, refusals in one form, one log line a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from caveat.service.log import where
from caveat.service.problems import PROBLEM, Fault, Refused
from caveat.service.state import State

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

Scope = Any
Receive = Any
Send = Any
TITLE: Final = "caveat"


def build_app(state: State) -> Any:
    """The ASGI application of one worker."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    from caveat.service.hooks.routes import router as hooks
    from caveat.service.limits.middleware import Limited
    from caveat.service.openapi import customise
    from caveat.service.overrides.routes import router as overrides
    from caveat.service.rest.routes import router as rest
    from caveat.service.trust.middleware import Trusted

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with state.running():
            yield

    app = FastAPI(
        title=TITLE,
        version=version("caveat"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.caveat = state
    for router in (hooks, rest, overrides):
        app.include_router(router(state))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _http)
    customise(app)
    return Guarded(Trusted(Limited(app, state.config.limits, state), state), state)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


def refusal(error: Refused) -> Response:
    """The response to a call that is refused."""
    from starlette.responses import Response

    from caveat.render.json import dump

    if error.outcome:
        from caveat.render.fhir.operation_outcome import operation_outcome

        body = dump(operation_outcome([fault.plain() for fault in error.faults], error.title))
        return Response(body, error.status, dict(error.headers), "application/fhir+json")
    return Response(dump(error.problem()), error.status, dict(error.headers), PROBLEM)


async def _unfit(request: Request, error: Exception) -> Response:
    """What FastAPI found wrong with parameters or body, in our form and without the library's links."""
    found: list[Fault] = []
    for item in getattr(error, "errors", list)():
        place, *path = [str(part) for part in item.get("loc", ())] or [""]
        field = "$" + "".join(f"[{p}]" if p.isdigit() else f".{p}" for p in path)
        code = "not-json" if item.get("type") == "json_invalid" else str(item.get("type", "invalid"))
        found.append(Fault(code, str(item.get("msg", "does not fit")), field if place == "body" else place))
    bad = any(fault.code == "not-json" for fault in found)
    title = "the body is not JSON" if bad else "the request does not fit"
    return refusal(Refused(400 if bad else 422, title, tuple(found)))


async def _http(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    titles = {404: "there is nothing at this address", 405: "this address does not take that method"}
    headers = getattr(error, "headers", None) or {}
    title = titles.get(status) or str(getattr(error, "detail", "")) or "refused"
    return refusal(Refused(status, title, headers=tuple(headers.items())))


class Guarded:
    """Outermost: one log line a call; an error that nothing else caught ends as a problem, not as a trace."""

    def __init__(self, app: Any, state: State) -> None:
        self._app, self._state = app, state

    @property
    def inner(self) -> Any:
        """The application without this guard."""
        return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, sent = perf_counter(), 0, 0

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_SAFE]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:
            self._state.log.error("call-failed", error=where(error))
            self._state.metrics.refused("call-failed")
            if not status:
                await refusal(
                    Refused(
                        500,
                        "the call failed, review manually",
                        (Fault("call-failed", "nothing was checked; the operator's log has the place"),),
                    )
                )(scope, receive, told)
        seconds = perf_counter() - began
        route = scope.get("route")
        self._state.log.info(
            "call",
            method=_method(scope),
            route=getattr(route, "path", "") or "none",
            status=status,
            milliseconds=round(seconds * 1e3, 3),
            bytes=sent,
        )
        self._state.metrics.called(getattr(route, "path", "") or "none", status, seconds)


_SAFE: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_METHODS: Final = frozenset(("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"))


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
