"""Which rows a strict reader might refuse or change, found column by column.

A row that is not marked reads as it stands: `Patient.model_validate` takes it and no value is set
aside. A mark means only that the row must be read strictly, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from caveat.columns.build import DATES
from caveat.columns.days import NO_DATE, UNREADABLE, days_of
from caveat.facts import clinical
from caveat.facts.values import COMPARATORS
from caveat.terminology.codes import normalise_system

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_CLINICAL: Final = get_args(clinical.ClinicalStatus)
_VERIFIED: Final = get_args(clinical.Verification)
_COMPLETE: Final = get_args(clinical.Completeness)


def _allowed(model: Any, name: str) -> tuple[str, ...]:
    """The words of a field that takes words of a list or none."""
    return tuple(
        word
        for one in get_args(model.model_fields[name].annotation)
        for word in get_args(one)
        if isinstance(word, str)
    )


def suspicious(batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """True for each row of a batch in the published schema that must be read strictly.

    False says that the row is a valid record whose patient has exactly these values.
    """
    import numpy as np

    marks = Marks(np.zeros(batch.num_rows, np.bool_), np.arange(batch.num_rows))
    _texts(batch, marks)
    column = dict(zip(batch.schema.names, batch.columns, strict=True))
    _patient(column, marks)
    for name, judge in (
        ("orders", _orders),
        ("conditions", _conditions),
        ("allergies", _allergies),
        ("observations", _observations),
        ("notes", _notes),
        ("problems", _problems),
    ):
        _items(column[name], marks, judge)
    return marks.rows


@dataclass(frozen=True, slots=True)
class Marks:
    """The rows marked so far, and the row that each position of the arrays at hand belongs to."""

    rows: np.ndarray[Any, np.dtype[np.bool_]]
    owner: np.ndarray[Any, np.dtype[np.int64]]

    def mark(self, bad: Any) -> None:
        """Mark the rows of the positions where `bad` holds; numpy or Arrow, null counts as bad."""
        import numpy as np

        flags = bad if isinstance(bad, np.ndarray) else bad.fill_null(True).to_numpy(zero_copy_only=False)
        if flags.any():
            self.rows[self.owner[flags]] = True

    def nulls(self, array: Any) -> None:
        """Mark the rows where there is no value."""
        if array.null_count:
            self.mark(array.is_null())

    def words(self, array: Any, allowed: tuple[str, ...]) -> None:
        """Mark what is neither null nor one of the words."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if array.null_count == len(array):
            return
        if pa.types.is_dictionary(array.type):
            other = pc.invert(pc.is_in(array.dictionary, value_set=pa.array(allowed, pa.string())))
            self._coded(array, other.to_numpy(zero_copy_only=False))
        else:
            self.mark(pc.invert(pc.is_in(array, value_set=pa.array([*allowed, None], pa.string()))))

    def distinct(self, array: Any, fine: Callable[[str], bool]) -> None:
        """Mark what is not null and not fine, asking once for each distinct text."""
        import numpy as np

        if array.null_count == len(array):
            return
        coded = array.dictionary_encode()
        self._coded(coded, np.array([not fine(text) for text in coded.dictionary.to_pylist()], np.bool_))

    def _coded(self, coded: Any, bad: Any) -> None:
        """Mark what stands for a word of the dictionary that is bad."""
        if bad.any():
            codes = coded.indices.fill_null(0).to_numpy()
            self.mark(bad[codes] & coded.is_valid().to_numpy(zero_copy_only=False))

    def below(self, array: Any) -> tuple[Any, Marks]:
        """The items of a list column without null items, and marks that know whose they are."""
        import numpy as np
        import pyarrow.compute as pc

        lengths = pc.list_value_length(array).fill_null(0).to_numpy()
        inner = Marks(self.rows, np.repeat(self.owner, lengths))
        items = array.flatten()
        inner.nulls(items)
        return items, inner


def _items(array: Any, marks: Marks, judge: Callable[[dict[str, Any], Marks], None]) -> None:
    if array.null_count == len(array):
        return
    items, inner = marks.below(array)
    if len(items):
        judge(_fields(items), inner)


def _fields(array: Any) -> dict[str, Any]:
    return dict(zip([field.name for field in array.type], array.flatten(), strict=True))


