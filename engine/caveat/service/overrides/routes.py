"""Addresses of overrides, follow-ups and corrections. Patients are named in bodies, never in addresses."""

# No postponed annotations: the framework evaluates those of the routes, with names imported beside them.
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from uuid import UUID, uuid4

from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.findings.reasons import REASONS
from caveat.render.json import dump
from caveat.rules.diagnostics import did_you_mean
from caveat.rules.model import Kind
from caveat.service.ask import ask
from caveat.service.overrides import bodies
from caveat.service.overrides.answer import OPTIONAL, REQUIRED, text
from caveat.service.overrides.described import CORRECTED, CORRECTION, FOLLOW_UPS, refusals
from caveat.service.overrides.follow_ups import followed, notices, unseen
from caveat.service.overrides.recording import FACT, NO_FACT
from caveat.service.problems import Fault, Refused
from caveat.service.question import FollowUp, Question
from caveat.service.rest.bodies import fields
from caveat.service.rest.media import JSON, received
from caveat.service.rest.parameters import day_and_selection, in_body
from caveat.service.rest.reading import one_patient
from caveat.service.rest.routes import caller_of, headers
from caveat.service.state import State
from caveat.service.store.base import StoreAway, Wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")
TAGS: Final = ["overrides"]
_BODY: Final = (400, 408, 413, 422, 503)
"""How any call with a body may be refused."""


def router(state: State) -> "APIRouter":
    """The routes of one worker."""
    from fastapi import APIRouter, Header, Path, Query, Request, Response

    found = APIRouter(tags=list(TAGS))

    @found.get(
        "/v1/override-reasons",
        summary="Reasons by kind of rule",
        response_model=bodies.ReasonsOut,
        responses=refusals(422),
    )
    async def reasons(
        kind: Annotated[Kind | None, Query(description="Only the reasons of this kind of rule")] = None,
    ) -> Response:
        """Coded reasons to override an alert, at most six a kind, and corrections of the record apart."""
        return _json(bodies.reasons_out((kind,) if kind is not None else tuple(REASONS)))

    @found.post(
        "/v1/overrides",
        summary="Record an override",
        status_code=201,
        response_model=bodies.OverrideOut,
        response_model_exclude_none=True,
        responses=refusals(*_BODY, 404, 409),
    )
    async def create(
        request: Request,
        body: bodies.OverrideIn,
        key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                min_length=1,
                max_length=200,
                description="Of your own making; sent again with it, the override is recorded once",
            ),
        ] = None,
    ) -> Response:
        """Records who overrides an alert and why. An override of a contraindication never suppresses it."""
        follow_up, unknown = _followed(state, body.follow_up)
        wanted = Wanted(
            patient=body.patient,
            finding=body.finding,
            reason=body.reason,
            comment=body.comment,
            by=body.by,
            expires=body.expires,
            follow_up=follow_up,
            key=key or "",
        )
        try:
            made = await _there(state.store.override(wanted, caller_of(request), state.at()))
        except LookupError:
            raise _none("not-shown", "no such finding was shown for this patient", "$.finding") from None
        except Refused as refusal:
            raise _hinted(refusal, unknown) from None
        return _json(bodies.override_out(made), 201)

    @found.post(
        "/v1/overrides/search",
        summary="Overrides in force",
        response_model=bodies.OverridesOut,
        response_model_exclude_none=True,
        responses=refusals(*_BODY),
    )
    async def search(request: Request, body: bodies.PatientIn) -> Response:
        """Overrides of a patient that have neither expired nor been withdrawn, oldest first."""
        asked = state.store.overrides(body.patient, state.at(), caller_of(request).tenant)
        return _json({"overrides": [bodies.override_out(one) for one in await _there(asked)]})

    @found.delete(
        "/v1/overrides/{override:uuid}",
        summary="Withdraw an override",
        status_code=204,
        response_class=Response,
        responses=refusals(404, 503),
    )
    async def withdraw(
        request: Request,
        override: Annotated[UUID, Path(description="Id of the override")],
    ) -> Response:
        """Ends an override; it stays on record. Ending it twice is no fault."""
        if not await _there(state.store.withdraw(str(override), caller_of(request), state.at())):
            raise _none("no-such-override", "there is no override of that id", "override")
        return Response(status_code=204)

    @found.post(
        "/v1/follow-ups/search",
        summary="What was promised with will-monitor",
        response_model=bodies.FollowUpsOut,
        responses=refusals(*_BODY, 409, 415),
        openapi_extra=FOLLOW_UPS,
    )
    async def follow_ups(request: Request) -> Response:
        """Promises of a patient and, where a record is sent along, whether it shows that they were kept."""
        return _json(await _promises(state, request))

    @found.post(
        "/v1/corrections",
        summary="Judge a record again with a correction",
        responses={**refusals(*_BODY, 404, 409, 415, 500), **CORRECTED},
        openapi_extra=CORRECTION,
    )
    async def corrections(request: Request) -> Response:
        """The record judged as corrected, and which alerts that gains, loses and keeps. Nothing is stored in
        the chart; the evaluation is audited as any other."""
        return await _corrected(state, request)

    return found


