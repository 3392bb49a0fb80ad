"""The rules of one ingredient as a tree of shared questions.

A condition that is a conjunction is asked part by part, and a part that several rules need is asked
once for all of them: where it is FALSE, none of them holds and nothing below it is looked at. Limits
on one number stand on a ladder, in order, so that only those a value has crossed are touched. What it
costs to judge an order so follows what holds, not how many rules there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from caveat.compile.nodes import All, Always, Node
from caveat.compile.program import CompiledRule
from caveat.errors import CaveatError
from caveat.evaluators.closures import Closures, cost
from caveat.evaluators.closures_of_numbers import Closure, Scale
from caveat.facts.chart import Chart
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One rule ready to run; `index` is its place in the program.

    `always` holds for a rule that asks nothing beyond its scope and knows no exception.
    """

    index: int
    rule: CompiledRule
    when: Closure
    unless: tuple[Closure, ...]
    second: frozenset[str]
    always: bool

    @classmethod
    def of(cls, index: int, rule: CompiledRule, closures: Closures) -> Entry:
        """The rule with its parts compiled; one that cannot be is left to the reference evaluator."""
        try:
            when = closures.node(rule.when)
            unless = tuple(closures.node(exclusion.node) for exclusion in rule.unless)
        except Exception:
            return cls(index, rule, _not_compiled, (), frozenset(rule.second), False)
        always = rule.when == Always() and not rule.unless
        return cls(index, rule, when, unless, frozenset(rule.second), always)


def _not_compiled(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
    raise CaveatError("the rule could not be compiled")


Hit = tuple[Entry, Truth]
"""A rule whose condition is not FALSE, with the truth of the condition."""


class Rung(NamedTuple):
    """A limit on a plain number. Outside `under` to `over` it does not hold, inside `low` to `high` it does.

    Between the two a value is too close to tell, and `closure` asks the exact way.
    """

    under: float
    low: float
    high: float
    over: float
    closure: Closure
    rest: Sheet


class Test(NamedTuple):
    """A part that is asked as it stands, and what is left where it holds."""

    node: Node
    closure: Closure
    rest: Sheet


_FEW = 4
"""Limits up to which each is compared, rather than the place of the value among them found."""


class Ladder:
    """Limits on one number: upper limits by height, lower limits by height, and ranges.

    A plain number between the two of `quiet` has crossed none of them.
    """

    __slots__ = ("above", "all", "below", "few", "overs", "quiet", "ranges", "read", "scale", "unders")

    def __init__(self, scale: Scale, rungs: list[Rung]) -> None:
        endless = float("inf")
        self.scale, self.read = scale, scale.read
        self.quiet = (
            max([rung.over for rung in rungs if rung.under == -endless], default=-endless),
            min([rung.under for rung in rungs if rung.under > -endless], default=endless),
        )
        self.all = rungs
        self.few = rungs if len(rungs) <= _FEW else None
        self.below = sorted((r for r in rungs if r.under == -endless), key=lambda r: r.over)
        self.above = sorted(
            (r for r in rungs if r.over == endless and r.under > -endless), key=lambda r: r.under
        )
        self.ranges = [r for r in rungs if r.under > -endless and r.over < endless]
        self.overs = [rung.over for rung in self.below]
        self.unders = [rung.under for rung in self.above]

    def crossed(self, value: float) -> list[Rung]:
        """The limits that a value has crossed, or may have, and every range."""
        return (
            self.ranges
            + self.below[bisect_left(self.overs, value) :]
            + self.above[: bisect_right(self.unders, value)]
        )

    def ask(self, chart: Chart, view: Any, truth: Truth, hits: list[Hit]) -> None:
        """As `Sheet.ask`, for what stands on the ladder."""
        value = self.read(chart, view)
        low, high = self.quiet
        if value is None or not low < value < high:
            self._climb(value, chart, view, truth, hits)

    def _climb(self, value: float | None, chart: Chart, view: Any, truth: Truth, hits: list[Hit]) -> None:
        if value is None:
            for rung in self.all:
                held = rung.closure(chart, view, None, None)
                if held:
                    rung.rest.ask(chart, view, held if held < truth else truth, hits)
        elif value != value:
            for rung in self.all:
                rung.rest.ask(chart, view, UNKNOWN, hits)
        else:
            for under, low, high, over, closure, rest in self.few or self.crossed(value):
                if value < under or value > over:
                    continue
                held = TRUE if low < value < high else closure(chart, view, None, None)
                if held:
                    rest.ask(chart, view, held if held < truth else truth, hits)


_NONE: tuple[tuple[Hit, ...], ...] = ((), (), ())


class Sheet:
    """Questions that are left once those above hold, and the rules that hold when none is left.

    `known` are the rules that hold by then, for each truth of what was asked above.
    """

    __slots__ = ("asks", "known", "ladders", "tests")

    def __init__(self, done: list[Entry], ladders: list[Ladder], tests: list[Test]) -> None:
        self.ladders, self.tests = tuple(ladders), tuple(tests)
        self.asks = bool(ladders or tests)
        truths: tuple[Truth, ...] = (FALSE, UNKNOWN, TRUE)
        held = (tuple((entry, truth) for entry in done) for truth in truths)
        self.known: tuple[tuple[Hit, ...], ...] = tuple(held) if done else _NONE

    def ask(self, chart: Chart, view: Any, truth: Truth, hits: list[Hit]) -> None:
        """Note every rule whose condition is not FALSE, given the truth of what was asked above."""
        hits += self.known[truth]
        for ladder in self.ladders:
            ladder.ask(chart, view, truth, hits)
        for _, closure, rest in self.tests:
            held = closure(chart, view, None, None)
            if held:
                if rest.asks:
                    rest.ask(chart, view, held if held < truth else truth, hits)
                else:
                    hits += rest.known[held if held < truth else truth]

    def asked(self, chart: Chart, view: Any, hits: list[Hit]) -> None:
        """Note every rule whose condition is not FALSE."""
        self.ask(chart, view, TRUE, hits)


def laid_out(entries: Iterable[Entry], closures: Closures) -> Sheet:
    """The sheet of some rules."""
    return _sheet([(entry, _parts(entry.rule.when)) for entry in entries], closures)


def _parts(node: Node) -> tuple[Node, ...]:
    """What must hold together for a node to hold, each part once."""
    if isinstance(node, All):
        return tuple(dict.fromkeys(inner for part in node.parts for inner in _parts(part)))
    return () if node == Always() else (node,)


def _sheet(rules: list[tuple[Entry, tuple[Node, ...]]], closures: Closures) -> Sheet:
    """Each rule goes under the part of it that most rules share, among equals the cheapest to ask."""
    shared = Counter(part for _, parts in rules for part in parts)
    done: list[Entry] = []
    under: dict[Node, list[tuple[Entry, tuple[Node, ...]]]] = {}
    for entry, parts in rules:
        if not parts:
            done.append(entry)
            continue
        first = min(parts, key=lambda part: (-shared[part], cost(part)))
        left = tuple(part for part in parts if part is not first)
        under.setdefault(first, []).append((entry, left))
    ladders: dict[Hashable, tuple[Scale, list[Rung]]] = {}
    tests: list[Test] = []
    for part, below in under.items():
        rest, closure = _sheet(below, closures), closures.node(part)
        scale = closures.scale(part)
        if scale is None:
            tests.append(Test(part, closure, rest))
        else:
            key, reading = scale
            ladders.setdefault(key, (reading, []))[1].append(Rung(*closures.bounds(part), closure, rest))
    return Sheet(done, [Ladder(reading, rungs) for reading, rungs in ladders.values()], tests)
