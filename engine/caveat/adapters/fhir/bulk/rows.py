"""What is written to disk between the two halves of a bulk read, and the file that holds it.

Resources are kept as they were decoded, so that the second half sees exactly what the single-record
reader sees. One file holds all buckets: blocks of frames, each of one bucket and chained to the last.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import field

from caveat.adapters.fhir.bulk.sheets import Sheets
from caveat.adapters.fhir.decode import Item, Mend
from caveat.adapters.fhir.group import Part
from caveat.adapters.fhir.references import Index
from caveat.adapters.fhir.shapes import Struct
from caveat.adapters.fhir.types import READ, Readable

PENDING: Final = 16_000_000
"""Bytes of input whose resources are held before they are encoded; more where there are many buckets."""

BUFFERED: Final = 64_000_000
"""Encoded bytes that are held before they are written."""

NOWHERE: Final = -1
FRAME: Final = -1
_PAIR: Final = struct.Struct("<qq")
"""Before a block: where the one before it of the same bucket is, and its length (a list in memory would
grow for ever). Before a piece: its kind and its length."""


KIND: Final[dict[type[msgspec.Struct], str]] = {shape: name for name, shape in READ.items()}


class Run(Struct):
    """Resources of one file in order, none with anything to say beside it; `at` are their lines."""

    file: int
    group: int
    at: list[int] = field(default_factory=list)
    resources: list[Readable] = field(default_factory=list)

    def items(self, label: str) -> list[tuple[tuple[int, int], Item]]:
        """Each item with its place in the input."""
        file = self.file
        return [
            ((file, line), Item(resource, KIND[type(resource)], "", "", line, label))
            for line, resource in zip(self.at, self.resources, strict=True)
        ]


class Row(Struct):
    """One item with everything that is known of it; `order` is its place in the file."""

    kind: str
    resource: Readable | None = None
    file: int = 0
    group: int = 0
    order: int = 0
    url: str = ""
    path: str = ""
    line: int | None = None
    source: str = ""
    mends: list[Mend] = field(default_factory=list)
    version: str = ""

    def item(self) -> Item:
        """The item as it was decoded."""
        return Item(
            self.resource,
            self.kind,
            self.url,
            self.path,
            self.line,
            self.source,
            mends=tuple(self.mends),
            version=self.version,
        )


def row(item: Item, *, file: int = 0, group: int = 0, order: int = 0) -> Row:
    """The Row that keeps an item."""
    resource: Any = item.resource
    return Row(
        item.kind,
        resource,
        file,
        group,
        order,
        item.url,
        item.path,
        item.line,
        item.source,
        list(item.mends),
        item.version,
    )


class BundlePart(Struct):
    """What a Bundle holds of one patient. `shared` are the resources of nobody that it may refer to."""

    id: str
    label: str
    file: int = 0
    order: int = 0
    patients: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)
    shared: list[Row] = field(default_factory=list)
    common: list[Row] = field(default_factory=list)
    assumed: int = 0
    next: str | None = None
    history: bool = False

    def part(self, wider: Index, pages: Any) -> Part:
        """The part as `group` made it; `pages` says whether a further page was given after all."""
        patients = [one.item() for one in self.patients]
        items = [one.item() for one in self.items]
        own = Index((*patients, *items), Index([one.item() for one in self.shared], wider))
        missing = None if self.next is None or self.next in pages else self.next
        return Part(
            self.id,
            patients,
            [(item, own) for item in items],
            [one.item() for one in self.common],
            self.assumed,
            [self.label] if self.label else [],
            missing,
            self.history,
        )


class Native(Struct):
    """A native record as it stands in a file, or the row of a table as one."""

    label: str
    data: bytes
    line: int | None = None
    path: str = ""
    file: int = 0
    order: int = 0


class Frame(Struct):
    """Some of a bucket: resources outside Bundles, Bundles, native records, and ids by record naming them."""

    runs: list[Run] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    parts: list[BundlePart] = field(default_factory=list)
    natives: list[Native] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(value: Any) -> bytes:
    """The value in MessagePack, or in JSON where a number has more than 64 bits."""
    try:
        return _ENCODER.encode(value)
    except OverflowError:
        return msgspec.json.encode(value)


def decoder(kind: Any) -> Callable[[bytes | memoryview], Any]:
    """What reads values of a type again that `encode` wrote."""
    packed, text = msgspec.msgpack.Decoder(kind), msgspec.json.Decoder(kind)
    return lambda data: text.decode(data) if data[:1] in (b"{", b"[") else packed.decode(data)


frame_of: Final = decoder(Frame)


class Spill:
    """Frames and sheets of all buckets in one file, encoded at once and written as memory fills up."""

    def __init__(self, path: Path, buckets: int) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._open: dict[int, Frame] = {}
        self._runs: dict[int, Run] = {}
        self.sheets = Sheets()
        self._packed: dict[int, list[tuple[int, Any]]] = {}
        self._held = self._filled = 0
        self.last = [NOWHERE] * buckets
        self._pending = PENDING * (1 + buckets // 256)
        self._limit = BUFFERED * (1 + buckets // 8192)

    def frame(self, bucket: int) -> Frame:
        """The frame of the bucket that is being filled."""
        found = self._open.get(bucket)
        if found is None:
            found = self._open[bucket] = Frame()
        return found

    def run(self, bucket: int, file: int, group: int) -> Run:
        """The run of the file that ends the bucket."""
        found = self._runs.get(bucket)
        if found is None or found.file != file:
            found = self._runs[bucket] = Run(file, group)
            self.frame(bucket).runs.append(found)
        return found

    def held(self, size: int) -> None:
        """Counts input as held; past a limit it is encoded, past another written. Runs begin anew."""
        self._held += size
        if self._held >= self._pending:
            self.pack()
        if self._filled >= self._limit:
            self.flush()

    def pack(self) -> None:
        """Encodes every open frame and what was gathered in sheets."""
        for bucket, kind, rows in self.sheets.parts():
            self._keep(bucket, kind, rows)
        for bucket, frame in self._open.items():
            self._keep(bucket, FRAME, encode(frame))
        self._open.clear()
        self._runs.clear()
        self._held = 0

    def _keep(self, bucket: int, kind: int, piece: Any) -> None:
        self._packed.setdefault(bucket, []).append((kind, piece))
        self._filled += len(piece)

    def flush(self) -> None:
        """Writes everything."""
        self.pack()
        for bucket in sorted(self._packed):
            packed = self._packed[bucket]
            place = self._file.tell()
            self._file.write(_PAIR.pack(self.last[bucket], sum(_PAIR.size + len(one) for _, one in packed)))
            for kind, piece in packed:
                self._file.write(_PAIR.pack(kind, len(piece)))
                self._file.write(piece)
            self.last[bucket] = place
        self._packed.clear()
        self._filled = 0
        self._file.flush()

    def close(self) -> None:
        """Writes what is open and sees it on disk."""
        self.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Closes the file without caring for what it holds."""
        self._file.close()


def pieces(path: Path, last: int) -> Iterator[tuple[int, memoryview]]:
    """The pieces of a bucket whose last block is at that place, in the order in which they were written.

    Each is a frame or, where its kind is the number of a type, rows of a sheet.
    """
    places: list[tuple[int, int]] = []
    with path.open("rb") as file:
        while last != NOWHERE:
            file.seek(last)
            before, length = _PAIR.unpack(file.read(_PAIR.size))
            places.append((last + _PAIR.size, length))
            last = before
        for offset, length in reversed(places):
            file.seek(offset)
            packed = memoryview(file.read(length))
            at = 0
            while at < length:
                kind, size = _PAIR.unpack(packed[at : at + _PAIR.size])
                at += _PAIR.size + size
                yield kind, packed[at - size : at]


def frames(path: Path, last: int) -> Iterator[Frame]:
    """The frames of a bucket."""
    for kind, piece in pieces(path, last):
        if kind == FRAME:
            yield frame_of(piece)
