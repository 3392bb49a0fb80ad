"""One batch from end to end: candidates by ingredient, rules on the candidates, findings as Arrow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar import Screened, emit
from caveat.evaluators.columnar.alone import judged_alone
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.found import in_order
from caveat.evaluators.columnar.frames import Frames
from caveat.evaluators.columnar.judging import CANNOT_ASSESS, FIRES, judge
from caveat.evaluators.columnar.pairs import Hits
from caveat.evaluators.columnar.parts import Part, Words, of_ruling, once_a_pair
from caveat.evaluators.columnar.plan import Plan
from caveat.evaluators.columnar.whole import Whole
from caveat.facts.identify import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Lists


def screened(
    batch: pa.RecordBatch, plan: Plan, as_of: int, selection: Selection, *, because: bool
) -> Screened:
    """Findings and one row a patient of a batch."""
    import numpy as np

    plan.known.trim()
    facts = Facts(batch, plan.known, as_of, selection)
    words = Words()
    whole = Whole(facts, plan.covered, plan.rules)
    hits = plan.sharing.applied(plan.pairs.hits(facts.orders), facts)
    parts = [_plain_pairs(hits, plan, facts), _without_orders(facts, plan, words)]
    parts += _candidates(hits, plan, facts, words, whole.hard)
    if because:
        for part in parts:
            whole.hard[part.row] = True
    alone = np.flatnonzero(whole.hard)
    if len(alone):
        parts = [part.but(whole.hard[part.row]) for part in parts]
        parts.append(judged_alone(alone, facts, plan, words, whole))
    found = plan.superseding.applied(in_order(parts, facts, plan.labels.count + 1, words))
    result = Screened(
        emit.findings(found, facts, plan.labels, words, because=because),
        emit.patients(found, facts, plan.labels, whole),
        len(alone),
        whole.uncovered_counts,
    )
    facts.release()
    return result


def _plain_pairs(hits: Hits, plan: Plan, facts: Facts) -> Part:
    """Pairs that fire on the meeting alone, or are open because the dates do not say."""
    import numpy as np

    if len(hits.rule) and not plan.pairs.all_plain:
        hits = hits.at(np.flatnonzero(plan.pairs.plain[hits.rule]))
    rows = facts.orders.rows[hits.first]
    doubtful = hits.overlaps == 1
    if not doubtful.any():
        return Part(rows, hits.rule, hits.first, hits.second)
    status = np.where(doubtful, CANNOT_ASSESS, FIRES).astype(np.int8)
    return Part(rows, hits.rule, hits.first, hits.second, status=status, note=np.where(doubtful, OVERLAP, 0))


MOST_TAKEN = 0.3
"""The share of patients up to which those that rules can concern are judged apart from the others."""
OVERLAP, ORDERS = 1, 2
"""Places of the two notes that every batch has."""


def _without_orders(facts: Facts, plan: Plan, words: Words) -> Part:
    """A patient without a list of medicines is never clear."""
    import numpy as np

    assert words.noted(("overlap",)) == OVERLAP
    assert words.noted(("orders",)) == ORDERS
    rows = np.flatnonzero(~facts.listed("orders"))
    return Part(rows, plan.labels.count, status=CANNOT_ASSESS, note=ORDERS)


def _candidates(hits: Hits, plan: Plan, facts: Facts, words: Words, hard: Bools) -> list[Part]:
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
    numbers = np.full(facts.count, -1, np.int32)
    numbers[rows] = np.arange(len(rows), dtype=np.int32)
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
) -> list[Part]:
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
    whose = orders.rows[rich.first]
    row = numbers[whose]
    if (row < 0).any():
        kept = np.flatnonzero(row >= 0)
        rich, row, whose = rich.at(kept), row[kept], whose[kept]
    if not len(rich.rule):
        return found
    # by rule, and within it in the order of the record
    order = np.lexsort((rich.first, rich.rule))
    rich, row, whose = rich.at(order), row[order], whose[order]
    first, second = rich.first, rich.second
    if part is not facts:
        shift = own.lists.starts[row] - orders.lists.starts[whose]
        first, second = first + shift, second + shift
    bounds = np.flatnonzero(np.append(True, rich.rule[1:] != rich.rule[:-1]))
    for low, high in zip(bounds.tolist(), [*bounds[1:].tolist(), len(order)], strict=True):
        index = int(rich.rule[low])
        frame = Frame(row[low:high], first[low:high], second[low:high], None, rich.overlaps[low:high])
        ruling, alone = judge(index, plan.rules.program.rules[index], part, frame)
        hard[rows[alone]] = True
        found.append(once_a_pair(of_ruling(ruling, words)))
    return found


def _returned(found: Part, facts: Facts, part: Facts, rows: Any) -> Part:
    """Findings on a part of a batch, as findings on the batch."""
    import numpy as np

    row = rows[found.row]

    def moved(places: Any, lists: Lists, own: Lists) -> Any:
        shift = lists.starts[row] - own.starts[found.row]
        return places if isinstance(places, int) else np.where(places < 0, -1, places + shift)

    first, second = (
        moved(places, facts.orders.lists, part.orders.lists) for places in (found.first, found.second)
    )
    allergy = found.allergy
    if not isinstance(allergy, int):
        allergy = moved(allergy, facts.allergies.lists, part.allergies.lists)
    return replace(found, row=row, first=first, second=second, allergy=allergy)
