"""A record corrected in one point, and what that changes in what the rules conclude.

Nothing is written anywhere: the chart has to be corrected where it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from pydantic import ValidationError

from caveat.dates import When, parse_when
from caveat.errors import DateError, UnitError, shorten
from caveat.facts.allergies import allergy_views
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.clinical import Allergy, Coded, Condition, Observation, Order
from caveat.facts.measure import base_interval
from caveat.facts.observed import STATED, observed
from caveat.facts.patient import Patient
from caveat.facts.problems_list import match, named
from caveat.facts.values import Quantity, quantity
from caveat.findings.reasons import Reason
from caveat.findings.report import Finding, Report
from caveat.findings.severity import Status
from caveat.rules.diagnostics import did_you_mean
from caveat.service.problems import Fault, Refused

TITLE: Final = "this correction cannot be made"
Became = Literal["cleared", "cannot-assess", "excepted", "suppressed", "error"]
ALSO: Final[dict[str, tuple[str, ...]]] = {"no-longer-taking": ("at",)}
"""By correction, what may be given beside what is asked for."""
_DROPPED: Final = ("refuted", "entered-in-error")


@dataclass(frozen=True, slots=True)
class Given:
    """What a correction says besides its code; which of it is needed, the reason's `asks` tell."""

    fact: str = ""
    value: str = ""
    at: str = ""
    order: str = ""
    condition: str = ""
    allergy: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Corrected:
    """The patient with the correction, and in words what was changed."""

    patient: Patient
    applied: tuple[str, ...]


def corrected(chart: Chart, reason: Reason, given: Given) -> Corrected:
    """The patient of the chart with the correction applied.

    Raises Refused: 422 for what the reason asks for and is not there, or is given and not asked for,
    404 for an entry that the record does not have, 409 for what contradicts the record or the day.
    """
    if reason.category != "correction":
        raise _refused("reason", f"{reason.code!r} is not a correction", "$.correction")
    lacking = _unasked(reason, given) + tuple(
        Fault("missing", f"the correction {reason.code} needs {name}", f"$.{name}")
        for name in reason.asks
        if not getattr(given, name)
    )
    if lacking:
        raise Refused(422, TITLE, lacking)
    patient = chart.patient
    match reason.code:
        case "not-pregnant":
            return _not(chart, "pregnant", "pregnancy")
        case "not-lactating":
            return _not(chart, "lactating", "lactation")
        case "newer-result":
            return _newer(chart, given)
        case "condition-not-present":
            return _without(chart, given.condition)
        case "allergy-refuted" | "intolerance-only":
            return _allergy(chart, reason.code, given.allergy)
    changes: dict[str, Any]
    match reason.code:
        case "no-longer-taking":
            today = When(chart.day, chart.as_of, chart.as_of)
            changes = {"status": "stopped", "stop": _day(given.at, chart) if given.at else today}
        case "not-taken":
            changes = {"status": "entered-in-error"}
        case "still-taking":
            changes = {"status": "active", "stop": None}
        case "was-tapered":
            changes = {"tapered": True}
        case "other-indication":
            changes = {"indication": (Coded(text=given.text),)}
        case _:
            raise NotImplementedError(f"the correction {reason.code} is offered and cannot be made")
    return _order(patient, given.order, changes)


def _unasked(reason: Reason, given: Given) -> tuple[Fault, ...]:
    """Faults for what no part of this correction reads: it may have been meant for something."""
    read = {*reason.asks, *ALSO.get(reason.code, ())}
    return tuple(
        Fault("not-read", f"the correction {reason.code} does not read {field.name}", f"$.{field.name}")
        for field in fields(given)
        if getattr(given, field.name) and field.name not in read
    )


def _refused(
    code: str, message: str, path: str, value: str = "", hint: str = "", *, status: int = 409
) -> Refused:
    return Refused(status, TITLE, (Fault(code, message, path, shorten(value, 80), hint),))


def _no_such(what: str, wanted: str, hint: str) -> Refused:
    said = f"the record has no such {what}"
    return _refused(f"no-such-{what}", said, f"$.{what}", wanted, hint, status=404)


