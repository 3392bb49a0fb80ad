"""What parts of resources that repeat come to as facts, by the common code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.observations import Names, Unbound, observations
from caveat.adapters.fhir.orders import order
from caveat.adapters.fhir.problems import condition
from caveat.adapters.fhir.references import Index
from caveat.adapters.fhir.stated import Statements
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Coded, Condition, Order
from caveat.facts.values import Quantity

SOME_DAY: Final = "2000-01-01"
"""Stands for a day that each resource states itself."""


class Form(fhir.Struct):
    """The value of an observation but for its numbers: a lone quantity, components, or an answer in words."""

    amount: fhir.Amount | None = None
    parts: list[tuple[int, int]] | None = None
    """Concept and form of each component, which is a lone quantity."""
    answer: fhir.Observation | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """A fact without id, path and days of its own, and what is to be said with paths that begin at it."""

    fact: Order | Condition | None
    log: Ledger

    @property
    def is_loud(self) -> bool:
        """Whether anything is to be said."""
        return bool(self.log.notes or self.log.problems)


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an observation, and what is to be said of it with paths that begin at it."""

    quantity: Quantity | None
    answer: Coded | None
    log: Ledger

    @property
    def is_loud(self) -> bool:
        """Whether anything is to be said."""
        return bool(self.log.notes or self.log.problems)


def order_of(resource: fhir.MedicationRequest) -> Meaning:
    """The Order of a request that was given no day."""
    log = Ledger()
    return Meaning(order(Item(resource, "MedicationRequest"), Index(), log, "", ""), log)


def condition_of(resource: fhir.Condition) -> Meaning:
    """The Condition; its days are not its own."""
    log = Ledger()
    return Meaning(condition(resource, log, "", ""), log)


def value_of(resource: fhir.Observation) -> Value:
    """The value of an observation that is final, dated and named."""
    log = Ledger()
    whole = replace(
        resource, status="final", code=fhir.Concept(None, "measured"), effective_date_time=SOME_DAY
    )
    found = observations(whole, log, "", "", Names(None), Unbound(), Statements())
    return Value(found[0].value, found[0].answer, log)
