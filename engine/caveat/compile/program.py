"""A compiled ruleset: frozen, serialisable, content-hashed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from caveat.compile.nodes import Leaf, Node, asked_of_each, leaves

SubjectKind = Literal["order", "pair", "stopped", "allergy", "patient"]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One `unless` of a rule."""

    id: str
    because: str
    node: Node


@dataclass(frozen=True, slots=True)
class Citation:
    """Evidence of a rule."""

    source: str
    section: str
    says: str
    checked: str
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """The alert's texts, with placeholders."""

    summary: str
    consequence: str
    action: str
    monitoring: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of the judged order that the rule proposes: another dose, another medicine, or none of it.

    `dose` and `frequency` are quantities as written (`5 mg`, `3 /d`), `ingredient` names the other medicine.
    """

    id: str
    kind: Literal["dose", "alternative", "cancel"]
    label: str
    dose: str | None = None
    frequency: str | None = None
    ingredient: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A row of a dose table: where it applies, and the most it allows as it is read (None: avoid)."""

    where: Node
    shown: str | None


@dataclass(frozen=True, slots=True)
class Regraded:
    """That a severity is the site's own: the one the rule was written with, and who changed it, when, why."""

    severity: str
    reason: str
    owner: str
    date: str


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule, resolved.

    `first` and `second` are the explicit ingredients of the scope (`second` for pairs and for
    the classes an allergy may be to); an empty `first` in a `patient` rule takes every patient, and in
    an `allergy` or `pair` rule every order, less the ingredients in `left_out`. `share` says of a pair
    that the two have an ingredient of the scope in common (`ingredient`), or none of both sides (`none`).
    """

    id: str
    kind: str
    severity: str
    status: str
    title: str
    covers: tuple[str, ...]
    subject: SubjectKind
    first: tuple[str, ...]
    second: tuple[str, ...]
    when: Node
    unless: tuple[Exclusion, ...]
    supersedes: tuple[str, ...]
    texts: Texts
    evidence: tuple[Citation, ...]
    interaction: tuple[tuple[str, str], ...] = ()
    onset: str | None = None
    confidence: str = "unknown"
    place: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    regraded: Regraded | None = None
    limits: tuple[Limit, ...] = ()
    left_out: tuple[str, ...] = ()
    share: str = ""

    @property
    def of_any(self) -> bool:
        """Whether every order is in its scope, whatever it is of."""
        return not self.first and self.subject in ("allergy", "pair")

    @property
    def scopes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The ingredients of its first and of its second order."""
        return self.first, self.second

    def leaves(self) -> tuple[Leaf, ...]:
        """Every leaf of the condition and of the exceptions, in order."""
        found = leaves(self.when)
        for exclusion in self.unless:
            found += leaves(exclusion.node)
        return found

    def asked(self) -> tuple[Leaf, ...]:
        """The leaves, and those that its counts and sums ask of each order that they go over."""
        found = self.leaves()
        return (*found, *(inner for leaf in found for inner in asked_of_each(leaf)))


@dataclass(frozen=True, slots=True)
class Program:
    """Every rule an evaluator runs; `digest` is the SHA-256 of its canonical JSON."""

    version: str
    rules: tuple[CompiledRule, ...]
    digest: str

    def rule(self, rule_id: str) -> CompiledRule:
        """The rule of that id; KeyError when there is none."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)
