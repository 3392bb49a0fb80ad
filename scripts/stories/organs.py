"""Kidney and liver."""

from __future__ import annotations

from scripts.stories.build import (
    NO_ALLERGY,
    Story,
    albumin,
    bilirubin,
    context,
    creatinine,
    icd,
    inr,
    person,
    pump,
    result,
    snomed,
    tablets,
    weight,
)

MS = snomed("24700007", "Multiple sclerosis", onset="2015")
KNOWN = (MS, NO_ALLERGY, creatinine(0.9), weight(74))

ORGANS = (
    Story(
        "kidney-clearance-21",
        "A man of 70 on 30 mg a day whose creatinine gives a clearance of 21 mL/min.",
        ("renal.crcl-below-30", "elderly.over-20-mg"),
        (
            person("male", "1955-06-20"),
            tablets(),
            MS,
            icd("N18.4", "Chronic kidney disease, stage 4 (severe)"),
            NO_ALLERGY,
            creatinine(300, "umol/L"),
            weight(72),
        ),
    ),
    Story(
        "kidney-severe-no-clearance",
        "Severe kidney disease as a diagnosis, only an eGFR on record: eGFR never answers for the clearance.",
        ("renal.severe-impairment-recorded",),
        (
            person("male", "1970-02-11"),
            tablets(),
            MS,
            icd("N184", "Chronic kidney disease, stage 4 (severe)"),
            NO_ALLERGY,
            result("98979-8", "eGFR by CKD-EPI 2021", 22, "mL/min/{1.73_m2}", "2026-01-05"),
        ),
    ),
    Story(
        "kidney-dialysis",
        "On dialysis, no clearance on record and none needed.",
        ("renal.end-stage", "renal.function-unknown"),
        (
            person("male", "1968-09-01"),
            tablets(5),
            MS,
            icd("Z99.2", "Dependence on renal dialysis"),
            icd("N18.6", "End stage renal disease"),
            NO_ALLERGY,
        ),
        "searchset",
    ),
    Story(
        "kidney-clearance-40",
        "Clearance of 40 mL/min measured in mL/s, 15 mg a day where 5 mg is the start.",
        ("renal.crcl-30-to-50-over-5-mg",),
        (
            person("male", "1964-03-30"),
            tablets(5),
            MS,
            NO_ALLERGY,
            result(
                "2164-2", "Creatinine renal clearance in 24 hour Urine and Serum", 0.67, "mL/s", "2025-12-20"
            ),
        ),
    ),
    Story(
        "kidney-clearance-40-low-dose",
        "The same clearance with 5 mg once a day: right, but to be raised with care.",
        ("renal.crcl-30-to-50",),
        (
            person("male", "1964-03-30"),
            tablets(5, 1),
            MS,
            NO_ALLERGY,
            result(
                "2164-2", "Creatinine renal clearance in 24 hour Urine and Serum", 40, "mL/min", "2025-12-20"
            ),
        ),
    ),
    Story(
        "kidney-pump-under-specialist",
        "A pump under a specialist at a clearance of 24 mL/min, last refilled in October.",
        ("renal.crcl-below-30-intrathecal", "intrathecal.refill-overdue"),
        (
            person("male", "1972-11-05"),
            pump(300),
            MS,
            NO_ALLERGY,
            result(
                "2164-2", "Creatinine renal clearance in 24 hour Urine and Serum", 24, "mL/min", "2026-01-02"
            ),
            context("specialist_oversight", True),
            context("pump_refilled", "2025-10-30"),
        ),
    ),
    Story(
        "kidney-pump-oversight-unknown",
        "The same pump; nobody recorded who looks after it, and the refill date is a month only.",
        ("renal.crcl-below-30",),
        (
            person("male", "1972-11-05"),
            pump(300),
            MS,
            NO_ALLERGY,
            result(
                "2164-2", "Creatinine renal clearance in 24 hour Urine and Serum", 24, "mL/min", "2026-01-02"
            ),
            context("pump_refilled", "2025-12"),
        ),
    ),
    Story(
        "kidney-stale-creatinine",
        "The last creatinine is three years old: too old to judge, and due.",
        ("renal.function-old",),
        (
            person("male", "1980-07-07"),
            tablets(),
            MS,
            NO_ALLERGY,
            creatinine(1.1, at="2023-01-10"),
            weight(80),
        ),
    ),
    Story(
        "kidney-creatinine-of-a-month",
        "The last creatinine is dated January 2025 without a day: due or not cannot be said.",
        (),
        (person("male", "1980-07-07"), tablets(), MS, NO_ALLERGY, creatinine(1.1, at="2025-01"), weight(80)),
    ),
    Story(
        "kidney-odd-unit",
        "A creatinine in mmHg: no renal function that anyone can use.",
        ("renal.function-unknown",),
        (person("male", "1980-07-07"), tablets(), MS, NO_ALLERGY, creatinine(1.1, "mm[Hg]"), weight(80)),
    ),
    Story(
        "liver-class-b",
        "Cirrhosis with tests that make class B, on 60 mg a day.",
        ("hepatic.child-pugh-b-or-c-over-40-mg",),
        (
            person("male", "1973-04-18"),
            tablets(20),
            *KNOWN,
            icd("K74.60", "Unspecified cirrhosis of liver"),
            bilirubin(43, "umol/L"),
            albumin(30, "g/L"),
            inr(1.9),
        ),
    ),
    Story(
        "liver-class-b-low-dose",
        "The same liver on 30 mg a day: halve it and watch.",
        ("hepatic.child-pugh-b-or-c",),
        (
            person("male", "1973-04-18"),
            tablets(),
            *KNOWN,
            icd("K74.60", "Unspecified cirrhosis of liver"),
            bilirubin(2.5),
            albumin(3),
            inr(1.9),
        ),
    ),
    Story(
        "liver-class-a",
        "Cirrhosis with normal tests: class A, nothing to change.",
        ("hepatic.child-pugh-a",),
        (
            person("male", "1973-04-18"),
            tablets(20),
            *KNOWN,
            icd("K74.60", "Unspecified cirrhosis of liver"),
            bilirubin(1),
            albumin(4.1),
            inr(1.1),
        ),
    ),
    Story(
        "liver-no-tests",
        "Cirrhosis, and of the tests only a bilirubin above 1.5 mg/dL: the class cannot be told.",
        (),
        (
            person("male", "1973-04-18"),
            tablets(20),
            *KNOWN,
            icd("K74.60", "Unspecified cirrhosis of liver"),
            bilirubin(1.5, comparator=">"),
        ),
    ),
    Story(
        "liver-test-abnormal",
        "A low albumin and no word of liver disease.",
        ("hepatic.tests-abnormal",),
        (person("male", "1973-04-18"), tablets(), *KNOWN, albumin(2.9)),
    ),
)
