"""The published Arrow schema: one row a patient, lists of structs for orders, conditions and the rest.

The columns are the fields of the native record (docs/input.md) under the same names. Null is
unknown, an empty list is "known to have none". A quantity is a struct with its unit, never a bare
number; a date is text as recorded, so that `2024-03` stays a month. docs/columns.md describes it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1"
"""Version of the schema; written into the metadata of every file."""


@cache
def quantity() -> pa.DataType:
    """A number with its unit; `upper` ends a range, `comparator` is `<`, `<=`, `>=` or `>`."""
    import pyarrow as pa

    return pa.struct(
        [("value", pa.float64()), ("unit", pa.string()), ("comparator", pa.string()), ("upper", pa.float64())]
    )


@cache
def code() -> pa.DataType:
    """A code; `system` as `caveat.terminology.codes.normalise_system` reads it."""
    import pyarrow as pa

    return pa.struct([("system", pa.string()), ("code", pa.string()), ("display", pa.string())])


@cache
def coded() -> pa.DataType:
    """Codes, text, or both."""
    import pyarrow as pa

    return pa.struct([("codes", pa.list_(code())), ("text", pa.string())])


@cache
def measurement() -> pa.DataType:
    """A value stated for the patient; `at` null is stated as current."""
    import pyarrow as pa

    return pa.struct([("value", quantity()), ("at", pa.string()), ("source", pa.string())])


@cache
def order() -> pa.DataType:
    """One medicine; see `caveat.facts.clinical.Order`."""
    import pyarrow as pa

    return pa.struct(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("codes", pa.list_(code())),
            ("ingredients", pa.list_(pa.string())),
            ("route", pa.string()),
            ("form", pa.string()),
            ("strength", quantity()),
            ("dose", quantity()),
            ("frequency", quantity()),
            ("as_needed", pa.bool_()),
            ("max_per_day", quantity()),
            ("rate", quantity()),
            ("daily_dose", quantity()),
            ("purpose", pa.string()),
            ("origin", pa.string()),
            ("start", pa.string()),
            ("stop", pa.string()),
            ("status", pa.string()),
            ("tapered", pa.bool_()),
            ("indication", pa.list_(coded())),
            ("source", pa.string()),
        ]
    )


@cache
def condition() -> pa.DataType:
    """One diagnosis; see `caveat.facts.clinical.Condition`."""
    import pyarrow as pa

    names = ("clinical_status", "verification", "onset", "abatement", "recorded", "source")
    return pa.struct(
        [
            ("id", pa.string()),
            ("codes", pa.list_(code())),
            ("text", pa.string()),
            *((name, pa.string()) for name in names),
        ]
    )


@cache
def allergy() -> pa.DataType:
    """One allergy or intolerance; see `caveat.facts.clinical.Allergy`."""
    import pyarrow as pa

    names = ("severity", "criticality", "clinical_status", "verification", "recorded", "source")
    return pa.struct(
        [
            ("id", pa.string()),
            ("codes", pa.list_(code())),
            ("text", pa.string()),
            ("type", pa.string()),
            ("reactions", pa.list_(coded())),
            *((name, pa.string()) for name in names),
        ]
    )


@cache
def observation() -> pa.DataType:
    """One measured or stated value; see `caveat.facts.clinical.Observation`."""
    import pyarrow as pa

    return pa.struct(
        [
            ("id", pa.string()),
            ("concept", pa.string()),
            ("codes", pa.list_(code())),
            ("text", pa.string()),
            ("value", quantity()),
            ("answer", coded()),
            ("at", pa.string()),
            ("preliminary", pa.bool_()),
            ("source", pa.string()),
        ]
    )


@cache
def patients() -> pa.Schema:
    """The schema of a batch of patients."""
    import pyarrow as pa

    context = pa.struct(
        [
            ("specialist_oversight", pa.bool_()),
            ("care_setting", pa.string()),
            ("hazardous_work", pa.bool_()),
            ("fall_risk", pa.bool_()),
            ("alcohol_use", pa.bool_()),
            ("pump_refilled", pa.string()),
        ]
    )
    lists = ("orders", "conditions", "allergies", "observations")
    note = [("code", pa.string()), ("message", pa.string()), ("path", pa.string())]
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            ("birth_date", pa.string()),
            ("age", quantity()),
            ("sex", pa.string()),
            ("pregnant", pa.bool_()),
            ("lactating", pa.bool_()),
            ("gestation", quantity()),
            ("deceased", pa.bool_()),
            ("weight", measurement()),
            ("height", measurement()),
            ("serum_creatinine", measurement()),
            ("creatinine_clearance", measurement()),
            ("egfr", measurement()),
            ("child_pugh", pa.string()),
            ("orders", pa.list_(order())),
            ("conditions", pa.list_(condition())),
            ("allergies", pa.list_(allergy())),
            ("observations", pa.list_(observation())),
            ("context", context),
            ("complete", pa.struct([(name, pa.string()) for name in lists])),
            ("notes", pa.list_(pa.struct([*note, ("count", pa.int64())]))),
            ("problems", pa.list_(pa.struct([*note, ("value", pa.string())]))),
            ("source", pa.string()),
        ],
        metadata={"caveat.patients": VERSION},
    )
