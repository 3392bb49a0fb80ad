"""Leaves that ask the condition list or the judged allergy."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import AllergyLeaf, ConditionLeaf, KnownLeaf
from caveat.evaluators.columnar.arrays import distinct, field, joined, valid
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
    best, mask = _without(leaf, facts, rows)
    subject, entry = joined(conditions.rows[at], rows)
    if len(subject):
        held, lacking = truth[entry], lacks[entry].astype(np.int8)
        if orders is not None:
            start = facts.orders.start.at(orders[subject])
            one = noted.at(entry)
            after = _on_or_after(one, start.first, start.last)
            lacking |= (after == 1) & start.known
            after = np.where(start.known, after, 1)
            lacking |= np.where(start.known, 0, 2).astype(np.int8)
            held = np.minimum(held, after)
        maybe = member[entry] == 1
        held = np.where(maybe & (held != 0), 1, held)
        lacking = np.where(maybe, 1, lacking)
        _tell(leaf, facts, rows, best, mask, subject, held, lacking)
    return Truths(best, best, (name, "start", "conditions"), mask)


def _tell(
    leaf: ConditionLeaf, facts: Facts, rows: Any, best: Any, mask: Any, subject: Any, held: Any, lacking: Any
) -> None:
    """Put what the entries of some subjects say in the place of what holds without any."""
    import numpy as np

    # the best entry of each, and what those lack that leave it open
    said = held != 0
    subject, held, lacking = subject[said], held[said], lacking[said]
    met = distinct(subject)
    place = np.searchsorted(met, subject)
    truth, lacks = np.zeros(len(met), np.int8), np.zeros(len(met), np.int8)
    np.maximum.at(truth, place, held.astype(np.int8))
    open_ = held == 1
    np.bitwise_or.at(lacks, place[open_], lacking[open_].astype(np.int8))
    lacks[truth != 1] = 0
    unlisted = ~facts.listed("conditions")[rows[met]]
    best[met] = np.where(unlisted, 1, 2 - truth if leaf.negated else truth)
    mask[met] = np.where(unlisted, 4, lacks)


def _without(leaf: ConditionLeaf, facts: Facts, rows: Any) -> tuple[Any, Any]:
    """The truth for patients without any entry that is meant, and what is missing where it is UNKNOWN.

    What leaves it open is the list: not there, not complete, or with entries that are not recognised.
    """
    import numpy as np

    key = ("no condition", leaf.negated)
    if key not in facts.memo:
        complete = facts.completeness("conditions")
        gap = ~facts.listed("conditions") | (complete == 2)
        if leaf.negated:
            doubtful = np.zeros(facts.count, np.bool_)
            doubtful[facts.conditions.rows[facts.conditions.unrecognised]] = True
            gap |= doubtful | (complete != 0)
        facts.memo[key] = np.where(gap, 1, 2 if leaf.negated else 0).astype(np.int8)
    truth = facts.memo[key][rows]
    return truth, np.where(truth == 1, 4, 0).astype(np.int8)


def _on_or_after(noted: Any, first: Any, last: Any) -> Any:
    import numpy as np

    found = np.where(noted.first >= last, 2, np.where(noted.last < first, 0, 1)).astype(np.int8)
    found[~noted.known] = 1
    return found


def allergy(leaf: AllergyLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged allergy; without an allergy list, UNKNOWN."""
    import numpy as np

    at = frame.allergy
    if at is None:
        return undecided(frame.count)
    if leaf.prop in ("reaction", "only_reaction"):
        # what is recorded is matched one record at a time; nothing recorded is UNKNOWN
        said = facts.allergies.reacting[at]
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
    found = facts.allergies.words(prop)
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

    allergies = facts.allergies
    found = np.zeros(frame.count, np.bool_)
    places = np.flatnonzero((frame.allergy >= 0) & (frame.first >= 0))
    if len(places):
        which, names = facts.orders.ingredients(frame.first[places])
        concepts = allergies.concepts.codes[frame.allergy[places]]
        found[places[which[allergies.ingredients.holding(concepts[which], names)]]] = True
    return found


def _after_a_course(facts: Facts, frame: Frame) -> Any:
    """Which judged orders come after an ended one, not stopped, that shares an ingredient with them."""
    import numpy as np

    found = np.zeros(frame.count, np.bool_)
    places = np.flatnonzero((frame.allergy >= 0) & (frame.first >= 0))
    taken = _taken(facts)
    if len(places) and len(taken):
        which, keys = _held(facts, frame.first[places])
        at = np.minimum(np.searchsorted(taken, keys), len(taken) - 1)
        found[places[which[taken[at] == keys]]] = True
    return found


def _taken(facts: Facts) -> Any:
    """What patients took in orders that ended and were not stopped: patient and ingredient as one number."""
    import numpy as np

    if "taken" not in facts.memo:
        orders = facts.orders
        facts.memo["taken"] = distinct(_held(facts, np.flatnonzero(orders.ended & ~orders.stopped))[1])
    return facts.memo["taken"]


def _held(facts: Facts, orders: Any) -> tuple[Any, Any]:
    """What some orders hold, patient and ingredient as one number; with it the place of the order."""
    import numpy as np

    which, names = facts.orders.ingredients(orders)
    return which, facts.orders.rows[orders[which]] * np.int64(len(facts.known.catalogue.names)) + names


def known_of_allergy(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged allergy is recorded; nothing is where the allergy list is not known."""
    import numpy as np

    at = frame.allergy
    if at is None:
        return undecided(frame.count)
    prop = leaf.fact.removeprefix("allergy.")
    allergies = facts.allergies
    said = prop == "reaction"
    held = allergies.reacting if said else np.append(valid(field(allergies.items, prop)), False)
    found = plain(np.where(held[at], 2, 0))
    return found.negated() if leaf.negated else found
