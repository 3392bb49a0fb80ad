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
    mask, places = _mask(word), _places(word)
    found: list[tuple[int, int, str]] = []
    for length in range(len(word) - bound, len(word) + bound + 1):
        for name, letters in by_length.get(length, ()):
            if (letters ^ mask).bit_count() > 2 * bound:
                continue
            far = _edits(places, len(word), name)
            if far <= bound:
                found.append((far, int(name[0] != word[0]), name))
    return tuple(name for *_, name in sorted(found)[:_MOST])


def _by_length(terminology: Terminology) -> dict[int, list[tuple[str, int]]]:
    out: dict[int, list[tuple[str, int]]] = {}
    for name, cell in terminology.tables.names.items():
        if len(name) >= _SHORTEST and not cell.partition("\t")[2].startswith("translation"):
            out.setdefault(len(name), []).append((name, _mask(name)))
    return out


def _mask(word: str) -> int:
    bits = 0
    for c in word:
        bits |= 1 << (ord(c) % 59)
    return bits


def distance(a: str, b: str, bound: int) -> int:
    """Edits between two words (optimal string alignment); a value over `bound` says only that it is more."""
    if abs(len(a) - len(b)) > bound:
        return bound + 1
    return _edits(_places(a), len(a), b)


def _places(word: str) -> dict[str, int]:
    """Where each letter stands in a word, as bits."""
    found: dict[str, int] = {}
    for place, letter in enumerate(word):
        found[letter] = found.get(letter, 0) | 1 << place
    return found


def _edits(places: dict[str, int], length: int, other: str) -> int:
    """The optimal string alignment distance, a whole column of it at a time in the bits of one number.

    Source: Hyyrö H. A bit-vector algorithm for computing Levenshtein and Damerau edit distances. Nordic
    Journal of Computing 2003;10:29-39.
    """
    if not length:
        return len(other)
    full = (1 << length) - 1
    last = 1 << (length - 1)
    above, below = full, 0
    level = before = 0
    far = length
    for letter in other:
        here = places.get(letter, 0)
        swapped = ((~level & here) << 1) & before
        level = ((((here & above) + above) ^ above) | here | below | swapped) & full
        right = below | (~(level | above) & full)
        left = level & above
        if right & last:
            far += 1
        elif left & last:
            far -= 1
        right = (right << 1 | 1) & full
        left = (left << 1) & full
        above = left | (~(level | right) & full)
        below = right & level
        before = here
    return far
