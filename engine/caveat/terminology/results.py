"""Results by their names, for laboratories that send no LOINC code: `S-Kreatinin`, `Potassium [K]`.

A closed list. A name is certain where nothing is left of it but the words for blood, serum and plasma,
methods and units; it is none where a word says that something else was measured (`urine creatinine`,
`creatinine clearance` is a name of its own). Any other name that holds one of the list is doubtful: what it
names may be meant, and must neither be used nor forgotten.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from caveat.terminology.text import key


@dataclass(frozen=True, slots=True)
class Named:
    """The observation concept that a name stands for; `specimen` where it says that blood was examined.

    `is_short` names (K, Na) stand for other things too: without a number in a unit that fits they are none.
    """

    concept: str
    is_certain: bool
    specimen: bool = False
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """In what a result of a concept is measured, and the numbers between which a bare name is believed.

    `is_strict` is False for what other tests call by the same name (a dipstick's albumin, a sling's
    weight): what does not fit is then another thing, and not a result that could not be read.
    """

    unit: str
    analyte: str | None
    low: float
    high: float
    is_strict: bool = True


MEASURED: Final = {
    "serum_creatinine": Measured("mg/dL", "creatinine", 0.2, 20),
    "creatinine_clearance": Measured("mL/min", None, 1, 250),
    "egfr": Measured("mL/min/{1.73_m2}", None, 1, 200),
    "potassium": Measured("mmol/L", "potassium", 1.5, 9),
    "sodium": Measured("mmol/L", "sodium", 95, 190),
    "inr": Measured("1", None, 0.5, 15),
    # Below 1.6 mmol/L it may be the ionised part.
    "calcium": Measured("mmol/L", "calcium", 1.6, 4.5, False),
    "albumin": Measured("g/dL", "albumin", 0.5, 7, False),
    "bilirubin_total": Measured("mg/dL", "bilirubin", 0, 50, False),
    "alt": Measured("U/L", None, 1, 10000, False),
    "ast": Measured("U/L", None, 1, 10000, False),
    "weight": Measured("kg", None, 0.4, 350, False),
    "height": Measured("cm", None, 30, 230, False),
    "qtc_interval": Measured("ms", None, 250, 800, False),
    "ejection_fraction": Measured("%", None, 5, 85, False),
}

# LOINC: creatinine, potassium, sodium and albumin in urine, often called by the name of the analyte alone.
OTHER_FLUIDS: Final = frozenset(("2161-8", "14683-7", "2828-2", "2955-3", "1754-1"))

# Names as `key` has them: small letters, no accents, no punctuation.
_NAMES: Final = {
    "serum_creatinine": (
        "creatinine|creatinin|kreatinin|kreatinine|creatinina|kreatynina|kreatiniini|creatininium"
        "|creatininemia|creatininemie|creatininaemia|crea|krea|creat|scr"
    ),
    "creatinine_clearance": (
        "creatinine clearance|crcl|clcr|measured creatinine clearance|estimated creatinine clearance"
        "|creatinine clearance estimated|creatinine clearance cockcroft gault|crcl cockcroft gault"
        "|cockcroft gault|kreatinin clearance|kreatininclearance|kreatinineklaring"
        "|clairance de la creatinine|clairance creatinine|aclaramiento de creatinina"
        "|clearance de creatinina|clearance della creatinina|clearance creatinina"
    ),
    "egfr": (
        "egfr|gfr|estimated gfr|gfr estimated|glomerular filtration rate"
        "|estimated glomerular filtration rate|glomerular filtration rate estimated"
        "|glomerulare filtrationsrate|geschatzte glomerulare filtrationsrate|dfg|dfg estime|dfge"
        "|debit de filtration glomerulaire|debit de filtration glomerulaire estime|filtrado glomerular"
        "|filtrado glomerular estimado|tfg|tfge|filtrato glomerulare|vfg"
    ),
    "potassium": (
        "potassium|kalium|potasio|potassio|potas|kaliemie|kaliemia|potasemia|potassemia|potassiemia|k"
    ),
    "sodium": "sodium|natrium|sodio|natremie|natremia|sodiemia|na",
    "inr": (
        "inr|pt inr|inr pt|prothrombin time inr|prothrombin inr|international normalized ratio"
        "|international normalised ratio|tp inr|quick inr"
    ),
    "calcium": (
        "calcium|total calcium|calcium total|kalzium|calcio|calcio total|calcio totale|calcemie|calcemia"
    ),
    "albumin": "albumin|albumine|albumina",
    "bilirubin_total": (
        "bilirubin|total bilirubin|bilirubin total|tbil|t bili|bili total|gesamtbilirubin"
        "|bilirubin gesamt|bilirubine totale|bilirubina total|bilirubina totale|bilirubine totaal"
    ),
    "alt": (
        "alt|alat|sgpt|gpt|alt gpt|alt sgpt|gpt alat|alat gpt|gpt alt|alanine aminotransferase"
        "|alanine transaminase|alanine aminotransferase alt|alaninaminotransferase"
        "|alanin aminotransferase|alat tgp|tgp alat"
    ),
    "ast": (
        "ast|asat|sgot|got|ast got|ast sgot|got asat|asat got|got ast|aspartate aminotransferase"
        "|aspartate transaminase|aspartate aminotransferase ast|aspartataminotransferase|asat tgo"
        "|tgo asat"
    ),
    "weight": (
        "weight|body weight|body weight measured|weight measured|wt|korpergewicht|gewicht|poids"
        "|poids corporel|peso|peso corporal|peso corporeo|lichaamsgewicht|kroppsvikt|kroppsvekt"
    ),
    "height": (
        "height|body height|body height measured|height measured|korpergrosse|taille|talla|estatura"
        "|altezza|statura|lichaamslengte|kroppslangd"
    ),
    "qtc_interval": "qtc|qtc interval|qtc bazett|qtc interval bazett|qtcb|qtc fridericia|qtcf",
    "ejection_fraction": (
        "ejection fraction|left ventricular ejection fraction|lvef|lv ejection fraction|left ventricular ef"
    ),
}
NAMES: Final = {name: concept for concept, listed in _NAMES.items() for name in listed.split("|")}
"""The concept of each name of the list."""

_BLOOD: Final = (
    "in serum or plasma|in serum plasma or blood|serum or plasma|serum plasma or blood|serum plasma"
    "|plasma serum|(?:in |im |i )?(?:venous |arterial |capillary |whole |mixed venous )?"
    "(?:blood|serum|plasma|blut|vollblut)|venous|arterial|capillary|sr|ser|plas|s|p|b|fs|fp|sp|i s|i p"
    "|(?:serpl|serplbld|bld|ser|plas) (?:scnc|mcnc|vrate)|serpl|serplbld|bld"
    "|serique|plasmatique|sanguin|sanguine|sang|(?:en )?suero|(?:en )?sangre|sierica|sierico|siero"
    "|(?:no )?soro|serica|plasmatica|abg|vbg|blood gas|bga"
)
_SAME: Final = (
    "mass volume|moles volume|mass|moles|volume|substance concentration|subst c|stofk|stofkoncentration"
    "|ion|ions|level|levels|lab|result|value|measured|measurement|conc|concentration|quantitative|quant"
    "|adult|poc|poct|point of care|i stat|istat|enzymatic|enzymatisch|enzymatique|enzym|enz|kinetic|jaffe"
    "|idms|spiegel|mg dl|mg l|mmol l|umol l|micromol l|meq l|mval l|g dl|g l|u l|iu l|ml min"
    "|ml min 1.73 m 2|ml min 1.73 m2|kg|cm|ms|%"
)
_FORMULA: Final = (
    "ckd epi|mdrd|schwartz|cockcroft gault|2021|2009|creatinine|creatinine based|by creatinine"
    "|(?:if )?non african american|(?:if )?non african|(?:if )?non black|non aa|nach ckd epi|selon ckd epi"
    "|nach mdrd|pt|patient"
)
_ABBREVIATED: Final = {
    "potassium": "k",
    "sodium": "na",
    "calcium": "ca",
    "serum_creatinine": "crea|cr|scr",
    "egfr": _FORMULA,
    "ejection_fraction": "lv|lvef",
    "creatinine_clearance": "crcl",
}
_FLUIDS: Final = frozenset(
    """u du tu ur harn orina spot csf liquor lcr spinal fluid ascites ascitic pleural peritoneal dialysate
    drain effusion punktat stool faeces feces faecal fecal sweat saliva hair synovial amniotic cord semen
    gastric milk""".split()
)
_CLOSED: Final = _FLUIDS | frozenset(
    """24 24h h hour hours random ratio quotient rapport index excretion fractional fe feurea fena dialysis
    ionised ionized ionisiert ionise ionizado free frei libre corrected korrigiert adjusted direct direkt
    conjugated indirect indirekt unconjugated globulin glycated micro chloride chlorid valproate valproat
    hydroxide bicarbonate phosphate citrate oxalate sulfate sulphate kinase clearance clairance target goal
    goals ziel range reference delta change birth ideal dry lean predicted gain loss percentile score donor
    fetal foetal antibody ab igg ige intake dose dosage dietary supplement supplementation infusion tubular
    channel crystals crystal strip dipstick screen comment note history previous cystatin african black aa
    deaminase pyrophosphate balance removal reabsorption gradient scan stone stones calculus total
    protein""".split()
)
_OPEN: Final = frozenset(
    word
    for concept in ("serum_creatinine", "egfr", "potassium", "sodium", "inr", "calcium")
    for word in _NAMES[concept].split("|")
    if " " not in word and len(word) > 2
)
"""Single words that make a longer name doubtful."""

_AT_END: Final = {
    concept: re.compile(f" (?:{'|'.join(filter(None, (_BLOOD, _SAME, _ABBREVIATED.get(concept))))})$")
    for concept in _NAMES
}
_AT_START: Final = {
    concept: re.compile(f"^(?:{'|'.join(filter(None, (_BLOOD, _SAME, _ABBREVIATED.get(concept))))}) ")
    for concept in _NAMES
}
_IS_BLOOD: Final = re.compile(f"(?:{_BLOOD})")
_UNIT_AT_END: Final = re.compile(r" (?:u l|iu l|ui l)$")


@lru_cache(maxsize=8192)
def named(text: str) -> Named | None:
    """What a result of this name measures; None where it is none of the list, or something else.

    >>> named("S-Kreatinin")
    Named(concept='serum_creatinine', is_certain=True, specimen=True, is_short=False)
    >>> named("Potassium [K]")
    Named(concept='potassium', is_certain=True, specimen=False, is_short=False)
    >>> named("Creatinine, urine"), named("Creatinine/Albumin ratio")
    (None, None)
    >>> named("Potassium bedside nova")
    Named(concept='potassium', is_certain=False, specimen=False, is_short=False)
    """
    whole = key(text)
    if whole in NAMES:
        return Named(NAMES[whole], is_certain=True, is_short=len(whole) < 3)
    plain = _UNIT_AT_END.sub("", whole)
    for concept in _NAMES:
        found = _stripped(plain, concept)
        if found is not None:
            return found
    there = set(plain.split(" "))
    if not _CLOSED.isdisjoint(there) or _names_fluid(there):
        return None
    concepts = {NAMES[word] for word in there & _OPEN}
    return Named(concepts.pop(), is_certain=False) if len(concepts) == 1 else None


def _stripped(text: str, concept: str) -> Named | None:
    specimen = False
    while NAMES.get(text) != concept:
        found = _AT_END[concept].search(text) or _AT_START[concept].match(text)
        if found is None:
            return None
        specimen = specimen or _IS_BLOOD.fullmatch(found[0].strip()) is not None
        text = text[: found.start()] if found.start() else text[found.end() :]
    return Named(concept, is_certain=True, specimen=specimen, is_short=len(text) < 3)


@lru_cache(maxsize=2048)
def is_of_blood(text: str) -> bool | None:
    """Whether words of a specimen or a panel name blood, serum or plasma; False for another fluid, else None.

    >>> is_of_blood("Venous blood specimen"), is_of_blood("Urinalysis"), is_of_blood("Renal panel")
    (True, False, None)
    """
    plain = key(text)
    if _names_fluid(set(plain.split(" "))):
        return False
    return True if re.search(rf"(?:^| )(?:{_BLOOD})(?: |$)", plain) else None


def _names_fluid(there: set[str]) -> bool:
    """Whether one of the words is a fluid or tissue other than blood."""
    return not _FLUIDS.isdisjoint(there) or any(
        word.startswith("urin") or word.endswith(("urin", "urine")) for word in there
    )
