"""Parts of resources that repeat, each understood once by the common code and known by its number.

A number below 0 is a part of which something must be said that depends on where it stands, or that
is not plain for another reason: its resource is read by the common code as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any, Final

import msgspec
import orjson

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.bulk.meaning import SOME_DAY, Form
from caveat.adapters.fhir.bulk.recall import MOST, NOT_PLAIN, Dates, Known, Text, Understand
from caveat.adapters.fhir.bulk.thin import (
    ABSENT,
    THIN,
    Meta,
    Subject,
    ThinCondition,
    ThinObservation,
    ThinOrder,
)
from caveat.adapters.fhir.observations import Bound, called
from caveat.adapters.fhir.references import relative
from caveat.adapters.fhir.stated import topic_of
from caveat.adapters.ledger import Ledger
from caveat.facts.values import COMPARATORS

ODD: Final = ("", "")
"""Stands for a version that cannot be read."""

UNVERSIONED: Final = (None, None)

_MOST_TEMPLATES: Final = 8_192

_DIGITS: Final = b"0123456789.-"
_SHORT: Final = 28
"""Characters of a number without an exponent that is always within bounds."""


_WIDEST: Final = 30
_PATIENT: Final = "Patient/"
_MISFIT: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_VALUE: Final = b'"value":'
_NUL: Final = b"\0"
_STATED: Final = (b"", b"1")

_ANSWERS: Final = attrgetter("value_codeable_concept", "value_string", "data_absent_reason")
_OWN: Final = frozenset(
    "id subject meta authored_on reason_reference onset_date_time abatement_date_time recorded_date".split()
)
"""Fields that differ from one resource to the next."""
_ORDER: Final = attrgetter(*(one for one in ThinOrder.__struct_fields__ if one not in _OWN))
_CONDITION: Final = attrgetter(*(one for one in ThinCondition.__struct_fields__ if one not in _OWN))


class _Quantity(msgspec.Struct, gc=False):
    value: Decimal
    unit: str | None = None
    system: str | None = None
    code: str | None = None
    comparator: str | None = None


class _Component(msgspec.Struct, rename="camel", gc=False):
    code: msgspec.Raw
    value_quantity: _Quantity
    value_codeable_concept: None = None
    value_string: None = None
    value_boolean: None = None
    value_integer: None = None
    value_range: None = None
    value_ratio: None = None
    value_sampled_data: None = None
    value_time: None = None
    value_date_time: None = None
    value_period: None = None
    data_absent_reason: None = None


_THIN_ORDER: Final = msgspec.json.Decoder(THIN["MedicationRequest"])


class Tables:
    """What was understood so far, by number."""

    def __init__(self, bound: Bound | None = None) -> None:
        self._bound = bound
        self.concepts: list[fhir.Concept] = []
        self.forms: list[Form] = []
        self.orders: list[fhir.MedicationRequest] = []
        self.conditions: list[fhir.Condition] = []
        self._concepts, self._units, self._others = Known(), Known(), Known()
        self._orders, self._conditions = Known(_MOST_TEMPLATES), Known(_MOST_TEMPLATES)
        self._metas: dict[bytes, tuple[str | None, str | None]] = {}
        self.dates = Dates()
        self._by_unit: dict[tuple[str | None, ...], int] = {}

    def concept_numbers(self, keys: list[bytes]) -> list[int]:
        """Concepts that name something, state no circumstance and are not read by their names."""
        return self._concepts.numbers(keys, self._concept)

    def unit_numbers(self, keys: list[bytes]) -> list[int]:
        """Forms of a single quantity by what follows its value: `"unit":"cm"}`."""
        return self._units.numbers(keys, self._rest)

    def versions(self, keys: list[bytes]) -> list[tuple[str | None, str | None]]:
        """When each was last updated, and its version; ODD for one that cannot be read."""
        found: list[Any] = list(map(self._metas.get, keys))
        if None in found:
            for at, one in enumerate(found):
                if one is None:
                    found[at] = self._version(keys[at])
        return found

    def _version(self, key: bytes) -> tuple[str | None, str | None]:
        if len(self._metas) >= MOST:
            self._metas.clear()
        found: tuple[str | None, str | None]
        try:
            meta = (msgspec.json.decode(key, type=Meta | None) if key else None) or Meta()
        except _MISFIT:
            return ODD
        found = meta.last_updated, meta.version_id
        found = self._metas[key] = UNVERSIONED if found == UNVERSIONED else found
        return found

    def turned(self, raw: bytes) -> tuple[int, bytes]:
        """Form and number of a lone quantity whose value does not come first, or that says nothing else."""
        try:
            one = msgspec.json.decode(raw, type=_Quantity)
        except _MISFIT:
            return NOT_PLAIN, b""
        return (self._unit(one), str(one.value).encode()) if is_measurable(one.value) else (NOT_PLAIN, b"")

    def answers(self, several: Sequence[ThinObservation]) -> list[int]:
        """Forms of values that are no quantity."""
        keys = [_NUL.join((b"answer", *_ANSWERS(one))) for one in several]
        return self._others.numbers(keys, self._answer)

    def panels(self, raws: list[bytes]) -> tuple[list[int], list[bytes]]:
        """Forms of components, and their numbers parted by blanks."""
        keys: list[bytes] = []
        numbers: list[list[bytes]] = []
        for raw in raws:
            head, *rest = raw.split(_VALUE)
            halves = [one.partition(b",") for one in rest]
            keys.append(_NUL.join((head, *[one[2] for one in halves])))
            numbers.append([one[0].strip() for one in halves])
        found: list[Any] = list(map(self._others.get, keys))
        for at, one in enumerate(found):
            if one is None:
                understand = partial(self._components, raw=raws[at], numbers=numbers[at])
                found[at] = self._others.number(keys[at], understand)
        joined = [b" ".join(one) for one in numbers]
        if not measurable([one for some in numbers for one in some]):
            found = [one if measurable(some) else NOT_PLAIN for one, some in zip(found, numbers, strict=True)]
        return found, joined

    def order_numbers(self, some: Sequence[ThinOrder], text: Text) -> list[int]:
        """Numbers of everything that orders say but for their days and their reasons by reference.

        `text` gives the line of each by its place among them.
        """
        keys = [_NUL.join(_ORDER(one)) if _stands_alone(one) else _NUL for one in some]
        return self._templates(self._orders, keys, self._order, text)

    def condition_numbers(self, some: Sequence[ThinCondition], text: Text) -> list[int]:
        """Numbers of everything that conditions say but for their days."""
        keys = [
            _NUL.join(
                (
                    _STATED[one.onset_date_time is not None],
                    _STATED[one.abatement_date_time is not None],
                    *_CONDITION(one),
                )
            )
            for one in some
        ]
        return self._templates(self._conditions, keys, self._condition, text)

    def _templates(self, known: Known, keys: list[bytes], understand: Understand, text: Text) -> list[int]:
        found: list[Any] = list(map(known.get, keys))
        if None in found:
            for at, one in enumerate(found):
                if one is None:
                    found[at] = known.number(keys[at], lambda _, at=at: understand(text(at)))  # type: ignore[misc]
        return found

    def _concept(self, key: bytes) -> int:
        try:
            concept = msgspec.json.decode(key, type=fhir.Concept)
        except _MISFIT:
            return NOT_PLAIN
        if topic_of(concept) is not None or called(concept, self._bound) is not None:
            return NOT_PLAIN
        if not (values.codes(concept, Ledger(), "") or values.text(concept, Ledger(), "")):
            return NOT_PLAIN
        self.concepts.append(concept)
        return len(self.concepts) - 1

    def _rest(self, key: bytes) -> int:
        try:
            stated = orjson.loads(b"{" + key)
            if not isinstance(stated, dict) or "value" in stated:
                return NOT_PLAIN
            return self._unit(msgspec.json.decode(b'{"value":1,' + key, type=_Quantity))
        except _MISFIT:
            return NOT_PLAIN

    def _unit(self, one: _Quantity) -> int:
        """The form of a quantity of which nothing is to be said that depends on its number."""
        key = (one.unit, one.system, one.code, one.comparator)
        found = self._by_unit.get(key)
        if found is not None:
            return found
        found = NOT_PLAIN
        _, other = values.unit_of(one.unit, one.system, one.code)
        if other is None and (one.comparator is None or one.comparator in COMPARATORS):
            amount = fhir.Amount(None, one.comparator, one.unit, one.system, one.code)
            found = self._new(Form(amount=amount))
        if len(self._by_unit) < MOST:
            self._by_unit[key] = found
        return found

    def _new(self, form: Form) -> int:
        self.forms.append(form)
        return len(self.forms) - 1

    def _components(self, _: bytes, *, raw: bytes, numbers: list[bytes]) -> int:
        """The form of components whose values, and nothing else in them, are these numbers."""
        try:
            parts = msgspec.json.decode(raw, type=list[_Component])
            said = [Decimal(one.decode()) for one in numbers]
        except (*_MISFIT, ArithmeticError):
            return NOT_PLAIN
        if not parts or [one.value_quantity.value for one in parts] != said:
            return NOT_PLAIN
        concepts = [self._concepts.number(bytes(one.code), self._concept) for one in parts]
        units = [self._unit(one.value_quantity) for one in parts]
        if min(*concepts, *units) < 0:
            return NOT_PLAIN
        return self._new(Form(parts=list(zip(concepts, units, strict=True))))

    def _answer(self, key: bytes) -> int:
        _, concept, string, absent = key.split(_NUL)
        members = (
            (b"valueCodeableConcept", concept),
            (b"valueString", string),
            (b"dataAbsentReason", absent),
        )
        text = b",".join(b'"' + name + b'":' + value for name, value in members if value)
        try:
            resource = msgspec.json.decode(
                b'{"resourceType":"Observation",' + text + b"}", type=fhir.Observation
            )
        except _MISFIT:
            return NOT_PLAIN
        return self._new(Form(answer=resource))

    def _order(self, text: bytes) -> int:
        try:
            if not _stands_alone(_THIN_ORDER.decode(text)):
                return NOT_PLAIN
            resource = msgspec.json.decode(text, type=fhir.MedicationRequest)
        except _MISFIT:
            return NOT_PLAIN
        resource.id = resource.meta = resource.subject = None
        resource.authored_on = resource.reason_reference = None
        if any(map(_is_timed, resource.dosage_instruction or ())):
            return NOT_PLAIN
        self.orders.append(resource)
        return len(self.orders) - 1

    def _condition(self, text: bytes) -> int:
        try:
            resource = msgspec.json.decode(text, type=fhir.Condition)
        except _MISFIT:
            return NOT_PLAIN
        if resource.onset_period is not None or resource.abatement_period is not None:
            return NOT_PLAIN
        resource.id = resource.meta = resource.subject = resource.recorded_date = None
        if resource.onset_date_time is not None:
            resource.onset_date_time = SOME_DAY
        if resource.abatement_date_time is not None:
            resource.abatement_date_time = SOME_DAY
        self.conditions.append(resource)
        return len(self.conditions) - 1


def _stands_alone(one: ThinOrder) -> bool:
    """Whether an order needs neither another resource nor its day to be understood."""
    return (
        one.medication_reference is ABSENT
        and one.dispense_request is ABSENT
        and one.contained is ABSENT
        and one.medication is ABSENT
    )


def _is_timed(one: fhir.Dosage) -> bool:
    """Whether an instruction says itself when it begins or ends."""
    repeat = None if one.timing is None else one.timing.repeat
    if repeat is None:
        return False
    bounds = (repeat.bounds_period, repeat.bounds_duration, repeat.bounds_range)
    return any(one is not None for one in bounds)


def named(raw: bytes) -> str | None:
    """The patient's id in a subject that refers to a Patient by id; None for any other."""
    try:
        return plainly(msgspec.json.decode(raw, type=Subject).reference)
    except _MISFIT:
        return None


