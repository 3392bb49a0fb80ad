"""What cards need beyond the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Overridden(Protocol):
    """A clinician's reason to go on despite a finding."""

    @property
    def id(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def comment(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def created(self) -> str: ...
    @property
    def expires(self) -> str | None: ...


Codes = Mapping[str, tuple[tuple[str, str, str], ...]]
"""System (as FHIR names it), code and display of each name."""


@dataclass(frozen=True, slots=True)
class CardView:
    """How the cards of one answer are made.

    `base` is what ids of cards are derived from (the evaluation's id), so that the same answer has
    the same ids. `drafts` are the resources of the orders that can still be changed, by order id,
    exactly as sent: only they can be deleted or updated by a suggestion. `overridden` and `lapsed`
    are by finding id; `lapsed` gives the override and what changed since. `considered` is False
    when overrides could not be looked up, which is then said. `hidden` counts what was left out
    because it was shown before. `uncovered` names medicines that no rule is about, where the report's
    own list of ingredients is not to be shown. `indicators` are by severity, and `open` for what could not be
    assessed; a name it does not have, or a value that CDS Hooks does not, takes the default.
    `notices` are promises of clinicians that are overdue, in words.
    `references` are FHIR references by id of order or allergy, where the record has them. `codes`
    and `fact_codes` are the codes of ingredients and of facts (`render.cds.codes` gives both).
    `known` keeps what comes of a rule whoever the patient is; one for all answers of the same rules
    saves making it again.
    """

    base: str
    patient: str
    as_of: str
    at: str
    label: str
    sources: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    icon: str | None = None
    indicators: Mapping[str, str] = field(default_factory=dict)
    cannot_assess: str = "one-card"
    detected_issue: bool = False
    most: int = 20
    drafts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overridden: Mapping[str, Overridden] = field(default_factory=dict)
    lapsed: Mapping[str, tuple[Overridden, str]] = field(default_factory=dict)
    considered: bool = True
    hidden: int = 0
    uncovered: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    codes: Codes = field(default_factory=dict)
    fact_codes: Codes = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    known: MutableMapping[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def of_rule(self, what: str, rule: Any, build: Callable[[], T]) -> T:
        """`build()`, made once a rule; it must rest on nothing but the rule and the sources."""
        key = (what, rule.id)
        found = self.known.get(key)
        if found is None or found[0] is not rule or found[1] is not self.sources:
            found = self.known[key] = (rule, self.sources, build())
        made: T = found[2]
        return made
