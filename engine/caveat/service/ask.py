"""One call, from question to answer: judged, kept, counted, and only then told."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Final

from caveat.service.answers import answer, failed
from caveat.service.live import Live
from caveat.service.log import where
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Question
from caveat.service.state import State
from caveat.service.store.base import AuditRefused, Caller

SHARE: Final = 0.8
"""The part of the time a call may take that judging may use: the rest is for keeping and telling it."""
STREAMED: Final = 1024 * 1024
"""The same for a part of a stream, whose lines are many and small."""
INLINE: Final = 64 * 1024
"""Bytes of a question up to which it is judged at once; a larger one does not hold up the others."""


async def ask(state: State, question: Question, caller: Caller, *, live: Live | None = None) -> Answer:
    """The answer, after it was kept in the audit trail.

    A failure of the check itself is an answer that says so. Raises Refused for what is wrong with
    the question, and with 503 when nothing can be kept: what is not kept is not told.
    """
    rules = live or state.holder.live
    began = perf_counter()
    found = await _answered(state, question, rules)
    microseconds = int((perf_counter() - began) * 1e6)
    try:
        kept = await state.store.record(
            question,
            found,
            caller,
            ruleset=rules.rules.digest,
            microseconds=microseconds,
            policy=rules.rules.policy,
        )
    except AuditRefused:
        state.log.error("audit-refused", kind=question.kind)
        state.metrics.refused("audit-refused")
        raise Refused(
            503,
            "nothing is answered while the audit trail cannot be written",
            (
                Fault(
                    "audit-refused",
                    "the database is away and the spool is full",
                    hint="Review by hand until the database is back",
                ),
            ),
            (("Retry-After", "30"),),
        ) from None
    state.metrics.answered(question.kind, found, microseconds / 1e6, kept)
    return found


async def _answered(state: State, question: Question, live: Live) -> Answer:
    size = len(question.body) + sum(len(value) for _, value in question.fetched)
    work = partial(answer, question, live)
    try:
        if question.kind != "what-if" and size <= (STREAMED if question.kind == "stream" else INLINE):
            return work()
        return await asyncio.wait_for(asyncio.to_thread(work), state.config.limits.seconds * SHARE)
    except Refused:
        raise
    except TimeoutError:
        state.log.error("check-timed-out", kind=question.kind, evaluation=question.id)
        return failed(question, live, "ran out of time")
    except Exception as error:
        state.log.error("check-failed", kind=question.kind, evaluation=question.id, error=where(error))
        return failed(question, live, f"stopped with {type(error).__name__}")
