"""Results by name: what is taken, what is something else, and what stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caveat
from caveat.terminology.results import MEASURED, NAMES, is_of_blood, named
from caveat.terminology.text import key

CERTAIN = {
    "serum_creatinine": (
        "Creatinine|Serum creatinine|Creatinine, Serum|S-Kreatinin|P-Kreatinin|Kreatinin i S"
        "|Kreatinin i.S.|Kreatinin (enzym.)|CREATININE (MG/DL)"
        "|Creatinine [Mass/volume] in Serum or Plasma|Creat SerPl-mCnc|Creatinine POC|Cr\xe9atinine"
        "|Cr\xe9atinin\xe9mie|Creatinina|Creatinine (Cr)"
        "|P\u2014Creatininium; subst.c. = ? \xb5mol/L|Creatinina en suero"
    ),
    "potassium": (
        "Potassium|Potassium [K]|K+|K|P-Kalium|Kalium|Potassium level|Potassium, whole blood"
        "|Potassium (VBG)|Kali\xe9mie|P\u2014Kalium-ion; stofk. = ? mmol/L"
        "|Potassium [Moles/volume] in Arterial blood|Potassium (mmol/L)|Potasio"
    ),
    "sodium": "Sodium|Na+|Natrium|S-Natrium|Sodium, serum|Natr\xe9mie|Sodium [Na]",
    "egfr": (
        "eGFR|eGFR (CKD-EPI)|eGFR CKD-EPI 2021|eGFR non-African American|Pt-eGFR (CKD-EPI)"
        "|DFG (CKD-EPI)|Estimated GFR|D\xe9bit de filtration glom\xe9rulaire estim\xe9|GFR (MDRD)"
    ),
    "creatinine_clearance": (
        "Creatinine clearance|CrCl|Creatinine clearance (Cockcroft-Gault)|Kreatinin-Clearance"
    ),
    "inr": "INR|PT/INR|INR (POC)|PT-INR",
    "alt": "ALT|ALT (SGPT)|ALAT (GPT)|ALT (U/L)|Alanine aminotransferase",
    "weight": "Body weight|Weight|Poids|K\xf6rpergewicht",
    "height": "Body height|K\xf6rpergr\xf6\xdfe|Taille",
    "bilirubin_total": "Total bilirubin|Bilirubin, total|Bilirubin gesamt",
}
OTHERS = (
    "Urine creatinine|Creatinine, urine|U-Kreatinin|dU-Kreatinin|Kreatinin im Urin"
    "|Creatinine, random|Creatinine 24h|Creatinine Clearance, 24h|Albumin/Creatinine ratio"
    "|Protein/creatinine|Creatinine, fluid|Creatinine, drain|Creatine kinase|Potassium, urine"
    "|Potassium hydroxide prep|Potassium chloride|Urine potassium|Sodium, urine"
    "|Fractional excretion of sodium|Sodium valproate|Sodium bicarbonate|eGFR African American"
    "|eGFR cystatin C|INR goal|Target INR|Calcium, ionized|Free calcium|Corrected calcium"
    "|Microalbumin|Prealbumin|Albumin, CSF|Albumin/globulin ratio|Bilirubin, direct"
    "|Conjugated bilirubin|Birth weight|Weight loss|Ideal body weight|Glucose|CSF glucose"
    "|Total protein|ALT/AST ratio|Potassium channel antibody"
)
DOUBTFUL = {
    "serum_creatinine": "Creatinine ward 7",
    "potassium": "Potassium Nova device|Kalium haemolytisch",
    "sodium": "Sodium fingerstick",
    "egfr": "eGFR interpretation",
    "calcium": "Calcium ward 7",
}


@pytest.mark.parametrize(
    ("concept", "text"), [(c, t) for c, all_ in CERTAIN.items() for t in all_.split("|")]
)
def test_taken_for_certain(concept: str, text: str) -> None:
    found = named(text)
    assert found is not None
    assert (found.concept, found.is_certain) == (concept, True)


@pytest.mark.parametrize("text", OTHERS.split("|"))
def test_something_else(text: str) -> None:
    assert named(text) is None


@pytest.mark.parametrize(
    ("concept", "text"), [(c, t) for c, all_ in DOUBTFUL.items() for t in all_.split("|")]
)
def test_open(concept: str, text: str) -> None:
    found = named(text)
    assert found is not None
    assert (found.concept, found.is_certain) == (concept, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [("Serum creatinine", True), ("S-Kreatinin", True), ("Creatinine", False), ("Potassium (VBG)", True)],
)
def test_whether_the_specimen_is_named(text: str, said: bool) -> None:
    found = named(text)
    assert found is not None
    assert found.specimen is said


@pytest.mark.parametrize(
    ("text", "blood"),
    [
        ("Venous blood specimen", True),
        ("Serum", True),
        ("Urine specimen", False),
        ("Urinalysis", False),
        ("24 h Sammelurin", False),
        ("Cerebrospinal fluid", False),
        ("Renal panel", None),
        ("During dialysis", None),
    ],
)
def test_specimens(text: str, blood: bool | None) -> None:
    assert is_of_blood(text) is blood


@given(
    st.sampled_from(sorted(NAMES)), st.sampled_from(["urine", "csf", "clearance", "ratio", "24h", "ascites"])
)
def test_no_name_survives_a_word_for_another_thing(name: str, word: str) -> None:
    for text in (f"{word} {name}", f"{name}, {word}", f"{name} ({word})"):
        found = named(text)
        assert found is None or found.concept == "creatinine_clearance"


def test_names_are_as_they_are_looked_up() -> None:
    assert [name for name in NAMES if key(name) != name] == []


def test_limits_are_those_of_the_vocabulary() -> None:
    """Only calcium is narrower: what lies below may be its ionised part."""
    terminology = caveat.load().terminology
    for concept, limits in MEASURED.items():
        known = terminology.observation(concept)
        assert (limits.unit, limits.analyte or "") == (known.unit, known.analyte)
        assert limits.high == known.plausible[1]
        assert limits.low == known.plausible[0] or concept == "calcium"
