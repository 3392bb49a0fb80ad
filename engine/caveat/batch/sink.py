"""A Parquet file of a part, written in row groups of a fixed size whatever the batches were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP: Final = 1 << 17
MOST_BYTES: Final = 96 << 20
"""Rows, or bytes in memory, that are gathered before they are written."""

COMPRESSION: Final = "zstd"


class Sink:
    """Takes batches of one schema; the file is complete after `close`."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self.schema = schema
        self.rows = 0
        self._waiting: list[pa.RecordBatch] = []
        self._count = self._bytes = 0
        self._writer: Any = pq.ParquetWriter(path, schema, compression=COMPRESSION, compression_level=1)

    def write(self, columns: pa.RecordBatch) -> None:
        """Add rows."""
        if not columns.num_rows:
            return
        self._waiting.append(columns)
        self._count += columns.num_rows
        self._bytes += columns.nbytes
        self.rows += columns.num_rows
        if self._count >= ROW_GROUP or self._bytes >= MOST_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = _settled(pa.Table.from_batches(self._waiting, self.schema))
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self._waiting, self._count, self._bytes = [], 0, 0

    def close(self) -> None:
        """Write what is waiting and finish the file."""
        try:
            self._flush()
        finally:
            self._writer.close()


def _settled(table: pa.Table) -> pa.Table:
    """The table with one dictionary a column, of the words that occur, sorted.

    So that the bytes do not depend on how the rows came in batches; and the writer gives up on
    dictionaries that change, and writes words that do not occur.
    """
    import pyarrow as pa

    table = table.unify_dictionaries()
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field, _sorted(table.column(index).combine_chunks()))
    return table


def _sorted(column: Any) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    valid = column.indices.is_valid().to_numpy(zero_copy_only=False)
    codes = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
    words = column.dictionary
    if not len(words):
        return column
    used = np.flatnonzero(np.bincount(codes[valid], minlength=len(words)))
    occurring = words.take(pa.array(used))
    order = pc.array_sort_indices(occurring)
    place = np.zeros(len(words), dtype=np.int32)
    place[used[order.to_numpy()]] = np.arange(len(used), dtype=np.int32)
    numbers = pa.array(place[codes], mask=~valid)
    return pa.DictionaryArray.from_arrays(numbers, occurring.take(order))
