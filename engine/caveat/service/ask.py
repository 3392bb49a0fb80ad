"""One call, from question to answer: judged, kept, counted, and only then told."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final

from caveat.service.answers import answer, failed
from caveat.service.live import Live
from caveat.service.log import where
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Question
from caveat.service.state import State
from caveat.service.store.base import AuditRefused, Caller

if TYPE_CHECKING:
    from caveat.service.hooks.request import Call

SHARE: Final = 0.8
"""The part of the time a call may take that judging may use: the rest is for keeping and telling it."""
INLINE: Final = 64 * 1024
"""Bytes of a question up to which it is judged at once; a larger one does not hold up the others."""
STREAMED: Final = 1024 * 1024
"""The same for a part of a stream, where none of its lines is longer than INLINE."""


async def ask(
    state: State,
    question: Question,
    caller: Caller,
    *,
    live: Live | None = None,
    call: Call | None = None,
) -> Answer:
    """The answer, after it was kept in the audit trail.

    A failure of the check itself is an answer that says so. Raises Refused for what is wrong with
    the question, and with 503 when nothing can be kept: what is not kept is not told. `call` is the
    body of a hook's question, where it was read before.
    """
    rules = live or state.holder.live
    began = perf_counter()
    found = await _answered(state, question, rules, call)
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
                    "the database is away, and the spool is full or cannot be written",
                    hint="Review by hand until the database is back",
                ),
            ),
            (("Retry-After", "30"),),
        ) from None
    state.metrics.answered(question.kind, found, microseconds / 1e6, kept)
    return found


def _is_short(question: Question, size: int) -> bool:
    """Whether it is judged at once, in the event loop."""
    if question.kind != "stream" or size <= INLINE:
        return question.kind != "what-if" and size <= INLINE
    return size <= STREAMED and max(map(len, question.body.split(b"\n"))) <= INLINE


async def _answered(state: State, question: Question, live: Live, call: Call | None) -> Answer:
    size = len(question.body) + sum(len(value) for _, value in question.fetched)
    work = partial(answer, question, live, call)
    try:
        if _is_short(question, size):
            return work()
        return await state.aside.run(work, state.config.limits.seconds * SHARE)
    except Refused:
        raise
    except TimeoutError:
        state.log.error("check-timed-out", kind=question.kind, evaluation=question.id)
        return failed(question, live, "ran out of time")
    except Exception as error:
        state.log.error("check-failed", kind=question.kind, evaluation=question.id, error=where(error))
        return failed(question, live, f"stopped with {type(error).__name__}")
