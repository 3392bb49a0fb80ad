"""What a search or read asks a FHIR server for, and which list of facts its whole answer makes complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from caveat.adapters.fhir.group import ORDERED
from caveat.adapters.fhir.orders import STATUS

LIST_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(sorted(ORDERED), "orders"),
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Observation": "observations",
}
"""The list of facts that a resource type belongs to."""

_ASKS_ALL: Final = frozenset(("patient", "subject", "_count", "_sort", "_include", "_total", "_format"))
# What must be answered in full, each without a filter, before a list can be taken as complete. Only orders
# have a record of their own making: what is ordered is in it. That no condition or allergy is recorded says
# that one looked, not that there is none (an empty problem list does not rule out a pregnancy), so no
# search closes those; a List of the record that says so does. Observations are never all asked for.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"orders": ("MedicationRequest", "MedicationStatement")}
_ALSO: Final[Mapping[str, tuple[str, ...]]] = {"orders": ("MedicationAdministration", "MedicationDispense")}
"""Types that add to a list: where they are asked for at all, they too must be answered in full."""


@dataclass(frozen=True, slots=True)
class Query:
    """One template: the type asked for, and what narrows the answer; a read has no parameters.

    `count` is how many results are asked for at most, and `newest` says that only the newest are, so
    that nothing is amiss when there are more. `statuses` None is any. `filtered` says whether
    something else than the patient and the status narrows the answer.
    """

    kind: str
    read: bool = False
    count: int | None = None
    newest: bool = False
    statuses: frozenset[str] | None = None
    filtered: bool = False


@lru_cache(maxsize=512)
def query(template: str) -> Query:
    """The query of a template such as `Condition?patient={{context.patientId}}`."""
    head, marked, rest = template.partition("?")
    if not marked:
        return Query(head.partition("/")[0], read="/" in head)
    asked = dict(one.partition("=")[::2] for one in rest.split("&"))
    stated, status = asked.get("_count", ""), asked.get("status")
    count = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 9 else None
    return Query(
        head,
        count=count,
        newest=count is not None and asked.get("_sort", "").startswith("-"),
        statuses=None if status is None else frozenset(one.rpartition("|")[2] for one in status.split(",")),
        filtered=any(name not in _ASKS_ALL and name != "status" for name in asked),
    )


def completes(name: str, answered: Mapping[str, Query], asked: Mapping[str, Query]) -> bool:
    """Whether the whole answers to `answered` hold everything that is recorded for a list.

    `asked` are all queries that were offered. Every type that makes the list up must be answered
    without a filter but that of status, and in every status that a reader keeps. FALSE for lists that
    no search can close.
    """
    for kind in _NEEDED.get(name, ()):
        plain = [one for one in answered.values() if one.kind == kind and not one.filtered and not one.read]
        if not plain:
            return False
        if any(one.statuses is None for one in plain):
            continue
        kept = frozenset(status for status, means in STATUS.get(kind, {}).items() if means is not None)
        given = frozenset().union(*(one.statuses or () for one in plain))
        if not kept or not kept <= given:
            return False
    also = _ALSO.get(name, ())
    return name in _NEEDED and all(key in answered for key, one in asked.items() if one.kind in also)
