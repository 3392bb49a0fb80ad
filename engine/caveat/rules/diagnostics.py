"""One problem in a ruleset, with its place, the source line, a caret and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["error", "warning"]
LONGEST = 400
"""Characters of a title, reason or hint that are kept: a rule may hold a text of megabytes."""
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A span in a file; line and column are 1-based, `width` counts characters."""

    file: str
    line: int = 1
    column: int = 1
    width: int = 1
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A stable `code`, what is wrong, why, and how to mend it."""

    code: str
    title: str
    place: Place
    why: str = ""
    hint: str = ""
    level: Level = "error"
    rule: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.code} {self.title}"]
        if self.place.text:
            number = str(self.place.line)
            gutter = " " * (len(number) + 4)
            body = self.place.text.rstrip()
            column = self.place.column
            if len(body) > 160:
                start = max(0, column - 60)
                body, column = body[start : start + 160], column - start
            width = max(1, min(self.place.width, len(body) - column + 1))
            lines.append(f"   {number} | {body}")
            lines.append(f"{gutter}| {' ' * (column - 1)}{'^' * width}")
        lines += [part for part in (self.why, self.hint) if part]
        return "\n".join(lines)

    @property
    def one_line(self) -> str:
        """The diagnostic on one line, as printed when piped."""
        rest = " ".join(part for part in (self.why, self.hint) if part)
        return f"{self.place}: {self.code} {self.title}" + (f": {rest}" if rest else "")


@dataclass(slots=True)
class Problems:
    """Collects diagnostics while a ruleset is read, so that all are reported at once."""

    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        title: str,
        place: Place,
        *,
        why: str = "",
        hint: str = "",
        level: Level = "error",
        rule: str = "",
    ) -> None:
        """Record one problem; a repeat of the same problem at the same place is kept once."""
        new = Diagnostic(code, _shortened(title), place, _shortened(why), _shortened(hint), level, rule)
        if new not in self.found:
            self.found.append(new)

    @property
    def errors(self) -> list[Diagnostic]:
        """The problems that stop a ruleset from loading."""
        return [d for d in self.found if d.level == "error"]


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 60]}... ({len(text)} characters)"


def did_you_mean(word: str, known: Iterable[str], *, many: int = 1) -> str:
    """`Did you mean x?` for close names, else an empty string; nothing is close to a very long word."""
    if len(word) > 80:
        return ""
    close = difflib.get_close_matches(word, list(known), n=many, cutoff=0.6)
    return f"Did you mean {' or '.join(close)}?" if close else ""
