"""Dose tables: the most that may be ordered, by numbers of the patient, without gap or overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, product
from typing import TYPE_CHECKING

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.compile.program import Limit
from caveat.compile.ranges import RangeError, read_bound
from caveat.facts.catalog import AMOUNTS_OF_ORDER, ORDER_NUMBERS
from caveat.intervals import ANYTHING, Interval, exactly, inside
from caveat.rules.diagnostics import Path
from caveat.rules.expression import NumberTest, Range, Table, TableRow
from caveat.truth import TRUE
from caveat.units import format_quantity, parse_unit

if TYPE_CHECKING:
    from caveat.compile.expressions import Reader

NOTHING = nodes.Always(negated=True)


def table(reader: Reader, written: Table, path: Path, negated: bool) -> Node:
    """The tree of a table: some row applies and the order is above what it allows.

    Rows that overlap, or leave a value to none, are errors. Where the limits only fall along the
    one axis, each row is asked with its farther end alone (below 60 mL/min at most 15 mg, below
    30 mL/min none): the same for a number that is known, and decided more often for one that is not.
    """
    if reader.subject in ("patient", "stopped"):
        why = f"A table limits the judged order, and a rule for {reader.subject} judges none."
        reader.problem("C022", "key does not fit", path, why, key=True)
        return NOTHING
    rows: list[Row] = []
    before = len(reader.problems.errors)
    for index, row in enumerate(written.rows):
        place = (*path, "rows", index)
        axes = _axes(reader, written, row, place)
        limit = _limit(reader, written, row, place)
        shown = None if limit is None else limit.shown.removeprefix("above ")
        reader.limits.append(Limit(nodes.All(tuple(axes.values())), shown))
        rows.append(Row(axes, limit))
    if len(reader.problems.errors) == before:
        _covered(reader, written, [row.axes for row in rows], path)
    if len(reader.problems.errors) != before:
        return NOTHING
    found = []
    for one in _stepped(rows, list(written.axes)) or [*rows, *_above_all(rows)]:
        parts: list[Node] = [*one.axes.values(), *([] if one.limit is None else [one.limit])]
        turned = [_negated(part) for part in parts] if negated else parts
        found.append(reader.join(turned or [nodes.Always(negated)], conjunction=not negated))
    return reader.join(found, conjunction=negated)


def _above_all(rows: Sequence[Row]) -> list[Row]:
    """That the order is above the highest limit: so above its own, whichever row is the patient's."""
    highest = max(rows, key=lambda row: row.most)
    return [] if len(rows) < 2 or highest.limit is None else [Row({}, highest.limit)]


@dataclass(frozen=True, slots=True)
class Row:
    """The ranges of a row by axis, and the leaf that holds above its limit (None: any order)."""

    axes: dict[str, nodes.NumberLeaf]
    limit: nodes.OrderNumberLeaf | None

    @property
    def most(self) -> Fraction:
        """The limit in base units; less than any for a row that allows nothing."""
        end = None if self.limit is None else self.limit.target.low
        return Fraction(-1) if end is None else end


def _stepped(rows: Sequence[Row], names: Sequence[str]) -> list[Row] | None:
    """Rows with one end each where limits fall along the one axis, up or down; None where they do not."""
    if len(names) != 1 or not all(row.axes for row in rows) or len(rows) < 2:
        return None
    name = names[0]
    ordered = sorted(rows, key=lambda row: row.axes[name].target.low or Fraction(0))
    limits = [row.most for row in ordered]
    if limits == sorted(limits):
        kept = [row.axes[name].target.high for row in ordered]
        ends = [
            Interval(None, high, False, row.axes[name].target.high_open)
            for high, row in zip(kept, ordered, strict=True)
        ]
    elif limits == sorted(limits, reverse=True):
        kept = [row.axes[name].target.low for row in ordered]
        ends = [
            Interval(low, None, row.axes[name].target.low_open)
            for low, row in zip(kept, ordered, strict=True)
        ]
    else:
        return None
    found = []
    for row, end, own in zip(ordered, ends, kept, strict=True):
        leaf = row.axes[name]
        axes = {} if own is None else {name: replace(leaf, target=end, shown=_one_end(leaf, end))}
        found.append(Row(axes, row.limit))
    return found


