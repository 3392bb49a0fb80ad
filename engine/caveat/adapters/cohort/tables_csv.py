"""CSV with one row a patient, in parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from caveat.adapters.cohort.base import Chunk, Input, Rejected
from caveat.adapters.cohort.tables_files import file_input
from caveat.adapters.cohort.tables_lines import A_BATCH, A_PART, Span, beside, chunks, cut, text_of
from caveat.adapters.reject import Reject
from caveat.adapters.table import rows
from caveat.errors import InputError
from caveat.facts.patient import Patient

_LONGEST_ROW: Final = 16 << 20


@dataclass(slots=True)
class Rows:
    """Where rows end, as `caveat.adapters.table` reads them: a row goes on while a quote is open."""

    _quotes: int = 0
    _length: int = 0
    _counted: bool = False

    def ends(self, line: bytes) -> bool:
        """Whether no quote is open after this line."""
        self._counted = False
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            self._counted = True
            return not self._length
        if not self._length and not text.strip():
            return True
        self._length += len(text)
        self._quotes += text.count('"')
        if self._quotes % 2 and self._length < _LONGEST_ROW:
            return False
        self._quotes = self._length = 0
        self._counted = True
        return True

    def counts(self) -> bool:
        """Whether a row ended."""
        return self._counted


class ColumnarCsv:
    """The rows of CSV files in the format of docs/input.md; the facts are those of the row reader.

    A file in UTF-8 is read in place; one that is packed, or in UTF-16, is unpacked once into parts
    that are packed again, so that disk and memory stay bounded.
    """

    kind = "csv"

    def __init__(
        self, files: tuple[str, ...], *, others: tuple[Reject, ...] = (), a_part: int = A_PART
    ) -> None:
        self.files, self.others, self.a_part = files, others, a_part
        self._work: Path | None = None
        self._spans: tuple[Span, ...] = ()
        self._headers: tuple[bytes, ...] = ()

    def inputs(self) -> tuple[Input, ...]:
        """Every file in the order in which it is read. InputError when one cannot be."""
        return tuple(file_input(Path(file)) for file in self.files)

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Find where each part begins. InputError for a header that is not understood: no row could be."""
        self._work = work
        self._spans = cut(self.files, work, Rows, self.a_part, say)
        headers: dict[int, bytes] = {}
        for span in self._spans:
            if span.file not in headers:
                headers[span.file] = _header(text_of(span, self.files[span.file], work))
                _must_be_known(headers[span.file], self.files[span.file])
        self._headers = tuple(headers.get(number, b"") for number in range(len(self.files)))

    def parts(self) -> int:
        """How many parts there are."""
        return max(len(self._spans), bool(self.others))

    def read(self, part: int) -> Iterator[Chunk]:
        """The rows of a part; one that cannot be read is set aside and the others go on."""
        if part == 0:
            yield from beside(self.others)
        if part < len(self._spans):
            yield from chunks(self._read(self._spans[part]), A_BATCH)

    def about(self) -> dict[str, Any]:
        """How many files there are."""
        return {"reader": "csv", "files": len(self.files)}

    def _read(self, span: Span) -> Iterator[Patient | Rejected]:
        file, header = self.files[span.file], self._headers[span.file]
        data = text_of(span, file, self._work)
        if span.line > 1:
            data = header + data
            shift = span.line - 1 - header.count(b"\n")
        else:
            shift = 0
        lines: list[bytes] | None = None
        for found in rows(io.BytesIO(data)):
            if isinstance(found, Patient):
                line = int(found.source or 0) + shift
                yield found.model_copy(update={"source": f"{file}:{line}"})
            elif found.line is None:  # a header without rows: said of a whole file, not of its first part
                if sum(one.file == span.file for one in self._spans) == 1:
                    yield Rejected(found.at(file))
            else:
                lines = lines or data.splitlines(keepends=True)
                identity = _identity(header, b"".join(lines[found.line - 1 : found.line + 49]))
                yield Rejected(replace(found, source=file, line=found.line + shift), identity)


def _header(data: bytes) -> bytes:
    """The lines up to the end of the header."""
    edges, end = Rows(), 0
    for line in io.BytesIO(data):
        end += len(line)
        if edges.ends(line) and edges.counts():
            break
    header = data[:end]
    return header if header.endswith(b"\n") else header + b"\n"


def _must_be_known(header: bytes, file: str) -> None:
    for found in rows(io.BytesIO(header)):
        if isinstance(found, Reject) and found.code != "empty":
            also = "".join(f"\n  also: {more}" for more in found.also)
            raise InputError(
                found.message + also, code=found.code, source=file, line=found.line, value=found.value,
                hint=found.hint,
            )  # fmt: skip


def _identity(header: bytes, text: bytes) -> str:
    """The patient_id of a row that cannot be read; empty when that cannot be either."""
    names = header.decode("utf-8", "replace").strip("\r\n")
    mark = max((",", "\t", ";", "|"), key=names.count)
    try:
        known = [one.strip().lower().replace(" ", "_") for one in next(csv.reader([names], delimiter=mark))]
        row = next(csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline=""), delimiter=mark))
        return row[known.index("patient_id")].strip()
    except (StopIteration, ValueError, IndexError, csv.Error):
        return ""
