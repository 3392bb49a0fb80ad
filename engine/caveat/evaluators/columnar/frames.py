"""Which subjects each rule is judged for, found by ingredient."""

from __future__ import annotations

from typing import Any

from caveat.compile.program import CompiledRule
from caveat.evaluators.columnar.arrays import distinct, joined
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.subjects import judged_of


class Frames:
    """The frames of a batch, each made once for all the rules of one scope."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._frames: dict[Any, Frame] = {}

    def numbers(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Numbers of the ingredients that any order could be of."""
        number = self.facts.known.catalogue.number
        return tuple([number[name] for name in names if name in number])

    def of(self, rule: CompiledRule) -> Frame:
        """Every subject of a rule, in the order of the record; pairs are found elsewhere."""
        key = (rule.subject, rule.first, rule.left_out, rule.second if rule.subject == "allergy" else ())
        found = self._frames.get(key)
        if found is None:
            self._frames[key] = found = self._frame(rule)
        return found

    def _frame(self, rule: CompiledRule) -> Frame:
        import numpy as np

        rows = self.facts.orders.rows
        if rule.subject == "patient" and not rule.first:
            return Frame(np.arange(self.facts.count, dtype=np.int32))
        kind = "ended" if rule.subject == "stopped" else "current"
        at = self.facts.by_ingredient(kind).of_any(self.numbers(rule.first))
        if rule.of_any:
            at = self.facts.by_ingredient(kind).but(self.numbers(rule.left_out))
        if rule.subject == "patient":
            return Frame(distinct(rows[at]))
        if rule.subject == "allergy":
            return self._allergies(rule, at)
        return Frame(rows[at], at)

    def _allergies(self, rule: CompiledRule, at: Any) -> Frame:
        """Each order against each allergy to it; one without an allergy where the list is not known."""
        import numpy as np

        facts = self.facts
        allergies, orders = facts.allergies, facts.orders
        rows = orders.rows[at]
        subject, entry = joined(allergies.rows, rows)
        usable = ~allergies.refuted[entry] if len(entry) else np.zeros(0, np.bool_)
        subject, entry = subject[usable], entry[usable]
        products = orders.products.codes[at][subject]
        concepts = allergies.concepts.codes[entry] if len(entry) else entry
        fits = np.zeros(len(entry), np.bool_)
        first, second = frozenset(rule.first), frozenset(rule.second)
        views = orders.products.views
        known: dict[tuple[int, int], bool] = {}
        for place, key in enumerate(zip(products.tolist(), concepts.tolist(), strict=True)):
            if key not in known:
                resolution = allergies.resolutions[key[1]]
                targets = judged_of(rule, first, views[key[0]]) | second
                held = () if resolution is None else resolution.ingredients
                known[key] = not targets.isdisjoint(held)
            fits[place] = known[key]
        subject, entry = subject[fits], entry[fits]
        listed = facts.listed("allergies")[rows]
        some = np.zeros(len(at), np.bool_)
        some[subject] = True
        open_ = np.flatnonzero(~listed | (~some & (facts.completeness("allergies")[rows] == 2)))
        if rule.of_any:
            open_ = open_[np.unique(rows[open_], return_index=True)[1]]  # one for all orders of a patient
        subject = np.concatenate([subject, open_])
        entry = np.concatenate([entry, np.full(len(open_), -1, np.int64)])
        order = np.lexsort((entry, subject))
        subject, entry = subject[order], entry[order]
        judged = np.where(entry < 0, -1, at[subject]) if rule.of_any else at[subject]
        return Frame(rows[subject], judged, None, entry)
