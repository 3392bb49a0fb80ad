"""Names close to a word that is none: offered to a reader, never taken."""

from __future__ import annotations

from typing import Final

from caveat.terminology.concepts import Terminology

_SHORTEST: Final = 4
_MOST: Final = 5


def rank(terminology: Terminology, word: str) -> tuple[str, ...]:
    """Up to five known names a few edits from the word, nearest first; none for a word under four letters.

    An edit is a letter put in, left out, changed, or swapped with its neighbour: one for words up to five
    letters, two up to eleven, three beyond.
    """
    if len(word) < _SHORTEST or not any(c.isalpha() for c in word):
        return ()
    return terminology.remember(("close", word), lambda: _rank(terminology, word))


def _rank(terminology: Terminology, word: str) -> tuple[str, ...]:
    bound = 1 if len(word) <= 5 else 2 if len(word) <= 11 else 3
    by_length = terminology.remember("names by length", lambda: _by_length(terminology))
    mask = _mask(word)
    found: list[tuple[int, int, str]] = []
    for length in range(len(word) - bound, len(word) + bound + 1):
        for name, letters in by_length.get(length, ()):
            if (letters ^ mask).bit_count() > 2 * bound:
                continue
            far = distance(word, name, bound)
            if far <= bound:
                found.append((far, int(name[0] != word[0]), name))
    return tuple(name for *_, name in sorted(found)[:_MOST])


def _by_length(terminology: Terminology) -> dict[int, list[tuple[str, int]]]:
    out: dict[int, list[tuple[str, int]]] = {}
    for name in terminology.tables.names:
        if len(name) >= _SHORTEST:
            out.setdefault(len(name), []).append((name, _mask(name)))
    return out


def _mask(word: str) -> int:
    bits = 0
    for c in word:
        bits |= 1 << (ord(c) % 59)
    return bits


def distance(a: str, b: str, bound: int) -> int:
    """Edits between two words (optimal string alignment); a value over `bound` says only that it is more."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > bound:
            return bound + 1
        before, last = last, row
    return last[-1]
