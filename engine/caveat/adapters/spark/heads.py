"""Whether a file holds a resource or record a line, told by its first lines and never by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from caveat.adapters import table
from caveat.adapters.fhir.glance import is_object
from caveat.adapters.reject import Reject
from caveat.adapters.sources import other_kind

LOOKED_AT: Final = 5
_BEGINS: Final = (b"{", b"[", b",")


def not_by_line(head: Sequence[bytes], label: str) -> Reject | None:
    """The one Reject for a whole file that is not read by line, from its first lines that are not blank.

    None for a file of lines, good and bad: one bad line does not hide the others.
    """
    first = head[0].strip()
    hint = "Write it as NDJSON, or screen it without --spark"
    if first.startswith(b"["):
        return Reject(
            label, "not-lines", "a JSON list is not read by Spark, which reads a line each", hint=hint
        )
    if first.startswith(b"{"):
        goes_on = len(head) > 1 and first.endswith(_BEGINS) and not head[1].strip().startswith(b"{")
        if not goes_on or is_object(first):
            return None
        message = "JSON printed over several lines is not read by Spark, which reads a record a line"
        return Reject(label, "not-lines", message, hint=hint)
    kind = other_kind(head[0])
    if kind is not None:
        message = f"{kind[0]} holds no record that can be read"
        return Reject(label, "not-a-record", message, hint=kind[1] or "", harmless=kind[1] is None)
    if any(is_object(line) for line in head):
        return None
    if table.is_table(b"\n".join(head)):
        message = "a table with a row a patient is not read by Spark"
        return Reject(label, "not-lines", message, hint="Write it as Parquet, or screen it without --spark")
    if first.startswith(b"<"):
        message = "XML is not read"
        return Reject(label, "not-a-record", message, hint="Ask for FHIR as JSON (_format=json)")
    return Reject(label, "not-a-record", "neither JSON nor a record a line", harmless=True)
