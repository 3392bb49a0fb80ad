"""What interrupts a clinician: a site's choice, kept apart from the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from caveat.rules.diagnostics import Problems
from caveat.rules.expression import Strict
from caveat.rules.model import SeverityName
from caveat.rules.parse import parse
from caveat.rules.source import read_source

Tier = Literal["hard-stop", "interruptive", "passive", "silent-log"]


class RuleChange(Strict):
    """A tier of its own for one rule, with who decided it and why."""

    rule: str
    tier: Tier
    reason: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]


class Policy(Strict):
    """Severity to tier, and single rules that differ. What a policy hides is still in the report."""

    format: Literal[1] = 1
    id: str = "default"
    title: str = "Default policy"
    owner: str
    reason: str
    tiers: dict[SeverityName, Tier]
    cannot_assess: dict[SeverityName, Tier] = Field(default_factory=dict)
    rules: tuple[RuleChange, ...] = ()

    def tier(self, rule: str, severity: str) -> Tier:
        """The tier of an alert; a severity the policy does not name interrupts."""
        for change in self.rules:
            if change.rule == rule:
                return change.tier
        for name, tier in self.tiers.items():
            if name == severity:
                return tier
        return "interruptive"


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
