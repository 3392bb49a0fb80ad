"""JSON documents of a file: the whole of it, each line, or each element of a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Final

import msgspec

from caveat.adapters.fhir import decode
from caveat.adapters.fhir.answered import of_parameters
from caveat.adapters.fhir.glance import Shape, heading, is_object
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import LARGEST
from caveat.errors import InputError

_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one JSON object, what it says it is, and where it stands.

    A `lost` one follows the Reject of what cannot be read, with its bytes; without any it stands for the
    rest of a file, and `kind` says why that was not read.
    """

    data: bytes
    shape: Shape
    kind: str = ""
    line: int | None = None
    path: str = ""
    identity: str | None = None


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
    if lines[0].endswith((b"[", b"{", b",")) or (complete and is_object(head)):
        return False  # one object that goes on over the lines
    whole = (lines if complete else lines[:-1])[:_LINES]
    if lines[0].startswith(b"{"):
        return is_object(lines[0]) or (lines[0] != b"{" and lines[1].startswith(b"{"))
    return any(is_object(line) for line in whole)


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
        yield from _read(data, None)


def _by_line(stream: IO[bytes]) -> Iterator[Document | Reject]:
    number = 0
    while line := stream.readline(LARGEST):
        number += 1
        if not line.strip():
            continue
        if len(line) == LARGEST:
            message = "a line is longer than 1 GiB; reading stops here"
            yield Reject("", "too-large", message, line=number)
            yield Document(b"", "lost", message)
            return
        yield from _read(line, number)


def _read(data: bytes, line: int | None) -> Iterator[Document | Reject]:
    found = document(data, line=line)
    yield found
    if isinstance(found, Reject):
        yield Document(data, "lost", line=line)


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
        found = heading(data)
    except InputError as problem:
        place = problem.path.replace("$", path, 1) if path and problem.path else problem.path or path
        return replace(reject(problem, line=line), path=place)
    if found.kind == "Parameters" and (inside := of_parameters(data)) is not None:
        return Document(inside, "bundle", "Bundle", line, path)
    return Document(data, found.shape, found.kind, line, path, found.identity)
