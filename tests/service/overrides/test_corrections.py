"""A record corrected in one point: what is changed, what that does to the alerts, and what is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from caveat.adapters.native import read_native
from caveat.compile.ruleset import load
from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.findings.reasons import REASONS, Reason, reason_of
from caveat.service.live import Live
from caveat.service.overrides.answer import NOTHING_STORED, answer
from caveat.service.overrides.corrections import Given, corrected
from caveat.service.problems import Refused
from caveat.service.question import Question, Site

DAY = "2026-01-15"
RECORD: dict[str, Any] = {
    "id": "p1",
    "birth_date": "1990-03-01",
    "sex": "female",
    "pregnant": True,
    "weight": "70 kg",
    "observations": [{"concept": "creatinine_clearance", "value": "24 mL/min", "at": "2026-01-10"}],
    "orders": [
        {"id": "o1", "text": "Baclofen 10 mg tablet", "route": "oral", "dose": "5 mg", "frequency": "3 /d",
         "status": "active", "start": "2025-11-01"},
        {"id": "o2", "text": "Morphine 10 mg tablet", "route": "oral", "dose": "10 mg", "frequency": "2 /d",
         "status": "active", "start": "2025-12-01"},
    ],
    "conditions": [
        {"id": "c1", "text": "Epilepsy", "clinical_status": "active"},
        {"id": "c2", "text": "Pregnancy", "clinical_status": "active"},
    ],
    "allergies": [{"id": "a1", "text": "Baclofen", "clinical_status": "active"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def live() -> Live:
    return Live.of(load())


def asked(
    live: Live, correction: str, rule: str, record: dict[str, Any] = RECORD, **given: str
) -> dict[str, Any]:
    body = {"record": record, "correction": correction, **({"rule": rule} if rule else {}), **given}
    question = Question(
        id="00000000-0000-4000-8000-000000000001",
        kind="correction",
        body=json.dumps(body).encode(),
        as_of=DAY,
        at="2026-01-15T09:00:00.000Z",
        site=Site("http://127.0.0.1:8080"),
        overrides=None,
    )
    found = answer(question, live)
    assert found.status == 200
    assert found.body == answer(question, live).body
    told: dict[str, Any] = json.loads(found.body)
    assert told["note"] == NOTHING_STORED
    (judged,) = found.judged
    assert judged.patient == "p1"
    assert judged.alerts == len(told["report"]["alerts"])
    return told


def rules_of(items: list[dict[str, Any]]) -> set[str]:
    return {item["rule"] for item in items}


def refusal(live: Live, correction: str, rule: str, **given: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as raised:
        asked(live, correction, rule, **given)
    return [(f"{raised.value.status} {fault.code}", fault.path) for fault in raised.value.faults]


def test_not_pregnant(live: Live) -> None:
    told = asked(live, "not-pregnant", "baclofen.reproduction.pregnancy")
    assert told["correction"] == {
        "code": "not-pregnant",
        "display": "Not pregnant",
        "rule": "baclofen.reproduction.pregnancy",
        "applied": ["pregnant: false", "condition Pregnancy: refuted"],
    }
    assert "baclofen.reproduction.pregnancy" in rules_of(told["changes"]["lost"])
    assert "baclofen.renal.crcl-below-30" in rules_of(told["changes"]["still"])
    assert not told["changes"]["gained"]


def test_a_newer_result_clears_one_alert_and_raises_another(live: Live) -> None:
    told = asked(live, "newer-result", "baclofen.renal.crcl-below-30",
                 fact="creatinine_clearance", value="0.75 mL/s", at="2026-01-14")  # fmt: skip
    assert told["correction"]["applied"] == ["creatinine_clearance: 0.75 mL/s on 2026-01-14"]
    lost = {item["rule"]: item["became"] for item in told["changes"]["lost"]}
    assert lost["baclofen.renal.crcl-below-30"] == "cleared"
    assert rules_of(told["changes"]["gained"]) == {"baclofen.renal.crcl-30-to-50-over-5-mg"}
    because = {b["fact"]: b for alert in told["report"]["alerts"] for b in alert["because"]}
    assert because["creatinine_clearance"]["source"] == "correction"


def test_a_result_that_settles_nothing_is_not_called_cleared(live: Live) -> None:
    told = asked(live, "newer-result", "baclofen.renal.crcl-below-30",
                 fact="creatinine_clearance", value="20-40 mL/min", at="2026-01-14")  # fmt: skip
    lost = {item["rule"]: item["became"] for item in told["changes"]["lost"]}
    assert lost["baclofen.renal.crcl-below-30"] == "cannot-assess"
    assert "baclofen.renal.crcl-below-30" in rules_of(told["changes"]["cannot_assess"]["gained"])


def test_a_current_value_without_a_date_gives_way(live: Live) -> None:
    record = {**RECORD, "observations": [], "creatinine_clearance": "24 mL/min"}
    told = asked(live, "newer-result", "baclofen.renal.crcl-below-30", record,
                 fact="creatinine_clearance", value="90 mL/min", at="2026-01-14")  # fmt: skip
    assert "baclofen.renal.crcl-below-30" in rules_of(told["changes"]["lost"])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"at": "2026-01-10"}, ("409 not-newer", "$.at")),
        ({"at": "2026-01-09"}, ("409 not-newer", "$.at")),
        ({"at": "2026-01-16"}, ("409 date", "$.at")),
        ({"at": "2026-01"}, ("422 date", "$.at")),
        ({"at": "soon"}, ("422 date", "$.at")),
        ({"value": "90 mg/dL"}, ("409 value", "$.value")),
        ({"value": "90"}, ("409 value", "$.value")),
        ({"value": "a lot"}, ("422 value", "$.value")),
        ({"fact": "clearance of creatinin"}, ("404 no-such-fact", "$.fact")),
        ({"fact": "age"}, ("404 no-such-fact", "$.fact")),
    ],
)
def test_a_result_that_does_not_fit(live: Live, given: dict[str, str], fault: tuple[str, str]) -> None:
    whole = {"fact": "creatinine_clearance", "value": "90 mL/min", "at": "2026-01-14", **given}
    assert refusal(live, "newer-result", "baclofen.renal.crcl-below-30", **whole) == [fault]


@pytest.mark.parametrize("named", ["c1", "Epilepsy", "condition:epilepsy-or-seizure"])
def test_a_condition_that_is_not_there(live: Live, named: str) -> None:
    told = asked(live, "condition-not-present", "baclofen.history.epilepsy-or-seizure", condition=named)
    assert told["correction"]["applied"] == ["condition Epilepsy: refuted"]
    assert "baclofen.history.epilepsy-or-seizure" in rules_of(told["changes"]["lost"])


def test_no_longer_taking_the_other_medicine(live: Live) -> None:
    told = asked(live, "no-longer-taking", "baclofen.interaction.opioid", order="o2")
    assert told["correction"]["applied"] == [
        "order Morphine 10 mg tablet: status stopped",
        "order Morphine 10 mg tablet: stop 2026-01-15",
    ]
    assert "baclofen.interaction.opioid" in rules_of(told["changes"]["lost"])


def test_stopping_the_medicine_shows_what_stopping_brings(live: Live) -> None:
    told = asked(live, "no-longer-taking", "baclofen.reproduction.pregnancy", order="o1", at="2026-01-14")
    assert "baclofen.renal.crcl-below-30" in rules_of(told["changes"]["lost"])
    after = rules_of(told["changes"]["gained"]) | rules_of(told["changes"]["cannot_assess"]["gained"])
    assert "baclofen.withdrawal.stopped-without-taper" in after


def test_stopped_orders(live: Live) -> None:
    record = copy.deepcopy(RECORD)
    record["orders"][0] |= {"status": "stopped", "stop": "2026-01-14", "tapered": False}
    rule = "baclofen.withdrawal.stopped-without-taper"
    for code in ("was-tapered", "not-taken", "still-taking"):
        told = asked(live, code, rule, record, order="o1")
        assert rule in rules_of(told["changes"]["lost"]), code
    still = asked(live, "still-taking", rule, record, order="o1")
    assert "baclofen.renal.crcl-below-30" in rules_of(still["changes"]["gained"])


def test_allergies(live: Live) -> None:
    rule = "baclofen.allergy.hypersensitivity"
    refuted = asked(live, "allergy-refuted", rule, allergy="a1")
    assert refuted["correction"]["applied"] == ["allergy Baclofen: refuted"]
    assert rule in rules_of(refuted["changes"]["lost"])
    milder = asked(live, "intolerance-only", rule, allergy="Baclofen")
    assert rule in rules_of(milder["changes"]["lost"])
    assert "baclofen.allergy.intolerance" in rules_of(milder["changes"]["gained"])


def test_another_indication(live: Live) -> None:
    rule = "baclofen.indication.not-listed"
    told = asked(live, "other-indication", rule, order="o1", text="Spasticity in multiple sclerosis")
    assert told["correction"]["applied"] == [
        "order Baclofen 10 mg tablet: indication Spasticity in multiple sclerosis"
    ]


def test_a_finding_names_its_rule(live: Live) -> None:
    first = asked(live, "not-pregnant", "baclofen.reproduction.pregnancy")
    (lost,) = [i for i in first["changes"]["lost"] if i["rule"] == "baclofen.reproduction.pregnancy"]
    told = asked(live, "not-pregnant", "", finding=lost["finding"])
    assert told["correction"]["rule"] == "baclofen.reproduction.pregnancy"
    assert refusal(live, "not-pregnant", "", finding="0" * 20) == [("404 no-such-finding", "$.finding")]
    both = refusal(live, "not-pregnant", "baclofen.interaction.opioid", finding=lost["finding"])
    assert both == [("409 rule", "$.rule")]


@pytest.mark.parametrize(
    ("correction", "rule", "given", "fault"),
    [
        ("will-monitor", "baclofen.interaction.opioid", {}, ("422 is-an-override", "$.correction")),
        ("not-pregnant", "baclofen.interaction.opioid", {}, ("409 correction", "$.correction")),
        ("nonsense", "baclofen.interaction.opioid", {}, ("422 correction", "$.correction")),
        ("not-pregnant", "baclofen.none", {}, ("404 no-such-rule", "$.rule")),
        ("not-pregnant", "", {}, ("422 missing", "$.finding")),
        ("no-longer-taking", "baclofen.interaction.opioid", {}, ("422 missing", "$.order")),
        ("no-longer-taking", "baclofen.interaction.opioid", {"order": "o9"},
         ("404 no-such-order", "$.order")),
        ("no-longer-taking", "baclofen.interaction.opioid", {"order": "o2", "at": "2025-11-01"},
         ("409 does-not-fit", "$.at")),
        ("allergy-refuted", "baclofen.allergy.intolerance", {"allergy": "a9"},
         ("404 no-such-allergy", "$.allergy")),
        ("condition-not-present", "baclofen.condition.psychosis", {"condition": "condition:psychosis"},
         ("404 no-such-condition", "$.condition")),
        ("not-pregnant", "baclofen.reproduction.pregnancy", {"selection": "some"},
         ("422 unknown-value", "$.selection")),
        ("not-pregnant", "baclofen.reproduction.pregnancy", {"order": "o1"}, ("422 not-read", "$.order")),
        ("not-pregnant", "baclofen.reproduction.pregnancy", {"why": "x"}, ("422 unknown-key", "$.why")),
        ("not-pregnant", "baclofen.reproduction.pregnancy", {"text": 3}, ("422 not-text", "$.text")),
    ],
)  # fmt: skip
def test_refused(
    live: Live, correction: str, rule: str, given: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert refusal(live, correction, rule, **given) == [fault]


def test_every_correction_can_be_made(live: Live) -> None:
    """A reason that is offered and cannot be carried out would be a dead end."""
    chart = Chart(read_native(RECORD), live.rules.terminology, as_of=ordinal(DAY))
    whole = Given("potassium", "4.1 mmol/L", "2026-01-14", "o1", "c1", "a1", "Spasticity")
    made: dict[str, Reason] = {}
    for kind in REASONS:
        for reason in REASONS[kind]:
            if reason.category == "correction":
                given = Given(**{name: getattr(whole, name) for name in reason.asks})
                assert corrected(chart, reason, given).applied, reason.code
                made[reason.code] = reason
    assert len(made) == 11
    override = reason_of("interaction", "will-monitor")
    assert override is not None
    with pytest.raises(Refused):
        corrected(chart, override, whole)


def test_the_record_itself_is_read_strictly(live: Live) -> None:
    found = refusal(
        live, "not-pregnant", "baclofen.reproduction.pregnancy", record={"id": "p1", "weigth": "70 kg"}
    )
    assert found[0][1] == "$.record.weigth"
