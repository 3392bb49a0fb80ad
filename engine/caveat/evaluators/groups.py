"""The rules of one kind of subject that name one ingredient, and how they are asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from caveat.compile.nodes import All, AnyOf, AtLeast, ConditionLeaf, Node
from caveat.evaluators.closures import Closures
from caveat.evaluators.closures_of_lists import touched
from caveat.evaluators.closures_of_numbers import Read
from caveat.evaluators.sheets import Entry, Hit, Sheet, laid_out
from caveat.evaluators.written import Ask, written
from caveat.facts.chart import Chart
from caveat.truth import TRUE

WRITTEN_AFTER = 16
"""How often a group is asked before its sheet is written as a function, which takes a millisecond or so."""


Quiet = tuple[tuple[Read, float, float], ...] | None
"""Numbers with the span of each in which no rule of a group holds; None where numbers alone do not tell."""


class Group:
    """The rules of one kind of subject that name one ingredient.

    Rules that need a recorded disease are found by the value sets the record touches; the others
    stand on a sheet, which is laid out when the ingredient is first met, and written as a function
    when it was met `written_after` times.
    """

    __slots__ = (
        "_asked",
        "_closures",
        "_sheet",
        "_written_after",
        "ask",
        "by_set",
        "entries",
        "needing_a_condition",
        "others",
    )

    def __init__(self, closures: Closures, written_after: int = WRITTEN_AFTER) -> None:
        self._closures = closures
        self._written_after = written_after
        self._asked = 0
        self._sheet: Sheet | None = None
        self.ask: Ask = self._counting
        """Notes the rules that need no recorded disease; raises what a condition raises."""
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

    def quiet(self) -> Quiet:
        """Where every rule sets a limit to some number: the spans within which none of them holds."""
        if self.by_set is not None:
            return None
        try:
            self._sheet = sheet = self._sheet or laid_out(self.others, self._closures)
        except Exception:  # a rule that cannot be compiled is told when it is asked
            return None
        if sheet.tests or any(sheet.known):
            return None
        return tuple([(ladder.read, *ladder.quiet) for ladder in sheet.ladders])

    def _counting(self, chart: Chart, view: Any, hits: list[Hit]) -> None:
        """Ask the sheet, which is laid out when it is first asked, and written when that pays."""
        sheet = self._sheet
        if sheet is None:
            self._sheet = sheet = laid_out(self.others, self._closures)
        if self._asked >= self._written_after:
            self.ask = sheet.asked  # and so it stays, should the writing fail
            self.ask = written(sheet, self._closures) or sheet.asked
            self.ask(chart, view, hits)
            return
        self._asked += 1
        sheet.ask(chart, view, TRUE, hits)

    def called_for(self, chart: Chart) -> Collection[Entry]:
        """The rules that need a recorded disease, of which the record has one or may have it; each once."""
        by_set = self.by_set
        if by_set is None:
            return ()
        sets = touched(chart)
        if sets is None:
            return self.needing_a_condition
        lists = [by_set[name] for name in sets if name in by_set]
        if len(lists) < 2:
            return lists[0] if lists else ()
        return dict.fromkeys([entry for listed in lists for entry in listed])


def ask_whole(entries: Iterable[Entry], chart: Chart, view: Any, hits: list[Hit]) -> None:
    """Note those whose condition is not FALSE. Raises what a condition raises."""
    for entry in entries:
        held = entry.when(chart, view, None, None)
        if held:
            hits.append((entry, held))


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
