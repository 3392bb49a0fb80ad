"""The answer to a question: a pure function of the question and the rules."""

from __future__ import annotations

from caveat.service.live import Live
from caveat.service.question import Answer, Question

HOOKS = ("patient-view", "order-select", "order-sign")


def answer(question: Question, live: Live) -> Answer:
    """The answer. Raises Refused for what is wrong with the question; anything else is a defect."""
    if question.kind in HOOKS:
        from caveat.service.hooks.answer import answer as of_hook

        return of_hook(question, live)
    from caveat.service.rest.answer import answer as of_rest

    return of_rest(question, live)
