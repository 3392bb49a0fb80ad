"""What a file holds, told by its content: JSON documents or the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from caveat.adapters import table
from caveat.adapters.documents import Document, documents, is_ndjson
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import DAMAGE, HEAD, Source, other_kind, start, unreadable
from caveat.errors import InputError
from caveat.facts.patient import Patient


def documents_of(source: Source) -> Iterator[Document | Patient | Reject]:
    """What a file holds: JSON documents, or the patients of a table."""
    try:
        with source.open() as raw:
            head, stream = start(raw)
            yield from _sorted(source, head, stream)
    except InputError as problem:
        yield from _not_read(source, problem)
    except DAMAGE as error:
        yield from _not_read(source, unreadable(source.label, error))


def _not_read(source: Source, problem: InputError) -> Iterator[Document | Reject]:
    """The Reject of a file that was not read to its end, and that its rest is lost."""
    yield reject(problem, source=source.label)
    yield Document(b"", "lost", problem.message)


def is_marker(source: Source) -> bool:
    """Whether a file is one that says something by being there, such as `_SUCCESS`."""
    return source.path is not None and source.path.name.startswith("_")


def _sorted(source: Source, head: bytes, stream: Any) -> Iterator[Document | Patient | Reject]:
    label = source.label
    plain = head.lstrip()
    if not plain:
        empty = len(head) < HEAD
        message = "the file is empty" if empty else "the file holds only blanks"
        yield Reject(label, "empty", message, harmless=source.found and is_marker(source))
        return
    if plain[:1] in (b"{", b"["):
        lines = is_ndjson(head, complete=len(head) < HEAD)
        for found in documents(stream, lines=lines):
            yield found.at(label) if isinstance(found, Reject) else found
        return
    kind = other_kind(head)
    if kind is not None:
        name, hint = kind
        yield Reject(
            label,
            "not-a-record",
            f"{name} holds no record that can be read",
            hint=hint or "",
            harmless=hint is None,
        )
        return
    if b"\x00" in head and not table.is_table(head):
        yield Reject(
            label, "not-a-record", "the file is not text: it holds NUL bytes", hint="Fetch the file again"
        )
        return
    if table.is_table(head):
        for row in table.rows(stream):
            if isinstance(row, Reject):
                yield row.at(label)
            else:
                yield row.model_copy(update={"source": f"{label}:{row.source}"})
        return
    if plain[:1] == b"<":
        yield Reject(label, "not-a-record", "XML is not read", hint="Ask for FHIR as JSON (_format=json)")
        return
    if is_ndjson(head, complete=len(head) < HEAD):
        for found in documents(stream, lines=True):
            yield found.at(label) if isinstance(found, Reject) else found
        return
    yield Reject(
        label,
        "not-a-record",
        "neither JSON nor a table with a patient_id column",
        hint="" if source.found else "Give FHIR R4 JSON, Bulk Data NDJSON, a native record or CSV",
        harmless=source.found,
    )
