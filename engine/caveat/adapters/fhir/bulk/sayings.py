"""What is to be said of plain resources: the same of many, so that it is said once with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.adapters.fhir.bulk.held import Held
from caveat.adapters.ledger import Ledger

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Saying:
    """Facts of which something is to be said, all with paths that begin at them, by ledgers by number.

    `which` numbers the ledger of each of `at`; `rows` are the rows of facts and `inner` their
    components, where facts are no rows.
    """

    held: Held
    at: Numbers
    which: Numbers
    logs: Sequence[Ledger]
    rows: Numbers | None = None
    components: Numbers | None = None
    counts: Numbers | None = None
    """How often each is said, by place in `at`; once without it."""

    def row(self, at: int) -> int:
        """The row of a fact."""
        return at if self.rows is None else int(self.rows[at])

    def inner(self, at: int) -> int:
        """Which component it is; 0 for the first and for none."""
        return 0 if self.components is None else max(int(self.components[at]), 0)

    def first(self, number: Numbers) -> Iterator[tuple[int, int]]:
        """Of each patient and ledger the first fact, and how many there are.

        What holds problems is said of each: they are kept one by one. `number` numbers patients.
        """
        import numpy as np

        if not len(self.at):
            return
        apart = np.array([bool(one.problems) for one in self.logs], bool)[self.which]
        for at in self.at[apart].tolist():
            yield at, 1
        at, which = self.at[~apart], self.which[~apart]
        rows = at if self.rows is None else self.rows[at]
        key = number[self.held.who[rows]] * len(self.logs) + which
        _, begin, inverse = np.unique(key, return_index=True, return_inverse=True)
        weights = None if self.counts is None else self.counts[~apart]
        counts = np.bincount(inverse, weights=weights).astype(np.int64)
        yield from zip(at[begin].tolist(), counts.tolist(), strict=True)

    def say(self, at: int, count: int, log: Ledger) -> None:
        """Says it of a fact, as often as it is to be said."""
        row = self.row(at)
        path = f"{self.held.kind}/{self.held.column('id')[row].as_py()}"
        if self.components is not None and self.components[at] >= 0:
            path += f".component[{self.components[at]}]"
        position = int(self.at.searchsorted(at))
        said = self.logs[int(self.which[position])]
        if count == 1:
            said.repeat(log, path)
            return
        for note in said.notes:
            log.note(note.code, note.message, path + (note.path or ""), note.count * count)
