"""JSON documents of a file: the whole of it, each line, or each element of a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

import msgspec

from caveat.adapters.fhir import decode
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import LARGEST
from caveat.errors import InputError

Shape = Literal["bundle", "resource", "native", "log", "manifest"]
_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one JSON object, what it says it is, and where it stands."""

    data: bytes
    shape: Shape
    kind: str = ""
    line: int | None = None
    path: str = ""
    identity: str | None = None


class _Head(msgspec.Struct):
    resourceType: Any = None
    id: Any = None
    eventId: Any = None
    exportId: Any = None
    transactionTime: Any = None
    output: Any = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def is_ndjson(head: bytes, *, complete: bool) -> bool:
    """Whether each line is a JSON value of its own; `complete` when the head is the whole file.

    One bad line, the first among them, does not hide the others; JSON printed over several lines,
    cut off or not, is one document.
    """
    lines = [line.strip() for line in head.split(b"\n") if line.strip()]
    if not complete and b"\n" not in head.strip():
        return not head.lstrip().startswith(b"[")
    if len(lines) < 2 or lines[0].startswith(b"["):
        return False
    whole = (lines if complete else lines[:-1])[:_LINES]
    if lines[0].startswith(b"{"):
        return _is_object(lines[0]) or (lines[0] != b"{" and lines[1].startswith(b"{"))
    return any(_is_object(line) for line in whole)


def _is_object(line: bytes) -> bool:
    try:
        _HEAD.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def documents(stream: IO[bytes], *, lines: bool) -> Iterator[Document | Reject]:
    """Each document in order. What is not JSON is a Reject with its line, and the rest goes on."""
    if lines:
        yield from _by_line(stream)
        return
    data = stream.read(LARGEST)
    if len(data) == LARGEST:
        yield Reject("", "too-large", "the file is larger than 1 GiB", hint="Split it, or write it as NDJSON")
        return
    if data.lstrip()[:1] == b"[":
        yield from _elements(data)
    else:
        yield document(data)


def _by_line(stream: IO[bytes]) -> Iterator[Document | Reject]:
    number = 0
    while line := stream.readline(LARGEST):
        number += 1
        if not line.strip():
            continue
        if len(line) == LARGEST:
            yield Reject("", "too-large", "a line is longer than 1 GiB; reading stops here", line=number)
            return
        yield document(line, line=number)


def _elements(data: bytes) -> Iterator[Document | Reject]:
    try:
        elements = _ELEMENTS.decode(data)
    except RecursionError:
        yield reject(decode.too_deep())
        return
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            decode.parse(data)
        except InputError as problem:
            yield reject(problem)
            return
        yield Reject("", "not-json", "this list cannot be read")
        return
    if not elements:
        yield Reject("", "empty", "an empty list holds no record")
    for number, raw in enumerate(elements):
        yield document(bytes(raw), path=f"$[{number}]")


def document(data: bytes, *, line: int | None = None, path: str = "") -> Document | Reject:
    """The document that the bytes are, by its own account."""
    try:
        head = _HEAD.decode(data)
    except RecursionError:
        return _placed(decode.too_deep(), line, path)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            value = decode.parse(data)
        except InputError as problem:
            return _placed(problem, line, path)
        return Reject(
            "", "not-a-record", f"a record is a JSON object, not {_named(value)}", line=line, path=path
        )
    identity = head.id if isinstance(head.id, str) else None
    if isinstance(head.resourceType, str):
        shape: Shape = "bundle" if head.resourceType == "Bundle" else "resource"
        return Document(data, shape, head.resourceType, line, path, identity)
    if head.resourceType is not None:
        return Reject(
            "", "not-a-record", "resourceType must be text", line=line, path=f"{path or '$'}.resourceType"
        )
    if isinstance(head.eventId, str) and isinstance(head.exportId, str):
        return Document(data, "log", line=line, path=path)
    if isinstance(head.transactionTime, str) and isinstance(head.output, list):
        return Document(data, "manifest", line=line, path=path)
    return Document(data, "native", "", line, path, identity)


def _placed(problem: InputError, line: int | None, path: str) -> Reject:
    found = reject(problem, line=line)
    return Reject(
        found.source, found.code, found.message, found.line, found.path or path, found.value, found.hint
    )


def _named(value: object) -> str:
    if value is None:
        return "null"
    names = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "that")
