"""Classes of ingredients: their members, their sources, and the tables beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.terminology.concepts import Terminology
from caveat.terminology.load import rows

ALONE = {
    "alcohol-containing": "ethanol is what makes a medicine one",
    "renin-inhibitor": "aliskiren is the only one",
    "strong-cyp1a2-inhibitor": "the FDA names fluvoxamine alone in 2026",
}
SOURCES = {
    "antibiotics-2019-8-103",
    "atc",
    "atc-index",
    "ccjm",
    "cdc",
    "cpic",
    "eu-spc",
    "fda-ddi",
    "fda-epc",
    "idwiki",
    "inn-stem",
    "monograph.baclofen",
    "paper",
    "pmc",
    "spectrum-md",
    "uk-spc",
    "us-label",
    "who-inn",
    "worldvista",
}


def test_every_class_says_what_it_is_and_has_members(terminology: Terminology) -> None:
    for c in sorted(terminology.ids("class")):
        found = terminology.ingredient_class(c)
        assert found.title, c
        assert len(found.definition) > 15, c
        assert found.definition.endswith("."), c
        assert len(found.members) >= 2 or c in ALONE, c
    assert all(len(terminology.class_members(c)) == 1 for c in ALONE)


def test_every_member_has_a_known_source_and_no_member_is_an_allergen(terminology: Terminology) -> None:
    for c in sorted(terminology.ids("class")):
        found = terminology.ingredient_class(c)
        for member, source in found.sources.items():
            kind, _, where = source.partition(": ")
            assert kind in SOURCES, f"{c}: {member}: {source}"
            assert where, f"{c}: {member}: {source}"
            assert terminology.ingredient(member).kind != "allergen", f"{c}: {member}"


def test_about_eighty_classes_and_more(terminology: Terminology) -> None:
    assert len(terminology.ids("class")) >= 80


@pytest.mark.parametrize(
    ("group", "within", "without"),
    [
        ("anticoagulant", {"warfarin", "apixaban", "enoxaparin", "heparin"}, {"clopidogrel", "alteplase"}),
        ("nsaid", {"ibuprofen", "celecoxib", "ketorolac"}, {"acetylsalicylic-acid", "paracetamol"}),
        ("antiplatelet", {"acetylsalicylic-acid", "ticagrelor"}, {"warfarin", "ibuprofen"}),
        ("strong-cyp3a4-inhibitor", {"clarithromycin", "ritonavir"}, {"fluconazole", "azithromycin"}),
        ("moderate-cyp3a4-inhibitor", {"erythromycin", "diltiazem"}, {"clarithromycin", "amlodipine"}),
        ("strong-cyp2d6-inhibitor", {"paroxetine", "bupropion"}, {"sertraline", "venlafaxine"}),
        ("cyp3a4-sensitive-substrate", {"simvastatin", "triazolam"}, {"pravastatin", "rosuvastatin"}),
        ("penicillin", {"amoxicillin", "piperacillin"}, {"cefalexin", "clavulanic-acid", "penicillamine"}),
        ("cephalosporin", {"cefazolin", "ceftriaxone"}, {"amoxicillin", "meropenem"}),
        ("beta-lactam-r1-aminobenzyl", {"amoxicillin", "cefalexin"}, {"cefazolin", "ceftriaxone"}),
        ("sulfonamide-antibiotic", {"sulfamethoxazole"}, {"furosemide", "trimethoprim", "celecoxib"}),
        ("sulfonamide-non-antibiotic", {"furosemide", "glipizide"}, {"sulfamethoxazole"}),
        ("serotonergic", {"tramadol", "linezolid", "sertraline", "sumatriptan"}, {"morphine", "ondansetron"}),
        ("maoi", {"phenelzine", "selegiline", "moclobemide"}, {"linezolid"}),
        ("jak-inhibitor", {"tofacitinib", "ruxolitinib", "ritlecitinib"}, {"deucravacitinib", "dupilumab"}),
        ("opioid-antagonist", {"naltrexone", "samidorphan"}, {"methylnaltrexone", "morphine"}),
        ("qt-prolonging-high", {"quizartinib", "gepirone"}, {"pacritinib"}),
        ("qt-prolonging", {"sotalol", "methadone", "ondansetron"}, {"paracetamol", "lisinopril"}),
        ("potassium-raising", {"lisinopril", "spironolactone", "trimethoprim"}, {"furosemide"}),
        ("antidiabetic", {"metformin", "insulin-glargine", "empagliflozin"}, {"glucagon"}),
        ("hypoglycaemia-causing", {"glipizide", "insulin-human"}, {"metformin", "empagliflozin"}),
        ("p-gp-inhibitor", {"verapamil", "ciclosporin"}, {"diltiazem", "amlodipine"}),
        ("iodinated-contrast-medium", {"iohexol"}, {"gadobutrol", "barium-sulfate"}),
    ],
)
def test_classes_hold_what_they_are_named_for(
    terminology: Terminology, group: str, within: set[str], without: set[str]
) -> None:
    members = terminology.class_members(group)
    assert within <= members
    assert not without & members


def test_inhibitors_of_one_enzyme_are_strong_or_moderate_and_not_both(terminology: Terminology) -> None:
    for enzyme in ("cyp3a4", "cyp2d6", "cyp1a2", "cyp2c19"):
        strong = terminology.class_members(f"strong-{enzyme}-inhibitor")
        assert not strong & terminology.class_members(f"moderate-{enzyme}-inhibitor"), enzyme
    assert not terminology.class_members("strong-cyp3a4-inducer") & terminology.class_members(
        "moderate-cyp3a4-inducer"
    )


def table(folder: Path, name: str, width: int) -> list[list[str]]:
    return [cells for _, cells in rows(folder / "tables", name, width)]


def test_morphine_equivalents_are_those_of_the_guideline(
    terminology: Terminology, concepts_dir: Path
) -> None:
    found = table(concepts_dir, "morphine-equivalents.tsv", 8)
    factors = {cells[2]: float(cells[5]) for cells in found}
    assert factors == {
        "codeine": 0.15,
        "fentanyl": 2.4,
        "hydrocodone": 1.0,
        "hydromorphone": 5.0,
        "methadone": 4.7,
        "morphine": 1.0,
        "oxycodone": 1.5,
        "oxymorphone": 3.0,
        "tapentadol": 0.4,
        "tramadol": 0.2,
    }
    assert set(factors) <= terminology.class_members("opioid")
    assert all(cells[0] == "morphine-equivalents" and cells[1] and cells[7] for cells in found)


def test_anticholinergic_scores_are_of_known_medicines(terminology: Terminology, concepts_dir: Path) -> None:
    found = table(concepts_dir, "anticholinergic-burden.tsv", 5)
    assert len(found) > 90
    assert len({cells[2] for cells in found}) == len(found)
    for _, version, ingredient, score, source in found:
        assert terminology.ingredient(ingredient).kind == "medicine"
        assert score in {"1", "2", "3"}, ingredient
        assert version
        assert source


def test_washouts_name_known_classes_and_medicines(terminology: Terminology, concepts_dir: Path) -> None:
    found = table(concepts_dir, "maoi-washout.tsv", 6)
    for _, _, stopped, started, days, source in found:
        for side in (stopped, started):
            for name in side.split("|"):
                kind, _, id = name.partition(":")
                assert id in terminology.ids("class" if kind == "class" else "ingredient"), name
        assert int(days) in {14, 35}
        assert source
