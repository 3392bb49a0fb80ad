"""Rules judged for many subjects at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import (
    AllergyLeaf,
    Always,
    ChoiceLeaf,
    ConditionLeaf,
    CountLeaf,
    DoseMultipleLeaf,
    IndicationLeaf,
    KnownLeaf,
    Leaf,
    NumberLeaf,
    OrderIsLeaf,
    OrderNumberLeaf,
    SumLeaf,
)
from caveat.compile.program import CompiledRule
from caveat.evaluators.columnar import of_choices, of_lists, of_orders, of_patients, of_sums
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.truths import Judged, Names, Truths, evaluate, plain, undecided
from caveat.evaluators.leaves import asks_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from caveat.evaluators.columnar.arrays import Longs

FIRES, CANNOT_ASSESS, EXCEPTED, ERROR = 0, 1, 2, 3
"""Places in `results.STATUSES`."""

Kernel = "Callable[[Any, Facts, Frame], Truths]"


def _always(leaf: Always, facts: Facts, frame: Frame) -> Truths:
    import numpy as np

    return plain(np.full(frame.count, 0 if leaf.negated else 2, np.int8))


def _known(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths:
    if leaf.fact.startswith("order."):
        return of_orders.known_of_order(leaf, facts, frame)
    if leaf.fact.startswith("allergy."):
        return of_lists.known_of_allergy(leaf, facts, frame)
    found = of_choices.known(leaf, facts, frame)
    return of_patients.known_number(leaf, facts, frame) if found is None else found


KERNELS: dict[type, Callable[[Any, Facts, Frame], Truths]] = {
    Always: _always,
    NumberLeaf: of_patients.number_leaf,
    OrderNumberLeaf: of_orders.order_number,
    OrderIsLeaf: of_orders.order_is,
    DoseMultipleLeaf: of_orders.multiple,
    IndicationLeaf: of_orders.indication,
    ConditionLeaf: of_lists.condition,
    AllergyLeaf: of_lists.allergy,
    CountLeaf: of_sums.count,
    SumLeaf: of_sums.total,
    KnownLeaf: _known,
    ChoiceLeaf: of_choices.choice,
}


def leaf_truths(leaf: Leaf, facts: Facts, frame: Frame) -> Truths:
    """The truths of a leaf for every subject of a frame, judged once a frame.

    A leaf that no kernel knows, or whose kernel fails, is left to be judged one record at a time.
    """
    found = frame.leaves.get(leaf)
    if found is None:
        kernel = KERNELS.get(type(leaf))
        if frame.allergy is not None and asks_order(leaf) and (frame.first < 0).any():
            found = _of_orders(leaf, facts, frame)
        else:
            found = undecided(frame.count) if kernel is None else kernel(leaf, facts, frame)
        frame.leaves[leaf] = found
    return found


def _of_orders(leaf: Leaf, facts: Facts, frame: Frame) -> Truths:
    """A leaf on the judged order; UNKNOWN where a subject names none, as the allergy list is not known."""
    import numpy as np

    some = np.flatnonzero(frame.first >= 0)
    kernel = KERNELS[type(leaf)]
    found = kernel(leaf, facts, Frame(frame.rows[some], frame.first[some], None, frame.allergy[some]))
    low, high = np.ones(frame.count, np.int8), np.ones(frame.count, np.int8)
    lacking = np.full(frame.count, 1 << len(found.names), np.int64)
    low[some], high[some], lacking[some] = found.low, found.high, found.lacking
    return Truths(low, high, (*found.names, "allergies"), lacking)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule gave: an entry a subject that was not cleared.

    `subject` is its place in the frame. `lacking` holds bits of `names`, `unchecked` bits of the
    exceptions in the order of the rule.
    """

    index: int
    rule: CompiledRule
    frame: Frame
    names: Names
    subject: Longs
    status: Any
    lacking: Longs
    unchecked: Longs


def judge(index: int, rule: CompiledRule, facts: Facts, frame: Frame) -> tuple[Ruling, Any]:
    """A rule for every subject of a frame, and the patients that must be judged one at a time."""
    import numpy as np

    names = Names()

    def ask(leaf: Leaf) -> Truths:
        return leaf_truths(leaf, facts, frame)

    when = evaluate(rule.when, ask, names)
    when = _limited(when, frame, names)
    hard = when.low != when.high
    open_ = (when.high > 0) & ~hard
    excepted = np.zeros(frame.count, np.bool_)
    unsure = np.zeros(frame.count, np.bool_)
    unchecked = np.zeros(frame.count, np.int64)
    if open_.any():
        for place, exclusion in enumerate(rule.unless):
            found = evaluate(exclusion.node, ask, Names())
            excepted |= found.low == 2
            unsure |= found.low != found.high
            unchecked |= np.where((found.low == 1) & (found.high == 1), 1 << min(place, 62), 0)
    if names.overflow:
        unsure |= when.low == 1
    hard |= open_ & unsure & ~excepted
    if len(rule.unless) > 62:
        hard |= open_
    subject = np.flatnonzero(open_ & ~hard)
    truth = when.low[subject]
    status = np.where(truth == 2, FIRES, CANNOT_ASSESS).astype(np.int8)
    status[excepted[subject]] = EXCEPTED
    lacking = np.where(status == CANNOT_ASSESS, when.lacking[subject], 0)
    left = np.where(status == EXCEPTED, 0, unchecked[subject])
    return Ruling(index, rule, frame, names, subject, status, lacking, left), frame.rows[hard]


def _limited(when: Judged, frame: Frame, names: Names) -> Judged:
    """A pair that may not overlap, and an allergy list that is not known, are UNKNOWN at best."""
    import numpy as np

    low, high, lacking = when.low, when.high, np.broadcast_to(when.lacking, (frame.count,))
    for doubtful, name in (
        (None if frame.allergy is None else frame.allergy < 0, "allergies"),
        (None if frame.overlaps is None else frame.overlaps == 1, "overlap"),
    ):
        if doubtful is None or not doubtful.any():
            continue
        unsure = low != high  # what is missing must be told too, so these stay undecided
        low = np.where(doubtful, np.where(unsure, 0, np.minimum(low, 1)), low)
        high = np.where(doubtful, np.minimum(high, 1), high)
        bit = names.remapped((name,), 1)
        lacking = np.where(doubtful & (low == 1) & (high == 1), lacking | bit, lacking)
    return Judged(low, high, lacking)
