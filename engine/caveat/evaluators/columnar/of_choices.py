"""Leaves that ask for a stated fact: sex, pregnancy, Child-Pugh class, context, what is known at all."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import ChoiceLeaf, ConditionLeaf, KnownLeaf
from caveat.evaluators.columnar.derived import derived
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.of_lists import of_everyone
from caveat.evaluators.columnar.points import possible
from caveat.evaluators.columnar.spans import Span
from caveat.evaluators.columnar.spans import known as is_known
from caveat.evaluators.columnar.truths import Truths, alone, plain
from caveat.facts.catalog import CLOSED_LISTS
from caveat.facts.choices import CHILDBEARING, LASTS

LISTS = ("orders", "conditions", "allergies", "observations")


def choice(leaf: ChoiceLeaf, facts: Facts, frame: Frame) -> Truths:
    """A stated fact is one of some values."""
    found = _choice(leaf, facts, frame)
    return found.negated() if leaf.negated else found


def _choice(leaf: ChoiceLeaf, facts: Facts, frame: Frame) -> Truths:
    import numpy as np

    fact, rows = leaf.fact, frame.rows
    if fact in ("pregnant", "lactating"):
        values, hard = _reproductive(fact, facts)
        yes, no = "true" in leaf.values, "false" in leaf.values
        return alone(_yes_or_no(values[rows], yes, no), hard[rows], fact)
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


def _reproductive(fact: str, facts: Facts) -> tuple[Any, Any]:
    """Pregnancy or lactation as `caveat.facts.choices` has it: 1, 0, or -1 for open; and where it is hard."""
    if ("reproductive", fact) not in facts.memo:
        facts.memo["reproductive", fact] = _childbearing(fact, facts)
    found: tuple[Any, Any] = facts.memo["reproductive", fact]
    return found


def _childbearing(fact: str, facts: Facts) -> tuple[Any, Any]:
    import numpy as np

    stated = facts.flag(fact).copy()
    kind = "pregnancy" if fact == "pregnant" else "lactation"
    recorded = of_everyone(ConditionLeaf((kind,), "active"), facts)
    mentioned = (recorded.low != 0) & (np.asarray(recorded.lacking) & 4 == 0)
    over = np.zeros(facts.count, np.bool_)
    if fact == "pregnant" and (recorded.low == 2).any():
        over = (recorded.low == 2) & (of_everyone(ConditionLeaf((kind,), "active", LASTS), facts).low == 0)
    years, most, unsure = facts.years
    male = facts.word("sex", ("male", "female")) == 0
    unstated = stated < 0
    found = np.full(facts.count, -1, np.int32)
    outside = (years >= 0) & ((most < CHILDBEARING[0]) | (years >= CHILDBEARING[1])) & ~mentioned
    absent = (recorded.low == 0) & (facts.completeness("conditions") == 0)
    found[outside | absent] = 0
    # a doubtful mention, or any mention in a man, leaves it open
    found[mentioned] = -1
    found[(recorded.low == 2) & ~over & ~male] = 1
    found[male & ~mentioned] = 0
    found[~unstated] = stated[~unstated]
    hard = unstated & unsure & ~male & ~mentioned
    return found, hard


def _is_known(leaf: KnownLeaf, held: Any, hard: Any) -> Truths:
    import numpy as np

    found = alone(np.where(held, 2, 0), hard)
    return found.negated() if leaf.negated else found


def points_of(facts: Facts) -> Span:
    """The Child-Pugh points of everyone."""
    found = derived("child_pugh_score", facts, None)
    assert found is not None
    return found


def _child_pugh(leaf: ChoiceLeaf, facts: Facts) -> Truths:
    """Whether the class that the points give is one of some."""
    import numpy as np

    found = points_of(facts)
    some, every = np.zeros(facts.count, np.bool_), np.ones(facts.count, np.bool_)
    for name, here in possible(found).items():
        if name in leaf.values:
            some |= here
        else:
            every &= ~here
    truth = np.where(some, np.where(every, 2, 1), 0).astype(np.int8)
    # points that no class has fail as a rule does
    hard = found.hard | ~np.logical_or.reduce(list(possible(found).values()))
    lacking = np.where(is_known(found.low), np.where(found.complete, 0, 1), 2)
    return alone(truth, hard, "child_pugh_class", "child_pugh_score", lacking=lacking)


def known(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths | None:
    """A stated fact or a list is known; None for what is a number."""
    import numpy as np

    fact, rows = leaf.fact, frame.rows
    if fact in LISTS:
        held = facts.listed(fact)[rows]
    elif fact in CLOSED_LISTS:
        held = (facts.listed(CLOSED_LISTS[fact]) & (facts.completeness(CLOSED_LISTS[fact]) == 0))[rows]
    elif fact == "sex":
        held = facts.word("sex", ("male", "female"))[rows] >= 0
    elif fact == "context.care_setting":
        held = facts._column(fact).is_valid().to_numpy(zero_copy_only=False)[rows]
    elif fact.startswith("context."):
        held = facts.flag(fact)[rows] >= 0
    elif fact in ("pregnant", "lactating"):
        values, hard = _reproductive(fact, facts)
        return _is_known(leaf, values[rows] >= 0, hard[rows])
    elif fact == "child_pugh_class":
        points = points_of(facts)
        classes = sum(here.astype(np.int32) for here in possible(points).values())
        return _is_known(leaf, classes == 1, points.hard | (classes == 0)).at(rows)
    else:
        return None
    found = plain(np.where(held, 2, 0))
    return found.negated() if leaf.negated else found
