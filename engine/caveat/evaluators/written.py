"""A sheet of rules as one Python function.

The function asks what the sheet asks, in the same order and with the same truths; it only spares the
calls in between. Its text follows the shape of the sheet alone: limits, sets, closures and rules are
handed to it by names that are counted up, so nothing that a rule says becomes code. What has no short
form of its own is asked by its closure, and what is very large or deep by the sheet itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from caveat.compile import nodes
from caveat.compile.nodes import All, AnyOf, Leaf, Node
from caveat.evaluators.closures import Closures, affirmed, cost
from caveat.evaluators.closures_of_lists import flag_truths, stated_flag, touched
from caveat.evaluators.closures_of_numbers import Scale, is_age
from caveat.evaluators.sheets import Hit, Ladder, Rung, Sheet
from caveat.facts.chart import Chart

Ask = Callable[[Chart, Any, list[Hit]], None]
"""Notes every rule of a sheet whose condition is not FALSE, for a chart and an order."""

MOST_QUESTIONS = 1_000
"""Questions past which a sheet is not written: what is so large is found on ladders, not asked in turn."""
MOST_RUNGS = 8
"""Limits on one number up to which they are compared in turn."""
MOST_PARTS = 12
"""Parts of one node that are asked in turn, each below the one before it: Python allows 100 levels in all."""
DEEPEST = 24
"""Questions below each other past which the sheet itself goes on."""
FILE = "<a sheet of rules>"
"""What a traceback calls the text of the function."""
_ENDLESS = float("inf")


def written(sheet: Sheet, closures: Closures) -> Ask | None:
    """The function of a sheet; None for one that is too large."""
    if _size(sheet) > MOST_QUESTIONS:
        return None
    return _Writer(closures).function(sheet)


def _size(sheet: Sheet) -> int:
    below = [rung.rest for ladder in sheet.ladders for rung in ladder.all]
    below += [test.rest for test in sheet.tests]
    return len(below) + sum(_size(rest) for rest in below)


def _scales(sheet: Sheet) -> Iterator[int]:
    """The identity of each scale, once a ladder."""
    for ladder in sheet.ladders:
        yield id(ladder.scale)
        for rung in ladder.all:
            yield from _scales(rung.rest)
    for test in sheet.tests:
        yield from _scales(test.rest)


def compile_text(source: str, objects: dict[str, Any]) -> None:
    """Run the text, which adds the function `ask` to the objects that it names."""
    exec(compile(source, FILE, "exec"), objects)


class _Writer:
    """Lines of the function, and the objects that they name.

    In the text `truth` names hold what was asked above, `held` names the truth of one question.
    """

    def __init__(self, closures: Closures) -> None:
        self.closures = closures
        self.lines: list[str] = []
        self.firsts: dict[str, str] = {}
        self.objects: dict[str, Any] = {}
        self.names: dict[int, str] = {}
        self.count = 0
        self.used: Counter[int] = Counter()
        self.read_first: dict[int, str] = {}

    def function(self, sheet: Sheet) -> Ask:
        """The function of a whole sheet."""
        self.used.update(_scales(sheet))
        self.sheet(sheet, "2", 1)
        firsts = [f"    {line}" for line in self.firsts.values()]
        head = ["def ask(chart, view, hits):", "    memo = chart.memo"]
        source = "\n".join([*head, *firsts, *self.lines, "    return None", ""])
        compile_text(source, self.objects)
        found: Ask = self.objects["ask"]
        return found

    def sheet(self, sheet: Sheet, truth: str, depth: int) -> None:
        """What a sheet asks, where all that was asked above came to `truth`."""
        if depth > DEEPEST:
            self.line(depth, f"{self.name(sheet.ask)}(chart, view, {truth}, hits)")
            return
        if any(sheet.known):
            self.line(depth, f"hits += {self.name(sheet.known)}[{truth}]")
        for ladder in sheet.ladders:
            if len(ladder.all) > MOST_RUNGS:
                self.line(depth, f"{self.name(ladder.ask)}(chart, view, {truth}, hits)")
            else:
                self.ladder(ladder, truth, depth)
        for test in sheet.tests:
            held = self.fresh()
            self.node(test.node, held, depth)
            self.rest(test.rest, held, truth, depth)

    def rest(self, rest: Sheet, held: str, above: str, depth: int) -> None:
        """What is left where a question is not FALSE."""
        self.line(depth, f"if {held}:")
        truth = held
        if above != "2":
            truth = self.fresh()
            self.line(depth + 1, f"{truth} = {held} if {held} < {above} else {above}")
        self.sheet(rest, truth, depth + 1)

    def ladder(self, ladder: Ladder, truth: str, depth: int) -> None:
        value = self.read(ladder.scale, depth)
        for rung in ladder.all:
            held = self.fresh()
            self.compared(rung, value, held, depth)
            self.rest(rung.rest, held, truth, depth)

    def read(self, scale: Scale, depth: int) -> str:
        """The name of a plain number, from what the chart keeps where it does."""
        known = self.read_first.get(id(scale))
        if known is not None:
            return known
        value, call = self.fresh(), f"{self.name(scale.read)}(chart, view)"
        if scale.kept is not None:
            key = self.name(scale.kept)
            self.line(depth, f"{value} = memo[{key}] if {key} in memo else {call}")
            if depth == 1:
                self.read_first[id(scale)] = value  # all that follows comes after it
        elif self.used[id(scale)] > 1:
            self.firsts[value] = f"{value} = {call}"
            self.read_first[id(scale)] = value
        else:
            self.line(depth, f"{value} = {call}")
        return value

    def compared(self, rung: Rung, value: str, held: str, depth: int) -> None:
        """A plain number against one range: NAN is UNKNOWN, None and what is close to an end ask exactly."""
        under, low, high, over = (repr(end) for end in rung[:4])
        exact = f"{self.name(rung.closure)}(chart, view, None, None)"
        if rung.under == -_ENDLESS and rung.over == _ENDLESS:
            inside, outside = f"{value} == {value}", None
        elif rung.under == -_ENDLESS:
            inside, outside = f"{value} < {high}", f"{value} > {over}"
        elif rung.over == _ENDLESS:
            inside, outside = f"{value} > {low}", f"{value} < {under}"
        else:
            inside, outside = f"{low} < {value} < {high}", f"{value} < {under} or {value} > {over}"
        cases = [(f"if {value} is None", exact), (f"elif {inside}", "2")]
        if outside is not None:
            cases.append((f"elif {outside}", "0"))
        cases += [(f"elif {value} != {value}", "1"), ("else", exact)]
        for case, truth in cases:
            self.line(depth, f"{case}:")
            self.line(depth + 1, f"{held} = {truth}")

    def node(self, node: Node, held: str, depth: int) -> None:
        """The truth of one part."""
        whole = isinstance(node, (All, AnyOf)) and depth <= DEEPEST and len(node.parts) <= MOST_PARTS
        if isinstance(node, All) and self.closures.fused(node.parts) is not None:
            whole = False
        if whole:
            assert isinstance(node, (All, AnyOf))
            self.parts(node, held, depth)
        elif isinstance(node, (All, AnyOf, nodes.AtLeast)):
            self.line(depth, f"{held} = {self.call(node)}")
        else:
            self.leaf(node, held, depth)

    def parts(self, node: All | AnyOf, held: str, depth: int) -> None:
        """The lowest truth of all parts, or the highest of any; the cheap ones first."""
        going, order = ("", "<") if isinstance(node, All) else (" != 2", ">")
        for place, part in enumerate(sorted(node.parts, key=cost)):
            if place == 0:
                self.node(part, held, depth)
                continue
            self.line(depth, f"if {held}{going}:")
            depth += 1
            one = self.fresh()
            self.node(part, one, depth)
            self.line(depth, f"if {one} {order} {held}:")
            self.line(depth + 1, f"{held} = {one}")

    def leaf(self, leaf: Leaf, held: str, depth: int) -> None:
        """The truth of a leaf in its short form, else by its closure."""
        scale = self.closures.scale(leaf) if isinstance(leaf, nodes.NumberLeaf) and is_age(leaf) else None
        flag = stated_flag(leaf.fact) if isinstance(leaf, (nodes.ChoiceLeaf, nodes.KnownLeaf)) else None
        if scale is not None:
            rung = Rung(*self.closures.bounds(leaf), self.closures.node(leaf), _NOTHING)
            self.compared(rung, self.read(scale[1], depth), held, depth)
        elif flag is not None and flag.isidentifier():
            assert isinstance(leaf, (nodes.ChoiceLeaf, nodes.KnownLeaf))
            self.firsts["context"] = "context = chart.patient.context"
            self.line(depth, f"{held} = {self.name(flag_truths(leaf))}[context.{flag}]")
        elif (plain := affirmed(leaf)) is not None:
            self.leaf(plain, held, depth)
            self.line(depth, f"{held} = 2 - {held}")
        elif isinstance(leaf, nodes.ConditionLeaf) and not leaf.negated:
            key, keep = repr("touched"), self.name(touched)
            self.firsts["touched"] = f"touched = memo[{key}] if {key} in memo else {keep}(chart)"
            apart = f"touched is not None and {self.name(frozenset(leaf.sets))}.isdisjoint(touched)"
            self.line(depth, f"{held} = 0 if {apart} else {self.call(leaf)}")
        elif isinstance(leaf, nodes.OrderIsLeaf) and leaf.prop == "route" and not leaf.which:
            yes, no = ("0", "2") if leaf.negated else ("2", "0")
            self.firsts["route"] = "route = view.route"
            among = f"{yes} if route in {self.name(frozenset(leaf.values))} else {no}"
            self.line(depth, f"{held} = 1 if route is None else {among}")
        else:
            call = self.call(leaf)
            if leaf in self.closures.kept:
                self.line(depth, f"{held} = memo.get({self.name(self.closures.kept[leaf])})")
                self.line(depth, f"if {held} is None:")
                self.line(depth + 1, f"{held} = {call}")
            else:
                self.line(depth, f"{held} = {call}")

    def call(self, node: Node) -> str:
        return f"{self.name(self.closures.node(node))}(chart, view, None, None)"

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def fresh(self) -> str:
        """A new name of the text."""
        self.count += 1
        return f"v{self.count}"

    def name(self, value: Any) -> str:
        """The name under which the text has an object; the same object has one name."""
        found = self.names.get(id(value))
        if found is None:
            found = self.names[id(value)] = f"o{len(self.objects)}"
            self.objects[found] = value
        return found


_NOTHING = Sheet([], [], [])
