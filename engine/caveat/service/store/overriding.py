"""Overrides on an open connection: kept once, found by patient, withdrawn; never deleted.

A patient is a keyed hash. Who overrode, the comment, the note and the deciding facts are sealed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from caveat.service.overrides.recording import recorded
from caveat.service.problems import Fault, Refused
from caveat.service.question import FollowUp, Override, Shown
from caveat.service.store.base import Caller, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

    from caveat.service.store.entry import Entry
    from caveat.service.store.keys import Keys

_SEALED: Final = "override"
"""The purpose that what is sealed of an override is bound to."""


def add_tables(whole: MetaData) -> None:
    """Feedback and overrides, as the last migration leaves them."""
    from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

    def text(name: str, size: int | None = None, **more: Any) -> Column[str]:
        return Column(name, Text() if size is None else String(size), nullable=False, **more)

    Table(
        "feedback",
        whole,
        text("digest", 64, primary_key=True),
        text("card", 64),
        text("service"),
        text("issuer"),
        text("tenant"),
        text("patient", 64),
        text("rule"),
        text("outcome", 32),
        text("outcome_at", 40),
        text("accepted"),
        text("reason"),
        text("reason_system"),
        Column("sealed", LargeBinary, nullable=False),
        text("first_at", 32),
        text("last_at", 32),
        Column("times", Integer, nullable=False),
        Index("ix_feedback_card", "card"),
    )
    Table(
        "overrides",
        whole,
        text("id", 64, primary_key=True),
        text("request", 64, unique=True),
        text("content", 64),
        text("patient", 64),
        text("issuer"),
        text("tenant"),
        text("finding", 64),
        text("rule"),
        text("kind", 32),
        text("severity", 32),
        text("reason", 64),
        text("drugs"),
        Column("sealed", LargeBinary, nullable=False),
        text("created", 32),
        text("expires", 32),
        text("follow_fact"),
        text("follow_by", 10),
        text("withdrawn_at", 32),
        text("withdrawn_issuer"),
        Index("ix_overrides_patient", "patient"),
    )


def _table() -> Table:
    from caveat.service.store.tables import table

    return table("overrides")


def was_shown(connection: Connection, keys: Keys, patient: str, finding: str) -> Shown | None:
    """The finding as it was last shown for a patient (hash); None where it never was."""
    from sqlalchemy import select

    from caveat.service.store.tables import table

    shown = table("shown")
    chosen = select(shown).where(shown.c.patient == patient, shown.c.finding == finding)
    row = connection.execute(chosen.order_by(shown.c.sequence.desc()).limit(1)).mappings().first()
    return None if row is None or not patient else shown_of(keys, row)


def shown_of(keys: Keys, row: Any) -> Shown:
    """A row of what was shown, with its facts opened."""
    from caveat.service.store.entry import facts_of

    return Shown(
        finding=row["finding"],
        rule=row["rule"],
        kind=row["kind"],
        status=row["status"],
        severity=row["severity"],
        tier=row["tier"],
        drugs=tuple(json.loads(row["drugs"])),
        card=row["card"],
        facts=facts_of(keys, row["evaluation"], row["position"], bytes(row["facts"])),
    )


def keep(connection: Connection, keys: Keys, wanted: Wanted, caller: Caller, at: str) -> Override:
    """The override of a finding that was shown for the patient, and the record of it in the audit trail.

    Raises LookupError where it never was, and Refused as `keep_shown` does.
    """
    from caveat.service.store import chain

    patient = keys.patient(wanted.patient, caller.tenant)
    shown = was_shown(connection, keys, patient, wanted.finding)
    if shown is None:
        raise LookupError("no such finding was shown for this patient")
    made, events = keep_shown(connection, keys, wanted, shown, patient, caller, at)
    if events:
        chain.append(connection, keys, events)
    return made


def keep_shown(
    connection: Connection,
    keys: Keys,
    wanted: Wanted,
    shown: Shown,
    patient: str,
    caller: Caller,
    at: str,
) -> tuple[Override, tuple[Entry, ...]]:
    """The override of a finding as it was shown to a patient (hash), and what is to be audited of it.

    With a key of the caller it is stored once however often it is sent, and audited once. Raises
    Refused: 422 for what `recorded` refuses, 409 for a key that was used for another request.
    """
    from caveat.service.store.entry import event

    table = _table()
    name = str(uuid4())
    request = keys.digest("request", caller.iss, caller.tenant, wanted.key or name)
    content = keys.digest("content", patient, *_content(wanted))
    before = _row(connection, table.c.request == request) if wanted.key else None
    if before is None:
        made = recorded(wanted, shown, name, at)
        if _inserted(connection, keys, made, request, content, patient, caller):
            return made, (event("override", caller, at, (patient,), _audited(made)),)
        before = _row(connection, table.c.request == request)
        assert before is not None  # another request with the same key came first
    if before["content"] != content:
        said = "this Idempotency-Key was used for another override"
        fault = Fault("key-used", said, "Idempotency-Key", hint="Make a new key for each override")
        raise Refused(409, "the key was used before", (fault,))
    return _override(keys, before), ()


def _audited(made: Override) -> dict[str, str]:
    plain = {name: getattr(made, name) for name in ("id", "finding", "rule", "kind", "severity", "reason")}
    return {**plain, "expires": made.expires or ""}


def _content(wanted: Wanted) -> tuple[str, ...]:
    follow = wanted.follow_up or FollowUp("", "")
    said = (wanted.finding, wanted.reason, wanted.comment, wanted.by, wanted.expires or "")
    return (*said, follow.fact, follow.by, follow.note)


def _inserted(
    connection: Connection,
    keys: Keys,
    made: Override,
    request: str,
    content: str,
    patient: str,
    caller: Caller,
) -> bool:
    """Whether it was stored now; False where one with the same key was stored first."""
    follow = made.follow_up or FollowUp("", "")
    plain = {"by": made.by, "comment": made.comment, "note": follow.note, "facts": made.facts}
    row = {
        "id": made.id,
        "request": request,
        "content": content,
        "patient": patient,
        "issuer": caller.iss,
        "tenant": caller.tenant,
        "finding": made.finding,
        "rule": made.rule,
        "kind": made.kind,
        "severity": made.severity,
        "reason": made.reason,
        "drugs": json.dumps(made.drugs),
        "sealed": keys.seal(_SEALED, made.id, json.dumps(plain).encode()),
        "created": made.created,
        "expires": made.expires or "",
        "follow_fact": follow.fact,
        "follow_by": follow.by,
        "withdrawn_at": "",
        "withdrawn_issuer": "",
    }
    table = _table()
    statement = inserting(connection, table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return connection.execute(statement).first() is not None


def inserting(connection: Connection, table: Table) -> Any:
    """An INSERT of this database that knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def active(connection: Connection, keys: Keys, patient: str, at: str) -> tuple[Override, ...]:
    """Those of a patient (hash) that had neither expired nor been withdrawn at `at`, oldest first."""
    c = _table().c
    return _rows(connection, keys, c.patient == patient, c.created <= at, c.expires > at, _in_force(at))


