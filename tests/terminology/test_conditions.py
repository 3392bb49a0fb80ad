"""Which value sets a recorded condition is in, or may be in."""

from __future__ import annotations

import pytest

from caveat.terminology.codes import Code
from caveat.terminology.concepts import ConditionMatch, Terminology


def match(
    terminology: Terminology, system: str, code: str, display: str = "", text: str = ""
) -> ConditionMatch:
    return terminology.condition_sets(Code(system, code, display), text)


@pytest.mark.parametrize(
    ("system", "code", "value_set"),
    [
        ("icd10cm", "G40.909", "epilepsy-or-seizure"),
        ("icd10cm", "G40909", "epilepsy-or-seizure"),
        ("icd10cm", "g40.909", "epilepsy-or-seizure"),
        ("icd10", "G41.0", "epilepsy-or-seizure"),
        ("icd10cm", "R56.9", "epilepsy-or-seizure"),
        ("icd10cm", "K25.7", "peptic-ulcer"),
        ("icd10cm", "F20.0", "psychosis-or-schizophrenia"),
        ("icd10cm", "F32.3", "psychosis-or-schizophrenia"),
        ("icd10cm", "G70.00", "myasthenia-gravis"),
        ("icd10cm", "N18.6", "end-stage-renal-disease"),
        ("icd10cm", "N18.4", "severe-renal-impairment"),
        ("icd10cm", "Z99.2", "dialysis"),
        ("icd10cm", "Z33.1", "pregnancy"),
        ("icd10cm", "O09.511", "pregnancy"),
        ("icd10cm", "Z39.1", "lactation"),
        ("icd10cm", "G35", "multiple-sclerosis"),
        ("icd10cm", "G35.A", "multiple-sclerosis"),
        ("icd10cm", "G80.1", "cerebral-palsy"),
        ("icd10cm", "I63.9", "stroke"),
        ("icd10", "I64", "stroke"),
        ("icd10cm", "S14.109A", "spinal-cord-injury"),
        ("icd10cm", "F10.20", "alcohol-use-disorder"),
        ("icd10cm", "F11.20", "substance-use-disorder"),
        ("icd10cm", "F33.1", "depression"),
        ("icd10cm", "F41.1", "psychiatric-disorder"),
        ("icd10cm", "J44.9", "respiratory-disease"),
        ("icd10cm", "G47.33", "sleep-apnoea"),
        ("icd10cm", "Z91.81", "falls"),
        ("icd10cm", "G90.4", "autonomic-dysreflexia"),
        ("icd10cm", "R06.6", "hiccups"),
        ("icd10cm", "G50.0", "trigeminal-neuralgia"),
        ("icd10cm", "R40.20", "coma"),
        ("icd10cm", "R18.8", "ascites"),
        ("snomed", "84757009", "epilepsy-or-seizure"),
        ("snomed", "128613002", "epilepsy-or-seizure"),
        ("snomed", "703151001", "epilepsy-or-seizure"),
        ("snomed", "91637004", "myasthenia-gravis"),
        ("snomed", "58214004", "psychosis-or-schizophrenia"),
        ("snomed", "13200003", "peptic-ulcer"),
        ("snomed", "46177005", "end-stage-renal-disease"),
        ("snomed", "105502003", "dialysis"),
        ("snomed", "72892002", "pregnancy"),
        ("snomed", "169745008", "lactation"),
        ("snomed", "219006", "alcohol-use-current"),
        ("snomed", "13920009", "hepatic-encephalopathy"),
        ("snomed", "129618003", "autonomic-dysreflexia"),
        ("snomed", "160245001", "no-known-conditions"),
        ("snomed", "716186003", "no-known-allergy"),
        ("snomed", "409137002", "no-known-drug-allergy"),
    ],
)
def test_codes_are_definite(terminology: Terminology, system: str, code: str, value_set: str) -> None:
    found = match(terminology, system, code)
    assert value_set in found.sets
    assert found.recognised


@pytest.mark.parametrize(
    ("system", "code", "value_set"),
    [
        ("icd10cm", "F84.2", "psychiatric-disorder"),
        ("icd10cm", "F10.21", "alcohol-use-current"),
        ("icd10cm", "G70.80", "myasthenia-gravis"),
        ("icd10cm", "N18.30", "severe-renal-impairment"),
        ("icd10cm", "Z87.11", "peptic-ulcer"),
        ("icd10cm", "J06.9", "respiratory-disease"),
    ],
)
def test_codes_beside_a_root_are_definitely_not(
    terminology: Terminology, system: str, code: str, value_set: str
) -> None:
    found = match(terminology, system, code, display="epilepsy ulcer alcohol renal myasthenia")
    assert value_set not in found.sets | found.possible
    assert found.recognised


def test_a_category_above_a_root_is_possible(terminology: Terminology) -> None:
    found = match(terminology, "icd10cm", "G70")
    assert "myasthenia-gravis" in found.possible
    assert "myasthenia-gravis" not in found.sets


def test_icd_words_do_not_count(terminology: Terminology) -> None:
    found = match(terminology, "icd10cm", "J06.9", display="seizure", text="seizure")
    assert found == ConditionMatch(frozenset(), frozenset(), True)


