"""The addresses of the REST service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from caveat.render.json import dump
from caveat.service.ask import INLINE, ask
from caveat.service.live import Live
from caveat.service.problems import Fault, Refused
from caveat.service.question import Kind, Override, Question
from caveat.service.rest import rules as catalogue
from caveat.service.rest.asking import EXPLAIN_FIELDS, WHAT_IF_FIELDS
from caveat.service.rest.bodies import fields
from caveat.service.rest.media import DOCUMENTS, FHIR, JSON, LINES, STREAMS, chosen, received
from caveat.service.rest.parameters import day_and_selection, in_body, in_query
from caveat.service.rest.reading import read_document
from caveat.service.rest.stream import Answering, Cutter, Gone, chunks, primed, response
from caveat.service.state import State
from caveat.service.store.base import Caller, StoreAway

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

Endpoint = Callable[["Request"], Awaitable["Response"]]
EVALUATION: Final = "X-Caveat-Evaluation"
RULESET: Final = "X-Caveat-Ruleset"


def router(state: State) -> APIRouter:
    """The routes of /v1, and those that say how the service is."""
    from fastapi import APIRouter

    calls = Calls(state)
    found = APIRouter()
    for path, method, endpoint in (
        ("/v1/screen", "POST", calls.screen),
        ("/v1/explain", "POST", calls.explain),
        ("/v1/what-if", "POST", calls.what_if),
        ("/v1/rules", "GET", calls.rules),
        ("/v1/rules/{rule}", "GET", calls.rule),
        ("/healthz", "GET", calls.health),
        ("/readyz", "GET", calls.ready),
        ("/metrics", "GET", calls.metrics),
    ):
        found.add_route(path, _noted(path, endpoint), methods=[method], include_in_schema=False)
    return found


@dataclass(frozen=True, slots=True)
class _Template:
    """The route of a call, by which it is logged and counted."""

    path: str


def _noted(path: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint, which leaves the template of its path in the scope."""
    route = _Template(path)

    async def called(request: Request) -> Response:
        request.scope["route"] = route
        return await endpoint(request)

    return called


