"""What a site changes about single rules: their tier, their severity, or that they are judged at all.

Each change names the rule, who decided it, when and why. None of them is silent: a ruleset with
an overlay says which rules are off and which severities are the site's own.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from caveat.rules.diagnostics import Problems
from caveat.rules.expression import Strict
from caveat.rules.model import SeverityName
from caveat.rules.parse import parse
from caveat.rules.policy import Tier
from caveat.rules.source import Source, read_source


def _day(value: str) -> str:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is no day of the calendar") from None
    return value


Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_day)]
Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class Decision(Strict):
    """A change of one rule. `until` is its last day; the day after, the rule is as written again."""

    rule: Words
    reason: Words
    owner: Words
    date: Day
    until: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Decision:
        if self.until is not None and self.until < self.date:
            raise ValueError(f"until {self.until} lies before date {self.date}")
        return self

    def over(self, day: str) -> bool:
        """Whether the change no longer holds on that day (ISO date)."""
        return self.until is not None and day > self.until


class Disabled(Decision):
    """A rule that is not judged at this site."""


class LocalTier(Decision):
    """The tier of a rule's alerts at this site."""

    tier: Tier


class LocalSeverity(Decision):
    """The severity of a rule at this site; the rule's own stays visible beside it."""

    severity: SeverityName


class Overlay(Strict):
    """What one site changes; every item names an existing rule, once in each list."""

    format: Literal[1]
    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Words
    owner: Words
    disabled: tuple[Disabled, ...] = ()
    severities: tuple[LocalSeverity, ...] = ()
    tiers: tuple[LocalTier, ...] = ()

    def decisions(self) -> tuple[tuple[str, int, Decision], ...]:
        """Every change with the list it stands in and its place there."""
        return tuple(
            (name, index, item)
            for name, items in (
                ("disabled", self.disabled),
                ("severities", self.severities),
                ("tiers", self.tiers),
            )
            for index, item in enumerate(items)
        )

    @property
    def dated(self) -> bool:
        """Whether a change ends on some day, so that a day is needed to say what holds."""
        return any(item.until is not None for _, _, item in self.decisions())


def read_overlay(path: Path, problems: Problems) -> tuple[Overlay, Source] | None:
    """The overlay of a file with the places of its parts, or None after recording what is wrong with it."""
    source = read_source(path, problems)
    overlay = None if source is None else parse(Overlay, source, problems)
    return None if source is None or overlay is None else (overlay, source)
