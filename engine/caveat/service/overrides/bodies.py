"""What the routes of overrides take and give, as models that the OpenAPI document is made from."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from caveat.findings.reasons import REASONS, SYSTEM, Reason
from caveat.rules.expression import Strict
from caveat.rules.model import Kind
from caveat.service.overrides.follow_ups import Notice
from caveat.service.overrides.matching import binding
from caveat.service.overrides.recording import LONGEST_COMMENT
from caveat.service.question import Override
from caveat.service.rest.records_schema import SHARED

FINDING: Final = "^[0-9a-f]{20}$"
DAY: Final = SHARED["Day"]["pattern"]
INSTANT: Final = DAY.removesuffix("$") + (
    r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))?$"
)
"""A day, or an instant with its zone."""
CODES: Final[list[Any]] = list(
    dict.fromkeys(r.code for found in REASONS.values() for r in found if r.category == "override")
)
Text = Annotated[str, Field(min_length=1, max_length=200)]
PatientId = Annotated[
    str, Field(min_length=1, max_length=1_000, description="Id of the patient; kept as a keyed hash only")
]


class FollowUpIn(Strict):
    """What will be looked at, and the last day to have done so."""

    fact: Text = Field(
        examples=["potassium"], description="A measured fact; /v1/rules lists what the rules use"
    )
    by: Annotated[str, Field(max_length=40)] = Field(json_schema_extra={"pattern": DAY})
    note: Annotated[str, Field(max_length=1_000)] = ""


class OverrideIn(Strict):
    """An override to be recorded."""

    patient: PatientId = Field(examples=["p-17"])
    finding: Annotated[str, Field(pattern=FINDING)] = Field(
        examples=["4f0c1f6a0b1d2e3f4a5b"], description="Id of an alert that was shown for this patient"
    )
    reason: Text = Field(
        examples=["benefit-outweighs-risk"],
        description="A code of /v1/override-reasons, of the kind of the finding's rule",
        json_schema_extra={"enum": CODES},
    )
    by: Text = Field(examples=["Practitioner/17"], description="Who overrides")
    comment: Annotated[str, Field(max_length=LONGEST_COMMENT)] = ""
    expires: Annotated[str, Field(max_length=40)] | None = Field(
        default=None,
        description="A day, or an instant with its zone; at most a year ahead",
        json_schema_extra={"pattern": INSTANT},
    )
    follow_up: FollowUpIn | None = None


class PatientIn(Strict):
    """Whose. In the body, so that no address that is logged holds it."""

    patient: PatientId = Field(examples=["p-17"])


class ReasonOut(Strict):
    """A coded reason and what must be given along with it."""

    code: str
    system: str
    display: str
    category: Literal["override", "correction"]
    asks: list[str]


class FollowUpOut(Strict):
    """What was promised."""

    fact: str
    by: str
    note: str = ""


class OverrideOut(Strict):
    """A recorded override. `suppresses` is false for a contraindication: its alert is always shown, as is a
    hard stop of the site's policy."""

    id: str
    finding: str
    rule: str
    kind: str
    severity: str
    drugs: list[str]
    reason: ReasonOut
    comment: str
    by: str
    created: str
    expires: str
    suppresses: bool
    follow_up: FollowUpOut | None = None


class OverridesOut(Strict):
    """Overrides in force now, oldest first."""

    overrides: list[OverrideOut]


class NoticeOut(Strict):
    """One promise; `value` and `at` are the result that kept it."""

    override: str
    rule: str
    drugs: list[str]
    fact: str
    by: str
    state: Literal["done", "open", "overdue"]
    text: str
    value: str = ""
    at: str = ""
    note: str = ""


class FollowUpsOut(Strict):
    """Promises, the overdue first. `checked` says that a record was there to look at."""

    as_of: str
    checked: bool
    follow_ups: list[NoticeOut]


class KindOut(Strict):
    """The reasons of one kind of rule."""

    kind: Kind
    overrides: list[ReasonOut]
    corrections: list[ReasonOut]


class ReasonsOut(Strict):
    """Reasons by kind."""

    system: str
    kinds: list[KindOut]


def reason_out(reason: Reason) -> dict[str, Any]:
    """A reason as plain data."""
    return {
        "code": reason.code,
        "system": SYSTEM,
        "display": reason.display,
        "category": reason.category,
        "asks": list(reason.asks),
    }


def reasons_out(kinds: tuple[str, ...]) -> dict[str, Any]:
    """The reasons of these kinds."""
    found = []
    for kind in kinds:
        overrides = [reason_out(r) for r in REASONS[kind] if r.category == "override"]
        corrections = [reason_out(r) for r in REASONS[kind] if r.category == "correction"]
        found.append({"kind": kind, "overrides": overrides, "corrections": corrections})
    return {"system": SYSTEM, "kinds": found}


def override_out(override: Override) -> dict[str, Any]:
    """An override as plain data, without the patient and without the deciding facts."""
    reason = next((r for r in REASONS.get(override.kind, ()) if r.code == override.reason), None)
    found: dict[str, Any] = {
        "id": override.id,
        "finding": override.finding,
        "rule": override.rule,
        "kind": override.kind,
        "severity": override.severity,
        "drugs": list(override.drugs),
        "reason": reason_out(reason or Reason(override.reason, override.reason)),
        "comment": override.comment,
        "by": override.by,
        "created": override.created,
        "expires": override.expires or "",
        "suppresses": not binding(override.kind, override.severity),
    }
    if override.follow_up is not None:
        follow = override.follow_up
        found["follow_up"] = {"fact": follow.fact, "by": follow.by, "note": follow.note}
    return found


def notice_out(notice: Notice) -> dict[str, Any]:
    """A promise as plain data, without what is empty."""
    names = ("override", "rule", "fact", "by", "state", "text", "value", "at", "note")
    found: dict[str, Any] = {name: value for name in names if (value := getattr(notice, name))}
    return {**found, "drugs": list(notice.drugs)}
