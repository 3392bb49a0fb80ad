"""Orders from MedicationRequest, MedicationStatement, MedicationAdministration and MedicationDispense."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction
from typing import Any, Final

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import phrases, timing, values
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.dosage import dosing
from caveat.adapters.fhir.medicine import medicine
from caveat.adapters.fhir.references import Index
from caveat.adapters.ledger import Ledger
from caveat.dates import LAST_YEAR, When, parse_when
from caveat.facts.clinical import Coded, Order
from caveat.terminology.text import key

ORIGIN: Final = {
    "MedicationRequest": "order",
    "MedicationStatement": "statement",
    "MedicationAdministration": "administration",
    "MedicationDispense": "dispense",
}
# Status by type. None leaves the entry out, with a note: it says that the medicine was not taken.
# A dispense that is complete was handed over, which does not end the treatment.
STATUS: Final[dict[str, dict[str, str | None]]] = {
    "MedicationRequest": {
        "active": "active",
        "on-hold": "on-hold",
        "draft": "proposed",
        "completed": "completed",
        "stopped": "stopped",
        "unknown": "unknown",
        "cancelled": None,
        "entered-in-error": None,
    },
    "MedicationStatement": {
        "active": "active",
        "on-hold": "on-hold",
        "intended": "proposed",
        "completed": "completed",
        "stopped": "stopped",
        "unknown": "unknown",
        "not-taken": None,
        "entered-in-error": None,
    },
    "MedicationAdministration": {
        "in-progress": "active",
        "on-hold": "on-hold",
        "completed": "completed",
        "stopped": "stopped",
        "unknown": "unknown",
        "not-done": None,
        "entered-in-error": None,
    },
    "MedicationDispense": {
        "preparation": "proposed",
        "in-progress": "active",
        "on-hold": "on-hold",
        "completed": "unknown",
        "stopped": "stopped",
        "unknown": "unknown",
        "cancelled": None,
        "declined": None,
        "entered-in-error": None,
    },
}
# What the International Patient Summary says in place of a medicine.
_ABSENT: Final = "absent-unknown-uv-ips"
NONE_SAID: Final = {
    "no-known-medications": "the record says that no medicines are known",
    "no-medication-info": "the record says that nothing is known of medicines",
}
# SNOMED CT: no known medications, as IPS 2.0 has it; no known current medicines (Australian edition).
_NONE_KNOWN: Final = frozenset(("787481004", "1234391000168107"))
_NONE_WORDED: Final = frozenset(
    (
        "no known medications",
        "no known medication",
        "no current medications",
        "no current medication",
        "no known current medications",
        "no medications",
        "not on any medication",
        "keine medikation bekannt",
        "keine bekannte medikation",
        "pas de traitement connu",
        "aucun traitement en cours",
        "geen medicatie",
        "sin medicacion conocida",
    )
)
RUNNING: Final = frozenset(("active", "on-hold"))
"""Status of requests that say themselves that they are in force."""
_MISSING: Final = object()
_WITH_REASON: Final = frozenset(("MedicationRequest", "MedicationStatement"))


def order(item: Item, index: Index, log: Ledger, path: str, identity: str) -> Order | None:
    """The Order, or None when the entry says that nothing was or is to be taken (noted)."""
    resource: Any = item.resource
    kind = item.kind
    said = values.lower_case(resource.status, STATUS[kind], log, path + ".status")
    status = STATUS[kind].get(said, _MISSING) if said is not None else "unknown"
    if status is None:
        log.note(f"{said}-{ORIGIN[kind]}", f"{kind} with status {said} left out", path)
        return None
    if status is _MISSING:
        log.problem(
            "status", f"{kind} with a status that FHIR R4 does not have", path + ".status", resource.status
        )
        status = "unknown"
    if kind == "MedicationRequest":
        if resource.do_not_perform:
            log.note("do-not-perform", "a request not to give a medicine is no exposure; left out", path)
            return None
        if resource.intent == "proposal" and status == "active":
            status = "proposed"
    if kind == "MedicationStatement" and (none := about_none(resource)) is not None:
        log.note(none, NONE_SAID[none], path)
        return None
    fields: dict[str, Any] = {"id": identity, "status": status, "origin": ORIGIN[kind], "source": path}
    fields.update(medicine(resource, index, log, path))
    instructions, where = _instructions(resource)
    fields.update(dosing(instructions, log, f"{path}.{where}"))
    start, stop = _period(resource, instructions, log, path)
    if start is not None and stop is not None and stop.last < start.first:
        log.problem(
            "period", "an order that stops before it starts; its stop is not used", path, f"{start} to {stop}"
        )
        stop = None
    fields["start"], fields["stop"] = start, stop
    indication = _indication(resource, index, log, path)
    if indication:
        fields["indication"] = indication
    if phrases.says_test_dose(phrases.order_texts(resource, instructions, fields.get("text"))):
        fields["purpose"] = "test"
    if kind in _WITH_REASON and resource.status_reason is not None:
        fields["tapered"] = phrases.says_tapered(phrases.concept_texts(resource.status_reason))
    return trusted(Order, fields)


def about_none(resource: fhir.MedicationStatement) -> str | None:
    """Which of NONE_SAID a statement says in place of a medicine; None where it names one."""
    concept = resource.medication_codeable_concept
    if concept is None:
        return None
    for coding in concept.coding or ():
        if coding.system is not None and coding.system.endswith(_ABSENT) and coding.code in NONE_SAID:
            return coding.code
        if coding.code in _NONE_KNOWN and values.system_name(coding.system or "") == "snomed":
            return "no-known-medications"
    if concept.text is not None and not concept.coding and key(concept.text) in _NONE_WORDED:
        return "no-known-medications"
    return None


def _instructions(resource: Any) -> tuple[list[fhir.Dosage] | None, str]:
    if isinstance(resource, (fhir.MedicationRequest, fhir.MedicationDispense)):
        return resource.dosage_instruction, "dosageInstruction"
    if isinstance(resource, fhir.MedicationStatement):
        return resource.dosage, "dosage"
    return (None if resource.dosage is None else [resource.dosage]), "dosage"


def _period(
    resource: Any, instructions: list[fhir.Dosage] | None, log: Ledger, path: str
) -> tuple[When | None, When | None]:
    """Start and stop as stated; else from supply; a stop that is not stated stays unknown."""
    if isinstance(resource, fhir.MedicationDispense):
        start = values.date(
            resource.when_handed_over or resource.when_prepared, log, path + ".whenHandedOver"
        )
        length = timing.days(resource.days_supply, log, path + ".daysSupply", "d")
        bounds = _bounds(instructions, start, log, path + ".dosageInstruction")
        return bounds[0] or start, bounds[1] or _after(start, length)
    if not isinstance(resource, fhir.MedicationRequest):
        return _effective(resource, log, path)
    authored = values.date(resource.authored_on, log, path + ".authoredOn")
    start, stop = _bounds(instructions, authored, log, path + ".dosageInstruction")
    supply = resource.dispense_request
    if supply is not None and (start is None or stop is None):
        where = path + ".dispenseRequest"
        valid = supply.validity_period
        opens = None if valid is None else values.date(valid.start, log, where + ".validityPeriod.start")
        closes = None if valid is None else values.date(valid.end, log, where + ".validityPeriod.end")
        start = start or opens
        if stop is None:
            length = timing.days(supply.expected_supply_duration, log, where + ".expectedSupplyDuration")
            repeats = min(max(supply.number_of_repeats_allowed or 0, 0), 1000)
            ends = _after(start or authored, None if length is None else length * (1 + repeats))
            stop = max((one for one in (closes, ends) if one is not None), key=lambda w: w.last, default=None)
            if stop is not None and stop is not ends and resource.status in RUNNING:
                # until then it may be dispensed; what was dispensed is taken after that
                log.note("validity-no-stop", "an order in force does not stop when its validity ends", where)
                stop = None
    return start or authored, stop


def _effective(resource: Any, log: Ledger, path: str) -> tuple[When | None, When | None]:
    if resource.effective_period is not None:
        where = path + ".effectivePeriod"
        return (
            values.date(resource.effective_period.start, log, where + ".start"),
            values.date(resource.effective_period.end, log, where + ".end"),
        )
    at = values.date(resource.effective_date_time, log, path + ".effectiveDateTime")
    return at, at if isinstance(resource, fhir.MedicationAdministration) else None


def _bounds(
    instructions: list[fhir.Dosage] | None, authored: When | None, log: Ledger, path: str
) -> tuple[When | None, When | None]:
    """The span of the bounds of all instructions; an instruction without an end leaves the end open.

    The lengths of steps that follow each other (by their sequence numbers) add up.
    """
    starts: list[When] = []
    stops: list[When | None] = []
    lengths: dict[int | None, Fraction] = {}
    for number, item in enumerate(instructions or ()):
        repeat = item.timing.repeat if item.timing is not None else None
        where = f"{path}[{number}].timing.repeat"
        begin = end = None
        if repeat is not None and repeat.bounds_period is not None:
            begin = values.date(repeat.bounds_period.start, log, where + ".boundsPeriod.start")
            end = values.date(repeat.bounds_period.end, log, where + ".boundsPeriod.end")
        elif repeat is not None and (repeat.bounds_duration is not None or repeat.bounds_range is not None):
            longest = repeat.bounds_duration or (repeat.bounds_range.high if repeat.bounds_range else None)
            length = timing.days(longest, log, where + ".boundsDuration")
            end = _after(authored, length)
            if length is not None:
                lengths[item.sequence] = max(length, lengths.get(item.sequence, length))
        if begin is not None:
            starts.append(begin)
        stops.append(end)
    start = min(starts, key=lambda w: w.first, default=None)
    if not stops or any(one is None for one in stops):
        return start, None
    if len(lengths) > 1:
        stops.append(_after(authored, sum(lengths.values(), Fraction(0))))
    return start, max((one for one in stops if one is not None), key=lambda w: w.last, default=None)


def _after(start: When | None, length: Any) -> When | None:
    """The last day of a length counted from the latest day `start` can mean."""
    if start is None or length is None:
        return None
    ordinal = start.last + math.ceil(length)
    if ordinal > dt.date(LAST_YEAR, 12, 31).toordinal():
        return None
    return parse_when(dt.date.fromordinal(ordinal).isoformat())


def _indication(resource: Any, index: Index, log: Ledger, path: str) -> tuple[Coded, ...]:
    found = [
        values.coded(one, log, f"{path}.reasonCode[{i}]") for i, one in enumerate(resource.reason_code or ())
    ]
    for number, reference in enumerate(resource.reason_reference or ()):
        where = f"{path}.reasonReference[{number}]"
        target = index.find(reference.reference, resource.contained) if reference.reference else None
        reason = values.coded(getattr(target, "code", None), log, where)
        if reason is None and reference.display:
            reason = trusted(Coded, {"text": log.clean(reference.display, where)})
        if reason is None:
            log.note("reason-unresolved", "a reason for an order points nowhere", where)
        found.append(reason)
    return tuple(one for one in found if one is not None and (one.codes or one.text))
