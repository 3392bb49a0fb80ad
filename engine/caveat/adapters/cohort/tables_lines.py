"""Text files cut into parts of so many records, without reading any of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from caveat.adapters.cohort.base import Chunk, Rejected
from caveat.adapters.cohort.tables_files import laid
from caveat.adapters.reject import Reject
from caveat.adapters.sources import DAMAGE, GZIP, Source, start, unreadable
from caveat.errors import InputError
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

A_PART: Final = 5_000
"""Records of a part."""

A_BATCH: Final = 2_000
_PACKED: Final = 50
"""Patients that are held as objects: a thousand of them are much work for the garbage collector."""

_LONGEST_LINE: Final = 16 << 20
_LARGEST_PART: Final = 32 << 20
_BOM: Final = b"\xef\xbb\xbf"
_DONE: Final = "lines.json"


@dataclass(frozen=True, slots=True)
class Span:
    """The lines of a part: bytes `begin` to `end` of a file, the first of them line number `line`.

    A file that is packed or not UTF-8 has its parts laid down, each as a file named `piece`.
    """

    file: int
    begin: int
    end: int
    line: int
    piece: str = ""


class Edges(Protocol):
    """Tells where records end; told every line in turn."""

    def ends(self, line: bytes) -> bool:
        """Whether no record is open after this line."""
        ...

    def counts(self) -> bool:
        """Whether a record ended with the line told last."""
        ...


@dataclass(slots=True)
class Lines:
    """Every line that is not blank is a record."""

    _counted: bool = False

    def ends(self, line: bytes) -> bool:
        """Always."""
        self._counted = bool(line.strip())
        return True

    def counts(self) -> bool:
        """Unless the line was blank."""
        return self._counted


def cut(
    files: Sequence[str], work: Path, edges: Callable[[], Edges], a_part: int, say: Callable[[str], None]
) -> tuple[Span, ...]:
    """The spans of every file, in order; those of an interrupted call are made again.

    Reads each file once. Pieces of packed files are laid down in `work`, packed again. Raises
    InputError for a file that cannot be read to its end.
    """
    done = work / _DONE
    if done.exists():
        return tuple(Span(**one) for one in json.loads(done.read_bytes()))
    found: list[Span] = []
    for number, file in enumerate(files):
        found += _cut(number, file, work, edges(), a_part, say)
    with laid(done) as unfinished:
        unfinished.write_text(json.dumps([asdict(one) for one in found]), "utf-8")
    return tuple(found)


def _cut(
    number: int, file: str, work: Path, edges: Edges, a_part: int, say: Callable[[str], None]
) -> Iterator[Span]:
    plain = _plain_from(file)
    if plain is None:
        say(f"{file}: unpacked once, into parts of {a_part:,} records")
    try:
        with Source(file, Path(file), "").open() as raw:
            if plain is None:
                _, stream = start(raw)
                yield from _pieces(number, stream, work, edges, a_part)
            else:
                raw.seek(plain)
                for begin, end, line in _groups(raw, plain, edges, a_part):
                    yield Span(number, begin, end, line)
    except DAMAGE as error:
        raise unreadable(file, error) from None


def _plain_from(file: str) -> int | None:
    """Where the text of a file begins that can be read in place; None for one that must be unpacked."""
    try:
        with Path(file).open("rb") as raw:
            head = raw.read(64)
    except OSError as error:
        raise unreadable(file, error) from None
    if head.startswith((GZIP, b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head:
        return None
    return len(_BOM) if head.startswith(_BOM) else 0


def _groups(
    stream: IO[bytes], offset: int, edges: Edges, a_part: int, keep: Callable[[bytes], Any] | None = None
) -> Iterator[tuple[int, int, int]]:
    """Begin, end and number of the first line of each part."""
    first = begin = offset
    line, number, records, closed = 1, 0, 0, True
    while text := stream.readline(_LONGEST_LINE):
        if keep is not None:
            keep(text)
        offset += len(text)
        number += text.endswith(b"\n")
        closed = edges.ends(text)
        records += edges.counts()
        full = records >= a_part or offset - begin >= _LARGEST_PART
        if full and closed and text.endswith(b"\n"):
            yield begin, offset, line
            begin, line, records = offset, number + 1, 0
    if offset > begin and (records or not closed or begin == first):
        yield begin, offset, line


def _pieces(number: int, stream: IO[bytes], work: Path, edges: Edges, a_part: int) -> Iterator[Span]:
    import pyarrow as pa

    kept = bytearray()
    for begin, end, line in _groups(stream, 0, edges, a_part, kept.extend):
        piece = f"text-{number:05d}-{begin:015d}.zst"
        with laid(work / piece) as unfinished, pa.CompressedOutputStream(str(unfinished), "zstd") as out:
            out.write(bytes(kept))
        kept.clear()
        yield Span(number, begin, end, line, piece)


def text_of(span: Span, file: str, work: Path | None) -> bytes:
    """The bytes of a span. InputError when the file is shorter than it was."""
    if span.piece:
        import pyarrow as pa

        assert work is not None, "prepare comes first"
        with pa.CompressedInputStream(str(work / span.piece), "zstd") as packed:
            data: bytes = packed.read()
    else:
        try:
            with Path(file).open("rb") as raw:
                raw.seek(span.begin)
                data = raw.read(span.end - span.begin)
        except OSError as error:
            raise unreadable(file, error) from None
    if len(data) != span.end - span.begin:
        raise InputError(
            "the file is shorter than when it was first read",
            code="changed",
            source=file,
            hint="The file changed while it was read: start again",
        )
    return data


def lines_of(data: bytes, first: int) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank."""
    for number, line in enumerate(io.BytesIO(data), first):
        if line.strip():
            yield number, line


def chunks(found: Iterator[Patient | Rejected], a_batch: int) -> Iterator[Chunk]:
    """What was read as batches; every patient, and every reject of a whole record, has entered."""
    from caveat.columns.records import to_batch

    packed: list[pa.RecordBatch] = []
    patients: list[Patient] = []
    rejected: list[Rejected] = []
    rows = entered = 0
    for one in found:
        entered += not isinstance(one, Rejected) or one.patient is not None
        if isinstance(one, Rejected):
            rejected.append(one)
        else:
            patients.append(one)
            rows += 1
        if len(patients) >= _PACKED:
            packed.append(to_batch(patients))
            patients = []
        if rows + len(rejected) >= a_batch:
            yield Chunk(_joined([*packed, to_batch(patients)]), tuple(rejected), entered)
            packed, patients, rejected, rows, entered = [], [], [], 0, 0
    if rows or rejected:
        yield Chunk(_joined([*packed, to_batch(patients)]), tuple(rejected), entered)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    import pyarrow as pa

    table = pa.Table.from_batches(batches).combine_chunks()
    return table.to_batches()[0] if table.num_rows else batches[0]


def beside(rejects: Sequence[Reject]) -> Iterator[Chunk]:
    """What lay beside the records and holds none, as one batch without patients."""
    from caveat.columns.records import to_batch

    if rejects:
        yield Chunk(to_batch([]), tuple(Rejected(one) for one in rejects), 0)
