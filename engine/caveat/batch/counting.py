"""Counts of a screened batch, taken on its columns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from caveat.batch.counts import MOST_NAMES_A_PART, RULE_COUNTS, Counts
from caveat.evaluators.columnar.results import STATUSES
from caveat.findings.severity import SEVERITIES

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar import Screened

_PLACE_OF_STATUS = {"fires": 0, "cannot-assess": 2, "excepted": 4, "error": 5}
_SEPARATOR = "\x1f"


def count(counts: Counts, found: Screened) -> None:
    """Add a screened batch to the counts."""
    counts.patients += found.patients.num_rows
    counts.one_by_one += found.one_by_one
    counts.uncovered.update(found.uncovered)
    _count_patients(counts, found.patients)
    if found.findings.num_rows:
        _count_findings(counts, found.findings)


def _count_patients(counts: Counts, patients: pa.RecordBatch) -> None:
    import numpy as np
    import pyarrow.compute as pc

    def numbers(name: str) -> Any:
        return patients.column(name).to_numpy(zero_copy_only=False)

    def lengths(name: str) -> Any:
        return pc.fill_null(pc.list_value_length(patients.column(name)), 0).to_numpy(zero_copy_only=False)

    counts.clear += int(numbers("clear").sum())
    counts.suppressed += int(numbers("suppressed").sum())
    counts.notes += int(numbers("notes").sum())
    unrecognised, errors = lengths("unrecognised"), lengths("errors")
    left_open = numbers("cannot_assess") + numbers("failed_rules") + unrecognised + errors
    seen = {
        "alert": numbers("alerts"),
        **{name: numbers(name) for name in SEVERITIES},
        "cannot_assess": numbers("cannot_assess"),
        "unrecognised": unrecognised,
        "not_covered": numbers("uncovered"),
        "error": errors,
        "open": left_open,
    }
    counts.with_any.update({name: int(np.count_nonzero(of)) for name, of in seen.items()})
    if errors.any():
        counts.faults.update(_tally(pc.struct_field(pc.list_flatten(patients.column("errors")), "code")))
    if unrecognised.any():
        flat = pc.list_flatten(patients.column("unrecognised"))
        kind = pc.fill_null(pc.struct_field(flat, "kind"), "")
        text = pc.fill_null(pc.struct_field(flat, "text"), "")
        for name, mentions in _tally(pc.binary_join_element_wise(kind, text, _SEPARATOR)).items():
            left, _, right = name.partition(_SEPARATOR)
            counts.unrecognised.counts[left, right] += mentions
            counts.unrecognised.mentions += mentions
        counts.unrecognised.cut(4 * MOST_NAMES_A_PART)


def _tally(column: Any) -> Counter[str]:
    import pyarrow.compute as pc

    found = pc.value_counts(column)
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return Counter({value: number for value, number in pairs if value is not None})


def _codes(column: Any, words: list[str] | None = None) -> tuple[Any, list[str]]:
    """A dictionary column as numbers and the words they stand for, in the order of `words` where given."""
    import numpy as np

    names = column.dictionary.to_pylist()
    numbers = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if words is None:
        return numbers, names
    place = {word: index for index, word in enumerate(words)}
    return np.array([place[name] for name in names] or [0], dtype=np.int64)[numbers], words


def _count_findings(counts: Counts, findings: pa.RecordBatch) -> None:
    import numpy as np
    import pyarrow.compute as pc

    shown = pc.is_null(findings.column("suppressed_by")).to_numpy(zero_copy_only=False)
    status, statuses = _codes(findings.column("status"), list(STATUSES))
    severity, severities = _codes(findings.column("severity"), list(SEVERITIES))
    rule, rules = _codes(findings.column("rule"))
    row = findings.column("row").to_numpy(zero_copy_only=False).astype(np.int64)

    by = np.bincount(status[shown] * len(severities) + severity[shown], minlength=len(statuses) * 5)
    for index in np.flatnonzero(by):
        of = counts.findings.setdefault(statuses[index // len(severities)], Counter())
        of[severities[index % len(severities)]] += int(by[index])

    tier, tiers = _codes(pc.fill_null(findings.column("tier").dictionary_decode(), "").dictionary_encode())
    by = np.bincount(status[shown] * len(tiers) + tier[shown], minlength=len(statuses) * len(tiers))
    for index in np.flatnonzero(by):
        counts.tiers.setdefault(statuses[index // len(tiers)], Counter())[tiers[index % len(tiers)]] += int(
            by[index]
        )

    table = np.zeros((len(rules), len(RULE_COUNTS)), dtype=np.int64)
    for number, name in enumerate(statuses):
        of_status = shown & (status == number)
        if not of_status.any():
            continue
        place = _PLACE_OF_STATUS[name]
        table[:, place] += np.bincount(rule[of_status], minlength=len(rules))
        if place + 1 in (1, 3):
            pairs = np.unique(row[of_status] * len(rules) + rule[of_status])
            table[:, place + 1] += np.bincount(pairs % len(rules), minlength=len(rules))
    table[:, -1] += np.bincount(rule[~shown], minlength=len(rules))
    for index in np.flatnonzero(table.any(axis=1)):
        mine = counts.rules.setdefault(rules[index], [0] * len(RULE_COUNTS))
        for place, number in enumerate(table[index].tolist()):
            mine[place] += number
