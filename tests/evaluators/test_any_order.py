"""Rules on every order: what an allergy or a second order shares with it, by every evaluator."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import caveat
from authoring.small import rule, rules_file
from caveat.columns.records import to_batch
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.columnar import Columnar
from strategies.outcomes import EVALUATORS

DAY = "2026-01-15"
ALLERGY = "{allergy: {order: {any: true, except: baclofen}}}"
ACTIVE = "{allergy: {status: active}}"
TWICE = "{pair: {order: {any: true, except: caffeine}, share: ingredient}}"
TWO_ACE = "{pair: {order: {class: ace-inhibitor}, with: {class: ace-inhibitor}, share: none}}"
ACE_AND_ARB = (
    "{pair: {order: {class: ace-inhibitor}, with: {class: angiotensin-receptor-blocker}, share: none}}"
)
ALWAYS = "{always: true}"

Found = set[tuple[str, tuple[str, ...], tuple[str, ...]]]
"""Of each finding its status, its orders and its allergies."""


@cache
def ruleset(applies_to: str, when: str) -> Ruleset:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.rules.yaml").write_text(
            rules_file(rule("a.test.rule", when, applies_to=applies_to))
        )
        return load(folder, cache=False)


def screen(applies_to: str, when: str, **record: Any) -> Found:
    """What every evaluator says of a patient; the columns too."""
    rules, patient = ruleset(applies_to, when), caveat.Patient.model_validate({"id": "p", **record})
    each = []
    for name in EVALUATORS:
        found = caveat.screen(patient, rules, as_of=DAY, evaluator=name).findings
        each.append({(one.status.value, one.orders, one.allergies) for one in found})
    rows = Columnar(rules, as_of=DAY).screen(to_batch([patient])).findings.to_pylist()
    each.append({(row["status"], tuple(row["orders"]), tuple(row["allergies"])) for row in rows})
    assert all(one == each[0] for one in each), each
    return each[0]


def orders(*texts: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"o{i}", "status": "active", "text": text, **more} for i, text in enumerate(texts, 1)]


def allergy(text: str, **more: Any) -> dict[str, Any]:
    return {"id": f"a-{text}", "text": text, "clinical_status": "active", **more}


def to(text: str, when: str, *others: dict[str, Any], **more: Any) -> str:
    """How a rule on the allergies to what is ordered is judged of one order and one allergy to it."""
    listed = [*orders(text), *others]
    found = screen(ALLERGY, when, orders=listed, allergies=[allergy(text, **more)])
    return found.pop()[0] if found else "not-met"


@pytest.mark.parametrize("drug", ["amoxicillin", "insulin glargine", "lamotrigine", "oxytocin"])
def test_any_medicine_against_an_allergy_to_it(drug: str) -> None:
    assert screen(ALLERGY, ACTIVE, orders=orders(drug, "warfarin"), allergies=[allergy(drug)]) == {
        ("fires", ("o1",), (f"a-{drug}",))
    }
    assert not screen(ALLERGY, ACTIVE, orders=orders("warfarin"), allergies=[allergy(drug)])


def test_an_ingredient_of_a_combination_and_one_left_out() -> None:
    both = orders("sulfamethoxazole 800 mg / trimethoprim 160 mg tablet", "baclofen")
    allergies = [allergy("trimethoprim"), allergy("baclofen")]
    assert screen(ALLERGY, ACTIVE, orders=both, allergies=allergies) == {
        ("fires", ("o1",), ("a-trimethoprim",))
    }


def test_a_list_that_is_not_known_is_one_subject_that_names_no_order() -> None:
    many = orders("amoxicillin", "warfarin", "lisinopril")
    assert screen(ALLERGY, ACTIVE, orders=many) == {("cannot-assess", (), ())}
    assert screen(ALLERGY, ACTIVE, orders=many, allergies=[]) == set()
    assert screen(ALLERGY, ACTIVE, orders=[]) == set()
    assert screen(ALLERGY, ACTIVE, orders=orders("baclofen")) == set()


def test_a_named_order_has_a_subject_of_its_own() -> None:
    subject = "{allergy: {order: {ingredient: [amoxicillin, warfarin]}}}"
    assert screen(subject, ACTIVE, orders=orders("amoxicillin", "warfarin", "lisinopril")) == {
        ("cannot-assess", ("o1",), ()),
        ("cannot-assess", ("o2",), ()),
    }


def test_an_unrecognised_allergy_is_reported_as_not_judged() -> None:
    record = {"id": "p", "orders": orders("amoxicillin"), "allergies": [allergy("qwertzol xyz")]}
    report = caveat.screen(caveat.Patient.model_validate(record), ruleset(ALLERGY, ACTIVE), as_of=DAY)
    assert [one.text for one in report.unrecognised] == ["qwertzol xyz"]


def test_refuted_and_mistaken_entries_are_no_subject() -> None:
    for how in ("refuted", "entered-in-error"):
        listed = [allergy("amoxicillin", verification=how)]
        assert not screen(ALLERGY, ALWAYS, orders=orders("amoxicillin"), allergies=listed)


SKIN = "{allergy: {reaction: [urticaria-or-itching, skin-rash]}}"
ONLY_SKIN = "{allergy: {only_reaction: [urticaria-or-itching, skin-rash]}}"
HIVES, SHOCK, ODD = {"text": "urticaria"}, {"text": "anaphylaxis"}, {"text": "felt qwertz"}


@pytest.mark.parametrize(
    ("when", "reactions", "status"),
    [
        (SKIN, [HIVES], "fires"),
        (SKIN, [HIVES, SHOCK], "fires"),
        (SKIN, [SHOCK], "not-met"),
        (SKIN, [SHOCK, ODD], "cannot-assess"),
        (SKIN, [], "cannot-assess"),
        (ONLY_SKIN, [HIVES], "fires"),
        (ONLY_SKIN, [HIVES, SHOCK], "not-met"),
        (ONLY_SKIN, [HIVES, ODD], "cannot-assess"),
        (ONLY_SKIN, [SHOCK, ODD], "not-met"),
        (ONLY_SKIN, [], "cannot-assess"),
        ("{known: [allergy.reaction]}", [HIVES], "fires"),
        ("{known: [allergy.reaction]}", [], "not-met"),
    ],
)
def test_a_reaction_and_every_reaction(when: str, reactions: list[dict[str, str]], status: str) -> None:
    assert to("amoxicillin", when, reactions=reactions) == status


def past(start: str, status: str = "completed", text: str = "amoxicillin") -> dict[str, Any]:
    return {
        "id": f"past-{start}-{status}",
        "text": text,
        "status": status,
        "start": start,
        "stop": "2025-12-01",
    }


SINCE = "{allergy: {taken_since: true}}"


@pytest.mark.parametrize(
    ("order", "recorded", "status"),
    [
        (past("2025-06-01"), "2020-01-01", "fires"),
        (past("2025-06-01", "stopped"), "2020-01-01", "not-met"),
        (past("2019-06-01"), "2020-01-01", "not-met"),
        (past("2025-06-01", text="lisinopril"), "2020-01-01", "not-met"),
        (past("2025"), "2025-03-01", "cannot-assess"),
        (past("2025-06-01"), None, "cannot-assess"),
    ],
)
def test_a_course_since_the_allergy_was_recorded(order: dict[str, Any], recorded: Any, status: str) -> None:
    assert to("amoxicillin", SINCE, order, **({"recorded": recorded} if recorded else {})) == status


def test_nothing_taken_since_is_false() -> None:
    assert to("amoxicillin", SINCE, recorded="2020-01-01") == "not-met"


def test_to_widens_and_to_ingredient_narrows_again() -> None:
    subject = "{allergy: {order: {class: cephalosporin}, to: {class: penicillin}}}"
    listed = orders("cefalexin")
    for to_ingredient, fires in (("true", {"a-cefalexin"}), ("false", {"a-amoxicillin"})):
        found = screen(
            subject,
            f"{{allergy: {{to_ingredient: {to_ingredient}}}}}",
            orders=listed,
            allergies=[allergy("amoxicillin"), allergy("cefalexin"), allergy("warfarin")],
        )
        assert found == {("fires", ("o1",), (one,)) for one in fires}


def test_two_orders_of_one_ingredient() -> None:
    two = orders("amoxicillin 500 mg", "amoxicillin 250 mg", "warfarin")
    assert screen(TWICE, ALWAYS, orders=two) == {("fires", ("o1", "o2"), ())}


def test_an_ingredient_inside_a_combination_and_the_one_left_out() -> None:
    two = orders("lisinopril 10 mg / hydrochlorothiazide 12.5 mg tablet", "hydrochlorothiazide 25 mg tablet")
    assert screen(TWICE, ALWAYS, orders=two) == {("fires", ("o1", "o2"), ())}
    caffeine = orders("caffeine 100 mg tablet", "caffeine 200 mg tablet")
    assert not screen(TWICE, ALWAYS, orders=caffeine)


def test_a_dispense_of_an_order_is_no_second_one() -> None:
    one, two = orders("amoxicillin 500 mg", "amoxicillin 500 mg")
    assert not screen(TWICE, ALWAYS, orders=[one, {**two, "origin": "dispense"}])


def test_orders_that_do_not_overlap_are_no_pair() -> None:
    one, two = orders("amoxicillin", "amoxicillin")
    later = {**two, "start": "2026-03-01"}
    assert not screen(TWICE, ALWAYS, orders=[{**one, "stop": "2026-02-01"}, later])


def test_sides_that_share_an_ingredient_of_both_are_no_pair() -> None:
    plain, combined = "lisinopril 10 mg tablet", "lisinopril 10 mg / hydrochlorothiazide 12.5 mg tablet"
    assert screen(TWO_ACE, ALWAYS, orders=orders(plain, "ramipril")) == {("fires", ("o1", "o2"), ())}
    assert not screen(TWO_ACE, ALWAYS, orders=orders(plain, combined))


def test_an_ingredient_of_neither_side_may_be_shared() -> None:
    two = orders(
        "lisinopril 10 mg / hydrochlorothiazide 12.5 mg tablet",
        "losartan 50 mg / hydrochlorothiazide 12.5 mg tablet",
    )
    assert screen(ACE_AND_ARB, ALWAYS, orders=two) == {("fires", ("o1", "o2"), ())}
