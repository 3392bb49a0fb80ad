"""Findings counted by rule, and what is missing by fact, in one pass over the file each.

Rows of a patient stand together in findings.parquet. A batch is read at a time and the rows of its
last patient are carried into the next, so memory depends on the number of rules, not of patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import CaveatError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

BATCH: Final = 1 << 17

MEASURES: Final = ("fired", "sure", "open", "failed", "possible", "excepted", "suppressed")
"""What a finding counts as.

`fired` and not superseded; `sure`: fired and no exception left unchecked; `open`: could not be
assessed; `failed`: the rule failed; `possible`: fired, open or failed; the others as they say.
"""

INTERRUPTIVE: Final = ("hard-stop", "interruptive")


@dataclass(slots=True)
class RuleCounts:
    """Findings and patients by rule and measure, rows by the place of the rule in `rules`."""

    rules: list[str] = field(default_factory=list)
    severity: dict[str, str] = field(default_factory=dict)
    kind: dict[str, str] = field(default_factory=dict)
    tier: dict[str, str] = field(default_factory=dict)
    findings: Any = None
    patients: Any = None
    interruptive: int = 0
    interruptive_squares: int = 0
    patients_interruptive: int = 0
    patients_found: int = 0


@dataclass(slots=True)
class MissingCounts:
    """Findings left open by fact: those that lack it, those that lack nothing else, and their patients."""

    facts: dict[str, list[int]] = field(default_factory=dict)


class _Words:
    """Numbers for words, the same across batches."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._place: dict[str, int] = {}

    def numbers(self, column: Any) -> Numbers:
        """A text or dictionary column as numbers; null is -1."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not pa.types.is_dictionary(column.type):
            column = pc.dictionary_encode(column)
        here = np.array([self.number(word) for word in column.dictionary.to_pylist()] or [0], dtype=np.int64)
        indices = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        return np.where(indices < 0, -1, here[indices])

    def number(self, word: str) -> int:
        if word not in self._place:
            self._place[word] = len(self.words)
            self.words.append(word)
        return self._place[word]


class _Places:
    """Numbers the patients of a file in the order of its rows."""

    def __init__(self) -> None:
        self.last: tuple[Any, ...] | None = None
        self.count = 0

    def numbers(self, batch: pa.RecordBatch) -> Numbers:
        import numpy as np
        import pyarrow.compute as pc

        names = [name for name in ("part", "row", "patient") if name in batch.schema.names]
        new = np.zeros(batch.num_rows, dtype=bool)
        for name in names:
            column = batch.column(name)
            new[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
        first = tuple(batch.column(name)[0].as_py() for name in names)
        new[0] = first != self.last
        self.last = tuple(batch.column(name)[batch.num_rows - 1].as_py() for name in names)
        found = np.cumsum(new) + self.count - 1
        self.count = int(found[-1]) + 1
        return found


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches with these columns and those that name a patient. CaveatError when it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            lacking = [name for name in columns if name not in there]
            if lacking:
                raise CaveatError(f"{path}: it lacks the column {lacking[0]!r}, so it is no file of a run")
            wanted = [name for name in ("part", "row", "patient", *columns) if name in there]
            for batch in file.iter_batches(BATCH, columns=wanted):
                if batch.num_rows:
                    yield batch
    except (pa.ArrowException, OSError) as error:
        text = str(error).partition("\n")[0]
        raise CaveatError(f"{path}: it cannot be read as a file of a run ({text})") from None


def _lengths(column: Any) -> Numbers:
    import pyarrow.compute as pc

    found: Numbers = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return found


def count_rules(path: Path) -> RuleCounts:
    """Findings and patients of every rule that has any."""
    import numpy as np
    import pyarrow.compute as pc

    found, places = RuleCounts(), _Places()
    words = {name: _Words() for name in ("rule", "status", "severity", "kind", "tier")}
    of = {name: words["status"].number(name) for name in ("fires", "cannot-assess", "excepted", "error")}
    shape = (0, len(MEASURES))
    found.findings, found.patients = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    held: tuple[Numbers, ...] | None = None
    columns = ["rule", "status", "severity", "kind", "tier", "unchecked", "suppressed_by"]
    for batch in _batches(path, columns):
        patient = places.numbers(batch)
        rule, status = (
            words["rule"].numbers(batch.column("rule")),
            words["status"].numbers(batch.column("status")),
        )
        shown = pc.is_null(batch.column("suppressed_by")).to_numpy(zero_copy_only=False)
        fired = shown & (status == of["fires"])
        _describe(found, batch, rule, fired, words)
        opened, failed = shown & (status == of["cannot-assess"]), shown & (status == of["error"])
        flags = (
            fired,
            fired & (_lengths(batch.column("unchecked")) == 0),
            opened,
            failed,
            fired | opened | failed,
            shown & (status == of["excepted"]),
            ~shown,
        )
        bits = sum((flag.astype(np.int64) << place for place, flag in enumerate(flags)), np.int64(0))
        tier = words["tier"].numbers(batch.column("tier"))
        loud = [words["tier"].number(name) for name in INTERRUPTIVE]
        bits |= (fired & np.isin(tier, loud)).astype(np.int64) << len(MEASURES)
        rows: tuple[Numbers, ...] = (patient, rule, bits)
        if held is not None:
            rows = tuple(np.concatenate(pair) for pair in zip(held, rows, strict=True))
        ended = int(np.searchsorted(rows[0], rows[0][-1]))
        _add(found, len(words["rule"].words), tuple(column[:ended] for column in rows))
        held = tuple(column[ended:] for column in rows)
    if held is not None:
        _add(found, len(words["rule"].words), held)
    found.rules, found.patients_found = words["rule"].words, places.count
    return found


def _describe(
    found: RuleCounts, batch: pa.RecordBatch, rule: Numbers, fired: Any, words: dict[str, _Words]
) -> None:
    """Severity and kind of rules that are met for the first time, and the tier of those that fire."""
    import numpy as np

    numbers, first = np.unique(rule, return_index=True)
    for number, place in zip(numbers.tolist(), first.tolist(), strict=True):
        name = words["rule"].words[number]
        if name not in found.severity:
            found.severity[name] = batch.column("severity")[place].as_py()
            found.kind[name] = batch.column("kind")[place].as_py() or ""
    of_fired = np.flatnonzero(fired)
    numbers, first = np.unique(rule[of_fired], return_index=True)
    for number, place in zip(numbers.tolist(), of_fired[first].tolist(), strict=True):
        name = words["rule"].words[number]
        if name not in found.tier:
            found.tier[name] = batch.column("tier")[place].as_py() or ""


def _add(found: RuleCounts, rules: int, rows: tuple[Numbers, ...]) -> None:
    import numpy as np

    grown = rules - len(found.findings)
    if grown > 0:
        more = np.zeros((grown, len(MEASURES)), np.int64)
        found.findings = np.concatenate([found.findings, more])
        found.patients = np.concatenate([found.patients, more])
    patient, rule, bits = rows
    if not len(patient):
        return
    for place in range(len(MEASURES)):
        found.findings[:, place] += np.bincount(rule[bits >> place & 1 == 1], minlength=rules)
    key = patient * rules + rule
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    any_bits = np.bitwise_or.reduceat(bits[order], start)
    rule_of = key[start] % rules
    for place in range(len(MEASURES)):
        found.patients[:, place] += np.bincount(rule_of[any_bits >> place & 1 == 1], minlength=rules)
    loud = patient[bits >> len(MEASURES) & 1 == 1]
    if len(loud):
        times = np.bincount(loud - loud[0])
        found.interruptive += int(times.sum())
        found.interruptive_squares += int((times * times).sum())
        found.patients_interruptive += int(np.count_nonzero(times))


def count_missing(path: Path, rules: frozenset[str]) -> MissingCounts:
    """What the open findings of these rules lack."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found, places, facts, words = MissingCounts(), _Places(), _Words(), _Words()
    held: tuple[Numbers, ...] | None = None
    for batch in _batches(path, ["rule", "status", "missing", "suppressed_by"]):
        patient = places.numbers(batch)
        rule = words.numbers(batch.column("rule"))
        wanted = np.array([name in rules for name in words.words])[rule]
        is_open = pc.equal(batch.column("status").cast(pa.string()), "cannot-assess")
        wanted &= pc.and_(is_open, pc.is_null(batch.column("suppressed_by"))).to_numpy(zero_copy_only=False)
        missing = batch.column("missing").filter(pa.array(wanted))
        lengths = _lengths(missing)
        row = np.repeat(np.flatnonzero(wanted), lengths)
        fact = facts.numbers(pc.list_flatten(missing))
        rows: tuple[Numbers, ...] = (patient[row], fact, np.repeat(lengths, lengths) == 1)
        if held is not None:
            rows = tuple(np.concatenate(pair) for pair in zip(held, rows, strict=True))
        ended = int(np.searchsorted(rows[0], patient[-1]))
        _add_missing(found, facts.words, tuple(column[:ended] for column in rows))
        held = tuple(column[ended:] for column in rows)
    if held is not None:
        _add_missing(found, facts.words, held)
    return found


def _add_missing(found: MissingCounts, words: list[str], rows: tuple[Numbers, ...]) -> None:
    import numpy as np

    patient, fact, alone = rows
    for place, (chosen_patient, chosen_fact) in enumerate(((patient, fact), (patient[alone], fact[alone]))):
        findings = np.bincount(chosen_fact, minlength=len(words))
        pairs = np.unique(chosen_patient * max(len(words), 1) + chosen_fact)
        patients = np.bincount(pairs % max(len(words), 1), minlength=len(words))
        for number in np.flatnonzero(findings).tolist():
            counts = found.facts.setdefault(words[number], [0, 0, 0, 0])
            counts[2 * place] += int(findings[number])
            counts[2 * place + 1] += int(patients[number])
