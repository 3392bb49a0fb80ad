"""Source values that are codes: by check digit and form, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.omop import codes, wording


@pytest.mark.parametrize("code", ["2160-0", "2823-3", "29463-7", "8302-2", "33914-3", "14682-9", "98979-8"])
def test_loinc_codes(code: str) -> None:
    assert codes.of_result(code) == (("loinc", code),)


@pytest.mark.parametrize("code", ["84757009", "14669001", "65363002", "1121000119107", "302497006"])
def test_snomed_codes(code: str) -> None:
    assert codes.of_condition(code) == (("snomed", code),)
    assert codes.of_result(code) == (("snomed", code),)


@pytest.mark.parametrize("code", ["G40.909", "G40909", "g40.909", "N18.5", "C7A.8", "E11.9", "E119", "E10"])
def test_icd_codes(code: str) -> None:
    assert codes.of_condition(code) == (("icd10cm", code.upper()),)


@pytest.mark.parametrize(
    "text",
    ["V45.1", "E950", "E812.0", "401.9", "308182", "epilepsy", "LAB-17", "A1", "", "12-3", "N18.5 CKD"],
)
def test_what_is_no_code_of_a_condition(text: str) -> None:
    """ICD-9-CM, local numbers and words are left as text: a guess would be another disease."""
    assert codes.of_condition(text) == ()


@given(st.from_regex(r"[0-9]{1,5}-[0-9]", fullmatch=True))
def test_one_check_digit_fits(code: str) -> None:
    stem = code[:-1]
    assert sum(codes.is_loinc(stem + digit) for digit in "0123456789") == 1


@given(st.from_regex(r"[1-9][0-9]{2,10}", fullmatch=True), st.sampled_from(["00", "10"]))
def test_one_snomed_check_digit_fits(item: str, partition: str) -> None:
    assert sum(codes.is_snomed(item + partition + digit) for digit in "0123456789") == 1


@pytest.mark.parametrize(
    ("name", "to", "kind"),
    [
        ("Allergy to penicillin", "penicillin", "allergy"),
        ("Allergy to baclofen (finding)", "baclofen", "allergy"),
        ("History of allergy to sulfonamide", "sulfonamide", "allergy"),
        ("Latex allergy", "Latex", "allergy"),
        ("Intolerance to codeine", "codeine", "intolerance"),
        ("Propensity to adverse reactions to aspirin", "aspirin", "allergy"),
        ("Allergy to drug", None, "allergy"),
        ("Drug allergy", None, "allergy"),
        ("No known drug allergy", None, None),
        ("No known allergies", None, None),
    ],
)
def test_names_of_allergies(name: str, to: str | None, kind: str | None) -> None:
    assert wording.allergen(name) == wording.Allergen(to, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "Family history of allergy to penicillin",
        "Allergy screening test",
        "Food allergy diet",
        "Allergic rhinitis",
        "No allergy",
        "Father penicillin allergy",
        "Suspected penicillin allergy",
        "Allergic disorder monitoring",
    ],
)
def test_names_of_something_else(name: str) -> None:
    assert wording.allergen(name) is None
