"""The decoder's first look at a resource: what differs from one to the next as values, what repeats as bytes.

A repeating part is kept as it stands in the file, so that equal bytes are understood once. A field
whose type is None makes a resource that has it one to be read by the common code.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from caveat.adapters.fhir import shapes

ABSENT: Final = Raw(b"")


class _Thin(msgspec.Struct, rename="camel", gc=False):
    id: str = ""
    subject: Raw = ABSENT
    meta: Raw = ABSENT


class ThinObservation(_Thin, tag="Observation", tag_field="resourceType", rename="camel", gc=False):
    """An Observation; a quantity goes before any other value, which is then no part of the fact."""

    status: str = ""
    code: Raw = ABSENT
    effective_date_time: str | None = None
    issued: str | None = None
    value_quantity: Raw = ABSENT
    component: Raw = ABSENT
    specimen: Raw = ABSENT  # asked for only where a result is read by its name, which is never plain
    value_codeable_concept: Raw = ABSENT
    value_string: Raw = ABSENT
    data_absent_reason: Raw = ABSENT
    effective_period: None = None
    effective_instant: None = None
    effective_timing: None = None
    value_boolean: None = None
    value_integer: None = None
    value_range: None = None
    value_ratio: None = None
    value_sampled_data: None = None
    value_time: None = None
    value_date_time: None = None
    value_period: None = None


class ThinOrder(_Thin, tag="MedicationRequest", tag_field="resourceType", rename="camel", gc=False):
    """A MedicationRequest; everything but id, patient, day, version and reasons by reference repeats."""

    authored_on: str | None = None
    reason_reference: Raw = ABSENT
    medication_codeable_concept: Raw = ABSENT
    status: Raw = ABSENT
    intent: Raw = ABSENT
    dosage_instruction: Raw = ABSENT
    do_not_perform: Raw = ABSENT
    reason_code: Raw = ABSENT
    category: Raw = ABSENT
    note: Raw = ABSENT
    status_reason: Raw = ABSENT
    dispense_request: Raw = ABSENT
    medication_reference: Raw = ABSENT
    medication: Raw = ABSENT
    contained: Raw = ABSENT


class ThinCondition(_Thin, tag="Condition", tag_field="resourceType", rename="camel", gc=False):
    """A Condition; everything but id, patient, days and version repeats."""

    onset_date_time: str | None = None
    abatement_date_time: str | None = None
    recorded_date: str | None = None
    clinical_status: Raw = ABSENT
    verification_status: Raw = ABSENT
    code: Raw = ABSENT
    onset_period: Raw = ABSENT
    abatement_period: Raw = ABSENT
    onset_age: Raw = ABSENT
    onset_range: Raw = ABSENT
    onset_string: Raw = ABSENT
    abatement_age: Raw = ABSENT
    abatement_range: Raw = ABSENT
    abatement_string: Raw = ABSENT
    abatement_boolean: Raw = ABSENT


def _careful(thin: Any, whole: Any) -> Any:
    """The thin shape, by which a resource with a field that only the whole shape knows is not plain."""
    named = set(thin.__struct_encode_fields__)
    pairs = zip(whole.__struct_fields__, whole.__struct_encode_fields__, strict=True)
    config = thin.__struct_config__
    return msgspec.defstruct(
        thin.__name__,
        [(name, None, None) for name, encoded in pairs if encoded not in named],
        bases=(thin,),
        tag=config.tag,
        tag_field=config.tag_field,
        rename="camel",
        gc=False,
    )


THIN: Final[dict[str, Any]] = {
    "Observation": _careful(ThinObservation, shapes.Observation),
    "MedicationRequest": _careful(ThinOrder, shapes.MedicationRequest),
    "Condition": _careful(ThinCondition, shapes.Condition),
}
"""The thin shape of each type that has one."""


class Meta(msgspec.Struct, rename="camel", gc=False):
    """What orders versions of a resource."""

    last_updated: str | None = None
    version_id: str | None = None


class Subject(msgspec.Struct, gc=False):
    """A reference by name."""

    reference: str