def promised(connection: Connection, keys: Keys, patient: str, at: str) -> tuple[Override, ...]:
    """Those of a patient (hash) with a follow-up that had not been withdrawn at `at`, expired or not."""
    c = _table().c
    return _rows(connection, keys, c.patient == patient, c.created <= at, c.follow_fact != "", _in_force(at))


def _in_force(at: str) -> Any:
    from sqlalchemy import or_

    c = _table().c
    return or_(c.withdrawn_at == "", c.withdrawn_at > at)


def withdraw(connection: Connection, keys: Keys, name: str, caller: Caller, at: str) -> bool:
    """End an override of the caller's tenant; False where there is none. Ending it twice changes nothing."""
    from sqlalchemy import update

    from caveat.service.store import chain
    from caveat.service.store.entry import event

    table = _table()
    mine = (table.c.id == name) & (table.c.tenant == caller.tenant)
    found = _row(connection, mine)
    if found is None:
        return False
    ending = update(table).where(mine, table.c.withdrawn_at == "")
    if connection.execute(ending.values(withdrawn_at=at, withdrawn_issuer=caller.iss)).rowcount:
        said = {name: found[name] for name in ("id", "finding", "rule", "kind", "severity", "reason")}
        chain.append(connection, keys, [event("override-withdrawn", caller, at, (found["patient"],), said)])
    return True


def _row(connection: Connection, *where: Any) -> Any:
    from sqlalchemy import select

    return connection.execute(select(_table()).where(*where)).mappings().first()


def _rows(connection: Connection, keys: Keys, *where: Any) -> tuple[Override, ...]:
    from sqlalchemy import select

    table = _table()
    found = connection.execute(select(table).where(*where).order_by(table.c.created, table.c.id)).mappings()
    return tuple(_override(keys, row) for row in found)


def _override(keys: Keys, row: Any) -> Override:
    plain = json.loads(keys.open(_SEALED, row["id"], bytes(row["sealed"])))
    made = Override(
        id=row["id"],
        finding=row["finding"],
        rule=row["rule"],
        kind=row["kind"],
        severity=row["severity"],
        drugs=tuple(json.loads(row["drugs"])),
        reason=row["reason"],
        comment=plain["comment"],
        by=plain["by"],
        created=row["created"],
        expires=row["expires"] or None,
        facts=tuple((fact[0], fact[1], fact[2], fact[3]) for fact in plain["facts"]),
    )
    if not row["follow_fact"]:
        return made
    return replace(made, follow_up=FollowUp(row["follow_fact"], row["follow_by"], plain["note"]))