async def _promises(state: State, request: "Request") -> dict[str, Any]:
    received(request.headers.get("content-type"), (JSON,))
    asked = fields(await request.body(), state.site, required=("patient",), optional=("record", "as_of"))
    given = in_body(asked)
    as_of, _ = day_and_selection(given, state.day())
    patient = text(asked, "patient", given.faults)
    if patient is None and not given.faults:
        given.fault("missing", "this is required and is not there", "patient")
    given.refuse("the body does not fit")
    assert patient is not None
    read = None
    if "record" in asked:
        live = state.holder.live
        read, _ = one_patient(bytes(asked["record"]), live, state.site)
        if read.id.removeprefix("Patient/") != patient.removeprefix("Patient/"):
            fault = Fault("patient", "the record is of another patient", "$.record")
            raise Refused(409, "the record and the patient contradict each other", (fault,))
    made = await _there(state.store.promised(patient, state.at(), caller_of(request).tenant))
    if read is None:
        found = unseen(made, as_of)
    else:
        found = notices(made, Chart(read, live.rules.terminology, as_of=ordinal(as_of)))
    return {
        "as_of": as_of,
        "checked": read is not None,
        "follow_ups": [bodies.notice_out(one) for one in found],
    }


async def _corrected(state: State, request: "Request") -> "Response":
    from starlette.responses import Response

    content = received(request.headers.get("content-type"), (JSON,))
    body = await request.body()
    given = in_body(fields(body, state.site, required=REQUIRED, optional=OPTIONAL))
    as_of, _ = day_and_selection(given, state.day())
    given.refuse("the body does not fit")
    live = state.holder.live
    question = Question(
        id=str(uuid4()),
        kind="correction",
        body=body,
        as_of=as_of,
        at=state.at(),
        site=state.site,
        content=content,
        overrides=None,
    )
    made = await ask(state, question, caller_of(request), live=live)
    told = {**headers(question, live), **dict(made.headers), "content-type": made.media_type}
    return Response(made.body, made.status, told)


def _followed(state: State, asked: bodies.FollowUpIn | None) -> tuple[FollowUp | None, Fault | None]:
    """What was promised, under the name of the fact; no name, and why, where nothing could show it done."""
    if asked is None:
        return None, None
    terminology = state.holder.live.rules.terminology
    fact = followed(terminology, asked.fact)
    if fact is not None:
        return FollowUp(fact, asked.by, asked.note), None
    names = tuple(terminology.tables.observations)
    hint = did_you_mean(asked.fact, names) or f"Such as {', '.join(names[:5])}"
    fault = Fault(
        NO_FACT, "nothing measures this, so it could never be seen to be done", FACT, asked.fact, hint
    )
    return FollowUp("", asked.by, asked.note), fault


def _hinted(refusal: Refused, unknown: Fault | None) -> Refused:
    """The refusal with the fault that names the fact that is not known."""
    faults = tuple(unknown if unknown and one.code == NO_FACT else one for one in refusal.faults)
    return replace(refusal, faults=faults)


async def _there(asked: "Awaitable[T]") -> T:
    """What the store says. Raises Refused with 503 while it is away."""
    try:
        return await asked
    except StoreAway:
        fault = Fault("store-away", "overrides are kept in a database that is away now", hint="Try again")
        raise Refused(503, "the store is away", (fault,), (("Retry-After", "5"),)) from None


def _none(code: str, message: str, path: str) -> Refused:
    return Refused(404, "there is no such thing here", (Fault(code, message, path),))


def _json(value: Any, status: int = 200) -> "Response":
    from starlette.responses import Response

    return Response(dump(value), status, media_type=JSON)
