"""What each rule gave on a batch, before it is put in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.arrays import combined, dense
from caveat.evaluators.columnar.judging import FIRES, Ruling

if TYPE_CHECKING:
    from caveat.findings.report import Finding

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Part:
    """Some findings of a batch, in any order; one number may stand for all of them.

    `note` is a place in `Words.notes`: what is missing or unchecked.
    """

    row: Any
    rule: Any
    first: Any = NOBODY
    second: Any = NOBODY
    allergy: Any = NOBODY
    status: Any = FIRES
    note: Any = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.row)

    def but(self, marked: Any) -> Part:
        """Without those that are marked."""
        import numpy as np

        kept = np.flatnonzero(~marked)
        if len(kept) == self.count:
            return self
        return Part(
            *(
                value if isinstance(value, int) else value[kept]
                for value in (getattr(self, name) for name in self.__dataclass_fields__)
            )
        )


@dataclass(frozen=True, slots=True)
class Note:
    """What findings share: places in `Words.lists` of what is missing and of what is unchecked.

    `told` is the place in `Words.told` of what only a report tells (-1 nothing), `winner` the rule
    that it says supersedes the finding.
    """

    missing: int = 0
    unchecked: int = 0
    told: int = NOBODY
    winner: int = NOBODY


class Words:
    """Lists of names and notes that findings share, each kept once; the first of each is empty.

    `told` holds findings of records that were judged one at a time, for their errors and deciding facts.
    """

    def __init__(self) -> None:
        self.told: list[Finding] = []
        self.lists: list[tuple[str, ...]] = [()]
        self.notes: list[Note] = [Note()]
        self._lists: dict[tuple[str, ...], int] = {(): 0}
        self._notes: dict[Note, int] = {Note(): 0}

    def number(self, names: tuple[str, ...]) -> int:
        """The place of a list."""
        found = self._lists.get(names)
        if found is None:
            self._lists[names] = found = len(self.lists)
            self.lists.append(names)
        return found

    def note(self, note: Note) -> int:
        """The place of a note."""
        found = self._notes.get(note)
        if found is None:
            self._notes[note] = found = len(self.notes)
            self.notes.append(note)
        return found

    def noted(self, missing: tuple[str, ...], unchecked: tuple[str, ...] = ()) -> int:
        """The place of a note that names what is missing and unchecked."""
        return self.note(Note(self.number(missing), self.number(unchecked)))

    def of_notes(self, name: str) -> Any:
        """A number of every note, as an array."""
        import numpy as np

        return np.array([getattr(note, name) for note in self.notes], np.int32)


def of_ruling(ruling: Ruling, words: Words) -> Part:
    """The findings of one rule, with rows and orders as the frame has them."""
    frame, at = ruling.frame, ruling.subject
    return Part(
        frame.rows[at],
        ruling.index,
        NOBODY if frame.first is None else frame.first[at],
        NOBODY if frame.second is None else frame.second[at],
        NOBODY if frame.allergy is None else frame.allergy[at],
        ruling.status,
        _notes(ruling, words),
    )


def _notes(ruling: Ruling, words: Words) -> Any:
    """The note of each finding of a rule."""
    import numpy as np

    masks = ruling.lacking, ruling.unchecked
    most = [int(mask.max(initial=0)) for mask in masks]
    if not any(most):
        return 0
    codes = [dense(mask, top + 1) for mask, top in zip(masks, most, strict=True)]
    each = combined(len(ruling.subject), *((one.codes, one.count) for one in codes))
    exclusions = [exclusion.id for exclusion in ruling.rule.unless]
    numbers = []
    for lacking, unchecked in zip(*(mask[each.first].tolist() for mask in masks), strict=True):
        left = tuple([e for k, e in enumerate(exclusions) if unchecked >> min(k, 62) & 1])
        numbers.append(words.noted(ruling.names.listed(lacking), left))
    return np.array(numbers, np.int32)[each.codes]


def once_a_pair(part: Part) -> Part:
    """Without the second of two findings of a rule that say the same of two orders the other way round."""
    import numpy as np

    backward = np.flatnonzero(part.first > part.second)
    if not len(backward) or len(backward) == part.count:
        return part
    size = int(part.first.max()) + 1
    sign = np.int64(4)
    forward = np.sort((part.first * np.int64(size) + part.second) * sign + part.status)
    keys = (part.second[backward] * np.int64(size) + part.first[backward]) * sign + part.status[backward]
    places = np.minimum(np.searchsorted(forward, keys), len(forward) - 1)
    twice = backward[forward[places] == keys]
    if not len(twice):
        return part
    marked = np.zeros(part.count, np.bool_)
    marked[twice] = True
    return part.but(marked)
