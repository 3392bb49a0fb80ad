"""What the rules of a batch gave, as one table of numbers, before it is written as Arrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from caveat.compile.program import Program
from caveat.evaluators.columnar.judging import FIRES, Ruling
from caveat.findings.report import Finding

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Ints, Longs

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Found:
    """Findings: patient, rule, orders (-1 none), allergy (-1 none), status, what is missing or unchecked.

    `missing` and `unchecked` are places in the lists of `Words`, `winner` the rule that supersedes
    it (-1 none), `told` the place in `Words.told` of what only a report tells (-1 nothing).
    """

    row: Ints
    rule: Ints
    first: Ints
    second: Ints
    allergy: Ints
    status: Any
    missing: Ints
    unchecked: Ints
    winner: Ints
    told: Ints

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.row)

    def at(self, places: Any) -> Found:
        """Some of them, by their places."""
        return Found(*(getattr(self, name).take(places) for name in self.__dataclass_fields__))


class Words:
    """Lists of names that findings share, each kept once; the first is empty.

    `told` holds findings of records that were judged one at a time, for their errors and deciding facts.
    """

    def __init__(self) -> None:
        self.told: list[Finding] = []
        self.lists: list[tuple[str, ...]] = [()]
        self._number: dict[tuple[str, ...], int] = {(): 0}

    def number(self, names: tuple[str, ...]) -> int:
        """The place of a list."""
        found = self._number.get(names)
        if found is None:
            self._number[names] = found = len(self.lists)
            self.lists.append(names)
        return found


def blank(row: Any, rule: Any, status: int, missing: int = 0) -> Found:
    """Findings without orders; `missing` is a place in the lists of `Words`."""
    import numpy as np

    count = len(row)
    none = np.full(count, NOBODY, np.int32)
    zero = np.zeros(count, np.int32)
    return Found(
        np.asarray(row, np.int32),
        np.broadcast_to(np.asarray(rule, np.int32), (count,)),
        none,
        none,
        none,
        np.full(count, status, np.int8),
        np.full(count, missing, np.int32),
        zero,
        np.full(count, NOBODY, np.int32),
        np.full(count, NOBODY, np.int32),
    )


def of_ruling(ruling: Ruling, words: Words) -> Found:
    """The findings of one rule, with rows and orders as the frame has them."""
    import numpy as np

    frame, at = ruling.frame, ruling.subject
    none = np.full(len(at), NOBODY, np.int32)
    exclusions = [exclusion.id for exclusion in ruling.rule.unless]
    return Found(
        frame.rows[at].astype(np.int32),
        np.full(len(at), ruling.index, np.int32),
        none if frame.first is None else frame.first[at].astype(np.int32),
        none if frame.second is None else frame.second[at].astype(np.int32),
        none if frame.allergy is None else frame.allergy[at].astype(np.int32),
        ruling.status,
        _numbered(ruling.lacking, lambda mask: words.number(ruling.names.listed(mask))),
        _numbered(
            ruling.unchecked,
            lambda mask: words.number(tuple([e for k, e in enumerate(exclusions) if mask >> min(k, 62) & 1])),
        ),
        np.full(len(at), NOBODY, np.int32),
        np.full(len(at), NOBODY, np.int32),
    )


def _numbered(masks: Longs, number: Any) -> Ints:
    import numpy as np

    values, inverse = np.unique(masks, return_inverse=True)
    return np.array([number(int(value)) for value in values], np.int32)[inverse]


def joined(parts: list[Found]) -> Found:
    """All of them together."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    return Found(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Found.__dataclass_fields__)
    )


def in_order(found: Found, starts: Longs, left_out: Any) -> Found:
    """By patient, rule, and place of the orders and of the allergy; without the patients `left_out`."""
    import numpy as np

    if left_out.any():
        kept = np.flatnonzero(~left_out[found.row] | (found.told >= 0))
        if len(kept) < found.count:
            found = found.at(kept)
    if found.count < 2:
        return found
    base = starts.astype(np.int32)[found.row]
    first = np.where(found.first < 0, 0, found.first - base + 1)
    second = np.where(found.second < 0, 0, found.second - base + 1)
    allergy = found.allergy - found.allergy.min()
    sizes = [int(part.max()) + 1 for part in (found.row, found.rule, first, second, allergy)]
    bits = [max(size - 1, 1).bit_length() for size in sizes]
    if sum(bits) > 62:
        return found.at(np.lexsort((allergy, second, first, found.rule, found.row)))
    key = found.row.astype(np.int64)
    for part, width in zip((found.rule, first, second, allergy), bits[1:], strict=True):
        key = (key << width) | part
    return found.at(np.argsort(key))


