"""Findings, reports and views that the tests of cards and of FHIR resources are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from caveat.compile.program import Citation, Regraded, Suggestion, Texts
from caveat.findings.basis import Basis, Details, Missing, Unchecked
from caveat.findings.report import Finding, Report
from caveat.findings.severity import Status
from caveat.render.cds.view import CardView

BASE = "6f1d1c2e-0d4b-4b6e-9a6e-1d2f3a4b5c6d"
AT = "2026-01-15T10:00:00.000Z"
DRAFT: Mapping[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Lioresal 10 mg tablet"},
    "subject": {"reference": "Patient/p1"},
    "dosageInstruction": [
        {
            "text": "one tablet three times a day",
            "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
            "route": {"text": "oral"},
            "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
        }
    ],
}


@dataclass(frozen=True)
class Rule:
    """What a finding needs to know of its rule."""

    id: str = "a.b.c"
    kind: str = "precaution"
    severity: str = "major"
    status: str = "draft"
    title: str = "Baclofen with poor renal function"
    covers: tuple[str, ...] = ()
    texts: Texts = Texts("Baclofen with clearance 24 mL/min", "It accumulates.", "Avoid.", "Watch.", "Tell.")  # noqa: RUF009
    evidence: tuple[Citation, ...] = (Citation("book", "renal", "says", "2026-01-01", "B"),)
    interaction: tuple[tuple[str, str], ...] = ()
    onset: str | None = None
    confidence: str = "unknown"
    suggestions: tuple[Suggestion, ...] = ()
    regraded: Regraded | None = None


@dataclass(frozen=True)
class Told:
    """An override as a store would hand it over."""

    id: str = "v1"
    reason: str = "tolerated-so-far"
    comment: str = "Watched weekly"
    by: str = "Practitioner/7"
    created: str = "2026-01-10T08:00:00Z"
    expires: str | None = "2026-02-10T08:00:00Z"


CLEARANCE = Basis("creatinine_clearance", "24 mL/min", "2026-01-10", "Observation/9")
NO_CREATININE = Missing("creatinine_clearance", "not recorded", ("serum_creatinine", "weight"))
UNCHECKED = Unchecked("with-specialist", "It is watched", (Missing("specialist_oversight", "not recorded"),))


def finding(
    status: Status = Status.FIRES,
    *,
    orders: tuple[str, ...] = ("o1",),
    drugs: tuple[str, ...] = ("baclofen",),
    product: str = "Lioresal 10 mg tablet",
    because: tuple[Basis, ...] = (CLEARANCE,),
    missing: tuple[Missing, ...] | None = None,
    unchecked: tuple[Unchecked, ...] = (),
    tier: str = "interruptive",
    suppressed_by: str | None = None,
    error: str | None = None,
    **rule: Any,
) -> Finding:
    """A finding; further arguments are of its rule."""
    lacks = (NO_CREATININE,) if status is Status.CANNOT_ASSESS else ()
    details = Details(because, lacks if missing is None else missing, unchecked, ())

    def fill(text: str) -> str:
        for owner in ("order", "other"):
            text = text.replace(f"{{{owner}.name}}", product)
            text = text.replace(f"{{{owner}.ingredient}}", ", ".join(drugs))
        return text

    made = Rule(**rule)
    return Finding(made, status, orders, (), drugs, details, suppressed_by, error, tier, fill)


def report(*findings: Finding, **parts: Any) -> Report:
    """A report with the findings."""
    return Report("p1", "2026-01-15", "7", "sha256:" + "a" * 64, findings, 212, **parts)


def view(**parts: Any) -> CardView:
    """How the cards are made."""
    fields = {
        "base": BASE,
        "patient": "p1",
        "as_of": "2026-01-15",
        "at": AT,
        "label": "caveat",
        "sources": {"book": "The Book. Second edition"},
    }
    return CardView(**(fields | parts))


def empties(value: Any, path: str = "$") -> Iterator[str]:
    """The path of every null, empty text, empty list and empty object."""
    if value is None or value in ("", [], {}):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from empties(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from empties(item, f"{path}[{index}]")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, as the service says it."""

    code: str = "missing"
    message: str = "a key is missing"
    path: str = "$.context.patientId"
    value: str = ""
    hint: str = field(default="")
