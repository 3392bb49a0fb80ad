"""What a check sees, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from caveat.authoring.case_files import PlacedCase
from caveat.authoring.placing import WHEN, Spot, Steps
from caveat.compile.program import CompiledRule
from caveat.rules.diagnostics import Diagnostic, Level, Place
from caveat.rules.folder import PlacedRule, RuleTexts
from caveat.terminology.concepts import Terminology


@dataclass(frozen=True, slots=True)
class Checked:
    """One rule as written and as compiled; `sound` is False when it has problems of its own already."""

    placed: PlacedRule
    compiled: CompiledRule
    spots: tuple[Spot, ...]
    sound: bool

    @property
    def id(self) -> str:
        """The id of the rule."""
        return self.compiled.id

    @property
    def live(self) -> bool:
        """Whether the rule is judged at all."""
        return self.compiled.status != "retired"

    def place(self, part: int = WHEN, steps: Steps = ()) -> Place:
        """Where a node stands."""
        for spot in self.spots:
            if spot.part == part and spot.steps == steps:
                return spot.place
        return self.placed.place("when")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of rulesets with its cases, as far as it could be read; `local`: it has its own vocabulary."""

    root: FilePath
    texts: RuleTexts
    rules: tuple[Checked, ...]
    cases: tuple[PlacedCase, ...]
    terminology: Terminology
    concepts: FilePath
    local: bool

    @property
    def judged(self) -> tuple[Checked, ...]:
        """The rules that are sound and live: those whose meaning can be asked about."""
        return tuple(rule for rule in self.rules if rule.sound and rule.live)


@dataclass(frozen=True, slots=True)
class Check:
    """A check with its own code, level and title; `run` yields what it finds."""

    code: str
    level: Level
    title: str
    run: Callable[[Folder], Iterator[Diagnostic]]


def finding(
    check: tuple[str, Level], title: str, place: Place, why: str, hint: str = "", *, rule: str = ""
) -> Diagnostic:
    """One diagnostic of a check."""
    code, level = check
    return Diagnostic(code, title, place, why, hint, level, rule)
