"""The draft orders of a client: medicines that are proposed, each under the id that its Order gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from caveat.adapters.fhir import decode
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import ORDERED
from caveat.adapters.fhir.record import same
from caveat.adapters.fhir.types import OTHER_VERSIONS, READ, SKIPPED
from caveat.adapters.ledger import Ledger
from caveat.errors import InputError

PATH: Final = "context.draftOrders"
# What a draft of each type is called that is still to be decided on. A status that is none of these is kept:
# a draft may propose to stop an order, which is no exposure.
_PROPOSED: Final = {
    "MedicationRequest": "draft",
    "MedicationStatement": "intended",
    "MedicationDispense": "preparation",
}
_UNDECIDED: Final = frozenset((None, "draft", "active", "unknown", "in-progress"))


class _Bundle(msgspec.Struct):
    resourceType: Any = None
    entry: list[msgspec.Raw] | None = None


class _Entry(msgspec.Struct):
    fullUrl: Any = None
    resource: msgspec.Raw = msgspec.Raw()


class _Head(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    contained: Any = None


_BUNDLE: Final = msgspec.json.Decoder(_Bundle)
_ENTRY: Final = msgspec.json.Decoder(_Entry)
_HEAD: Final = msgspec.json.Decoder(_Head)


@dataclass(slots=True)
class Drafts:
    """Drafts as read: `orders` by the place of their entry, and what else the Bundle holds for them."""

    orders: dict[int, Item] = field(default_factory=dict)
    shared: list[Item] = field(default_factory=list)
    repeats: dict[int, int] = field(default_factory=dict)
    """Places of entries that say again what the entry of another place says."""

    def names(self) -> frozenset[str]:
        """`Type/id` of every draft that is an order."""
        return frozenset(f"{item.kind}/{identity(item)}" for item in self.orders.values())

    def ids(self) -> dict[int, str]:
        """The id that the Order of each entry gets, by the place of the entry."""
        found: dict[int, str] = {}
        taken: dict[str, str] = {}
        for place, item in self.orders.items():
            own, name = identity(item), f"{item.kind}/{identity(item)}"
            found[place] = own if taken.setdefault(own, name) == name else name
        return {**found, **{place: found[first] for place, first in self.repeats.items()}}


def identity(item: Item) -> str:
    """The id of a draft, which every one has once it is read."""
    found: str = item.resource.id  # type: ignore[union-attr]
    return found


def read_drafts(data: bytes, taken: Iterable[str], log: Ledger) -> Drafts:
    """The drafts of a Bundle. Raises InputError where it is no Bundle.

    One without an id is called `draft-0` by the place of its entry, or the next such name that is not
    among `taken`. What may be a medicine and cannot be read is a problem; other orders are counted.
    """
    try:
        bundle = _BUNDLE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        decode.parse(data)
        raise InputError("the draft orders are no Bundle with entries", code="drafts", path=PATH) from None
    if bundle.resourceType != "Bundle":
        raise InputError("the draft orders are no Bundle", code="drafts", path=PATH)
    found = Drafts()
    used = set(taken)
    for place, raw in enumerate(bundle.entry or ()):
        path = f"{PATH}.entry[{place}]"
        try:
            entry = _ENTRY.decode(raw)
            held = entry.resource if len(entry.resource) else None
            head = _Head() if held is None else _HEAD.decode(held)
        except (msgspec.MsgspecError, RecursionError):
            log.problem("draft-unread", "a draft order that cannot be read", path)
            continue
        url = entry.fullUrl if isinstance(entry.fullUrl, str) else ""
        _one(found, place, held, head, url, path, used, log)
    return found


def _one(
    found: Drafts,
    place: int,
    raw: msgspec.Raw | None,
    head: _Head,
    url: str,
    path: str,
    used: set[str],
    log: Ledger,
) -> None:
    kind = head.resourceType if isinstance(head.resourceType, str) else ""
    if raw is not None and kind in ORDERED:
        _order(found, place, bytes(raw), kind, url, path, used, log)
    elif raw is not None and kind in ("Medication", "Substance"):
        item = decode.resource(bytes(raw), kind)
        found.shared.append(msgspec.structs.replace(item, url=url, path=path))
    elif kind in READ or kind in SKIPPED_KINDS:
        if _holds_medicine(head.contained):
            message = f"a draft {kind} holds orders of medicines inside, which are not read from there"
            log.problem("draft-unread", message, path)
        else:
            log.note("draft-ignored", f"a draft {kind} is no order of a medicine; it was not judged", path)
    else:
        version = OTHER_VERSIONS.get(kind, "")
        why = f"{kind} of FHIR {version}" if version else "no resource of FHIR R4"
        log.problem("draft-unread", f"a draft order that is {why}; only R4 is read", path, kind)


SKIPPED_KINDS: Final = frozenset(SKIPPED) - {"Parameters"}


def _holds_medicine(contained: Any) -> bool:
    listed = contained if isinstance(contained, list) else ()
    return any(isinstance(one, dict) and one.get("resourceType") in ORDERED for one in listed)


def _order(
    found: Drafts, place: int, raw: bytes, kind: str, url: str, path: str, used: set[str], log: Ledger
) -> None:
    item = decode.resource(raw, kind)
    resource: Any = item.resource
    if resource is None or item.version:
        log.problem("draft-unread", f"a draft order of FHIR {item.version}; only R4 is read", path, kind)
        return
    item = msgspec.structs.replace(item, url=url, path=path)
    if resource.status in _UNDECIDED and kind in _PROPOSED:
        if resource.status != _PROPOSED[kind]:
            said = "without a status" if resource.status is None else f"with status {resource.status}"
            log.note("draft-status", f"a draft order {said} was taken as proposed", path)
        resource.status = _PROPOSED[kind]
    if not resource.id:
        resource.id = _free(place, used)
        log.note("draft-without-id", "a draft order without an id was given one by its place", path)
    for first, other in found.orders.items():
        if other.kind == kind and identity(other) == resource.id:
            if same(other.resource, resource):
                log.note("draft-repeated", "a draft order that is given twice is judged once", path)
                found.repeats[place] = first
                return
            log.note("draft-same-id", "draft orders with one id that differ; both are judged", path)
            resource.id = _free(place, used)
            break
    used.add(resource.id)
    found.orders[place] = item


def _free(place: int, used: set[str]) -> str:
    name, number = f"draft-{place}", 2
    while name in used:
        name, number = f"draft-{place}-{number}", number + 1
    return name
