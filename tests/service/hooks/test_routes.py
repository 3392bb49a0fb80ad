"""A call from request to response: what is looked up, kept and told, and what is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from caveat.service.answers import answer
from caveat.service.config import Cards, Config, Limits
from caveat.service.hooks.discovery import Discovery
from caveat.service.hooks.repeats import Repeats
from caveat.service.hooks.request import read
from caveat.service.store.base import Caller
from service.hooks.calls import EXAMPLES, bundle, call, order, prefetch, story
from service.hooks.fakes import AS_OF, CALLER, INSTANCE, NOW, SITE, live, service
from service.hooks.shape import faults_of_cards

A = order("a", "Baclofen 10 mg tablet")
B = order("b", "Oxycodone 5 mg tablet", dose=5, times=4)


def test_an_answer_is_kept_before_it_is_told_and_can_be_had_again() -> None:
    made = service()
    response = made.post(call(drafts=[A, B]))
    [(question, found, caller)] = made.store.recorded
    assert response.headers["X-Caveat-Evaluation"] == question.id
    assert response.headers["X-Caveat-Ruleset"] == live().rules.digest
    assert caller == CALLER
    assert (question.kind, question.as_of, question.at) == ("order-select", AS_OF, f"{AS_OF}T09:30:00.000Z")
    assert response.content == found.body
    assert answer(question, live()) == found


def test_each_evaluation_has_its_own_name() -> None:
    made = service()
    names = {made.post(call(drafts=[A])).headers["X-Caveat-Evaluation"] for _ in range(3)}
    assert len(names) == 3


def test_nothing_is_told_that_cannot_be_kept() -> None:
    response = service(full=True).post(call(drafts=[A]))
    assert response.status_code == 503
    assert "cards" not in response.text


def test_screening_goes_on_while_the_database_is_away() -> None:
    made = service(away=True)
    response = made.post(call(drafts=[A, B]))
    assert response.status_code == 200
    assert made.store.recorded[0][0].overrides is None
    assert "could not be looked up" in response.text


def test_overrides_are_those_of_the_patient_and_tenant() -> None:
    made = service()
    made.post(call(drafts=[A]))
    assert made.store.asked == [("p1", f"{AS_OF}T09:30:00.000Z", "north")]


def test_nobody_is_answered_without_a_caller() -> None:
    made = service(caller=None)
    assert made.post(call(drafts=[A])).status_code == 401
    assert made.store.recorded == []


def test_the_body_is_within_what_the_site_allows() -> None:
    made = service(
        config=Config(insecure_dev=True, production=False, limits=Limits(depth=8, entries=3, orders=2))
    )
    deep: Any = {}
    for _ in range(10):
        deep = {"x": deep}
    found = made.post(call(drafts=[A], extension=deep))
    assert (found.status_code, found.json()["errors"][0]["code"]) == (413, "too-deep")
    config = Config(insecure_dev=True, production=False, limits=Limits(entries=3, orders=2))
    made = service(config=config)
    many = [order(f"d{n}", "Baclofen 10 mg tablet") for n in range(4)]
    found = made.post(call("order-sign", drafts=many))
    assert (found.status_code, found.json()["errors"][0]["code"]) == (413, "too-many-entries")
    found = made.post(call("order-sign", drafts=many[:3]))
    assert (found.status_code, found.json()["errors"][0]["code"]) == (413, "too-many-orders")
    assert made.store.recorded == []


def test_discovery_is_made_once_for_the_rules_that_are_served() -> None:
    kept = Discovery()
    first = kept.body(live())
    assert kept.body(live()) is first
    other = replace(live(), origin="elsewhere")
    assert kept.body(other) is not first
    assert kept.body(other) == first
    assert "labs" in kept.keys(live())


def test_rules_swapped_meanwhile_are_those_of_the_next_call() -> None:
    made = service()
    other = replace(live(), rules=replace(live().rules, digest="sha256:other"))
    made.post(call(drafts=[A]))
    made.state.holder.swap(other)
    response = made.post(call(drafts=[A]))
    assert response.headers["X-Caveat-Ruleset"] == "sha256:other"


@pytest.mark.parametrize("name", ["patient-view", "order-select", "order-sign", "order-select-no-medicine"])
def test_the_examples_are_answered(name: str) -> None:
    made = service()
    body = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    response = made.post(body)
    assert response.status_code == 200
    assert faults_of_cards(response.json()) == []
    rules = {one.rule for judged in made.store.recorded[0][1].judged for one in judged.findings}
    assert ("baclofen.interaction.opioid" in rules) == (name != "order-select-no-medicine")


def test_the_example_of_feedback_is_taken() -> None:
    body = (EXAMPLES / "feedback.json").read_bytes()
    assert service().post(body, "/cds-services/caveat/feedback").status_code == 200


def served(name: str, drafted: str) -> tuple[Any, str]:
    """A story as a client with that record would send it, one of its orders still a draft."""
    found = story(name)
    [patient] = found["Patient"]
    orders = copy.deepcopy(found["MedicationRequest"])
    draft = next(one for one in orders if one["id"] == drafted)
    orders.remove(draft)
    draft["status"] = "draft"
    body = call(
        drafts=[draft],
        prefetch=prefetch(
            patient=patient,
            medications=bundle(*orders, kind="searchset"),
            conditions=bundle(*found.get("Condition", ()), kind="searchset"),
            allergies=bundle(*found.get("AllergyIntolerance", ()), kind="searchset"),
            labs=bundle(*found.get("Observation", ()), kind="searchset"),
        ),
    )
    body["context"]["patientId"] = f"Patient/{patient['id']}"
    return body, patient["id"]


@pytest.mark.parametrize(
    ("name", "drafted", "rules"),
    [
        (
            "other-sedative-opioid-antihypertensive",
            "baclofen",
            {
                "baclofen.interaction.central-depressant",
                "baclofen.interaction.opioid",
                "baclofen.interaction.antihypertensive",
            },
        ),
        (
            "other-sedative-opioid-antihypertensive",
            "oxycodone",
            {"baclofen.interaction.opioid", "opioid.interaction.benzodiazepine"},
        ),
        ("other-sedative-opioid-antihypertensive", "lisinopril", {"baclofen.interaction.antihypertensive"}),
    ],
)
def test_a_story_from_end_to_end(name: str, drafted: str, rules: set[str]) -> None:
    made = service()
    body, patient = served(name, drafted)
    response = made.post(body)
    assert response.status_code == 200
    assert faults_of_cards(response.json()) == []
    [judged] = made.store.recorded[0][1].judged
    assert judged.patient == patient
    assert {one.rule for one in judged.findings if one.status == "fires"} == rules
    assert all(one.card for one in judged.findings if one.status == "fires")


def test_a_story_of_failing_kidneys() -> None:
    body, _ = served("kidney-clearance-21", "baclofen")
    cards = service().cards(body)
    assert cards[0]["indicator"] == "critical"
    assert cards[0]["summary"].startswith("Contraindicated")


def test_repeats_are_by_user_patient_and_caller_and_are_forgotten() -> None:
    def asked(patient: str = "p1", user: str = "Practitioner/7", instance: str = INSTANCE) -> Any:
        body = call(drafts=[A], hookInstance=instance)
        body["context"] |= {"patientId": patient, "userId": user}
        return read(json.dumps(body).encode())

    other = "11111111-2222-4333-8444-555555555555"
    kept = Repeats(most=2, hours=1)
    at = NOW.timestamp()
    kept.add(asked(), CALLER, ["f", "g"], at)
    assert kept.shown(asked(instance=other), CALLER, at + 3600) == {"f", "g"}
    assert kept.shown(asked(), CALLER, at) == frozenset()  # the same call again
    assert kept.shown(asked(instance=other), CALLER, at + 3601) == frozenset()
    assert kept.shown(asked(instance=other, patient="p2"), CALLER, at) == frozenset()
    assert kept.shown(asked(instance=other, user="Practitioner/8"), CALLER, at) == frozenset()
    assert kept.shown(asked(instance=other), Caller(CALLER.iss, "south"), at) == frozenset()
    for number in range(3):
        kept.add(asked(patient=f"x{number}"), CALLER, ["f"], at)
    assert len(kept) == 2
    assert kept.shown(asked(instance=other), CALLER, at) == frozenset()
    kept.add(asked(), CALLER, [], at)
    assert len(kept) == 2
    assert "p1" not in repr(kept.__dict__)


def test_what_was_hidden_stays_hidden_and_says_so() -> None:
    quiet = service(config=Config(insecure_dev=True, production=False, cards=Cards(suppress_repeats=True)))
    body = call(drafts=[A, B])
    names = [f"0000000{n}-2222-4333-8444-555555555555" for n in range(3)]
    texts = [quiet.post({**body, "hookInstance": name}).text for name in names]
    assert "shown before" not in texts[0]
    assert "shown before" in texts[1]
    assert "shown before" in texts[2]
    assert SITE.suppress_repeats is False


def test_openapi_describes_every_status() -> None:
    from fastapi import FastAPI

    from caveat.service.hooks.routes import router

    app = FastAPI()
    app.include_router(router(service().state))
    paths = app.openapi()["paths"]
    assert set(paths["/cds-services/{service}"]["post"]["responses"]) >= {
        "200",
        "400",
        "401",
        "404",
        "412",
        "413",
    }
    request = paths["/cds-services/{service}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [one["title"] for one in request["oneOf"]] == ["patient-view", "order-select", "order-sign"]


def test_the_described_bodies_are_those_that_are_taken() -> None:
    from jsonschema import Draft202012Validator as Validator

    from caveat.service.hooks.schemas import CARDS, DISCOVERY, FEEDBACK, REQUEST

    made = service()
    for name in ("patient-view", "order-select", "order-sign", "order-select-no-medicine"):
        body = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
        Validator(REQUEST).validate(body)
        Validator(CARDS).validate(made.post(body).json())
        broken = {**body, "hookInstance": "x"}
        assert list(Validator(REQUEST).iter_errors(broken))
    Validator(DISCOVERY).validate(made.client.get("/cds-services").json())
    Validator(FEEDBACK).validate(json.loads((EXAMPLES / "feedback.json").read_text("utf-8")))
