"""What the REST service answers, as types: the published schemas and the OpenAPI document come from these.

Fields are only ever added. A reader must accept keys that it does not know.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from caveat.render.shapes import EvidenceJSON, ReportJSON

Truth = Literal["false", "unknown", "true"]


class FaultJSON(TypedDict):
    """One thing that is wrong: a stable code, what, where (`$.orders[0].dose`), the value, how to mend it."""

    code: str
    message: str
    path: NotRequired[str]
    value: NotRequired[str]
    hint: NotRequired[str]


class ProblemJSON(TypedDict):
    """Why a call was refused (RFC 9457); `errors` lists every fault."""

    type: str
    title: str
    status: int
    detail: NotRequired[str]
    errors: NotRequired[list[FaultJSON]]


class ReportsJSON(TypedDict):
    """The answer to a Bundle: a report a patient, and what of the Bundle was judged for nobody."""

    reports: list[ReportJSON]
    rejects: list[FaultJSON]


class LineErrorJSON(TypedDict):
    """Why one line of a stream was not judged; line 0 says that the stream ends here."""

    line: int
    type: str
    title: str
    status: int
    detail: NotRequired[str]
    errors: NotRequired[list[FaultJSON]]


class ErrorLineJSON(TypedDict):
    """A line of a stream's answer for a line that was not judged."""

    error: LineErrorJSON


class TrailerJSON(TypedDict):
    """The last line of a stream's answer: lines answered, reports given, lines that were not judged."""

    lines: int
    reports: int
    rejected: int


class SeenOrderJSON(TypedDict):
    """An order of the record as the explained rule sees it."""

    order: str
    name: str
    ingredients: list[str]
    how: str
    counts: str
    candidates: list[str]
    in_scope: bool


class StatedFactJSON(TypedDict):
    """A fact with value, date and source."""

    fact: str
    value: str
    at: str | None
    source: str | None


class LackingFactJSON(TypedDict):
    """A fact that could not be had, why, and the inputs that would give it."""

    fact: str
    reason: str
    inputs: list[str]


class ClauseJSON(TypedDict):
    """A clause with its truth, what that rests on, what is missing, and its parts."""

    truth: Truth
    clause: str
    facts: list[StatedFactJSON]
    missing: list[LackingFactJSON]
    parts: list[ClauseJSON]


class UnlessClauseJSON(ClauseJSON):
    """An exception of the rule."""

    id: str
    because: str


class ExplainedSubjectJSON(TypedDict):
    """The rule judged for one subject; every clause is there, whatever the outcome."""

    orders: list[str]
    allergies: list[str]
    status: Literal["fires", "cannot-assess", "excepted", "not-met", "out-of-scope", "error"]
    suppressed_by: str | None
    exceptions: list[str]
    unchecked: list[str]
    overlaps: Truth
    when: ClauseJSON | None
    unless: list[UnlessClauseJSON]
    error: str | None


class ExplanationJSON(TypedDict):
    """How one rule was judged on a record; without subjects `out_of_scope` says why."""

    rule: str
    severity: str
    patient: str
    as_of: str
    out_of_scope: str | None
    orders: list[SeenOrderJSON]
    subjects: list[ExplainedSubjectJSON]
    rejects: list[FaultJSON]


class PointJSON(TypedDict):
    """A value at which what is concluded changes, read upwards; `belongs` says to which side it counts."""

    at: float
    value: str
    exact: bool
    belongs: Literal["above", "below"]
    gained: list[str]
    lost: list[str]
    opened: list[str]
    settled: list[str]
    says: str


class SpanJSON(TypedDict):
    """Values between two tipping points, and the rules that hold there; null is without an end."""

    low: float | None
    high: float | None
    low_included: bool
    high_included: bool
    alerts: list[str]
    cannot_assess: list[str]
    excepted: list[str]
    errors: list[str]


class VariedFactJSON(TypedDict):
    """One number: its value now (null: not known), its tipping points, and the spans between them."""

    fact: str
    unit: str
    now: str | None
    points: list[PointJSON]
    spans: list[SpanJSON]
    left_out: list[str]


class WhatIfJSON(TypedDict):
    """Tipping points of a record, with the facts of `set` in place, and its report then."""

    patient: str
    as_of: str
    facts: list[VariedFactJSON]
    not_varied: list[str]
    set: dict[str, str]
    report: ReportJSON
    rejects: list[FaultJSON]


class ServedRulesJSON(TypedDict):
    """Which rules are served."""

    version: str
    digest: str
    policy: str
    rules: int


class RuleHeadingJSON(TypedDict):
    """What a list says of a rule; `digest` changes when anything about the rule does."""

    id: str
    title: str
    kind: str
    severity: str
    tier: str
    status: str
    covers: list[str]
    drugs: list[str]
    digest: str


class DisabledRuleJSON(TypedDict):
    """A rule that the site has switched off, by whom and why; it is not among the rules."""

    rule: str
    title: str
    severity: str
    reason: str
    owner: str
    date: str
    until: str | None


class RulesJSON(TypedDict):
    """One page of rules; `next` is the `after` of the page that follows, or null.

    `disabled` are all rules that the site has switched off, on every page.
    """

    ruleset: ServedRulesJSON
    total: int
    rules: list[RuleHeadingJSON]
    next: str | None
    disabled: list[DisabledRuleJSON]


class RuleTextsJSON(TypedDict):
    """The texts of an alert, with their placeholders."""

    summary: str
    consequence: str
    action: str
    monitoring: str | None
    advice: str | None


class RuleExceptionJSON(TypedDict):
    """An exception of a rule, its condition in words, a clause a line."""

    id: str
    because: str
    when: list[str]


class RuleSuggestionJSON(TypedDict):
    """A change of the judged order that the rule proposes."""

    id: str
    kind: Literal["dose", "alternative", "cancel"]
    label: str
    dose: str | None
    frequency: str | None
    ingredient: str | None


class RuleJSON(RuleHeadingJSON):
    """Everything about one rule; conditions are in words, a clause a line, indented by two blanks."""

    ruleset: ServedRulesJSON
    subject: Literal["order", "pair", "stopped", "allergy", "patient"]
    judged: str
    first: list[str]
    second: list[str]
    when: list[str]
    unless: list[RuleExceptionJSON]
    supersedes: list[str]
    texts: RuleTextsJSON
    onset: str | None
    confidence: str
    interaction: dict[str, str] | None
    suggestions: list[RuleSuggestionJSON]
    needs: list[str]
    evidence: list[EvidenceJSON]


class HealthJSON(TypedDict):
    """The process is up."""

    status: Literal["up"]


class StoreStateJSON(TypedDict):
    """How the store is, and how many audit records wait on disk."""

    database: Literal["ok", "away"]
    spooled: int
    spool_limit: int


class ReadyJSON(TypedDict):
    """Whether calls are answered: `degraded` without the database, `refusing` when nothing can be kept."""

    status: Literal["ready", "degraded", "refusing"]
    ruleset: ServedRulesJSON
    store: StoreStateJSON
    last_reload: NotRequired[dict[str, Any]]
