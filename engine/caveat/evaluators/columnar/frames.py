"""Which subjects each rule is judged for, found by ingredient."""

from __future__ import annotations

from typing import Any

from caveat.compile.program import CompiledRule
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.of_lists import joined


class ByIngredient:
    """The orders of a batch, of one kind (current or ended), by the ingredients they hold."""

    def __init__(self, facts: Facts, chosen: Any) -> None:
        import numpy as np

        orders = facts.orders
        products = orders.products
        at = np.flatnonzero(chosen)
        codes = products.codes[at]
        first = products.first[codes]
        several = np.flatnonzero(products.several[codes]) if len(codes) else at[:0]
        number = facts.known.catalogue.number
        extra_at, extra = [], []
        for place in several.tolist():
            for name in products.views[codes[place]].ingredients[1:]:
                extra_at.append(at[place])
                extra.append(number[name])
        every = np.concatenate([at, np.array(extra_at, at.dtype)])
        names = np.concatenate([first, np.array(extra, np.int32)])
        order = np.lexsort((every, names))
        self._at, names = every[order], names[order]
        self._bounds = np.searchsorted(names, np.arange(len(facts.known.catalogue.names) + 1))

    def of(self, ingredient: int) -> Any:
        """The orders that hold an ingredient, in order."""
        return self._at[self._bounds[ingredient] : self._bounds[ingredient + 1]]

    def of_any(self, ingredients: tuple[int, ...]) -> Any:
        """The orders that hold any of some ingredients, in order."""
        import numpy as np

        if len(ingredients) == 1:
            return self.of(ingredients[0])
        found = [part for part in (self.of(one) for one in ingredients) if len(part)]
        return np.unique(np.concatenate(found)) if found else self._at[:0]


class Frames:
    """The frames of a batch, each made once for all the rules of one scope."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._kinds: dict[str, ByIngredient] = {}
        self._frames: dict[Any, Frame] = {}

    def _by(self, kind: str) -> ByIngredient:
        if kind not in self._kinds:
            orders = self.facts.orders
            self._kinds[kind] = ByIngredient(self.facts, orders.ended if kind == "ended" else orders.current)
        return self._kinds[kind]

    def numbers(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Numbers of the ingredients that any order could be of."""
        number = self.facts.known.catalogue.number
        return tuple([number[name] for name in names if name in number])

    def of(self, rule: CompiledRule) -> Frame:
        """Every subject of a rule, in the order of the record; pairs are found elsewhere."""
        key = (rule.subject, rule.first, rule.second if rule.subject == "allergy" else ())
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
        at = self._by(kind).of_any(self.numbers(rule.first))
        if rule.subject == "patient":
            return Frame(np.unique(rows[at]))
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
        known: dict[tuple[int, int], bool] = {}
        for place, key in enumerate(zip(products.tolist(), concepts.tolist(), strict=True)):
            if key not in known:
                resolution = allergies.resolutions[key[1]]
                targets = first.intersection(orders.products.views[key[0]].ingredients) | second
                held = () if resolution is None else resolution.ingredients
                known[key] = not targets.isdisjoint(held)
            fits[place] = known[key]
        subject, entry = subject[fits], entry[fits]
        listed = facts.listed("allergies")[rows]
        some = np.zeros(len(at), np.bool_)
        some[subject] = True
        open_ = np.flatnonzero(~listed | (~some & (facts.completeness("allergies")[rows] == 2)))
        subject = np.concatenate([subject, open_])
        entry = np.concatenate([entry, np.full(len(open_), -1, np.int64)])
        order = np.lexsort((entry, subject))
        subject, entry = subject[order], entry[order]
        return Frame(rows[subject], at[subject], None, entry)
