"""What a server says of its tables, as one hash: rows, least and greatest key of each."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from caveat.adapters.omop import place as at
from caveat.adapters.omop import source, stage, typed
from caveat.adapters.omop.layout import CLINICAL

if TYPE_CHECKING:
    from caveat.adapters.cohort.base import Input


def server(place: at.Place) -> Input:
    """The input of a server: `size` is the rows of its clinical tables.

    A value that was changed in place is not seen; rows that came or went are.
    """
    import duckdb

    from caveat.adapters.cohort.base import Input

    digest, total = hashlib.sha256(), 0
    with TemporaryDirectory(prefix="caveat-omop-") as folder:
        con = stage.connect(Path(folder))
        try:
            tables = source.tables(con, place, Path(folder))
            for name in CLINICAL:
                if name not in tables:
                    continue
                table = tables[name]
                key = typed.value(table, table.layout.key)
                row = con.execute(
                    f"SELECT count(*), min({key}), max({key}) FROM {table.relation}"
                ).fetchone() or (0, None, None)
                digest.update(f"{name} {row[0]} {row[1]} {row[2]} {sorted(table.types)}\n".encode())
                total += row[0]
        except duckdb.Error as error:
            raise stage.unreadable(place, error) from None
        finally:
            con.close()
    return Input(place.label, total, digest.hexdigest())
