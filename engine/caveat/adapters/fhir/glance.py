"""What JSON says it is, and whom a Bundle is about, without reading the rest."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from caveat.adapters.fhir import decode
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import group
from caveat.adapters.fhir.references import relative
from caveat.errors import InputError

Shape = Literal["bundle", "resource", "native", "log", "manifest", "lost"]
"""`lost` is never found by a heading: it stands for what a document or a file says that cannot be read."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The shape of a JSON object by its own account, its resource type, and its id where that is text."""

    shape: Shape
    kind: str = ""
    identity: str | None = None


class _Heading(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    eventId: Any = None
    exportId: Any = None
    transactionTime: Any = None
    output: Any = None


_HEADING: Final = msgspec.json.Decoder(_Heading)


def is_object(data: bytes) -> bool:
    """Whether the bytes are one complete JSON object."""
    try:
        _HEADING.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def heading(data: bytes) -> Heading:
    """What the object is: FHIR, the log or manifest of a Bulk Data export, else a native record.

    Raises InputError for what is no JSON or no object.
    """
    try:
        found = _HEADING.decode(data)
    except RecursionError:
        raise decode.too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = decode.parse(data)
        message = f"a record is a JSON object, not {_named(value)}"
        raise InputError(message, code="not-a-record") from None
    identity = found.id if isinstance(found.id, str) else None
    kind = found.resourceType
    if isinstance(kind, str):
        return Heading("bundle" if kind == "Bundle" else "resource", kind, identity)
    if kind is not None:
        raise InputError("resourceType must be text", code="not-a-record", path="$.resourceType")
    if isinstance(found.eventId, str) and isinstance(found.exportId, str):
        return Heading("log")
    if isinstance(found.transactionTime, str) and isinstance(found.output, list):
        return Heading("manifest")
    return Heading("native", "", identity)


def _named(value: object) -> str:
    if value is None:
        return "null"
    names = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "this")


@dataclass(slots=True)
class Glance:
    """The patients a Bundle is about, the address of its page, and what others may refer to in it."""

    names: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    shared: list[Item] = field(default_factory=list)


class _Resource(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    subject: Any = None
    patient: Any = None


class _Entry(msgspec.Struct):
    fullUrl: Any = None
    resource: _Resource | None = None


class _Bundle(msgspec.Struct):
    link: Any = None
    entry: list[_Entry] | None = None


_BUNDLE: Final = msgspec.json.Decoder(_Bundle)
SHARED: Final = frozenset(("Medication", "Substance"))


def glance(data: bytes) -> Glance:
    """A first look at a Bundle; empty when it cannot be read, which is said when it is read in full."""
    found = Glance()
    try:
        seen = _BUNDLE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            whole = decode.bundle(data)
        except InputError:
            return found
        found.names.update(group(whole.items, source="").parts)
        found.pages.update({whole.here} - {None})  # type: ignore[arg-type]
        return found
    entries = [(entry.fullUrl, entry.resource) for entry in seen.entry or () if entry.resource is not None]
    aliases: dict[Hashable, str] = {}
    for url, resource in entries:
        if resource.resourceType == "Patient":
            identity = resource.id or url
            if isinstance(identity, str):
                found.names.add(identity)
                if isinstance(url, str):
                    aliases[url] = identity
    kinds = {resource.resourceType for _, resource in entries if isinstance(resource.resourceType, str)}
    for _, resource in entries:
        subject = resource.subject or resource.patient
        reference = subject.get("reference") if isinstance(subject, dict) else None
        if isinstance(reference, str):
            found.names.add(aliases.get(reference) or relative(reference).removeprefix("Patient/"))
    for link in seen.link if isinstance(seen.link, list) else ():
        if isinstance(link, dict) and link.get("relation") == "self" and isinstance(link.get("url"), str):
            found.pages.add(link["url"])
    if kinds & SHARED and "Patient" not in kinds:
        found.shared = [item for item in decode.bundle(data).items if item.kind in SHARED]
    return found
