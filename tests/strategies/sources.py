"""Where generated values are drawn from: Hypothesis, which shrinks, or a seeded random, which is fast.

The simplest value comes first in every choice, so that what Hypothesis shrinks to is small.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

from hypothesis import strategies as st

T = TypeVar("T")


class Source(Protocol):
    """Draws values."""

    def pick(self, values: Sequence[T]) -> T:
        """One of them."""
        ...

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        ...

    def chance(self, percent: int) -> bool:
        """TRUE in about `percent` of a hundred."""
        ...


class Drawn:
    """From Hypothesis: the `draw` of a composite strategy or of `st.data()`."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def pick(self, values: Sequence[T]) -> T:
        return cast(T, self._draw(st.sampled_from(values)))

    def number(self, low: int, high: int) -> int:
        return int(self._draw(st.integers(low, high)))

    def chance(self, percent: int) -> bool:
        return bool(self._draw(st.integers(0, 99)) >= 100 - percent)


class Seeded:
    """From a seeded random: the same on every machine and run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, values: Sequence[T]) -> T:
        return values[self._random.randrange(len(values))]

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent


def some(source: Source, values: Sequence[T], most: int) -> tuple[T, ...]:
    """One to `most` different values, in their order."""
    chosen = {source.pick(range(len(values))) for _ in range(source.number(1, most))}
    return tuple(values[index] for index in sorted(chosen))


def maybe(source: Source, percent: int, make: Callable[[], T]) -> T | None:
    """A value in about `percent` of a hundred, else None."""
    return make() if source.chance(percent) else None
