"""Why a call was refused, in one form for people and programs (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a stable `code`, what, where (`$.orders[0].dose`) and how to mend it."""

    code: str
    message: str
    path: str = ""
    value: str = ""
    hint: str = ""

    def plain(self) -> dict[str, str]:
        """Without what is empty."""
        named = {"code": self.code, "message": self.message, "path": self.path, "value": self.value}
        return {key: value for key, value in {**named, "hint": self.hint}.items() if value}


@dataclass(eq=False)
class Refused(Exception):
    """A call that is not answered, with its HTTP status; `headers` such as Retry-After go along.

    `outcome` asks for a FHIR OperationOutcome as the body. The message never repeats a token.
    """

    status: int
    title: str
    faults: tuple[Fault, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=())
    outcome: bool = False

    def problem(self) -> dict[str, Any]:
        """The body of a problem+json answer."""
        found: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.faults:
            found["detail"] = self.faults[0].message
            found["errors"] = [fault.plain() for fault in self.faults]
        return found
