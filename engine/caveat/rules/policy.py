"""What interrupts a clinician: a site's choice, kept apart from the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from caveat.rules.diagnostics import Problems
from caveat.rules.expression import Strict
from caveat.rules.model import Kind, SeverityName
from caveat.rules.parse import parse
from caveat.rules.source import read_source

Tier = Literal["hard-stop", "interruptive", "passive", "silent-log"]
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
"""The loudest first."""
Indicator = Literal["info", "warning", "critical"]

INDICATORS: Final[dict[str, Indicator]] = {
    "contraindicated": "critical",
    "major": "critical",
    "moderate": "warning",
    "minor": "info",
    "info": "info",
    "open": "warning",
}
"""The indicator of a card where the policy names none; `open` is what could not be assessed."""


class RuleChange(Strict):
    """A tier of its own for one rule, with who decided it and why."""

    rule: str
    tier: Tier
    reason: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]


class Policy(Strict):
    """Severity to tier, kinds and single rules that differ, and the indicators of cards.

    `kinds` gives a kind of rule tiers of its own; `rules` go before `kinds`, `kinds` before `tiers`.
    What a policy hides is still in the report.
    """

    format: Literal[1] = 1
    id: Annotated[str, Field(min_length=1)] = "default"
    title: str = "Default policy"
    owner: str
    reason: str
    tiers: dict[SeverityName, Tier]
    cannot_assess: dict[SeverityName, Tier] = Field(default_factory=dict)
    kinds: dict[Kind, dict[SeverityName, Tier]] = Field(default_factory=dict)
    rules: tuple[RuleChange, ...] = ()
    indicators: dict[SeverityName | Literal["open"], Indicator] = Field(default_factory=dict)

    def tier(self, rule: str, severity: str, kind: str = "") -> Tier:
        """The tier of an alert; a severity the policy does not name interrupts."""
        for change in self.rules:
            if change.rule == rule:
                return change.tier
        for tiers in (*(t for name, t in self.kinds.items() if name == kind), self.tiers):
            for name, tier in tiers.items():
                if name == severity:
                    return tier
        return "interruptive"

    def indicator(self, severity: str) -> Indicator:
        """The indicator of a card of that severity, or of `open` for what could not be assessed."""
        for name, indicator in self.indicators.items():
            if name == severity:
                return indicator
        return INDICATORS[severity]


FALLBACK = Policy(
    owner="caveat",
    reason="no policy file was found",
    tiers={
        "contraindicated": "interruptive",
        "major": "interruptive",
        "moderate": "passive",
        "minor": "passive",
        "info": "silent-log",
    },
)


def read_policy(path: Path, problems: Problems) -> Policy | None:
    """The policy of a file, or None after recording what is wrong with it."""
    source = read_source(path, problems)
    return None if source is None else parse(Policy, source, problems)
