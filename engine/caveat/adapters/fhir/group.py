"""Resources sorted by the patient they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.references import Index, relative
from caveat.adapters.ledger import Ledger
from caveat.adapters.reject import Reject, shorten

ORDERED: Final = frozenset(
    ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")
)
PERSONAL: Final = ORDERED | {
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "List",
    "Encounter",
    "Procedure",
    "DiagnosticReport",
    "Composition",
}

_OF_ONE: Final = PERSONAL | {"Patient"}


@dataclass(frozen=True, slots=True)
class Answered:
    """How complete a list is by the queries for it, and whether no entry then means that there is none."""

    complete: str
    looked: bool


@dataclass(slots=True)
class Part:
    """What one source holds of one patient. Items carry the index that resolves their references."""

    id: str
    patients: list[Item] = field(default_factory=list)
    items: list[tuple[Item, Index]] = field(default_factory=list)
    common: list[Item] = field(default_factory=list)
    """Items of the same source that concern every patient in it: outcomes, entries that cannot be read."""
    assumed: int = 0
    """Resources that name no patient, in a source with one patient only."""
    sources: list[str] = field(default_factory=list)
    incomplete: str | None = None
    """The address of a further page that was not given."""
    history: bool = False
    log: Ledger | None = None
    """What was said of this patient's record before it is read."""
    answered: Mapping[str, Answered] = field(default_factory=dict)
    """What queries for a list of facts were answered, by the list's name."""


@dataclass(slots=True)
class Grouped:
    """The parts of one source, and what could not be given to any patient."""

    parts: dict[str, Part]
    rejects: list[Reject]
    shared: list[Item]
    """Resources of nobody, which all parts may refer to."""


def group(items: Iterable[Item], *, source: str, wider: Index | None = None) -> Grouped:
    """Every item under its patient.

    A resource whose patient is not in the source makes a part of its own, without a Patient, so
    that it is judged and shown. One that names no patient belongs to the only patient there is,
    else it is rejected. References lead to the patient's own resources and to those of nobody, such
    as a medicine; never to another patient's, so that it does not matter who else is in the source.
    """
    listed = list(items)
    shared = [i for i in listed if i.resource is not None and i.kind not in _OF_ONE]
    index = Index(shared, wider)
    own: dict[str, Index] = {}
    parts: dict[str, Part] = {}
    names: dict[str, str] = {}
    common: list[Item] = []
    for number, item in enumerate(listed):
        if item.kind == "Patient" and item.resource is not None:
            resource: Any = item.resource
            identity = resource.id or item.url or f"{source or 'record'}#{number}"
            part = parts.setdefault(identity, Part(identity, sources=[source] if source else []))
            part.patients.append(item)
            own.setdefault(identity, Index((), index)).add(item)
            for name in (
                item.url,
                f"Patient/{identity}",
                identity,
                f"urn:uuid:{identity}",
                *identifiers(resource),
            ):
                if name:
                    names.setdefault(name, identity)
        elif (item.resource is None and (item.mends or item.version)) or item.kind == "OperationOutcome":
            common.append(item)
    only = next(iter(parts)) if len(parts) == 1 else None
    homeless: dict[tuple[str, str], list[Item]] = {}
    for item in listed:
        if item.kind not in PERSONAL or item.resource is None:
            continue
        whose, why = owner(item.resource, names, only)
        if whose is None:
            homeless.setdefault((item.kind, why), []).append(item)
            continue
        if whose not in parts:
            parts[whose] = Part(whose, sources=[source] if source else [])
            own[whose] = Index((), index)
        part, mine = parts[whose], own[whose]
        mine.add(item)
        part.items.append((item, mine))
        part.assumed += why == "assumed"
    for part in parts.values():
        part.common = common
    return Grouped(
        parts, [rejected(kind, why, found, source) for (kind, why), found in homeless.items()], shared
    )


def identifiers(resource: fhir.Patient) -> Iterable[str]:
    """The conditional references by which others may name this patient."""
    for one in resource.identifier or ():
        if one.value:
            yield f"Patient?identifier={one.system or ''}|{one.value}"
            yield f"Patient?identifier={one.value}"


def owner(resource: Any, names: dict[str, str], only: str | None) -> tuple[str | None, str]:
    """The patient's id, or None and the reason; `assumed` when the only patient stands in."""
    subject: fhir.Reference | None = getattr(resource, "subject", None) or getattr(resource, "patient", None)
    reference = subject.reference.strip() if subject is not None and subject.reference else None
    if (
        reference is None
        and subject is not None
        and subject.identifier is not None
        and subject.identifier.value
    ):
        reference = f"Patient?identifier={subject.identifier.system or ''}|{subject.identifier.value}"
    if reference is None:
        return only, "assumed" if only is not None else "names no patient"
    for name in (reference, relative(reference)):
        if name in names:
            return names[name], ""
    short = relative(reference)
    if short.startswith("Patient/") and len(short) > 8:
        return short[8:], ""
    if reference.startswith(("Patient?", "urn:")):
        return reference, ""
    if "/" not in reference and not reference.startswith("#"):
        return reference, ""
    return None, f"is about {shorten(reference, 60)}, which is no patient"


def rejected(kind: str, why: str, found: list[Item], source: str) -> Reject:
    """One Reject for all resources of a type that belong to nobody for the same reason."""
    first = found[0]
    identity = getattr(first.resource, "id", None)
    several = f" ({len(found)} of them)" if len(found) > 1 else ""
    return Reject(
        source=first.source or source,
        line=first.line,
        path=first.path or (f"{kind}/{identity}" if identity else kind),
        code="no-subject",
        message=f"{kind} {why}{several}; it is judged for nobody",
        hint="" if "is about" in why else "Give it a subject",
    )
