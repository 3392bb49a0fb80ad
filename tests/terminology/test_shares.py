"""Which strength of a combination product is of which ingredient, and where that is not said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology
from caveat.terminology.reading import known_shares
from caveat.terminology.resolver import resolve
from strategies import vocabulary


@pytest.mark.parametrize(
    "text",
    [
        "Percocet",
        "oxycodone-acetaminophen",
        "Tylenol with codeine #3",
        "Augmentin 875",
        "Percocet 6/325",  # no product of that strength is known
        "oxycodone-acetaminophen 330 mg",
        "losartan 50 mg HCTZ 12.5",
        "acetaminophen-oxycodone 5-325 mg",  # the known product has them the other way round
        "oxycodone 5 mg/acetaminophen 325 mg in 5 mL",  # a volume that may belong to either
        "oxycodone 5 mg / acetaminophen 65 mg/mL",
        "oxycodone/acetaminophen 5 mg acetaminophen 325 mg",
        "oxycodone-acetaminophen 5-325 mg (650 mg)",
        "baclofen-codeine 5-10",  # no unit, and no product to tell it
        "oxycodone 5 mg acetaminophen",
        "aspirin 325 MG / oxycodone hydrochloride 4.5 MG / oxycodone terephthalate 0.38 MG Oral Tablet",
        "codeine 10-0 mg / acetaminophen",
    ],
)
def test_what_is_not_said_is_not_guessed(terminology: Terminology, text: str) -> None:
    found = resolve(terminology, (), text)
    assert len(found.ingredients) > 1
    assert found.shares == ()


OXYCODONE = {"oxycodone": "5 mg", "paracetamol": "325 mg"}


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("acetaminophen 325 MG / oxycodone hydrochloride 5 MG Oral Tablet", OXYCODONE),
        ("acetaminophen 325 MG / oxycodone hydrochloride 5 MG Oral Tablet [Percocet]", OXYCODONE),
        (
            "acetaminophen 300 MG / codeine phosphate 30 MG Oral Tablet [Tylenol with Codeine]",
            {"codeine": "30 mg", "paracetamol": "300 mg"},
        ),
        ("oxycodone-acetaminophen 5-325 mg", OXYCODONE),
        ("oxycodone-acetaminophen 5 mg-325 mg tablet", OXYCODONE),
        ("oxyCODONE-acetaminophen (PERCOCET) 5-325 mg per tablet", OXYCODONE),
        ("325 mg acetaminophen / 5 mg oxycodone", OXYCODONE),
        ("oxycodone 5 mg and acetaminophen 325 mg", OXYCODONE),
        ("oxycodone-acetaminophen 5-325", OXYCODONE),
        ("oxycodone-acetaminophen 5-325 mg, 1-2 tablets", OXYCODONE),
        ("Percocet 5/325", OXYCODONE),
        ("Percocet 5 mg/325 mg tablet", OXYCODONE),
        ("12 HR oxycodone 5 mg / acetaminophen 325 mg", OXYCODONE),
        ("co-codamol 30/500", {"codeine": "30 mg", "paracetamol": "500 mg"}),
        ("co-codamol 8mg/500mg tablets", {"codeine": "8 mg", "paracetamol": "500 mg"}),
        ("paracetamol 500mg + codeine 30mg", {"codeine": "30 mg", "paracetamol": "500 mg"}),
        (
            "hydrocodone-acetaminophen 7.5-325 mg/15 mL",
            {"hydrocodone": "7.5 mg/15ml", "paracetamol": "325 mg/15ml"},
        ),
        (
            "acetaminophen 65 MG/ML / oxycodone hydrochloride 1 MG/ML Oral Solution",
            {"oxycodone": "1 mg/ml", "paracetamol": "65 mg/ml"},
        ),
        (
            "butalbital-acetaminophen-caffeine 50-325-40 mg",
            {"butalbital": "50 mg", "paracetamol": "325 mg", "caffeine": "40 mg"},
        ),
        (
            "amoxicillin-pot clavulanate 400-57 mg/5 mL 100 mL",
            {"amoxicillin": "400 mg/5ml", "clavulanic-acid": "57 mg/5ml"},
        ),
        ("lidocaine 2.5% / prilocaine 2.5% cream", {"lidocaine": "2.5 %", "prilocaine": "2.5 %"}),
    ],
)
def test_each_strength_with_its_ingredient(
    terminology: Terminology, text: str, shares: dict[str, str]
) -> None:
    assert dict(resolve(terminology, (), text).shares) == shares


def test_a_code_alone_has_the_strengths_of_its_label(terminology: Terminology) -> None:
    assert dict(resolve(terminology, (Code("rxnorm", "1049640"),)).shares) == OXYCODONE


def test_a_text_that_contradicts_the_code_leaves_both_unknown(terminology: Terminology) -> None:
    found = resolve(terminology, (Code("rxnorm", "1049640"),), "oxycodone-acetaminophen 10-325 mg")
    assert found.shares == ()


def test_a_text_that_names_one_of_two_says_nothing_of_the_other(terminology: Terminology) -> None:
    found = resolve(terminology, (Code("rxnorm", "1049640"),), "oxycodone 5 mg")
    assert dict(found.shares) == OXYCODONE  # by the code's label; the text gives no share


def test_known_products_give_each_ingredient_a_strength(terminology: Terminology) -> None:
    known = known_shares(terminology)
    assert sum(map(len, known.values())) > 100
    assert all({name for name, _ in one} == names for names, found in known.items() for one in found)
    assert all(len(names) > 1 for names in known)


NAMES = st.permutations(("oxycodone", "morphine", "baclofen", "warfarin"))


@given(NAMES, st.lists(st.sampled_from((5, 10, 20, 325)), min_size=2, max_size=4), st.sampled_from("/-+"))
def test_spelling_does_not_change_whose_a_strength_is(
    names: list[str], amounts: list[int], mark: str
) -> None:
    """One beside the other, or names before strengths: the same, whatever the numbers."""
    pairs = dict(zip(names, (f"{amount} mg" for amount in amounts), strict=False))
    beside = f" {mark} ".join(f"{name} {strength}" for name, strength in pairs.items())
    apart = f"{mark.join(pairs)} {'-'.join(strength.split()[0] for strength in pairs.values())} mg"
    terminology = vocabulary.terminology()
    assert dict(resolve(terminology, (), beside).shares) == pairs
    assert dict(resolve(terminology, (), apart).shares) == pairs
