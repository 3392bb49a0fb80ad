"""What the service asks of a store, whatever stands behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from caveat.service.question import Answer, FollowUp, Override, Question


class StoreAway(Exception):
    """The database cannot be reached now; what was asked was not done."""


class AuditRefused(Exception):
    """The database is away and the spool is full: nothing more may be answered."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the issuer of the token, and its tenant. `iss` is `insecure-dev` where nobody asks."""

    iss: str
    tenant: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One item of feedback on a card, as CDS Hooks gives it, read and checked."""

    card: str
    outcome: str
    outcome_at: str
    accepted: tuple[str, ...] = ()
    reason: tuple[str, str, str] | None = None
    """Code, system and display of the override reason."""
    comment: str = ""
    follow_up: FollowUp | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An override to be stored, read and checked. `patient` is the raw id, hashed before it is kept.

    `key` is the caller's own for this request: sent again with it, the override is stored once.
    """

    patient: str
    finding: str
    reason: str
    comment: str = ""
    by: str = ""
    expires: str | None = None
    follow_up: FollowUp | None = None
    key: str = ""


class Store(Protocol):
    """Every method may raise StoreAway; `record` raises AuditRefused instead."""

    async def record(
        self,
        question: Question,
        answer: Answer,
        caller: Caller,
        *,
        ruleset: str,
        microseconds: int,
        policy: str = "",
    ) -> str:
        """Keep an evaluation durably, before the client is told; returns `stored` or `spooled`."""

    async def overrides(self, patient: str, at: str, tenant: str = "") -> tuple[Override, ...]:
        """Overrides of a patient (raw id) that had neither expired nor been withdrawn at `at`.

        `tenant` is that of the caller: the same id is another patient in another tenant.
        """

    async def feedback(self, said: tuple[Said, ...], caller: Caller, service: str, at: str) -> int:
        """Keep feedback, each item once however often it is sent; returns how many were new."""

    async def override(self, wanted: Wanted, caller: Caller, at: str) -> Override:
        """Keep an override. Raises LookupError where the finding was never shown for that patient."""

    async def promised(self, patient: str, at: str, tenant: str = "") -> tuple[Override, ...]:
        """Overrides of a patient (raw id) with a follow-up, not withdrawn, whether expired or not."""

    async def withdraw(self, override: str, caller: Caller, at: str) -> bool:
        """End an override; False where there is none of that id."""

    async def ready(self) -> dict[str, Any]:
        """`{"database": "ok"|"away", "spooled": n, "spool_limit": n}`; never raises."""

    async def close(self) -> None:
        """Finish what is being written."""
