"""Records answered key by key, as a FHIR server does: the same findings as of the whole record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import caveat
from caveat.adapters import read_bundle
from caveat.adapters.fhir.prefetch import read_prefetch
from caveat.compile.nodes import KnownLeaf
from caveat.compile.ruleset import Ruleset
from caveat.facts.patient import Patient
from caveat.findings.report import Report
from caveat.service.prefetch.filling import filled
from caveat.service.prefetch.templates import templates
from service.prefetch.server import answers

DAY = "2026-01-15"
STORIES = Path(__file__).resolve().parents[3] / "fixtures" / "fhir" / "stories"
CLOSED_LISTS_TELL_MORE = {"dose-new-order-open-list", "other-overlap-unknown"}
"""Whose orders, all of them, show when the treatment began; what could not be assessed is an alert then."""

NOTHING_RECORDED = {"sparse-medicines-only", "sparse-order-only"}
"""Records without a list that a server, asked for it, says is empty."""


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return caveat.load()


def judged(patient: Patient, rules: Ruleset) -> set[tuple[Any, ...]]:
    found = caveat.screen(patient, rules, as_of=DAY)
    assert not found.errors
    return {(one.rule.id, one.status.name, one.orders) for one in found.findings}


def test_prefetch_loses_no_finding_of_any_story(rules: Ruleset) -> None:
    vocabulary, asked = rules.terminology, templates(rules)
    compared = 0
    for file in sorted(STORIES.glob("*.json")):
        whole = json.loads(file.read_bytes())
        resources = [entry["resource"] for entry in whole["entry"] if "resource" in entry]
        for patient in read_bundle(
            file.read_bytes(), bound=lambda one: vocabulary.observation_for(one) is not None
        ):
            assert isinstance(patient, Patient)
            found = read_prefetch(
                answers(resources, filled(asked, {"patientId": patient.id})),
                None,
                patient.id,
                bound=lambda one: vocabulary.observation_for(one) is not None,
                lists=asked,
            )
            of_bundle, of_prefetch = judged(patient, rules), judged(found.patient, rules)
            if file.stem in CLOSED_LISTS_TELL_MORE:
                assert {one for one in of_bundle if one[1] == "FIRES"} <= of_prefetch
                assert {one[0] for one in of_prefetch} <= {one[0] for one in of_bundle} | {
                    "baclofen.start.adult-over-15-mg"
                }
            elif file.stem in NOTHING_RECORDED:
                assert of_prefetch < of_bundle
                assert {one[1] for one in of_bundle - of_prefetch} == {"CANNOT_ASSESS"}
            else:
                assert of_prefetch == of_bundle, file.stem
            compared += 1
    assert compared > 60


OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"timeout"}]}'


def unsettled(found: Report, *statuses: str) -> set[tuple[Any, ...]]:
    """Rules and orders of the findings with these statuses, but of rules that ask whether a fact is known."""
    return {
        (one.rule.id, one.orders)
        for one in found.findings
        if one.status.name in statuses and not any(isinstance(leaf, KnownLeaf) for leaf in one.rule.leaves())
    }


@pytest.mark.parametrize("key", ["conditions", "allergies", "labs", "vitals", "circumstances", "patient"])
def test_a_key_that_fails_turns_an_alert_into_an_open_question_at_most(rules: Ruleset, key: str) -> None:
    asked = templates(rules)
    turned = 0
    for file in sorted(STORIES.glob("*.json")):
        resources = [
            entry["resource"] for entry in json.loads(file.read_bytes())["entry"] if "resource" in entry
        ]
        identity = next(one["id"] for one in resources if one["resourceType"] == "Patient")
        parts = answers(resources, filled(asked, {"patientId": identity}))

        def judge(parts: dict[str, bytes], identity: str = identity) -> Report:
            return caveat.screen(read_prefetch(parts, None, identity, lists=asked).patient, rules, as_of=DAY)

        fired = unsettled(judge(parts), "FIRES")
        failed, absent = judge({**parts, key: OUTCOME}), judge({k: v for k, v in parts.items() if k != key})
        assert not failed.is_clear
        for found in (failed, absent):
            assert fired <= unsettled(found, "FIRES", "CANNOT_ASSESS"), file.stem
            turned += len(fired - unsettled(found, "FIRES"))
    assert turned, "the key decided nothing in any story"
