"""Feedback on cards, on an open connection: each item once, and the overrides that follow from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from caveat.findings.reasons import SYSTEM
from caveat.render.clean import encodable
from caveat.service.problems import Refused
from caveat.service.question import FollowUp, Shown
from caveat.service.store.base import Caller, Said, Wanted
from caveat.service.store.overriding import inserting, keep_shown, shown_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from caveat.service.store.entry import Entry
    from caveat.service.store.keys import Keys

_SEALED: Final = "feedback"


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A finding of a card as it was shown: to which patient (hash), and to whom where that is known."""

    patient: str
    finding: Shown
    by: str = ""


def shown_on(connection: Connection, keys: Keys, card: str, tenant: str) -> tuple[ShownCard, ...]:
    """The findings of a card that was shown to a caller of the tenant; none for another card.

    Feedback does not say who acted: the user is the one whom the card was shown to, where the
    question was kept.
    """
    from sqlalchemy import select

    from caveat.service.store.tables import table

    shown = table("shown")
    chosen = select(shown).where(shown.c.card == card, shown.c.tenant == tenant)
    rows = connection.execute(chosen.order_by(shown.c.sequence, shown.c.position)).mappings().all()
    users = {number: _user(connection, keys, number) for number in {row["sequence"] for row in rows}}
    return tuple(ShownCard(row["patient"], shown_of(keys, row), users[row["sequence"]]) for row in rows)


def _user(connection: Connection, keys: Keys, sequence: int) -> str:
    """The userId of the hook that the evaluation answered; empty where it is not known."""
    from sqlalchemy import select

    from caveat.service.store.entry import question_of
    from caveat.service.store.keys import Unsealable
    from caveat.service.store.tables import table

    audit, kept = table("audit"), table("audit_input")
    joined = select(audit.c.evaluation, kept.c.sealed).join(kept, kept.c.sequence == audit.c.sequence)
    row = connection.execute(joined.where(audit.c.sequence == sequence)).first()
    if row is None:
        return ""
    try:
        return _HOOK.decode(question_of(keys, row[0], bytes(row[1])).body).context.userId
    except (Unsealable, msgspec.MsgspecError, UnicodeDecodeError):
        return ""


class _Context(msgspec.Struct):
    userId: str = ""


class _Hook(msgspec.Struct):
    context: _Context


_HOOK: Final = msgspec.json.Decoder(_Hook)


def keep_feedback(
    connection: Connection, keys: Keys, said: Sequence[Said], caller: Caller, service: str, at: str
) -> int:
    """How many items were new. An item sent again is counted, not stored twice.

    A new one with the outcome `overridden` and a coded reason of ours becomes an override of each
    finding of its card, where the reason may be given for it; else it stays feedback alone.
    """
    from caveat.service.store import chain

    events: list[Entry] = []
    # in one order for every caller, so that of two that send the same none waits for the other in a circle
    items = sorted(((_digest(keys, item, caller), item) for item in said), key=lambda pair: pair[0])
    new = sum(_kept(connection, keys, *pair, caller, service, at, events) for pair in items)
    if events:
        # last: who has the head of the chain waits for nobody
        chain.append(connection, keys, events)
    return new


def _digest(keys: Keys, said: Said, caller: Caller) -> str:
    """Names an item by what it says, within a tenant."""
    follow = said.follow_up or FollowUp("", "")
    reason = said.reason or ("", "", "")
    parts = (*said.accepted, *reason, said.comment, follow.fact, follow.by, follow.note)
    return keys.digest("feedback", caller.tenant, said.card, said.outcome, said.outcome_at, *parts)


def _kept(
    connection: Connection,
    keys: Keys,
    digest: str,
    said: Said,
    caller: Caller,
    service: str,
    at: str,
    events: list[Entry],
) -> bool:
    from caveat.service.store.entry import event
    from caveat.service.store.tables import table

    feedback = table("feedback")
    code, system, display = (encodable(part) for part in said.reason or ("", "", ""))
    found = shown_on(connection, keys, said.card, caller.tenant)
    patient = found[0].patient if found else ""
    plain = json.dumps({"comment": said.comment, "display": display}).encode()
    row = {
        "digest": digest,
        "card": said.card,
        "service": service,
        "issuer": caller.iss,
        "tenant": caller.tenant,
        "patient": patient,
        "rule": json.dumps(list(dict.fromkeys(one.finding.rule for one in found))),
        "outcome": said.outcome,
        "outcome_at": said.outcome_at,
        "accepted": json.dumps(said.accepted),
        "reason": code,
        "reason_system": system,
        "sealed": keys.seal(_SEALED, digest, plain),
        "first_at": at,
        "last_at": at,
        "times": 1,
    }
    again = {"times": feedback.c.times + 1, "last_at": at}
    statement = (
        inserting(connection, feedback)
        .values(row)
        .on_conflict_do_update(index_elements=["digest"], set_=again)
        .returning(feedback.c.times)
    )
    if connection.execute(statement).scalar_one() > 1:
        return False
    told = {"card": said.card, "outcome": said.outcome, "reason": code if system == SYSTEM else ""}
    events.append(event("feedback", caller, at, (patient,) if patient else (), told))
    if said.outcome == "overridden" and code and system == SYSTEM:
        for one in found:
            _overridden(connection, keys, said, one, caller, at, digest, events)
    return True


def _overridden(
    connection: Connection,
    keys: Keys,
    said: Said,
    one: ShownCard,
    caller: Caller,
    at: str,
    digest: str,
    events: list[Entry],
) -> None:
    assert said.reason is not None
    wanted = Wanted(
        patient="",
        finding=one.finding.finding,
        reason=said.reason[0],
        comment=said.comment,
        by=one.by,
        follow_up=said.follow_up,
        key=f"{digest} {one.finding.finding}",
    )
    try:
        events += keep_shown(connection, keys, wanted, one.finding, one.patient, caller, at)[1]
    except Refused:
        return  # the feedback is kept; an override would lack what its reason asks for
