"""Patients of valid rows, quickly: what `to_patient` gives, without validating again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from caveat.columns.build import DATES
from caveat.columns.records import exact
from caveat.dates import parse_when
from caveat.facts.patient import Measurement, Patient
from caveat.facts.strict import LISTED
from caveat.facts.values import Quantity
from caveat.terminology.codes import Code

if TYPE_CHECKING:
    import pyarrow as pa

Make = Callable[[int], Any]
"""The value of one position."""

_LAZY: Final = LISTED.keys() - {"indication", "reactions", "answer"}
_CODE: Final = ["system", "code", "display"]
_QUANTITY: Final = ["value", "unit", "comparator", "upper"]
"""The fields of `schema.code` and `schema.quantity`."""
_SET = object.__setattr__
_BLOCK: Final = 32


class Rows:
    """The patients of a batch whose rows are known to be valid (`check.checked`), by row number.

    A patient equals the one `to_patient` gives. For a row that is not valid the result means
    nothing: check first. Rows are decoded in blocks, so reading them in order is quickest.
    """

    def __init__(self, batch: pa.RecordBatch, *, block: int = _BLOCK) -> None:
        self._batch, self._block = batch, block
        # Columns without a single value cost nothing per row.
        self._used = [i for i, column in enumerate(batch.columns) if column.null_count < len(column)]
        self._decoded: tuple[int, Make] = (-1, _nothing)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def patient(self, row: int) -> Patient:
        """The patient of a row. Raises IndexError for a row that is not there."""
        if not 0 <= row < self._batch.num_rows:
            raise IndexError(f"row {row} of a batch of {self._batch.num_rows}")
        number, within = divmod(row, self._block)
        decoded, make = self._decoded
        if decoded != number:
            make = self._decode(self._batch.slice(number * self._block, self._block))
            self._decoded = (number, make)
        return make(within)  # type: ignore[no-any-return]

    def patients(self, rows: Iterable[int]) -> list[Patient]:
        """The patients of some rows, in the order asked for; cheaper than one by one where they lie apart."""
        import pyarrow as pa

        picked = Rows(self._batch.take(pa.array(rows, pa.int64())))
        return [picked.patient(row) for row in range(len(picked))]

    def _decode(self, batch: pa.RecordBatch) -> Make:
        names = batch.schema.names
        return _records(Patient, [(names[i], batch.column(i)) for i in self._used])


def _nothing(position: int) -> Any:
    raise IndexError(position)


@lru_cache(maxsize=32)
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return {n: None if f.is_required() else f.get_default() for n, f in model.model_fields.items()}


def _records(model: type[BaseModel], columns: list[tuple[str, pa.Array]]) -> Make:
    """Records of a model from its columns, each without a check."""
    defaults = _defaults(model)
    listed: list[tuple[str, list[Any]]] = []
    made: list[tuple[str, Make]] = []
    for name, array in columns:
        if array.null_count == len(array):
            continue
        if name in _LAZY and array.type.num_fields:
            made.append((name, _maker(name, array, defaults[name])))
        else:
            listed.append((name, _values(name, array, defaults[name])))
    names = [name for name, _ in listed]
    rows = list(zip(*[values for _, values in listed], strict=True))
    stated = set(defaults)  # shared: records are frozen, and a copy of one copies it

    def make(position: int) -> Any:
        values = defaults.copy()
        if rows:
            values.update(zip(names, rows[position], strict=True))
        for name, one in made:
            values[name] = one(position)
        record = model.__new__(model)
        _SET(record, "__dict__", values)
        _SET(record, "__pydantic_fields_set__", stated)
        _SET(record, "__pydantic_extra__", None)
        _SET(record, "__pydantic_private__", None)
        return record

    return make


def _maker(name: str, array: pa.Array, default: Any) -> Make:
    """Records, or tuples of records, that are built only for the rows asked for."""
    import pyarrow as pa

    model = LISTED[name]
    valid = array.is_valid().to_pylist()
    if pa.types.is_struct(array.type):
        one = _struct(model, array)
        return lambda position: one(position) if valid[position] else default
    ends = _ends(array)
    of_items = _struct(model, array.flatten())

    def make(position: int) -> Any:
        if not valid[position]:
            return default
        return tuple([of_items(item) for item in range(ends[position], ends[position + 1])])

    return make


def _struct(model: type[BaseModel], array: pa.Array) -> Make:
    return _records(model, [(f.name, c) for f, c in zip(array.type, array.flatten(), strict=True)])


def _ends(array: pa.Array) -> list[int]:
    """Where the items of each list begin among the flattened items, and where the last one ends."""
    from itertools import accumulate

    import pyarrow.compute as pc

    lengths = pc.list_value_length(array).fill_null(0).to_pylist()
    return [0, *accumulate(lengths)]


def _values(name: str, array: pa.Array, default: Any) -> list[Any]:
    """The values of a field, each in its final form; `default` where there is none."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_list(kind):
        items = _values("", array.flatten(), None) if name not in LISTED else _each(name, array.flatten())
        ends, valid = _ends(array), array.is_valid().to_pylist()
        spans = zip(valid, ends[:-1], ends[1:], strict=True)
        return [tuple(items[begin:end]) if there else default for there, begin, end in spans]
    if not pa.types.is_struct(kind):
        plain = array.to_pylist()
        if name in DATES:
            return [None if text is None else parse_when(text) for text in plain]
        return plain if default is None else [default if value is None else value for value in plain]
    parts = [child.to_pylist() for child in array.flatten()]
    names = [field.name for field in kind]  # its words may be dictionary-encoded
    if names == _CODE:
        return [_code(*one) for one in zip(*parts, strict=True)]
    valid = array.is_valid().to_pylist()
    if names == _QUANTITY:
        return [_quantity(*one) if there else None for there, *one in zip(valid, *parts, strict=True)]
    if name in LISTED:
        each = _each(name, array)
        return [one if there else None for there, one in zip(valid, each, strict=True)]
    one_of = _struct(Measurement, array)
    return [one_of(position) if there else None for position, there in enumerate(valid)]


def _each(name: str, array: pa.Array) -> list[Any]:
    make = _struct(LISTED[name], array)
    return [make(position) for position in range(len(array))]


@lru_cache(maxsize=16384)
def _quantity(value: float, unit: str, comparator: str | None, upper: float | None) -> Quantity:
    return Quantity(exact(value), unit, comparator, None if upper is None else exact(upper))


@lru_cache(maxsize=16384)
def _code(system: str, code: str, display: str | None) -> Code:
    return Code(system, code, display or "")
