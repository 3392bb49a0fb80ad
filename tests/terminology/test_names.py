"""Real-life names and codes: what they mean, and what of them was not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import Resolution, resolve

GOLDEN = [
    line.split("\t") for line in (Path(__file__).parent / "names.tsv").read_text("utf-8").splitlines()[1:]
]


@pytest.mark.parametrize(("text", "ingredients", "leftover", "route"), GOLDEN, ids=[g[0] for g in GOLDEN])
def test_golden_names(
    terminology: Terminology, text: str, ingredients: str, leftover: str, route: str
) -> None:
    found = resolve(terminology, (), text)
    assert sorted(found.ingredients) == sorted(ingredients.split("|") if ingredients else [])
    assert found.leftover == tuple(leftover.split("|") if leftover else ())
    assert (found.route or "") == route
    assert found.unrecognised == (not ingredients or bool(leftover))


def test_empty_text_is_unrecognised(terminology: Terminology) -> None:
    assert resolve(terminology, (), "") == Resolution()
    assert resolve(terminology, (), None).unrecognised
    assert resolve(terminology).unrecognised


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("baclofn", "baclofen"),
        ("warfrin", "warfarin"),
        ("amoxicilin", "amoxicillin"),
        ("diazepan", "diazepam"),
    ],
)
def test_a_misspelling_is_offered_and_never_taken(terminology: Terminology, text: str, first: str) -> None:
    found = resolve(terminology, (), text)
    assert found.ingredients == ()
    assert found.unrecognised
    assert found.candidates[0] == first


def test_a_misspelling_beside_a_known_name_keeps_both(terminology: Terminology) -> None:
    found = resolve(terminology, (), "amoxicilin / clavulanate")
    assert found.ingredients == ("clavulanic-acid",)
    assert found.unrecognised
    assert found.leftover == ("amoxicilin",)
    assert found.candidates[0] == "amoxicillin"


def test_a_name_with_several_meanings_is_unrecognised_with_them_as_candidates(
    terminology: Terminology,
) -> None:
    found = resolve(terminology, (), "penicillin 500 mg")
    assert found.ingredients == ()
    assert found.unrecognised
    assert found.candidates[:2] == ("benzylpenicillin", "phenoxymethylpenicillin")


@pytest.mark.parametrize(
    ("code", "ingredients"),
    [
        (Code("rxnorm", "1292"), {"baclofen"}),
        (Code("atc", "M03BX01"), {"baclofen"}),
        (Code("unii", "H789N3FKE8"), {"baclofen"}),
        (Code("rxnorm", "310798"), {"hydrochlorothiazide"}),
        (Code("rxnorm", "1049221"), {"oxycodone", "paracetamol"}),
        (Code("rxnorm", "316672", "Simvistatin 10 MG"), {"simvastatin"}),
        (Code("snomed", "419442005", "Ethanol (substance)"), {"ethanol"}),
        (Code("atc", "N02BF02"), {"pregabalin"}),
    ],
)
def test_codes_decide(terminology: Terminology, code: Code, ingredients: set[str]) -> None:
    found = resolve(terminology, (code,), None)
    assert set(found.ingredients) == ingredients
    assert found.how == "code"
    assert not found.unrecognised


def test_a_code_that_is_not_bound_falls_to_its_display_then_the_text(terminology: Terminology) -> None:
    local = Code("http://hospital.example/drugs", "B1", "Baclofen 10 mg tab")
    assert resolve(terminology, (local,), None).ingredients == ("baclofen",)
    bare = Code("http://hospital.example/drugs", "B1")
    assert resolve(terminology, (bare,), "Lioresal").ingredients == ("baclofen",)
    assert resolve(terminology, (bare,), None).unrecognised


def test_code_and_text_that_disagree_are_both_judged_and_noted(terminology: Terminology) -> None:
    display = "Captopril 25 MG Oral Tablet"
    found = resolve(terminology, (Code("rxnorm", "833036", display),), display)
    assert set(found.ingredients) == {"captopril", "hydrocodone", "paracetamol"}
    assert "833036" in found.conflict
    assert "captopril" in found.conflict
    assert "hydrocodone" in found.conflict


def test_a_less_specific_text_is_no_conflict(terminology: Terminology) -> None:
    found = resolve(terminology, (Code("rxnorm", "1049221"),), "oxycodone")
    assert set(found.ingredients) == {"oxycodone", "paracetamol"}
    assert not found.conflict


def test_a_text_near_another_substance_is_not_hidden_by_a_code(terminology: Terminology) -> None:
    found = resolve(terminology, (Code("rxnorm", "314231"),), "Warfrin 5 mg")
    assert found.ingredients == ("simvastatin",)
    assert found.unrecognised
    assert found.leftover == ("warfrin",)
    assert "warfarin" in found.candidates


def test_a_local_pack_name_beside_a_code_is_no_doubt(terminology: Terminology) -> None:
    found = resolve(terminology, (Code("rxnorm", "314231"),), "Zqxv formulary item")
    assert found.ingredients == ("simvastatin",)
    assert not found.unrecognised


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("baclofen 0.5 mg/mL intrathecal solution", ("0.5 mg/ml",)),
        ("baclofen 5 mg/5 mL oral solution", ("1 mg/ml",)),
        ("baclofen 10 mg/3 mL", ("10 mg/3 ml",)),
        ("baclofen 1,000 mcg/mL", ("1000 mcg/ml",)),
        ("baclofen 0,5 mg", ("0.5 mg",)),
        ("co-codamol 30mg/500mg", ("30 mg", "500 mg")),
        ("hydrocortisone 10 mg/g cream", ("10 mg/g",)),
        ("fentanyl 25 mcg/hr patch", ("25 mcg/hr",)),
        ("sodium chloride 0.9%", ("0.9 %",)),
        ("baclofen", ()),
    ],
)
def test_strengths(terminology: Terminology, text: str, strength: tuple[str, ...]) -> None:
    assert resolve(terminology, (), text).strength == strength


def test_a_text_too_long_to_read_is_never_understood_whole(terminology: Terminology) -> None:
    found = resolve(terminology, (), "baclofen " * 1_000)
    assert found.ingredients == ("baclofen",)
    assert found.unrecognised
    assert "the text beyond what is read" in found.leftover


def test_strength_form_and_route_are_read(terminology: Terminology) -> None:
    found = resolve(terminology, (), "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet")
    assert found.strength == ("500 mg",)
    assert (found.form, found.route) == ("modified-release-tablet", "oral")
    assert resolve(terminology, (), "baclofen 2 MG/ML Injection").route is None


def test_resolving_twice_gives_the_same_object(terminology: Terminology) -> None:
    codes = (Code("rxnorm", "1292"),)
    assert resolve(terminology, codes, "Lioresal") is resolve(terminology, codes, "Lioresal")
