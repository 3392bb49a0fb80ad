"""One batch from end to end: candidates by ingredient, rules on the candidates, findings as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar import Screened, emit
from caveat.evaluators.columnar.alone import judged_alone
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.found import Found, Words, blank, in_order, joined, of_ruling, once_a_pair
from caveat.evaluators.columnar.frames import Frames
from caveat.evaluators.columnar.judging import CANNOT_ASSESS, FIRES, judge
from caveat.evaluators.columnar.pairs import Hits
from caveat.evaluators.columnar.plan import Plan
from caveat.evaluators.columnar.whole import Whole
from caveat.facts.identify import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools


def screened(
    batch: pa.RecordBatch, plan: Plan, as_of: int, selection: Selection, *, because: bool
) -> Screened:
    """Findings and one row a patient of a batch."""
    import numpy as np

    plan.known.trim()
    facts = Facts(batch, plan.known, as_of, selection)
    words = Words()
    whole = Whole(facts, plan.covered)
    hits = plan.sharing.applied(plan.pairs.hits(facts.orders), facts)
    parts = [_plain_pairs(hits, plan, facts)]
    parts.append(_without_orders(facts, plan, words))
    parts += _candidates(hits, plan, facts, words, whole.hard)
    found = joined(parts)
    if because:
        whole.hard[found.row] = True
    alone = np.flatnonzero(whole.hard)
    if len(alone):
        found = joined([found, judged_alone(alone, facts, plan, words, whole)])
    starts = facts.orders.lists.starts
    found = in_order(found, starts, whole.hard)
    found = once_a_pair(found, plan.labels.pairs & ~_padded(plan.pairs.plain, len(plan.labels.pairs)))
    found = plan.superseding.applied(found)
    result = Screened(
        emit.findings(found, facts, plan.labels, words, because=because),
        emit.patients(found, facts, plan.labels, whole),
        len(alone),
        whole.uncovered_counts,
    )
    facts.release()
    return result


def _padded(flags: Any, count: int) -> Any:
    import numpy as np

    found = np.zeros(count, np.bool_)
    found[: len(flags)] = flags
    return found


def _plain_pairs(hits: Hits, plan: Plan, facts: Facts) -> Found:
    """Pairs that fire on the meeting alone, or are open because the dates do not say."""
    import numpy as np

    some = hits.at(np.flatnonzero(plan.pairs.plain[hits.rule])) if len(hits.rule) else hits
    orders = facts.orders
    found = blank(orders.rows[some.first], some.rule, FIRES)
    names = {name: getattr(found, name) for name in Found.__dataclass_fields__}
    status = np.where(some.overlaps == 1, CANNOT_ASSESS, FIRES).astype(np.int8)
    missing = np.where(some.overlaps == 1, OVERLAP, 0).astype(np.int32)
    return Found(
        **{
            **names,
            "first": some.first.astype(np.int32),
            "second": some.second.astype(np.int32),
            "status": status,
            "missing": missing,
        }
    )


MOST_TAKEN = 0.3
"""The share of patients up to which those that rules can concern are judged apart from the others."""
OVERLAP, ORDERS = 1, 2
"""Places of the two lists of missing facts that every batch has."""


def _without_orders(facts: Facts, plan: Plan, words: Words) -> Found:
    """A patient without a list of medicines is never clear."""
    import numpy as np

    assert words.number(("overlap",)) == OVERLAP
    assert words.number(("orders",)) == ORDERS
    return blank(np.flatnonzero(~facts.listed("orders")), plan.labels.count, CANNOT_ASSESS, ORDERS)


def _candidates(hits: Hits, plan: Plan, facts: Facts, words: Words, hard: Bools) -> list[Found]:
    """The rules that ask for more than the meeting of two orders, on the patients they can concern."""
    import numpy as np
    import pyarrow as pa

    orders = facts.orders
    rich = hits.at(np.flatnonzero(~plan.pairs.plain[hits.rule])) if len(hits.rule) else hits
    wanted = np.zeros(facts.count, np.bool_)
    if plan.everyone:
        wanted[:] = True
    elif len(orders.rows):
        products = orders.products
        table = products.holding(plan.wanted[:-1])
        asked = table[products.codes] & (orders.current | orders.ended)
        wanted[orders.rows[asked]] = True
        wanted[orders.rows[rich.first]] = True
        if plan.any_allergies:
            wanted[facts.allergies.rows] = True
            wanted |= ~facts.listed("allergies") | (facts.completeness("allergies") == 2)
    wanted &= ~hard
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return []
    # to take most patients apart costs more than to look at all of them
    whole = len(rows) > MOST_TAKEN * facts.count
    if whole:
        rows = np.arange(facts.count)
    part = (
        facts if whole else Facts(facts.batch.take(pa.array(rows)), plan.known, facts.as_of, facts.selection)
    )
    numbers = np.full(facts.count, -1, np.int64)
    numbers[rows] = np.arange(len(rows))
    found = _judged(rich, plan, facts, part, numbers, rows, words, hard)
    if whole:
        return found
    found = [_returned(one, facts, part, rows) for one in found]
    part.release()
    return found


def _judged(
    rich: Hits,
    plan: Plan,
    facts: Facts,
    part: Facts,
    numbers: Any,
    rows: Any,
    words: Words,
    hard: Bools,
) -> list[Found]:
    import numpy as np

    frames = Frames(part)
    found = []
    for index, rule in plan.single:
        frame = frames.of(rule)
        if frame.count:
            ruling, alone = judge(index, rule, part, frame)
            hard[rows[alone]] = True
            found.append(of_ruling(ruling, words))
    orders, own = facts.orders, part.orders
    kept = numbers[orders.rows[rich.first]] >= 0
    rich = rich.at(np.flatnonzero(kept))
    if not len(rich.rule):
        return found
    order = np.argsort(rich.rule, kind="stable")
    rich = rich.at(order)
    bounds = np.flatnonzero(np.append(True, rich.rule[1:] != rich.rule[:-1])) if len(order) else order
    for low, high in zip(bounds.tolist(), [*bounds[1:].tolist(), len(order)], strict=True):
        index = int(rich.rule[low])
        row = numbers[orders.rows[rich.first[low:high]]]
        shift = own.lists.starts[row] - orders.lists.starts[rows[row]]
        first, second = rich.first[low:high] + shift, rich.second[low:high] + shift
        frame = Frame(row.astype(np.int32), first, second, None, rich.overlaps[low:high])
        ruling, alone = judge(index, plan.rules.program.rules[index], part, frame)
        hard[rows[alone]] = True
        found.append(of_ruling(ruling, words))
    return found


def _returned(found: Found, facts: Facts, part: Facts, rows: Any) -> Found:
    """Findings on a part of a batch, as findings on the batch."""
    import numpy as np

    row = rows[found.row]
    shift = facts.orders.lists.starts[row] - part.orders.lists.starts[found.row]
    names = {name: getattr(found, name) for name in Found.__dataclass_fields__}
    names["row"] = row.astype(np.int32)
    names["first"] = np.where(found.first < 0, -1, found.first + shift).astype(np.int32)
    names["second"] = np.where(found.second < 0, -1, found.second + shift).astype(np.int32)
    if (found.allergy >= 0).any():
        moved = facts.allergies.lists.starts[row] - part.allergies.lists.starts[found.row]
        names["allergy"] = np.where(found.allergy < 0, -1, found.allergy + moved).astype(np.int32)
    return Found(**names)
