"""CSV with one row a patient."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import IO, Final

from caveat.adapters.cells import COLUMNS, Faults, record
from caveat.adapters.native import RecordError, read_native
from caveat.adapters.reject import Reject, shorten
from caveat.errors import InputError
from caveat.facts.patient import Patient

_DELIMITERS: Final = (",", "\t", ";", "|")
_LONGEST_ROW: Final = 16 << 20
_OMOP: Final = "Name the folder that holds person.csv and the other tables, alone and with --out"
_CARRIAGE: Final = "End lines with LF or CRLF, not with CR alone"


def is_table(head: bytes) -> bool:
    """Whether the first line looks like the header of a table, with or without a patient_id."""
    lines = head.decode("utf-8", "replace").splitlines()
    line = next((one for one in lines if one.strip()), "")
    if "\x00" in line:
        return False
    cells = _header(line)
    if "patient_id" in cells:
        return True
    return len(cells) > 2 and all(re.fullmatch(r"[a-z][a-z0-9_]{0,40}", cell) for cell in cells)


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _header(line: str) -> list[str]:
    cells = next(csv.reader([line], delimiter=_delimiter(line)), [])
    return [cell.strip().lower().replace(" ", "_") for cell in cells]


def rows(stream: IO[bytes]) -> Iterator[Patient | Reject]:
    """The Patient of each row, or a Reject that names line and column.

    The header decides the delimiter: comma, tab, semicolon or bar. An empty cell is unknown, `none`
    in a list is known to have none. A column that is not known stops the file: its data would be
    lost unseen. Columns that begin with `x_` are skipped. `source` of each Patient is its line.
    """
    reader = _Rows(stream)
    header: list[str] | None = None
    for line, cells in reader:
        if isinstance(cells, Reject):
            yield cells
            continue
        if header is None:
            header = [cell.strip().lower().replace(" ", "_") for cell in cells]
            problem = _bad_header(header)
            if problem is not None:
                yield problem
                return
            continue
        if not any(cell.strip() for cell in cells):
            continue
        yield _row(header, cells, line)
    if header is not None and reader.count < 2:
        yield Reject("", "empty", "a table with a header and no rows")


class _Rows:
    """Rows of cells with the line each begins on; a row that cannot be read is a Reject."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0
        self._delimiter = ","

    def __iter__(self) -> Iterator[tuple[int, list[str] | Reject]]:
        number = 0
        pending, began = "", 0
        while raw := self._stream.readline(_LONGEST_ROW):
            number += 1
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self.count += 1
                found = f"byte 0x{raw[error.start]:02x} at position {error.start}"
                yield (
                    number,
                    Reject(
                        "",
                        "encoding",
                        f"the row is not UTF-8: {found}",
                        number,
                        hint="Save the table as UTF-8",
                    ),
                )
                continue
            if not pending:
                if not text.strip():
                    continue
                began = number
            pending += text
            if pending.count('"') % 2 and len(pending) < _LONGEST_ROW:
                continue
            row, pending = pending, ""
            yield began, self._cells(row, began)
        if pending:
            yield began, self._unclosed(began)

    def _unclosed(self, line: int) -> Reject:
        self.count += 1
        return Reject(
            "", "quote", "a quote is opened and never closed; the rows from here on are lost", line,
            hint='Close it, or write a quote inside a cell twice: ""',
        )  # fmt: skip

    def _cells(self, row: str, line: int) -> list[str] | Reject:
        if not self.count:
            self._delimiter = _delimiter(row)
        self.count += 1
        if "\x00" in row:
            return Reject("", "nul", "the row holds NUL bytes", line, hint="Write the table again")
        try:
            found = list(csv.reader(io.StringIO(row, newline=""), delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            return Reject("", "row", f"the row cannot be read: {error}", line, value=shorten(row))
        return (
            found[0]
            if len(found) == 1
            else Reject("", "row", "the row cannot be read", line, value=shorten(row), hint=_CARRIAGE)
        )


def _bad_header(header: list[str]) -> Reject | None:
    if "person_id" in header and any(name.endswith("_concept_id") for name in header):
        message = "a table of an OMOP database, not one with a row a patient"
        return Reject("", "header", message, line=1, hint=_OMOP)
    faults = []
    for name in header:
        if name.startswith("x_") or name in COLUMNS:
            continue
        close = get_close_matches(name, COLUMNS, n=1, cutoff=0.5)
        meant = {
            "medications": "orders",
            "drugs": "orders",
            "dob": "birth_date",
            "gender": "sex",
            "id": "patient_id",
        }
        guess = meant.get(name) or (close[0] if close else "")
        faults.append(
            f"unknown column {shorten(name, 40)!r}" + (f"; did you mean {guess!r}?" if guess else "")
        )
    if "patient_id" not in header:
        faults.append("there is no patient_id column")
    twice = sorted({name for name in header if header.count(name) > 1})
    faults += [f"the column {name!r} stands twice" for name in twice]
    if not faults:
        return None
    hint = "Rename it, or begin its name with x_ to have it skipped. Known: " + ", ".join(COLUMNS)
    return Reject("", "header", faults[0], line=1, hint=hint, also=tuple(faults[1:]))


def _row(header: list[str], cells: list[str], line: int) -> Patient | Reject:
    if len(cells) != len(header):
        return Reject(
            "", "row", f"{len(cells)} cells where the header has {len(header)}", line,
            hint="Put cells that hold the delimiter into quotes",
        )  # fmt: skip
    given = {
        name: cell.strip() for name, cell in zip(header, cells, strict=True) if not name.startswith("x_")
    }
    faults: Faults = []
    found = record(given, faults)
    if not found["id"]:
        faults.append(("patient_id", "a row without a patient_id", ""))
    if not faults:
        try:
            return read_native(found).model_copy(update={"source": str(line)})
        except RecordError as problem:
            column = _column(problem.path)
            return Reject(
                "", problem.code, problem.summary, line, column, problem.value, problem.hint, problem.also
            )
        except InputError as problem:
            return Reject("", problem.code, problem.message, line, problem.path, problem.value, problem.hint)
    column, message, value = faults[0]
    also = tuple(f"{c}: {m}" + (f" (found {v})" if v else "") for c, m, v in faults[1:])
    return Reject("", "cell", message, line, column, value, also=also)


def _column(path: str) -> str:
    name = path.removeprefix("$.")
    name = name.removeprefix("context.")
    return "patient_id" if name == "id" else name
