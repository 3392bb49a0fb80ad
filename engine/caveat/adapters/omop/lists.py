"""Rows sorted by patient as list columns: one slice of the rows a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ALWAYS: Final = ("notes", "problems")
"""Lists that are empty, not unknown, where there is nothing to list."""


def fields(rows: pa.Table) -> dict[str, pa.Array]:
    """The columns of a table by name, each in one piece."""
    return {name: _flat(rows.column(name)) for name in rows.column_names}


def column(
    patients: np.ndarray[Any, Any], given: dict[str, pa.Array], wanted: pa.DataType, name: str
) -> pa.Array:
    """The list column of patients with these numbers, from rows in the order of their number `n`.

    A patient without a row has null: a list without a row is unknown, not empty.
    """
    import numpy as np
    import pyarrow as pa

    size = len(given["n"])
    if not size:
        nothing: list[Any] | None = [] if name in _ALWAYS else None
        return pa.array([nothing] * len(patients), wanted)
    of = given["n"].to_numpy()
    offsets = np.append(np.searchsorted(of, patients, side="left"), size).astype(np.int32)
    element = wanted.value_type
    children = [
        given[field.name].cast(field.type) if field.name in given else pa.nulls(size, field.type)
        for field in element
    ]
    items = pa.StructArray.from_arrays(children, fields=list(element))
    empty = None if name in _ALWAYS else pa.array(offsets[1:] == offsets[:-1])
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=wanted, mask=empty)


def quantities(values: pa.Array, units: pa.Array, comparators: pa.Array | None = None) -> pa.Array:
    """Numbers with their units; null where there is no number."""
    import pyarrow as pa

    from caveat.columns.schema import quantity

    size = len(values)
    signs = comparators if comparators is not None else pa.nulls(size, pa.string())
    children = [values.cast(pa.float64()), units.cast(pa.string()), signs.cast(pa.string())]
    return pa.StructArray.from_arrays(
        [*children, pa.nulls(size, pa.float64())], fields=list(quantity()), mask=values.is_null()
    )


def answers(codes: pa.Array, names: pa.Array, words: pa.Array) -> pa.Array:
    """Answers with a code, words or both; null where there is neither."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from caveat.columns.schema import coded

    kinds = {field.name: field.type for field in coded()}
    texts = pc.coalesce(names.cast(pa.string()), words.cast(pa.string()))
    return pa.StructArray.from_arrays(
        [codes.cast(kinds["codes"]), texts],
        fields=list(coded()),
        mask=pc.and_(codes.is_null(), texts.is_null()),
    )


def _flat(chunked: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if not chunked.num_chunks:
        return pa.nulls(0, chunked.type)
    return chunked.chunk(0) if chunked.num_chunks == 1 else pa.concat_arrays(chunked.chunks)


def identities(patients: pa.Array, ids: pa.Array) -> pa.Array:
    """Order ids as text, each once a patient: a repeated one and one that is missing get their place."""
    import numpy as np
    import pyarrow as pa

    of, values = patients.to_numpy(), ids.fill_null(-1).to_numpy()
    again = np.append(False, (of[1:] == of[:-1]) & (values[1:] == values[:-1]))[: len(of)]
    odd = np.flatnonzero(again | ids.is_null().to_numpy(zero_copy_only=False))
    if not len(odd):
        return ids.cast(pa.string())
    found = ids.cast(pa.string()).to_pylist()
    starts = np.searchsorted(of, of, side="left")
    for row in odd:
        found[row] = f"{found[row] or 'row'}#{row - starts[row] + 1}"
    return pa.array(found, pa.string())


def completeness(allergies: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Lists are open; of allergies it is never known how complete they are, since few databases hold any."""
    import pyarrow as pa

    size = len(allergies)
    fixed = {"allergies": "unknown"}
    children = [pa.array([fixed.get(field.name, "open")] * size, field.type) for field in wanted]
    return pa.StructArray.from_arrays(children, fields=list(wanted))


def batch(columns: dict[str, Any], size: int, wanted: pa.Schema) -> pa.RecordBatch:
    """The columns as a batch of the schema; those not given are null."""
    import pyarrow as pa

    arrays = []
    for field in wanted:
        given = columns.get(field.name)
        if given is None:
            arrays.append(pa.nulls(size, field.type))
        else:
            arrays.append((_flat(given) if isinstance(given, pa.ChunkedArray) else given).cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)
