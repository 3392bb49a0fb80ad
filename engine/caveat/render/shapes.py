"""The report as JSON: one shape, from which both the types and the published schema come.

Fields are only ever added. A reader must accept keys that it does not know.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypedDict

Severity = Literal["contraindicated", "major", "moderate", "minor", "info"]
Tier = Literal["hard-stop", "interruptive", "passive", "silent-log"]
RuleStatus = Literal["draft", "reviewed", "active", "retired"]
Kind = Literal[
    "contraindication",
    "precaution",
    "interaction",
    "dosing",
    "duplicate",
    "allergy",
    "monitoring",
    "adverse-reaction",
    "discontinuation",
    "indication",
]


class RulesetJSON(TypedDict):
    """Which rules were applied; `digest` covers rules, vocabulary and policy."""

    version: str
    digest: str


class SubjectJSON(TypedDict):
    """What the rule was judged for: ids of orders, the judged first, and of an allergy; else the patient."""

    orders: list[str]
    allergies: list[str]


class ProductJSON(TypedDict):
    """An order of the finding: the product as written, and the ingredients found in it."""

    order: str
    name: str
    ingredients: list[str]


class FactJSON(TypedDict):
    """A fact as the record states it, with unit, date and source; null where the record gives none.

    `orders` are the orders that it was counted or summed for, where it was for any.
    """

    fact: str
    value: str
    at: str | None
    source: str | None
    orders: NotRequired[list[str]]


class MissingJSON(TypedDict):
    """A fact that could not be had, why, and the inputs that would give it (empty: the fact itself).

    `orders` are the orders whose count or sum asked for it, where it is one of orders.
    """

    fact: str
    reason: str
    inputs: list[str]
    orders: NotRequired[list[str]]


class UncheckedJSON(TypedDict):
    """An exception of the rule that could not be judged."""

    id: str
    because: str
    missing: list[MissingJSON]


class ExceptionJSON(TypedDict):
    """An exception of the rule that holds."""

    id: str
    because: str


class EvidenceJSON(TypedDict):
    """Where the rule comes from; `reference` is the full citation where the bibliography is at hand."""

    source: str
    section: str
    says: str
    checked: str
    level: str | None
    reference: str | None


class FindingJSON(TypedDict):
    """What all findings state. `status` is the review status of the rule, `tier` the site's policy."""

    id: str
    rule: str
    covers: list[str]
    kind: Kind
    severity: Severity
    tier: Tier
    status: RuleStatus
    title: str
    subject: SubjectJSON
    drugs: list[str]
    products: list[ProductJSON]
    summary: str
    consequence: str | None
    action: str | None
    monitoring: str | None
    advice: str | None
    because: list[FactJSON]
    evidence: list[EvidenceJSON]


class AlertJSON(FindingJSON):
    """A rule that fires. `interaction` holds mechanism, seriousness and frequencies, or is null."""

    onset: str | None
    confidence: str
    interaction: dict[str, str] | None
    unchecked: list[UncheckedJSON]


class CannotAssessJSON(FindingJSON):
    """A rule left open. `missing` names the facts, `needs` what would decide it."""

    missing: list[str]
    needs: list[str]
    missing_detail: list[MissingJSON]
    unchecked: list[UncheckedJSON]


class ExceptedJSON(FindingJSON):
    """A rule whose exception holds."""

    exceptions: list[ExceptionJSON]


class SuppressedJSON(AlertJSON):
    """A rule that fires and that the rule `by` supersedes."""

    by: str


class UnrecognisedJSON(TypedDict):
    """A name or code that no table knows; `candidates` are close names, none of them was taken.

    `partly` holds the ingredients of a product that was understood in part.
    """

    text: str
    candidates: list[str]
    kind: Literal["medication", "allergy", "condition"]
    id: str
    partly: list[str]


class ErrorJSON(TypedDict):
    """A value that was not used, or a rule that failed; such a report is never clear."""

    code: str
    message: str
    path: str
    value: str
    rule: str


class NoteJSON(TypedDict):
    """An oddity of the data, with how often it was met."""

    code: str
    message: str
    path: str
    count: int


class NotCoveredJSON(TypedDict):
    """A current order that was recognised, but that no rule of the ruleset is about."""

    order: str
    name: str
    ingredients: list[str]


class OverrideStateJSON(TypedDict):
    """An override that applies to an alert of the report: who went on, why, when, until when."""

    finding: str
    override: str
    reason: str
    by: str
    created: str
    expires: str | None
    suppresses: bool


class LapsedJSON(TypedDict):
    """An override that no longer holds for a finding, and what changed since."""

    finding: str
    override: str
    changed: str


class OverridesJSON(TypedDict):
    """Overrides of this patient; `considered` is false where they could not be looked up.

    The alerts they are about are in `alerts` all the same; `suppresses` says that one need not be
    shown in full again. `overdue` are promises to monitor that this record does not show kept.
    """

    considered: bool
    active: list[OverrideStateJSON]
    lapsed: list[LapsedJSON]
    overdue: list[str]


class ReportJSON(TypedDict):
    """Everything concluded on one patient on the day `as_of`.

    `is_clear` holds only with no alert, nothing unassessed, nothing unrecognised and no error; it
    speaks of what the rules are about: `not_covered` lists the current orders that none of them
    names (null: not worked out). `overrides` is there where the service has something to say of
    them. Alerts and what cannot be assessed come gravest first.
    """

    patient: str
    as_of: str
    ruleset: RulesetJSON
    evaluator: str
    rules_checked: int
    is_clear: bool
    alerts: list[AlertJSON]
    cannot_assess: list[CannotAssessJSON]
    suppressed: list[SuppressedJSON]
    excepted: list[ExceptedJSON]
    unrecognised: list[UnrecognisedJSON]
    not_covered: list[NotCoveredJSON] | None
    errors: list[ErrorJSON]
    notes: list[NoteJSON]
    overrides: NotRequired[OverridesJSON]


TITLE: Final = "caveat report"


def report_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one line of `caveat screen --format json`."""
    import msgspec

    (reference,), parts = msgspec.json.schema_components([ReportJSON], ref_template="#/$defs/{name}")
    del reference
    defs = {name.removesuffix("JSON"): part for name, part in parts.items()}
    body = _renamed(defs.pop("Report"))
    body = {key: value for key, value in body.items() if key != "title"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        **body,
        "$defs": {name: _renamed(defs[name]) for name in sorted(defs)},
    }


def _renamed(part: Any) -> Any:
    """The same with the suffix taken from names, and descriptions on one line a paragraph."""
    if isinstance(part, list):
        return [_renamed(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {}
    for key, value in part.items():
        if key == "$ref" or (key == "title" and isinstance(value, str)):
            value = value.removesuffix("JSON")
        elif key == "description" and isinstance(value, str):
            value = "\n\n".join(" ".join(text.split()) for text in value.split("\n\n"))
        found[key] = _renamed(value)
    return found
