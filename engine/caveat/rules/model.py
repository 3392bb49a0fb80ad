"""A rule and the files that rules live in, as they are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from caveat.rules.expression import Exception_, Expression, Scope, Strict

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
SeverityName = Literal["contraindicated", "major", "moderate", "minor", "info"]
RuleStatus = Literal["draft", "reviewed", "active", "retired"]


class PairScope(Strict):
    """Two different current orders that overlap in time.

    `share: ingredient` takes two orders of one ingredient of the scope of `order`, without `with`;
    `share: none` two of its sides that have no ingredient of both sides in common.
    """

    order: Scope
    with_: Annotated[Scope | None, Field(alias="with")] = None
    share: Literal["ingredient", "none"] | None = None


class AllergyScope(Strict):
    """An order, and a recorded allergy to its ingredient, or to any of the scope `to`."""

    order: Scope
    to: Literal["ingredient"] | Scope = "ingredient"


class PatientScope(Strict):
    """The patient as a whole, where a current order is in `taking` (every patient without it)."""

    taking: Scope | None = None


class AppliesTo(Strict):
    """What the rule is judged for, once each; exactly one key."""

    order: Scope | None = None
    pair: PairScope | None = None
    stopped: Scope | None = None
    allergy: AllergyScope | None = None
    patient: PatientScope | None = None


class AlertText(Strict):
    """What is shown. `{...}` takes a fact, or a property of the order, as in `{order.route}`."""

    summary: str
    consequence: str
    action: str
    monitoring: str | None = None
    advice: str | None = None


class Proposal(Strict):
    """A change of the judged order that a clinician may take over as it stands.

    `dose` gives `dose`, `frequency` or both, `alternative` an `ingredient`, `cancel` nothing more.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    kind: Literal["dose", "alternative", "cancel"]
    label: Annotated[str, Field(min_length=1, max_length=80)]
    dose: str | None = None
    frequency: str | None = None
    ingredient: str | None = None


class InteractionFacts(Strict):
    """The minimal information of an interaction; what is not known says `unknown`."""

    mechanism: str
    seriousness: str
    modifying_factors: str
    frequency_of_exposure: str
    frequency_of_harm: str


class Evidence(Strict):
    """Where the rule comes from: a source of sources.yaml, its section, and what it says, restated."""

    source: str
    section: str
    says: str
    checked: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    level: str | None = None


class Rule(Strict):
    """One declarative rule."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*){2,}$")]
    kind: Kind
    severity: SeverityName
    status: RuleStatus
    title: str
    covers: tuple[str, ...] = ()
    applies_to: AppliesTo
    when: Expression
    unless: tuple[Exception_, ...] = ()
    supersedes: tuple[str, ...] = ()
    alert: AlertText
    suggest: tuple[Proposal, ...] = ()
    interaction: InteractionFacts | None = None
    onset: str | None = None
    confidence: Literal["high", "moderate", "low", "unknown"] = "unknown"
    evidence: tuple[Evidence, ...]


class RuleFile(Strict):
    """A file of rules.

    `outranked`: an alert of its rules on two orders is superseded by one of any rule of another file
    that is about the same pair of ingredients.
    """

    format: Literal[1]
    outranked: bool = False
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


class BibliographicSource(Strict):
    """A source that evidence may name."""

    id: str
    publisher: str
    title: str
    version: str
    licence: str
    retrieved: str
    kind: Literal["monograph", "label", "guideline", "paper", "dataset", "calculator", "other"]
    note: str | None = None


class SourcesFile(Strict):
    """The bibliography of a folder."""

    format: Literal[1]
    sources: tuple[BibliographicSource, ...]


class LedgerEntry(Strict):
    """One statement of a source and what became of it; exactly one of the last four is given."""

    id: str
    section: str
    says: str
    rules: tuple[str, ...] = ()
    data: str | None = None
    advice: str | None = None
    cannot: str | None = None
    note: str | None = None


class LedgerFile(Strict):
    """Every statement of a source."""

    format: Literal[1]
    source: str
    statements: tuple[LedgerEntry, ...]
