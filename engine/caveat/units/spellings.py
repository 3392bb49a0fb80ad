"""Everyday spellings of units, and the UCUM each one means.

A spelling is listed or it is refused; nothing is guessed from letter case. Capitals as pharmacy
labels and RxNorm print them (`10 MG/ML`, `MCG`, `MEQ`, `UNT`) are listed. `Mg`, `Ml`, `Mmol`,
`Meq` and `Mosm` stay refused: UCUM reads mega, a thousand million times what a hurried hand meant.
Where UCUM has a unit that no clinical record holds, the everyday meaning wins: G (gauss), C
(coulomb), F (farad), u (atomic mass), Gm, ft and in.
"""

from __future__ import annotations

import re
from typing import Final

# Kept exactly as spelt here: these are read before UCUM is.
EXACT: Final[dict[str, str]] = {
    "MG": "mg", "MCG": "ug", "mcg": "ug", "Mcg": "ug", "mcgs": "ug", "ML": "mL", "MLS": "mL", "mLs": "mL",
    "mls": "mL", "G": "g", "GM": "g", "Gm": "g", "gm": "g", "gms": "g", "KG": "kg", "Kg": "kg", "kgs": "kg",
    "NG": "ng", "PG": "pg", "UG": "ug", "mgs": "mg", "CM": "cm", "Cm": "cm", "cms": "cm", "MM": "mm",
    "UNT": "[iU]", "IU": "[iU]", "iu": "[iU]", "[IU]": "[iU]", "mIU": "m[iU]", "uIU": "u[iU]", "kIU": "k[iU]",
    "m[IU]": "m[iU]", "u[IU]": "u[iU]", "k[IU]": "k[iU]", "n[IU]": "n[iU]", "M[IU]": "M[iU]",
    "MEQ": "meq", "mEq": "meq", "mEQ": "meq", "uEq": "ueq", "Eq": "eq", "EQ": "eq", "MMOL": "mmol",
    "MOL": "mol", "UMOL": "umol", "NMOL": "nmol", "MCMOL": "umol", "mcmol": "umol", "mmols": "mmol",
    "MOSM": "mosm", "mOsm": "mosm", "mOSM": "mosm", "Osm": "osm", "MCI": "mCi", "u": "U", "cc": "mL",
    "CC": "mL", "DL": "dL", "dl": "dL", "ml": "mL", "l": "L", "ul": "uL", "mcL": "uL", "mcl": "uL",
    "fl": "fL", "nl": "nL", "pl": "pL", "cl": "cL", "kl": "kL", "ccm": "cm3", "cumm": "mm3", "sqm": "m2",
    "in": "[in_i]", "ft": "[ft_i]", "C": "Cel", "F": "[degF]", "y": "a", "yo": "a",
    "mmHg": "mm[Hg]", "mmhg": "mm[Hg]", "mm Hg": "mm[Hg]", "mm HG": "mm[Hg]", "MMHG": "mm[Hg]",
    "MM HG": "mm[Hg]", "FL": "fL", "UL": "uL",
    "cmH2O": "cm[H2O]", "cm H2O": "cm[H2O]", "mmH2O": "mm[H2O]", "pH": "[pH]", "CFU": "[CFU]", "EU": "[EU]",
    "HPF": "[HPF]", "LPF": "[LPF]", "hpf": "[HPF]", "lpf": "[LPF]", "INR": "{INR}",
}  # fmt: skip

