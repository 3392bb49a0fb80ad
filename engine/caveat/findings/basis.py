"""Why a finding is what it is: the facts it rests on and the facts that are missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Medicine:
    """An order: its id, its product as written, its ingredients, and those of them that are asked about."""

    order: str
    name: str
    ingredients: tuple[str, ...]
    drugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """One fact as the record states it, with its unit, date and source.

    `of` are the orders that it was counted or summed for. They are told beside the fact and are no part
    of it: two facts that differ in nothing else are the same.
    """

    fact: str
    value: str
    at: str | None = None
    source: str | None = None
    of: tuple[Medicine, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that could not be had, why, and which inputs of it would help; `of` as for a `Basis`."""

    fact: str
    reason: str
    inputs: tuple[str, ...] = ()
    of: tuple[Medicine, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """An exception that could not be judged."""

    id: str
    because: str
    missing: tuple[Missing, ...]


class Explained(Protocol):
    """What a finding rests on; it may be computed when first asked for."""

    @property
    def because(self) -> tuple[Basis, ...]: ...
    @property
    def missing(self) -> tuple[Missing, ...]: ...
    @property
    def unchecked(self) -> tuple[Unchecked, ...]: ...
    @property
    def exceptions(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Details:
    """What a finding rests on: deciding facts, missing facts, exceptions not judged, exceptions that hold."""

    because: tuple[Basis, ...] = ()
    missing: tuple[Missing, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    exceptions: tuple[str, ...] = ()


NO_DETAILS = Details()


class Detailed:
    """What has `details` gives each part of them by name."""

    __slots__ = ()

    details: Explained

    @property
    def because(self) -> tuple[Basis, ...]:
        """The facts that decided it."""
        return self.details.because

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The facts that left it open."""
        return self.details.missing

    @property
    def unchecked(self) -> tuple[Unchecked, ...]:
        """The exceptions that could not be judged."""
        return self.details.unchecked

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The exceptions that hold."""
        return self.details.exceptions


Fact = TypeVar("Fact", bound=Basis | Missing)


def of_order(facts: tuple[Fact, ...], medicine: Medicine) -> tuple[Fact, ...]:
    """The facts as those of an order."""
    return tuple(_of(fact, (medicine,)) for fact in facts)


def _of(fact: Fact, medicines: tuple[Medicine, ...]) -> Fact:
    return replace(fact, of=medicines)


def medicines_of(facts: Iterable[Basis | Missing]) -> tuple[Medicine, ...]:
    """The orders that facts were counted or summed for, each once."""
    return merge_medicines(medicine for fact in facts for medicine in fact.of)


def merge_medicines(found: Iterable[Medicine]) -> tuple[Medicine, ...]:
    """Each order once, in order, with all that is asked about of it."""
    kept: dict[str, Medicine] = {}
    for one in found:
        known = kept.get(one.order)
        if known is None:
            kept[one.order] = one
        elif not set(one.drugs) <= set(known.drugs):
            kept[one.order] = replace(known, drugs=tuple(dict.fromkeys((*known.drugs, *one.drugs))))
    return tuple(kept.values())


def _once(groups: list[tuple[Fact, ...]]) -> tuple[Fact, ...]:
    kept: dict[Fact, Fact] = {}
    for item in chain.from_iterable(groups):
        known = kept.get(item)
        if known is None:
            kept[item] = item
        elif item.of:
            kept[item] = _of(known, merge_medicines((*known.of, *item.of)))
    return tuple(kept.values())


def merge_basis(groups: list[tuple[Basis, ...]]) -> tuple[Basis, ...]:
    """All of them once, in order; one of several orders is a fact of them all."""
    return _once(groups)


def merge_missing(groups: list[tuple[Missing, ...]]) -> tuple[Missing, ...]:
    """All of them once, in order; one entry a fact and reason."""
    return _once(groups)
