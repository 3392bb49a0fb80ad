"""Explaining one rule on a record, and the values at which what is concluded changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from caveat.errors import CaveatError, InputError, shorten
from caveat.evaluators.screen import ordinal
from caveat.facts.identify import Selection
from caveat.facts.patient import Patient
from caveat.render.json import dump
from caveat.service.live import Live
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Judged, Question, Shown
from caveat.service.rest.bodies import fault_of, fields
from caveat.service.rest.judging import judge, judged
from caveat.service.rest.media import JSON
from caveat.service.rest.reading import fault_of_reject, one_patient
from caveat.service.rest.screening import parameter

NO_ORDER = "unknown-order"
EXPLAIN_FIELDS = (("record", "rule"), ("as_of", "selection", "order"))
WHAT_IF_FIELDS = (("record",), ("as_of", "selection", "set", "facts"))


@dataclass(slots=True)
class Asked:
    """A body being read: its fields, its one patient, and what is wrong with it so far."""

    given: dict[str, Any]
    patient: Patient | None = None
    rejects: list[dict[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    status: int = 422

    @staticmethod
    def of(question: Question, live: Live, names: tuple[tuple[str, ...], tuple[str, ...]]) -> Asked:
        """The body of a question. Raises Refused for a body that is no object of these fields."""
        found = Asked(fields(question.body, question.site, required=names[0], optional=names[1]))
        try:
            found.patient, rejects = one_patient(bytes(found.given["record"]), live, question.site)
            found.rejects = [fault_of_reject(one).plain() for one in rejects]
        except Refused as refusal:
            found.status = refusal.status
            found.faults += refusal.faults
        return found

    def text(self, name: str) -> str | None:
        """A text; a fault for anything else."""
        value = self._decoded(name)
        if value is not None and not (isinstance(value, str) and value):
            self._fault("not-text", "this must be text that is not empty", name)
            return None
        return value

    def texts(self, name: str) -> list[str] | None:
        """A list of texts; a fault for anything else."""
        value = self._decoded(name)
        if value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            return value
        self._fault("not-facts", "this must be a list of names of facts", name)
        return None

    def changes(self, name: str) -> dict[str, str]:
        """Facts by name, each a text; a fault for anything else."""
        value = self._decoded(name)
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
            return value
        hint = 'Write {"creatinine_clearance": "35 mL/min"}; unknown takes a fact away'
        self._fault("not-facts", "this must be an object of facts as text", name, hint)
        return {}

    def missed(self, fault: Fault) -> None:
        """A name that is known nowhere: 404, where nothing else is wrong."""
        if not self.faults:
            self.status = 404
        self.faults.append(fault)

    def settled(self) -> Patient:
        """The patient. Raises Refused with every fault where there is any."""
        if self.faults or self.patient is None:
            raise Refused(self.status, "the body does not fit", tuple(self.faults))
        return self.patient

    def _fault(self, code: str, message: str, name: str, hint: str = "") -> None:
        self.faults.append(Fault(code, message, f"$.{name}", hint=hint))

    def _decoded(self, name: str) -> Any:
        import msgspec

        return msgspec.json.decode(self.given[name]) if name in self.given else None


def explain(question: Question, live: Live) -> Answer:
    """How one rule was judged on the record, with every clause, value, date and source."""
    from caveat.authoring.explain import explain as explained
    from caveat.authoring.explain import find_rule
    from caveat.authoring.explain_text import explanation_data

    asked = Asked.of(question, live, EXPLAIN_FIELDS)
    rule, order = asked.text("rule"), asked.text("order")
    if rule is None and not any(one.path == "$.rule" for one in asked.faults):
        asked.faults.append(Fault("missing", "name the rule to explain", "$.rule"))
    elif rule is not None:
        try:
            find_rule(live.rules.program, rule)
        except CaveatError as error:
            asked.missed(Fault("unknown-rule", str(error), "$.rule"))
    patient = asked.settled()
    try:
        found = explained(
            rule or "", patient, live.rules, question.as_of, selection=_selection(question), order=order
        )
    except CaveatError as error:
        raise _refused(404, Fault("unknown-order", str(error), "$.order")) from None
    data = explanation_data(found, live.rules.terminology)
    shown = tuple(_shown(one, live) for one in found.subjects)
    return Answer(200, JSON, dump({**data, "rejects": asked.rejects}), (Judged(patient.id, shown),))


def _shown(one: Any, live: Live) -> Shown:
    outcome = one.judgement.outcome
    rule = outcome.rule
    drugs = tuple(dict.fromkeys(name for view in outcome.subject.orders for name in view.ingredients))
    tier = live.rules.tier(rule.id, rule.severity, open=outcome.status.value == "cannot-assess")
    return Shown("", rule.id, rule.kind, outcome.status.value, rule.severity, tier, drugs)


def what_if(question: Question, live: Live) -> Answer:
    """The tipping points of the record, with the facts of `set` in place, and its report then."""
    from caveat.authoring.changed import ORDER, with_facts
    from caveat.authoring.whatif import tipping_points
    from caveat.authoring.whatif_text import whatif_data

    asked = Asked.of(question, live, WHAT_IF_FIELDS)
    changes, names = asked.changes("set"), asked.texts("facts")
    patient = asked.settled()
    day = ordinal(question.as_of)
    faults: list[Fault] = []
    changed = patient
    for name, value in changes.items():
        try:
            changed = with_facts(changed, {name: value}, live.rules.terminology, day)
        except InputError as error:
            faults.append(_placed(error, "$.set"))
    orders = {order.id for order in patient.orders or ()}
    for name in names or ():
        found = ORDER.fullmatch(name)
        if found is not None and found["order"] not in orders:
            faults.append(_no_order(found["order"], f"$.facts.{name}"))
    if faults:
        raise _refused(404 if all(one.code == NO_ORDER for one in faults) else 422, *faults)
    try:
        tips = tipping_points(changed, live.rules, question.as_of, names, selection=_selection(question))
    except InputError as error:
        raise _refused(422, _placed(error, "$.facts")) from None
    report, told = judge(changed, live, day, _selection(question))
    data = {**whatif_data(tips), "set": changes, "report": told, "rejects": asked.rejects}
    return Answer(200, JSON, dump(data), (judged(report, told),))


def _selection(question: Question) -> Selection:
    return cast("Selection", parameter(question, "selection", "active"))


def _no_order(order: str, path: str) -> Fault:
    return Fault(NO_ORDER, f"the record has no order {shorten(order, 40)!r}", path)


def _placed(error: InputError, below: str) -> Fault:
    found = fault_of(error)
    if found.code == "input" and "has no order" in found.message:
        return Fault(NO_ORDER, found.message, f"{below}.orders[{found.path}]", hint=found.hint)
    path = f"{below}.{found.path}" if found.path else below
    return Fault(found.code, found.message, path, found.value, found.hint)


def _refused(status: int, *faults: Fault) -> Refused:
    return Refused(status, "the body does not fit", faults)
