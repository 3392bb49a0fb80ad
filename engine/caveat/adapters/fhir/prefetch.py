"""One patient from prefetched resources by key, and the draft orders of the same call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from caveat.adapters.fhir import decode, values
from caveat.adapters.fhir.answered import Decoded
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.drafts import Drafts, read_drafts
from caveat.adapters.fhir.group import PERSONAL, Answered, Part, identifiers, owner
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.queries import LIST_OF, Query, completes, query
from caveat.adapters.fhir.record import patient
from caveat.adapters.fhir.references import Index, relative
from caveat.adapters.fhir.types import READ
from caveat.adapters.ledger import Ledger
from caveat.dates import When, parse_when
from caveat.errors import DateError, InputError
from caveat.facts.patient import Patient

State = Literal["whole", "none", "newest", "part", "unavailable", "absent", "unasked"]
"""What became of a key: answered in full; answered "none there"; the newest results of more; a part of
the answer; not available; not given; given without being asked for."""

_ANSWERED: Final = ("whole", "none")
_FAILED: Final = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Key:
    """What one prefetch key gave. `why` says what is lacking, in words."""

    state: State
    resources: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Prefetched:
    """The patient that all parts state together.

    `drafts` gives the Order id of each draft by the place of its entry in the Bundle, for those that
    became an Order; a draft that cannot be read, is of another patient or asks not to give is missing
    there and named among the problems or notes of the patient. `identified` says whether a Patient
    resource was there.
    """

    patient: Patient
    drafts: Mapping[int, str]
    keys: Mapping[str, Key]
    identified: bool


class _Head(msgspec.Struct):
    resourceType: Any = None
    total: Any = None


_HEAD: Final = msgspec.json.Decoder(_Head)


@dataclass(slots=True)
class _Whose:
    """Tells this patient's resources from others'."""

    me: str
    names: dict[str, str] = field(default_factory=dict)
    patients: list[Item] = field(default_factory=list)
    assumed: int = 0

    def __post_init__(self) -> None:
        for name in (self.me, f"Patient/{self.me}", f"urn:uuid:{self.me}"):
            self.names[name] = self.me

    def meet(self, item: Item) -> str:
        """Whom a Patient resource is: "" for this patient, else the other's id."""
        resource: Any = item.resource
        mine = not resource.id or resource.id == self.me or item.url == self.me
        identity = self.me if mine else resource.id
        for name in (item.url, f"Patient/{resource.id or self.me}", *identifiers(resource)):
            if name:
                self.names.setdefault(name, identity)
        if mine:
            self.patients.append(item)
        return "" if mine else identity

    def of(self, resource: Any) -> tuple[bool, str]:
        """Whether a resource is this patient's; why not, when it names nobody that can be told."""
        subject = getattr(resource, "subject", None)
        if subject is not None and self.names.get(subject.reference) == self.me:
            return True, ""
        whose, why = owner(resource, self.names, self.me)
        if whose == self.me:
            self.assumed += why == "assumed"
            return True, ""
        return False, why if whose is None else "is of another patient"


def read_prefetch(
    parts: Mapping[str, bytes],
    drafts: bytes | None,
    patient_id: str,
    *,
    bound: Bound | None = None,
    lists: Mapping[str, str],
) -> Prefetched:
    """The Patient of raw JSON values by prefetch key, and of the draft orders.

    `lists` are the templates that were offered, by key. Where all keys of a list are answered in full,
    it is known even if empty (`null` and a Bundle without entries: one looked, and there are none), and
    that of orders is closed once every kind and status of them was asked for. One with a further page
    leaves its list open, one that is not available or not given leaves it unknown.

    A draft stands in for a prefetched order of its id. Resources of another patient are problems and
    no facts. `bound` says which observation codes any concept knows. Raises InputError only where
    `drafts` is no Bundle.
    """
    log = Ledger()
    me = _bare(patient_id)
    reading = _Reading(log, {key: query(template) for key, template in lists.items()})
    for key, raw in parts.items():
        reading.read(key, raw)
    taken = (getattr(item.resource, "id", None) or "" for _, item in reading.items)
    found = Drafts() if drafts is None else read_drafts(drafts, taken, log)
    part, whose = _sorted(reading, found, me)
    for key, asked in reading.asked.items():
        if key not in parts:
            reading.keys[key] = Key("absent")
            log.note("prefetch-absent", f"{key} ({asked.kind}) was not given", f"prefetch.{key}")
    part.answered = _lists(reading)
    read = patient(part, bound=bound)
    known = {order.id for order in read.orders or ()}
    ids = {place: identity for place, identity in found.ids().items() if identity in known}
    return Prefetched(read, ids, reading.keys, bool(whose.patients))


