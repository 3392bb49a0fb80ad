"""Leaves that ask the condition list or the judged allergy."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import AllergyLeaf, ConditionLeaf, KnownLeaf
from caveat.evaluators.columnar.arrays import joined
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.truths import Truths, alone, plain, undecided

FEW = 4
"""A frame of fewer than one patient in so many is asked by itself, not with everyone."""


def condition(leaf: ConditionLeaf, facts: Facts, frame: Frame) -> Truths:
    """A condition of some value sets is recorded, or is not."""
    if leaf.during_order:
        return answer(leaf, facts, frame.rows, frame.first)
    if ("condition", leaf) not in facts.memo and frame.count * FEW < facts.count:
        return answer(leaf, facts, frame.rows, None)
    return of_everyone(leaf, facts).at(frame.rows)


def of_everyone(leaf: ConditionLeaf, facts: Facts) -> Truths:
    """The truths of a leaf that asks nothing of an order, for every patient."""
    import numpy as np

    key = ("condition", leaf)
    if key not in facts.memo:
        facts.memo[key] = answer(leaf, facts, np.arange(facts.count), None)
    found: Truths = facts.memo[key]
    return found


def _entries(leaf: ConditionLeaf, facts: Facts) -> tuple[Any, Any, Any, Any]:
    """Entries that are or may be meant, with their truth without dates, and what that lacks."""
    import numpy as np

    conditions = facts.conditions
    at, member = conditions.among(frozenset(leaf.sets))
    used = conditions.used[at]
    at, member = at[used], member[used]
    truth = np.full(len(at), 2, np.int8)
    lacks = np.zeros(len(at), np.bool_)
    if leaf.status != "ever":
        active = conditions.active[at]
        truth = active.copy() if leaf.status == "active" else (2 - active).astype(np.int8)
        lacks |= active == 1
    unsure = conditions.unsure[at]
    truth[unsure] = np.minimum(truth[unsure], 1)
    lacks |= unsure
    return at, member, truth, lacks


def answer(leaf: ConditionLeaf, facts: Facts, rows: Any, orders: Any) -> Truths:
    """For each subject: `caveat.facts.problems_list.has_condition`, or `lacks_condition`."""
    import numpy as np

    conditions = facts.conditions
    name = "condition:" + " or ".join(leaf.sets)
    at, member, truth, lacks = _entries(leaf, facts)
    noted = conditions.noted.at(at)
    if leaf.within is not None:
        limit = facts.as_of - leaf.within
        recent = _on_or_after(noted, limit, limit)
        truth = np.minimum(truth, recent)
        lacks = lacks | (recent == 1)
    count = len(rows)
    subject, entry = joined(conditions.rows[at], rows)
    held, lacking = truth[entry], lacks[entry].astype(np.int64)
    if orders is not None:
        start = facts.orders.start.at(orders[subject])
        one = noted.at(entry)
        after = _on_or_after(one, start.first, start.last)
        lacking |= (after == 1) & start.known
        after = np.where(start.known, after, 1)
        lacking |= np.where(~start.known, 2, 0)
        held = np.minimum(held, after)
    maybe = member[entry] == 1
    held = np.where(maybe & (held != 0), 1, held)
    lacking = np.where(maybe, 1, lacking)
    best = np.zeros(count, np.int8)
    np.maximum.at(best, subject, held.astype(np.int8))
    mask = np.zeros(count, np.int64)
    open_ = held == 1
    np.bitwise_or.at(mask, subject[open_], lacking[open_])
    mask[best != 1] = 0
    return _with_gaps(leaf, facts, rows, best, mask, name)


def _with_gaps(leaf: ConditionLeaf, facts: Facts, rows: Any, best: Any, mask: Any, name: str) -> Truths:
    """What the list itself leaves open: not there, not complete, entries that are not recognised."""
    import numpy as np

    names = (name, "start", "conditions")
    listed = facts.listed("conditions")[rows]
    complete = facts.completeness("conditions")[rows]
    found = best != 0
    gap = ~listed | ((best == 0) & (complete == 2))
    truth = np.where(gap, 1, best).astype(np.int8)
    if leaf.negated:
        if "unrecognised conditions" not in facts.memo:
            doubtful = np.zeros(facts.count, np.bool_)
            doubtful[facts.conditions.rows[facts.conditions.unrecognised]] = True
            facts.memo["unrecognised conditions"] = doubtful
        unsure = (truth == 0) & (facts.memo["unrecognised conditions"][rows] | (~found & (complete != 0)))
        truth = np.where(unsure, 1, 2 - truth).astype(np.int8)
        gap = gap | unsure
    mask = np.where(gap, 4, mask)
    return Truths(truth, truth, names, mask)


def _on_or_after(noted: Any, first: Any, last: Any) -> Any:
    import numpy as np

    found = np.where(noted.first >= last, 2, np.where(noted.last < first, 0, 1)).astype(np.int8)
    found[~noted.known] = 1
    return found


def allergy(leaf: AllergyLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged allergy; without an allergy list, UNKNOWN."""
    import numpy as np

    from caveat.evaluators.columnar.arrays import field, lists, words

    at = frame.allergy
    if at is None:
        return undecided(frame.count)
    if leaf.prop in ("reaction", "only_reaction"):
        # what is recorded is matched one record at a time; nothing recorded is UNKNOWN
        said = np.append(lists(field(facts.allergies.items, "reactions")).lengths > 0, False)[at]
        beside = np.where(at < 0, 2, 1)
        return alone(np.ones(frame.count, np.int8), said, "allergy reaction", "allergies", lacking=beside)
    if leaf.prop in ("taken_since", "to_ingredient"):
        yes = 2 if ("true" in leaf.values) != leaf.negated else 0
        if leaf.prop == "to_ingredient":
            own = _to_what_is_ordered(facts, frame)
            return plain(np.where(at < 0, 1, np.where(own, yes, 2 - yes)), "allergies")
        # a course that has ended is looked at one record at a time; without any, nothing was taken since
        return alone(np.where(at < 0, 1, 2 - yes), _after_a_course(facts, frame), "allergies")
    prop = "clinical_status" if leaf.prop == "status" else leaf.prop
    found = words(field(facts.allergies.items, prop))
    table = []
    for text in found.texts():
        if leaf.prop == "status":
            held = "ever" in leaf.values or text not in ("inactive", "resolved")
        elif leaf.prop == "type":
            held = (text or "allergy") in leaf.values
        else:
            held = text in leaf.values
        unknown = text is None and leaf.prop not in ("status", "type")
        table.append(1 if unknown else 2 if held else 0)
    codes = np.append(found.codes, -1)[at]
    truth = np.array(table, np.int8)[codes]
    truth[at < 0] = 1
    names = (f"allergy {leaf.prop}", "allergies")
    truths = Truths(truth, truth, names, np.where(at < 0, 2, 1))
    return truths.negated() if leaf.negated else truths


