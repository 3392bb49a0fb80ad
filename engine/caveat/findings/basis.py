"""Why a finding is what it is: the facts it rests on and the facts that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Basis:
    """One fact as the record states it, with its unit, date and source."""

    fact: str
    value: str
    at: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that could not be had, why, and which inputs of it would help."""

    fact: str
    reason: str
    inputs: tuple[str, ...] = ()


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


def merge_basis(groups: list[tuple[Basis, ...]]) -> tuple[Basis, ...]:
    """All of them once, in order."""
    return tuple(dict.fromkeys(item for group in groups for item in group))


def merge_missing(groups: list[tuple[Missing, ...]]) -> tuple[Missing, ...]:
    """All of them once, in order; one entry a fact and reason."""
    return tuple(dict.fromkeys(item for group in groups for item in group))
