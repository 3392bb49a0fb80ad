"""Resources inside others: results that a report or a panel holds itself, medicines and problems of a List.

They are facts of the patient like those that stand alone. What they do not say themselves (patient, day,
status) is that of what holds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from caveat.adapters.fhir import decode
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.references import Index, relative
from caveat.adapters.ledger import Ledger

_FACTS: Final = frozenset(
    "Observation MedicationRequest MedicationStatement MedicationAdministration MedicationDispense Condition "
    "AllergyIntolerance".split()
)
_RESULTS: Final = frozenset(("Observation",))
BESIDE: Final = frozenset(("Medication", "Substance", "Specimen"))
"""What facts inside a resource may refer to."""
_DATES: Final = ("effective_date_time", "effective_period", "effective_instant", "effective_timing")
_VOID: Final = frozenset(("entered-in-error", "cancelled"))


class Inside:
    """What the resources of one record hold inside them: entries to be read after all others."""

    __slots__ = ("entries", "holders")

    def __init__(self) -> None:
        self.entries: list[tuple[tuple[Item, Index], str]] = []
        self.holders: dict[str, Any] = {}
        """By the path of an entry the resource that holds it."""

    def enter(self, item: Item, index: Index, log: Ledger, path: str) -> None:
        """Enters the facts that a resource holds.

        One that names another patient is a problem, and so is a reference to one that is not there.
        """
        for inner, where in _held(item.kind, item.resource, log, path):
            self.entries.append(((inner, index), where))
            self.holders[where] = item.resource


def _held(kind: str, holder: Any, log: Ledger, path: str) -> Iterator[tuple[Item, str]]:
    given = holder.contained if isinstance(holder.contained, list) else []
    if holder.contained is not None and not isinstance(holder.contained, list):
        log.problem("field", "contained is no list; it was not read", path + ".contained")
    wanted = _FACTS if kind == "List" else _RESULTS
    found: list[tuple[Item, str]] = []
    beside: list[Any] = []
    for number, one in enumerate(given):
        if not isinstance(one, dict) or not isinstance(one.get("resourceType"), str):
            log.problem("field", "a resource inside another does not say what it is", f"{path}#{number}")
            continue
        named = one.get("id")
        name = named.removeprefix("#") if isinstance(named, str) else str(number)
        where = f"{path}#{name}"[:200]
        if one["resourceType"] in BESIDE:
            beside.append(decode.mended({**deepcopy(one), "id": name}, "", where).resource)
        elif one["resourceType"] in wanted:
            inner = decode.mended({**deepcopy(one), "id": name}, "", where)
            if _is_of_another(inner.resource, holder):
                message = "a resource inside another is of another patient; it was not used"
                log.problem("other-patient", message, where)
                continue
            found.append((inner, where))
    prefix = f"{holder.id}#" if holder.id else "#"
    for inner, where in found:
        resource: Any = inner.resource
        resource.id = prefix + resource.id
        if inner.kind == "Observation" and kind != "List":  # a List is no examination
            _complete(resource, holder)
        if hasattr(resource, "contained") and resource.contained is None:
            resource.contained = beside
        yield inner, where
    there = names_inside(holder)
    for one in getattr(holder, "result", None) or ():
        if one.reference is not None and one.reference.startswith("#") and one.reference not in there:
            message = "a report names a result that should be inside it and is not there"
            log.problem("reference", message, path + ".result", one.reference)


def names_inside(holder: Any) -> set[str]:
    """The references to what a resource holds inside it."""
    given = holder.contained if isinstance(holder.contained, list) else []
    names = (one.get("id") for one in given if isinstance(one, dict))
    return {"#" + name.removeprefix("#") for name in names if isinstance(name, str)}


def _complete(result: fhir.Observation, holder: Any) -> None:
    """Gives a result the day and the status of its holder where it has none of its own."""
    if all(getattr(result, name) is None for name in _DATES):
        for name in _DATES:
            setattr(result, name, getattr(holder, name, None))
        result.issued = result.issued or holder.issued
    if result.status is None or holder.status in _VOID:
        result.status = holder.status


def _is_of_another(resource: Any, holder: Any) -> bool:
    own = getattr(resource, "subject", None) or getattr(resource, "patient", None)
    whose = getattr(holder, "subject", None)
    if own is None or own.reference is None or own.reference.startswith("#"):
        return False
    if whose is None or whose.reference is None:
        return False
    return relative(own.reference) != relative(whose.reference)
