"""What a text rendering needs beyond the report: bibliography, review status, width, how much to say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from caveat.render.words import GRADES

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class View:
    """`plain_shapes` keeps to ASCII where the terminal cannot show more."""

    sources: dict[str, str] = field(default_factory=dict)
    statuses: tuple[tuple[str, int], ...] = ()
    verbose: bool = False
    width: int = 100
    plain_shapes: bool = False

    def mark(self, level: str) -> str:
        """Shape and word of a level."""
        return f"{self.shape(level)} {GRADES[level].word}"

    def shape(self, level: str) -> str:
        """Shape alone, before words of another kind."""
        grade = GRADES[level]
        return grade.plain_shape if self.plain_shapes else grade.shape

    @property
    def rules(self) -> str:
        """The review status of the rules: "62 draft, not yet reviewed by a site"."""
        texts = [f"{count} {status}" for status, count in self.statuses]
        draft = any(status == "draft" for status, _ in self.statuses)
        return ", ".join(texts) + (", drafts until a site reviews them" if draft else "")


def view_of(rules: Ruleset, *, verbose: bool = False, width: int = 100, plain_shapes: bool = False) -> View:
    """The view of a ruleset."""
    counts = Counter(rule.status for rule in rules.program.rules)
    return View(dict(rules.sources), tuple(sorted(counts.items())), verbose, width, plain_shapes)
