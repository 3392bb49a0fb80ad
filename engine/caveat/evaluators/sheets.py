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

from caveat.compile.nodes import All, Always, AnyOf, AtLeast, ConditionLeaf, Node
from caveat.compile.program import CompiledRule
from caveat.evaluators.closures import Closures, cost
from caveat.evaluators.closures_of_lists import touched
from caveat.evaluators.closures_of_numbers import Closure, Read
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
        """The rule with its parts compiled."""
        return cls(
            index,
            rule,
            closures.node(rule.when),
            tuple(closures.node(exclusion.node) for exclusion in rule.unless),
            frozenset(rule.second),
            rule.when == Always() and not rule.unless,
        )


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


_FEW = 4
"""Limits up to which each is compared, rather than the place of the value among them found."""


class Ladder:
    """Limits on one number: upper limits by height, lower limits by height, and ranges."""

    __slots__ = ("above", "all", "below", "few", "overs", "ranges", "read", "unders")

    def __init__(self, read: Read, rungs: list[Rung]) -> None:
        endless = float("inf")
        self.read = read
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


_NONE: tuple[tuple[Hit, ...], ...] = ((), (), ())


class Sheet:
    """Questions that are left once those above hold, and the rules that hold when none is left.

    `known` are the rules that hold by then, for each truth of what was asked above.
    """

    __slots__ = ("asks", "known", "ladders", "tests")

    def __init__(self, done: list[Entry], ladders: list[Ladder], tests: list[tuple[Closure, Sheet]]) -> None:
        self.ladders, self.tests = ladders, tests
        self.asks = bool(ladders or tests)
        truths: tuple[Truth, ...] = (FALSE, UNKNOWN, TRUE)
        held = (tuple((entry, truth) for entry in done) for truth in truths)
        self.known: tuple[tuple[Hit, ...], ...] = tuple(held) if done else _NONE

    def ask(self, chart: Chart, view: Any, truth: Truth, hits: list[Hit]) -> None:
        """Note every rule whose condition is not FALSE, given the truth of what was asked above."""
        hits += self.known[truth]
        for ladder in self.ladders:
            value = ladder.read(chart, view)
            if value is None:
                for rung in ladder.all:
                    held = rung.closure(chart, view, None, None)
                    if held:
                        rung.rest.ask(chart, view, held if held < truth else truth, hits)
            elif value != value:
                for rung in ladder.all:
                    if rung.rest.asks:
                        rung.rest.ask(chart, view, UNKNOWN, hits)
                    else:
                        hits += rung.rest.known[UNKNOWN]
            else:
                for under, low, high, over, closure, rest in ladder.few or ladder.crossed(value):
                    if value < under or value > over:
                        continue
                    if low < value < high:
                        if rest.asks:
                            rest.ask(chart, view, truth, hits)
                        else:
                            hits += rest.known[truth]
                    else:
                        held = closure(chart, view, None, None)
                        if held:
                            rest.ask(chart, view, held if held < truth else truth, hits)
        for closure, rest in self.tests:
            held = closure(chart, view, None, None)
            if held:
                if rest.asks:
                    rest.ask(chart, view, held if held < truth else truth, hits)
                else:
                    hits += rest.known[held if held < truth else truth]


class Group:
    """The rules of one kind of subject that name one ingredient.

    Rules that need a recorded disease are found by the value sets the record touches; the others
    stand on a sheet, which is laid out when the ingredient is first met.
    """

    __slots__ = ("_closures", "_sheet", "by_set", "entries", "needing_a_condition", "others")

    def __init__(self, closures: Closures) -> None:
        self._closures = closures
        self._sheet: Sheet | None = None
        self.entries: list[Entry] = []
        self.needing_a_condition: list[Entry] = []
        self.others: list[Entry] = []
        self.by_set: dict[str, list[Entry]] | None = None

    def add(self, entry: Entry) -> None:
        """Place a rule; not after the first hits were asked for."""
        self.entries.append(entry)
        sets = needed_sets(entry.rule.when)
        (self.needing_a_condition if sets else self.others).append(entry)
        if sets:
            self.by_set = self.by_set or {}
            for name in sets:
                self.by_set.setdefault(name, []).append(entry)

    def hits(self, chart: Chart, view: Any) -> list[Hit]:
        """Every rule whose condition is not FALSE. Raises what a condition raises."""
        sheet = self._sheet
        if sheet is None:
            self._sheet = sheet = laid_out(self.others, self._closures)
        hits: list[Hit] = []
        sheet.ask(chart, view, TRUE, hits)
        if self.by_set is None:
            return hits
        memo = chart.memo
        sets = memo["touched"] if "touched" in memo else touched(chart)
        if sets is None:
            _ask_whole(self.needing_a_condition, chart, view, hits)
        elif not sets.isdisjoint(self.by_set):
            found = [entry for name in sets if name in self.by_set for entry in self.by_set[name]]
            _ask_whole(dict.fromkeys(found), chart, view, hits)
        return hits


def _ask_whole(entries: Iterable[Entry], chart: Chart, view: Any, hits: list[Hit]) -> None:
    for entry in entries:
        held = entry.when(chart, view, None, None)
        if held:
            hits.append((entry, held))


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
    ladders: dict[Hashable, tuple[Read, list[Rung]]] = {}
    tests = []
    for part, below in under.items():
        rest, closure = _sheet(below, closures), closures.node(part)
        scale = closures.scale(part)
        if scale is None:
            tests.append((closure, rest))
        else:
            key, read = scale
            ladders.setdefault(key, (read, []))[1].append(Rung(*closures.bounds(part), closure, rest))
    return Sheet(done, [Ladder(read, rungs) for read, rungs in ladders.values()], tests)


def needed_sets(node: Node) -> frozenset[str]:
    """Value sets of which one must be recorded, or the node is FALSE; empty when none must."""
    if isinstance(node, ConditionLeaf) and not node.negated:
        return frozenset(node.sets)
    if isinstance(node, All):
        found = [sets for part in node.parts if (sets := needed_sets(part))]
        return min(found, key=len) if found else frozenset()
    if isinstance(node, (AnyOf, AtLeast)):
        parts = [needed_sets(part) for part in node.parts]
        return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset()
