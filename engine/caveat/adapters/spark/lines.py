"""Lines of Bulk Data and of native records, each told whom it concerns: the first step in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from caveat.adapters.documents import Document, document
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.glance import SHARED
from caveat.adapters.fhir.group import PERSONAL, identifiers, owner
from caveat.adapters.fhir.lost import of_line
from caveat.adapters.fhir.references import relative
from caveat.adapters.native import RecordError, read_native
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import Source
from caveat.adapters.spark.heads import LOOKED_AT, not_by_line
from caveat.adapters.survey import Survey, loose
from caveat.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

PATIENT, THEIRS, COMMON, FOR_ALL, NATIVE, REJECT, BLOCK = (
    "patient",
    "theirs",
    "shared",
    "for-all",
    "native",
    "reject",
    "block",
)
"""What a line is: a patient, a resource of one, one that others refer to, one that concerns everybody
in the export, a whole native record; what is set aside; and how many lines a block of a file had."""

_BOM: Final = b"\xef\xbb\xbf"


@cache
def schema() -> pa.Schema:
    """A row a line that is kept. `block` is the byte its block starts at, `line` counts within it.

    `names` are what others may call it, `refs` what it refers to outside its patient's record.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("file", pa.string()),
            ("block", pa.int64()),
            ("line", pa.int64()),
            ("role", pa.string()),
            ("owner", pa.string()),
            ("names", pa.list_(pa.string())),
            ("refs", pa.list_(pa.string())),
            ("data", pa.binary()),
            ("reject", reject_type()),
        ]
    )


@cache
def reject_type() -> pa.DataType:
    """`caveat.adapters.reject.Reject`, with the patient where a whole record is rejected."""
    import pyarrow as pa

    names = ("patient", "file", "field", "code", "message", "value", "hint")
    return pa.struct(
        [
            *((name, pa.string()) for name in names),
            ("also", pa.list_(pa.string())),
            ("harmless", pa.bool_()),
        ]
    )


