"""Bytes of FHIR JSON to typed resources: one fast pass, and a slower one that mends what does not fit."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from caveat.adapters.fhir import procedures
from caveat.adapters.fhir.answered import FOUND, REFUSED, Decoded, failed_with, lacking
from caveat.adapters.fhir.shapes import OTHER_SIGNS, other_version
from caveat.adapters.fhir.types import OTHER_VERSIONS, READ, SKIPPED
from caveat.adapters.reject import shorten
from caveat.errors import InputError

_MOST_MENDS: Final = 50
_DEEPEST: Final = 4
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[([0-9]+|\.\.\.)\]")


_KINDS: Final = {shape: name for name, shape in READ.items()}


# Types of which most resources hold no facts; those are dropped where they are decoded.
SIDE: Final[dict[str, Callable[[Any], bool]]] = {
    "Procedure": procedures.of_interest,
    "Encounter": lambda encounter: encounter.status == "in-progress",
    "Composition": lambda document: any(one.empty_reason is not None for one in document.section or ()),
    "DiagnosticReport": lambda report: (
        report.contained is not None
        or any(one.reference is not None and one.reference[:1] == "#" for one in report.result or ())
    ),
}


_PLAIN: Final = {
    shape: name
    for name, shape in READ.items()
    if name not in SIDE and name != "OperationOutcome" and shape not in OTHER_SIGNS
}
"""Types of which every resource is kept as it is decoded."""
_TOLD: Final = {shape: name for name, shape in READ.items() if shape in OTHER_SIGNS}
"""Types of which a resource may show that it is of another version of FHIR."""


class Request(msgspec.Struct):
    method: str | None = None
    url: str | None = None


class Response(msgspec.Struct):
    status: Any = None
    outcome: Any = None


class Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Mend:
    """A value that was taken out of a resource because it has another type than FHIR gives it."""

    path: str
    message: str
    value: str


class Item(msgspec.Struct, frozen=True, gc=False):
    """A resource as read, with where it stood. `resource` is None for a type that holds no facts."""

    resource: msgspec.Struct | None
    kind: str
    url: str = ""
    path: str = ""
    line: int | None = None
    source: str = ""
    deleted: bool = False
    mends: tuple[Mend, ...] = ()
    version: str = ""
    """Another version of FHIR that the resource is evidently of."""


@lru_cache(maxsize=1)
def _skipped() -> dict[str, type[msgspec.Struct]]:
    return {name: msgspec.defstruct(f"_{name}", [], tag=name, tag_field="resourceType") for name in SKIPPED}


def union(others: Mapping[str, type[msgspec.Struct]] | None = None) -> Any:
    """Every resource type of R4 as one type; one that holds no facts is a struct without fields.

    `others` are shapes to use in place of those of `types.READ`.
    """
    return functools.reduce(operator.or_, ({**READ, **(others or {})} | _skipped()).values())


@lru_cache(maxsize=1)
def _bundle() -> msgspec.json.Decoder[Any]:
    entry = msgspec.defstruct(
        "Entry",
        [
            ("fullUrl", str | None, None),
            ("resource", union() | None, None),
            ("request", Request | None, None),
            ("response", Response | None, None),
        ],
    )
    bundle = msgspec.defstruct(
        "Bundle",
        [
            ("type", str | None, None),
            ("total", int | None, None),
            ("link", list[Link] | None, None),
            ("entry", list[entry] | None, None),  # type: ignore[valid-type]
        ],
    )
    return msgspec.json.Decoder(bundle)


class _LooseBundle(msgspec.Struct):
    type: Any = None
    total: Any = None
    link: Any = None
    entry: list[msgspec.Raw] | None = None


@lru_cache(maxsize=64)
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(READ[kind])


_NOTHING: Final = "an entry of what was found holds no resource"


def bundle(data: bytes, *, depth: int = 0) -> Decoded:
    """Every resource of a Bundle, those of Bundles inside it too (answers to a batch of searches).

    Raises InputError when the bytes are no JSON object with entries.
    """
    try:
        found = _bundle().decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _loose_bundle(data, depth)
    items = []
    simple = True
    for number, entry in enumerate(found.entry or ()):
        resource = entry.resource
        kind = _PLAIN.get(type(resource))
        if kind is not None:
            items.append(Item(resource, kind, entry.fullUrl or "", f"entry[{number}].resource"))
            continue
        kind = _TOLD.get(type(resource))
        if kind is not None:
            version = other_version(resource)
            simple = simple and not version
            items.append(
                Item(resource, kind, entry.fullUrl or "", f"entry[{number}].resource", version=version)
            )
            continue
        simple = False
        request = entry.request
        if resource is None:
            failed = (
                None if entry.response is None else failed_with(entry.response.status, entry.response.outcome)
            )
            if request is not None and request.method == "DELETE" and request.url:
                items.append(Item(None, "", request.url, f"entry[{number}]", deleted=True))
            elif failed is not None:
                items.append(_broken(f"entry[{number}].response", REFUSED, failed))
            elif found.type == FOUND:
                items.append(_broken(f"entry[{number}]", _NOTHING, entry.fullUrl))
            continue
        kind = _KINDS.get(type(resource))
        if kind is not None:
            items.append(_item(resource, kind, entry.fullUrl or "", f"entry[{number}].resource"))
        else:
            items.append(Item(None, type(resource).__name__[1:]))
    links = {link.relation: link.url for link in found.link or ()}
    parts = lacking(found.type, found.total, len(found.entry or ()), links)
    return Decoded(items, found.type, links.get("self"), links.get("next"), simple, parts)


def _item(resource: msgspec.Struct, kind: str, url: str, path: str, mends: tuple[Mend, ...] = ()) -> Item:
    if kind in SIDE and not mends and not SIDE[kind](resource):
        return Item(None, kind)
    return Item(resource, kind, url, path, mends=mends, version=other_version(resource))


def _loose_bundle(data: bytes, depth: int) -> Decoded:
    try:
        found = msgspec.json.decode(data, type=_LooseBundle)
    except RecursionError:
        raise too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        whole = parse(data)
        if isinstance(whole, dict) and not isinstance(whole.get("entry", []), list):
            raise InputError(
                "entry of a Bundle must be a list",
                code="bundle",
                path="$.entry",
                value=shorten(whole["entry"]),
            ) from None
        raise InputError("this Bundle cannot be read", code="bundle") from None
    items: list[Item] = []
    parts: list[str] = []
    for number, raw in enumerate(found.entry or ()):
        place = f"entry[{number}]"
        try:
            entry = parse(bytes(raw))
        except InputError as error:
            raise InputError(error.message, code=error.code, path="$." + place, value=error.value) from None
        if not isinstance(entry, dict):
            items.append(_broken(place, "an entry must be an object", entry))
            continue
        resource, request, url = entry.get("resource"), entry.get("request"), entry.get("fullUrl")
        if resource is None:
            target = request.get("url") if isinstance(request, dict) else None
            response = entry.get("response")
            failed = (
                failed_with(response.get("status"), response.get("outcome"))
                if isinstance(response, dict)
                else None
            )
            if isinstance(request, dict) and request.get("method") == "DELETE" and isinstance(target, str):
                items.append(Item(None, "", target, place, deleted=True))
            elif failed is not None:
                items.append(_broken(place + ".response", REFUSED, failed))
            elif found.type == FOUND:
                items.append(_broken(place, _NOTHING, url))
            continue
        if isinstance(resource, dict) and resource.get("resourceType") == "Bundle" and depth < _DEEPEST:
            inner = bundle(orjson.dumps(resource), depth=depth + 1)
            items.extend(inner.items)
            parts += [*inner.parts, *(() if inner.next is None else (inner.next,))]
            continue
        items.append(mended(resource, url if isinstance(url, str) else "", place + ".resource"))
    links = {
        link["relation"]: link["url"]
        for link in (found.link if isinstance(found.link, list) else ())
        if isinstance(link, dict)
        and isinstance(link.get("relation"), str)
        and isinstance(link.get("url"), str)
    }
    kind = found.type if isinstance(found.type, str) else None
    parts += lacking(kind, found.total, len(found.entry or ()), links)
    return Decoded(items, kind, links.get("self"), links.get("next"), parts=tuple(parts))


def _broken(path: str, message: str, value: object) -> Item:
    return Item(None, "?", path=path, mends=(Mend(path, message, shorten(value)),))


def resource(data: bytes, kind: str) -> Item:
    """One resource from its own bytes, such as an NDJSON line whose type is known."""
    if kind not in READ:
        return Item(None, kind, version=OTHER_VERSIONS.get(kind, ""))
    try:
        return _item(_decoder(kind).decode(data), kind, "", "")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return mended(parse(data), "", "")


def mended(value: object, url: str, path: str) -> Item:
    """The resource of parsed JSON; what has another type than FHIR gives it is taken out and listed."""
    if not isinstance(value, dict):
        return _broken(path, "a resource must be an object", value)
    kind = value.get("resourceType")
    if not isinstance(kind, str):
        return _broken(path + ".resourceType", "a resource must say its resourceType", kind)
    if kind not in READ:
        known = kind in _skipped()
        mends = (
            ()
            if known
            else (Mend(path, f"{kind[:60]!r} is no resource type of FHIR R4; it was not read", ""),)
        )
        return Item(None, kind, url, path, mends=mends, version=OTHER_VERSIONS.get(kind, ""))
    version = "STU3 or older" if isinstance(value.get("clinicalStatus"), str) else ""
    mends_found: list[Mend] = []
    for _ in range(_MOST_MENDS):
        try:
            found = msgspec.convert(value, READ[kind], strict=True)
        except RecursionError:
            raise too_deep() from None
        except msgspec.ValidationError as error:
            mend = _take_out(value, str(error), kind)
            if mend is None:
                break
            mends_found.append(mend)
            continue
        item = _item(found, kind, url, path, tuple(mends_found))
        if version and not item.version:
            return Item(item.resource, kind, url, path, mends=item.mends, version=version)
        return item
    identity = {k: value[k] for k in ("id",) if isinstance(value.get(k), str)}
    mends_found.append(Mend("", "the rest of this resource cannot be read", ""))
    bare = msgspec.convert({"resourceType": kind, **identity, **_subject(value)}, READ[kind])
    return Item(bare, kind, url, path, mends=tuple(mends_found), version=version)


def _subject(value: dict[str, Any]) -> dict[str, Any]:
    for name in ("subject", "patient"):
        one = value.get(name)
        if isinstance(one, dict) and isinstance(one.get("reference"), str):
            return {name: {"reference": one["reference"]}}
    return {}


def _take_out(value: dict[str, Any], message: str, kind: str) -> Mend | None:
    """Removes what the message names from `value`; None when its place cannot be found."""
    what, _, where = message.rpartition(" - at `")
    if not where.startswith("$"):
        return None
    steps: list[str] = [a or b for a, b in _STEP.findall(where.rstrip("`"))]
    holders: list[tuple[Any, Any]] = []
    at: Any = value
    for step in steps:
        if isinstance(at, list):
            # msgspec prints list positions of some containers as "...": the first misfit is looked for.
            if not step.isdigit() or int(step) >= len(at):
                return None
            holders.append((at, int(step)))
            at = at[int(step)]
        elif isinstance(at, dict) and step in at:
            holders.append((at, step))
            at = at[step]
        else:
            break
    if not holders:
        return None
    holder, key = holders[-1]
    del holder[key]
    path = where.rstrip("`")[2:] if where.startswith("$.") else where.rstrip("`")[1:]
    return Mend(path, what[:1].lower() + what[1:], "" if at is None else shorten(at))


def parse(data: bytes) -> Any:
    """The JSON value. Raises InputError with line and column for anything that is not JSON."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "ecursion" in str(error) or "depth" in str(error):
            raise too_deep() from None
        raise not_json(data, error) from None
    except RecursionError:
        raise too_deep() from None


