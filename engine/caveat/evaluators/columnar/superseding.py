"""Which findings are superseded by which rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from caveat.compile.program import Program
from caveat.evaluators.columnar.found import Found
from caveat.evaluators.columnar.judging import FIRES


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
