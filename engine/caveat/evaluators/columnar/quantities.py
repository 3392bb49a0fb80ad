"""Columns of quantities: as numbers, as they were recorded, and as codes of the distinct ones."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.arrays import Words, combined, field, floats, words
from caveat.facts.values import Quantity

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Bools, Ints

Written = tuple[float, str | None, str | None, float | None]
"""Value, unit, comparator and upper end."""


class Quantities:
    """A column of quantities."""

    def __init__(self, column: Any) -> None:
        self.value, self.upper = floats(field(column, "value")), floats(field(column, "upper"))
        self.unit, self.comparator = words(field(column, "unit")), words(field(column, "comparator"))

    @cached_property
    def plain(self) -> Bools:
        """Where there is one number and no comparator."""
        import numpy as np

        found: Bools = (self.comparator.codes < 0) & np.isnan(self.upper) & ~np.isnan(self.value)
        return found

    @property
    def codes(self) -> tuple[Ints, int]:
        """One number for each distinct quantity, -1 for none; and how many there are, none included."""
        import numpy as np

        parts = [number_codes(self.value), (self.unit.codes, self.unit.width)]
        if not self.comparator.is_empty:
            parts.append((self.comparator.codes, self.comparator.width))
        if not np.isnan(self.upper).all():
            parts.append(number_codes(self.upper))
        found = combined(len(self.value), *parts)
        return np.where(np.isnan(self.value), -1, found.codes), found.count + 1

    def at(self, place: int) -> Quantity | None:
        """One of them as recorded."""
        value, upper = float(self.value[place]), float(self.upper[place])
        if value != value:
            return None
        unit = self.unit.values[int(self.unit.codes[place])].as_py() if self.unit.codes[place] >= 0 else ""
        comparator = None
        if self.comparator.codes[place] >= 0:
            comparator = self.comparator.values[int(self.comparator.codes[place])].as_py()
        return Quantity(_decimal(value), unit, comparator, None if upper != upper else _decimal(upper))

    def written(self, places: Any) -> list[Written | None]:
        """Some of them as plain words and numbers, which can be compared and looked up."""
        units, comparators = self.unit.texts(), self.comparator.texts()
        return [
            None
            if value != value
            else (value, units[unit], comparators[sign], None if upper != upper else upper)
            for value, unit, sign, upper in zip(
                self.value[places].tolist(),
                self.unit.codes[places].tolist(),
                self.comparator.codes[places].tolist(),
                self.upper[places].tolist(),
                strict=True,
            )
        ]


def _decimal(value: float) -> Decimal:
    return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))


def number_codes(values: Any) -> tuple[Ints, int]:
    """Numbers as codes, NaN as -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(pa.array(values, from_pandas=True))
    found = Words(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), encoded.dictionary)
    return found.codes, found.width