_WORDS: Final[dict[str, str]] = {
    "a": "year years yr yrs",
    "mo": "month months mos mth mths",
    "wk": "week weeks wks",
    "d": "day days",
    "h": "hour hours hr hrs",
    "min": "minute minutes mins min",
    "s": "second seconds sec secs",
    "ms": "millisecond milliseconds msec msecs",
    "kg": "kilogram kilograms kilogramme kilogrammes kilo kilos",
    "g": "gram grams gramme grammes",
    "mg": "milligram milligrams milligramme milligrammes",
    "ug": "microgram micrograms microgramme microgrammes",
    "ng": "nanogram nanograms",
    "L": "liter liters litre litres",
    "dL": "deciliter deciliters decilitre decilitres",
    "mL": "milliliter milliliters millilitre millilitres",
    "uL": "microliter microliters microlitre microlitres",
    "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres",
    "[lb_av]": "lb lbs pound pounds",
    "[in_i]": "inch inches",
    "[ft_i]": "foot feet",
    "[iU]": "unit units unt international_unit international_units ie ui",
    "mmol": "millimole millimoles mmole mmoles millimol",
    "umol": "micromole micromoles micromol",
    "mol": "mole moles",
    "meq": "milliequivalent milliequivalents mval",
    "%": "percent pct",
    "Cel": "celsius degc",
    "[degF]": "fahrenheit degf",
    "10*3": "thou thousand thousands",
    "10*6": "million millions",
    "{beats}": "beat beats",
    "{breaths}": "breath breaths",
    "{cells}": "cell cells",
    "{score}": "score scores point points",
    "{ratio}": "ratio",
    "{index}": "index",
    "{copies}": "copy copies",
    "{titer}": "titer titre",
    "{times}": "time times",
    "{tablet}": "tablet tablets tab tabs tbl tbls",
    "{capsule}": "capsule capsules cap caps",
    "{puff}": "puff puffs",
    "{actuation}": "actuation actuations",
    "{inhalation}": "inhalation inhalations",
    "{spray}": "spray sprays",
    "{drop}": "drop drops gtt gtts",
    "{patch}": "patch patches",
    "{suppository}": "suppository suppositories",
    "{application}": "application applications",
    "{lozenge}": "lozenge lozenges",
    "{film}": "film films",
    "{vial}": "vial vials",
    "{ampule}": "ampule ampules ampoule ampoules ampul ampuls",
    "{syringe}": "syringe syringes",
    "{sachet}": "sachet sachets packet packets",
    "{dose}": "dose doses",
}

# In any letter case, and read after UCUM.
WORDS: Final[dict[str, str]] = {word: unit for unit, words in _WORDS.items() for word in words.split()}

# A whole unit, in any letter case.
WHOLE: Final[dict[str, str]] = {
    "k/ul": "10*3/uL",
    "k/mm3": "10*3/uL",
    "k/cumm": "10*3/uL",
    "m/ul": "10*6/uL",
    "m/mm3": "10*6/uL",
    "m/cumm": "10*6/uL",
    "bpm": "/min",
    "mg%": "mg/dL",
    "g%": "g/dL",
    "y/o": "a",
    "year old": "a",
    "years old": "a",
    "deg c": "Cel",
    "deg f": "[degF]",
    "degrees c": "Cel",
    "degrees f": "[degF]",
    "degrees celsius": "Cel",
    "degrees fahrenheit": "[degF]",
    "international unit": "[iU]",
    "international units": "[iU]",
    "daily": "/d",
    "hourly": "/h",
    "weekly": "/wk",
    "monthly": "/mo",
}

# Refused by name, with what to write instead.
REFUSED: Final[dict[str, str]] = {
    "Mg": "Mg is a megagram in UCUM. Write mg for milligram, or t for a tonne",
    "Ml": "Ml is a megalitre in UCUM. Write mL",
    "Mmol": "Mmol is a megamole in UCUM. Write mmol",
    "Meq": "Meq is a megaequivalent in UCUM. Write meq",
    "Mosm": "Mosm is a megaosmole in UCUM. Write mosm",
    "MIU": "MIU may mean a million or a thousandth of an international unit. Write 10*6.[iU] or m[iU]",
    "mG": "mG is a milligauss in UCUM. Write mg",
    "gr": "gr is a grain on old labels and a gram in some hands. Write g, or the dose in mg",
    "oz": "oz may be a weight or a volume. Write [oz_av] or [foz_us]",
    "tsp": "a teaspoon is no fixed dose. Write mL, or [tsp_us] for the United States measure",
    "tbsp": "a tablespoon is no fixed dose. Write mL, or [tbs_us] for the United States measure",
    "pt": "pt is no unit of UCUM. Write [pt_us] for a pint",
    "M": "M alone is no unit of UCUM. Write mol/L, mo for month or min for minute",
    "mM": "mM is no unit of UCUM. Write mmol/L",
    "uM": "uM is no unit of UCUM. Write umol/L",
}

