"""Doses, products and pumps of adults."""

from __future__ import annotations

from stories.build import (
    ICD,
    PUMP,
    SUBSTANCE,
    TABLET,
    Story,
    concept,
    context,
    dosage,
    icd,
    medicines,
    person,
    pump,
    request,
    snomed,
    tablets,
    worded,
)
from stories.organs import KNOWN

MAN = person("male", "1983-08-14")
STRENGTHS = {"half": "Baclofen 0.5 mg/mL intrathecal solution", "one": "Baclofen 1 mg/mL intrathecal solution"}
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
        "A man of 82 on 25 mg a day, a liquid.",
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
        "A pump at 1200 micrograms a day with a solution of 1 mg/mL, after a spinal cord injury.",
        ("intrathecal.over-1000-ug", "product.intrathecal-strength", "condition.spinal-cord-injury"),
        (
            MAN,
            request(concept(*_rx(), STRENGTHS["one"]), dosage(route="intrathecal", rate=(1.2, "mg/d"))),
            icd("S14.109S", "Unspecified injury at unspecified level of cervical spinal cord, sequela"),
            *KNOWN,
        ),
    )
    if False
    else Story(
        "pump-1200",
        "A pump at 1200 micrograms a day with a solution of 1 mg/mL, after a spinal cord injury.",
        ("intrathecal.over-1000-ug", "product.intrathecal-strength", "condition.spinal-cord-injury"),
        (
            MAN,
            request(worded(STRENGTHS["one"]), dosage(route="intrathecal", rate=(1.2, "mg/d"))),
            icd("S14.109S", "Unspecified injury at unspecified level of cervical spinal cord, sequela"),
            *KNOWN,
        ),
    ),
)
