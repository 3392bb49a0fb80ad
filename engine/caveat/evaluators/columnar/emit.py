"""Findings and patients as Arrow batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.assemble import NO_ORDERS, RecordRule
from caveat.evaluators.columnar import results
from caveat.evaluators.columnar.arrays import field
from caveat.evaluators.columnar.coded import coded, listed
from caveat.evaluators.columnar.drugs import Scopes, of_drugs
from caveat.evaluators.columnar.facts import Facts
from caveat.evaluators.columnar.found import Found
from caveat.evaluators.columnar.judging import CANNOT_ASSESS, ERROR, EXCEPTED, FIRES
from caveat.evaluators.columnar.parts import Words
from caveat.evaluators.columnar.whole import Whole, allergy_ids
from caveat.findings.severity import SEVERITIES

if TYPE_CHECKING:
    import pyarrow as pa


class Labels:
    """What is the same for every finding of a rule; the last rule is "no list of orders"."""

    def __init__(self, rules: Ruleset) -> None:
        import numpy as np

        program = rules.program
        every: list[CompiledRule | RecordRule] = [*program.rules, NO_ORDERS]
        self.count = len(program.rules)
        self.rules = every
        self.ids = [rule.id for rule in every]
        self.number = {name: place for place, name in enumerate(self.ids)}
        self.kinds = sorted({rule.kind for rule in every})
        self.kind = np.array([self.kinds.index(rule.kind) for rule in every], np.int32)
        self.severity = np.array([SEVERITIES.index(rule.severity) for rule in every], np.int32)
        tiers = [
            [rules.tier(rule.id, rule.severity, open=open_) for rule in every] for open_ in (False, True)
        ]
        self.tiers = sorted({tier for each in tiers for tier in each})
        number = {tier: place for place, tier in enumerate(self.tiers)}
        self.tier = np.array([[number[tier] for tier in each] for each in tiers], np.int32)
        self.pairs = np.array([getattr(rule, "subject", "") == "pair" for rule in every], np.bool_)
        self.scopes = Scopes(every)


def findings(found: Found, facts: Facts, labels: Labels, words: Words, *, because: bool) -> pa.RecordBatch:
    """The findings as `results.findings` has them; `found` is in order and of the batch of `facts`."""
    import numpy as np
    import pyarrow as pa

    used = np.flatnonzero(np.bincount(found.rule, minlength=1)) if found.count else np.zeros(0, np.int64)
    place = np.zeros(labels.count + 1, np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    winners = np.unique(found.winner[found.winner >= 0])
    beaten = np.zeros(labels.count + 2, np.int32)
    beaten[winners] = np.arange(len(winners), dtype=np.int32)
    opened = (found.status == CANNOT_ASSESS).astype(np.int32)
    count = found.count
    schema = results.findings()
    by_name = {
        "patient": facts.batch.column("id").take(pa.array(found.row)),
        "row": pa.array(found.row, pa.int32()),
        "rule": coded(place[found.rule], [labels.ids[rule] for rule in used.tolist()]),
        "orders": _order_ids(found, facts),
        "allergies": _allergy_ids(found, facts),
        "status": coded(found.status.astype(np.int32), list(results.STATUSES)),
        "severity": coded(labels.severity[found.rule], list(SEVERITIES)),
        "kind": coded(labels.kind[found.rule], labels.kinds),
        "tier": coded(labels.tier[opened, found.rule], labels.tiers),
        "drugs": of_drugs(found, facts, labels.scopes),
        "missing": listed(found.note, [words.lists[note.missing] for note in words.notes]),
        "unchecked": listed(found.note, [words.lists[note.unchecked] for note in words.notes]),
        "suppressed_by": coded(
            beaten[found.winner], [labels.ids[rule] for rule in winners.tolist()], found.winner < 0
        ),
        "because": _because(found, words) if because else pa.nulls(count, schema.field("because").type),
        "error": _errors(found, words),
    }
    return pa.RecordBatch.from_arrays([by_name[name] for name in schema.names], schema=schema)


def _order_ids(found: Found, facts: Facts) -> Any:
    import numpy as np
    import pyarrow as pa

    both = np.stack([found.first, found.second], axis=1)
    kept = both >= 0
    places = both[kept]
    ends = np.zeros(found.count + 1, np.int32)
    np.cumsum(kept[:, 0].astype(np.int32) + kept[:, 1], out=ends[1:])
    ids = field(facts.orders.items, "id").take(pa.array(places))
    return pa.ListArray.from_arrays(pa.array(ends), ids)


def _allergy_ids(found: Found, facts: Facts) -> Any:
    import numpy as np
    import pyarrow as pa

    some = np.flatnonzero(found.allergy >= 0)
    ends = np.zeros(found.count + 1, np.int32)
    np.cumsum(found.allergy >= 0, out=ends[1:])
    ids = allergy_ids(facts, found.allergy[some]) if len(some) else []
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(ids, pa.string()))


def _because(found: Found, words: Words) -> Any:
    """The deciding facts of every finding; each was judged one at a time."""
    import pyarrow as pa

    rows = [
        [{"fact": b.fact, "value": b.value, "at": b.at, "source": b.source} for b in words.told[k].because]
        for k in words.of_notes("told")[found.note].tolist()
    ]
    return pa.array(rows, results.findings().field("because").type)


def _errors(found: Found, words: Words) -> Any:
    """Why a rule failed; only findings of records judged one at a time can tell."""
    import numpy as np
    import pyarrow as pa

    failed = np.flatnonzero(found.status == ERROR)
    if not len(failed):
        return pa.nulls(found.count, pa.string())
    texts: list[str | None] = [None] * found.count
    for place in failed.tolist():
        texts[place] = words.told[words.notes[found.note[place]].told].error
    return pa.array(texts, pa.string())


def patients(found: Found, facts: Facts, labels: Labels, whole: Whole) -> pa.RecordBatch:
    """A row a patient as `results.patients` has it; those judged one at a time are filled in later."""
    import numpy as np
    import pyarrow as pa

    count = facts.count
    kinds = len(SEVERITIES)
    # every finding is counted under one head: its status, of alerts the severity, and those superseded
    table = np.array(
        [[FIRES] * kinds, [CANNOT_ASSESS] * kinds, [EXCEPTED] * kinds, [ERROR] * kinds], np.int32
    )
    table += kinds
    table[FIRES] = np.arange(kinds)
    heads = table[found.status, labels.severity[found.rule]]
    beaten = found.winner >= 0
    heads[beaten] = kinds + ERROR + 1 + found.status[beaten]
    width = kinds + 2 * (ERROR + 1)
    totals = np.bincount(heads * np.int64(count) + found.row, minlength=count * width).reshape(width, count)
    by_severity, shown, hidden = totals[:kinds], totals[kinds : -ERROR - 1], totals[-ERROR - 1 :]
    alerts, suppressed = by_severity.sum(axis=0), hidden.sum(axis=0)
    unnamed, names = whole.unrecognised()
    open_ = shown[CANNOT_ASSESS]
    failed = shown[ERROR] + hidden[ERROR]
    errors = whole.errors()
    clear = (alerts + hidden[FIRES] + open_ + failed + unnamed + np.diff(errors.offsets)) == 0
    ends = np.zeros(count + 1, np.int32)
    np.cumsum(unnamed, out=ends[1:])
    numbers = {
        "alerts": alerts,
        **{name: by_severity[place] for place, name in enumerate(SEVERITIES)},
        "cannot_assess": open_,
        "excepted": shown[EXCEPTED],
        "suppressed": suppressed,
        "failed_rules": failed,
        "notes": whole.notes,
        "uncovered": whole.uncovered,
    }
    columns: dict[str, Any] = {
        "patient": facts.batch.column("id"),
        "clear": pa.array(clear),
        **{name: pa.array(values, pa.int32()) for name, values in numbers.items()},
        "unrecognised": pa.ListArray.from_arrays(pa.array(ends), names),
        "errors": errors,
        "source": facts.batch.column("source"),
    }
    schema = results.patients()
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