def test_a_malformed_icd_code_falls_to_its_text(terminology: Terminology) -> None:
    found = match(terminology, "icd10cm", "epilepsy?", text="epilepsy")
    assert "epilepsy-or-seizure" in found.sets
    assert not match(terminology, "icd10cm", "??").recognised


@pytest.mark.parametrize(
    "display",
    [
        "Juvenile absence epilepsy (disorder)",
        "Family history of epilepsy (situation)",
        "No seizures (situation)",
        "Denies seizures",
    ],
)
def test_a_snomed_code_outside_the_list_is_possible_by_its_words(
    terminology: Terminology, display: str
) -> None:
    found = match(terminology, "snomed", "999999999", display=display)
    assert "epilepsy-or-seizure" in found.possible
    assert not found.sets
    assert found.recognised


@pytest.mark.parametrize(
    ("display", "value_set"),
    [
        ("Acute congestive heart failure (disorder)", "heart-failure"),
        ("COPD, severe", "respiratory-disease"),
        ("Seizure disorder (disorder)", "epilepsy-or-seizure"),
    ],
)
def test_a_snomed_code_outside_the_list_counts_by_the_label_its_display_is(
    terminology: Terminology, display: str, value_set: str
) -> None:
    found = match(terminology, "snomed", "999999999", display=display)
    assert value_set in found.sets


def test_a_reviewed_code_does_not_count_by_its_label(terminology: Terminology) -> None:
    found = match(terminology, "snomed", "15771004", display="Diabetes")
    assert "diabetes-mellitus" not in found.sets | found.possible


def test_a_snomed_code_without_text_is_not_recognised(terminology: Terminology) -> None:
    assert match(terminology, "snomed", "999999999") == ConditionMatch(frozenset(), frozenset(), False)


@pytest.mark.parametrize(
    ("code", "display", "value_set"),
    [
        ("160341008", "Family history: Epilepsy (situation)", "epilepsy-or-seizure"),
        ("266998003", "History of peptic ulcer (situation)", "peptic-ulcer"),
        ("60001007", "Not pregnant (finding)", "pregnancy"),
        ("105542008", "Current non-drinker of alcohol (finding)", "alcohol-use-current"),
        ("433144002", "Chronic kidney disease stage 3 (disorder)", "end-stage-renal-disease"),
        (
            "36474008",
            "Severe recurrent major depression without psychotic features",
            "psychosis-or-schizophrenia",
        ),
    ],
)
def test_a_reviewed_code_is_definitely_not(
    terminology: Terminology, code: str, display: str, value_set: str
) -> None:
    found = match(terminology, "snomed", code, display=display)
    assert value_set not in found.sets | found.possible


def test_the_tag_of_a_display_is_no_word(terminology: Terminology) -> None:
    found = match(terminology, "snomed", "254637007", display="Non-small cell lung cancer (disorder)")
    assert "respiratory-disease" not in found.sets | found.possible


@pytest.mark.parametrize("system", ["icd9cm", "http://hospital.example/problems"])
def test_other_systems_count_by_exact_label_else_by_words(terminology: Terminology, system: str) -> None:
    exact = match(terminology, system, "345.90", text="Epilepsy")
    assert "epilepsy-or-seizure" in exact.sets
    assert exact.recognised
    wordy = match(terminology, system, "345.90", display="Epilepsy, unspecified, no mention of intractable")
    assert "epilepsy-or-seizure" in wordy.possible
    assert not wordy.recognised
    assert match(terminology, system, "1", display="Sprain of ankle") == ConditionMatch()


@pytest.mark.parametrize(
    ("text", "sets", "possible"),
    [
        ("myasthenia gravis", {"myasthenia-gravis", "corticosteroid-treated-disease"}, set()),
        ("MYASTHENIA  GRAVIS", {"myasthenia-gravis", "corticosteroid-treated-disease"}, set()),
        (
            "Hx of ESRD on HD",
            set(),
            {"end-stage-renal-disease", "severe-renal-impairment", "chronic-kidney-disease"},
        ),
        (
            "renal failure",
            set(),
            {"end-stage-renal-disease", "severe-renal-impairment", "chronic-kidney-disease"},
        ),
        ("renal colic", set(), set()),
        ("no history of seizures", set(), {"epilepsy-or-seizure", "seizure"}),
        ("stroke (2019)", set(), {"stroke", "arterial-disease"}),
        ("hay fever", set(), {"hyperthermia"}),
        ("", set(), set()),
    ],
)
def test_free_text(terminology: Terminology, text: str, sets: set[str], possible: set[str]) -> None:
    found = terminology.condition_sets(None, text)
    assert found.sets == sets
    assert found.possible == possible
    assert found.recognised == bool(sets)


def test_a_text_too_long_to_read_may_be_anything(terminology: Terminology) -> None:
    found = terminology.condition_sets(None, "sprain of ankle " * 1_000)
    assert "epilepsy-or-seizure" in found.possible
    assert not found.recognised
    coded = terminology.condition_sets(Code("icd10cm", "S93.4"), "sprain of ankle " * 1_000)
    assert coded == ConditionMatch(frozenset(), frozenset(), True)