def _texts(batch: pa.RecordBatch, marks: Marks) -> None:
    """Bytes that are no UTF-8 where text should be; such rows are marked and the text never decoded."""
    import pyarrow as pa

    try:
        for array in batch.columns:
            for text in _with_other_letters(array):
                text.validate(full=True)
    except pa.ArrowInvalid:
        for row in range(batch.num_rows):
            try:
                batch.slice(row, 1).to_pylist()
            except UnicodeDecodeError:
                marks.rows[row] = True


def _with_other_letters(array: pa.Array) -> Iterator[pa.Array]:
    """The text columns at any depth that hold more than ASCII."""
    import numpy as np
    import pyarrow as pa

    if array.null_count == len(array):
        return
    if pa.types.is_list(array.type):
        yield from _with_other_letters(array.values)
    elif pa.types.is_struct(array.type):
        for place in range(array.type.num_fields):
            yield from _with_other_letters(array.field(place))
    elif pa.types.is_dictionary(array.type):
        yield from _with_other_letters(array.dictionary)
    elif pa.types.is_string(array.type):
        letters = array.buffers()[2]
        if letters is not None and letters.size and np.frombuffer(letters, np.uint8).max() > 127:
            yield array


def _patient(column: dict[str, Any], marks: Marks) -> None:
    import pyarrow.compute as pc

    marks.nulls(column["id"])
    marks.words(column["sex"], ("male", "female"))
    marks.words(column["child_pugh"], ("A", "B", "C"))
    both = pc.and_(column["age"].is_valid(), column["birth_date"].is_valid())
    marks.mark(both)
    marks.mark(pc.and_(pc.equal(column["sex"], "male"), column["pregnant"]).fill_null(False))
    _dates(column, marks)
    _quantity(column["age"], marks, lambda value, upper: value < 0)
    _quantity(column["gestation"], marks)
    for name in ("weight", "height", "serum_creatinine", "egfr"):
        _measurement(column[name], marks, lambda value, upper: ~(value > 0))
    _measurement(column["creatinine_clearance"], marks, lambda value, upper: value < 0)
    context = _fields(column["context"])
    marks.words(context["care_setting"], _allowed(clinical.Context, "care_setting"))
    _dates(context, marks)
    for kept in _fields(column["complete"]).values():
        marks.words(kept, _COMPLETE)


def _orders(found: dict[str, Any], marks: Marks) -> None:
    marks.nulls(found["id"])
    _twice(found["id"], marks)
    for name in ("status", "purpose", "origin"):
        marks.words(found[name], _allowed(clinical.Order, name))
    for name in ("strength", "dose", "frequency", "max_per_day", "rate", "daily_dose"):
        _quantity(found[name], marks, lambda value, upper: (value <= 0) & ~(upper > 0))
    _start_and_stop(found["start"], found["stop"], marks)
    _codes(found["codes"], marks)
    if found["ingredients"].null_count < len(found["ingredients"]):
        marks.below(found["ingredients"])
    _items(found["indication"], marks, _coded)
    _named(marks, (found["text"], found["codes"], found["ingredients"]))


def _conditions(found: dict[str, Any], marks: Marks) -> None:
    marks.words(found["clinical_status"], _CLINICAL)
    marks.words(found["verification"], _VERIFIED)
    _dates(found, marks)
    _codes(found["codes"], marks)
    _named(marks, (found["text"], found["codes"]))


def _allergies(found: dict[str, Any], marks: Marks) -> None:
    for name in ("type", "severity", "criticality", "clinical_status"):
        marks.words(found[name], _allowed(clinical.Allergy, name))
    marks.words(found["verification"], _VERIFIED)
    _dates(found, marks)
    _codes(found["codes"], marks)
    _items(found["reactions"], marks, _coded)
    _named(marks, (found["text"], found["codes"]))


def _observations(found: dict[str, Any], marks: Marks) -> None:
    _quantity(found["value"], marks)
    _dates(found, marks)
    _codes(found["codes"], marks)
    answer = found["answer"]
    if answer.null_count < len(answer):
        _coded(_fields(answer), marks)
    _named(marks, (found["concept"], found["text"], found["codes"]))


def _notes(found: dict[str, Any], marks: Marks) -> None:
    import pyarrow.compute as pc

    marks.nulls(found["code"])
    marks.nulls(found["message"])
    marks.mark(pc.less(found["count"], 1).fill_null(False))


