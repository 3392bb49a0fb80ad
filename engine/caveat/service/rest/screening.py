"""Screening: one document or the lines of a stream, each answered as it would be alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from caveat.adapters.reject import Reject
from caveat.evaluators.screen import ordinal
from caveat.facts.identify import Selection
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.render.json import dump
from caveat.render.shapes import ReportJSON
from caveat.service.live import Live
from caveat.service.overrides.matching import Matched
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Judged, Question
from caveat.service.rest.judging import judge, judged
from caveat.service.rest.media import FHIR, JSON, LINES
from caveat.service.rest.overridden import matched, overrides_json
from caveat.service.rest.reading import fault_of_reject, read_document

ERROR: Final = b'{"error":'
"""How a line of a stream begins that says why its document was not judged."""
REPORTS: Final = "X-Caveat-Reports"
"""Header of the answer to a part of a stream: how many reports it holds."""


@dataclass(frozen=True, slots=True)
class Screened:
    """One document judged. `bundle` says that it may hold any number of patients."""

    patients: tuple[Patient, ...]
    reports: tuple[Report, ...]
    plain: tuple[ReportJSON, ...]
    rejects: tuple[Reject, ...]
    bundle: bool
    matched: Matched = field(default_factory=Matched)

    def body(self) -> Any:
        """The answer as plain data: of a native record its report, of a Bundle a list of reports."""
        if not self.bundle:
            return self.plain[0]
        return {
            "reports": list(self.plain),
            "rejects": [fault_of_reject(one).plain() for one in self.rejects],
        }

    def judged(self) -> tuple[Judged, ...]:
        """What the audit trail keeps of it."""
        past = {**self.matched.active, **self.matched.noted}
        pairs = zip(self.reports, self.plain, strict=True)
        return tuple(judged(report, told, past) for report, told in pairs)


def parameter(question: Question, name: str, default: str = "") -> str:
    """A parameter of the question."""
    return dict(question.parameters).get(name, default)


def screened(data: bytes, question: Question, live: Live) -> Screened:
    """One document judged. Raises Refused where nobody could be."""
    found = read_document(data, live, question.site)
    day = ordinal(question.as_of)
    selection = cast("Selection", parameter(question, "selection", "active"))
    pairs = [judge(patient, live, day, selection) for patient in found.patients]
    return Screened(
        found.patients,
        tuple(report for report, _ in pairs),
        tuple(plain for _, plain in pairs),
        found.rejects,
        found.bundle,
    )


def screen(question: Question, live: Live) -> Answer:
    """The answer to one document, in the form that was asked for. Raises Refused where nobody was judged."""
    found = with_overrides(screened(question.body, question, live), question, live)
    if question.form == FHIR:
        from caveat.service.rest.fhir import fhir_bundle

        return Answer(200, FHIR, dump(fhir_bundle(found, question, live)), found.judged())
    body = dump(found.body())
    if question.form == LINES:
        body += b"\n" + trailer(1, len(found.plain), 0)
    return Answer(200, question.form or JSON, body, found.judged())


def with_overrides(found: Screened, question: Question, live: Live) -> Screened:
    """The same with what clinicians decided before; of several patients it is said not to be considered."""
    one = len(found.reports) == 1
    of = matched(found.reports, question)
    told = [overrides_json(of, patient, question, live, one=one) for patient in found.patients]
    plain = tuple(
        report if said is None else cast("ReportJSON", {**report, "overrides": said})
        for report, said in zip(found.plain, told, strict=True)
    )
    return replace(found, plain=plain, matched=of)


def stream(question: Question, live: Live) -> Answer:
    """The answers to some lines of a stream, one line each; blank lines have none.

    `first_line` numbers the first line of the body; `cut` numbers lines that were too long to be kept.
    """
    first = int(parameter(question, "first_line", "1"))
    cut = {int(number) for number in parameter(question, "cut").split()}
    lines: list[bytes] = []
    people: list[Judged] = []
    reports = 0
    for number, line in enumerate(question.body.split(b"\n"), first):
        if number in cut:
            lines.append(error_line(number, too_long()))
        elif line and not line.isspace():
            try:
                found = screened(line, question, live)
                lines.append(dump(found.body()) + b"\n")
                people += found.judged()
                reports += len(found.plain)
            except Refused as refusal:
                lines.append(error_line(number, refusal))
            except Exception as error:
                lines.append(error_line(number, failure(error)))
                people.append(Judged("", (), errors=1))
    return Answer(200, question.form, b"".join(lines), tuple(people), ((REPORTS, str(reports)),))


def error_line(number: int, refusal: Refused) -> bytes:
    """A line of the answer that says why a line was not judged."""
    return dump({"error": {"line": number, **refusal.problem()}}) + b"\n"


def failure(error: Exception) -> Refused:
    """A check that failed on one document; its message may quote the record and is not repeated."""
    why = f"interaction check failed, review manually ({type(error).__name__})"
    return Refused(500, "the check failed", (Fault("check-failed", why),))


def too_long() -> Refused:
    """A line that is longer than the site allows."""
    return Refused(
        413,
        "the line is longer than the site allows",
        (Fault("too-large", "this line was not kept and not judged", hint="Send fewer entries a record"),),
    )


def trailer(lines: int, reports: int, rejected: int) -> bytes:
    """The last line of a stream; one without it was cut short."""
    return dump({"lines": lines, "reports": reports, "rejected": rejected}) + b"\n"
