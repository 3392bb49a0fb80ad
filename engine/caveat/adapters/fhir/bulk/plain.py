"""Observations that hold nothing but a code, a date and a number: most of any export, kept as rows.

Such an observation leads to one fact, or one for each component, and to no note or problem: what it
says is told by its code and its unit alone, which are looked at once. Everything else about it is
kept as well, so that it can be made whole again and be read by the common code where another
resource of the patient calls for that.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.stated import topic_of
from caveat.adapters.ledger import Ledger
from caveat.dates import parse_when
from caveat.errors import DateError
from caveat.facts.values import COMPARATORS

_MOST: Final = 50_000
_DATES: Final = 200_000
_LONGEST: Final = 64
_WIDEST: Final = 30
_PATIENT: Final = "Patient/"

Value = tuple[int, int, Decimal]
"""Number of the concept, number of the unit, value."""


class _Meta(msgspec.Struct, rename="camel", gc=False):
    last_updated: str | None = None
    version_id: str | None = None


class _Quantity(msgspec.Struct, gc=False):
    value: Decimal
    unit: str | None = None
    system: str | None = None
    code: str | None = None
    comparator: str | None = None


class _Subject(msgspec.Struct, gc=False):
    reference: str


class _Component(msgspec.Struct, rename="camel", gc=False):
    """A field whose type is None makes a resource that has it another than plain."""

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


class PlainObservation(msgspec.Struct, tag="Observation", tag_field="resourceType", rename="camel", gc=False):
    """The decoder's view of one."""

    id: str
    status: Literal["final", "amended", "corrected"]
    code: msgspec.Raw
    subject: _Subject
    effective_date_time: str
    issued: str | None = None
    meta: _Meta | None = None
    value_quantity: _Quantity | None = None
    component: list[_Component] | None = None
    effective_period: None = None
    effective_instant: None = None
    effective_timing: None = None
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


Single = tuple[int, str, str, str, int, str, str | None, str | None, str | None, int, str]
"""Line, patient, id, status, concept, date, issued, last updated, version, unit, value as text."""

Panel = tuple[int, str, str, str, int, str, str | None, str | None, str | None, list[tuple[int, int, str]]]
"""The same with concept, unit and value of each component."""


class Tables:
    """Concepts and units by number; a number below 0 is one that is not plain."""

    def __init__(self) -> None:
        self.concepts: list[fhir.Concept] = []
        self.units: list[fhir.Amount] = []
        self._concepts: dict[bytes, int] = {}
        self._units: dict[tuple[str | None, ...], int] = {}
        self._dates: set[str] = set()
        self._whose: dict[str, str] = {}

    def row(self, line: int, one: PlainObservation) -> tuple[str, tuple[Any, ...], bool] | None:
        """The patient, the row, and whether it is a panel; None for an observation that is not plain."""
        reference, identity, date = one.subject.reference, one.id, one.effective_date_time
        concept = self._concepts.get(bytes(one.code))
        if concept is None:
            concept = self.concept(one.code)
        if concept < 0 or not 0 < len(identity) <= _LONGEST or not (date in self._dates or self._dated(date)):
            return None
        whose = self._whose.get(reference) or self._named(reference)
        if not whose:
            return None
        quantity, meta = one.value_quantity, one.meta
        updated, version = (None, None) if meta is None else (meta.last_updated, meta.version_id)
        if one.component is not None:
            found = None if quantity is not None else self._components(one.component)
            if not found:
                return None
            row = (line, whose, identity, one.status, concept, date, one.issued, updated, version, found)
            return whose, row, True
        if quantity is None:
            return None
        value = quantity.value
        unit = self._units.get((quantity.unit, quantity.system, quantity.code, quantity.comparator))
        if unit is None:
            unit = self.unit(quantity)
        if unit < 0 or not (-_WIDEST <= value.adjusted() <= _WIDEST or not value):
            return None
        return (
            whose,
            (line, whose, identity, one.status, concept, date, one.issued, updated, version, unit, value),
            False,
        )

    def _components(self, components: list[_Component]) -> list[Value] | None:
        found: list[Value] = []
        for part in components:
            quantity = part.value_quantity
            concept, unit, value = self.concept(part.code), self.unit(quantity), quantity.value
            if concept < 0 or unit < 0 or not (-_WIDEST <= value.adjusted() <= _WIDEST or not value):
                return None
            found.append((concept, unit, value))
        return found

    def _dated(self, date: str) -> bool:
        """Whether the text is a date as it stands."""
        try:
            if parse_when(date).text != date:
                return False
        except DateError:
            return False
        if len(self._dates) >= _DATES:
            self._dates.clear()
        self._dates.add(date)
        return True

    def _named(self, reference: str) -> str | None:
        """The patient of a relative reference."""
        whose = reference[8:]
        if reference[:8] != _PATIENT or "/" in whose or "?" in whose or whose != whose.strip():
            return None
        if len(self._whose) >= _DATES:
            self._whose.clear()
        self._whose[reference] = whose
        return whose

    def concept(self, raw: msgspec.Raw) -> int:
        """The number of a concept that names something, states no circumstance and needs no note."""
        key = bytes(raw)
        found = self._concepts.get(key)
        if found is not None:
            return found
        if len(self._concepts) >= _MOST:
            return -1
        number = -1
        try:
            concept = msgspec.json.decode(key, type=fhir.Concept)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass
        else:
            log = Ledger()
            named = values.codes(concept, log, "") or values.text(concept, log, "")
            values.text(concept, log, "")
            if named and topic_of(concept) is None and not log.notes and not log.problems:
                number = len(self.concepts)
                self.concepts.append(concept)
        self._concepts[key] = number
        return number

    def unit(self, one: _Quantity) -> int:
        """The number of a unit that is stated and does not contradict itself, with its comparator."""
        key = (one.unit, one.system, one.code, one.comparator)
        found = self._units.get(key)
        if found is not None:
            return found
        if len(self._units) >= _MOST:
            return -1
        number = -1
        unit, other = values.unit_of(one.unit, one.system, one.code)
        if unit and other is None and (one.comparator is None or one.comparator in COMPARATORS):
            number = len(self.units)
            self.units.append(fhir.Amount(None, one.comparator, one.unit, one.system, one.code))
        self._units[key] = number
        return number


def whole(row: Any, concepts: list[fhir.Concept], units: list[fhir.Amount], label: str) -> Item:
    """The item that a Single or a Panel was made from."""
    line, whose, identity, status, concept, date, issued, updated, version = row[:9]
    resource = fhir.Observation(
        identity,
        fhir.Meta(updated, version) if updated is not None or version is not None else None,
        status,
        concepts[concept],
        fhir.Reference(_PATIENT + whose),
        effective_date_time=date,
        issued=issued,
    )
    if len(row) == 11:
        resource.value_quantity = _amount(units[row[9]], row[10])
    else:
        resource.component = [
            fhir.Component(concepts[inner], _amount(units[unit], value)) for inner, unit, value in row[9]
        ]
    return Item(resource, "Observation", "", "", line, label)


def _amount(unit: fhir.Amount, value: str) -> fhir.Amount:
    return fhir.Amount(Decimal(value), unit.comparator, unit.unit, unit.system, unit.code)