def _bare(patient_id: str) -> str:
    short = relative(patient_id.strip())
    return short[8:] if short.startswith("Patient/") and len(short) > 8 else short


class _Reading:
    """The parts as they are read: every item with its key, and what each key gave."""

    def __init__(self, log: Ledger, asked: Mapping[str, Query]) -> None:
        self.log = log
        self.asked = asked
        self.keys: dict[str, Key] = {}
        self.items: list[tuple[str, Item]] = []

    def read(self, key: str, raw: bytes) -> None:
        """Takes one value in."""
        asked = self.asked.get(key)
        if raw.strip() == b"null":
            self.keys[key] = Key("none" if asked is not None else "unasked")
            return
        try:
            head = _HEAD.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            head = _Head()
        try:
            if head.resourceType == "OperationOutcome":
                self._fails(key, self._reasons(raw))
            elif head.resourceType == "Bundle":
                self._bundle(key, raw, head, asked)
            else:
                self._resource(key, raw, head, asked)
        except InputError as error:
            self._fails(key, error.message)

    def lessen(self, key: str, why: str) -> None:
        """The key gave a part at most."""
        known = self.keys[key]
        if known.state in ("whole", "none", "newest"):
            self.keys[key] = Key("part", known.resources, why)

    def _fails(self, key: str, why: str) -> None:
        self.keys[key] = Key("unavailable", 0, why)
        message = f"{key} was not available" + (f": {why}" if why else "")
        self.log.problem("prefetch-unavailable", message, f"prefetch.{key}")

    def _reasons(self, raw: bytes) -> str:
        outcome: Any = decode.resource(raw, "OperationOutcome").resource
        for issue in outcome.issue or ():
            words = issue.diagnostics or values.text(issue.details, self.log, "") or issue.code
            if words:
                return self.log.clean(words)[:200]
        return ""

    def _resource(self, key: str, raw: bytes, head: _Head, asked: Query | None) -> None:
        kind = head.resourceType
        if not isinstance(kind, str):
            decode.parse(raw)
            raise InputError("it is no FHIR resource", code="not-fhir")
        item = decode.resource(raw, kind)
        if item.version or kind not in READ:
            said = f"FHIR {item.version}" if item.version else "a type that holds no facts"
            raise InputError(f"it holds a {kind[:60]} of {said}", code="fhir-version")
        self.items.append((key, item))
        if asked is None:
            self.keys[key] = Key("unasked", 1)
        elif asked.kind != kind:
            self._fails(key, f"it holds a {kind}, not {asked.kind}")
        else:
            lone = "" if asked.read else "one resource instead of the answer to a search"
            self.keys[key] = Key("part" if lone else "whole", 1, lone)

    def _bundle(self, key: str, raw: bytes, head: _Head, asked: Query | None) -> None:
        found = decode.bundle(raw)
        other = None if found.plain else next((item for item in found.items if item.version), None)
        if other is not None:
            raise InputError(f"it holds a {other.kind} of FHIR {other.version}", code="fhir-version")
        self.items += [(key, item) for item in found.items if not item.deleted]
        if asked is None:
            self.keys[key] = Key("unasked", len(found.items))
            if found.next is not None:
                self.log.note("more-pages", f"a further page of {key} was not given", f"prefetch.{key}")
            return
        counted = [item for item in found.items if item.kind == asked.kind]
        if (
            not counted
            and found.items
            and any(item.kind in PERSONAL or item.kind == "Patient" for item in found.items)
        ):
            self._fails(key, f"it holds no {asked.kind} but other resources")
            return
        self.keys[key] = Key("whole" if counted else "none", len(counted))
        if not asked.read:
            self._further(key, found, head, asked, counted)
        self._faults(key, raw, found)

    def _further(self, key: str, found: Decoded, head: _Head, asked: Query, counted: list[Item]) -> None:
        """Whether there is more than was given, and whether that matters."""
        total = head.total if isinstance(head.total, int) and not isinstance(head.total, bool) else None
        doubtful = asked.count == len(counted) if total is None else total > len(counted)
        if found.next is None and not doubtful:
            return
        cut = found.next is not None or len(counted) >= (asked.count or 0)
        if asked.newest and cut and _newest_first(counted):
            self.keys[key] = Key("newest", len(counted), "older results were not asked for")
            return
        self.lessen(key, "there is more than was given")
        message = f"a further page of {key} was not given"
        if found.next is None:
            message = f"{key} may hold more than the {len(counted)} results that were given"
        if asked.newest and cut:
            message = f"{key} holds a part of the results, and they are not sorted newest first"
        self.log.problem("more-pages", message, f"prefetch.{key}")

    def _faults(self, key: str, raw: bytes, found: Decoded) -> None:
        """What makes an answer a part of one: entries that cannot be read, a Bundle inside, an error."""
        if raw.find(b'"Bundle"', raw.find(b'"Bundle"') + 1) >= 0 or found.type == "history":
            self.lessen(key, "it is no plain answer to a search")
            if found.next is None and b'"next"' in raw:
                message = f"a further page of a Bundle inside {key} was not given"
                self.log.problem("more-pages", message, f"prefetch.{key}")
        for item in () if found.plain else found.items:
            if item.resource is None:
                if item.mends:
                    self.lessen(key, "an entry cannot be read")
            elif item.kind == "OperationOutcome" and _reports_error(item.resource):
                self.lessen(key, "the server reports an error")


