"""Expressions as written to the typed tree, with every name and unit checked.

Negation is pushed to the leaves on the way. Nothing stops at the first problem: each is added
with its place, and the leaf becomes `Always(negated=True)` so that the rest is still read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from caveat.compile import nodes
from caveat.compile.allergies import allergy
from caveat.compile.nodes import Node
from caveat.compile.orders import count, exposure, order_key, order_test, total
from caveat.compile.program import Limit
from caveat.compile.ranges import RangeError, read_bound, read_range
from caveat.compile.scores import score, votes
from caveat.compile.tables import table
from caveat.dates import parse_duration
from caveat.errors import CaveatError
from caveat.facts.catalog import AMOUNTS_OF_ORDER, CHOICES, knowable, number_fact, number_names
from caveat.rules.diagnostics import Path, Problems, did_you_mean
from caveat.rules.expression import (
    ConditionTest,
    Expression,
    NumberTest,
    Scope,
)
from caveat.rules.source import Source
from caveat.terminology.concepts import Terminology
from caveat.units import parse_unit

NOTHING = nodes.Always(negated=True)
FIXED_KEYS = frozenset(
    "all any not at_least score table always order other condition allergy count sum exposure known unknown "
    "context sex pregnant lactating child_pugh_class".split()
)
_ANY_ORDER = (
    "`any` stands alone (with `except`), in the order of an allergy or of a pair with share: ingredient."
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the expressions of one rule; `scopes` are the ingredients of its first and second order."""

    source: Source
    terminology: Terminology
    problems: Problems
    rule: str
    subject: str
    limits: list[Limit] = field(default_factory=list)
    scopes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def keys(self, path: Path) -> list[str]:
        """The keys of the mapping at `path`, in the order they are written."""
        return _keys(self.source, path)

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
            return order_test(self, getattr(written, key), 0 if key == "order" else 1, (*path, key), negated)
        if key == "condition":
            assert written.condition is not None
            return self._condition(written.condition, (*path, key), negated)
        if key == "allergy":
            assert written.allergy is not None
            return allergy(self, written.allergy, (*path, key), negated)
        if key == "count":
            assert written.count is not None
            return count(self, written.count, (*path, key), negated)
        if key == "sum":
            assert written.sum is not None
            return total(self, written.sum, (*path, key), negated)
        if key == "exposure":
            assert written.exposure is not None
            return exposure(self, written.exposure, (*path, key), negated)
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
        within = self.days(test.within, path)
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

    def days(self, written: str | None, path: Path) -> int | None:
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

    def order_key(
        self, key: str, value: Any, which: int, path: Path, negated: bool, of: tuple[str, ...]
    ) -> Node:
        """The leaf of one property of an order."""
        return order_key(self, key, value, which, path, negated, of)

    def _condition(self, test: ConditionTest, path: Path, negated: bool) -> Node:
        within = self.days(test.within, path)
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
            elif name.startswith("allergy.") and self.subject != "allergy":
                self.problem(
                    "C022", "key does not fit", path, "`allergy` needs applies_to: allergy.", key=True
                )
        parts: list[Node] = [nodes.KnownLeaf(name, unknown != negated, self._part(name)) for name in names]
        return self.join(parts, conjunction=not negated)

    def _part(self, name: str) -> tuple[str, ...]:
        """The ingredients whose part of a combination product is meant, for an amount of the order."""
        amount = name.startswith("order.") and name.removeprefix("order.") in AMOUNTS_OF_ORDER
        return self.scopes[0] if amount else ()

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
        return nodes.ChoiceLeaf(fact, self.ids(values, CHOICES[fact], fact, path), negated)

    def ids(self, values: Any, known: Any, what: str, path: Path) -> tuple[str, ...]:
        """The names, each checked, sorted."""
        names = (values,) if isinstance(values, str) else tuple(values)
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"One of: {', '.join(sorted(known)[:12])}."
                self.problem("C020", f"unknown {what} {name!r}", path, f"No {what} has that name.", hint)
        return tuple(sorted(set(names)))

    def value_sets(self, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
        """The value sets, each checked."""
        return self.ids(names, self.terminology.tables.value_sets, "value set", path)

    def scope(self, scope: Scope, path: Path, *, any_order: bool = False) -> tuple[str, ...]:
        """The explicit ingredients of a scope, sorted; none where it takes any order and may."""
        tables = self.terminology.tables
        if scope.any:
            self.ids(scope.except_ or (), tables.ingredients, "ingredient", (*path, "except"))
            if not any_order or scope.ingredient or scope.class_:
                self.problem("C022", "key does not fit", (*path, "any"), _ANY_ORDER, key=True)
            return ()
        members: set[str] = set(
            self.ids(scope.ingredient or (), tables.ingredients, "ingredient", (*path, "ingredient"))
        )
        for name in self.ids(scope.class_ or (), tables.classes, "class", (*path, "class")):
            if name in tables.classes:
                members |= self.terminology.class_members(name)
        members -= set(self.ids(scope.except_ or (), tables.ingredients, "ingredient", (*path, "except")))
        if not members and (scope.ingredient or scope.class_):
            self.problem("C025", "scope is empty", path, "No ingredient is left in it.")
        if not (scope.ingredient or scope.class_):
            self.problem("C025", "scope is empty", path, "A scope names an ingredient or a class.")
        return tuple(sorted(members))


def _keys(source: Source, path: Path) -> list[str]:
    """The keys of the mapping at `path`, in the order they are written."""
    node: Any = source.data
    for step in path:
        node = node[step]
    return list(node) if isinstance(node, dict) else []
