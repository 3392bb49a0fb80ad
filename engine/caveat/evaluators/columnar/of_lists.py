"""Leaves that ask the condition list, the allergy list, counts and sums of medicines, and stated facts."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import AllergyLeaf, ChoiceLeaf, ConditionLeaf, CountLeaf, KnownLeaf, SumLeaf
from caveat.evaluators.columnar.arrays import valid
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.ranges import compare_span
from caveat.evaluators.columnar.truths import Truths, alone, plain, undecided
from caveat.facts.choices import CHILDBEARING

LISTS = ("orders", "conditions", "allergies", "observations")


def condition(leaf: ConditionLeaf, facts: Facts, frame: Frame) -> Truths:
    """A condition of some value sets is recorded, or is not."""
    if leaf.during_order:
        return _answer(leaf, facts, frame.rows, frame.first)
    key = ("condition", leaf)
    if key not in facts.memo:
        import numpy as np

        facts.memo[key] = _answer(leaf, facts, np.arange(facts.count), None)
    found: Truths = facts.memo[key]
    return found.at(frame.rows)


def _entries(leaf: ConditionLeaf, facts: Facts) -> tuple[Any, Any, Any, Any]:
    """Entries that are or may be meant, with their truth without dates, and what that lacks."""
    import numpy as np

    conditions = facts.conditions
    member = conditions.membership(frozenset(leaf.sets))
    at = np.flatnonzero((member > 0) & conditions.used)
    truth = np.full(len(at), 2, np.int8)
    lacks = np.zeros(len(at), np.bool_)
    if leaf.status != "ever":
        active = conditions.active[at]
        truth = active.copy() if leaf.status == "active" else (2 - active).astype(np.int8)
        lacks |= active == 1
    unsure = conditions.unsure[at]
    truth[unsure] = np.minimum(truth[unsure], 1)
    lacks |= unsure
    return at, member[at], truth, lacks


def _answer(leaf: ConditionLeaf, facts: Facts, rows: Any, orders: Any) -> Truths:
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
    subject, entry = _joined(conditions.rows[at], rows)
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
        doubtful = np.zeros(facts.count, np.bool_)
        conditions = facts.conditions
        doubtful[conditions.rows[conditions.unrecognised]] = True
        unsure = (truth == 0) & (doubtful[rows] | (~found & (complete != 0)))
        truth = np.where(unsure, 1, 2 - truth).astype(np.int8)
        gap = gap | unsure
    mask = np.where(gap, 4, mask)
    return Truths(truth, truth, names, mask)


def _on_or_after(noted: Any, first: Any, last: Any) -> Any:
    import numpy as np

    found = np.where(noted.first >= last, 2, np.where(noted.last < first, 0, 1)).astype(np.int8)
    found[~noted.known] = 1
    return found


def _joined(entry_rows: Any, subject_rows: Any) -> tuple[Any, Any]:
    """Every subject with every entry of its patient; `entry_rows` is in order."""
    import numpy as np

    low = np.searchsorted(entry_rows, subject_rows, "left")
    high = np.searchsorted(entry_rows, subject_rows, "right")
    times = high - low
    subject = np.repeat(np.arange(len(subject_rows)), times)
    total = int(times.sum())
    step = np.arange(total) - np.repeat(np.cumsum(times) - times, times)
    return subject, np.repeat(low, times) + step


def allergy(leaf: AllergyLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged allergy; without an allergy list, UNKNOWN."""
    import numpy as np

    from caveat.evaluators.columnar.arrays import field, words

    at = frame.allergy
    if at is None:
        return undecided(frame.count)
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


def _members(facts: Facts, ingredients: tuple[str, ...]) -> tuple[Any, Any]:
    """Counted orders that are of the ingredients, as a mask of orders; and where counting is not plain."""
    import numpy as np

    orders = facts.orders
    wanted = frozenset(ingredients)
    table = np.array([not wanted.isdisjoint(v.ingredients) for v in orders.products.views], np.bool_)
    chosen = (table[orders.products.codes] if len(table) else np.zeros(0, np.bool_)) & orders.current
    hard = np.zeros(facts.count, np.bool_)
    # an administration beside an order of the same substance is not counted again
    hard[orders.rows[orders.carried_out & orders.current]] = True
    return chosen, hard


def _doubtful(facts: Facts) -> Any:
    """Counted orders a patient that are not recognised."""
    import numpy as np

    orders = facts.orders
    odd = orders.current & _of_products(orders, orders.products.unrecognised)
    return np.bincount(orders.rows[odd], minlength=facts.count)


def _of_products(orders: Any, table: Any) -> Any:
    import numpy as np

    return table[orders.products.codes] if len(table) else np.zeros(0, np.bool_)


def count(leaf: CountLeaf, facts: Facts, frame: Frame) -> Truths:
    """How many orders or ingredients there are of some; unrecognised orders may be among them."""
    key = ("count", leaf)
    if key not in facts.memo:
        facts.memo[key] = _count(leaf, facts)
    found: Truths = facts.memo[key]
    return found.at(frame.rows)


