"""Native records, one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from caveat.adapters.cohort.base import Chunk, Input, Rejected
from caveat.adapters.cohort.tables_check import rejected
from caveat.adapters.cohort.tables_files import file_input
from caveat.adapters.cohort.tables_lines import (
    A_BATCH,
    A_PART,
    Lines,
    Span,
    beside,
    chunks,
    cut,
    lines_of,
    text_of,
)
from caveat.adapters.documents import document
from caveat.adapters.native import read_native
from caveat.adapters.reject import Reject
from caveat.errors import InputError
from caveat.facts.patient import Patient


class NativeCohort:
    """The records of NDJSON files, packed or not; the facts are those of `read_native`.

    A file in UTF-8 is read in place; one that is packed, or in UTF-16, is unpacked once into parts
    that are packed again, so that disk and memory stay bounded.
    """

    kind = "native"

    def __init__(
        self, files: tuple[str, ...], *, others: tuple[Reject, ...] = (), a_part: int = A_PART
    ) -> None:
        self.files, self.others, self.a_part = files, others, a_part
        self._work: Path | None = None
        self._spans: tuple[Span, ...] = ()

    def inputs(self) -> tuple[Input, ...]:
        """Every file in the order in which it is read. InputError when one cannot be."""
        return tuple(file_input(Path(file)) for file in self.files)

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Find where each part begins."""
        self._work = work
        self._spans = cut(self.files, work, Lines, self.a_part, say)

    def parts(self) -> int:
        """How many parts there are."""
        return max(len(self._spans), bool(self.others))

    def read(self, part: int) -> Iterator[Chunk]:
        """The records of a part; a line that is none is set aside and the others go on."""
        if part == 0:
            yield from beside(self.others)
        if part < len(self._spans):
            yield from chunks(self._read(self._spans[part]), A_BATCH)

    def about(self) -> dict[str, Any]:
        """How many files there are."""
        return {"reader": "native", "files": len(self.files)}

    def _read(self, span: Span) -> Iterator[Patient | Rejected]:
        file = self.files[span.file]
        for number, line in lines_of(text_of(span, file, self._work), span.line):
            yield _record(line, file, number)


def _record(line: bytes, file: str, number: int) -> Patient | Rejected:
    found = document(line, line=number)
    if isinstance(found, Reject):
        return Rejected(found.at(file), "")
    identity = found.identity or ""
    if found.shape != "native":
        what = found.kind or f"the {found.shape} of an export"
        message = f"{what} among native records is not read with them"
        return Rejected(Reject(file, "not-native", message, number, hint="Screen it on its own"), identity)
    try:
        read = read_native(found.data)
    except InputError as problem:
        return Rejected(rejected(problem, file, number), identity)
    return read if read.source else read.model_copy(update={"source": f"{file}:{number}"})