_CHARACTERS: Final = str.maketrans(
    {"\u00b5": "u", "\u03bc": "u", "\u00b7": ".", "\u22c5": ".", "\u2022": ".", "\u00d7": "x", "\u2212": "-",
     "\u2215": "/", "\u2044": "/", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2126": "Ohm",
     "\u03a9": "Ohm"}
)  # fmt: skip
_RAISED: Final = str.maketrans(
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b\u207a", "0123456789-+"
)
_RAISED_RUN: Final = re.compile("(10)?([\u207b\u207a]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+)")
_SURFACE: Final = re.compile(
    r"([\s.*/]*)((?:per\b)?)\s*[{\[]?\s*(?:per[\s_]+)?(?<![0-9])1[.,]73(?![0-9])"
    r"(?:[\s_.*x]*(?:m\s*(?:\^|\*\*|\*)?\s*2(?![0-9])|sq\.?\s*m(?:eters?)?\b))?\s*[}\]]?",
    re.IGNORECASE,
)
_TEN: Final = re.compile(r"(?:\bx\s*)?(?<![0-9.])10\s*(?:\*\*|\^|\*|[eE])\s*(?=[+-]?[0-9])")
_PER: Final = re.compile(r"\s+(?:per|each|every|an?)\s+|^per\s+|\s*/\s*", re.IGNORECASE)
_TIMES: Final = re.compile(r"^(?:times?|x)\s*(?=/)", re.IGNORECASE)
_ADVERB: Final = re.compile(r"\s+(daily|hourly|weekly|monthly)$", re.IGNORECASE)
_HOURS: Final = re.compile(r"/24\s*(?:h|hrs?|hours?)\b", re.IGNORECASE)
SURFACE: Final = "{1.73_m2}"


def normalise(text: str) -> str:
    """`text` with letters, powers, "per" and the 1.73 m2 of body surface written the UCUM way."""
    text = text.strip()
    if not text.isascii():
        text = _RAISED_RUN.sub(lambda run: _raised(run[1], run[2].translate(_RAISED)), text)
        text = text.translate(_CHARACTERS).replace("\u00b0", "deg ").replace("\u2103", "deg C").strip()
    if (whole := WHOLE.get(text.casefold())) is not None:
        return whole
    if "73" in text:
        text = _SURFACE.sub(_surface, text).replace(f"({SURFACE})", SURFACE)
    text = _TEN.sub("10*", text)
    text = re.sub(r"(?<=[A-Za-z])(?:\^|\*\*)(?=[+-]?[0-9])", "", text)
    text = _ADVERB.sub(lambda found: WHOLE[found[1].casefold()], text)
    text = _TIMES.sub("", _PER.sub("/", text))
    text = _HOURS.sub("/d", text)
    return WHOLE.get(text.casefold(), text)


def _raised(ten: str | None, power: str) -> str:
    return f"10*{power}" if ten else power


def _surface(found: re.Match[str]) -> str:
    """The surface with what joins it to the unit before it; a blank, or nothing, means "per"."""
    joint, before = found[1], found.string[: found.start()]
    if "/" in joint or found[2]:
        return "/" + SURFACE
    if "*" in joint or "." in joint:
        return "." + SURFACE
    return SURFACE if not before or before.endswith("(") else "/" + SURFACE
