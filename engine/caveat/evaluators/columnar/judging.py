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
from caveat.evaluators.columnar.truths import Decided, Names, Truths, decide, plain, undecided
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


def leaf_truths(leaf: Leaf, facts: Facts, frame: Frame, places: Any = None) -> Truths:
    """The truths of a leaf for the subjects of a frame (at some places), kept where it is asked of most.

    A leaf that no kernel knows, or whose kernel fails, is left to be judged one record at a time.
    """
    found = frame.leaves.get(leaf)
    if found is None:
        if places is not None and len(places) * FEW < frame.count and frame.count >= FEWEST:
            return _asked(leaf, facts, frame.at(places))
        found = frame.leaves[leaf] = _asked(leaf, facts, frame)
    return found if places is None else found.at(places)


FEW = 2
"""A leaf is asked for some subjects by themselves where these are fewer than one in so many."""
FEWEST = 200
"""Frames of fewer subjects are always asked whole."""


def _asked(leaf: Leaf, facts: Facts, frame: Frame) -> Truths:
    if frame.allergy is not None and asks_order(leaf) and (frame.first < 0).any():
        return _of_orders(leaf, facts, frame)
    kernel = KERNELS.get(type(leaf))
    return undecided(frame.count) if kernel is None else kernel(leaf, facts, frame)


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

    def ask(leaf: Leaf, places: Any) -> Truths:
        return leaf_truths(leaf, facts, frame, places)

    when = decide(rule.when, ask, None, frame.count)
    low, high, doubts = _limited(when, frame)
    hard = np.zeros(frame.count, np.bool_) if low is high else low != high
    subject = np.flatnonzero((high > 0) & ~hard)
    truth = low[subject]
    lacking = _lacking(when, subject[truth == 1], doubts, names)
    if names.overflow:
        hard[subject[truth == 1]] = True
        subject = subject[truth != 1]
        truth, lacking = low[subject], np.zeros(0, np.int64)
    excepted, unsure, unchecked = _excepted(rule, ask, subject)
    if unsure.any():
        hard[subject[unsure]] = True
        subject, truth, excepted, unchecked, lacking = (
            subject[~unsure],
            truth[~unsure],
            excepted[~unsure],
            unchecked[~unsure],
            lacking[~unsure[truth == 1]],
        )
    status = np.where(truth == 2, FIRES, CANNOT_ASSESS).astype(np.int8)
    masks = np.zeros(len(subject), np.int64)
    masks[truth == 1] = lacking
    if rule.unless:
        status[excepted] = EXCEPTED
        masks[excepted] = 0
        unchecked[excepted] = 0
    return Ruling(index, rule, frame, names, subject, status, masks, unchecked), frame.rows[hard]


def _excepted(rule: CompiledRule, ask: Callable[[Leaf, Any], Truths], subject: Longs) -> tuple[Any, Any, Any]:
    """Which subjects an exception holds for, which must be judged alone, and what could not be checked."""
    import numpy as np

    count = len(subject)
    excepted, unsure = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    unchecked = np.zeros(count, np.int64)
    for place, exclusion in enumerate(rule.unless):
        left = np.flatnonzero(~excepted)
        if not len(left):
            break
        found = decide(exclusion.node, ask, subject[left], len(left))
        excepted[left] = found.low == 2
        if found.low is not found.high:
            unsure[left] |= found.low != found.high
        unchecked[left[found.open()]] |= 1 << min(place, 62)
    unsure &= ~excepted
    if len(rule.unless) > 62:
        unsure[:] = True
    return excepted, unsure, unchecked


def _lacking(when: Decided, open_: Longs, doubts: list[tuple[Any, str]], names: Names) -> Any:
    """What is missing for subjects that are UNKNOWN, as bits of `names`."""
    import numpy as np

    masks = np.zeros(len(open_), np.int64)
    if not len(open_):
        return masks
    some = np.flatnonzero(when.open(open_))
    masks[some] = when.lacking(open_[some], names)
    for doubtful, name in doubts:
        masks[doubtful[open_]] |= names.remapped((name,), 1)
    return masks


def _limited(when: Decided, frame: Frame) -> tuple[Any, Any, list[tuple[Any, str]]]:
    """A pair that may not overlap, and an allergy list that is not known, are UNKNOWN at best."""
    import numpy as np

    low, high, doubts = when.low, when.high, []
    for doubtful, name in (
        (None if frame.allergy is None else frame.allergy < 0, "allergies"),
        (None if frame.overlaps is None else frame.overlaps == 1, "overlap"),
    ):
        if doubtful is None or not doubtful.any():
            continue
        doubts.append((doubtful, name))
        if low is high:
            low = high = np.where(doubtful, np.minimum(low, 1), low)
            continue
        unsure = low != high  # what is missing must be told too, so these stay undecided
        low = np.where(doubtful, np.where(unsure, 0, np.minimum(low, 1)), low)
        high = np.where(doubtful, np.minimum(high, 1), high)
    return low, high, doubts
