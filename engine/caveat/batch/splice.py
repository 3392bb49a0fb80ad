"""Parquet files of one schema put end to end as they are: pages are copied, only the footer is made anew.

A footer is a Thrift structure in the compact protocol (parquet-format, `parquet.thrift`); of it only
row counts, the list of row groups and the places of their pages are understood and changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Final

MAGIC: Final = b"PAR1"
BLOCK: Final = 1 << 20

# Field numbers of parquet.thrift: FileMetaData, RowGroup, ColumnChunk, ColumnMetaData.
_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_META = 3
_CHUNK_OFFSETS: Final = (2, 4, 6)
_PAGE_OFFSETS: Final = (9, 10, 11, 14)
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)

Field = list[Any]
"""Number, kind and value; the value of a structure is a list of fields, of a list its kind and items."""


def splice(files: Iterable[Path], out: IO[bytes], tick: Callable[[], object]) -> tuple[int, int, str]:
    """Write the rows of all files, in order, to `out`; returns rows, bytes and SHA-256.

    The row groups stay as they are. Raises ValueError when the files do not share one schema, or one
    is no Parquet file.
    """
    digest = hashlib.sha256()
    size = rows = 0

    def put(data: bytes) -> None:
        nonlocal size
        out.write(data)
        digest.update(data)
        size += len(data)

    put(MAGIC)
    shared: list[Field] | None = None
    groups: list[list[Field]] = []
    for path in files:
        with path.open("rb") as file:
            footer, end = _footer(file, path)
            here = [field for field in footer if field[0] not in (_ROWS, _GROUPS)]
            if shared is None:
                shared = here
            elif shared != here:
                raise ValueError(f"{path}: its schema differs from that of the parts before it")
            rows += _value(footer, _ROWS)
            for group in _value(footer, _GROUPS)[1]:
                _move(group, size - len(MAGIC), len(groups))
                groups.append(group)
            file.seek(len(MAGIC))
            left = end - len(MAGIC)
            while left:
                block = file.read(min(left, BLOCK))
                if not block:
                    raise ValueError(f"{path}: it ends too early")
                put(block)
                left -= len(block)
                tick()
    if shared is None:
        raise ValueError("there is no file to take the schema from")
    whole = sorted([*shared, [_ROWS, _I64, rows], [_GROUPS, _LIST, (_STRUCT, groups)]], key=lambda f: f[0])
    written = _Writer()
    written.struct(whole)
    put(bytes(written.data))
    put(len(written.data).to_bytes(4, "little") + MAGIC)
    return rows, size, digest.hexdigest()


def _footer(file: IO[bytes], path: Path) -> tuple[list[Field], int]:
    """The footer of a Parquet file, and where it begins."""
    end = file.seek(0, 2)
    file.seek(max(end - 8, 0))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    begin = end - 8 - length
    if tail[4:] != MAGIC or begin < len(MAGIC):
        raise ValueError(f"{path}: it is not a whole Parquet file")
    file.seek(begin)
    return _Reader(file.read(length)).struct(), begin


def _value(fields: list[Field], number: int) -> Any:
    return next(value for name, _, value in fields if name == number)


def _move(group: list[Field], by: int, ordinal: int) -> None:
    """Shift every place in a row group, and number it anew; a number past 16 bits is left out."""
    group[:] = [field for field in group if field[0] != _ORDINAL or ordinal < 1 << 15]
    for field in group:
        if field[0] == _GROUP_OFFSET:
            field[2] += by
        elif field[0] == _ORDINAL:
            field[2] = ordinal
        elif field[0] == _COLUMNS:
            for chunk in field[2][1]:
                _shift(chunk, _CHUNK_OFFSETS, by)
                _shift(_value(chunk, _META), _PAGE_OFFSETS, by)


def _shift(fields: list[Field], numbers: tuple[int, ...], by: int) -> None:
    for field in fields:
        # No page stands at 0, where the file's first bytes are: 0 says that there is none.
        if field[0] in numbers and field[2]:
            field[2] += by


class _Reader:
    """Thrift's compact protocol, read."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> list[Field]:
        fields: list[Field] = []
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields.append([number, kind, kind == _TRUE if kind in (_TRUE, _FALSE) else self._read(kind)])
        return fields

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _number(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7

    def _signed(self) -> int:
        number = self._number()
        return (number >> 1) ^ -(number & 1)

    def _bytes(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._data):
            raise ValueError("the footer ends too early")
        return self._data[self._at - count : self._at]

    def _read(self, kind: int) -> Any:
        if kind in (_I16, _I32, _I64):
            return self._signed()
        if kind == _BINARY:
            return self._bytes(self._number())
        if kind == _STRUCT:
            return self.struct()
        if kind in (_LIST, _SET):
            head = self._byte()
            of = head & 15
            return of, [self._read(of) for _ in range(head >> 4 if head < 0xF0 else self._number())]
        if kind in (_BYTE, _TRUE, _FALSE):
            return self._byte()
        if kind == _DOUBLE:
            return self._bytes(8)
        raise ValueError(f"the footer holds a field of kind {kind}, which is not read")


class _Writer:
    """Thrift's compact protocol, written."""

    def __init__(self) -> None:
        self.data = bytearray()

    def struct(self, fields: list[Field]) -> None:
        last = 0
        for number, given, value in fields:
            kind = given if given not in (_TRUE, _FALSE) else _TRUE if value else _FALSE
            if 0 < number - last < 16:
                self.data.append((number - last) << 4 | kind)
            else:
                self.data.append(kind)
                self._signed(number)
            last = number
            if kind not in (_TRUE, _FALSE):
                self._write(kind, value)
        self.data.append(0)

    def _number(self, value: int) -> None:
        while value > 127:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)

    def _signed(self, value: int) -> None:
        self._number(value << 1 if value >= 0 else (-value << 1) - 1)

    def _write(self, kind: int, value: Any) -> None:
        if kind in (_I16, _I32, _I64):
            self._signed(value)
        elif kind == _BINARY:
            self._number(len(value))
            self.data += value
        elif kind == _STRUCT:
            self.struct(value)
        elif kind in (_LIST, _SET):
            of, items = value
            self.data.append((len(items) if len(items) < 15 else 15) << 4 | of)
            if len(items) >= 15:
                self._number(len(items))
            for item in items:
                self._write(of, item)
        elif kind == _DOUBLE:
            self.data += value
        else:
            self.data.append(value)
