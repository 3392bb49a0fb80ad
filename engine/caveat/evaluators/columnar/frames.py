"""Which subjects each rule is judged for, found by ingredient."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from caveat.compile.program import CompiledRule
from caveat.evaluators.columnar.arrays import distinct, joined
from caveat.evaluators.columnar.facts import Facts, Frame


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
        allergies, rows = facts.allergies, facts.orders.rows
        # to an ingredient of the order that the rule is about, or to what the rule names beside it
        among = facts.known.catalogue.among
        meant = ~among(rule.left_out) if rule.of_any else among(rule.first)
        order, entry, names = self._shared
        kept = meant[names]
        beside = allergies.to_any(among(rule.second)) if rule.second else np.zeros(0, np.int64)
        which, place = joined(rows[at], allergies.rows[beside])
        subject = np.concatenate([order[kept], at[place]])
        entry = np.concatenate([entry[kept], beside[which]])
        # an order of somebody whose list is not known, and that no allergy was found for
        open_ = at[self._unlisted[rows[at]]]
        some = np.isin(open_, subject) & facts.listed("allergies")[rows[open_]]
        open_ = open_[~some]
        if rule.of_any and len(open_):
            whose = rows[open_]
            open_ = open_[np.append(True, whose[1:] != whose[:-1])]  # one for all orders of a patient
        subject = np.concatenate([subject, open_])
        entry = np.concatenate([entry, np.full(len(open_), -1, np.int64)])
        size = allergies.lists.count + 1
        subject, entry = np.divmod(distinct(subject.astype(np.int64) * size + (entry + 1)), size)
        entry -= 1
        judged = np.where(entry < 0, -1, subject) if rule.of_any else subject
        return Frame(rows[subject], judged, None, entry)

    @cached_property
    def _unlisted(self) -> Any:
        """Patients whose allergies are not known, or not all of them."""
        return ~self.facts.listed("allergies") | (self.facts.completeness("allergies") == 2)

    @cached_property
    def _shared(self) -> tuple[Any, Any, Any]:
        """Each current order with each allergy to one of its ingredients, and that ingredient."""
        import numpy as np

        allergies, orders = self.facts.allergies, self.facts.orders
        to = allergies.ingredients
        entries = np.flatnonzero(to.known[allergies.concepts.codes] & ~allergies.refuted)
        which, place = orders.lists.of(allergies.rows[entries])
        kept = orders.current[place]
        entry, place = entries[which[kept]], place[kept]
        which, names = orders.ingredients(place)
        entry, place = entry[which], place[which]
        kept = to.holding(allergies.concepts.codes[entry], names)
        return place[kept], entry[kept], names[kept]
