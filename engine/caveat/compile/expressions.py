"""Expressions as written to the typed tree, with every name and unit checked.

Negation is pushed to the leaves on the way. Nothing stops at the first problem: each is added
with its place, and the leaf becomes `Always(negated=True)` so that the rest is still read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.compile.program import Limit
from caveat.compile.ranges import RangeError, read_bound, read_range
from caveat.compile.scores import score, votes
from caveat.compile.tables import table
from caveat.dates import parse_duration
from caveat.errors import CaveatError
from caveat.facts.catalog import CHOICES, ORDER_NUMBERS, knowable, number_fact, number_names
from caveat.intervals import Interval
from caveat.rules.diagnostics import Path, Problems, did_you_mean
from caveat.rules.expression import (
    AllergyTest,
    ConditionTest,
    CountTest,
    Expression,
    NumberTest,
    OrderTest,
    Scope,
    SumTest,
)
from caveat.rules.source import Source
from caveat.terminology.concepts import Terminology
from caveat.units import parse_unit

NOTHING = nodes.Always(negated=True)
FIXED_KEYS = frozenset(
    "all any not at_least score table always order other condition allergy count sum known unknown context "
    "sex pregnant lactating child_pugh_class".split()
)
_ORDER_FLAGS = ("as_needed", "tapered", "continued")
_STATUSES = ("proposed", "active", "on-hold", "completed", "stopped", "unknown")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the expressions of one rule."""

    source: Source
    terminology: Terminology
    problems: Problems
    rule: str
    subject: str
    limits: list[Limit] = field(default_factory=list)

    def problem(
        self, code: str, title: str, path: Path, why: str, hint: str = "", *, key: bool = False
    ) -> None:
        """Record a problem at `path`."""
        place = self.source.place(path, key=key)
        self.problems.add(code, title, place, why=why, hint=hint, rule=self.rule)

    def expression(self, written: Expression, path: Path, negated: bool = False) -> Node:
        """The tree of one mapping; its keys are joined by `all` (by `any` when negated)."""
        keys = [key for key in _keys(self.source, path) if key not in ("id", "because", "points")]
        parts = [self._key(written, "not_" if key == "not" else key, path, negated) for key in keys]
        if not parts:
            self.problem(
                "C010",
                "empty condition",
                path,
                "A condition needs at least one key.",
                "Write always: true if it always holds.",
            )
            return NOTHING
        return self.join(parts, conjunction=not negated)

    @staticmethod
    def join(parts: list[Node], *, conjunction: bool) -> Node:
        """The parts under one node; a single part stands by itself."""
        if len(parts) == 1:
            return parts[0]
        return nodes.All(tuple(parts)) if conjunction else nodes.AnyOf(tuple(parts))

    def _key(self, written: Expression, key: str, path: Path, negated: bool) -> Node:
        if key in ("all", "any"):
            members = getattr(written, key)
            parts = [self.expression(m, (*path, key, i), negated) for i, m in enumerate(members)]
            return self.join(parts, conjunction=(key == "all") != negated)
        if key == "not_":
            assert written.not_ is not None
            return self.expression(written.not_, (*path, "not"), not negated)
        if key == "at_least":
            assert written.at_least is not None
            return votes(self, written.at_least, (*path, key), negated)
        if key == "score":
            assert written.score is not None
            return score(self, written.score, (*path, key), negated)
        if key == "table":
            assert written.table is not None
            return table(self, written.table, (*path, key), negated)
        if key == "always":
            return nodes.Always(negated)
        if key in ("order", "other"):
            return self._order(getattr(written, key), 0 if key == "order" else 1, (*path, key), negated)
        if key == "condition":
            assert written.condition is not None
            return self._condition(written.condition, (*path, key), negated)
        if key == "allergy":
            assert written.allergy is not None
            return self._allergy(written.allergy, (*path, key), negated)
        if key == "count":
            assert written.count is not None
            return self._count(written.count, (*path, key), negated)
        if key == "sum":
            assert written.sum is not None
            return self._sum(written.sum, (*path, key), negated)
        if key in ("known", "unknown"):
            return self._known(getattr(written, key), (*path, key), negated, unknown=key == "unknown")
        if key == "context":
            return self._context(written, (*path, key), negated)
        if key in ("sex", "pregnant", "lactating", "child_pugh_class"):
            return self._choice(key, getattr(written, key), (*path, key), negated)
        test = (written.__pydantic_extra__ or {})[key]
        return self.number(key, test, (*path, key), negated)

    def number(self, name: str, test: NumberTest, path: Path, negated: bool) -> Node:
        """The leaf of a range on a patient's number."""
        fact = number_fact(name, self.terminology)
        if fact is None:
            known = (*number_names(self.terminology), *FIXED_KEYS)
            self.problem(
                "C020",
                f"unknown fact {name!r}",
                path,
                f"{name} is neither a key of the language nor a number.",
                did_you_mean(name, known),
                key=True,
            )
            return NOTHING
        unit = fact.unit
        if name == "age":
            unit = self._age_unit(test)
        within = self._within(test.within, path)
        try:
            target, unit, shown = read_range(test, unit, fact.analyte, name)
        except RangeError as error:
            self.range_problem(error, path, name)
            return NOTHING
        if test.pick != "latest" and fact.derived:
            why = f"{name} is derived from the latest values; there is no {test.pick} one on record."
            self.problem("C022", "key does not fit", (*path, "pick"), why, "Leave pick out.", key=True)
        if test.using and name not in ("creatinine_clearance",):
            self.problem(
                "C022",
                "key does not fit",
                (*path, "using"),
                f"{name} does not depend on a choice of weight.",
                key=True,
            )
        return nodes.NumberLeaf(name, target, unit, shown, test.pick, within, test.using, negated)

    def _within(self, written: str | None, path: Path) -> int | None:
        """Whole days of a limit on age or recency."""
        try:
            return parse_duration(written) if written else None
        except CaveatError as error:
            self.problem("C021", "unit does not fit", (*path, "within"), str(error))
            return None

    @staticmethod
    def _age_unit(test: NumberTest) -> str:
        """Ages compare in completed years, completed months, or days, as the bound is written."""
        for key in ("below", "at_most", "above", "at_least", "equals"):
            bound = getattr(test, key)
            if isinstance(bound, str):
                for unit in ("mo", "wk", "d", "a"):
                    try:
                        if bound.strip() and parse_unit(bound.split()[-1]).text == unit:
                            return "d" if unit == "wk" else unit
                    except CaveatError:
                        break
        return "a"

    def range_problem(self, error: RangeError, path: Path, name: str) -> None:
        """Record what is wrong with a range at `path`."""
        hint = error.hint
        if error.title == "unit does not fit":
            hint = " ".join(part for part in (hint, self._fitting(path, error.key, name)) if part)
        code = {
            "unit does not fit": "C021",
            "number without a unit": "C023",
            "quantity cannot be read": "C021",
        }
        where = (*path, error.key) if error.key else path
        self.problem(code.get(error.title, "C024"), error.title, where, error.why, hint)

    def _fitting(self, path: Path, key: str, name: str) -> str:
        """A fact whose unit would fit what was written."""
        node: Any = self.source.data
        for step in (*path, key):
            node = node[step] if node is not None else None
        for other in number_names(self.terminology):
            fact = number_fact(other, self.terminology)
            if fact is None or other == name or not isinstance(node, str):
                continue
            try:
                read_bound(key, node, fact.unit, fact.analyte, other)
            except RangeError:
                continue
            if fact.analyte and name.split("_")[0] in other:
                return f"Did you mean {other}?"
        return ""

    def _order(self, test: OrderTest, which: int, path: Path, negated: bool) -> Node:
        if which == 1 and self.subject != "pair":
            self.problem(
                "C022", "key does not fit", path, "`other` names the second order of a pair.", key=True
            )
            return NOTHING
        if self.subject == "patient":
            self.problem(
                "C022",
                "key does not fit",
                path,
                "A patient rule judges no single order.",
                "Use count or sum, or applies_to: order.",
                key=True,
            )
            return NOTHING
        parts: list[Node] = []
        for key in _keys(self.source, path):
            value = getattr(test, "class_" if key == "class" else key, None)
            if value is not None:
                parts.append(self._order_key(key, value, which, (*path, key), negated))
        if not parts:
            self.problem("C010", "empty condition", path, "An order test needs at least one property.")
            return NOTHING
        return self.join(parts, conjunction=not negated)

    def _order_key(self, key: str, value: Any, which: int, path: Path, negated: bool) -> Node:
        if key in ("ingredient", "class"):
            scope = Scope(ingredient=value) if key == "ingredient" else Scope.model_validate({"class": value})
            return nodes.OrderIsLeaf(which, "ingredient", self.scope(scope, path[:-1]), negated)
        if key in ("route", "form"):
            ids = self.terminology.tables.routes if key == "route" else self.terminology.tables.forms
            return nodes.OrderIsLeaf(which, key, self._ids(value, ids, key, path), negated)
        if key == "status":
            return nodes.OrderIsLeaf(which, key, self._ids(value, _STATUSES, "order status", path), negated)
        if key == "purpose":
            return nodes.OrderIsLeaf(which, key, (value,), negated)
        if key in _ORDER_FLAGS:
            return nodes.OrderIsLeaf(which, key, ("true" if value else "false",), negated)
        if key == "indication":
            return nodes.IndicationLeaf(which, self.value_sets(value, path), negated)
        try:
            if key == "dose_multiple_of":
                step, unit, shown = read_bound("", value, None, None, "dose_multiple_of")
                return nodes.DoseMultipleLeaf(which, Interval(step, step), unit, shown, negated)
            target, unit, shown = read_range(value, ORDER_NUMBERS[key], None, key)
        except RangeError as error:
            self.range_problem(error, path, key)
            return NOTHING
        return nodes.OrderNumberLeaf(which, key, target, unit, shown, negated)

    def _condition(self, test: ConditionTest, path: Path, negated: bool) -> Node:
        within = self._within(test.within, path)
        if test.during_order and self.subject == "patient":
            self.problem(
                "C022",
                "key does not fit",
                (*path, "during_order"),
                "A patient rule judges no single order.",
                key=True,
            )
        return nodes.ConditionLeaf(
            self.value_sets(test.in_, (*path, "in")), test.status, within, test.during_order, negated
        )

    def _allergy(self, test: AllergyTest, path: Path, negated: bool) -> Node:
        if self.subject != "allergy":
            self.problem("C022", "key does not fit", path, "`allergy` needs applies_to: allergy.", key=True)
            return NOTHING
        parts: list[Node] = []
        for key in _keys(self.source, path):
            value = getattr(test, key, None)
            if value is not None:
                values = (value,) if isinstance(value, str) else tuple(value)
                parts.append(nodes.AllergyLeaf(key, values, negated))
        if not parts:
            self.problem("C010", "empty condition", path, "An allergy test needs at least one property.")
            return NOTHING
        return self.join(parts, conjunction=not negated)

    def _count(self, test: CountTest, path: Path, negated: bool) -> Node:
        try:
            target, _, shown = read_range(test, "1", None, "a count")
        except RangeError as error:
            self.range_problem(error, path, "a count")
            return NOTHING
        members = self.scope(test.of, (*path, "of"))
        return nodes.CountLeaf(members, _label(test.of), test.by, target, shown, negated)

    def _sum(self, test: SumTest, path: Path, negated: bool) -> Node:
        try:
            target, unit, shown = read_range(test, None if test.times else "1", None, "a sum")
        except RangeError as error:
            self.range_problem(error, path, "a sum")
            return NOTHING
        members = self.scope(test.of, (*path, "of"))
        weights: list[tuple[str, Interval]] = []
        for name in members:
            weight = Fraction(str((test.weights or {}).get(name, 0 if test.weights else 1)))
            weights.append((name, Interval(weight, weight)))
        for name in set(test.weights or {}) - set(members):
            self.problem(
                "C020",
                f"unknown ingredient {name!r}",
                (*path, "weights", name),
                "It is not in the scope of this sum.",
                did_you_mean(name, members),
                key=True,
            )
        return nodes.SumLeaf(tuple(weights), _label(test.of), test.times, target, unit, shown, negated)

    def _known(self, names: tuple[str, ...], path: Path, negated: bool, *, unknown: bool) -> Node:
        allowed = knowable(self.terminology)
        for index, name in enumerate(names):
            if name not in allowed:
                self.problem(
                    "C020",
                    f"unknown fact {name!r}",
                    (*path, index),
                    "It is no fact of a patient.",
                    did_you_mean(name, allowed),
                )
        parts: list[Node] = [nodes.KnownLeaf(name, unknown != negated) for name in names]
        return self.join(parts, conjunction=not negated)

    def _context(self, written: Expression, path: Path, negated: bool) -> Node:
        test = written.context
        parts: list[Node] = []
        for key in _keys(self.source, path):
            value = getattr(test, key, None)
            if value is not None:
                parts.append(self._choice(f"context.{key}", value, (*path, key), negated))
        if not parts:
            self.problem("C010", "empty condition", path, "A context test needs at least one key.")
            return NOTHING
        return self.join(parts, conjunction=not negated)

    def _choice(self, fact: str, value: Any, path: Path, negated: bool) -> Node:
        if isinstance(value, bool):
            return nodes.ChoiceLeaf(fact, ("true" if value else "false",), negated)
        values = (value,) if isinstance(value, str) else tuple(value)
        return nodes.ChoiceLeaf(fact, self._ids(values, CHOICES[fact], fact, path), negated)

    def _ids(self, values: Any, known: Any, what: str, path: Path) -> tuple[str, ...]:
        names = (values,) if isinstance(values, str) else tuple(values)
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"One of: {', '.join(sorted(known)[:12])}."
                self.problem("C020", f"unknown {what} {name!r}", path, f"No {what} has that name.", hint)
        return tuple(sorted(set(names)))

    def value_sets(self, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
        """The value sets, each checked."""
        return self._ids(names, self.terminology.tables.value_sets, "value set", path)

    def scope(self, scope: Scope, path: Path) -> tuple[str, ...]:
        """The explicit ingredients of a scope, sorted."""
        tables = self.terminology.tables
        members: set[str] = set(
            self._ids(scope.ingredient or (), tables.ingredients, "ingredient", (*path, "ingredient"))
        )
        for name in self._ids(scope.class_ or (), tables.classes, "class", (*path, "class")):
            if name in tables.classes:
                members |= self.terminology.class_members(name)
        members -= set(self._ids(scope.except_ or (), tables.ingredients, "ingredient", (*path, "except")))
        if not members and (scope.ingredient or scope.class_):
            self.problem("C025", "scope is empty", path, "No ingredient is left in it.")
        if not (scope.ingredient or scope.class_):
            self.problem("C025", "scope is empty", path, "A scope names an ingredient or a class.")
        return tuple(sorted(members))


def _label(scope: Scope) -> str:
    return " or ".join((*(scope.ingredient or ()), *(scope.class_ or ())))


def _keys(source: Source, path: Path) -> list[str]:
    """The keys of the mapping at `path`, in the order they are written."""
    node: Any = source.data
    for step in path:
        node = node[step]
    return list(node) if isinstance(node, dict) else []
