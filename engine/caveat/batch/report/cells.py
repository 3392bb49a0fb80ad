"""Small cells: counts of 1 to k - 1 patients are not shown, and totals do not give them away.

What readers of a report are taken to know: every number it shows; that a row marked small stands
for 1 to k - 1 patients; that a row hidden for another's sake stands for k or more; that no rule
has fewer findings than patients. `protect` hides as many further rows as it takes for every small
row to remain open to every value from 1 to k - 1. docs/report.md says what is not protected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

DEFAULT: Final = 5
LEAST: Final = 3


class Cell(Enum):
    """Whether a row's counts are shown, and if not, why."""

    SHOWN = "shown"
    SMALL = "small"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Row:
    """Findings of a rule and the patients who have one, and which totals they are part of.

    `marks` are the names of totals, besides the one over all rows.
    """

    findings: int
    patients: int
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Total:
    """A published total over the rows that carry the mark `name` (empty: all rows), and its patients."""

    name: str
    patients: int


@dataclass(frozen=True, slots=True)
class Protected:
    """What may be shown: a cell a row, and the names of the totals that must not be exact."""

    cells: tuple[Cell, ...]
    hidden_totals: frozenset[str]


def check_limit(k: int) -> None:
    """Raises ValueError unless k is 0 (nothing is hidden) or at least 3: below 2 would mean 1."""
    if k != 0 and k < LEAST:
        raise ValueError(f"small cells below {k}: write 0 to show every count, or a number from {LEAST} up")


def is_small(patients: int, k: int) -> bool:
    """Whether a count of patients is not shown."""
    return 0 < patients < k


def protect(rows: Sequence[Row], totals: Sequence[Total], k: int) -> Protected:
    """Which rows to hide so that the totals do not give a small one away.

    Rows are split into parts by the totals that are published, so that each row is in one part and
    every total is a sum of parts; see `_open` for when a part is safe. Totals that leave no way are
    given up from the last on; the first is over all rows. A total of nobody is always shown, and
    without the total over all rows no other is left to protect against.
    """
    cells = [Cell.SMALL if is_small(row.patients, k) else Cell.SHOWN for row in rows]
    kept = [total for total in totals if total.patients >= max(k, 1)]
    while kept:
        chosen = _partners(rows, cells, kept, k)
        if chosen is not None:
            for index in chosen:
                cells[index] = Cell.PARTNER
            break
        kept.pop()
    shown = {total.name for total in kept}
    return Protected(tuple(cells), frozenset(t.name for t in totals if t.patients and t.name not in shown))


def _partners(
    rows: Sequence[Row], cells: Sequence[Cell], totals: Sequence[Total], k: int
) -> list[int] | None:
    """Rows to hide beside the small ones; None when there are too few."""
    parts: dict[tuple[bool, ...], list[int]] = {}
    for index, row in enumerate(rows):
        if row.patients:
            parts.setdefault(tuple(not t.name or t.name in row.marks for t in totals), []).append(index)
    chosen: list[int] = []
    for within, part in parts.items():
        reach = min(total.patients for total, holds in zip(totals, within, strict=True) if holds)
        found = _partners_of_part([(rows[i], cells[i], i) for i in part], reach, k)
        if found is None:
            return None
        chosen += found
    return chosen


def _partners_of_part(part: list[tuple[Row, Cell, int]], reach: int, k: int) -> list[int] | None:
    small = [row for row, cell, _ in part if cell is Cell.SMALL]
    if not small:
        return []
    rest = sorted((row.findings, index) for row, cell, index in part if cell is Cell.SHOWN)
    remainder = sum(row.findings for row in small)
    chosen: list[int] = []
    while not _open(remainder, len(small), len(chosen), reach, k):
        if len(chosen) == len(rest):
            return None
        findings, index = rest[len(chosen)]
        remainder += findings
        chosen.append(index)
    return chosen


def _open(remainder: int, small: int, partners: int, reach: int, k: int) -> bool:
    """Whether each small row of a part can be anything from 1 to k - 1.

    `remainder` is the part's sum less its shown rows, `reach` the fewest patients of a total that
    holds the part: no row has more. A small row can be k - 1 when that leaves the others their
    least. It can be 1 when the others can hold the rest; for a reader who takes every patient to
    have one finding of a rule, a partner holds at most `reach`. A remainder too large for that
    shows this reader to be wrong.
    """
    can_be_most = remainder - (small - 1) - partners * k >= k - 1
    most = (small - 1) * (k - 1) + partners * reach
    can_be_one = remainder - 1 <= most or (partners > 0 and remainder > most + k - 1)
    return can_be_most and can_be_one
