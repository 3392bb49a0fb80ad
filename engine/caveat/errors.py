"""Every error caveat raises on purpose.

CaveatError
├── UnitError            a unit that is not UCUM, or a quantity that cannot be read
│   └── DimensionError   two units that measure different things
├── DateError            a date that cannot be read or lies outside 1800 to 2300
├── InputError           a record, file or field that cannot be judged; carries its place
├── RuleError            one problem in rule text; carries its position
├── RulesetError         every problem of a ruleset at once
├── CompileError         a rule an evaluator cannot run, with the reason
└── EvaluationError      a rule that failed on a record; becomes a finding, never silence
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SHOWN: Final = 80


class CaveatError(Exception):
    """Base of every error raised on purpose."""


class UnitError(CaveatError):
    """A unit that is not UCUM, or a quantity whose text cannot be read."""


class DimensionError(UnitError):
    """Two units that measure different things."""


class DateError(CaveatError):
    """A date that cannot be read, or lies outside the years 1800 to 2300."""


class InputError(CaveatError):
    """A record, file or field that cannot be judged.

    `source` names the file, `line` the 1-based line where there are lines, `path` the field
    (`$.orders[0].dose`), `code` a stable short name, `value` what stood there, shortened.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "input",
        source: str = "",
        line: int | None = None,
        path: str = "",
        value: str = "",
        hint: str = "",
    ) -> None:
        self.message, self.code, self.source = message, code, source
        self.line, self.path, self.value, self.hint = line, path, value, hint
        super().__init__(self.__str__())

    def __str__(self) -> str:
        place = self.source + (f":{self.line}" if self.line is not None else "")
        where = " @ ".join(part for part in (place, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.value:
            text += f" (found {self.value})"
        return f"{text}. {self.hint}" if self.hint else text


class RuleError(CaveatError):
    """One problem in rule text, already rendered with file, line, column and hint."""


class RulesetError(CaveatError):
    """Every problem found in a ruleset; `problems` holds them in file order."""

    def __init__(self, problems: Sequence[object]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n\n".join(str(problem) for problem in self.problems))


class CompileError(CaveatError):
    """A rule an evaluator cannot run, with the reason; nothing is dropped silently."""


class EvaluationError(CaveatError):
    """A rule that failed on a record."""


def shorten(value: object, limit: int = SHOWN) -> str:
    """The value as text on one line, cut at `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > limit * 4:
        text = text[: limit * 4]
        cut = True
    else:
        cut = False
    text = " ".join(text.split())
    return text if len(text) <= limit and not cut else text[: limit - 1] + "…"
