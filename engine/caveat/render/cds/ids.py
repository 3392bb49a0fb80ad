"""Ids of cards and suggestions: the same for the same evaluation and finding."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5


def derived(base: str, *names: str) -> str:
    """A UUID that depends on the evaluation `base` and the names, and on nothing else."""
    try:
        space = UUID(base)
    except ValueError:
        space = uuid5(NAMESPACE_URL, base)
    return str(uuid5(space, "\0".join(names)))


def card_id(base: str, finding: str) -> str:
    """The uuid of the card of one finding."""
    return derived(base, "card", finding)
