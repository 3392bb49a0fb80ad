"""Questions, answers and stores for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

from caveat.service.config import Auditing, Config, Storing
from caveat.service.question import Answer, Judged, Override, Question, Shown, Site
from caveat.service.store.base import Caller
from caveat.service.store.database import Database, open_database
from caveat.service.store.keys import Keys
from caveat.service.store.sql import SqlStore

T = TypeVar("T")
KEY = b"a secret of a site, 32 bytes long or more"
KEYS = Keys(KEY)
AT = "2026-01-15T10:00:00.000Z"
CALLER = Caller("https://ehr.example", "north", "app-1")
RULESET = "sha256:" + "5a" * 32
FACTS = (("creatinine_clearance", "24 mL/min", "2026-01-10", "Observation/canary-observation"),)


def config(folder: Path, url: str | None = None, **storing: Any) -> Config:
    """A configuration whose store is below a folder."""
    settings = {
        "url": url or f"sqlite:///{folder / 'store.sqlite'}",
        "spool": str(folder / "spool"),
        **storing,
    }
    return Config(store=Storing(**settings), audit=Auditing(), production=False)


def store(folder: Path, url: str | None = None, **storing: Any) -> SqlStore:
    """An open store."""
    return SqlStore(config(folder, url, **storing), KEY)


def database(folder: Path, url: str | None = None, **storing: Any) -> Database:
    """The database of that store."""
    return open_database(config(folder, url, **storing).store)


def question(
    patient: str = "canary-patient",
    *,
    name: str | None = None,
    overrides: Iterable[Override] | None = (),
    **more: Any,
) -> Question:
    """An order-sign call about a patient."""
    identity = name or str(uuid4())
    body = {
        "hook": "order-sign",
        "hookInstance": str(uuid5(UUID(int=7), identity)),
        "context": {"patientId": patient, "userId": "Practitioner/canary-user"},
    }
    given: dict[str, Any] = {
        "id": identity,
        "kind": "order-sign",
        "body": json.dumps(body).encode(),
        "as_of": "2026-01-15",
        "at": AT,
        "site": Site("http://127.0.0.1:8080"),
        "overrides": None if overrides is None else tuple(overrides),
    }
    return Question(**{**given, **more})


def shown(number: int = 0, **more: Any) -> Shown:
    """A finding that fired."""
    given: dict[str, Any] = {
        "finding": f"{number:020x}",
        "rule": "baclofen.renal.crcl-below-30",
        "kind": "contraindication",
        "status": "fires",
        "severity": "contraindicated",
        "tier": "interruptive",
        "drugs": ("baclofen",),
        "card": str(uuid5(UUID(int=3), str(number))),
        "facts": FACTS,
    }
    return Shown(**{**given, **more})


def answer(
    patient: str = "canary-patient", *findings: Shown, body: bytes = b'{"cards": []}', status: int = 200
) -> Answer:
    """An answer on one patient; with no findings named, one that fired."""
    found = findings or (shown(),)
    fired = sum(one.status == "fires" for one in found)
    judged = Judged(patient, found, alerts=fired, cannot_assess=len(found) - fired)
    return Answer(status, "application/json", body, (judged,))


async def record(kept: SqlStore, asked: Question | None = None, told: Answer | None = None) -> str:
    """Record an evaluation; what the store says."""
    asked = asked or question()
    return await kept.record(
        asked, told or answer(), CALLER, ruleset=RULESET, microseconds=900, policy="site"
    )


def filled(folder: Path, count: int = 5, url: str | None = None, **storing: Any) -> list[str]:
    """The ids of evaluations recorded one after the other in a store that is closed again."""
    ids = [str(uuid5(UUID(int=1), str(number))) for number in range(count)]

    async def work() -> None:
        kept = store(folder, url, **storing)
        for number, name in enumerate(ids):
            findings = [shown(number * 10 + i) for i in range(number % 3)]
            told = answer(f"patient-{number}", *findings) if findings else Answer(200, "text/plain", b"none")
            assert await record(kept, question(f"patient-{number}", name=name), told) == "stored"
        await kept.close()

    run(work())
    return ids


def run(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of a coroutine, within a minute."""
    return asyncio.run(asyncio.wait_for(work, 60))


def unguarded(base: Database, *statements: str) -> None:
    """Statements run by somebody who first took the triggers away."""
    with base.begin(timeout=10) as connection:
        if base.is_postgres:
            for name in ("audit", "audit_head", "audit_input", "shown"):
                connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        else:
            triggers = connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).all()
            for (name,) in triggers:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.exec_driver_sql(statement)