def _to_what_is_ordered(facts: Facts, frame: Frame) -> Any:
    """Which allergies are to an ingredient of the judged order."""
    import numpy as np

    allergies, orders = facts.allergies, facts.orders
    found = np.zeros(frame.count, np.bool_)
    places = np.flatnonzero((frame.allergy >= 0) & (frame.first >= 0))
    products = orders.products.codes[frame.first[places]].tolist()
    concepts = allergies.concepts.codes[frame.allergy[places]].tolist() if len(places) else []
    views, known = orders.products.views, {}
    for place, key in zip(places.tolist(), zip(products, concepts, strict=True), strict=True):
        if key not in known:
            resolution = allergies.resolutions[key[1]]
            held = () if resolution is None else resolution.ingredients
            known[key] = not set(held).isdisjoint(views[key[0]].ingredients)
        found[place] = known[key]
    return found


def _after_a_course(facts: Facts, frame: Frame) -> Any:
    """Which judged orders come after an ended one, not stopped, that shares an ingredient with them."""
    import numpy as np

    orders = facts.orders
    ended = np.flatnonzero(orders.ended & ~orders.is_one_of(orders.status, ("stopped",)))
    found = np.zeros(frame.count, np.bool_)
    places = np.flatnonzero((frame.allergy >= 0) & (frame.first >= 0))
    lows = np.searchsorted(orders.rows[ended], frame.rows[places], "left").tolist()
    highs = np.searchsorted(orders.rows[ended], frame.rows[places], "right").tolist()
    codes, views = orders.products.codes, orders.products.views
    for place, low, high in zip(places.tolist(), lows, highs, strict=True):
        if low < high:
            own = set(views[codes[frame.first[place]]].ingredients)
            others = codes[ended[low:high]].tolist()
            found[place] = any(not own.isdisjoint(views[code].ingredients) for code in others)
    return found


def known_of_allergy(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged allergy is recorded; nothing is where the allergy list is not known."""
    import numpy as np

    from caveat.evaluators.columnar.arrays import field, lists, valid

    at = frame.allergy
    if at is None:
        return undecided(frame.count)
    prop = leaf.fact.removeprefix("allergy.")
    items = facts.allergies.items
    said = prop == "reaction"
    held = lists(field(items, "reactions")).lengths > 0 if said else valid(field(items, prop))
    found = plain(np.where(np.append(held, False)[at], 2, 0))
    return found.negated() if leaf.negated else found
