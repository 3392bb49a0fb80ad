"""What a clinician may do at once: change or remove the draft, correct the record, record the issue.

Only drafts are changed. Each suggestion has its actions, and a resource in an action is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from caveat.findings.reasons import NOT_LACTATING, NOT_PREGNANT
from caveat.findings.report import Finding, Report
from caveat.render.alert import product_words
from caveat.render.cds.detail import UNIMPORTANT, corrections
from caveat.render.cds.dosage import with_dosage, without_empty
from caveat.render.cds.ids import derived
from caveat.render.cds.view import CardView
from caveat.render.fhir.parts import coding, patient_reference
from caveat.render.markdown import plain
from caveat.render.products import products

LABEL: Final = 120
_ID: Final = re.compile(r"[A-Za-z0-9\-._~:]{1,128}")
_SHARED: Final[tuple[str, ...]] = (
    "subject",
    "encounter",
    "requester",
    "recorder",
    "basedOn",
    "groupIdentifier",
    "reasonCode",
)
_LOINC: Final = "http://loinc.org"
_ANSWERS: Final = {
    NOT_PREGNANT.code: (("82810-3", "Pregnancy status"), ("LA26683-5", "Not pregnant")),
    NOT_LACTATING.code: (
        ("63895-7", "Breastfeeding status"),
        ("LA29253-4", "Not currently breastfeeding"),
    ),
}

Found = tuple[str, str, list[dict[str, Any]]]
"""A name for the id, the label, and the actions."""


def suggestions(finding: Finding, report: Report, view: CardView, card: str) -> list[dict[str, Any]]:
    """The suggestions of an alert: what the rule proposes, removal of drafts, corrections, the issue.

    `card` is the uuid of the card that they are on.

    At most one is recommended: the first that the rule proposes, else the removal of the only
    draft where the medicine must not be used.
    """
    proposed = list(_proposed(finding, view))
    removals = list(_removals(finding, view, {found[0] for found in proposed}))
    others = [*_corrections(finding, view), *_issue(finding, report, view)]
    recommended = 1 if proposed or (finding.severity == "contraindicated" and len(removals) == 1) else 0
    made = []
    for index, (name, label, actions) in enumerate((*proposed, *removals, *others)):
        one: dict[str, Any] = {
            "label": plain(label, LABEL),
            "uuid": derived(view.base, "suggestion", card, name),
            "actions": actions,
        }
        if index < recommended:
            one["isRecommended"] = True
        made.append(one)
    return made


def _proposed(finding: Finding, view: CardView) -> Iterator[Found]:
    """What the rule itself proposes for the judged order, where that is a draft."""
    draft = _draft(finding, 0, view)
    if draft is None or not _codings_whole(draft):
        return  # what a client sent damaged is not sent back as something to take over
    for suggestion in getattr(finding.rule, "suggestions", ()):
        label = suggestion.label
        if suggestion.kind == "dose":
            if any(len(product.ingredients) > 1 for product in products(finding)[:1]):
                continue  # a dose in mg does not say how many of a combination product to take
            changed = with_dosage(draft, suggestion.dose, suggestion.frequency)
            if changed is None:
                continue
            text = plain(f"{label}. The quantity to dispense stays as it is", LABEL * 2)
            action: dict[str, Any] = {"type": "update", "description": text, "resource": changed}
            yield suggestion.id, label, [action]
        elif suggestion.kind == "alternative" and suggestion.ingredient:
            new = _alternative(draft, suggestion.ingredient, view)
            text = plain(f"Draft {new['medicationCodeableConcept']['text']}; dose and route are yours to set")
            create = {"type": "create", "description": text, "resource": new}
            yield suggestion.id, label, [_delete(draft, finding, 0), create]
        elif suggestion.kind == "cancel":
            yield "cancel:0", label, [_delete(draft, finding, 0)]


def _codings_whole(value: Any) -> bool:
    """Whether every Coding of a resource has a code and a system."""
    if isinstance(value, list):
        return all(_codings_whole(one) for one in value)
    if not isinstance(value, dict):
        return True
    for key, inner in value.items():
        if key == "coding" and not (
            isinstance(inner, list)
            and all(isinstance(one, dict) and one.get("code") and one.get("system") for one in inner)
        ):
            return False
    return all(_codings_whole(inner) for inner in value.values())


def _removals(finding: Finding, view: CardView, taken: set[str]) -> Iterator[Found]:
    """Removal of each draft that the alert is about, where the alert is more than a note."""
    if finding.severity in UNIMPORTANT:
        return
    for index in range(len(finding.orders)):
        draft = _draft(finding, index, view)
        if draft is not None and f"cancel:{index}" not in taken:
            yield (
                f"cancel:{index}",
                f"Remove the draft: {_named(finding, index)}",
                [_delete(draft, finding, index)],
            )


def _corrections(finding: Finding, view: CardView) -> Iterator[Found]:
    """An Observation that says what the record lacks or has wrong, where its codes are known."""
    for reason in corrections(finding):
        found = _ANSWERS.get(reason.code)
        if found is None:
            continue
        (code, display), (answer, shown) = found
        resource = {
            "resourceType": "Observation",
            "status": "final",
            "code": coding(_LOINC, code, display),
            "subject": patient_reference(view.patient),
            "effectiveDateTime": view.at,
            "valueCodeableConcept": coding(_LOINC, answer, shown),
        }
        label = f"{reason.display}: record it"
        action = {
            "type": "create",
            "description": f"Record: {shown.lower()}, as of now",
            "resource": resource,
        }
        yield f"correct:{reason.code}", label, [action]


def _issue(finding: Finding, report: Report, view: CardView) -> Iterator[Found]:
    if view.detected_issue:
        from caveat.render.fhir.detected_issue import detected_issue

        resource = detected_issue(finding, report, view)
        action = {
            "type": "create",
            "description": "Record this alert as a detected issue",
            "resource": resource,
        }
        yield "issue", "Record the issue and go on", [action]


def _draft(finding: Finding, index: int, view: CardView) -> Mapping[str, Any] | None:
    """The draft of an order; None where it is none or has no id that a reference can hold."""
    if index >= len(finding.orders):
        return None
    found = view.drafts.get(finding.orders[index])
    if found is None:
        return None
    kind, name = found.get("resourceType"), found.get("id")
    named = isinstance(kind, str) and kind.isalpha() and isinstance(name, str) and _ID.fullmatch(name)
    return found if named else None


def _delete(draft: Mapping[str, Any], finding: Finding, index: int) -> dict[str, Any]:
    return {
        "type": "delete",
        "description": plain(f"Remove the draft: {_named(finding, index)}"),
        "resourceId": f"{draft['resourceType']}/{draft['id']}",
    }


def _named(finding: Finding, index: int) -> str:
    shown = products(finding)
    if index < len(shown):
        return product_words(shown[index])
    return ", ".join(finding.named) or finding.orders[index]


def _alternative(draft: Mapping[str, Any], ingredient: str, view: CardView) -> dict[str, Any]:
    """A draft of another medicine for the same patient and reason, without dose or route."""
    codes = view.codes.get(ingredient, ())
    name = codes[0][2] if codes and codes[0][2] else ingredient.replace("-", " ")
    medicine: dict[str, Any] = {"text": name}
    if codes:
        medicine["coding"] = [{"system": s, "code": c, "display": d or name} for s, c, d in codes]
    whole = without_empty(draft) or {}
    shared = {key: whole[key] for key in _SHARED if key in whole}
    intent = whole.get("intent")
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": intent if intent in ("proposal", "plan", "order") else "order",
        "medicationCodeableConcept": medicine,
        "subject": patient_reference(view.patient),
        **shared,
    }
