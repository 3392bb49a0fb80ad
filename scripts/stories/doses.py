"""Doses, products and pumps of adults."""

from __future__ import annotations

from scripts.stories.build import (
    ICD,
    Story,
    concept,
    dosage,
    icd,
    medicines,
    person,
    pump,
    request,
    screening_dose,
    snomed,
    tablets,
    worded,
)
from scripts.stories.organs import KNOWN

MAN = person("male", "1983-08-14")
AUD = concept(ICD, "F10.20", "Alcohol dependence, uncomplicated")

DOSES = (
    Story(
        "dose-well-treated",
        "Multiple sclerosis, 10 mg three times a day for a year and more, good kidneys: nothing to say.",
        (),
        (MAN, tablets(reason=concept(ICD, "G35", "Multiple sclerosis")), *KNOWN),
        "transaction",
    ),
    Story(
        "dose-120-mg",
        "The top of the stated range, 40 mg three times a day, is above the stated maximum.",
        ("dose.oral-over-80-mg",),
        (MAN, tablets(40), *KNOWN),
    ),
    Story(
        "dose-started-high",
        "Baclofen-naive, all medicines listed, started yesterday with 10 mg three times a day.",
        ("start.adult-over-15-mg",),
        (MAN, tablets(10, start="2026-01-14"), medicines("baclofen"), *KNOWN),
    ),
    Story(
        "dose-raised-fast",
        "On day 6, all medicines listed, already at 45 mg a day.",
        ("titration.adult-first-week",),
        (MAN, tablets(15, start="2026-01-10"), medicines("baclofen"), *KNOWN),
    ),
    Story(
        "dose-new-order-open-list",
        "Ordered yesterday at 45 mg a day; whether it was taken before is not known.",
        (),
        (MAN, tablets(15, start="2026-01-14"), *KNOWN),
    ),
    Story(
        "dose-two-orders",
        "Two doctors, 20 mg three times a day each: 120 mg together.",
        ("dose.total-over-80-mg",),
        (MAN, tablets(20), tablets(20, name="baclofen-2"), *KNOWN),
    ),
    Story(
        "dose-two-low-orders",
        "Tablets in the morning and another order for the night: small, but two.",
        ("duplicate.several-orders", "frequency.oral-not-three-a-day"),
        (MAN, tablets(10, 2), tablets(10, 1, name="night"), *KNOWN),
    ),
    Story(
        "dose-misspelt-second-order",
        "A second order for 'baclofn' that nobody can read with certainty.",
        (),
        (MAN, tablets(), request(worded("baclofn 10 mg"), dosage(10, times=3), name="misspelt"), *KNOWN),
    ),
    Story(
        "dose-odd-tablet-count",
        "7.5 mg twice a day for high blood pressure: wrong in three ways.",
        ("frequency.oral-not-three-a-day", "product.oral-dose-not-from-tablets", "indication.not-listed"),
        (MAN, tablets(7.5, 2, reason=concept(ICD, "I10", "Essential (primary) hypertension")), *KNOWN),
    ),
    Story(
        "dose-hiccups",
        "Intractable hiccups, 10 mg three times a day: off label.",
        ("indication.off-label",),
        (MAN, tablets(reason=concept(ICD, "R06.6", "Hiccough")), *KNOWN),
    ),
    Story(
        "dose-reason-in-words",
        "The reason reads 'as discussed with Dr K.': no one can say what for.",
        (),
        (MAN, tablets(reason=worded("as discussed with Dr K.")), *KNOWN),
    ),
    Story(
        "dose-alcohol-use-disorder",
        "Alcohol use disorder, still drinking, 30 mg three times a day, and a tonic with alcohol.",
        (
            "dose.alcohol-use-disorder-over-75-mg",
            "indication.off-label",
            "interaction.alcohol-use",
            "interaction.alcohol-containing",
            "history.substance-use",
        ),
        (
            MAN,
            tablets(30, reason=AUD),
            request(worded("Ethanol oral solution"), dosage(10, "mL", 1), name="tonic"),
            icd("F10.20", "Alcohol dependence, uncomplicated"),
            snomed("86933000", "Heavy drinker"),
            *KNOWN,
        ),
    ),
    Story(
        "dose-78-mg-reason-unknown",
        "78 mg a day without a reason: over the limit only if it is for alcohol use disorder.",
        ("product.oral-dose-not-from-tablets",),
        (MAN, tablets(26), *KNOWN),
    ),
    Story(
        "elderly-45-mg",
        "A man of 82 on 15 mg three times a day.",
        ("elderly.over-30-mg",),
        (person("male", "1943-05-23"), tablets(15), *KNOWN),
    ),
    Story(
        "elderly-24-mg",
        "A man of 82 on 25.2 mg a day of a liquid.",
        ("elderly.over-20-mg",),
        (
            person("male", "1943-05-23"),
            request(worded("Baclofen 5 mg/5 mL oral solution"), dosage(8.4, times=3)),
            *KNOWN,
        ),
    ),
    Story(
        "elderly-started-high",
        "A woman of 78, all medicines listed, started yesterday with 5 mg three times a day.",
        ("elderly.start-over-10-mg",),
        (
            person("female", "1947-10-02"),
            tablets(5, start="2026-01-14"),
            medicines("baclofen"),
            *KNOWN,
        ),
    ),
    Story(
        "elderly-started-low",
        "A woman of 78 who started yesterday with 5 mg twice a day: as it should be.",
        ("elderly.sedation-and-falls",),
        (
            person("female", "1947-10-02"),
            tablets(5, 2, start="2026-01-14"),
            medicines("baclofen"),
            *KNOWN,
        ),
    ),
    Story(
        "pump-1200",
        "A pump at 1.2 mg a day with a solution of 1 mg/mL, after a spinal cord injury.",
        ("intrathecal.over-1000-ug", "product.intrathecal-strength", "condition.spinal-cord-injury"),
        (
            MAN,
            pump(1.2, "mg/d", strength=1),
            icd("S14.109S", "Unspecified injury of cervical spinal cord, sequela"),
            *KNOWN,
        ),
    ),
    Story(
        "pump-900",
        "A pump at 37.5 micrograms an hour, which is 900 a day.",
        ("intrathecal.over-800-ug",),
        (MAN, pump(37.5, "ug/h", strength=2), *KNOWN),
    ),
    Story(
        "pump-test-dose",
        "The second test dose of 75 micrograms.",
        ("intrathecal.test-dose-over-50-ug",),
        (MAN, screening_dose(75), *KNOWN),
    ),
    Story(
        "pump-test-dose-usual",
        "A first test dose of 50 micrograms.",
        (),
        (MAN, screening_dose(0.05, "mg"), *KNOWN),
    ),
    Story(
        "pump-test-dose-amount-missing",
        "A test dose is ordered and the amount is not.",
        (),
        (MAN, screening_dose(None), *KNOWN),
    ),
)
