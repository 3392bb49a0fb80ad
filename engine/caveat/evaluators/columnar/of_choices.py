"""Leaves that ask for a stated fact: sex, pregnancy, Child-Pugh class, context, what is known at all."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from caveat.compile.nodes import ChoiceLeaf, ConditionLeaf, KnownLeaf
from caveat.evaluators.columnar.arrays import valid
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.of_lists import answer
from caveat.evaluators.columnar.of_orders import latest_number
from caveat.evaluators.columnar.ranges import compare
from caveat.evaluators.columnar.truths import Truths, alone, plain, undecided
from caveat.facts.choices import CHILDBEARING
from caveat.intervals import Interval
from caveat.units import parse_unit, to_base

LISTS = ("orders", "conditions", "allergies", "observations")


def choice(leaf: ChoiceLeaf, facts: Facts, frame: Frame) -> Truths:
    """A stated fact is one of some values."""
    found = _choice(leaf, facts, frame)
    return found.negated() if leaf.negated else found


def _choice(leaf: ChoiceLeaf, facts: Facts, frame: Frame) -> Truths:
    import numpy as np

    fact, rows = leaf.fact, frame.rows
    if fact in ("pregnant", "lactating"):
        return _reproductive(leaf, facts).at(rows)
    if fact == "child_pugh_class":
        return _child_pugh(leaf, facts).at(rows)
    short = fact.removeprefix("context.")
    if fact == "sex" or short == "care_setting":
        settings = ("ambulatory", "inpatient", "emergency", "intensive-care", "home", "long-term-care")
        values = ("female", "male") if fact == "sex" else settings
        codes = facts.word(fact, values)[rows]
        open_ = 2 if set(values) <= set(leaf.values) else 1 if set(values) & set(leaf.values) else 0
        table = np.array([2 if value in leaf.values else 0 for value in values] + [open_], np.int8)
        return plain(table[codes], short)
    yes, no = "true" in leaf.values, "false" in leaf.values
    return plain(_yes_or_no(facts.flag(fact)[rows], yes, no), short)


def _yes_or_no(flags: Any, yes: bool, no: bool) -> Any:
    """Truths of a yes or no (-1 open) being among the wanted ones."""
    import numpy as np

    return np.array([2 * no, 2 * yes, yes + no], np.int8)[flags]


def _reproductive(leaf: ChoiceLeaf, facts: Facts) -> Truths:
    """`caveat.facts.choices` for pregnancy and lactation; plain where no condition speaks of it in doubt."""
    import numpy as np

    stated = facts.flag(leaf.fact).copy()
    kind = "pregnancy" if leaf.fact == "pregnant" else "lactation"
    recorded = answer(ConditionLeaf((kind,), "active"), facts, np.arange(facts.count), None)
    mentioned = (recorded.low != 0) & (np.asarray(recorded.lacking) & 4 == 0)
    years, most, unsure = facts.years
    male = facts.word("sex", ("male", "female")) == 0
    unstated = stated < 0
    found = np.full(facts.count, -1, np.int32)
    outside = (years >= 0) & ((most < CHILDBEARING[0]) | (years >= CHILDBEARING[1])) & ~mentioned
    absent = (recorded.low == 0) & (facts.completeness("conditions") == 0)
    found[outside | absent] = 0
    # a doubtful mention, or any mention in a man, leaves it open
    found[mentioned] = -1
    found[(recorded.low == 2) & ~male] = 1
    found[male & ~mentioned] = 0
    found[~unstated] = stated[~unstated]
    hard = unstated & unsure & ~male & ~mentioned
    yes, no = "true" in leaf.values, "false" in leaf.values
    return alone(_yes_or_no(found, yes, no), hard, leaf.fact)


CHILD_PUGH_LIMITS = {
    "bilirubin_total": ("mg/dL", "2", "3"),
    "albumin": ("g/dL", "2.8", "3.5"),
    "inr": ("1", "1.7", "2.3"),
}
"""Between the two limits, both included, a part gives 2 points; see `caveat.facts.derive.child_pugh`."""


def _child_pugh(leaf: ChoiceLeaf, facts: Facts) -> Truths:
    """The class as stated, else from the points of five parts; a part that is not plain is judged alone."""
    import numpy as np

    stated = facts.word("child_pugh", ("A", "B", "C"))
    low, high = np.zeros(facts.count, np.int64), np.zeros(facts.count, np.int64)
    hard = facts.observations.latest("child_pugh_score").recorded
    for concept, (unit, middle, top) in CHILD_PUGH_LIMITS.items():
        least, most, rough = latest_number(facts, concept, None)
        limits = Interval(
            to_base(Fraction(middle), parse_unit(unit)), to_base(Fraction(top), parse_unit(unit))
        )
        close = compare(least, most, limits)[1]
        hard = hard | rough | close
        assert limits.low is not None
        assert limits.high is not None
        ends = []
        for value in (least, most):
            points = 1 + (value > float(limits.low)) + (value > float(limits.high))
            ends.append(4 - points if concept == "albumin" else points)
        unknown = np.isnan(least)
        low += np.where(unknown, 1, np.minimum(*ends))
        high += np.where(unknown, 3, np.maximum(*ends))
    for name in ("ascites", "hepatic-encephalopathy"):
        truth = answer(ConditionLeaf((name,), "active"), facts, np.arange(facts.count), None).low
        low += np.where(truth == 2, 2, 1)
        high += np.where(truth == 0, 1, 3)
    wanted = set(leaf.values)
    found = _among(low, high, wanted)
    table = np.array([2 if value in wanted else 0 for value in "ABC"], np.int8)
    return alone(np.where(stated < 0, found, table[stated]), hard & (stated < 0), "child_pugh_class")


def _among(low: Any, high: Any, wanted: set[str]) -> Any:
    """Whether points from `low` to `high` give one of the wanted classes."""
    import numpy as np

    some, every = np.zeros(len(low), np.bool_), np.ones(len(low), np.bool_)
    for name, (first, last) in {"A": (5, 6), "B": (7, 9), "C": (10, 15)}.items():
        possible = (low <= last) & (high >= first)
        if name in wanted:
            some |= possible
        else:
            every &= ~possible
    return np.where(some, np.where(every, 2, 1), 0).astype(np.int8)


def known(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths | None:
    """A stated fact or a list is known; None for what is a number."""
    import numpy as np

    fact, rows = leaf.fact, frame.rows
    if fact in LISTS:
        held = valid(facts.batch.column(fact))[rows]
    elif fact == "sex":
        held = facts.word("sex", ("male", "female"))[rows] >= 0
    elif fact == "context.care_setting":
        held = facts._column(fact).is_valid().to_numpy(zero_copy_only=False)[rows]
    elif fact.startswith("context."):
        held = facts.flag(fact)[rows] >= 0
    elif fact in ("pregnant", "lactating", "child_pugh_class"):
        return undecided(len(rows))
    else:
        return None
    found = plain(np.where(held, 2, 0))
    return found.negated() if leaf.negated else found
