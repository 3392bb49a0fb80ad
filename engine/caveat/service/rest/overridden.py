"""What overrides mean for a report that the REST service tells."""

from __future__ import annotations

from typing import Final

from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.render.shapes import OverridesJSON
from caveat.service.live import Live
from caveat.service.overrides.follow_ups import notices
from caveat.service.overrides.matching import Matched, match
from caveat.service.question import Question


def matched(reports: tuple[Report, ...], question: Question) -> Matched:
    """The overrides that matter to a document about one patient; none where there are several."""
    if len(reports) != 1 or not question.overrides:
        return Matched()
    return match(reports[0], question.overrides)


def overrides_json(
    found: Matched, patient: Patient, question: Question, live: Live, *, one: bool
) -> OverridesJSON | None:
    """The same as plain data; None where they were considered and there is nothing to say.

    `one` says that the document is about this patient alone.
    """
    if one and question.overrides == ():
        return None
    promised = [each for each in question.overrides or () if each.follow_up is not None] if one else []
    overdue: list[str] = []
    if promised:
        chart = Chart(patient, live.rules.terminology, as_of=ordinal(question.as_of))
        overdue = [each.text for each in notices(promised, chart) if each.state == "overdue"]
    told: OverridesJSON = {
        "considered": one and question.overrides is not None,
        "active": [
            {
                "finding": finding,
                "override": override.id,
                "reason": override.reason,
                "by": override.by,
                "created": override.created,
                "expires": override.expires,
                "suppresses": finding in found.active,
            }
            for finding, override in sorted({**found.active, **found.noted}.items())
        ],
        "lapsed": [
            {"finding": finding, "override": override.id, "changed": changed}
            for finding, (override, changed) in sorted(found.lapsed.items())
        ],
        "overdue": overdue,
    }
    return told if told != _NOTHING else None


_NOTHING: Final[OverridesJSON] = {"considered": True, "active": [], "lapsed": [], "overdue": []}
