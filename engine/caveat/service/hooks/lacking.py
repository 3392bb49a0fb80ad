"""What the prefetch of a call lacks: fetched where that is allowed, refused where nothing can be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from caveat.service.fetch.failed import Failed
from caveat.service.hooks.request import Call
from caveat.service.live import Live
from caveat.service.prefetch.filling import filled, lacking, merged, refusing
from caveat.service.prefetch.templates import templates
from caveat.service.problems import Fault, Refused

if TYPE_CHECKING:
    from caveat.service.fetch.client import Fetcher

TITLE = "required data are missing and cannot be fetched"


async def looked_up(fetcher: Fetcher, call: Call, live: Live) -> dict[str, bytes]:
    """What an allow-listed FHIR server, asked with the caller's token, adds to the prefetch of a call.

    What was asked for and not had is an OperationOutcome that says why. Raises Refused with 412 and
    an OperationOutcome where what nothing can be judged without is neither given nor fetched; what
    else is missing leaves its questions open, and the cards say so.
    """
    offered = templates(live.rules)
    missing = {key: offered[key] for key in lacking(offered, call.prefetch)}
    fetched: Mapping[str, bytes | Failed] = {}
    if missing and call.server is not None and call.token is not None and fetcher.allows(call.server):
        wanted = filled(missing, {"patientId": call.patient, "userId": call.user})
        fetched = await fetcher.fetch(call.server, call.token.reveal(), wanted)
    told = {key: one.outcome() if isinstance(one, Failed) else one for key, one in fetched.items()}
    needed = refusing(merged(call.prefetch, told))
    if needed:
        why = _why(fetcher, call)
        faults = tuple(_fault(key, offered, fetched.get(key), why) for key in needed)
        raise Refused(412, TITLE, faults, outcome=True)
    return told


def _why(fetcher: Fetcher, call: Call) -> str:
    """Why nothing was asked for."""
    if call.server is None:
        return "no fhirServer was given"
    if not fetcher.allows(call.server):
        return "the fhirServer is not one that the configuration allows"
    if call.token is None:
        return "no fhirAuthorization was given"
    return "the server has none"


def _fault(key: str, offered: Mapping[str, str], fetched: bytes | Failed | None, why: str) -> Fault:
    reason = str(fetched) if isinstance(fetched, Failed) else why
    hint = f"Send prefetch.{key} ({offered[key]})" + ("" if key == "patient" else "; null when there is none")
    return Fault("missing", f"{key} is missing and was not fetched: {reason}", f"$.prefetch.{key}", "", hint)
