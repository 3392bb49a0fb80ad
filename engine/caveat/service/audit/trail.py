"""Rows of the audit trail, read one after the other, and sealed inputs that are taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from caveat.errors import CaveatError
from caveat.service.audit.verify import LONGEST, PRUNED
from caveat.service.question import Question
from caveat.service.store import chain
from caveat.service.store.base import Caller
from caveat.service.store.entry import event, question_of
from caveat.service.store.keys import Keys
from caveat.service.store.tables import table

if TYPE_CHECKING:
    from caveat.service.store.database import Database

JSON = ("patients", "findings", "counts", "overrides")
"""Columns that hold JSON."""


def rows(
    database: Database,
    *,
    since: str = "",
    until: str = "",
    patient: str = "",
    kind: str = "",
    last: int = 0,
) -> Iterator[dict[str, Any]]:
    """Rows in order, JSON read. `since` is in, `until` is out (ISO instants, or a day or month of them);
    `patient` is a hash; `last` takes only so many from the end. Raises StoreAway."""
    from sqlalchemy import select

    audit = table("audit")
    chosen = select(audit).order_by(audit.c.sequence)
    if since:
        chosen = chosen.where(audit.c.at >= since)
    if until:
        chosen = chosen.where(audit.c.at < until)
    if patient:
        chosen = chosen.where(audit.c.patients.contains(f'"{patient}"', autoescape=True))
    if kind:
        chosen = chosen.where(audit.c.kind == kind)
    if last:
        newest = chosen.order_by(None).order_by(audit.c.sequence.desc()).limit(last).subquery()
        chosen = select(newest).order_by(newest.c.sequence)
    with database.read(timeout=LONGEST) as connection:
        streaming = connection.execution_options(stream_results=True, yield_per=500)
        for row in streaming.execute(chosen).mappings():
            yield plain(row)


def one(database: Database, evaluation: str) -> dict[str, Any]:
    """The row of an evaluation. Raises LookupError where there is none, StoreAway."""
    from sqlalchemy import select

    audit = table("audit")
    with database.read() as connection:
        found = connection.execute(select(audit).where(audit.c.evaluation == evaluation)).mappings().first()
    if found is None:
        raise LookupError(evaluation)
    return plain(found)


def question(database: Database, keys: Keys, row: Mapping[str, Any]) -> Question:
    """The question of a row. Raises CaveatError where it was not kept, was pruned or cannot be opened."""
    from sqlalchemy import select

    kept = table("audit_input")
    if not row["sealed_digest"]:
        raise CaveatError(
            f"the input of evaluation {row['evaluation']} was not kept, so it cannot be replayed. "
            "Inputs are kept with audit.inputs: sealed"
        )
    with database.read() as connection:
        sealed = connection.execute(
            select(kept.c.sealed).where(kept.c.sequence == row["sequence"])
        ).scalar_one_or_none()
    if sealed is None:
        raise CaveatError(
            f"the input of evaluation {row['evaluation']} was pruned, so it cannot be replayed any more"
        )
    return question_of(keys, row["evaluation"], bytes(sealed))


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with its JSON columns read."""
    return {name: json.loads(value) if name in JSON else value for name, value in row.items()}


def prune(database: Database, keys: Keys, *, before: str, at: str) -> tuple[int, int]:
    """Take away sealed inputs and shown findings older than an ISO instant; how many of each.

    A row of the chain says so, in the same transaction. Raises StoreAway.
    """
    from sqlalchemy import delete

    inputs, shown = table("audit_input"), table("shown")
    with database.begin(timeout=LONGEST) as connection:
        gone = connection.execute(delete(inputs).where(inputs.c.at < before)).rowcount
        unseen = connection.execute(delete(shown).where(shown.c.at < before)).rowcount
        said = {"before": before, "inputs": gone, "shown": unseen}
        chain.append(connection, keys, [event(PRUNED, Caller("operator"), at, details=said)])
    return gone, unseen