def _count(leaf: CountLeaf, facts: Facts) -> Truths:
    import numpy as np

    orders = facts.orders
    chosen, hard = _members(facts, leaf.ingredients)
    if leaf.by == "order":
        found = np.bincount(orders.rows[chosen], minlength=facts.count)
    else:
        at = np.flatnonzero(chosen)
        several = _of_products(orders, orders.products.several)[at]
        hard[orders.rows[at[several]]] = True
        width = len(facts.known.catalogue.names)
        keys = orders.rows[at].astype(np.int64) * width + orders.products.first[orders.products.codes[at]]
        found = np.bincount(np.unique(keys) // width, minlength=facts.count)
    low = found.astype(np.float64)
    high = low + _doubtful(facts)
    high[facts.completeness("orders") == 2] = np.nan
    return _counted(leaf, facts, low, high, hard)


def _counted(leaf: CountLeaf | SumLeaf, facts: Facts, low: Any, high: Any, hard: Any) -> Truths:
    """`caveat.evaluators.leaves.no_more_than_listed` of a span, and what is open without a list."""
    import numpy as np

    truth = compare_span(low, high, leaf.target)
    if leaf.negated:
        truth = (2 - truth).astype(np.int8)
    bound = leaf.target.low if leaf.negated else leaf.target.high
    if bound is not None:
        truth[(truth == 2) & (facts.completeness("orders") != 0)] = 1
    listed = facts.listed("orders")
    truth[~listed] = 1
    return alone(truth, hard & listed, "orders")


def total(leaf: SumLeaf, facts: Facts, frame: Frame) -> Truths:
    """A weighted sum over medicines; plain for weights alone and where none of them is taken."""
    key = ("sum", leaf)
    if key not in facts.memo:
        facts.memo[key] = _sum(leaf, facts)
    found: Truths = facts.memo[key]
    return found.at(frame.rows)


def _sum(leaf: SumLeaf, facts: Facts) -> Truths:
    import numpy as np

    orders = facts.orders
    weights = {name: weight.low for name, weight in leaf.weights if weight.low}
    chosen, hard = _members(facts, tuple(weights))
    at = np.flatnonzero(chosen)
    views = orders.products.views
    several = _of_products(orders, orders.products.several)[at]
    hard[orders.rows[at[several]]] = True
    each = np.zeros(len(views))
    for place, view in enumerate(views):
        each[place] = float(sum(weights.get(name, 0) for name in view.ingredients))
    low = np.zeros(facts.count)
    if leaf.times is None:
        if any(float(weight) != weight for weight in weights.values()):
            hard[orders.rows[at]] = True
        np.add.at(low, orders.rows[at], each[orders.products.codes[at]])
    else:
        low = _amounts(leaf, facts, at, each, hard)
    high = low.copy()
    high[(facts.completeness("orders") == 2) | (_doubtful(facts) > 0)] = np.nan
    return _counted(leaf, facts, low, high, hard)


def _amounts(leaf: SumLeaf, facts: Facts, at: Any, each: Any, hard: Any) -> Any:
    """Sums of amounts that are exact; a patient with any other, or near a bound, is judged alone."""
    import numpy as np

    from caveat.evaluators.columnar.ranges import compare
    from caveat.units import parse_unit

    orders, amounts = facts.orders, facts.known.amounts
    combinations = facts.combinations
    codes, inverse = np.unique(combinations.codes[at], return_inverse=True)
    dimension = parse_unit(leaf.unit).dimension
    value, rough = [], []
    for found in amounts.measures(str(leaf.times), combinations.numbers(codes.tolist(), amounts)):
        exact = None if found is None or found.interval is None else found.interval.exact
        fits = found is not None and found.dimension == dimension
        value.append(0.0 if exact is None else float(exact))
        rough.append(exact is None or not fits)
    low = np.zeros(facts.count)
    rows = orders.rows[at]
    np.add.at(low, rows, np.array(value)[inverse] * each[orders.products.codes[at]])
    hard[rows[np.array(rough, np.bool_)[inverse]]] = True
    close = compare(low, leaf.target)[1]
    many = np.bincount(rows, minlength=facts.count) > 0
    hard |= close & many
    return low


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
    recorded = _answer(ConditionLeaf((kind,), "active"), facts, np.arange(facts.count), None)
    mentioned = (recorded.low != 0) & (np.asarray(recorded.lacking) & 4 == 0)
    years, unsure = facts.years
    male = facts.word("sex", ("male", "female")) == 0
    unstated = stated < 0
    found = np.full(facts.count, -1, np.int32)
    outside = (years >= 0) & ((years < CHILDBEARING[0]) | (years >= CHILDBEARING[1])) & ~mentioned
    absent = (recorded.low == 0) & (facts.completeness("conditions") == 0)
    found[outside | absent] = 0
    found[(recorded.low == 2) & ~male] = 1
    found[male] = 0
    found[~unstated] = stated[~unstated]
    # a doubtful mention, or a mention in a man, is judged alone; so is an age that is not plain
    hard = unstated & mentioned & ((recorded.low != 2) | male)
    hard |= unstated & unsure & ~male & (recorded.low != 2)
    yes, no = "true" in leaf.values, "false" in leaf.values
    return alone(_yes_or_no(found, yes, no), hard, leaf.fact)


def _child_pugh(leaf: ChoiceLeaf, facts: Facts) -> Truths:
    """As stated; without any part recorded it is open; else judged alone."""
    import numpy as np

    observations = facts.observations
    stated = facts.word("child_pugh", ("A", "B", "C"))
    parts = np.zeros(facts.count, np.bool_)
    for concept in ("child_pugh_score", "bilirubin_total", "albumin", "inr"):
        parts |= observations.latest(concept).recorded
    for name in ("ascites", "hepatic-encephalopathy"):
        found = _answer(ConditionLeaf((name,), "active"), facts, np.arange(facts.count), None)
        parts |= (found.low != 0) & (np.asarray(found.lacking) & 4 == 0)
    wanted = set(leaf.values)
    # without ascites and encephalopathy three laboratory parts give 5 to 11 points: any class
    open_ = 2 if wanted >= {"A", "B", "C"} else 1 if wanted else 0
    table = np.array([2 if value in wanted else 0 for value in "ABC"] + [open_], np.int8)
    return alone(table[stated], parts & (stated < 0), "child_pugh_class")


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
