"""Tests of one order, counts, sums and exposures over orders, as they are read."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.compile.ranges import RangeError, read_bound, read_range
from caveat.facts.catalog import AMOUNTS_OF_ORDER, ORDER_NUMBERS
from caveat.facts.observed import days_to_base
from caveat.intervals import Interval, inside
from caveat.rules.diagnostics import Path, did_you_mean
from caveat.rules.expression import CountTest, ExposureTest, OrderCondition, OrderTest, Scope, SumTest
from caveat.truth import UNKNOWN

if TYPE_CHECKING:
    from caveat.compile.expressions import Reader

NOTHING: Final = nodes.Always(negated=True)
_FLAGS: Final = ("as_needed", "tapered", "continued")
_STATUSES: Final = ("proposed", "active", "on-hold", "completed", "stopped", "unknown")
_GROUPS: Final = ("all", "any", "not")


def order_test(reader: Reader, test: OrderTest, which: int, path: Path, negated: bool) -> Node:
    """The properties of the judged order (`which` 0) or of the second of a pair, joined by `all`."""
    if which == 1 and reader.subject != "pair":
        why = "`other` names the second order of a pair."
        reader.problem("C022", "key does not fit", path, why, key=True)
        return NOTHING
    if reader.subject == "patient":
        why, hint = "A patient rule judges no single order.", "Use count or sum, or applies_to: order."
        reader.problem("C022", "key does not fit", path, why, hint, key=True)
        return NOTHING
    return _properties(reader, test, which, path, negated, reader.scopes[which])


def _properties(
    reader: Reader, test: OrderTest, which: int, path: Path, negated: bool, scope: tuple[str, ...]
) -> Node:
    of = _of(reader, test, path) or scope
    parts: list[Node] = []
    for key in reader.keys(path):
        value = getattr(test, {"class": "class_", "not": "not_"}.get(key, key), None)
        if value is None or key == "of":
            continue
        if isinstance(test, OrderCondition) and key in _GROUPS:
            parts.append(_group(reader, key, value, which, (*path, key), negated, scope))
        else:
            parts.append(reader.order_key(key, value, which, (*path, key), negated, of))
    if not parts:
        reader.problem("C010", "empty condition", path, "An order test needs at least one property.")
        return NOTHING
    return reader.join(parts, conjunction=not negated)


def _of(reader: Reader, test: OrderTest, path: Path) -> tuple[str, ...]:
    """The ingredients named whose part is meant."""
    if test.of is None:
        return ()
    if not any(getattr(test, name) is not None for name in (*AMOUNTS_OF_ORDER, "dose_multiple_of")):
        why = "`of` says which ingredient's part of a combination an amount is, and no amount is asked for."
        hint = "Write it beside an amount, such as daily_dose or strength, or use ingredient."
        reader.problem("C022", "key does not fit", (*path, "of"), why, hint, key=True)
    return reader.ids(test.of, reader.terminology.tables.ingredients, "ingredient", (*path, "of"))


def _group(
    reader: Reader, key: str, value: Any, which: int, path: Path, negated: bool, scope: tuple[str, ...]
) -> Node:
    """`all`, `any` and `not` over tests of one order."""
    if key == "not":
        return _properties(reader, value, which, path, not negated, scope)
    parts = [
        _properties(reader, one, which, (*path, index), negated, scope) for index, one in enumerate(value)
    ]
    return reader.join(parts, conjunction=(key == "all") != negated)


def order_key(
    reader: Reader, key: str, value: Any, which: int, path: Path, negated: bool, of: tuple[str, ...]
) -> Node:
    """The leaf of one property of an order; amounts are those of its part in `of`."""
    tables = reader.terminology.tables
    if key in ("ingredient", "class"):
        scope = Scope(ingredient=value) if key == "ingredient" else Scope.model_validate({"class": value})
        return nodes.OrderIsLeaf(which, "ingredient", reader.scope(scope, path[:-1]), negated)
    if key in ("route", "form"):
        ids = tables.routes if key == "route" else tables.forms
        return nodes.OrderIsLeaf(which, key, reader.ids(value, ids, key, path), negated)
    if key == "status":
        return nodes.OrderIsLeaf(which, key, reader.ids(value, _STATUSES, "order status", path), negated)
    if key == "purpose":
        return nodes.OrderIsLeaf(which, key, (value,), negated)
    if key in _FLAGS:
        return nodes.OrderIsLeaf(which, key, ("true" if value else "false",), negated)
    if key == "indication":
        return nodes.IndicationLeaf(which, reader.value_sets(value, path), negated)
    try:
        if key == "dose_multiple_of":
            step, unit, shown = read_bound("", value, None, None, "dose_multiple_of")
            return nodes.DoseMultipleLeaf(which, Interval(step, step), unit, shown, negated, of)
        target, unit, shown = read_range(value, ORDER_NUMBERS[key], None, key)
    except RangeError as error:
        reader.range_problem(error, path, key)
        return NOTHING
    part = of if key in AMOUNTS_OF_ORDER else ()
    return nodes.OrderNumberLeaf(which, key, target, unit, shown, negated, part)


def count(reader: Reader, test: CountTest, path: Path, negated: bool) -> Node:
    """The leaf of a count."""
    try:
        target, _, shown = read_range(test, "1", None, "a count")
    except RangeError as error:
        reader.range_problem(error, path, "a count")
        return NOTHING
    members = reader.scope(test.of, (*path, "of"))
    where = _where(reader, test.where, (*path, "where"), members)
    return nodes.CountLeaf(members, label(test.of), test.by, target, shown, negated, where)


def total(reader: Reader, test: SumTest, path: Path, negated: bool) -> Node:
    """The leaf of a sum."""
    try:
        target, unit, shown = read_range(test, None if test.times else "1", None, "a sum")
    except RangeError as error:
        reader.range_problem(error, path, "a sum")
        return NOTHING
    members = reader.scope(test.of, (*path, "of"))
    weights: list[tuple[str, Interval]] = []
    for name in members:
        weight = Fraction(str((test.weights or {}).get(name, 0 if test.weights else 1)))
        weights.append((name, Interval(weight, weight)))
    for name in set(test.weights or {}) - set(members):
        why = "It is not in the scope of this sum."
        place, hint = (*path, "weights", name), did_you_mean(name, members)
        reader.problem("C020", f"unknown ingredient {name!r}", place, why, hint, key=True)
    where = _where(reader, test.where, (*path, "where"), members)
    return nodes.SumLeaf(tuple(weights), label(test.of), test.times, target, unit, shown, negated, where)


def exposure(reader: Reader, test: ExposureTest, path: Path, negated: bool) -> Node:
    """The leaf of an exposure."""
    try:
        target, unit, shown = read_range(test, "d", None, "an exposure")
    except RangeError as error:
        reader.range_problem(error, path, "an exposure")
        return NOTHING
    window = reader.days(test.within, path)
    if window is None:
        return NOTHING
    if inside(days_to_base(0, window), target) != UNKNOWN:
        why = f"Of {window} days an order runs on 0 to {window}."
        reader.problem("C030", "condition is always or never so", path, why, "Mend the limits.")
        return NOTHING
    members = reader.scope(test.of, (*path, "of"))
    where = _where(reader, test.where, (*path, "where"), members)
    return nodes.ExposureLeaf(members, label(test.of), window, target, unit, shown, negated, where)


def _where(reader: Reader, test: OrderCondition | None, path: Path, members: tuple[str, ...]) -> Node | None:
    """The condition on each order that is counted, which is the judged order of its leaves."""
    return None if test is None else _properties(reader, test, 0, path, False, members)


def label(scope: Scope) -> str:
    """The scope as it is written, for people."""
    return " or ".join((*(scope.ingredient or ()), *(scope.class_ or ())))
