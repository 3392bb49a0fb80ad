"""What was concluded as a FHIR R4 Bundle: a DetectedIssue an alert, a GuidanceResponse a patient."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from caveat.facts.clinical import Allergy, Order
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.render.cds.codes import fact_codes
from caveat.render.cds.ids import derived
from caveat.render.cds.view import CardView
from caveat.render.fhir.guidance_response import bundle
from caveat.render.fhir.operation_outcome import operation_outcome
from caveat.service.live import Live
from caveat.service.question import Question
from caveat.service.rest.reading import fault_of_reject
from caveat.service.rest.screening import Screened

_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64}")


def fhir_bundle(found: Screened, question: Question, live: Live) -> dict[str, Any]:
    """One collection for all patients of a document; what was set aside is an OperationOutcome in it."""
    codes = fact_codes(live.rules)
    entries: list[dict[str, Any]] = []
    for number, (patient, report) in enumerate(zip(found.patients, found.reports, strict=True)):
        view = _view(found, patient, report, number, question, live, codes)
        entries += bundle(report, view)["entry"]
    if found.rejects:
        outcome = operation_outcome([fault_of_reject(one) for one in found.rejects])
        identity = derived(question.id, "rejects")
        entries.append({"fullUrl": f"urn:uuid:{identity}", "resource": {**outcome, "id": identity}})
    return {
        "resourceType": "Bundle",
        "id": derived(question.id, "bundle"),
        "type": "collection",
        "timestamp": question.at,
        "entry": entries,
    }


def _view(
    found: Screened,
    patient: Patient,
    report: Report,
    number: int,
    question: Question,
    live: Live,
    codes: Mapping[str, Any],
) -> CardView:
    """How the resources of one patient are made: ids differ from patient to patient."""
    return CardView(
        base=derived(question.id, "patient", str(number)),
        patient=report.patient,
        as_of=question.as_of,
        at=question.at,
        label=question.site.label,
        sources=live.sources,
        url=question.site.url,
        references=dict(_references(patient)),
        fact_codes=codes,
        overridden={**found.matched.active, **found.matched.noted},
        lapsed=found.matched.lapsed,
        considered=len(found.reports) == 1 and question.overrides is not None,
    )


def _references(patient: Patient) -> Iterator[tuple[str, str]]:
    """The FHIR references of orders and allergies, where the record was read from FHIR."""
    entries: tuple[Order | Allergy, ...] = (*(patient.orders or ()), *(patient.allergies or ()))
    for one in entries:
        if one.id and one.source and _REFERENCE.fullmatch(one.source):
            yield one.id, one.source
