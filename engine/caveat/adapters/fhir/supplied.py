"""Requests that end with their supply: completed ones run while it lasts, those in force beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.folding import same_medicine
from caveat.adapters.fhir.orders import RUNNING
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Order

_OVER = ("completed", "stopped", "cancelled")


def has_supply(resource: Any, order: Order) -> bool:
    """Whether a request, completed or in force, ends when its supply is used up and by nothing else."""
    if not isinstance(resource, fhir.MedicationRequest) or order.stop is None:
        return False
    if order.status != "completed" and order.status not in RUNNING:
        return False
    supply = resource.dispense_request
    return supply is not None and supply.expected_supply_duration is not None and not _is_bounded(resource)


def _is_bounded(resource: fhir.MedicationRequest) -> bool:
    for one in resource.dosage_instruction or ():
        repeat = None if one.timing is None else one.timing.repeat
        if repeat is not None and (repeat.bounds_period or repeat.bounds_duration or repeat.bounds_range):
            return True
    return False


def still_supplied(orders: Sequence[Order], supplied: set[str], log: Ledger) -> list[Order]:
    """The orders, with the requests of `supplied` (by source) judged as long as they may be taken.

    A prescription is completed when all of it was dispensed, which is when taking it begins: until its
    supply is used up it counts. One in force is still taken when its supply is used up, as its status
    says, unless another order carries the medicine on, as refills written anew do.
    """
    if not supplied:
        return list(orders)
    running = [one for one in orders if one.status not in _OVER]
    found = []
    for one in orders:
        if one.source in supplied:
            others = [other for other in running if other is not one and same_medicine(one, other)]
            where = one.source or ""
            if one.status == "completed" and not others:
                message = "a completed request is judged as an order of unknown status while its supply lasts"
                log.note("completed-supply", message, where)
                one = one.model_copy(update={"status": "unknown"})
            elif one.status in RUNNING and not any(_carries_on(other, one) for other in others):
                log.note("supply-no-stop", "an order in force does not stop when its supply ends", where)
                one = one.model_copy(update={"stop": None})
        found.append(one)
    return found


def _carries_on(other: Order, one: Order) -> bool:
    """Whether another order of the medicine runs longer than one does."""
    if one.stop is None or other.stop is None:
        return other.stop is None
    return other.stop.last > one.stop.last