def _not(chart: Chart, fact: str, kind: str) -> Corrected:
    """Neither the statement nor an entry of the problem list says so any more."""
    conditions, changed = _refuted(chart, lambda c: kind in match(chart, c.codes, c.text).sets)
    applied = (f"{fact}: false", *changed)
    return Corrected(chart.patient.model_copy(update={fact: False, "conditions": conditions}), applied)


def _without(chart: Chart, wanted: str) -> Corrected:
    kind = wanted.removeprefix("condition:")

    def meant(condition: Condition) -> bool:
        if wanted in (condition.id, named(condition.codes, condition.text)):
            return True
        return kind in match(chart, condition.codes, condition.text).sets

    conditions, changed = _refuted(chart, meant)
    if not changed:
        hint = "Name it by its id, as recorded, or as the fact of the alert (condition:epilepsy)"
        raise _no_such("condition", wanted, hint)
    return Corrected(chart.patient.model_copy(update={"conditions": conditions}), changed)


def _refuted(chart: Chart, meant: Any) -> tuple[tuple[Condition, ...] | None, tuple[str, ...]]:
    if chart.patient.conditions is None:
        return None, ()
    found, changed = [], []
    for condition in chart.patient.conditions:
        if condition.verification not in _DROPPED and meant(condition):
            changed.append(f"condition {named(condition.codes, condition.text)}: refuted")
            condition = condition.model_copy(update={"verification": "refuted"})
        found.append(condition)
    return tuple(found), tuple(changed)


def _allergy(chart: Chart, code: str, wanted: str) -> Corrected:
    views = allergy_views(chart) or ()
    meant = [v.allergy for v in views if wanted in (v.id, v.name)]
    if not meant:
        hint = "Name it by its id or as recorded"
        raise _no_such("allergy", wanted, hint)
    change = {"verification": "refuted"} if code == "allergy-refuted" else {"type": "intolerance"}
    word = next(iter(change.values()))
    kept: list[Allergy] = []
    for allergy in chart.patient.allergies or ():
        mine = any(allergy is one for one in meant)
        kept.append(allergy.model_copy(update=change) if mine else allergy)
    applied = tuple(f"allergy {named(one.codes, one.text)}: {word}" for one in meant)
    return Corrected(chart.patient.model_copy(update={"allergies": tuple(kept)}), applied)


def _order(patient: Patient, wanted: str, changes: dict[str, Any]) -> Corrected:
    orders = patient.orders or ()
    found = next((order for order in orders if order.id == wanted), None)
    if found is None:
        known = ", ".join(order.id for order in orders[:10]) or "none"
        raise _no_such("order", wanted, f"Orders: {known}")
    try:
        changed = Order.model_validate({**found.__dict__, **changes})
    except ValidationError as error:
        said = "; ".join(str(item["msg"]) for item in error.errors(include_input=False, include_url=False))
        raise _refused(
            "does-not-fit", f"the order cannot be so: {said}", "$.at", hint="Give another day"
        ) from None
    kept = tuple(changed if order is found else order for order in orders)
    what = named(found.codes, found.text) or ", ".join(found.ingredients or ())
    applied = tuple(f"order {what}: {name} {_plain(value)}" for name, value in changes.items())
    return Corrected(patient.model_copy(update={"orders": kept}), applied)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    return "not recorded" if value is None else str(value)


def _newer(chart: Chart, given: Given) -> Corrected:
    concept = concept_named(chart, given.fact)
    value, at = _value(chart, concept, given.value), _day(given.at, chart)
    entries = [e for e in observed(chart).get(concept, ()) if not _undated(chart.patient, concept, e.path)]
    for entry in entries:
        if entry.at is not None and not _after(at, entry.at):
            said = f"the record has {concept} of {entry.at}, so a result of {at} is not newer"
            raise _refused(
                "not-newer", said, "$.at", given.at, "Give the time of day too where both are of one day"
            )
    result = Observation(concept=concept, value=value, at=at, source="correction")
    update: dict[str, Any] = {"observations": (*(chart.patient.observations or ()), result)}
    if concept in STATED and _undated(chart.patient, concept, f"$.{concept}"):
        update[concept] = None  # what was stated as current is not any more
    return Corrected(chart.patient.model_copy(update=update), (f"{concept}: {value} on {at}",))