def _problems(found: dict[str, Any], marks: Marks) -> None:
    marks.nulls(found["code"])
    marks.nulls(found["message"])


def _coded(found: dict[str, Any], marks: Marks) -> None:
    _codes(found["codes"], marks)


def _codes(array: Any, marks: Marks) -> None:
    if array.null_count == len(array):
        return
    items, inner = marks.below(array)
    found = _fields(items)
    inner.nulls(found["system"])
    inner.nulls(found["code"])
    inner.distinct(found["system"], lambda text: normalise_system(text) == text)
    inner.distinct(found["code"], lambda text: bool(text) and text.strip() == text)


def _named(marks: Marks, sources: tuple[Any, ...]) -> None:
    """Something must say what the entry is: text, codes or ingredients that are not empty."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    nameless = np.ones(len(sources[0]), np.bool_)
    for array in sources:
        if array.null_count == len(array):
            continue
        if pa.types.is_dictionary(array.type):
            lengths = pc.binary_length(array.dictionary).take(array.indices)
        elif pa.types.is_list(array.type):
            lengths = pc.list_value_length(array)
        else:
            lengths = pc.binary_length(array)
        nameless &= lengths.fill_null(0).to_numpy() == 0
        if not nameless.any():
            return
    marks.mark(nameless)


def _measurement(array: Any, marks: Marks, wrong: Callable[[Any, Any], Any]) -> None:
    if array.null_count == len(array):
        return
    import pyarrow.compute as pc

    found = _fields(array)
    marks.mark(pc.and_(array.is_valid(), found["value"].is_null()))
    _quantity(found["value"], marks, wrong)
    _dates(found, marks)


def _quantity(array: Any, marks: Marks, wrong: Callable[[Any, Any], Any] | None = None) -> None:
    """Marks a number or a unit that is missing, a number out of reach, and one that is `wrong`."""

    if array.null_count == len(array):
        return
    found = _fields(array)
    there = array.is_valid().to_numpy(zero_copy_only=False)
    marks.words(found["comparator"], COMPARATORS)
    value, upper = (found[name].to_numpy(zero_copy_only=False) for name in ("value", "upper"))
    bad = there & ~_measurable(value)
    if found["unit"].null_count:
        bad |= there & found["unit"].is_null().to_numpy(zero_copy_only=False)
    if found["upper"].null_count < len(array):
        given = found["upper"].is_valid().to_numpy(zero_copy_only=False)
        bad |= given & ~_measurable(upper)
    if wrong is not None:
        bad |= there & wrong(value, upper)
    marks.mark(bad)


def _measurable(value: Any) -> Any:
    """Finite numbers with an exponent from -30 to 30, as `caveat.facts.values.decimal` takes them."""
    import numpy as np

    size = np.abs(value)
    return (size < 1e31) & ((size >= 1e-30) | (size == 0))


def _dates(found: dict[str, Any], marks: Marks) -> None:
    for name, array in found.items():
        if name in DATES and array.null_count < len(array):
            _days(array, marks)


def _days(array: Any, marks: Marks) -> tuple[Any, Any]:
    """The first and the last day of each date; what is unreadable is marked, and no date is `NO_DATE`."""
    import numpy as np

    coded = array.dictionary_encode()
    places = coded.indices.fill_null(len(coded.dictionary)).to_numpy()
    first, last = (np.append(days, NO_DATE)[places] for days in days_of(coded.dictionary))
    marks.mark(first == UNREADABLE)
    return first, last


def _start_and_stop(start: Any, stop: Any, marks: Marks) -> None:
    if stop.null_count == len(stop) or start.null_count == len(start):
        _dates({"start": start, "stop": stop}, marks)
        return
    (first, _), (_, last) = _days(start, marks), _days(stop, marks)
    marks.mark((last >= 0) & (first >= 0) & (last < first))


def _twice(ids: Any, marks: Marks) -> None:
    """Marks a row with two orders of one id."""
    import numpy as np

    coded = ids.dictionary_encode()
    names = len(coded.dictionary)
    if names == len(ids):
        return
    keys = marks.owner * (names + 1) + coded.indices.fill_null(names).to_numpy()
    keys.sort()
    repeated = keys[1:][keys[1:] == keys[:-1]]
    if len(repeated):
        marks.rows[np.unique(repeated // (names + 1))] = True
