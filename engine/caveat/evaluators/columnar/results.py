"""The Arrow schemas of what a screening gives: findings, and one row a patient."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "1"
"""Version of both schemas; written into the metadata of every file."""

STATUSES = ("fires", "cannot-assess", "excepted", "error")
"""What a finding can be; "not met" and "out of scope" give no row. As `caveat.findings.severity.Status`."""


@cache
def findings() -> pa.Schema:
    """One row a rule and subject that was not cleared.

    `patient` is the id, `row` the place of the patient in the batch. `orders` and `allergies` are
    the ids the rule was judged for. `missing` names the facts that left it open, `unchecked` the
    exceptions that could not be judged, `suppressed_by` the rule that supersedes it. `because`
    holds the deciding facts where they were asked for, else null.
    """
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    texts = ("fact", "value", "at", "source")
    return pa.schema(
        [
            pa.field("patient", pa.string(), nullable=False),
            pa.field("row", pa.int32(), nullable=False),
            pa.field("rule", word, nullable=False),
            ("orders", pa.list_(pa.string())),
            ("allergies", pa.list_(pa.string())),
            pa.field("status", word, nullable=False),
            pa.field("severity", word, nullable=False),
            ("kind", word),
            ("tier", word),
            ("drugs", pa.list_(word)),
            ("missing", pa.list_(word)),
            ("unchecked", pa.list_(word)),
            ("suppressed_by", word),
            ("because", pa.list_(pa.struct([(name, pa.string()) for name in texts]))),
            ("error", pa.string()),
        ],
        metadata={"caveat.findings": VERSION},
    )


@cache
def patients() -> pa.Schema:
    """One row a patient that was screened, cleared or not, in the order of the batch.

    Alerts (not suppressed) in all and by severity; rules and subjects that cannot be assessed,
    are excepted or suppressed; drugs, allergens and conditions not recognised; `uncovered`, the
    current orders with an ingredient that no rule is about; errors and notes of the record.
    `clear` is `Report.is_clear`.
    """
    import pyarrow as pa

    counts = (
        "alerts",
        "contraindicated",
        "major",
        "moderate",
        "minor",
        "info",
        "cannot_assess",
        "excepted",
        "suppressed",
        "failed_rules",
        "notes",
        "uncovered",
    )
    texts = [(name, pa.string()) for name in ("code", "message", "path", "value")]
    unrecognised = pa.struct([("text", pa.string()), ("kind", pa.string()), ("id", pa.string())])
    return pa.schema(
        [
            pa.field("patient", pa.string(), nullable=False),
            pa.field("clear", pa.bool_(), nullable=False),
            *(pa.field(name, pa.int32(), nullable=False) for name in counts),
            ("unrecognised", pa.list_(unrecognised)),
            ("errors", pa.list_(pa.struct(texts))),
            ("source", pa.string()),
        ],
        metadata={"caveat.screened": VERSION},
    )