def once_a_pair(found: Found, pairs: Any) -> Found:
    """Without the second of two findings that say the same of the same two orders the other way round.

    `pairs` says which rules are judged for pairs; `found` is in order.
    """
    import numpy as np

    some = np.flatnonzero(pairs[found.rule] & (found.second >= 0))
    if len(some) < 2:
        return found
    part = found.at(some)
    low, high = np.minimum(part.first, part.second), np.maximum(part.first, part.second)
    order = np.lexsort((np.arange(len(some)), part.status, high, low, part.rule))
    a, b = order[:-1], order[1:]
    same = (part.rule[a] == part.rule[b]) & (low[a] == low[b]) & (high[a] == high[b])
    same &= part.status[a] == part.status[b]
    drop = np.zeros(found.count, np.bool_)
    drop[some[b[same]]] = True
    return found.at(np.flatnonzero(~drop))


class Superseding:
    """Which rules supersede which, as `caveat.evaluators.assemble.superseded` applies it."""

    def __init__(self, program: Program) -> None:
        import numpy as np

        place = {rule.id: index for index, rule in enumerate(program.rules)}
        self.beats: dict[int, frozenset[int]] = {}
        for index, rule in enumerate(program.rules):
            losers = frozenset(place[name] for name in rule.supersedes if name in place)
            if losers:
                self.beats[index] = losers
        self.involved = np.zeros(len(program.rules) + 1, np.bool_)
        self.involved[[*self.beats, *(loser for losers in self.beats.values() for loser in losers)]] = True
        used = np.flatnonzero(self.involved)
        self._place = np.zeros(len(self.involved), np.int32)
        self._place[used] = np.arange(len(used))
        self._table = np.zeros((len(used), len(used)), np.bool_)
        for winner, losers in self.beats.items():
            self._table[self._place[winner], self._place[list(losers)]] = True
        self._mutual = bool((self._table & self._table.T).any())

    def applied(self, found: Found) -> Found:
        """The findings, each with the rule that supersedes it; `found` is in order."""
        import numpy as np

        if not self.beats:
            return found
        some = np.flatnonzero((found.status == FIRES) & self.involved[found.rule])
        if len(some) < 2:
            return found
        part = found.at(some)
        rules = self._place[part.rule]
        won: list[Any] = []
        lost: list[Any] = []
        step = 1
        while step < len(some):
            one = np.flatnonzero(part.row[step:] == part.row[:-step])
            if not len(one):
                break
            other = one + step
            for winner, loser in ((one, other), (other, one)):
                met = np.flatnonzero(self._table[rules[winner], rules[loser]])
                met = met[_about_the_same(part, winner[met], loser[met])]
                won.append(winner[met])
                lost.append(loser[met])
            step += 1
        if not won:
            return found
        beaten, first = self._first(part, np.concatenate(won), np.concatenate(lost))
        superseded: Any = found.winner.copy()
        superseded[some[beaten]] = part.rule[first]
        return replace(found, winner=superseded)

    def _first(self, part: Found, won: Any, lost: Any) -> tuple[Any, Any]:
        """Those that are superseded, and the first that supersedes each."""
        import numpy as np

        if not self._mutual:
            first = np.full(part.count, part.count)
            np.minimum.at(first, lost, won)
            beaten = np.flatnonzero(first < part.count)
            return beaten, first[beaten]
        # of two rules that supersede each other the first one does, and is not superseded in turn
        found: dict[int, int] = {}
        order = np.lexsort((lost, won))
        for winner, loser in zip(won[order].tolist(), lost[order].tolist(), strict=True):
            if winner not in found or part.rule[found[winner]] != part.rule[loser]:
                found.setdefault(loser, winner)
        return np.array(list(found), np.int64), np.array(list(found.values()), np.int64)


def _about_the_same(part: Found, winner: Any, loser: Any) -> Any:
    """Whether two findings are on the same orders (one's among the other's) and allergy."""
    allergy = part.allergy[winner]
    among = _among(part, winner, loser) | _among(part, loser, winner)
    return among & ((allergy < 0) | (allergy == part.allergy[loser]))


def _among(part: Found, one: Any, other: Any) -> Any:
    """Whether the orders of one finding are all among those of the other."""
    first, second = part.first[other], part.second[other]
    found = True
    for mine in (part.first[one], part.second[one]):
        found = found & ((mine < 0) | (mine == first) | (mine == second))
    return found
