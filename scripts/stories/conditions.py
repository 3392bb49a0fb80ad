"""Diseases, allergies, pregnancy, falls, adverse reactions."""

from __future__ import annotations

from scripts.stories.build import (
    SUBSTANCE,
    Story,
    allergy,
    context,
    creatinine,
    icd,
    person,
    pump,
    snomed,
    tablets,
    weight,
    worded,
)
from scripts.stories.organs import KNOWN, MS

MAN = person("male", "1979-12-12")
WOMAN = person("female", "1994-06-15")
LABS = (creatinine(0.8), weight(64))

CONDITIONS = (
    Story(
        "history-that-forbids",
        "Epilepsy in childhood, a bleeding ulcer now, schizophrenia, myasthenia gravis.",
        (
            "history.epilepsy-or-seizure",
            "condition.peptic-ulcer-active",
            "condition.psychosis",
            "condition.myasthenia-gravis",
        ),
        (
            MAN,
            tablets(),
            snomed("84757009", "Epilepsy", status="resolved", onset="1988"),
            icd("K26.4", "Chronic or unspecified duodenal ulcer with hemorrhage"),
            icd("F209", "Schizophrenia, unspecified"),
            icd("G70.00", "Myasthenia gravis without (acute) exacerbation"),
            *KNOWN,
        ),
    ),
    Story(
        "history-that-warns",
        "Asthma, cocaine dependence years ago, and depression.",
        ("condition.respiratory-disease", "history.substance-use", "condition.depression"),
        (
            MAN,
            tablets(),
            icd("J45.909", "Unspecified asthma, uncomplicated"),
            icd("F14.21", "Cocaine dependence, in remission", status="remission"),
            icd("F33.1", "Major depressive disorder, recurrent, moderate"),
            *KNOWN,
        ),
    ),
    Story(
        "history-anxiety",
        "An anxiety disorder.",
        ("history.psychiatric",),
        (MAN, tablets(), icd("F41.1", "Generalized anxiety disorder"), *KNOWN),
    ),
    Story(
        "history-status-missing",
        "Ulcer, COPD, dialysis, kidney disease and drinking without a status: now or then?",
        (),
        (
            MAN,
            tablets(),
            icd("K25.9", "Gastric ulcer, unspecified", status=None),
            icd("J44.9", "Chronic obstructive pulmonary disease, unspecified", status=None),
            icd("Z99.2", "Dependence on renal dialysis", status=None),
            icd("N18.4", "Chronic kidney disease, stage 4 (severe)", status=None),
            snomed("219006", "Current drinker of alcohol", status=None),
            *KNOWN,
        ),
    ),
    Story(
        "allergy-brand",
        "An allergy to Lioresal.",
        ("allergy.hypersensitivity",),
        (MAN, tablets(), MS, allergy(worded("Lioresal")), *LABS),
    ),
    Story(
        "allergy-intolerance",
        "An intolerance to baclofen, and an allergy to it that was struck off.",
        ("allergy.intolerance",),
        (
            MAN,
            tablets(),
            MS,
            allergy(SUBSTANCE, kind="intolerance"),
            allergy(SUBSTANCE, status="resolved"),
            *LABS,
        ),
    ),
    Story(
        "pregnancy",
        "A pregnant woman of 31.",
        ("reproduction.pregnancy",),
        (WOMAN, tablets(), icd("Z33.1", "Pregnant state, incidental"), *KNOWN),
    ),
    Story(
        "breastfeeding",
        "A woman of 31 who breastfeeds.",
        ("reproduction.lactation",),
        (WOMAN, tablets(), icd("Z39.1", "Encounter for care and examination of lactating mother"), *KNOWN),
    ),
    Story(
        "work-on-a-roof",
        "A roofer.",
        ("activity.hazardous-work",),
        (MAN, tablets(), context("hazardous_work", True), *KNOWN),
    ),
    Story(
        "falls",
        "Two falls last autumn.",
        ("activity.fall-risk",),
        (MAN, tablets(), icd("R29.6", "Repeated falls", onset="2025-10-12"), *KNOWN),
    ),
    Story(
        "falls-without-a-date",
        "Falls, and nobody knows when.",
        (),
        (MAN, tablets(), icd("R29.6", "Repeated falls"), *KNOWN),
    ),
    Story(
        "reaction-dizziness",
        "Dizzy since last week.",
        ("reaction.common",),
        (MAN, tablets(), icd("R42", "Dizziness and giddiness", onset="2026-01-08"), *KNOWN),
    ),
    Story(
        "reaction-confusion",
        "Confused since the weekend.",
        ("reaction.serious",),
        (MAN, tablets(), icd("R41.0", "Disorientation, unspecified", onset="2026-01-10"), *KNOWN),
    ),
    Story(
        "reaction-overdose",
        "Found drowsy and cold at a pump rate that was raised two days ago.",
        ("reaction.overdose-or-withdrawal-signs",),
        (
            MAN,
            pump(600),
            icd("R40.0", "Somnolence", onset="2026-01-14"),
            icd(
                "R68.0", "Hypothermia, not associated with low environmental temperature", onset="2026-01-14"
            ),
            *KNOWN,
        ),
    ),
    Story(
        "reaction-undated",
        "Drowsiness, coma and dizziness without a date.",
        (),
        (
            MAN,
            tablets(),
            icd("R40.0", "Somnolence"),
            icd("R40.20", "Unspecified coma"),
            icd("R42", "Dizziness and giddiness"),
            *KNOWN,
        ),
    ),
)
