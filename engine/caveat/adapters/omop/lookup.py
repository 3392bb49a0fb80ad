"""What the rows of a chunk point to: codes and texts of each combination, taken by its number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_KEPT: Final = 100_000
"""Rows of a table up to which it is kept whole; of a longer one each chunk fetches what it needs."""


class Lookup:
    """A table of the stage by its number."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
        self._con, self._table, self._key = con, table, key
        row = con.execute(f"SELECT count(*) FROM stage.{table}").fetchone()
        self._small = row is not None and row[0] <= _KEPT
        self._whole: pa.Table | None = None

    def of(self, numbers: pa.Array, names: tuple[str, ...]) -> dict[str, pa.Array]:
        """The columns with these names, one value a number; null where the number is null."""
        import numpy as np
        import pyarrow as pa

        wanted = numbers.fill_null(0).to_numpy(zero_copy_only=False)
        distinct, place = np.unique(wanted, return_inverse=True)
        rows = self._rows(distinct, numbers.null_count < len(numbers))
        keys = rows.column(self._key).to_numpy()
        at = np.searchsorted(keys, distinct)
        index = pa.array(at[place], mask=numbers.is_null().to_numpy(zero_copy_only=False))
        return {name: _array(rows.column(name).take(index)) for name in names}

    def _rows(self, distinct: object, any_wanted: bool) -> pa.Table:
        import pyarrow as pa

        if self._whole is not None:
            return self._whole
        sql = f"SELECT * FROM stage.{self._table}"
        if self._small:
            self._whole = self._con.execute(f"{sql} ORDER BY {self._key}").to_arrow_table().combine_chunks()
            return self._whole
        if not any_wanted:
            return self._con.execute(f"{sql} LIMIT 0").to_arrow_table()
        self._con.register("wanted", pa.table({self._key: pa.array(distinct)}))
        try:
            found = self._con.execute(f"{sql} SEMI JOIN wanted USING ({self._key}) ORDER BY {self._key}")
            return found.to_arrow_table().combine_chunks()
        finally:
            self._con.unregister("wanted")


def _array(chunked: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if not chunked.num_chunks:
        return pa.nulls(0, chunked.type)
    return chunked.chunk(0) if chunked.num_chunks == 1 else pa.concat_arrays(chunked.chunks)