def _reports_error(outcome: Any) -> bool:
    return any(issue.severity in _FAILED for issue in outcome.issue or ())


def _newest_first(counted: list[Item]) -> bool:
    """Whether results are in the order of their dates, the newest first, as far as they have dates."""
    before: When | None = None
    for at in _dates(counted):
        if at is None:
            return False
        if before is not None and at.first > before.last:
            return False
        before = at
    return True


def _dates(counted: list[Item]) -> Iterator[When | None]:
    for item in counted:
        resource: Any = item.resource
        period = getattr(resource, "effective_period", None)
        ends = None if period is None else period.end or period.start
        stated = (
            getattr(resource, "effective_date_time", None)
            or ends
            or getattr(resource, "effective_instant", None)
            or getattr(resource, "issued", None)
        )
        try:
            yield None if stated is None else parse_when(stated)
        except DateError:
            yield None


def _sorted(reading: _Reading, drafts: Drafts, me: str) -> tuple[Part, _Whose]:
    """This patient's resources as one Part; those of others and of nobody are problems."""
    log, whose = reading.log, _Whose(me)
    part = Part(me, log=log)
    strangers: dict[str, int] = {}
    shared = list(drafts.shared)
    personal: list[tuple[str, Item]] = []
    for key, item in reading.items:
        if item.kind in PERSONAL:
            if item.resource is not None:
                personal.append((key, item))
        elif item.kind == "Patient":
            if item.resource is not None and whose.meet(item):
                strangers[key] = strangers.get(key, 0) + 1
        elif (item.resource is None and (item.mends or item.version)) or item.kind == "OperationOutcome":
            part.common.append(_placed(item, f"prefetch.{key}"))
        elif item.resource is not None:
            shared.append(item)
    mine = Index((), Index(shared))
    for place, item in list(drafts.orders.items()):
        is_mine, why = whose.of(item.resource)
        if is_mine:
            mine.add(item)
            part.items.append((item, mine))
        else:
            del drafts.orders[place]
            log.problem("other-patient", f"a draft order {why}; it was not judged", item.path)
    replaced = drafts.names()
    kinds = {name.partition("/")[0] for name in replaced}
    names = whose.names
    own: list[Item] = []
    for key, item in personal:
        subject = getattr(item.resource, "subject", None)
        is_mine = subject is not None and names.get(subject.reference) == me
        if not is_mine and not whose.of(item.resource)[0]:
            strangers[key] = strangers.get(key, 0) + 1
        elif item.kind in kinds and f"{item.kind}/{getattr(item.resource, 'id', None)}" in replaced:
            log.note("draft-replaces", "a prefetched order is shown as its draft has it", f"prefetch.{key}")
        else:
            own.append(item)
    mine.extend(own)
    part.items += [(item, mine) for item in own]
    for key, count in strangers.items():
        reading.lessen(key, "it holds resources of another patient")
        message = f"{key} holds resources that are not this patient's; they were not used"
        log.problem("other-patient", message, f"prefetch.{key}", count)
    part.patients = whose.patients
    part.assumed = whose.assumed
    return part, whose


def _placed(item: Item, path: str) -> Item:
    """The item with the key in its paths."""
    mends = tuple(decode.Mend(f"{path}.{one.path}", one.message, one.value) for one in item.mends)
    return msgspec.structs.replace(item, path=f"{path}.{item.path}".rstrip("."), mends=mends)


def _lists(reading: _Reading) -> dict[str, Answered]:
    """What the keys say together of each list that was asked for."""
    found: dict[str, Answered] = {}
    states = {key: reading.keys[key].state for key in reading.asked}
    answered = {key: one for key, one in reading.asked.items() if states[key] in _ANSWERED}
    for name in dict.fromkeys(LIST_OF.values()):
        keys = [key for key, one in reading.asked.items() if LIST_OF.get(one.kind) == name]
        if not keys:
            continue
        if any(states[key] in ("absent", "unavailable") for key in keys):
            found[name] = Answered("unknown", False)
        elif any(states[key] == "part" for key in keys):
            found[name] = Answered("open", False)
        elif completes(name, answered, reading.asked):
            found[name] = Answered("closed", True)
        else:
            found[name] = Answered("open", True)
    return found
