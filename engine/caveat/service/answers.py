"""The answer to a question: a pure function of the question and the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from caveat.service.live import Live
from caveat.service.question import Answer, Judged, Question

if TYPE_CHECKING:
    from caveat.service.hooks.request import Call

HOOKS: Final = ("patient-view", "order-select", "order-sign")


def answer(question: Question, live: Live, call: Call | None = None) -> Answer:
    """The answer. Raises Refused for what is wrong with the question; anything else is a defect.

    `call` is the body of a hook's question where it was just read: `Call.kept()`, which says the same.
    """
    if question.kind in HOOKS:
        from caveat.service.hooks.answer import answer as of_hook

        return of_hook(question, live, call)
    if question.kind == "correction":
        from caveat.service.overrides.answer import answer as of_correction

        return of_correction(question, live)
    from caveat.service.rest.answer import answer as of_rest

    return of_rest(question, live)


def failed(question: Question, live: Live, why: str) -> Answer:
    """What is told when the check itself failed: never nothing, never an empty list of cards."""
    from uuid import NAMESPACE_URL, uuid5

    from caveat.render.json import dump

    summary = f"Interaction check failed, review manually (the check {why})"
    judged = (Judged("", (), errors=1),)
    if question.kind not in HOOKS:
        body = {
            "type": "about:blank",
            "title": summary,
            "status": 500,
            "errors": [{"code": "check-failed", "message": summary}],
        }
        return Answer(500, "application/problem+json", dump(body), judged)
    source = {"label": question.site.label, **({"url": question.site.url} if question.site.url else {})}
    card = {
        "uuid": str(uuid5(NAMESPACE_URL, f"{question.id} failed")),
        "summary": summary[:139],
        "indicator": "critical",
        "detail": "Nothing was checked. **Review this patient's medicines by hand.** "
        f"Evaluation {question.id}, rules {live.rules.digest[:19]}.",
        "source": source,
    }
    return Answer(200, "application/json", dump({"cards": [card]}), judged)
