"""Columns as analysts have them, brought to the published schema, or every reason why they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from caveat.columns import schema
from caveat.columns.casts import CannotCast, leaf
from caveat.columns.misfits import Misfit, closest, several, wanted_name
from caveat.errors import InputError
from caveat.terminology.codes import normalise_system

if TYPE_CHECKING:
    import pyarrow as pa

Cast = Callable[[Any], Any]
"""From an array as found to one of the wanted type."""
_T = TypeVar("_T")


def conform(data: _T, *, source: str = "") -> _T:
    """The same rows in the published schema: a RecordBatch for a RecordBatch, a Table for a Table.

    Columns and fields may come in any order; one that is missing is unknown, a list too. Dates and
    timestamps become ISO text, whole numbers and decimals float64, large, view and dictionary types
    the plain ones; short names stand for code systems; a value or an answer of which nothing is
    given is null, and so is a sex that is neither male nor female; orders in a table without order
    ids are numbered. Columns that begin with `x_` are left out. Raises InputError with every column
    that is unknown or of a wrong type at once.
    """
    import pyarrow as pa

    found: Any = data
    if not isinstance(found, (pa.Table, pa.RecordBatch)):
        raise TypeError(f"conform takes a pyarrow Table or RecordBatch, not {type(data).__name__}")
    fitting = Fitting.of(found.schema, source=source)
    if isinstance(found, pa.RecordBatch):
        return fitting.apply(found)  # type: ignore[no-any-return]
    batches = [fitting.apply(batch) for batch in found.to_batches()]
    return pa.Table.from_batches(batches, schema=schema.patients())  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the columns of one schema are brought to the published one; made once, applied to each batch."""

    columns: tuple[tuple[int | None, Cast], ...]
    source: str = ""

    @staticmethod
    def of(found: pa.Schema, *, source: str = "", coded: bool = False) -> Fitting:
        """The fitting of a schema. Raises InputError with everything that does not fit.

        `coded` leaves words inside lists dictionary-encoded where they are: the published schema but for
        that, which spares the evaluator finding out which words are the same.
        """
        wanted = schema.patients()
        written = (found.metadata or {}).get(b"caveat.patients", schema.VERSION.encode())
        if written.decode("utf-8", "replace") != schema.VERSION:
            raise InputError(
                f"written in version {written.decode('utf-8', 'replace')} of the schema; "
                f"this release reads version {schema.VERSION}",
                code="schema-version",
                source=source,
                hint="Write it again with this release, or read it with the release that wrote it",
            )
        misfits: list[Misfit] = []
        places = _matched(list(found), list(wanted), "$", misfits)
        if "id" in places and places["id"] is None and not any(m.path.endswith(".id") for m in misfits):
            misfits.insert(0, Misfit("$.id", "there is no id column", "Give each patient an id"))
        columns = []
        for field in wanted:
            place = places[field.name]
            kind = found.field(place).type if place is not None else None
            columns.append((place, _cast(kind, field.type, f"$.{field.name}", misfits, coded)))
        if misfits:
            raise several(misfits, source)
        return Fitting(tuple(columns), source)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch in the published schema. Raises InputError for values that no cast can carry."""
        import pyarrow as pa

        wanted = schema.patients()
        arrays: list[Any] = []
        for (place, cast), field in zip(self.columns, wanted, strict=True):
            try:
                if place is None:
                    arrays.append(pa.nulls(batch.num_rows, field.type))
                else:
                    made = cast(batch.column(place))
                    arrays.append(_known_sex(made) if field.name == "sex" else made)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
                raise InputError(
                    f"the column cannot be brought to the schema: {str(error).splitlines()[0][:200]}",
                    code="column",
                    source=self.source,
                    path=f"$.{field.name}",
                ) from None
        fields = [field.with_type(array.type) for field, array in zip(wanted, arrays, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata=wanted.metadata))


def _matched(found: list[Any], wanted: list[Any], path: str, misfits: list[Misfit]) -> dict[str, int | None]:
    """Where each wanted field stands; what is unknown or stands twice goes to `misfits`."""
    places: dict[str, int | None] = {field.name: None for field in wanted}
    for place, field in enumerate(found):
        name = field.name
        if name.startswith("x_"):
            continue
        if name not in places:
            misfits.append(
                Misfit(f"{path}.{name}", "not a column of the schema", closest(name, list(places)))
            )
        elif places[name] is not None:
            misfits.append(Misfit(f"{path}.{name}", "stands twice", "Keep one of the two"))
        else:
            places[name] = place
    return places


def _cast(found: Any, wanted: Any, path: str, misfits: list[Misfit], coded: bool = False) -> Cast:
    """How an array of one type becomes another; a type that cannot goes to `misfits`."""
    import pyarrow as pa

    if found is None:
        return lambda array: pa.nulls(len(array), wanted)
    if isinstance(found, pa.BaseExtensionType):
        storage = _cast(found.storage_type, wanted, path, misfits)
        return lambda array: storage(array.storage)
    if pa.types.is_run_end_encoded(found):
        decoded = _cast(found.value_type, wanted, path, misfits)
        return lambda array: decoded(pa.compute.run_end_decode(array))
    if pa.types.is_dictionary(found):
        if coded and path.count("[]") and found == pa.dictionary(pa.int32(), wanted):
            return lambda array: array
        plain = _cast(found.value_type, wanted, path, misfits)
        return lambda array: plain(array.dictionary_decode())
    if pa.types.is_null(found):
        return lambda array: pa.nulls(len(array), wanted)
    if pa.types.is_list(wanted) and _is_list(found):
        return _lists(found, wanted, path, misfits, coded)
    if pa.types.is_struct(wanted) and pa.types.is_struct(found):
        return _structs(found, wanted, path, misfits, coded)
    try:
        return leaf(found, wanted, path.rpartition(".")[2])
    except CannotCast as problem:
        misfits.append(Misfit(path, f"{found} where {wanted_name(wanted, path)} is wanted", str(problem)))
        return lambda array: array


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    t = pa.types
    return bool(
        t.is_list(kind)
        or t.is_large_list(kind)
        or t.is_fixed_size_list(kind)
        or t.is_list_view(kind)
        or t.is_large_list_view(kind)
    )


def _lists(found: Any, wanted: Any, path: str, misfits: list[Misfit], coded: bool) -> Cast:
    import pyarrow as pa
    import pyarrow.compute as pc

    items = _cast(found.value_type, wanted.value_type, f"{path}[]", misfits, coded)
    inner = found.value_type
    unnumbered = path == "$.orders" and pa.types.is_struct(inner) and inner.get_field_index("id") < 0

    def cast(array: Any) -> Any:
        lengths = pc.fill_null(pc.cast(pc.list_value_length(array), pa.int64()), 0)
        ends = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths).cast(pa.int64())])
        flat = items(array.flatten())
        if unnumbered:
            flat = _numbered(flat, lengths)
        mask = array.is_null() if array.null_count else None
        kind = pa.list_(wanted.value_field.with_type(flat.type))
        return pa.ListArray.from_arrays(ends.cast(pa.int32()), flat, type=kind, mask=mask)

    return cast


def _numbered(orders: Any, lengths: Any) -> Any:
    """Orders of a table without order ids, named by their place as in CSV: order-1, order-2."""
    import numpy as np
    import pyarrow as pa

    counts = lengths.to_numpy()
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    places = pa.array(np.arange(len(orders)) - starts + 1).cast(pa.string())
    names = pa.compute.binary_join_element_wise(pa.scalar("order"), places, "-")
    others = orders.flatten()[1:]
    mask = orders.is_null() if orders.null_count else None
    return pa.StructArray.from_arrays([names, *others], fields=list(orders.type), mask=mask)


def _structs(found: Any, wanted: Any, path: str, misfits: list[Misfit], coded: bool) -> Cast:
    import pyarrow as pa

    before = len(misfits)
    places = _matched(list(found), list(wanted), path, misfits)
    casts = []
    for field in wanted:
        place = places[field.name]
        kind = found.field(place).type if place is not None else None
        casts.append((place, _cast(kind, field.type, f"{path}.{field.name}", misfits, coded), field.type))
    needed = ("value", "unit") if wanted == schema.quantity() else ()
    for name in needed:
        if places[name] is None and len(misfits) == before:
            hint = "A quantity needs a value and its unit ('1' for a plain number)"
            misfits.append(Misfit(f"{path}.{name}", "is missing", hint))
    empty_is_null = not path.endswith("[]") and not path.endswith((".context", ".complete"))

    def cast(array: Any) -> Any:
        children = array.flatten()
        arrays = [
            pa.nulls(len(array), kind) if place is None else one(children[place])
            for place, one, kind in casts
        ]
        if wanted == schema.code():
            arrays[0] = _short_systems(arrays[0])
        absent = _absent(array, arrays, wanted, empty_is_null)
        fields = [field.with_type(made.type) for field, made in zip(wanted, arrays, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=fields, mask=absent)

    return cast


def _absent(array: Any, children: list[Any], wanted: Any, empty_is_null: bool) -> Any:
    """Which structs are null: those that are, and values and answers that say nothing.

    SQL and data frames write a struct whose fields are all null where a value is unknown. A
    quantity without number, comparator and upper end states nothing, whatever its unit; nor does
    a measurement without a quantity, whatever its date.
    """
    import pyarrow.compute as pc

    absent = array.is_null() if array.null_count else None
    if not empty_is_null:
        return absent
    telling = children
    if wanted == schema.quantity():
        telling = [children[0], *children[2:]]
    elif wanted == schema.measurement():
        telling = children[:1]
    if any(child.null_count == 0 for child in telling):
        return absent
    empty = telling[0].is_null()
    for child in telling[1:]:
        if child.null_count != len(child):
            empty = pc.and_(empty, child.is_null())
    return empty


def _known_sex(sexes: Any) -> Any:
    """Null for what the native record reads as unknown: other, unknown and empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if sexes.null_count == len(sexes):
        return sexes
    unknown = pc.is_in(sexes, value_set=pa.array(["other", "unknown", ""]))
    return pc.if_else(unknown, pa.scalar(None, pa.string()), sexes)


def _short_systems(systems: Any) -> Any:
    """The systems of codes under their short names."""
    import pyarrow as pa

    if systems.null_count == len(systems):
        return systems
    encoded = systems.dictionary_encode()
    named = encoded.dictionary.to_pylist()
    short = [normalise_system(name) for name in named]
    if short == named:
        return systems
    plain = pa.array(short, pa.string()).take(encoded.indices)
    return plain.dictionary_encode() if pa.types.is_dictionary(systems.type) else plain
