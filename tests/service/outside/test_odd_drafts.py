"""Drafts as systems send them that know little of a medicine: what is told of it must help, not mislead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caveat.service.answers import answer
from service.hooks.calls import PATIENT, bundle, call, order, prefetch, question
from service.hooks.fakes import AS_OF, live

Cards = list[dict[str, Any]]


def cards(draft: dict[str, Any]) -> Cards:
    found = answer(question(call(drafts=[draft])), live())
    assert found.status == 200
    listed: Cards = json.loads(found.body)["cards"]
    return listed


def told(found: Cards) -> str:
    return " ".join(f"{card['summary']} {card['detail']}" for card in found)


@pytest.mark.parametrize(
    "medicine",
    [
        {"medicationReference": {"reference": "Medication/77"}},
        {"medicationReference": {"reference": "#m"}},
        {"medicationCodeableConcept": {}},
        {},
    ],
)
def test_no_name_is_close_to_a_medicine_that_is_not_named(medicine: dict[str, Any]) -> None:
    draft = order("d1", "")
    del draft["medicationCodeableConcept"]
    found = told(cards({**draft, **medicine}))
    assert "Not recognised, so not judged" in found
    assert "Did you mean" not in found


def test_a_close_name_is_still_offered_for_one_that_is_named() -> None:
    assert "Did you mean baclofen" in told(cards(order("d1", "baclofenn 10 mg tablet")))


def test_a_code_that_nothing_knows_is_named_and_not_the_id_of_the_order() -> None:
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "99999999"}
    draft = order("d1", "", medicationCodeableConcept={"coding": [coding]})
    found = told(cards(draft))
    assert "99999999" in found
    assert "“d1”" not in found


def actions(draft: dict[str, Any]) -> set[str]:
    """The types of what is proposed for a woman of 75 years who is started on too much."""
    old = {**PATIENT, "birthDate": "1950-03-04"}
    body = call(drafts=[draft], prefetch=prefetch(patient=old, medications=bundle(), statements=bundle()))
    found = json.loads(answer(question(body), live()).body)["cards"]
    each = [one for card in found for one in card.get("suggestions", ())]
    return {action["type"] for suggestion in each for action in suggestion["actions"]}


@pytest.mark.parametrize("lacking", ["subject", "status", "intent"])
def test_a_dose_is_not_proposed_for_a_draft_that_is_no_valid_resource(lacking: str) -> None:
    draft = order("d1", "Baclofen 10 mg tablet", authoredOn=AS_OF)
    assert actions(draft) == {"update", "delete"}
    del draft[lacking]
    assert actions(draft) == {"delete"}
