"""Requests that are completed because everything was dispensed, while the supply lasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.folding import same_medicine
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Order

_OVER = ("completed", "stopped", "cancelled")


def has_supply(resource: Any, order: Order) -> bool:
    """Whether a completed request ends when its supply is used up, as nothing else says when."""
    if not isinstance(resource, fhir.MedicationRequest) or order.status != "completed" or order.stop is None:
        return False
    supply = resource.dispense_request
    return supply is not None and supply.expected_supply_duration is not None and not _is_bounded(resource)


def _is_bounded(resource: fhir.MedicationRequest) -> bool:
    for one in resource.dosage_instruction or ():
        repeat = None if one.timing is None else one.timing.repeat
        if repeat is not None and (repeat.bounds_period or repeat.bounds_duration or repeat.bounds_range):
            return True
    return False


def still_supplied(orders: Sequence[Order], completed: set[str], log: Ledger) -> list[Order]:
    """The orders, with the requests of `completed` (by source) judged until their supply is used up.

    A prescription is completed when all of it was dispensed, which is when taking it begins. One that
    another order of the same medicine carries on stays what it is.
    """
    if not completed:
        return list(orders)
    running = [one for one in orders if one.status not in _OVER]
    found = []
    for one in orders:
        if one.source in completed and not any(same_medicine(one, other) for other in running):
            message = "a completed request is judged as an order of unknown status while its supply lasts"
            log.note("completed-supply", message, one.source or "")
            one = one.model_copy(update={"status": "unknown"})
        found.append(one)
    return found
