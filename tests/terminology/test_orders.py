"""Orders as records outside the US write them: substance, form and route, and what must stay open."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import resolve

ORDERS = [
    line.split("\t") for line in (Path(__file__).parent / "orders.tsv").read_text("utf-8").splitlines()[1:]
]


@pytest.mark.parametrize(
    ("language", "text", "ingredients", "form", "route"), ORDERS, ids=[row[1] for row in ORDERS]
)
def test_an_order_in_another_language(
    terminology: Terminology, language: str, text: str, ingredients: str, form: str, route: str
) -> None:
    found = resolve(terminology, (), text)
    assert sorted(found.ingredients) == ingredients.split("|"), language
    assert (found.form or "", found.route or "") == (form, route)
    assert not found.unrecognised


@pytest.mark.parametrize(
    ("text", "leftover"),
    [
        ("Galvus Met 50/1000", "met"),
        ("Galvus Met tablet", "met"),
        ("Ramipril comp 5/25", "comp"),
        ("Metoprolol e 50", "e"),
        ("Sertralina EN", "en"),
        ("Zetia AL 10 mg", "al"),
        ("Telma AM", "am"),
        ("Amlokind-AT tablet", "at"),
        ("Clopilet A 75", "a"),
        ("Telma H", "h"),
        ("Losar-CT", "ct"),
    ],
)
def test_a_word_that_joins_or_a_maker_is_let_go_only_in_its_place(
    terminology: Terminology, text: str, leftover: str
) -> None:
    found = resolve(terminology, (), text)
    assert found.leftover == (leftover,)
    assert found.unrecognised


@pytest.mark.parametrize(
    "text", ["baclofn", "metoprololl", "paracetamool", "acide acetylsalicylik", "folinsyre", "kodeiini"]
)
def test_a_slip_or_a_false_friend_stays_unrecognised(terminology: Terminology, text: str) -> None:
    found = resolve(terminology, (), f"{text} 10 mg")
    assert found.unrecognised


@pytest.mark.parametrize(
    ("text", "ingredient"),
    [
        ("Diclofénac de potassium 50 mg", "diclofenac"),
        ("Losartan-Kalium 50 mg", "losartan"),
        ("Atorvastatina calcio 20 mg", "atorvastatin"),
        ("Kalium 40 mmol", "potassium"),
        ("Bacitracina zinco", "bacitracin"),
    ],
)
def test_an_ion_in_another_language_is_part_of_the_salt(
    terminology: Terminology, text: str, ingredient: str
) -> None:
    assert resolve(terminology, (), text).ingredients == (ingredient,)


@pytest.mark.parametrize(
    ("text", "leftover"),
    [("Kalzium + Vitamin D", "kalzium"), ("Piridoxina + pidolato magnésico", "magnesico")],
)
def test_an_ion_that_is_no_part_of_a_substance_is_left_over(
    terminology: Terminology, text: str, leftover: str
) -> None:
    assert resolve(terminology, (), text).leftover == (leftover,)


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("Digoxin 0,125 mg", ("0.125 mg",)),
        ("Metformin 1.000 mg Filmtabletten", ()),
        ("Metformin 1,000 mg tablet", ("1000 mg",)),
        ("piperacillin 3.375 g", ("3.375 g",)),
        ("Fentanyl 25 Mikrogramm/h", ("25 mcg/h",)),
        ("Levotiroxina 50 microgramos", ("50 mcg",)),
        ("Insulina glargina 100 UI/ml", ("100 iu/ml",)),
        ("Colecalciferolo 25000 UI/2,5 ml", ("10000 iu/ml",)),
        ("Colécalciférol 100 000 UI", ()),
        ("Humaninsulin 100 Einheiten/ml", ("100 units/ml",)),
    ],
)
def test_a_comma_and_a_point_are_read_as_each_country_may_mean_them(
    terminology: Terminology, text: str, strength: tuple[str, ...]
) -> None:
    assert resolve(terminology, (), text).strength == strength


@pytest.mark.parametrize(
    "text", ["Xanax at bedtime", "Lantus 10 units am", "Lipitor a day", "Zoloft am Morgen", "Advil as needed"]
)
def test_a_frequency_after_a_brand_is_no_part_of_it(terminology: Terminology, text: str) -> None:
    assert not resolve(terminology, (), text).unrecognised


def test_an_article_is_no_word_of_slow_release(terminology: Terminology) -> None:
    assert resolve(terminology, (), "Lorazepam 1 mg comprimidos por la noche").form == "tablet"
    assert resolve(terminology, (), "Propranolol 80 mg LA capsule").form == "modified-release-capsule"


def test_a_share_in_a_spelt_out_unit_is_not_read_in_the_unit_beside_it(terminology: Terminology) -> None:
    found = resolve(terminology, (), "Ethinylestradiol/Drospirenon 30 Mikrogramm/3 mg")
    assert dict(found.shares) == {"ethinylestradiol": "30 mcg", "drospirenone": "3 mg"}
