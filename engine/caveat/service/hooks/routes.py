"""The three addresses of CDS Hooks: discovery, the service, feedback."""

# Annotations of the endpoints are read by FastAPI and must be types, not texts: no `annotations` import.
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from caveat.service.ask import ask
from caveat.service.hooks import feedback as said
from caveat.service.hooks import schemas
from caveat.service.hooks.discovery import Discovery
from caveat.service.hooks.drafts import read_drafts
from caveat.service.hooks.lacking import looked_up
from caveat.service.hooks.repeats import Repeats
from caveat.service.hooks.request import SERVICE, Call, read
from caveat.service.limits.shape import check_json
from caveat.service.live import Live
from caveat.service.plain_route import plain_route
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Override, Question
from caveat.service.rest.media import media_type
from caveat.service.state import State
from caveat.service.store.base import Caller, StoreAway

if TYPE_CHECKING:
    from fastapi import APIRouter

EVALUATION: Final = "X-Caveat-Evaluation"
RULESET: Final = "X-Caveat-Ruleset"
_REFUSALS: Final = {
    400: "The body is malformed: every fault with its path",
    401: "No valid token",
    404: "There is no service of this id",
    413: "More than the site allows",
    415: "The body is not JSON by its Content-Type",
    429: "Too many calls at once",
    503: "Nothing can be kept or answered now",
}


def router(state: State) -> "APIRouter":
    """The routes, to be joined below the public URL."""
    from fastapi import APIRouter, Request, Response

    routes = APIRouter(tags=["CDS Hooks"], route_class=plain_route())
    discovery, repeats = Discovery(), Repeats()

    @routes.get(
        "/cds-services",
        summary="Discovery",
        response_class=Response,
        openapi_extra=schemas.operation(schemas.DISCOVERY, refusals=_some(401, 429)),
    )
    async def discover() -> Response:
        """The services and the prefetch they ask for."""
        return Response(discovery.body(state.holder.live), media_type="application/json")

    @routes.post(
        "/cds-services/{service}",
        summary="Call a service from a hook",
        response_class=Response,
        openapi_extra=schemas.operation(
            schemas.CARDS,
            body=schemas.REQUEST,
            refusals={**_REFUSALS, 412: "Required data are missing and cannot be fetched"},
        ),
    )
    async def call(service: str, request: Request) -> Response:
        """Cards for one hook."""
        _known(service)
        body = await _body(request, state)
        live = state.holder.live
        asked = read(body, keys=discovery.keys(live))
        caller = _caller(request)
        question = await _question(state, live, asked, caller, repeats)
        found = await ask(state, question, caller, live=live, call=asked.kept())
        _remember(state, asked, caller, found, repeats)
        headers = dict((*found.headers, (EVALUATION, question.id), (RULESET, live.rules.digest)))
        return Response(found.body, found.status, headers, found.media_type)

    @routes.post(
        "/cds-services/{service}/feedback",
        summary="What became of cards",
        response_class=Response,
        openapi_extra=schemas.operation(None, body=schemas.FEEDBACK, refusals=_REFUSALS),
    )
    async def feedback(service: str, request: Request) -> Response:
        """Kept once, however often it is sent."""
        _known(service)
        found = said.read(await _body(request, state))
        caller = _caller(request)
        try:
            await state.store.feedback(found, caller, service, state.at())
        except StoreAway:
            raise Refused(
                503,
                "the feedback was not kept",
                (Fault("store-away", "the database is away", hint="Send it again: it is kept once"),),
                (("Retry-After", "30"),),
            ) from None
        return Response(status_code=200)

    return routes


async def _question(state: State, live: Live, call: Call, caller: Caller, repeats: Repeats) -> Question:
    """The call with what was looked up for it. Raises Refused with 412 where too much is lacking."""
    fetched: Mapping[str, bytes] = {}
    overrides: tuple[Override, ...] | None = ()
    shown: frozenset[str] = frozenset()
    at = state.at()
    if call.hook == "patient-view" or read_drafts(call).judged:
        fetched = await looked_up(state.fetcher, call, live)
        try:
            overrides = await state.store.overrides(call.patient, at, caller.tenant)
        except StoreAway:
            overrides = None
        if state.config.cards.suppress_repeats:
            shown = repeats.shown(call, caller, state.clock().timestamp())
    return Question(
        id=str(uuid4()),
        kind=call.hook,
        body=call.question(),
        as_of=state.day(),
        at=at,
        site=state.site,
        fetched=tuple(sorted(fetched.items())),
        overrides=overrides,
        shown=shown,
    )


def _remember(state: State, call: Call, caller: Caller, found: Answer, repeats: Repeats) -> None:
    if state.config.cards.suppress_repeats:
        shown = [one.finding for judged in found.judged for one in judged.findings if one.card]
        repeats.add(call, caller, shown, state.clock().timestamp())


def _known(service: str) -> None:
    if service != SERVICE:
        hint = f"The service is called {SERVICE}; GET /cds-services lists it"
        raise Refused(
            404, "there is no service of this id", (Fault("service", "unknown service id", hint=hint),)
        )


async def _body(request: Any, state: State) -> bytes:
    """The body. Raises Refused with 415 where it says that it is no JSON, with 413 where it is too much."""
    kind = media_type(request.headers.get("content-type"))
    if kind and kind != "application/json" and not kind.endswith("+json"):
        fault = Fault("media-type", "CDS Hooks is JSON", "Content-Type", kind[:80], "Send application/json")
        raise Refused(415, "this media type is not read", (fault,), (("Accept", "application/json"),))
    body: bytes = await request.body()
    check_json(body, state.site.depth, state.site.entries)
    return body


def _caller(request: Any) -> Caller:
    """Who calls, as the gate found out. Raises Refused with 401 where no gate stands before this."""
    found = getattr(request.state, "caller", None)
    if not isinstance(found, Caller):
        raise Refused(401, "no caller is known")
    return found


def _some(*statuses: int) -> dict[int, str]:
    return {status: _REFUSALS[status] for status in statuses}
