"""Parquet in the published schema, or near it: parts are runs of row groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.cohort.base import Chunk, Input
from caveat.adapters.cohort.tables_check import checked
from caveat.adapters.cohort.tables_files import file_input, is_encrypted, laid
from caveat.adapters.cohort.tables_leaves import used
from caveat.adapters.cohort.tables_lines import beside
from caveat.adapters.reject import Reject
from caveat.adapters.sources import unreadable
from caveat.columns import schema
from caveat.columns.conform import Fitting
from caveat.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

A_PART: Final = 49_152
"""Rows of a part, more or less: a part holds whole row groups, or an even share of one that was laid down."""

A_BATCH: Final = 49_152
_BUFFER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Part:
    """Row groups `first` to `last` of a file, or a piece of one laid down as `piece`; `row` counts from 1."""

    file: int
    first: int
    last: int
    row: int
    rows: int
    piece: str = ""


class ParquetCohort:
    """The rows of Parquet files, in the order of the files; facts as docs/columns.md describes them.

    A row group of more than four times `a_part` rows is laid down once as Arrow pieces of `a_part`
    rows, so that no part grows with it. Columns that begin with `x_` are never read.
    """

    kind = "parquet"

    def __init__(
        self,
        files: tuple[str, ...],
        *,
        others: tuple[Reject, ...] = (),
        a_part: int = A_PART,
        a_batch: int = A_BATCH,
    ) -> None:
        self.files, self.others = files, others
        self.a_part, self.a_batch = a_part, a_batch
        self._work: Path | None = None
        self._parts: tuple[_Part, ...] = ()
        self._about: dict[str, Any] = {}

    def inputs(self) -> tuple[Input, ...]:
        """Every file in the order in which it is read. InputError when one cannot be."""
        return tuple(file_input(Path(file)) for file in self.files)

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Fix the parts, and lay down row groups that are too large for one.

        Raises InputError for a file whose columns do not fit, with all of them.
        """
        self._work = work
        parts: list[_Part] = []
        for number, file in enumerate(self.files):
            with _opened(file) as table:
                _must_fit(table, file)
                for part in _runs(table, number, self.a_part):
                    parts += self._laid(table, part, say) if part.rows > 4 * self.a_part else [part]
        self._parts = tuple(parts)
        self._about = {
            "reader": "parquet",
            "files": len(self.files),
            "rows": sum(part.rows for part in parts),
            "laid_down": sum(bool(part.piece) for part in parts),
        }

    def parts(self) -> int:
        """How many parts there are."""
        return max(len(self._parts), bool(self.others))

    def read(self, part: int) -> Iterator[Chunk]:
        """The rows of a part, in batches. InputError when the file ends before the rows it promised."""
        if part == 0:
            yield from beside(self.others)
        if part >= len(self._parts):
            return
        chosen = self._parts[part]
        file = self.files[chosen.file]
        met = 0
        for batch in self._batches(chosen, file):
            entered = batch.num_rows
            first = chosen.row + met
            valid, refused = checked(_sourced(batch, file, first), source=file, first=first)
            met += entered
            chunk = [Chunk(valid, tuple(refused), entered)]
            del batch, valid  # what is judged is the only copy meanwhile
            yield chunk.pop()
        if met != chosen.rows:
            raise InputError(
                f"{chosen.rows} rows were promised and {met} were there",
                code="changed",
                source=file,
                hint="The file changed while it was read: start again",
            )

    def about(self) -> dict[str, Any]:
        """Files, rows, and how many parts had to be laid down."""
        return dict(self._about)

    def _batches(self, part: _Part, file: str) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        if part.piece:
            assert self._work is not None, "prepare comes first"
            with pa.OSFile(str(self._work / part.piece), "rb") as raw, pa.ipc.open_stream(raw) as stream:
                yield from stream
            return
        groups = range(part.first, part.last + 1)
        coded = [_coded(file, groups)] if part.rows <= self.a_batch else [None]
        if coded[0] is not None:
            yield coded.pop()
            return
        with _opened(file) as table:
            yield from _read(table, file, groups, self.a_batch)

    def _laid(self, table: Any, part: _Part, say: Callable[[str], None]) -> list[_Part]:
        """The pieces of a row group; those of an earlier call are kept when none is missing."""
        assert self._work is not None
        stem = f"group-{part.file:05d}-{part.first:05d}"
        step = max(self.a_part // self.a_batch, 1) * self.a_batch
        starts = range(0, part.rows, step)
        pieces = [
            _Part(
                part.file, part.first, part.first, part.row + start, min(step, part.rows - start),
                f"{stem}-{number:05d}.arrow",
            )
            for number, start in enumerate(starts)
        ]  # fmt: skip
        if all((self._work / piece.piece).exists() for piece in pieces):
            return pieces
        file = self.files[part.file]
        say(f"{file}: a row group of {part.rows:,} rows is laid down in {len(pieces)} pieces")
        batches = _read(table, file, [part.first], self.a_batch)
        left: list[pa.RecordBatch] = []
        for piece in pieces:
            left = _write_piece(self._work / piece.piece, batches, left, piece.rows)
        return pieces


def _write_piece(
    path: Path, batches: Iterator[pa.RecordBatch], left: list[pa.RecordBatch], rows: int
) -> list[pa.RecordBatch]:
    """Write so many rows, first those left over, and return what is left over of the last batch."""
    import pyarrow as pa

    with laid(path) as unfinished, pa.OSFile(str(unfinished), "wb") as file:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(file, schema.patients(), options=options) as writer:
            while rows and (batch := left.pop() if left else next(batches, None)) is not None:
                writer.write_batch(batch.slice(0, rows))
                if batch.num_rows > rows:
                    left.append(batch.slice(rows))
                rows -= min(rows, batch.num_rows)
    return left


def _opened(file: str, words: Iterable[str] = ()) -> Any:
    """A file to read; the columns `words` as dictionaries. InputError when it cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if is_encrypted(Path(file)):
            raise _sealed(file)
        # Column chunks are read in pieces of the buffer, not whole: memory does not grow with a row group.
        table = parquet.ParquetFile(
            file,
            buffer_size=_BUFFER,
            pre_buffer=False,
            read_dictionary=sorted(words) or None,
            page_checksum_verification=True,
        )
        if is_encrypted(Path(file), table.metadata.serialized_size):
            raise _sealed(file)
        return table
    except pa.ArrowException as error:
        raise _damaged(file, error) from None
    except OSError as error:
        raise _damaged(file, error) if error.errno is None else unreadable(file, error) from None


def _sealed(file: str) -> InputError:
    return InputError(
        "the Parquet file is encrypted",
        code="encrypted",
        source=file,
        hint="Write it without encryption, where only you may read it",
    )


def _damaged(file: str, error: Exception) -> InputError:
    return InputError(
        f"the Parquet file is damaged: {str(error).splitlines()[0][:200].rstrip('.')}",
        code="damaged",
        source=file,
        hint="Write or fetch it again",
    )


def _must_fit(table: Any, file: str) -> None:
    import pyarrow as pa

    found = table.schema_arrow
    fields = [field for field in found if not field.name.startswith("x_")]
    Fitting.of(pa.schema(fields, metadata=found.metadata), source=file)


def _runs(table: Any, number: int, a_part: int) -> Iterator[_Part]:
    """Row groups that follow each other, together about `a_part` rows; a larger one stands alone."""
    first = row = rows = 0
    counts = [table.metadata.row_group(group).num_rows for group in range(table.metadata.num_row_groups)]
    for group, count in enumerate(counts):
        if rows and rows + count > a_part:
            yield _Part(number, first, group - 1, row + 1, rows)
            first, row, rows = group, row + rows, 0
        rows += count
    if rows:
        yield _Part(number, first, len(counts) - 1, row + 1, rows)


def _read(table: Any, file: str, groups: Sequence[int], a_batch: int) -> Iterator[pa.RecordBatch]:
    """The rows of some row groups, in the published schema."""
    import pyarrow as pa

    fitting: Fitting | None = None
    try:
        found = table.iter_batches(
            batch_size=a_batch, row_groups=list(groups), columns=used(table, groups), use_threads=False
        )
        for batch in found:
            fitting = fitting or Fitting.of(batch.schema, source=file)
            fitted = [fitting.apply(batch)]
            del batch
            yield fitted.pop()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _coded(file: str, groups: Sequence[int]) -> pa.RecordBatch | None:
    """All rows of some row groups as one batch whose words inside lists keep the file's dictionaries.

    None where the file does not hold them so: then they are read as plain text.
    """
    import pyarrow as pa

    try:
        with _opened(file) as plain:
            columns = used(plain, groups)
            words = _words(plain, groups).intersection(columns)
        if not words:
            return None
        with _opened(file, words) as table:
            parts = [table.read_row_group(one, columns=columns, use_threads=False) for one in groups]
        found = pa.concat_tables(parts).combine_chunks().to_batches()
        del parts
        return (
            Fitting.of(found[0].schema, source=file, coded=True).apply(found[0]) if len(found) == 1 else None
        )
    except (pa.ArrowException, OSError):
        return None  # whatever it is, reading plain text says it, with its place


def _words(table: Any, groups: Sequence[int]) -> frozenset[str]:
    """The words inside lists, ids and sources aside, that all of some row groups hold as dictionaries."""
    chosen = [table.metadata.row_group(group) for group in groups]
    found = []
    for leaf in range(table.metadata.num_columns):
        column = table.schema.column(leaf)
        inner = column.max_repetition_level > 0 and not column.path.endswith((".id", ".source"))
        if inner and column.physical_type == "BYTE_ARRAY" and _is_text(column):
            chunks = [group.column(leaf) for group in chosen]
            if all(one.has_dictionary_page or one.num_values == 0 for one in chunks):
                found.append(column.path)
    return frozenset(found)


def _is_text(column: Any) -> bool:
    return bool(column.logical_type.type == "STRING" or column.converted_type_name == "UTF8")


def _sourced(batch: pa.RecordBatch, file: str, first: int) -> pa.RecordBatch:
    """The batch with file and row as the source of each patient that names none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    place = batch.schema.get_field_index("source")
    named = batch.column(place)
    if not named.null_count:
        return batch
    rows = pa.array(np.arange(first, first + batch.num_rows)).cast(pa.string())
    here = pc.binary_join_element_wise(pa.scalar(file), rows, ":")
    return batch.set_column(place, batch.schema.field(place), pc.coalesce(named, here))