def plainly(reference: str) -> str | None:
    """The id in `Patient/id`, relative or absolute; None for any other reference."""
    short = relative(reference)
    whose = short[8:]
    if short[:8] != _PATIENT or not whose or "/" in whose or "?" in whose:
        return None
    return whose if reference == reference.strip() else None


def misstated(reasons: list[bytes]) -> set[int]:
    """The places of those that are stated and no list of references, or no text."""
    stated = [one for one in reasons if one]
    if not stated or _are_references(b",".join(stated)):
        return set()
    return {at for at, one in enumerate(reasons) if one and not _are_references(one)}


def _are_references(texts: bytes) -> bool:
    try:
        texts.decode()
        msgspec.json.decode(b"[" + texts + b"]", type=list[list[fhir.Reference] | None])
    except _MISFIT:
        return False
    return True


def measurable(numbers: list[bytes]) -> bool:
    """Whether all are numbers such as a measurement can have; each is the beginning of a JSON value."""
    if not b"".join(numbers).translate(None, _DIGITS) and max(map(len, numbers), default=0) <= _SHORT:
        return True
    try:
        sizes = list(map(float, numbers))
    except ValueError:  # a text, or nothing
        return len(numbers) > 1 and all(measurable([one]) for one in numbers)
    return all(
        _SMALL < abs(size) < _LARGE or is_measurable(Decimal(text.decode()))
        for size, text in zip(sizes, numbers, strict=True)
    )


_SMALL: Final = 1e-29
_LARGE: Final = 1e29


def is_measurable(value: Decimal) -> bool:
    """Whether a measurement can have this number."""
    return value.is_finite() and (not value or -_WIDEST <= value.adjusted() <= _WIDEST)
