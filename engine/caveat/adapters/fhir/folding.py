"""Dispenses, administrations and statements that name a request of the record: no orders of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.references import Index, relative
from caveat.adapters.ledger import Ledger
from caveat.dates import When
from caveat.facts.clinical import Order

# What a request may lack and its entry may add; where both say it they must say the same.
_SHARED: Final = ("route", "form", "strength", "dose", "rate", "frequency", "max_per_day", "daily_dose")
# Ways to state an amount that are not mixed: what was given in one of them says nothing of the other.
_EXCLUDES: Final = {
    "dose": ("rate", "daily_dose"),
    "rate": ("dose", "daily_dose"),
    "daily_dose": ("dose", "rate"),
}
_ENDED: Final = ("completed", "stopped")


@dataclass(slots=True)
class Folder:
    """The orders of one record in order, and the entries that name the request they carry out."""

    orders: list[Order] = field(default_factory=list)
    _requests: dict[str, list[int]] = field(default_factory=dict)
    _waiting: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def add(self, found: Order, resource: Any, index: Index) -> None:
        """Enters an order; a reference to a request is followed when all orders are known."""
        place = len(self.orders)
        self.orders.append(found)
        if isinstance(resource, fhir.MedicationRequest):
            if resource.id:
                self._requests.setdefault(resource.id, []).append(place)
            return
        names = _requests_of(resource, index)
        if names:
            self._waiting.append((place, names))

    def folded(self, log: Ledger) -> list[Order]:
        """The orders without those entries that only say again what their request says.

        An entry that says something else than its request (another medicine, dose or route, a
        supply begun after the stop) is kept as an order of its own, with a note.
        """
        if not self._waiting:
            return self.orders
        gone: set[int] = set()
        stated = tuple(self.orders)
        for place, names in self._waiting:
            entry = self.orders[place]
            found = [at for name in names for at in self._requests.get(name, ())]
            if len(found) != 1:
                continue
            joined = _joined(stated[found[0]], self.orders[found[0]], entry)
            if joined is None:
                log.note(
                    f"{entry.origin}-differs",
                    f"a {entry.origin} that differs from the request it names is kept as an order of its own",
                    entry.source or "",
                )
                continue
            self.orders[found[0]] = joined
            gone.add(place)
            message = f"a {entry.origin} was taken together with the request it names"
            log.note(f"{entry.origin}-folded", message, entry.source or "")
        return [one for place, one in enumerate(self.orders) if place not in gone]


def _requests_of(resource: Any, index: Index) -> tuple[str, ...]:
    references: list[fhir.Reference] = []
    if isinstance(resource, fhir.MedicationDispense):
        references = resource.authorizing_prescription or []
    elif isinstance(resource, fhir.MedicationAdministration) and resource.request is not None:
        references = [resource.request]
    elif isinstance(resource, fhir.MedicationStatement):
        references = [*(resource.based_on or ()), *(resource.derived_from or ())]
    names = []
    for one in references:
        if not one.reference:
            continue
        target = index.find(one.reference)
        if isinstance(target, fhir.MedicationRequest) and target.id:
            names.append(target.id)
        elif (short := relative(one.reference)).startswith("MedicationRequest/"):
            names.append(short.partition("/")[2])
    return tuple(dict.fromkeys(names))


def _joined(request: Order, current: Order, entry: Order) -> Order | None:
    """`current` (the request with its earlier entries) with what this one adds; None when it stays apart."""
    if not same_medicine(request, entry) or entry.purpose != request.purpose:
        return None
    changes: dict[str, Any] = {}
    for name in _SHARED:
        ours, theirs = getattr(current, name), getattr(entry, name)
        if theirs is None or theirs == ours:
            continue
        if ours is not None or any(getattr(current, other) is not None for other in _EXCLUDES.get(name, ())):
            return None
        changes[name] = theirs
    if current.start is None and entry.start is not None:
        changes["start"] = entry.start
    if request.status == "stopped" and (entry.status == "active" or _begins_after(entry, request)):
        return None
    changes.update(_end(request, current, entry))
    return current.model_copy(update=changes) if changes else current


def _end(request: Order, current: Order, entry: Order) -> dict[str, Any]:
    """Status and stop after the entry: it may show that the treatment went on, or when it was last given."""
    given = entry.origin == "administration" and entry.status in _ENDED
    ends = entry.stop or (entry.start if given else None)
    if request.status in _ENDED:
        if given:
            unsettled = request.stop is None or request.status == "completed"
            known = current.status in _ENDED or current.stop is not None
            return {"stop": _later(current.stop, ends)} if unsettled and known else {}
        if request.status == "stopped" or entry.status in _ENDED:
            return {}
        # Handed over or under way: the request is used up, the treatment is not over.
        status = "active" if "active" in (entry.status, current.status) else "unknown"
        is_open = ends is None or (current.status not in _ENDED and current.stop is None)
        return {"status": status, "stop": None if is_open else _later(current.stop, ends)}
    if current.stop is None or (entry.status in _ENDED and not given):
        return {}
    return {"stop": None if ends is None else _later(current.stop, ends)}


def _later(one: When | None, other: When | None) -> When | None:
    return max((when for when in (one, other) if when is not None), key=lambda w: w.last, default=None)


def _begins_after(entry: Order, request: Order) -> bool:
    return entry.start is not None and request.stop is not None and entry.start.last > request.stop.last


def same_medicine(one: Order, other: Order) -> bool:
    """Whether both name the same medicine: a code in common, else the same text."""
    if one.codes and other.codes:
        pairs = {(code.system, code.code) for code in one.codes}
        return any((code.system, code.code) in pairs for code in other.codes)
    if one.text and other.text:
        return " ".join(one.text.lower().split()) == " ".join(other.text.lower().split())
    return False