def concept_named(chart: Chart, name: str) -> str:
    """The observation that a name, label or fact means. Raises Refused where there is none."""
    tables = chart.terminology.tables
    if name in tables.observations or name in STATED:
        return name
    found = chart.terminology.observation_named(name)
    if found is None:
        hint = (
            did_you_mean(name, (*tables.observations, *STATED))
            or "Give a measured fact, such as serum_creatinine"
        )
        said = "there is no measured fact of that name"
        raise _refused("no-such-fact", said, "$.fact", name, hint, status=404)
    return found


def _value(chart: Chart, concept: str, text: str) -> Quantity:
    fact = number_fact(concept, chart.terminology)
    try:
        value = quantity(text)
    except ValueError as error:
        raise _refused("value", shorten(str(error), 200), "$.value", text, status=422) from None
    try:
        if fact is not None:
            base_interval(value, fact.unit, fact.analyte)
    except UnitError as error:
        unit = fact.unit if fact is not None else "1"
        hint = f"{concept} is given in {unit} or a unit that converts to it"
        raise _refused("value", shorten(str(error), 200), "$.value", text, hint) from None
    return value


def _day(text: str, chart: Chart) -> When:
    try:
        at = parse_when(text)
    except DateError as error:
        raise _refused("date", str(error), "$.at", text, status=422) from None
    if not at.is_exact:
        raise _refused("date", "at must be one whole day, or an instant", "$.at", text, status=422)
    if at.first > chart.as_of:
        raise _refused("date", f"{text} lies after {chart.day}, the day that is judged for", "$.at", text)
    return at


def _undated(patient: Patient, concept: str, path: str) -> bool:
    """Whether that entry is the shortcut that states a current value without a date."""
    stated = getattr(patient, concept, None) if concept in STATED else None
    return stated is not None and stated.at is None and path == f"$.{concept}"


def _after(one: When, other: When) -> bool:
    if one.first > other.last:
        return True
    known = one.instant is not None and other.instant is not None
    return known and one.instant > other.instant  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Lost:
    """An alert that is none any more, and what became of it."""

    finding: Finding
    became: Became


@dataclass(frozen=True, slots=True)
class Changes:
    """Alerts before and after, by rule and subject; `opened` and `settled` are what cannot be assessed."""

    gained: tuple[Finding, ...]
    lost: tuple[Lost, ...]
    still: tuple[Finding, ...]
    opened: tuple[Finding, ...]
    settled: tuple[Finding, ...]


def changes(before: Report, after: Report) -> Changes:
    """What differs. An alert that can no longer be assessed was not cleared, and is said so."""
    old, new = _keyed(before.alerts), _keyed(after.alerts)
    open_before, open_after = _keyed(before.cannot_assess), _keyed(after.cannot_assess)
    whole = _keyed(after.findings)
    return Changes(
        gained=tuple(f for key, f in new.items() if key not in old),
        lost=tuple(Lost(f, _became(whole.get(key))) for key, f in old.items() if key not in new),
        still=tuple(f for key, f in new.items() if key in old),
        opened=tuple(f for key, f in open_after.items() if key not in open_before),
        settled=tuple(f for key, f in open_before.items() if key not in open_after),
    )


def _keyed(findings: Sequence[Finding]) -> dict[tuple[Any, ...], Finding]:
    return {(f.rule.id, f.orders, f.allergies): f for f in findings}


def _became(finding: Finding | None) -> Became:
    if finding is None:
        return "cleared"
    if finding.suppressed_by is not None:
        return "suppressed"
    if finding.status is Status.CANNOT_ASSESS:
        return "cannot-assess"
    if finding.status is Status.EXCEPTED:
        return "excepted"
    return "error" if finding.status is Status.ERROR else "cleared"
