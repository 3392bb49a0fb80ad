"""Children."""

from __future__ import annotations

from scripts.stories.build import (
    NO_ALLERGY,
    Story,
    creatinine,
    dosage,
    icd,
    medicines,
    person,
    pump,
    request,
    tablets,
    weight,
    worded,
)

PALSY = (icd("G80.1", "Spastic diplegic cerebral palsy"), NO_ALLERGY, creatinine(0.4))

CHILDREN = (
    Story(
        "child-as-stated",
        "A boy of 9 on 30 mg a day at 28 kg: within the limits, growth to be followed.",
        ("child.oral-over-2-years",),
        (person("male", "2016-04-09"), tablets(), *PALSY, weight(28)),
    ),
    Story(
        "child-45-mg",
        "A boy of 11 on 45 mg a day, no weight on record: the limit of 40 mg needs none.",
        ("child.over-40-mg",),
        (person("male", "2014-04-09"), tablets(15), *PALSY),
    ),
    Story(
        "child-2-4-mg-per-kg",
        "A boy of 6 on 30 mg a day at 12.5 kg: 2.4 mg/kg a day.",
        ("child.over-2-mg-per-kg",),
        (person("male", "2019-07-21"), tablets(), *PALSY, weight(12500, "g")),
    ),
    Story(
        "child-started-high",
        "A boy of 7, all medicines listed, started yesterday with 15 mg a day at 20 kg: 0.75 mg/kg.",
        ("child.start-over-half-mg-per-kg", "child.oral-over-2-years"),
        (
            person("male", "2018-03-03"),
            tablets(5, start="2026-01-14"),
            medicines("baclofen"),
            *PALSY,
            weight(20),
        ),
    ),
    Story(
        "child-of-two",
        "A boy of 2 years and 6 months on a liquid.",
        ("child.oral-2-years-or-younger",),
        (
            person("male", "2023-07-10"),
            request(worded("Baclofen 5 mg/5 mL oral solution"), dosage(2.5, times=3)),
            *PALSY,
            weight(13),
        ),
    ),
    Story(
        "child-birth-year-only",
        "Born in 2023, no more: 2 or 3 years old; the weight is not on record.",
        (),
        (person("male", "2023"), tablets(5, start="2026-01-14"), *PALSY),
    ),
    Story(
        "child-pump-250",
        "A boy of 10 with a pump at 250 micrograms a day.",
        ("intrathecal.child-over-100-ug",),
        (person("male", "2015-10-30"), pump(250), *PALSY, weight(31)),
    ),
    Story(
        "child-pump-80",
        "A boy of 10 with a pump at 80 micrograms a day.",
        (),
        (person("male", "2015-10-30"), pump(80), *PALSY, weight(31)),
    ),
)
