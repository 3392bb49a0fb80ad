"""Other medicines, ended orders, and records that say little."""

from __future__ import annotations

from typing import Any

from scripts.stories.build import (
    RXNORM,
    SUBSTANCE,
    Json,
    Story,
    concept,
    dosage,
    icd,
    person,
    pump,
    request,
    snomed,
    tablets,
    worded,
)
from scripts.stories.organs import KNOWN

MAN = person("male", "1979-12-12")


def other(code: str, name: str, start: str = "2025-03-01", **more: Any) -> Json:
    """Another medicine by its RxNorm ingredient."""
    return request(concept(RXNORM, code, name), dosage(1, "{tablet}", 1), start, name=name, **more)


OTHERS = (
    Story(
        "other-sedative-opioid-antihypertensive",
        "Diazepam, oxycodone and lisinopril beside baclofen.",
        (
            "interaction.central-depressant",
            "interaction.opioid",
            "interaction.antihypertensive",
            "opioid.interaction.benzodiazepine",
        ),
        (
            MAN,
            tablets(),
            other("3322", "diazepam"),
            other("7804", "oxycodone"),
            other("29046", "lisinopril"),
            *KNOWN,
        ),
    ),
    Story(
        "other-overlap-unknown",
        "Baclofen from the 20th; diazepam, morphine, amlodipine and a tonic that end some time in January.",
        ("opioid.interaction.alcohol-containing", "opioid.interaction.benzodiazepine"),
        (
            MAN,
            tablets(start="2026-01-20"),
            other("3322", "diazepam", stop="2026-01"),
            other("7052", "morphine", stop="2026-01"),
            other("17767", "amlodipine", stop="2026-01"),
            request(
                worded("Ethanol oral solution"),
                dosage(10, "mL", 1),
                "2025-12-01",
                name="tonic",
                stop="2026-01",
            ),
            *KNOWN,
        ),
    ),
    Story(
        "other-alcohol-on-the-skin",
        "Alcohol for the skin: excepted.",
        (),
        (
            MAN,
            tablets(),
            request(
                worded("Ethanol 70% topical solution"),
                {"route": concept("http://snomed.info/sct", "6064005", "Topical route")},
                name="swab",
            ),
            *KNOWN,
        ),
    ),
    Story(
        "ended-five-days-ago",
        "A pump emptied and stopped five days ago; no taper is recorded.",
        ("withdrawal.stopped-without-taper",),
        (MAN, pump(300, status="stopped", stop="2026-01-10"), *KNOWN),
    ),
    Story(
        "ended-and-seeing-things",
        "The same pump, and hallucinations since yesterday.",
        ("withdrawal.signs-after-stop",),
        (
            MAN,
            pump(300, status="stopped", stop="2026-01-10"),
            icd("R44.1", "Visual hallucinations", onset="2026-01-14"),
            *KNOWN,
        ),
    ),
    Story(
        "ended-last-year",
        "Stopped in March: past the window, and not taken any more.",
        (),
        (MAN, tablets(status="stopped", stop="2025-03-31"), *KNOWN),
    ),
    Story(
        "ended-without-a-date",
        "Stopped, nobody knows when; a fit was seen this week.",
        (),
        (
            MAN,
            tablets(status="stopped"),
            icd("R56.9", "Unspecified convulsions", onset="2026-01-12"),
            *KNOWN,
        ),
    ),
    Story(
        "on-hold",
        "On hold since admission.",
        ("withdrawal.on-hold",),
        (MAN, tablets(status="on-hold"), *KNOWN),
    ),
    Story(
        "sparse-order-only",
        "An order for baclofen and nothing else: no sex, no age, no dose, no route, no lists.",
        ("renal.function-unknown",),
        (person(None, None), request(SUBSTANCE, None, None, status=None)),
    ),
    Story(
        "sparse-medicines-only",
        "A woman of 41 on tablets, her diseases and allergies not recorded.",
        ("renal.function-unknown",),
        (person("female", "1984-02-29"), tablets()),
    ),
    Story(
        "sparse-misspelt-only",
        "The only order reads 'baclofn': not recognised, not cleared.",
        (),
        (
            MAN,
            request(worded("baclofn 10 mg tablet"), dosage(10, times=3)),
            snomed("24700007", "Multiple sclerosis"),
        ),
    ),
)
