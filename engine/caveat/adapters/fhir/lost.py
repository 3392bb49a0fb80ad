"""What is lost with a line or a file that cannot be read, and whose it was: they are never clear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.decode import Item, Mend
from caveat.adapters.fhir.group import PERSONAL
from caveat.adapters.fhir.types import READ

_KIND: Final = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_WHOSE: Final = re.compile(
    rb'"(?:subject|patient)"\s*:\s*\{[^{}]{0,400}?"reference"\s*:\s*"([^"\\]{0,200}(?:Patient/|urn:uuid:)[^"\\]{1,100})"'
)
ALL: Final = "?"
"""The kind of an item that concerns every patient of its source."""


def of_line(data: bytes, label: str, line: int | None) -> Iterator[Item]:
    """An empty resource of the type and patient that the bytes still name, with what is wrong as a mend.

    A line of NDJSON without an end is where the file was cut off: what followed concerns every patient.
    """
    name, whose = kind_of(data), _WHOSE.search(data)
    if whose is not None and name in PERSONAL:
        empty: Any = READ[name]()
        reference = fhir.Reference(reference=whose[1].decode("utf-8", "replace"))
        setattr(empty, "subject" if hasattr(empty, "subject") else "patient", reference)
        message = "it cannot be read, and nothing of it was used"
        yield Item(empty, name, "", "", line, label, mends=(Mend("", message, ""),))
    if line is not None and not data.endswith(b"\n"):
        yield of_file(label, "the file ends in the middle of a line")


def kind_of(data: bytes) -> str:
    """The type that the bytes name, or nothing."""
    kind = _KIND.search(data)
    return kind[1].decode() if kind is not None else ""


def of_file(label: str, why: str) -> Item:
    """What every patient of a source is told when a file of it was not read to its end."""
    return Item(None, ALL, "", "", None, label, mends=(Mend("", f"{label}: {why}", ""),))
