"""What was set aside, with its place and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from caveat.errors import InputError, shorten

__all__ = ["Reject", "reject", "shorten"]


@dataclass(frozen=True, slots=True)
class Reject:
    """One thing of the input that was set aside and is judged nowhere.

    `source` is the file, `line` its 1-based line, `path` the field, `code` a stable short name,
    `value` what stood there, shortened. `also` lists further faults of the same record.
    `harmless` says that no patient data can have been lost: a README beside the records, the log
    of an export, a bundle of hospitals. Everything else is a reason to exit with "input bad".
    """

    source: str
    code: str
    message: str
    line: int | None = None
    path: str = ""
    value: str = ""
    hint: str = ""
    also: tuple[str, ...] = ()
    harmless: bool = False

    def __str__(self) -> str:
        place = self.source + (f":{self.line}" if self.line is not None else "")
        where = " @ ".join(part for part in (place, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.value:
            text += f" (found {self.value})"
        if self.hint:
            text += f". {self.hint}"
        return "\n".join((text, *(f"  also: {more}" for more in self.also)))

    def at(self, source: str, line: int | None = None) -> Reject:
        """The same reject with its file, and its line when none is known yet."""
        return replace(self, source=self.source or source, line=self.line if self.line is not None else line)


def reject(problem: InputError, *, source: str = "", line: int | None = None) -> Reject:
    """The Reject that an InputError describes."""
    return Reject(
        source=problem.source or source,
        code=problem.code,
        message=problem.message,
        line=problem.line if problem.line is not None else line,
        path=problem.path,
        value=problem.value,
        hint=problem.hint,
    )