def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of `schema` from batches of `value`, `file` and `block`, in the order of the file."""
    import pyarrow as pa

    file, block, line, by_line, label, logged = "", -1, 0, True, "", False
    for batch in batches:
        found: list[dict[str, Any]] = []
        values, files, blocks = (batch.column(name).to_pylist() for name in ("value", "file", "block"))
        for place, data in enumerate(values):
            if (files[place], blocks[place]) != (file, block):
                if line:
                    found.append(_row(file, block, line, role=BLOCK))
                file, block, line, by_line = files[place], blocks[place], 0, True
                label, logged = plain_path(file), False
                if block == 0:
                    why = _refused(values, files, place, label)
                    by_line = why is None
                    if why is not None:
                        found.append(_row(file, block, 0, role=REJECT, reject=plain(why)))
            line += 1
            if by_line and data.strip():
                bare = data.removeprefix(_BOM) if line == 1 and block == 0 else data
                for row in rows(bare, label, line):
                    is_log = row["role"] == REJECT and row["reject"]["harmless"]
                    if not (is_log and logged):
                        found.append(_row(file, block, line, **row))
                    logged = logged or is_log
        if found:
            yield pa.RecordBatch.from_pylist(found, schema=schema())
    if line:
        yield pa.RecordBatch.from_pylist([_row(file, block, line, role=BLOCK)], schema=schema())


def _refused(values: list[bytes], files: list[str], place: int, label: str) -> Reject | None:
    """Why the file that begins at this place is not read by line; judged by its lines in this batch."""
    head: list[bytes] = []
    for data, file in zip(values[place : place + 50], files[place : place + 50], strict=True):
        if file != files[place] or len(head) == LOOKED_AT:
            break
        if data.strip():
            head.append(data.removeprefix(_BOM))
    return not_by_line(head, label) if head else None


def _row(file: str, block: int, line: int, **rest: Any) -> dict[str, Any]:
    return {"file": file, "block": block, "line": line, **rest}


def plain_path(uri: str) -> str:
    """A local file by its path, any other by its address."""
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(uri).path) if uri.startswith("file:/") else uri


@dataclass(frozen=True, slots=True)
class Read:
    """What one line holds: resources (none or one), or a native record, and what is set aside of it."""

    document: Document | None
    items: tuple[Item, ...] = ()
    rejects: tuple[Reject, ...] = ()


def read_line(data: bytes, label: str) -> Read:
    """What a line is, by its own account; never raises for what it holds."""
    found = document(data)
    if isinstance(found, Reject):
        return Read(None, tuple(of_line(data, label, None)), (found.at(label),))
    if found.shape == "resource":
        survey = Survey()
        loose(found, Source(label, None, ""), survey)
        return Read(found, tuple(survey.loose[""]), tuple(survey.loose_rejects[""]))
    if found.shape == "bundle":
        message = "a Bundle on a line is not read by Spark, which reads one resource a line"
        hint = "Split it into its entries, or screen it without --spark"
        return Read(None, (), (Reject(label, "bundle", message, hint=hint),))
    if found.shape != "native":
        return Read(
            None, (), (Reject(label, "no-patient", "the log of an export holds no records", harmless=True),)
        )
    return Read(found)


def rows(data: bytes, label: str, line: int) -> Iterator[dict[str, Any]]:
    """The rows of one line, without its place."""
    found = read_line(data, label)
    for one in found.rejects:
        yield {"role": REJECT, "reject": plain(one)}
    if found.document is not None and found.document.shape == "native":
        yield _native(data, label)
    for item in found.items:
        yield from _resource(item, data, label, line)


def _native(data: bytes, label: str) -> dict[str, Any]:
    try:
        return {"role": NATIVE, "owner": read_native(data).id, "data": data}
    except RecordError as error:
        why = Reject(label, error.code, error.summary, None, error.path, error.value, error.hint, error.also)
    except InputError as error:
        why = reject(error, source=label)
    identity = document(data)
    whose = identity.identity if isinstance(identity, Document) else None
    return {"role": REJECT, "reject": plain(why, patient=whose or "")}


def _resource(item: Item, data: bytes, label: str, line: int) -> Iterator[dict[str, Any]]:
    resource: Any = item.resource
    kept = data if item.mends or item.version else msgspec.json.encode(resource)
    if item.kind == "Patient":
        identity = resource.id or f"{label.rpartition('/')[2]}:{line}"
        names = [*identifiers(resource), f"urn:uuid:{identity}"]
        yield {"role": PATIENT, "owner": identity, "names": names, "data": kept}
    elif item.kind in PERSONAL:
        whose, why = owner(resource, {}, None)
        if whose is None:
            yield {"role": REJECT, "reject": plain(_homeless(item, why, label))}
        else:
            yield {"role": THEIRS, "owner": whose, "refs": _references(resource), "data": kept}
    elif item.kind == "Specimen":
        whose, _ = owner(resource, {}, None)
        if whose is not None:
            yield {"role": THEIRS, "owner": whose, "refs": [], "data": kept}
    elif item.kind in SHARED:
        if resource.id:
            names = [f"{item.kind}/{resource.id}"]
            yield {"role": COMMON, "names": names, "refs": _references(resource), "data": kept}
    else:
        yield {"role": FOR_ALL, "data": kept}


def _homeless(item: Item, why: str, label: str) -> Reject:
    identity = getattr(item.resource, "id", None)
    return Reject(
        label,
        "no-subject",
        f"{item.kind} {why}; it is judged for nobody",
        path=f"{item.kind}/{identity}" if identity else item.kind,
        hint="" if "is about" in why else "Give it a subject",
    )


def _references(resource: Any) -> list[str]:
    """What a resource refers to that is of no patient: medicines and what they are made of."""
    found = [getattr(resource, "medication_reference", None)]
    inside = [resource, *(getattr(resource, "contained", None) or ())]
    for one in inside:
        found += [part.item_reference for part in getattr(one, "ingredient", None) or ()]
    names = (relative(one.reference) for one in found if one is not None and one.reference)
    return sorted({name for name in names if name.partition("/")[0] in SHARED})


def plain(why: Reject, *, patient: str | None = None) -> dict[str, Any]:
    """A row of `reject_type`."""
    return {
        "patient": patient,
        "file": why.source,
        "field": why.path or None,
        "code": why.code,
        "message": why.message,
        "value": why.value or None,
        "hint": why.hint or None,
        "also": list(why.also),
        "harmless": why.harmless,
    }
