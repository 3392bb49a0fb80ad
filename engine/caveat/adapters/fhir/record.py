"""One Patient from its FHIR resources."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any, Final

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.completeness import RANK, Completeness, days_of
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.folding import Folder
from caveat.adapters.fhir.given import given_alone
from caveat.adapters.fhir.group import ORDERED, Part
from caveat.adapters.fhir.inside import Inside, names_inside
from caveat.adapters.fhir.observations import Bound, Names, Unbound, observations
from caveat.adapters.fhir.orders import NONE_SAID, order
from caveat.adapters.fhir.problems import allergy, condition, no_known_allergies
from caveat.adapters.fhir.procedures import procedure
from caveat.adapters.fhir.references import Index, relative
from caveat.adapters.fhir.stated import Facts, Statements
from caveat.adapters.fhir.supplied import has_supply, still_supplied
from caveat.adapters.ledger import Ledger
from caveat.dates import parse_when
from caveat.errors import DateError
from caveat.facts.clinical import Condition, Lists, Order
from caveat.facts.patient import Patient

_Entry = tuple[Item, Index]


def patient(part: Part, *, bound: Bound | None = None, unbound: Unbound | None = None) -> Patient:
    """The facts of one patient, with every oddity as a note and every unusable value as a problem.

    `unbound` counts observations that were left out already, because no concept binds their codes.
    """
    log = Ledger() if part.log is None else part.log
    chosen = _patient_resource(part, log)
    fields: dict[str, Any] = {"id": log.clean(part.id) or "?", "source": ", ".join(part.sources) or None}
    if chosen is None:
        log.problem("patient-missing", "no Patient resource: age and sex are not known", f"Patient/{part.id}")
    else:
        fields.update(_person(chosen, log))
    _said_of_all(part, log)
    unbound = Unbound() if unbound is None else unbound
    said, complete, folder = Statements(), Completeness(), Folder()
    names = Names(bound)
    named: set[str] = set()
    supplied: set[str] = set()
    procedures: list[Condition] = []
    lists: dict[str, list[Any]] = {"conditions": [], "allergies": [], "observations": []}
    current = _current(part, log)
    inside = Inside()
    for (item, index), path in chain(current, inside.entries):
        for mend in item.mends:
            where = f"{path}.{mend.path}" if mend.path else path
            log.problem("field", f"{mend.message}; it was not used", where, mend.value)
        resource: Any = item.resource
        if resource.modifier_extension:
            log.problem("modifier-extension", _MODIFIED, path, _addresses(resource.modifier_extension))
        if item.kind in ORDERED:
            found = order(item, index, log, path, resource.id or path)
            if found is not None:
                folder.add(found, resource, index)
                if has_supply(resource, found):
                    supplied.add(path)
        elif item.kind == "Observation":
            holder = inside.holders.get(path) if inside.holders else None
            lists["observations"] += observations(
                resource, log, path, resource.id, names, unbound, said, index, holder
            )
            if resource.contained is not None and holder is None:
                inside.enter(item, index, log, path)
        elif item.kind == "Condition":
            problem = condition(resource, log, path, resource.id)
            if problem is not None:
                lists["conditions"].append(problem)
        elif item.kind == "AllergyIntolerance":
            lists["allergies"] += allergy(resource, log, path, resource.id)
        elif item.kind == "List":
            if not named:
                named.update(f"{one.kind}/{one.resource.id}" for (one, _), _ in current)  # type: ignore[union-attr]
            present = partial(_is_here, named=named | names_inside(resource), index=index)
            complete.add(resource, present, log, path)
            none_known = no_known_allergies(resource, log, path, resource.id)
            if none_known is not None:
                lists["allergies"].append(none_known)
            if resource.contained is not None:
                inside.enter(item, index, log, path)
        elif item.kind == "Composition":
            complete.add_document(resource, log, path)
        elif item.kind == "DiagnosticReport":
            inside.enter(item, index, log, path)
        elif item.kind == "Procedure":
            performed = procedure(resource, log, path, resource.id)
            if performed is not None:
                procedures.append(performed)
        elif item.kind == "Encounter":
            said.met(resource, log, path)
    unbound.say(log)
    if part.assumed:
        log.note(
            "subject-assumed",
            "resources that name no patient were taken as this patient's",
            count=part.assumed,
        )
    if part.incomplete:
        log.problem(
            "more-pages", "a further page of this Bundle was not given", "Bundle.link", part.incomplete
        )
    lists["orders"] = list(_distinct(folder.folded(log)))
    lists["orders"] = given_alone(lists, log)
    lists["orders"] = still_supplied(lists["orders"], supplied, log)
    stated, empty = complete.settle(lists, log, whole=part.incomplete is None)
    looked = _answered(part, stated)
    empty |= looked | _said_none(lists["orders"], log)
    if procedures:
        if not lists["conditions"] and "conditions" not in looked:
            stated["conditions"] = "unknown"  # procedures alone are no list of conditions
        lists["conditions"] += procedures
    for name, entries in lists.items():
        fields[name] = tuple(entries) or (() if name in empty else None)
    if stated:
        fields["complete"] = trusted(Lists, stated)
    if said:
        days = [day for entries in lists.values() for one in entries for day in days_of(one)]
        facts = Facts(fields.get("sex"), lists["conditions"], max(days, default=None))
        fields.update(said.settle(log, facts))
    fields["notes"], fields["problems"] = log.notes, log.problems
    return trusted(Patient, fields)


_MODIFIED: Final = "an extension that may change what this means is not understood; it is read without it"


def _addresses(extensions: Any) -> str:
    """What extensions call themselves."""
    listed = extensions if isinstance(extensions, list) else ()
    return ", ".join(str(one.get("url", "")) for one in listed if isinstance(one, dict))


def _said_none(orders: list[Order], log: Ledger) -> frozenset[str]:
    """The list of orders where the record says that no medicines are known and names none."""
    said = log.noted & NONE_SAID.keys()
    return frozenset(("orders",)) if said == {"no-known-medications"} and not orders else frozenset()


def _answered(part: Part, stated: dict[str, str]) -> frozenset[str]:
    """The lists that were looked for and may be empty; enters in `stated` how complete queries make a list.

    Where a List of the record speaks of it too, its word counts, unless a part of the answer is
    lacking: then the less complete of both.
    """
    for name, answer in part.answered.items():
        known = stated.pop(name, answer.complete)
        least = known if answer.looked else min(known, answer.complete, key=RANK.index)
        if least != "open":
            stated[name] = least
    return frozenset(name for name, answer in part.answered.items() if answer.looked)


def _is_here(reference: str, named: set[str], index: Index) -> bool:
    return relative(reference) in named or index.find(reference) is not None


def _patient_resource(part: Part, log: Ledger) -> fhir.Patient | None:
    """The Patient resource to use: the latest version; a contradiction between versions is a problem."""
    if not part.patients:
        return None
    latest, *others = _newest_first(part.patients, history=part.history)
    resource: Any = latest.resource
    for other in others:
        another: Any = other.resource
        if same(another, resource):
            continue
        log.note("duplicate-id", "two resources with one id", f"Patient/{part.id}")
        if not _dated(latest, other) and not part.history and contradicts(resource, another):
            log.problem(
                "patient-conflict",
                "two Patient resources with this id differ in birth date or sex",
                f"Patient/{part.id}",
            )
    for mend in latest.mends:
        log.problem("field", f"{mend.message}; it was not used", f"Patient/{part.id}.{mend.path}", mend.value)
    if resource.link:
        log.note(
            "patient-linked",
            "this Patient is linked to another, whose facts are not joined",
            f"Patient/{part.id}",
        )
    found: fhir.Patient = resource
    return found


def contradicts(one: fhir.Patient, other: fhir.Patient) -> bool:
    """Whether two Patient resources cannot be of one person: birth dates or sexes that exclude each other."""
    if one.gender in ("male", "female") and other.gender in ("male", "female") and one.gender != other.gender:
        return True
    if not one.birth_date or not other.birth_date:
        return False
    try:
        first, second = parse_when(one.birth_date), parse_when(other.birth_date)
    except DateError:
        return one.birth_date != other.birth_date
    return first.last < second.first or second.last < first.first


def _person(resource: fhir.Patient, log: Ledger) -> dict[str, Any]:
    path = f"Patient/{resource.id}" if resource.id else "Patient"
    if not resource.id:
        log.note("patient-without-id", "a Patient without an id", path)
    sex = values.lower_case(resource.gender, ("male", "female", "other", "unknown"), log, path + ".gender")
    if sex not in (None, "male", "female", "other", "unknown"):
        log.problem("status", "a gender that FHIR R4 does not have", path + ".gender", sex)
    deceased: bool | None = resource.deceased_boolean
    if resource.deceased_date_time is not None:
        deceased = True
    return {
        "birth_date": values.date(resource.birth_date, log, path + ".birthDate"),
        "sex": sex if sex in ("male", "female") else None,
        "deceased": deceased,
    }


_FAILED: Final = ("error", "fatal")


def _said_of_all(part: Part, log: Ledger) -> None:
    for item in part.common:
        if isinstance(item.resource, fhir.OperationOutcome):
            for issue in item.resource.issue or ():
                words = issue.diagnostics or values.text(issue.details, log, item.path) or issue.code or ""
                shown = log.clean(words, item.path)[:200]
                if issue.severity in _FAILED:
                    log.problem("source-error", f"the source of this record reports: {shown}", item.path)
                else:
                    log.note("source-warning", f"the source of this record says: {shown}", item.path)
        elif item.kind == "?":
            for mend in item.mends:
                log.problem("entry", f"an entry cannot be read: {mend.message}", mend.path, mend.value)
        elif item.version:
            message = f"{item.kind} of FHIR {item.version} is not read; only R4 is"
            log.problem("fhir-version", message, item.path)
        else:
            log.note("unknown-type", f"{item.mends[0].message}", item.path)


def _current(part: Part, log: Ledger) -> list[tuple[_Entry, str]]:
    """Each entry once, with its path: of versions with one id the newest, told by the record itself.

    Entries that share an id, differ and cannot be put in order are all kept: none may be lost.
    """
    named: list[str] = []
    for number, entry in enumerate(part.items):
        item = entry[0]
        identity = getattr(item.resource, "id", None)
        named.append(f"{item.kind}/{identity}" if identity else f"{item.kind}[{number}]")
    if len(set(named)) == len(named):
        return [
            (entry, name if len(name) < 200 else name[:200])
            for entry, name in zip(part.items, named, strict=True)
        ]
    by_name: dict[str, list[_Entry]] = {}
    for entry, name in zip(part.items, named, strict=True):
        by_name.setdefault(name, []).append(entry)
    found: list[tuple[_Entry, str]] = []
    for name, entries in by_name.items():
        path = name if len(name) < 200 else name[:200]
        if len(entries) == 1:
            found.append((entries[0], path))
            continue
        log.note("duplicate-id", "two resources with one id", path, count=len(entries) - 1)
        if len({_stamp(item) for item, _ in entries}) == len(entries) or part.history:
            indices = {id(item): index for item, index in entries}
            newest = _newest_first([item for item, _ in entries], history=part.history)[0]
            found.append(((newest, indices[id(newest)]), path))
            continue
        kept: list[_Entry] = []
        for entry in entries:
            if not any(same(entry[0].resource, one[0].resource) for one in kept):
                kept.append(entry)
        if len(kept) > 1:
            log.note("same-id-different", "resources with one id that differ; all are kept", path)
        found.extend((entry, path) for entry in kept)
    return found


_TRIVIAL: Final = frozenset(("subject", "patient", "meta", "reason_reference"))


def same(one: Any, other: Any) -> bool:
    """Whether two resources say the same, however they refer to other resources."""
    if type(one) is not type(other):
        return False
    names = (name for name in one.__struct_fields__ if name not in _TRIVIAL)
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _stamp(item: Item) -> tuple[str, int]:
    meta: fhir.Meta | None = getattr(item.resource, "meta", None)
    if meta is None:
        return ("", -1)
    version = meta.version_id or ""
    return (meta.last_updated or "", int(version) if version.isdigit() and len(version) < 10 else -1)


def _dated(one: Item, other: Item) -> bool:
    return _stamp(one) != _stamp(other) and ("", -1) not in (_stamp(one), _stamp(other))


def _newest_first(items: list[Item], *, history: bool) -> list[Item]:
    """By the time of the last update, then by version; a history Bundle without either is newest first."""
    if history and any(_stamp(item) == ("", -1) for item in items):
        return items
    return sorted(items, key=_moment)[::-1]


def _moment(item: Item) -> tuple[float, int]:
    updated, version = _stamp(item)
    try:
        at = parse_when(updated) if updated else None
    except DateError:
        at = None
    if at is None:
        return (float("-inf"), version)
    return (at.instant if at.instant is not None else (at.first - 719163) * 86400.0, version)


def _distinct(orders: list[Order]) -> tuple[Order, ...]:
    """The orders with ids that are unique: a second use of one gets its type, then a number."""
    taken: set[str] = set()
    found: list[Order] = []
    for one in orders:
        identity = one.id
        if identity in taken:
            identity = one.source or identity
        number = 2
        while identity in taken:
            identity = f"{one.id}#{number}"
            number += 1
        taken.add(identity)
        found.append(one if identity == one.id else one.model_copy(update={"id": identity}))
    return tuple(found)
