"""What a call is answered with: judged orders, what is missing, overrides, repeats; the same bytes again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from caveat.service.hooks.answer import LEFT_OUT, answer
from caveat.service.problems import Refused
from caveat.service.question import Answer, Override, Shown
from service.hooks.calls import PATIENT, bundle, call, creatinine, order, prefetch, question
from service.hooks.fakes import SITE, live

BACLOFEN = order("a", "Baclofen 10 mg tablet")
DIAZEPAM = order("b", "Diazepam 5 mg tablet", dose=5, times=2)
OXYCODONE = order("c", "Oxycodone 5 mg tablet", dose=5, times=4)
OPIOID = "baclofen.interaction.opioid"
SEDATIVE = "baclofen.interaction.central-depressant"


def told(body: Any, **named: Any) -> Answer:
    return answer(question(body, **named), live())


def cards(found: Answer) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(found.body)["cards"]
    return made


def fired(found: Answer) -> set[str]:
    return {one.rule for judged in found.judged for one in judged.findings if one.status == "fires"}


def active(resource: Any) -> Any:
    return {**resource, "status": "active"}


def test_only_the_selected_orders_are_judged() -> None:
    drafts = [BACLOFEN, DIAZEPAM, OXYCODONE]
    assert {OPIOID, SEDATIVE} <= fired(told(call(drafts=drafts)))
    found = fired(told(call(drafts=drafts, selected=["MedicationRequest/c"])))
    assert OPIOID in found
    assert SEDATIVE not in found
    assert {OPIOID, SEDATIVE} <= fired(told(call("order-sign", drafts=drafts)))


def test_what_is_about_other_orders_alone_is_counted() -> None:
    body = call(drafts=[OXYCODONE], prefetch=prefetch(medications=bundle(*map(active, (BACLOFEN, DIAZEPAM)))))
    found = told(body)
    assert OPIOID in fired(found)
    assert SEDATIVE not in fired(found)
    assert int(dict(found.headers)[LEFT_OUT]) >= 1
    assert not found.judged[0].is_clear


def test_opening_a_chart_judges_everything() -> None:
    body = call("patient-view", prefetch=prefetch(medications=bundle(*map(active, (BACLOFEN, DIAZEPAM)))))
    found = told(body)
    assert SEDATIVE in fired(found)
    assert LEFT_OUT not in dict(found.headers)


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_no_medicine_drafted_no_cards(hook: str) -> None:
    lab = {"resourceType": "ServiceRequest", "id": "s", "status": "draft"}
    body = call(hook, drafts=[lab], prefetch={"medications": bundle(active(BACLOFEN), active(OXYCODONE))})
    found = told(body)
    assert found.body == b'{"cards":[]}'
    assert not found.judged[0].is_clear


def test_another_order_selected_no_cards() -> None:
    lab = {"resourceType": "ServiceRequest", "id": "s", "status": "draft"}
    assert cards(told(call(drafts=[lab, BACLOFEN, OXYCODONE]))) == []


def test_a_selected_medicine_without_a_draft_cannot_be_assessed() -> None:
    found = told(call(drafts=[DIAZEPAM], selected=["MedicationRequest/gone"]))
    assert found.judged[0].errors == 1
    [card] = [one for one in cards(found) if one["source"]["topic"]["code"] == "cannot-assess"]
    assert "is not among the draft orders" in card["detail"]


@pytest.mark.parametrize("text", ["baclofne 10 mg", "Lioresla 10 mg"])
def test_an_unrecognised_draft_is_never_silent(text: str) -> None:
    found = told(call(drafts=[order("x", text)]))
    assert found.judged[0].unrecognised == 1
    assert any(text in card["detail"] for card in cards(found))


def test_an_unrecognised_medicine_of_the_context_stays() -> None:
    drafts = [BACLOFEN, order("x", "oxycodnoe 5 mg")]
    assert told(call(drafts=drafts)).judged[0].unrecognised == 1
    body = call(drafts=[BACLOFEN], prefetch=prefetch(medications=bundle(active(drafts[1]))))
    found = told(body)
    assert found.judged[0].unrecognised == 1
    assert any("oxycodnoe" in card["detail"] for card in cards(found))


def test_a_burden_counts_the_context() -> None:
    more = order("d", "Baclofen 20 mg tablet", dose=20, times=4)
    found = told(call(drafts=[BACLOFEN], prefetch=prefetch(medications=bundle(active(more)))))
    assert "baclofen.dose.total-over-80-mg" in fired(found)
    other = told(
        call(drafts=[OXYCODONE], prefetch=prefetch(medications=bundle(*map(active, (BACLOFEN, more)))))
    )
    assert "baclofen.dose.total-over-80-mg" not in fired(other)


@pytest.mark.parametrize(
    "resource",
    [
        {**BACLOFEN, "subject": {"reference": "Patient/other"}},
        {"resourceType": "MedicationOrder", "id": "a", "medicationCodeableConcept": {"text": "Baclofen"}},
        {"resourceType": "RequestGroup", "id": "a", "contained": [BACLOFEN]},
        {"resourceType": "Bundle", "id": "a", "entry": [{"resource": BACLOFEN}]},
        {"resourceType": "OperationOutcome", "id": "a"},
        {"id": "a"},
    ],
)
def test_a_draft_that_cannot_be_judged_is_said_to_be_so(resource: Any) -> None:
    found = told(call("order-sign", drafts=[resource]))
    assert found.judged[0].errors >= 1
    assert cards(found)
    assert not found.judged[0].is_clear


@pytest.mark.parametrize(
    "change", [{"status": "cancelled"}, {"status": "entered-in-error"}, {"doNotPerform": True}]
)
def test_a_draft_not_to_take_something_is_no_fault(change: Any) -> None:
    assert told(call("order-sign", drafts=[{**BACLOFEN, **change}])).judged[0].errors == 0


def test_what_was_not_sent_leaves_questions_open() -> None:
    body = call(drafts=[BACLOFEN], prefetch={"patient": PATIENT, "medications": None})
    found = told(body)
    assert found.judged[0].cannot_assess >= 3
    assert any(card["source"]["topic"]["code"] == "cannot-assess" for card in cards(found))


def test_what_was_fetched_counts_as_sent() -> None:
    body = call(drafts=[BACLOFEN], prefetch={"patient": PATIENT})
    fetched = (("medications", json.dumps(bundle(active(OXYCODONE), kind="searchset")).encode()),)
    assert OPIOID in fired(told(body, fetched=fetched))


def test_the_same_question_has_the_same_bytes() -> None:
    body = call(drafts=[BACLOFEN, OXYCODONE], prefetch=prefetch(labs=bundle(creatinine(160))))
    one, two = told(body), told(body)
    assert one == two
    other = told(body, id="0b1e2d3c-0000-4000-8000-000000000002")
    assert {c["uuid"] for c in cards(one)}.isdisjoint(c["uuid"] for c in cards(other))


def shown(found: Answer, rule: str) -> Shown:
    [one] = [f for judged in found.judged for f in judged.findings if f.rule == rule]
    return one


def override(one: Shown, **named: Any) -> Override:
    return Override(
        id="o-1",
        finding=one.finding,
        rule=one.rule,
        kind=one.kind,
        severity=one.severity,
        drugs=one.drugs,
        reason="will-monitor",
        comment="",
        by="Practitioner/7",
        created="2026-01-14T09:00:00.000Z",
        facts=one.facts,
        **named,
    )


def test_an_override_is_named_on_what_it_is_about() -> None:
    body = call(drafts=[BACLOFEN, OXYCODONE])
    before = shown(told(body), OPIOID)
    assert before.facts
    again = told(body, overrides=(override(before),))
    assert shown(again, OPIOID).override == "o-1"
    assert shown(again, OPIOID).card
    assert shown(told(body), OPIOID).override == ""


def test_an_override_lapses_when_a_deciding_fact_changed() -> None:
    before = shown(told(call(drafts=[BACLOFEN, OXYCODONE])), OPIOID)
    stronger = order("a", "Baclofen 25 mg tablet", dose=25)
    found = told(call(drafts=[stronger, OXYCODONE]), overrides=(override(before),))
    assert shown(found, OPIOID).override == ""
    [card] = [c for c in cards(found) if c["uuid"] == shown(found, OPIOID).card]
    assert "no longer holds" in card["detail"]


def test_overrides_that_could_not_be_looked_up_are_said_to_be_so() -> None:
    body = call(drafts=[BACLOFEN, OXYCODONE])
    assert b"none of them was considered" in told(body, overrides=None).body
    assert b"none of them was considered" not in told(body).body


QUIET = replace(SITE, suppress_repeats=True)


def test_an_alert_is_repeated_unless_the_site_wants_it_once() -> None:
    body = call(drafts=[BACLOFEN, OXYCODONE])
    one = shown(told(body), OPIOID)
    seen = frozenset((one.finding,))
    assert shown(told(body, shown=seen), OPIOID).card
    found = told(body, shown=seen, site=QUIET)
    assert shown(found, OPIOID).card == ""
    assert b"1 alert left out because shown before" in found.body
    assert found.judged[0].alerts == told(body).judged[0].alerts


def test_what_is_open_and_what_must_not_be_given_are_repeated() -> None:
    low = prefetch(labs=bundle(creatinine(600)), vitals=bundle(weight()))
    body = call(drafts=[BACLOFEN], prefetch=low)
    first = told(body)
    seen = frozenset(one.finding for one in first.judged[0].findings)
    found = told(body, shown=seen, site=QUIET)
    grave = [f for f in found.judged[0].findings if f.severity == "contraindicated" and f.status == "fires"]
    assert grave
    assert all(one.card for one in grave)
    assert all(one.card for one in found.judged[0].findings if one.status == "cannot-assess")


def test_a_lapsed_override_is_shown_again() -> None:
    before = shown(told(call(drafts=[BACLOFEN, OXYCODONE])), OPIOID)
    stronger = call(drafts=[order("a", "Baclofen 25 mg tablet", dose=25), OXYCODONE])
    now = shown(told(stronger), OPIOID)
    seen = frozenset((now.finding,))
    assert shown(told(stronger, shown=seen, site=QUIET), OPIOID).card == ""
    lapsed = told(stronger, shown=seen, site=QUIET, overrides=(override(before),))
    assert shown(lapsed, OPIOID).card


def weight(value: float = 70) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "weight-1",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "effectiveDateTime": "2026-01-12",
        "valueQuantity": {
            "value": value,
            "unit": "kg",
            "system": "http://unitsofmeasure.org",
            "code": "kg",
        },
    }


def test_more_than_the_site_allows_is_refused() -> None:
    drafts = [order(f"d{n}", "Baclofen 10 mg tablet") for n in range(4)]
    with pytest.raises(Refused) as found:
        told(call("order-sign", drafts=drafts), site=replace(SITE, orders=3))
    assert (found.value.status, found.value.faults[0].code) == (413, "too-many-orders")
    told(call("order-sign", drafts=drafts), site=replace(SITE, orders=4))
    with pytest.raises(Refused) as found:
        told(call("order-sign", drafts=drafts), site=replace(SITE, entries=3))
    assert (found.value.status, found.value.faults[0].code) == (413, "too-many-entries")
