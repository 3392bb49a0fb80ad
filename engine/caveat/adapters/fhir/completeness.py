"""What a List says of all entries of one kind: that they are whole, or empty and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.shapes_reports import Composition
from caveat.adapters.ledger import Ledger
from caveat.dates import When
from caveat.facts.clinical import Allergy

# LOINC: history of medication use, problem list, allergies and adverse reactions (and allergies and
# adverse drug reactions), relevant diagnostic tests and laboratory data.
LISTS: Final = {
    "10160-0": "orders",
    "11450-4": "conditions",
    "48765-2": "allergies",
    "52472-8": "allergies",
    "30954-2": "observations",
}
RANK: Final = ("unknown", "open", "closed")
_WHOLE: Final = frozenset(("snapshot", "working"))
VOID: Final = frozenset(("retired", "entered-in-error"))
_NONE_KNOWN: Final = frozenset(("716186003", "409137002"))  # SNOMED CT: no known (drug) allergy


class Completeness:
    """How complete each list is, by the Lists of one record; of several the least complete counts."""

    __slots__ = ("_empty", "_none_known", "_snapshots", "_stated")

    def __init__(self) -> None:
        self._stated: dict[str, str] = {}
        self._empty: dict[str, str] = {}
        self._none_known: dict[str, str] = {}
        self._snapshots: dict[str, list[When]] = {}

    def add(self, resource: fhir.List, present: Callable[[str], bool], log: Ledger, path: str) -> None:
        """Enters a List; `present` says whether a reference leads to a resource of this record."""
        name = about(resource)
        if name is None or resource.status in VOID:
            return
        entries = [one for one in resource.entry or () if not one.deleted]
        current = closes(resource)
        if resource.empty_reason is not None:
            if entries:
                log.note("list-not-empty", f"a List of {name} has entries and a reason to be empty", path)
                self._state(name, "unknown")
            elif not is_nil_known(resource):
                reason = values.coded(resource.empty_reason, log, path + ".emptyReason") or "not stated"
                log.note("list-unknown", f"what {name} there are is not known: {reason}", path)
                self._state(name, "unknown")
            elif current:
                self._empty.setdefault(name, path)
                self._close(name, resource, log, path)
            return
        if not current:
            return
        missing = [one for one in entries if _target(one) is None or not present(_target(one) or "")]
        if not entries:
            log.note("list-unexplained", f"a List of {name} without entries does not say why", path)
        elif missing:
            message = f"a List of {name} has entries that are not in the record, so it does not close it"
            log.note("list-entries-missing", message, path, count=len(missing))
            self._state(name, "open")
        else:
            self._close(name, resource, log, path)

    def add_document(self, resource: Composition, log: Ledger, path: str) -> None:
        """Enters the sections of a document that are empty for a reason. None known closes no list."""
        if resource.status in VOID:
            return
        for section in resource.section or ():
            name = list_of(section.code)
            if name is None or section.empty_reason is None:
                continue
            if section.entry or not none_known(section.empty_reason):
                reason = values.coded(section.empty_reason, log, path + ".section") or "not stated"
                log.note("list-unknown", f"what {name} there are is not known: {reason}", path)
                self._state(name, "unknown")
            else:
                log.note("section-empty", f"a section says that no {name} are known", path)
                self._none_known.setdefault(name, path)

    def _close(self, name: str, resource: fhir.List, log: Ledger, path: str) -> None:
        at = values.date(resource.date, log, path + ".date")
        if at is not None and resource.mode == "snapshot":
            self._snapshots.setdefault(name, []).append(at)
        log.note("list-closed", f"a List{f' of {at}' if at else ''} says that all {name} are given", path)
        self._state(name, "closed")

    def _state(self, name: str, value: str) -> None:
        self._stated[name] = min(value, self._stated.get(name, value), key=RANK.index)

    def settle(
        self, lists: Mapping[str, Sequence[Any]], log: Ledger, *, whole: bool
    ) -> tuple[dict[str, str], frozenset[str]]:
        """What differs from "open" by name, and the lists that are known to be empty.

        With `whole` False a part of the record is missing, and nothing is closed. A snapshot closes
        nothing that has newer entries than itself.
        """
        for name, path in (self._empty | self._none_known).items():
            if lists[name] and not (name == "allergies" and all(_says_none(one) for one in lists[name])):
                log.note(
                    "list-not-empty", f"a List says that there are no {name}, yet some are recorded", path
                )
                self._state(name, "unknown")
        for name, dates in self._snapshots.items():
            newest = max((day for one in lists[name] for day in days_of(one)), default=None)
            if newest is not None and newest > min(at.last for at in dates):
                log.note(
                    "list-outdated", f"a snapshot of {name} is older than some of them; it closes nothing"
                )
                self._state(name, "open")
        if not whole:
            for name in self._stated:
                self._state(name, "open")
        empty = {name for name in self._empty if not lists[name] and self._stated[name] == "closed"}
        if whole:
            empty |= {name for name in self._none_known if not lists[name] and name not in self._stated}
        return {k: v for k, v in self._stated.items() if v != "open"}, frozenset(empty)


def about(resource: fhir.List) -> str | None:
    """Which list of facts the List is about, if any."""
    return list_of(resource.code)


def list_of(concept: fhir.Concept | None) -> str | None:
    """Which list of facts a code names, if any."""
    for coding in (concept.coding if concept is not None else None) or ():
        if coding.code in LISTS and coding.system and values.system_name(coding.system) == "loinc":
            return LISTS[coding.code]
    return None


def closes(resource: fhir.List) -> bool:
    """Whether the List is in force and means to be whole, not a list of changes."""
    return resource.status == "current" and resource.mode in _WHOLE


def is_nil_known(resource: fhir.List) -> bool:
    """Whether the List is empty because someone found that there is nothing to list."""
    return resource.empty_reason is not None and none_known(resource.empty_reason)


def none_known(reason: fhir.Concept) -> bool:
    """Whether a reason for which nothing is listed says that someone found nothing to list."""
    if any(coding.code == "nilknown" for coding in reason.coding or ()):
        return True
    return not reason.coding and (reason.text or "").strip().lower() in (
        "nil known",
        "nilknown",
        "none known",
    )


def days_of(fact: Any) -> list[int]:
    """The days on which an order, condition, allergy or observation began, was recorded or was made."""
    stated = (getattr(fact, name, None) for name in ("start", "onset", "recorded", "at"))
    return [when.last for when in stated if when is not None]


def _target(entry: fhir.ListEntry) -> str | None:
    return entry.item.reference if entry.item is not None else None


def _says_none(allergy: Allergy) -> bool:
    if any(code.code in _NONE_KNOWN for code in allergy.codes):
        return True
    return (allergy.text or "").lower().startswith(("no known", "nil known"))
