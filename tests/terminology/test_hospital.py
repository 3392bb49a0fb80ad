"""Names as hospitals write them: what they mean, what of them is not understood, and what is offered then."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import resolve

WRITTEN = [
    line.split("\t") for line in (Path(__file__).parent / "hospital.tsv").read_text("utf-8").splitlines()[1:]
]


@pytest.mark.parametrize(
    ("text", "ingredients", "leftover", "candidate"), WRITTEN, ids=[row[0] for row in WRITTEN]
)
def test_names_as_hospitals_write_them(
    terminology: Terminology, text: str, ingredients: str, leftover: str, candidate: str
) -> None:
    found = resolve(terminology, (), text)
    assert sorted(found.ingredients) == (ingredients.split("|") if ingredients else [])
    assert found.leftover == tuple(leftover.split("|") if leftover else ())
    assert found.unrecognised == (not ingredients or bool(leftover))
    assert (found.candidates[0] if found.candidates else "") == candidate


def test_there_are_enough_of_them() -> None:
    assert len(WRITTEN) >= 200
    assert len({row[0] for row in WRITTEN}) == len(WRITTEN)
    assert sum(bool(leftover) or not ingredients for _, ingredients, leftover, _ in WRITTEN) >= 25


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("Lisinopril (Amlodipine) 10 mg", {"lisinopril", "amlodipine"}),
        ("Morphine (Naloxone) 10 mg", {"morphine", "naloxone"}),
        ("Colchicine (with ibuprofen, study)", {"colchicine", "ibuprofen"}),
        ("Warfarin [Aspirin] 5 mg", {"warfarin", "acetylsalicylic-acid"}),
    ],
)
def test_another_substance_in_brackets_counts(
    terminology: Terminology, text: str, ingredients: set[str]
) -> None:
    assert set(resolve(terminology, (), text).ingredients) == ingredients


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("MS", {"morphine", "magnesium-sulfate"}),
        ("HCT", {"hydrochlorothiazide", "hydrocortisone"}),
        ("AZT", {"azathioprine", "zidovudine"}),
        ("CPZ", {"chlorpromazine", "prochlorperazine"}),
        ("tPA", {"alteplase", "tranexamic-acid"}),
        ("Epi", {"epinephrine", "epirubicin"}),
    ],
)
def test_an_abbreviation_of_two_medicines_is_offered_and_never_taken(
    terminology: Terminology, text: str, both: set[str]
) -> None:
    found = resolve(terminology, (), f"{text} 10 mg")
    assert found.ingredients == ()
    assert found.unrecognised
    assert set(found.candidates[:2]) == both


@pytest.mark.parametrize(
    ("text", "kind", "ingredients"),
    [
        ("Sterile Water", "fluid", {"water-for-injection"}),
        ("TPN (adult)", "nutrition", {"parenteral-nutrition"}),
        ("Blood glucose test strips", "device", {"glucose-test-strip"}),
        ("Influenza vaccine 0.5 mL IM", "vaccine", {"influenza-vaccine"}),
        ("Ginkgo biloba 120 mg", "herbal", {"ginkgo"}),
        ("Oxygen 2 L/min", "gas", {"oxygen"}),
    ],
)
def test_what_is_no_medicine_is_recognised_as_such(
    terminology: Terminology, text: str, kind: str, ingredients: set[str]
) -> None:
    found = resolve(terminology, (), text)
    assert not found.unrecognised
    assert set(found.ingredients) == ingredients
    assert {terminology.ingredient(i).kind for i in found.ingredients} == {kind}


PHRASES_OVER_NAMES = {
    "alcohol free": "the product holds none",
    "alcohol withdrawal": "what it is given for",
    "catheter clearance": "what it is given for",
    "catheter lock": "what it is given for",
    "gluten free": "the product holds none",
    "lactose free": "the product holds none",
    "latex free": "the product holds none",
    "nebulizer solution": "a form",
    "orange flavor": "a flavour",
    "peg tube": "a route",
    "ohne alkohol": "the product holds none",
    "sans alcool": "the product holds none",
    "sans lactose": "the product holds none",
    "sem alcool": "the product holds none",
    "senza alcol": "the product holds none",
    "sin alcohol": "the product holds none",
    "strawberry flavor": "a flavour",
    "sun pharma": "a maker",
}


def test_phrases_that_hide_a_name_are_exactly_those_reviewed(terminology: Terminology) -> None:
    """A phrase of words.tsv is read before the names in it; a new one has to be looked at."""
    t = terminology.tables
    hiding = {
        phrase
        for phrase in t.noise
        if " " in phrase and phrase not in t.names and any(w in t.names for w in phrase.split(" "))
    }
    assert hiding == set(PHRASES_OVER_NAMES)
    assert resolve(terminology, (), "Omeprazole via PEG tube").ingredients == ("omeprazole",)
    assert resolve(terminology, (), "alcohol 10 %").ingredients == ("ethanol",)


def test_inh_is_isoniazid_alone_an_inhalation_beside_puffs_and_else_neither(terminology: Terminology) -> None:
    assert resolve(terminology, (), "INH 300 mg").ingredients == ("isoniazid",)
    assert resolve(terminology, (), "albuterol 2 puffs INH").ingredients == ("salbutamol",)
    assert not resolve(terminology, (), "albuterol 2 puffs INH").unrecognised
    for text, other in (("rifampin/INH 300 mg", "rifampicin"), ("albuterol INH", "salbutamol")):
        found = resolve(terminology, (), text)
        assert found.ingredients == (other,)
        assert found.unrecognised
        assert found.candidates[0] == "isoniazid"


WORDS_THAT_ARE_NAMES = {
    "beef": "an allergen",
    "calcio": "an ion or the substance",
    "calcium": "an ion or the substance",
    "inh": "isoniazid alone",
    "kalcium": "an ion or the substance",
    "kalium": "an ion or the substance",
    "kalsium": "an ion or the substance",
    "lithium": "an ion or the substance",
    "litio": "an ion or the substance",
    "litium": "an ion or the substance",
    "magnesio": "an ion or the substance",
    "magnesium": "an ion or the substance",
    "mint": "a flavour after a substance",
    "potasio": "an ion or the substance",
    "potassio": "an ion or the substance",
    "potassium": "an ion or the substance",
    "sink": "an ion or the substance",
    "soap": "an allergen",
    "sun": "an allergen",
    "trometamol": "an ion or the substance",
    "trometamolo": "an ion or the substance",
    "tromethamine": "an ion or the substance",
    "zinc": "an ion or the substance",
    "zink": "an ion or the substance",
}


def test_words_that_are_names_too_are_exactly_those_reviewed(terminology: Terminology) -> None:
    """A name that is also a word of forms, routes or flavours may be read as that word."""
    t = terminology.tables
    assert {w for w in t.noise if w in t.names} == set(WORDS_THAT_ARE_NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "Tylenol Allergy",
        "Doliprane PM",
        "Guaifenesin AC",
        "Tussin DM",
        "losartan HCT",
        "hydrocodone-acet",
        "Cipro HC",
    ],
)
def test_a_suffix_that_stands_for_another_substance_is_never_dropped(
    terminology: Terminology, text: str
) -> None:
    assert resolve(terminology, (), text).unrecognised
