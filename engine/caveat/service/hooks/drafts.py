"""The orders of a draft Bundle: which are medicines, which of them are selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from caveat.adapters.fhir.group import ORDERED
from caveat.adapters.fhir.references import relative
from caveat.adapters.fhir.types import READ, SKIPPED
from caveat.service.hooks.body import is_object, loads
from caveat.service.hooks.request import Call

_CONTAINERS: Final = frozenset(("Bundle", "OperationOutcome", "Parameters"))
PLAIN: Final = (frozenset(SKIPPED) | frozenset(READ)) - ORDERED - _CONTAINERS
"""Types of R4 that are no order of a medicine. Any other name may be one of another version of FHIR."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One entry of the draft Bundle; `kind` is empty where it does not say what it is."""

    place: int
    kind: str
    id: str
    url: str
    raw: bytes
    medicine: bool

    @property
    def path(self) -> str:
        """Where it stands in the call."""
        return f"$.context.draftOrders.entry[{self.place}]"

    @property
    def name(self) -> str:
        """`Type/id` where it has both."""
        return f"{self.kind}/{self.id}" if self.kind and self.id else self.kind or "entry"

    def resource(self) -> Mapping[str, Any]:
        """The resource as sent."""
        found = loads(self.raw)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Drafts:
    """`judged` are the medicines to judge, `context` the other drafts that are medicines.

    `absent` are selections that no draft answers to and that may be medicines.
    """

    judged: tuple[Draft, ...]
    context: tuple[Draft, ...]
    absent: tuple[str, ...] = ()

    @property
    def concerned(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.judged or self.absent)


class _Bundle(msgspec.Struct):
    entry: list[msgspec.Raw] | None = None


class _Entry(msgspec.Struct):
    fullUrl: Any = None
    resource: msgspec.Raw = msgspec.Raw(b"")


class _Head(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    contained: Any = None


_BUNDLE: Final = msgspec.json.Decoder(_Bundle)
_ENTRY: Final = msgspec.json.Decoder(_Entry)
_HEAD: Final = msgspec.json.Decoder(_Head)


def read_drafts(call: Call) -> Drafts:
    """The drafts of a call; of patient-view there are none."""
    if call.drafts is None:
        return Drafts((), ())
    listed = _BUNDLE.decode(call.drafts).entry or ()
    found = [_draft(place, bytes(entry)) for place, entry in enumerate(listed)]
    if call.hook != "order-select":
        return Drafts(tuple(draft for draft in found if draft.medicine), ())
    chosen: set[int] = set()
    absent: list[str] = []
    for selection in call.selections:
        answering = [draft.place for draft in found if _answers(draft, selection)]
        chosen.update(answering)
        if not answering and _kind(selection) not in PLAIN:
            absent.append(selection)
    medicines = [draft for draft in found if draft.medicine]
    return Drafts(
        tuple(draft for draft in medicines if draft.place in chosen),
        tuple(draft for draft in medicines if draft.place not in chosen),
        tuple(absent),
    )


def _draft(place: int, raw: bytes) -> Draft:
    """What an entry is. One that holds nothing that can be told is taken for a medicine: it may be one."""
    try:
        entry = _ENTRY.decode(raw)
        held = bytes(entry.resource)
        head = _HEAD.decode(held) if held and is_object(held) else _Head()
    except (msgspec.MsgspecError, RecursionError):
        return Draft(place, "", "", "", raw, True)
    kind = head.resourceType if isinstance(head.resourceType, str) else ""
    identity = head.id if isinstance(head.id, str) else ""
    url = entry.fullUrl if isinstance(entry.fullUrl, str) else ""
    medicine = kind not in PLAIN or _holds_medicine(head.contained)
    return Draft(place, kind, identity, url, held or raw, medicine)


def _holds_medicine(contained: Any) -> bool:
    """Whether a group of orders has a medicine inside, which is not read from there."""
    listed = contained if isinstance(contained, list) else ()
    return any(isinstance(one, dict) and one.get("resourceType") in ORDERED for one in listed)


def _answers(draft: Draft, selection: str) -> bool:
    """Whether a selection (`Type/id`, a bare id, an absolute URL, the entry's own URL) means this draft."""
    if selection == draft.url and selection:
        return True
    if not draft.id:
        return False
    short = relative(selection)
    return short == draft.id if "/" not in short else short == f"{draft.kind}/{draft.id}"


def _kind(selection: str) -> str:
    head, _, _ = relative(selection).rpartition("/")
    return head
