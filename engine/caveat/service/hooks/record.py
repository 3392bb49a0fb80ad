"""The patient that a call states: prefetch, what was fetched, and the draft orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from caveat.adapters.fhir.prefetch import Prefetched, read_prefetch
from caveat.errors import InputError, shorten
from caveat.facts.patient import Patient
from caveat.findings.report import RecordError
from caveat.service.hooks.drafts import Draft, Drafts
from caveat.service.hooks.request import Call
from caveat.service.live import Live
from caveat.service.prefetch.filling import merged
from caveat.service.prefetch.templates import templates
from caveat.service.problems import Fault, Refused
from caveat.service.question import Question

_NOT_TAKEN: Final = frozenset(("cancelled", "entered-in-error", "not-taken", "not-done", "declined"))
_LISTS: Final = ("orders", "conditions", "allergies", "observations")


@dataclass(frozen=True, slots=True)
class Record:
    """`judged` are the ids of the orders to judge, None for all.

    `errors` are drafts and selections that could not be judged and that the patient's own problems
    do not name. `resources` are the drafts as sent by order id, `references` those of every order.
    """

    patient: Patient
    judged: frozenset[str] | None
    errors: tuple[RecordError, ...] = ()
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)


def read_record(question: Question, call: Call, drafts: Drafts, live: Live) -> Record:
    """The record. Raises Refused with 413 for one larger than the site allows."""
    vocabulary = live.rules.terminology
    try:
        found = read_prefetch(
            merged(call.prefetch, dict(question.fetched)),
            call.drafts,
            call.patient,
            bound=lambda code: vocabulary.observation_for(code) is not None,
            lists=templates(live.rules),
        )
    except InputError as error:
        fault = Fault(error.code, error.message, error.path, error.value, error.hint)
        raise Refused(400, "this is no CDS Hooks request that can be answered", (fault,)) from None
    _within(question, found.patient)
    every = (*drafts.judged, *drafts.context)
    judged = frozenset(found.drafts[d.place] for d in drafts.judged if d.place in found.drafts)
    resources = {found.drafts[d.place]: d.resource() for d in every if d.place in found.drafts and d.id}
    return Record(
        found.patient,
        None if call.hook == "patient-view" else judged,
        (*_absent(drafts), *_lost(drafts, found)),
        resources,
        _references(found.patient),
    )


def _absent(drafts: Drafts) -> list[RecordError]:
    return [
        RecordError(
            "selection-missing",
            "a selected order is not among the draft orders, so it was not judged",
            "context.selections",
            shorten(selection),
        )
        for selection in drafts.absent
    ]


def _lost(drafts: Drafts, found: Prefetched) -> list[RecordError]:
    """Drafts to judge that became no order, unless they say that nothing is taken or a problem names them."""
    named = [problem.path for problem in found.patient.problems]
    lost = []
    for draft in drafts.judged:
        path = draft.path.removeprefix("$.")
        if draft.place in found.drafts or any(_is_below(one, path) for one in named) or _is_not_taken(draft):
            continue
        lost.append(
            RecordError(
                "draft-unread", "a draft order could not be read and was not judged", path, draft.name
            )
        )
    return lost


def _is_below(path: str, draft: str) -> bool:
    return path == draft or path.startswith((f"{draft}.", f"{draft}["))


def _is_not_taken(draft: Draft) -> bool:
    resource = draft.resource()
    return resource.get("status") in _NOT_TAKEN or resource.get("doNotPerform") is True


def _references(patient: Patient) -> dict[str, str]:
    """FHIR references by the id of an order or allergy, where the record has them."""
    found: dict[str, str] = {}
    stated = [(one.id, one.source) for one in patient.orders or ()]
    for name, source in (*stated, *((one.id, one.source) for one in patient.allergies or ())):
        kind, _, identity = (source or "").partition("/")
        if name and source and kind.isalpha() and identity and "/" not in identity:
            found[name] = source
    return found


def _within(question: Question, patient: Patient) -> None:
    site = question.site
    orders = len(patient.orders or ())
    if orders > site.orders:
        said = f"the patient has {orders} orders, and the site allows {site.orders}"
        raise _too_many("orders", said)
    entries = sum(len(getattr(patient, name) or ()) for name in _LISTS)
    if entries > site.entries:
        raise _too_many("entries", f"the record holds {entries} entries, and the site allows {site.entries}")


def _too_many(what: str, message: str) -> Refused:
    hint = "Send what the prefetch of discovery asks for, and no more"
    return Refused(413, f"more {what} than the site allows", (Fault(f"too-many-{what}", message, hint=hint),))
