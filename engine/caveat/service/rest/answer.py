"""The answer of the REST service to a question: a pure function of the question and the rules."""

from __future__ import annotations

from caveat.service.live import Live
from caveat.service.question import Answer, Question
from caveat.service.rest.asking import explain, what_if
from caveat.service.rest.screening import screen, stream


def answer(question: Question, live: Live) -> Answer:
    """The answer to a question of kind screen, stream, explain or what-if. Raises Refused."""
    of_kind = {"screen": screen, "stream": stream, "explain": explain, "what-if": what_if}
    return of_kind[question.kind](question, live)
