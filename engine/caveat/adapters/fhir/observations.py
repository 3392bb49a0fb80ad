"""Observations and their components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from caveat.adapters.assemble import complete, trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.answers import is_total
from caveat.adapters.fhir.by_name import has_loinc, name_of, settled, specimen_of
from caveat.adapters.fhir.references import Index
from caveat.adapters.fhir.results import worded_quantity
from caveat.adapters.fhir.stated import CHILD_PUGH, REFILLED, Statements, topic_of
from caveat.adapters.ledger import Ledger
from caveat.dates import When
from caveat.facts.clinical import Coded, Observation
from caveat.facts.values import Quantity
from caveat.terminology.codes import Code
from caveat.terminology.results import Named as Called

_LEFT_OUT: Final = frozenset(("entered-in-error", "cancelled"))
_FINAL: Final = frozenset(("final", "amended", "corrected"))
_NOT_FINAL: Final = frozenset(("registered", "preliminary", "unknown"))
_STATUSES: Final = _LEFT_OUT | _FINAL | _NOT_FINAL
_ALL: Final = frozenset(Observation.model_fields)
Bound = Callable[[Code], bool]


@dataclass(frozen=True, slots=True)
class Named:
    """What the code of an observation says, where there is nothing odd about it."""

    topic: str | None
    unbound: tuple[str, str] | None
    codes: tuple[Code, ...]
    words: str | None
    called: Called | None = None
    """What its words measure, where no concept binds its codes."""


@dataclass(slots=True)
class Names:
    """What each code of a record says: a record holds many results in few codes."""

    bound: Bound | None
    _known: dict[Any, Named | None] = field(default_factory=dict)

    def of(self, concept: fhir.Concept | None) -> Named | None:
        """What a code says; None for one that is missing, or of which something must be said."""
        if concept is None:
            return None
        coding = concept.coding
        if coding is not None and len(coding) == 1:
            one = coding[0]
            key: Any = (concept.text, one.system, one.code, one.display)
        else:
            key = (concept.text, *((one.system, one.code, one.display) for one in coding or ()))
        if key not in self._known:
            self._known[key] = _named(concept, self.bound)
        return self._known[key]


def _named(concept: fhir.Concept, bound: Bound | None) -> Named | None:
    log = Ledger()
    codes, words = values.codes(concept, log, ""), values.text(concept, log, "")
    if log.notes or log.problems or not (codes or words):
        return None
    unbound = None if bound is None else first_unbound(concept, bound)
    topic, named_so = topic_of(concept), None
    if topic is None and (unbound is not None or not codes or (bound is None and not has_loinc(concept))):
        named_so = name_of(concept)
    return Named(topic, unbound, codes, words, named_so)


def called(concept: fhir.Concept | None, bound: Bound | None) -> Called | None:
    """What the words of a concept measure; None where a code is bound, or may be."""
    if concept is None or (concept.coding and any(one.code for one in concept.coding)):
        if bound is None:
            return None if has_loinc(concept) else name_of(concept)
        if first_unbound(concept, bound) is None:
            return None
    return name_of(concept)


class Unbound:
    """Counts observations that no concept binds, so that they are said once."""

    __slots__ = ("codes", "count")

    def __init__(self) -> None:
        self.codes: set[tuple[str, str]] = set()
        self.count = 0

    def add(self, system: str, code: str) -> None:
        """Counts one."""
        self.codes.add((system, code))
        self.count += 1

    def say(self, log: Ledger) -> None:
        """One note for all of them, or none."""
        if self.count:
            many = "code" if len(self.codes) == 1 else "codes"
            log.note(
                "observations-not-bound",
                f"observations in {len(self.codes)} {many} that no concept binds were not read",
                count=self.count,
            )


def observations(
    resource: fhir.Observation,
    log: Ledger,
    path: str,
    identity: str | None,
    names: Names,
    unbound: Unbound,
    said: Statements,
    index: Index | None = None,
    holder: Any = None,
) -> list[Observation]:
    """The Observation and one more for each component; those of unbound codes are only counted.

    Those that state a circumstance are entered in `said`; a context code is nothing else. `index` leads
    to the specimen, `holder` is the resource that holds this one inside it.
    """
    if not resource.component:
        named = names.of(resource.code)
        if named is not None and named.topic is None and named.called is None:
            if named.unbound is not None:
                unbound.add(*named.unbound)
                return []
            status = resource.status
            if status in _FINAL:
                return [_plain(resource, named, log, path, identity)]
    bound = names.bound
    parts: list[tuple[Any, str, str | None]] = []
    components = resource.component
    if not components or _has_value(resource):
        parts.append((resource, path, identity))
    for number, component in enumerate(components or ()):
        parts.append((component, f"{path}.component[{number}]", f"{identity}#{number}" if identity else None))
    kept: list[tuple[Any, str, str | None, str | None, bool, Called | None]] = []
    for part, where, name in parts:
        known = names.of(part.code)
        if known is not None:
            topic, key, named_so = known.topic, known.unbound, known.called
        else:
            topic = topic_of(part.code)
            key = None if bound is None else first_unbound(part.code, bound)
            named_so = called(part.code, bound) if topic is None else None
        is_fact = topic is None or not topic.startswith("context.")
        if is_fact and named_so is None and key is not None:
            if topic is None:
                unbound.add(*key)
                continue
            is_fact = False
        kept.append((part, where, name, topic, is_fact, named_so))
    if not kept:
        return []
    status = values.lower_case(resource.status, _STATUSES, log, path + ".status")
    if status in _LEFT_OUT:
        log.note(f"{status}-observation", f"Observation with status {status} left out", path)
        return []
    if status is None or (status not in _FINAL and status not in _NOT_FINAL):
        log.note("observation-status", "an observation whose status is not stated or not known", path)
    at = _time(resource, log, path)
    found = []
    for part, where, name, topic, is_fact, named_so in kept:
        concept: str | None = None
        if topic == REFILLED:
            value = answer = None
        else:
            value, answer = _value(part, log, where)
        if topic is not None:
            said.observed(topic, part, value, answer, at, log, where)
            if topic == CHILD_PUGH and value is not None and is_total(value):
                value, concept, is_fact = replace(value, unit="1"), "child_pugh_score", True
            if not is_fact:
                continue
        codes, words = values.codes(part.code, log, where), values.text(part.code, log, where)
        if not (codes or words):
            log.problem("observation-unnamed", "an observation that does not say what was observed", where)
            continue
        if named_so is not None:
            shown = words or next((one.display for one in codes if one.display), "")
            is_blood = specimen_of(resource, index, holder)
            meant = settled(named_so, value, answer, shown, is_blood, at, log, where)
            if meant is None:
                unbound.add(codes[0].system if codes else "", codes[0].code if codes else shown)
                continue
            concept, value, answer = meant.concept, meant.value, meant.answer
        fields: dict[str, Any] = {
            "id": name,
            "concept": concept,
            "codes": codes,
            "text": words,
            "value": value,
            "answer": answer,
            "at": at,
            "preliminary": status not in _FINAL,
            "source": path,
        }
        found.append(trusted(Observation, fields))
    return found


def _plain(
    resource: fhir.Observation, named: Named, log: Ledger, path: str, identity: str | None
) -> Observation:
    """A final result of its own that states no circumstance."""
    at = _time(resource, log, path)
    answer: Coded | None = None
    stated = resource.value_quantity
    value = None if stated is None else values.plain_amount(stated)
    if value is None:
        value, answer = _value(resource, log, path)
    return complete(
        Observation,
        {
            "id": identity,
            "concept": None,
            "codes": named.codes,
            "text": named.words,
            "value": value,
            "answer": answer,
            "at": at,
            "preliminary": False,
            "source": path,
        },
        _ALL,
    )


def first_unbound(concept: fhir.Concept | None, bound: Bound) -> tuple[str, str] | None:
    """The first code when there are codes and none is bound; without a code, text must decide later."""
    first = None
    if concept is not None:
        for coding in concept.coding or ():
            if coding.code:
                system = values.system_name(coding.system) if coding.system else ""
                if bound(values.code(system, coding.code.strip(), "")):
                    return None
                first = first or (system, coding.code)
    return first


_VALUES: Final = (
    "value_quantity value_codeable_concept value_string value_boolean value_integer value_range value_ratio "
    "value_sampled_data value_time value_date_time value_period data_absent_reason"
).split()


def _has_value(resource: Any) -> bool:
    return any(getattr(resource, name) is not None for name in _VALUES[:-1])


def _value(part: Any, log: Ledger, path: str) -> tuple[Quantity | None, Coded | None]:
    """The value as a quantity or as an answer; neither when it is absent or cannot be read."""
    if part.value_quantity is not None:
        found = values.amount(part.value_quantity, log, path + ".valueQuantity")
        if found is not None and not found.unit:
            log.note("value-without-unit", "a value without a unit cannot be judged; it is kept", path)
        return found, values.as_written(part.value_quantity, log, path) if found is None else None
    if part.value_codeable_concept is not None:
        return None, values.coded(part.value_codeable_concept, log, path)
    if part.value_string is not None:
        return _worded(part.value_string, log, path)
    if part.value_boolean is not None:
        return None, trusted(Coded, {"text": "true" if part.value_boolean else "false"})
    if part.value_integer is not None:
        size = values.number(Decimal(part.value_integer), log, path)
        return (None if size is None else Quantity(size)), None
    if part.value_range is not None:
        return values.span(part.value_range, log, path + ".valueRange"), None
    return None, _other(part, log, path)


def _other(part: Any, log: Ledger, path: str) -> Coded | None:
    if part.value_ratio is not None:
        top, bottom = part.value_ratio.numerator, part.value_ratio.denominator
        ends = [values.amount(end, log, path + ".valueRatio") for end in (top, bottom)]
        return (
            trusted(Coded, {"text": ":".join(str(end) for end in ends if end is not None)})
            if all(ends)
            else None
        )
    for name in ("value_date_time", "value_time"):
        if getattr(part, name) is not None:
            return trusted(Coded, {"text": log.clean(getattr(part, name), path)})
    if part.value_period is not None:
        return trusted(Coded, {"text": f"{part.value_period.start or ''} to {part.value_period.end or ''}"})
    if part.value_sampled_data is not None:
        log.note("sampled-data", "a value given as sampled data was not read", path)
    elif part.data_absent_reason is not None:
        reason = values.coded(part.data_absent_reason, log, path)
        log.note("value-absent", f"an observation without a value: {reason or 'no reason given'}", path)
    else:
        log.note("value-missing", "an observation without a value", path)
    return None


def _worded(words: str, log: Ledger, path: str) -> tuple[Quantity | None, Coded | None]:
    """A quantity when the text is one, else the text as an answer."""
    plain = log.clean(words, path)
    if not plain:
        log.note("value-missing", "an observation without a value", path)
        return None, None
    read = worded_quantity(plain)
    if read is None:
        return None, trusted(Coded, {"text": plain})
    if not read.unit:
        log.note("value-without-unit", "a value without a unit cannot be judged; it is kept", path)
    return read, None


def _time(resource: fhir.Observation, log: Ledger, path: str) -> When | None:
    """When it was observed: the end of a period; else when it was issued, which is noted."""
    if resource.effective_date_time is not None:
        return values.date(resource.effective_date_time, log, path + ".effectiveDateTime")
    if resource.effective_instant is not None:
        return values.date(resource.effective_instant, log, path + ".effectiveInstant")
    period = resource.effective_period
    if period is not None and (period.end or period.start):
        return values.date(period.end or period.start, log, path + ".effectivePeriod")
    timed = _last_of(resource.effective_timing)
    if timed is not None:
        return values.date(timed, log, path + ".effectiveTiming")
    if resource.issued is not None:
        log.note(
            "observation-issued", "an observation dated by its issue, for want of a time of its own", path
        )
        return values.date(resource.issued, log, path + ".issued")
    log.note("observation-undated", "an observation without a date", path)
    return None


def _last_of(timing: Any) -> str | None:
    """The last of the times that a Timing lists, else the end of its period."""
    if not isinstance(timing, dict):
        return None
    events = timing.get("event")
    if isinstance(events, list) and events and all(isinstance(one, str) for one in events):
        return str(max(events))
    repeat = timing.get("repeat")
    bounds = repeat.get("boundsPeriod") if isinstance(repeat, dict) else None
    end = (bounds.get("end") or bounds.get("start")) if isinstance(bounds, dict) else None
    return end if isinstance(end, str) else None