class Calls:
    """What each address does. Bodies and parameters are read here, answers are made by `ask`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def screen(self, request: Request) -> Response:
        """One document, or the lines of a stream, judged."""
        kind = received(request.headers.get("content-type"), (*DOCUMENTS, *STREAMS))
        streamed = kind in STREAMS
        form = chosen(_accept(request), STREAMS if streamed else (JSON, LINES, FHIR))
        live = self._state.holder.live
        given = in_query(request, ("as_of", "selection"))
        as_of, selection = day_and_selection(given, self._state.day())
        given.refuse("the parameters do not fit")
        if streamed:
            return await self._stream(request, live, form, kind, as_of, selection)
        body = await request.body()
        overrides = await self._overrides(body, live, caller_of(request))
        return await self._asked(
            request, "screen", body, live, form, kind, as_of, selection, overrides=overrides
        )

    async def _overrides(self, body: bytes, live: Live, caller: Caller) -> tuple[Override, ...] | None:
        """Those of the one patient of a document; None where they cannot be looked up, or it has several."""
        state = self._state
        if len(body) > INLINE:
            patients = (await asyncio.to_thread(read_document, body, live, state.site)).patients
        else:
            patients = read_document(body, live, state.site).patients
        if len(patients) != 1:
            return None
        try:
            return await state.store.overrides(patients[0].id, state.at(), caller.tenant)
        except StoreAway:
            return None

    async def _stream(
        self, request: Request, live: Live, form: str, content: str, as_of: str, selection: str
    ) -> Response:
        state = self._state
        start = self._question("stream", b"", form, content, as_of, selection)
        answering = Answering(state, live, caller_of(request), start)
        received_chunks = chunks(request.receive, Cutter(state.config.limits.body_bytes))
        try:
            lines = await primed(answering.all(received_chunks))
        except Gone:
            raise Refused(400, "the caller went away") from None
        found: Response = response(lines, form, headers(start, live))
        return found

    async def explain(self, request: Request) -> Response:
        """How one rule was judged on a record."""
        return await self._about_record(request, "explain", EXPLAIN_FIELDS)

    async def what_if(self, request: Request) -> Response:
        """The values at which what is concluded changes."""
        return await self._about_record(request, "what-if", WHAT_IF_FIELDS)

    async def _about_record(
        self, request: Request, kind: Kind, names: tuple[tuple[str, ...], tuple[str, ...]]
    ) -> Response:
        content = received(request.headers.get("content-type"), (JSON,))
        form = chosen(_accept(request), (JSON,))
        in_query(request, ()).refuse("the parameters do not fit")
        body = await request.body()
        state = self._state
        given = in_body(fields(body, state.site, required=names[0], optional=names[1]))
        as_of, selection = day_and_selection(given, state.day())
        given.refuse("the body does not fit")
        return await self._asked(request, kind, body, state.holder.live, form, content, as_of, selection)

    async def rules(self, request: Request) -> Response:
        """A page of the rules."""
        chosen(_accept(request), (JSON,))
        given = in_query(request, ("ingredient", "kind", "severity", "status", "after", "limit"))
        for name, known in catalogue.CHOICES.items():
            given.one_of(name, known)
        limit = given.number("limit", catalogue.USUAL, 1, catalogue.MOST)
        given.refuse("the parameters do not fit")
        live = self._state.holder.live
        wanted = {
            name: given.values[name] for name in ("ingredient", *catalogue.CHOICES) if name in given.values
        }
        page = catalogue.listed(live, wanted, after=given.values.get("after", ""), limit=limit)
        return _json(page, live)

    async def rule(self, request: Request) -> Response:
        """One rule whole."""
        chosen(_accept(request), (JSON,))
        in_query(request, ()).refuse("the parameters do not fit")
        live = self._state.holder.live
        return _json(catalogue.whole(str(request.path_params["rule"]), live), live)

    async def health(self, request: Request) -> Response:
        """The process is up; nothing more is said."""
        return _json({"status": "up"})

    async def ready(self, request: Request) -> Response:
        """Whether calls are answered now: 503 where they would be refused."""
        live = self._state.holder.live
        store = await self._state.store.ready()
        full = store.get("database") != "ok" and store.get("spooled", 0) >= store.get("spool_limit", 0)
        full = full or bool(store.get("refusing"))
        status = "refusing" if full else "ready" if store.get("database") == "ok" else "degraded"
        found: dict[str, Any] = {"status": status, "ruleset": catalogue.ruleset(live), "store": store}
        reloader = self._state.reloader
        if reloader is not None and reloader.last is not None:
            found["last_reload"] = reloader.last.plain()
        return _json(found, live, 503 if full else 200)

    async def metrics(self, request: Request) -> Response:
        """Counts and times for Prometheus."""
        from starlette.responses import Response

        store = await self._state.store.ready()
        text, media = self._state.metrics.render(self._state.holder.live, int(store.get("spooled", 0)))
        return Response(text, 200, {"content-type": media})

    async def _asked(
        self,
        request: Request,
        kind: Kind,
        body: bytes,
        live: Live,
        form: str,
        content: str,
        as_of: str,
        selection: str,
        overrides: tuple[Override, ...] | None = (),
    ) -> Response:
        from starlette.responses import Response

        question = self._question(kind, body, form, content, as_of, selection)
        if overrides != ():
            question = replace(question, overrides=overrides)
        answer = await ask(self._state, question, caller_of(request), live=live)
        told = {**headers(question, live), **dict(answer.headers), "content-type": answer.media_type}
        return Response(answer.body, answer.status, told)

    def _question(
        self, kind: Kind, body: bytes, form: str, content: str, as_of: str, selection: str
    ) -> Question:
        state = self._state
        return Question(
            id=str(uuid4()),
            kind=kind,
            body=body,
            as_of=as_of,
            at=state.at(),
            site=state.site,
            form=form,
            content=content,
            parameters=(("selection", selection),),
        )


def headers(question: Question, live: Live) -> dict[str, str]:
    """Which evaluation an answer is, and by which rules."""
    return {EVALUATION: question.id, RULESET: live.rules.digest}


def caller_of(request: Request) -> Caller:
    """Who calls, as the gate found out."""
    found = request.scope.get("state", {}).get("caller")
    if isinstance(found, Caller):
        return found
    raise Refused(401, "who calls is not known", (Fault("no-caller", "the call came past the gate"),))


def _accept(request: Request) -> str | None:
    """All Accept headers as one."""
    found = request.headers.getlist("accept")
    return ",".join(found) if found else None


def _json(value: Any, live: Live | None = None, status: int = 200) -> Response:
    from starlette.responses import Response

    told = {RULESET: live.rules.digest} if live is not None else {}
    return Response(dump(value), status, {**told, "content-type": JSON})
