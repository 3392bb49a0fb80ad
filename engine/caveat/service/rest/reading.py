"""One document to patients: a native record or a FHIR Bundle, within what the site allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caveat.adapters.fhir import decode
from caveat.adapters.fhir.bundle import sort
from caveat.adapters.fhir.glance import heading
from caveat.adapters.fhir.record import patient as from_fhir
from caveat.adapters.native import read_native
from caveat.adapters.reject import Reject
from caveat.errors import InputError
from caveat.facts.patient import Patient
from caveat.facts.strict import RecordError
from caveat.service.live import Live
from caveat.service.problems import Fault, Refused
from caveat.service.question import Site
from caveat.service.rest.bodies import BAD_JSON, check_depth, refused
from caveat.service.rest.quick import read_quick

_TWICE: Final = "two orders have the id"
_LISTS: Final = ("orders", "conditions", "allergies", "observations")


@dataclass(frozen=True, slots=True)
class Read:
    """What a document holds. `bundle` says that it may hold any number of patients."""

    patients: tuple[Patient, ...]
    rejects: tuple[Reject, ...] = ()
    bundle: bool = False


def read_document(data: bytes, live: Live, site: Site) -> Read:
    """The patients of a native record or a Bundle; what it says it is decides.

    Raises Refused: 400 for what is no JSON, 409 for orders that share an id, 413 for more than the
    site allows, and 422 where nobody could be read, with everything that was set aside.
    """
    try:
        found = read_quick(data) or _slowly(data, live, site)
    except RecordError as problem:
        faults = tuple(_faults(problem))
        status = 409 if len(faults) == 1 and faults[0].message.startswith(_TWICE) else 422
        raise Refused(status, "this is not a record that can be judged", faults) from None
    except InputError as problem:
        raise refused(problem) from None
    if isinstance(found, Patient):
        _within(found, site)
        return Read((found,))
    for one in found.patients:
        _within(one, site)
    if not found.patients:
        faults = tuple(fault_of_reject(one) for one in found.rejects)
        unread = all(one.code in BAD_JSON for one in found.rejects)
        raise Refused(400 if unread else 422, "nobody in this Bundle could be judged", faults)
    return found


def _slowly(data: bytes, live: Live, site: Site) -> Patient | Read:
    """The document by its own account, strictly read, with every fault."""
    shape = heading(data)
    check_depth(data, site)
    if shape.shape == "bundle":
        return _bundle(data, live, site)
    if shape.shape == "resource":
        raise InputError(
            f"one {shape.kind[:40]} alone is not a record",
            code="not-a-record",
            path="$.resourceType",
            hint="Send a Bundle that holds the Patient and what is known of the patient",
        )
    return read_native(data)


def _bundle(data: bytes, live: Live, site: Site) -> Read:
    terminology = live.rules.terminology
    decoded = decode.bundle(data)
    if len(decoded.items) > site.entries:
        raise InputError(
            f"this Bundle holds {len(decoded.items)} entries, and the site allows {site.entries}",
            code="too-many-entries",
            path="$.entry",
            hint="Send fewer: what the rules need is in docs/rest.md",
        )
    grouped, rejects = sort(decoded, source="")
    patients = tuple(
        from_fhir(part, bound=lambda code: terminology.observation_for(code) is not None)
        for part in grouped.parts.values()
    )
    return Read(patients, tuple(rejects), bundle=True)


def _within(patient: Patient, site: Site) -> None:
    """Raises Refused (413) for a patient with more orders or entries than the site allows."""
    counts = {name: len(getattr(patient, name) or ()) for name in _LISTS}
    if counts["orders"] > site.orders:
        raise Refused(
            413,
            "more orders than the site allows",
            (
                Fault(
                    "too-many-orders",
                    f"the patient has {counts['orders']} orders, and the site allows {site.orders}",
                    "$.orders",
                    hint="Leave out orders that ended long ago",
                ),
            ),
        )
    if sum(counts.values()) > site.entries:
        raise Refused(
            413,
            "more entries than the site allows",
            (
                Fault(
                    "too-many-entries",
                    f"the record holds {sum(counts.values())} entries, and the site allows {site.entries}",
                    hint="Leave out what no rule needs",
                ),
            ),
        )


def _faults(problem: RecordError) -> list[Fault]:
    """Every fault of a record, the first with its value and its place."""
    first = Fault(problem.code, problem.summary, problem.path, problem.value, problem.hint)
    others = []
    for line in problem.also:
        path, _, message = line.partition(": ")
        others.append(Fault("record", message, path))
    return [first, *others]


def fault_of_reject(one: Reject) -> Fault:
    """What was set aside, as a fault."""
    return Fault(one.code, one.message, one.path, one.value, one.hint)


def one_patient(
    data: bytes, live: Live, site: Site, path: str = "$.record"
) -> tuple[Patient, tuple[Reject, ...]]:
    """The one patient of a document, and what of it was set aside.

    Raises Refused as `read_document` does, with paths below `path`, and 422 for several patients.
    """
    try:
        found = read_document(data, live, site)
    except Refused as refusal:
        placed = tuple(
            Fault(f.code, f.message, _below(path, f.path), f.value, f.hint) for f in refusal.faults
        )
        raise Refused(refusal.status, refusal.title, placed, refusal.headers) from None
    if len(found.patients) == 1:
        return found.patients[0], found.rejects
    ids = ", ".join(one.id[:40] for one in found.patients[:5])
    raise Refused(
        422,
        "one patient is needed",
        (
            Fault(
                "several-patients",
                f"the Bundle holds {len(found.patients)} patients: {ids}",
                path,
                hint="Send a Bundle of one patient",
            ),
        ),
    )


def _below(path: str, inner: str) -> str:
    if not inner:
        return path
    return path + (inner[1:] if inner.startswith("$") else f".{inner}")