def too_deep() -> InputError:
    """The error for JSON whose nesting no record needs."""
    return InputError(
        "the JSON is nested too deeply to be a record", code="too-deep", hint="Check how the file was made"
    )


def not_json(data: bytes, error: orjson.JSONDecodeError) -> InputError:
    """The InputError for text that is not JSON, in words that name the usual causes."""
    lines = data.count(b"\n")
    where = f"line {error.lineno} column {error.colno}" if lines else f"column {error.colno}"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        byte = data[wrong.start]
        return InputError(
            f"the text is not UTF-8: byte 0x{byte:02x} at offset {wrong.start}",
            code="encoding",
            hint="Save it as UTF-8 and read it again",
        )
    around = data.decode("utf-8")[max(0, error.pos - 10) : error.pos + 10]
    if error.pos >= len(around) and "unexpected end" in str(error):
        return InputError(
            f"the JSON ends too early ({where})", code="truncated", hint="Fetch or write the file again"
        )
    if any(token in around for token in ("NaN", "Infinity")):
        return InputError(
            f"NaN and Infinity are not JSON ({where})",
            code="not-json",
            value=shorten(around),
            hint="Leave the value out when it is not known",
        )
    reason = str(error).split(": line")[0]
    return InputError(f"not JSON: {reason} ({where})", code="not-json", value=shorten(around))
