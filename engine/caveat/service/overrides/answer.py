"""The answer to a correction: the record judged as sent and as corrected, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import Any, Final, cast

from caveat.errors import shorten
from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.facts.identify import Selection
from caveat.findings.reasons import REASONS, Reason, reason_of
from caveat.findings.report import Finding, Report
from caveat.render.json import dump
from caveat.service.live import Live
from caveat.service.overrides.corrections import TITLE, Changes, Given, changes, corrected
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Question
from caveat.service.rest.bodies import fields
from caveat.service.rest.judging import judge, judged
from caveat.service.rest.parameters import SELECTIONS
from caveat.service.rest.reading import fault_of_reject, one_patient

REQUIRED: Final = ("record", "correction")
GIVEN: Final = tuple(field.name for field in fields_of(Given))
OPTIONAL: Final = ("finding", "rule", "as_of", "selection", *GIVEN)
NOTHING_STORED: Final = "Nothing was written to the chart. Correct it there, or the alert comes back"


def answer(question: Question, live: Live) -> Answer:
    """The answer to a question of the kind `correction`. Raises Refused for what does not fit.

    What is audited is the record as corrected.
    """
    asked = fields(question.body, question.site, required=REQUIRED, optional=OPTIONAL)
    faults: list[Fault] = []
    names = ("correction", "finding", "rule", "selection", *GIVEN)
    given = {name: text(asked, name, faults, absent=name == "selection") or "" for name in names}
    orders = cast("Selection", given["selection"] or "active")
    if orders not in SELECTIONS:
        hint = f"One of: {', '.join(SELECTIONS)}"
        faults.append(Fault("unknown-value", "there is no such selection", "$.selection", orders[:40], hint))
    if "finding" not in asked and "rule" not in asked:
        hint = "Name the alert that the correction is about"
        faults.append(Fault("missing", "finding or rule is required", "$.finding", hint=hint))
    if faults:
        raise Refused(422, TITLE, tuple(faults))
    patient, rejects = one_patient(bytes(asked["record"]), live, question.site)
    day = ordinal(question.as_of)
    before, _ = judge(patient, live, day, orders)
    about = _about(before, live, given)
    reason = _reason(live, about, given)
    chart = Chart(patient, live.rules.terminology, as_of=day, selection=orders)
    made = corrected(chart, reason, Given(**{name: given[name] for name in GIVEN}))
    after, report = judge(made.patient, live, day, orders)
    body: dict[str, Any] = {
        "correction": {
            "code": reason.code,
            "display": reason.display,
            "rule": about,
            "applied": list(made.applied),
        },
        "changes": _changes(changes(before, after)),
        "report": report,
        "rejects": [fault_of_reject(one).plain() for one in rejects],
        "note": NOTHING_STORED,
    }
    return Answer(200, "application/json", dump(body), (judged(after, report),))


def text(asked: Mapping[str, Any], name: str, faults: list[Fault], *, absent: bool = False) -> str | None:
    """The text of a field; None where it is absent, a fault for anything else. `absent` lets null pass."""
    import msgspec

    if name not in asked:
        return None
    value = msgspec.json.decode(asked[name])
    if (isinstance(value, str) and value) or (value is None and absent):
        return value
    faults.append(Fault("not-text", "this must be text that is not empty", f"$.{name}"))
    return None


def _about(before: Report, live: Live, given: dict[str, str]) -> str:
    """The id of the rule that the correction is about."""
    if given["finding"]:
        found = next((f for f in before.findings if f.id == given["finding"]), None)
        if found is None:
            hint = "Send the record that was judged then, and as_of with it; or name the rule"
            raise _refused(404, "no-such-finding", "this record has no such finding", "finding", given, hint)
        if given["rule"] and given["rule"] != found.rule.id:
            raise _refused(409, "rule", f"the finding is of the rule {found.rule.id}", "rule", given)
        return found.rule.id
    if any(rule.id == given["rule"] for rule in live.rules.program.rules):
        return given["rule"]
    raise _refused(404, "no-such-rule", "no rule of that name is loaded", "rule", given)


def _reason(live: Live, rule: str, given: dict[str, str]) -> Reason:
    kind, code = live.rules.program.rule(rule).kind, given["correction"]
    found = reason_of(kind, code)
    if found is not None and found.category == "correction":
        return found
    if found is not None:
        said = f"{code!r} leaves the record as it is: that is an override"
        raise _refused(422, "is-an-override", said, "correction", given, "Send it to /v1/overrides")
    listed = ", ".join(r.code for r in REASONS[kind] if r.category == "correction")
    known = any(r.code == code and r.category == "correction" for rs in REASONS.values() for r in rs)
    said = f"{shorten(code)!r} is not a correction of the kind {kind}"
    raise _refused(409 if known else 422, "correction", said, "correction", given, f"One of: {listed}")


def _refused(
    status: int, code: str, message: str, name: str, given: dict[str, str], hint: str = ""
) -> Refused:
    return Refused(status, TITLE, (Fault(code, message, f"$.{name}", shorten(given[name]), hint),))


def _changes(found: Changes) -> dict[str, Any]:
    return {
        "gained": [_named(f) for f in found.gained],
        "lost": [{**_named(one.finding), "became": one.became} for one in found.lost],
        "still": [_named(f) for f in found.still],
        "cannot_assess": {
            "gained": [_named(f) for f in found.opened],
            "lost": [_named(f) for f in found.settled],
        },
    }


def _named(finding: Finding) -> dict[str, Any]:
    return {
        "finding": finding.id,
        "rule": finding.rule.id,
        "severity": finding.severity,
        "summary": finding.summary,
        "orders": list(finding.orders),
        "drugs": list(finding.drugs),
    }
