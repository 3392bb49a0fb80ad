"""Ids of cards and suggestions: the same for the same evaluation and finding."""

from __future__ import annotations

from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5


def derived(base: str, *names: str) -> str:
    """A UUID that depends on the evaluation `base` and the names, and on nothing else."""
    return str(uuid5(_space(base), "\0".join(names)))


@lru_cache(maxsize=64)
def _space(base: str) -> UUID:
    try:
        return UUID(base)
    except ValueError:
        return uuid5(NAMESPACE_URL, base)


def card_id(base: str, finding: str) -> str:
    """The uuid of the card of one finding."""
    return derived(base, "card", finding)
