"""From truths to a status, by the table that gives rules their meaning.

| when | unless | status |
|---|---|---|
| FALSE | | not met |
| TRUE or UNKNOWN | one TRUE | excepted |
| UNKNOWN | none TRUE | cannot assess |
| TRUE | all FALSE, or some UNKNOWN | fires |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from caveat.compile.program import CompiledRule
from caveat.evaluators.subjects import Subject
from caveat.findings.basis import NO_DETAILS, Detailed, Explained
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth


@dataclass(slots=True)
class Outcome(Detailed):
    """One rule judged for one subject. `details` may be computed when first asked for.

    Not frozen: one is made for everything that may be shown, and frozen ones take four times as long
    to make. Nothing changes one; `dataclasses.replace` makes another.
    """

    rule: CompiledRule
    subject: Subject
    status: Status
    details: Explained = NO_DETAILS
    error: str | None = None

    @property
    def explained(self) -> Explained:
        """The details, or what computes them when one is asked for."""
        return self.details

    @property
    def key(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """Rule, orders and allergy: what evaluators are compared by."""
        return self.rule.id, self.subject.order_ids, self.subject.allergy_ids


BARE = (Status.NOT_MET, Status.CANNOT_ASSESS, Status.FIRES)
"""The status of a rule without exceptions, by the truth of its condition."""


EXCEPTED = Status.EXCEPTED


def status_of(when: Truth, unless: Sequence[Truth]) -> Status:
    """The status that the truths give."""
    if when == FALSE:
        return Status.NOT_MET
    if TRUE in unless:
        return Status.EXCEPTED
    return Status.CANNOT_ASSESS if when == UNKNOWN else Status.FIRES