def _one_end(leaf: nodes.NumberLeaf, end: Interval) -> str:
    if end.high is not None:
        return f"{'below' if end.high_open else 'at most'} {_shown(end.high, leaf.unit)}"
    assert end.low is not None
    return f"{'above' if end.low_open else 'at least'} {_shown(end.low, leaf.unit)}"


def _axes(reader: Reader, written: Table, row: TableRow, place: Path) -> dict[str, nodes.NumberLeaf]:
    found: dict[str, nodes.NumberLeaf] = {}
    for name, wanted in (row.__pydantic_extra__ or {}).items():
        if name not in written.axes:
            hint = f"Axes of this table: {', '.join(written.axes)}."
            reader.problem(
                "C020", f"unknown axis {name!r}", (*place, name), "No axis has that name.", hint, key=True
            )
            continue
        axis = written.axes[name]
        test = NumberTest.model_validate({**_given(wanted), **axis.model_dump(exclude_none=True)})
        leaf = reader.number(name, test, (*place, name), negated=False)
        if isinstance(leaf, nodes.NumberLeaf):
            found[name] = leaf
    return found


def _given(wanted: Range) -> dict[str, object]:
    return {key: value for key, value in wanted.model_dump().items() if value is not None}


def _limit(reader: Reader, written: Table, row: TableRow, place: Path) -> nodes.OrderNumberLeaf | None:
    if (row.at_most is None) == (row.avoid is None):
        reader.problem("C016", "a row needs one of at_most and avoid", place, "It says what the row allows.")
        return None
    if row.at_most is None:
        return None
    try:
        end, unit, shown = read_bound(
            "at_most", row.at_most, ORDER_NUMBERS[written.limits], None, written.limits
        )
    except RangeError as error:
        reader.range_problem(error, place, written.limits)
        return None
    target = Interval(low=end, low_open=True)
    part = reader.scopes[0] if written.limits in AMOUNTS_OF_ORDER else ()
    return nodes.OrderNumberLeaf(0, written.limits, target, unit, f"above {shown}", of=part)


def _negated(node: Node) -> Node:
    assert isinstance(node, (nodes.NumberLeaf, nodes.OrderNumberLeaf))
    return replace(node, negated=not node.negated)


def _covered(
    reader: Reader, written: Table, cells: Sequence[dict[str, nodes.NumberLeaf]], path: Path
) -> None:
    """Records the first place that no row, or more than one, is about; nothing else is looked at twice."""
    names = list(written.axes)
    places = [_places([row[name].target for row in cells if name in row]) for name in names]
    for values in product(*places):
        rows = [
            index
            for index, row in enumerate(cells)
            if all(
                inside(exactly(value), row[name].target if name in row else ANYTHING) == TRUE
                for name, value in zip(names, values, strict=True)
            )
        ]
        if len(rows) == 1:
            continue
        units = [next((row[name].unit for row in cells if name in row), "1") for name in names]
        where = " and ".join(
            f"{name} {_shown(value, unit)}" for name, value, unit in zip(names, values, units, strict=True)
        )
        if rows:
            numbers = " and ".join(str(index + 1) for index in rows)
            why, place = f"At {where} rows {numbers} apply.", (*path, "rows", rows[1])
            hint = "Let one row end where the next begins."
            reader.problem("C067", "rows of a table overlap", place, why, hint)
        else:
            why = f"At {where} no row applies."
            hint = "Let the rows meet: one with at_least or at_most, the other with below or above."
            reader.problem("C067", "table leaves a gap", (*path, "rows"), why, hint)
        return


def _places(targets: Sequence[Interval]) -> list[Fraction]:
    """Every limit from zero up, and a value in each stretch between and beyond them."""
    ends = sorted({end for one in targets for end in (one.low, one.high) if end is not None and end >= 0})
    found = [Fraction(0), *ends]
    found = sorted(set(found))
    between = [(a + b) / 2 for a, b in pairwise(found)]
    return sorted({*found, *between, found[-1] * 2 + 1})


def _shown(value: Fraction, unit: str) -> str:
    return format_quantity(value / parse_unit(unit).factor, unit)
