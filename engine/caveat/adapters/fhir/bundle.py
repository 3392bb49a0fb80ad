"""Patients of one Bundle."""

from __future__ import annotations

from caveat.adapters.fhir import decode
from caveat.adapters.fhir.answered import Decoded
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import Grouped, group
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.record import patient
from caveat.adapters.fhir.references import Index, relative
from caveat.adapters.reject import Reject, reject
from caveat.errors import InputError
from caveat.facts.patient import Patient


def read_bundle(
    data: bytes, *, source: str = "", bound: Bound | None = None, wider: Index | None = None
) -> list[Patient | Reject]:
    """Every Patient of a FHIR R4 Bundle, and a Reject for whatever belongs to none.

    `bound` says which observation codes any concept knows; others are counted in one note. With
    None every observation is kept. `wider` resolves references that leave the Bundle.
    """
    try:
        found = decode.bundle(data)
    except InputError as problem:
        return [reject(problem, source=source)]
    grouped, rejects = sort(found, source=source, wider=wider)
    return [*(patient(part, bound=bound) for part in grouped.parts.values()), *rejects]


def sort(
    found: Decoded, *, source: str, wider: Index | None = None, pages: frozenset[str] = frozenset()
) -> tuple[Grouped, list[Reject]]:
    """The parts of a decoded Bundle; none of them when it is of another version or has no patient."""
    empty = Grouped({}, [], [])
    other = next((item for item in found.items if item.version), None)
    if other is not None:
        return empty, [_other_version(other, source)]
    items = _without_deleted(found.items)
    grouped = group(items, source=source, wider=wider)
    for part in grouped.parts.values():
        part.history = found.type == "history"
        part.incomplete = next((page for page in found.further if page not in pages), None)
    if grouped.parts or grouped.rejects:
        return grouped, grouped.rejects
    kinds = sorted({item.kind for item in items if item.kind})
    broken = next((item for item in items if item.kind in ("?", "OperationOutcome")), None)
    return grouped, [
        Reject(
            source=source,
            code="no-patient",
            message="a Bundle without a patient" + (f"; it holds {', '.join(kinds)[:120]}" if kinds else ""),
            path=broken.path if broken is not None else "",
            hint="" if kinds else "It is empty",
            harmless=broken is None and bool(kinds),
        )
    ]


def _other_version(item: Item, source: str) -> Reject:
    return Reject(
        source=source,
        code="fhir-version",
        path=item.path,
        message=f"this is FHIR {item.version}, not R4: {item.kind} has another form there",
        hint="Ask the server for R4 (fhirVersion=4.0), or convert the record",
    )


def _without_deleted(items: list[Item]) -> list[Item]:
    """The items without those that a DELETE in the same Bundle takes back before (newest first)."""
    if not any(item.deleted for item in items):
        return items
    gone: set[str] = set()
    kept: list[Item] = []
    for item in items:
        if item.deleted:
            gone.add(relative(item.url))
            continue
        identity = getattr(item.resource, "id", None)
        if gone and identity and f"{item.kind}/{identity}" in gone:
            continue
        kept.append(item)
    return kept
