"""What an allergy is to: medicines, classes of them, and allergens that are no medicine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import caveat
from caveat.compile.ruleset import Ruleset, load
from caveat.compile.serial import seal
from caveat.facts.patient import Patient
from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import resolve, resolve_allergen

WRITTEN = [
    line.split("\t") for line in (Path(__file__).parent / "allergens.tsv").read_text("utf-8").splitlines()[1:]
]
DAY = "2026-01-15"


@pytest.mark.parametrize(("text", "classes", "ingredients"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_allergens_as_records_write_them(
    terminology: Terminology, text: str, classes: str, ingredients: str
) -> None:
    found = resolve_allergen(terminology, (), text)
    assert not found.unrecognised
    assert found.classes == tuple(classes.split("|") if classes else ())
    for c in found.classes:
        assert terminology.class_members(c) <= set(found.ingredients)
    if ingredients:
        assert sorted(found.ingredients) == ingredients.split("|")


@pytest.mark.parametrize(
    "text", ["Drug allergy", "Food allergy", "Environmental allergy", "unknown medication", "Penicilin"]
)
def test_an_allergen_that_names_nothing_is_unrecognised(terminology: Terminology, text: str) -> None:
    found = resolve_allergen(terminology, (), text)
    assert found.ingredients == ()
    assert found.unrecognised


def test_a_class_and_an_allergen_are_no_medicine(terminology: Terminology) -> None:
    """An order for a class says not which medicine; an order that says "egg" may be anything."""
    for text in ("penicillins", "opioid", "ARB", "statins", "egg", "latex", "dust", "Allergy to baclofen"):
        assert resolve(terminology, (), text).unrecognised, text


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("91936005", "penicillin"),
        ("764147003", "cephalosporin"),
        ("372665008", "nsaid"),
        ("372788003", "sulfonamide-antibiotic"),
        ("293637006", "iodinated-contrast-medium"),
    ],
)
def test_a_code_names_a_class(terminology: Terminology, code: str, group: str) -> None:
    found = resolve_allergen(terminology, (Code("snomed", code),))
    assert found.classes == (group,)
    assert set(found.ingredients) == terminology.class_members(group)
    assert not found.unrecognised
    assert resolve(terminology, (Code("snomed", code),)).unrecognised


def test_every_class_label_is_read_as_its_class(terminology: Terminology) -> None:
    for c in sorted(terminology.ids("class")):
        for label in terminology.ingredient_class(c).labels:
            found = resolve_allergen(terminology, (), label)
            assert c in found.classes, f"{label} is not read as {c}"
            assert not found.unrecognised, label


@pytest.fixture(scope="module")
def rules(terminology: Terminology) -> Ruleset:
    """The bundled rule on a recorded allergy, asked of amoxicillin and widened to penicillins."""
    whole = load(cache=False)
    (one,) = (r for r in whole.program.rules if r.id == "baclofen.allergy.hypersensitivity")
    wider = tuple(sorted(terminology.class_members("penicillin")))
    asked = replace(one, first=("amoxicillin",), second=wider, supersedes=())
    exact = replace(asked, id="exact", second=())
    return replace(whole, program=seal(whole.program.version, (asked, exact)))


def record(allergies: list[dict[str, Any]]) -> Patient:
    orders = [{"id": "o1", "text": "amoxicillin 500 mg capsule", "status": "active"}]
    whole = {"orders": "closed", "allergies": "closed"}
    return Patient.model_validate({"id": "p", "orders": orders, "allergies": allergies, "complete": whole})


def to(text: str) -> dict[str, Any]:
    return {"id": "a1", "text": text, "type": "allergy", "clinical_status": "active"}


@pytest.mark.parametrize(
    ("allergies", "fires"),
    [
        ([to("Penicillins")], {"baclofen.allergy.hypersensitivity", "exact"}),
        ([to("amoxicillin")], {"baclofen.allergy.hypersensitivity", "exact"}),
        ([to("flucloxacillin")], {"baclofen.allergy.hypersensitivity"}),
        ([to("latex")], set()),
        ([to("statins")], set()),
        ([], set()),
    ],
)
def test_an_allergy_to_a_class_reaches_the_rules_in_every_evaluator(
    rules: Ruleset, allergies: list[dict[str, Any]], fires: set[str]
) -> None:
    patient = record(allergies)
    for evaluator in ("reference", "inprocess"):
        report = caveat.screen(patient, rules, as_of=DAY, evaluator=evaluator)
        assert {alert.rule.id for alert in report.alerts} == fires
        assert report.unrecognised == ()


def test_an_allergy_to_a_class_is_the_same_in_columns(rules: Ruleset) -> None:
    pytest.importorskip("pyarrow")
    from columnar.agreement import differences, numbered

    listed = ("Penicillins", "flucloxacillin", "latex", "statins", "penicillin foozinol", "Drug allergy")
    records = numbered([record([to(text)]) for text in listed] + [record([])])
    found, screened = differences(records, rules, DAY)
    assert found == []
    assert screened.findings.num_rows == 5
