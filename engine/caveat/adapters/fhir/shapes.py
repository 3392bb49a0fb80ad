"""The fields of FHIR R4 that facts are made of; everything else is skipped while decoding.

A shape is a partial view: each field is optional, and a field of another type than FHIR gives it
fails the decode of its resource, which is then mended field by field in `decode`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct as _Struct
from msgspec import field


class Struct(_Struct, omit_defaults=True, gc=False):
    """A part of a resource: written without what is absent, and never part of a cycle of references."""


class Coding(Struct):
    system: str | None = None
    code: str | None = None
    display: str | None = None
    extension: Any = None


class Concept(Struct):
    coding: list[Coding] | None = None
    text: str | None = None


class Identifier(Struct):
    system: str | None = None
    value: str | None = None


class Reference(Struct):
    reference: str | None = None
    display: str | None = None
    identifier: Identifier | None = None


class Amount(Struct):
    """A Quantity, SimpleQuantity, Age or Duration."""

    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Range(Struct):
    low: Amount | None = None
    high: Amount | None = None


class Ratio(Struct):
    numerator: Amount | None = None
    denominator: Amount | None = None


class Period(Struct):
    start: str | None = None
    end: str | None = None


class Meta(Struct, rename="camel"):
    last_updated: str | None = None
    version_id: str | None = None


class Repeat(Struct, rename="camel"):
    bounds_duration: Amount | None = None
    bounds_range: Range | None = None
    bounds_period: Period | None = None
    count: Decimal | None = None
    frequency: Decimal | None = None
    frequency_max: Decimal | None = None
    period: Decimal | None = None
    period_max: Decimal | None = None
    period_unit: str | None = None
    day_of_week: list[str] | None = None
    time_of_day: list[str] | None = None
    when: list[str] | None = None


class Timing(Struct):
    event: list[str] | None = None
    repeat: Repeat | None = None
    code: Concept | None = None


class DoseAndRate(Struct, rename="camel"):
    type: Concept | None = None
    dose_quantity: Amount | None = None
    dose_range: Range | None = None
    rate_quantity: Amount | None = None
    rate_range: Range | None = None
    rate_ratio: Ratio | None = None


class Dosage(Struct, rename="camel"):
    sequence: int | None = None
    text: str | None = None
    patient_instruction: str | None = None
    timing: Timing | None = None
    as_needed_boolean: bool | None = None
    as_needed_codeable_concept: Concept | None = None
    route: Concept | None = None
    dose_and_rate: list[DoseAndRate] | None = None
    max_dose_per_period: Ratio | None = None
    # As in STU3, still sent by some systems.
    dose_quantity: Amount | None = None
    dose_range: Range | None = None
    rate_quantity: Amount | None = None
    rate_ratio: Ratio | None = None
    # MedicationAdministration.dosage, which is a shape of its own.
    dose: Amount | None = None


class Ingredient(Struct, rename="camel"):
    item_codeable_concept: Concept | None = None
    item_reference: Reference | None = None
    is_active: bool | None = None
    strength: Ratio | None = None


class Supply(Struct, rename="camel"):
    validity_period: Period | None = None
    number_of_repeats_allowed: int | None = None
    expected_supply_duration: Amount | None = None


class Resource(Struct, rename="camel"):
    id: str | None = None
    meta: Meta | None = None
    modifier_extension: Any = None


class Contained(Struct, rename="camel"):
    """A Medication, Substance, Condition or Observation inside another resource."""

    resource_type: str | None = None
    id: str | None = None
    code: Concept | None = None
    form: Concept | None = None
    ingredient: list[Ingredient] | None = None


class Patient(Resource, tag="Patient", tag_field="resourceType", rename="camel"):
    identifier: list[Identifier] | None = None
    gender: str | None = None
    birth_date: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    link: Any = None


class Medication(Resource, tag="Medication", tag_field="resourceType", rename="camel"):
    code: Concept | None = None
    form: Concept | None = None
    ingredient: list[Ingredient] | None = None
    contained: list[Contained] | None = None


class Substance(Resource, tag="Substance", tag_field="resourceType", rename="camel"):
    code: Concept | None = None


class Annotation(Struct):
    text: str | None = None


class _Ordered(Resource, rename="camel"):
    status: str | None = None
    subject: Reference | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: Any = None  # R5 puts the medicine here
    patient: Reference | None = None  # DSTU2 has the subject here
    contained: list[Contained] | None = None
    reason_code: list[Concept] | None = None
    reason_reference: list[Reference] | None = None
    category: Concept | list[Concept] | None = None
    note: list[Annotation] | None = None


class MedicationRequest(_Ordered, tag="MedicationRequest", tag_field="resourceType", rename="camel"):
    intent: str | None = None
    do_not_perform: bool | None = None
    status_reason: Concept | list[Concept] | None = None
    authored_on: str | None = None
    dosage_instruction: list[Dosage] | None = None
    dispense_request: Supply | None = None


class MedicationStatement(_Ordered, tag="MedicationStatement", tag_field="resourceType", rename="camel"):
    based_on: list[Reference] | None = None
    derived_from: list[Reference] | None = None
    taken: Any = None  # STU3
    was_not_taken: Any = None  # DSTU2
    status_reason: Concept | list[Concept] | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    dosage: list[Dosage] | None = None


class MedicationAdministration(
    _Ordered, tag="MedicationAdministration", tag_field="resourceType", rename="camel"
):
    not_given: Any = None  # STU3
    was_not_given: Any = None  # DSTU2
    prescription: Any = None  # both
    effective_date_time: str | None = None
    effective_period: Period | None = None
    request: Reference | None = None
    dosage: Dosage | None = None


class MedicationDispense(_Ordered, tag="MedicationDispense", tag_field="resourceType", rename="camel"):
    not_done: Any = None  # STU3
    authorizing_prescription: list[Reference] | None = None
    days_supply: Amount | None = None
    when_prepared: str | None = None
    when_handed_over: str | None = None
    dosage_instruction: list[Dosage] | None = None


class Condition(Resource, tag="Condition", tag_field="resourceType", rename="camel"):
    patient: Reference | None = None  # DSTU2
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    code: Concept | None = None
    subject: Reference | None = None
    onset_date_time: str | None = None
    onset_age: Any = None
    onset_period: Period | None = None
    onset_range: Any = None
    onset_string: str | None = None
    abatement_date_time: str | None = None
    abatement_age: Any = None
    abatement_period: Period | None = None
    abatement_range: Any = None
    abatement_string: str | None = None
    abatement_boolean: bool | None = None
    recorded_date: str | None = None


class Reaction(Struct, rename="camel"):
    substance: Concept | None = None
    manifestation: list[Concept] | None = None
    severity: str | None = None


class AllergyIntolerance(Resource, tag="AllergyIntolerance", tag_field="resourceType", rename="camel"):
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    type: str | None = None
    criticality: str | None = None
    code: Concept | None = None
    substance: Any = None  # DSTU2
    patient: Reference | None = None
    recorded_date: str | None = None
    reaction: list[Reaction] | None = None


class _Valued(Struct, rename="camel"):
    code: Concept | None = None
    value_quantity: Amount | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: Any = None
    value_time: str | None = None
    value_date_time: str | None = None
    value_period: Period | None = None
    data_absent_reason: Concept | None = None


class Component(_Valued, rename="camel"):
    pass


class Observation(Resource, tag="Observation", tag_field="resourceType", rename="camel"):
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    specimen: Reference | None = None
    contained: Any = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    effective_timing: Any = None
    issued: str | None = None
    value_quantity: Amount | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: Any = None
    value_time: str | None = None
    value_date_time: str | None = None
    value_period: Period | None = None
    data_absent_reason: Concept | None = None
    component: list[Component] | None = None


class Issue(Struct):
    severity: str | None = None
    code: str | None = None
    diagnostics: str | None = None
    details: Concept | None = None


class OperationOutcome(Resource, tag="OperationOutcome", tag_field="resourceType", rename="camel"):
    issue: list[Issue] | None = None


class ListEntry(Struct):
    deleted: bool | None = None
    item: Reference | None = None


class List(Resource, tag="List", tag_field="resourceType", rename="camel"):
    """A List, read for what it says of a list of facts as a whole."""

    status: str | None = None
    mode: str | None = None
    subject: Reference | None = None
    code: Concept | None = None
    date: str | None = None
    entry: list[ListEntry] | None = None
    empty_reason: Concept | None = None
    contained: Any = None


class Encounter(Resource, tag="Encounter", tag_field="resourceType", rename="camel"):
    status: str | None = None
    setting: Coding | list[Any] | None = field(default=None, name="class")
    subject: Reference | None = None
    period: Period | None = None


class Procedure(Resource, tag="Procedure", tag_field="resourceType", rename="camel"):
    status: str | None = None
    code: Concept | None = None
    subject: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None


# Fields that only other versions of FHIR have, by type.
_ORDERED_SIGNS = (("medication", "R5"), ("patient", "DSTU2"))
OTHER_SIGNS: dict[type[_Struct], tuple[tuple[str, str], ...]] = {
    MedicationRequest: _ORDERED_SIGNS,
    MedicationStatement: (*_ORDERED_SIGNS, ("taken", "STU3"), ("was_not_taken", "DSTU2")),
    MedicationAdministration: (
        *_ORDERED_SIGNS,
        ("not_given", "STU3"),
        ("was_not_given", "DSTU2"),
        ("prescription", "STU3 or older"),
    ),
    MedicationDispense: (*_ORDERED_SIGNS, ("not_done", "STU3")),
    Condition: (("patient", "DSTU2"),),
    AllergyIntolerance: (("substance", "DSTU2"),),
}


def other_version(resource: _Struct) -> str:
    """The other version of FHIR that a resource is evidently of, or an empty text."""
    for name, version in OTHER_SIGNS.get(type(resource), ()):
        if getattr(resource, name) is not None:
            return version
    return ""


Ordered = MedicationRequest | MedicationStatement | MedicationAdministration | MedicationDispense
