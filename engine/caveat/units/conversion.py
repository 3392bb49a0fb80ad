"""Exact conversion between units, and between mass, moles and equivalents of a named analyte."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from caveat.errors import DimensionError, UnitError
from caveat.units.unit import Unit, parse_unit

# g/mol, summed from the molecular formula with the abridged standard atomic weights of IUPAC 2021
# (Prohaska et al., Pure Appl Chem 2022;94:573): H 1.008, C 12.011, N 14.007, O 15.999, Na 22.990,
# Mg 24.305, Cl 35.45, K 39.098, Ca 40.078, Li 6.94.
# Albumin: the mature human chain of 585 residues, 66 438 (Peters, All About Albumin, 1996).
MOLAR_MASS: Final[dict[str, Fraction]] = {
    "creatinine": Fraction("113.120"),  # C4H7N3O
    "bilirubin": Fraction("584.673"),  # C33H36N4O6
    "albumin": Fraction(66438),
    "glucose": Fraction("180.156"),  # C6H12O6
    "urea": Fraction("60.056"),  # CH4N2O
    "urea_nitrogen": Fraction("28.014"),  # the two nitrogens of one urea
    "potassium": Fraction("39.098"),
    "sodium": Fraction("22.990"),
    "chloride": Fraction("35.45"),
    "bicarbonate": Fraction("61.016"),  # CHO3
    "calcium": Fraction("40.078"),
    "magnesium": Fraction("24.305"),
    "lithium": Fraction("6.94"),
}

# Elementary charges of one ion in solution: 1 mmol of calcium is 2 meq.
VALENCE: Final[dict[str, int]] = {
    "potassium": 1,
    "sodium": 1,
    "chloride": 1,
    "bicarbonate": 1,
    "lithium": 1,
    "calcium": 2,
    "magnesium": 2,
}

# One international unit of an enzyme is the amount turning over 1 umol a minute (International
# Union of Biochemistry, 1964), so laboratories write U/L and IU/L for the same thing. A unit of
# insulin is an international unit (WHO), and labels write U for it.
UNIT_IS_INTERNATIONAL: Final = frozenset(
    {"alt", "ast", "alp", "ggt", "ldh", "creatine_kinase", "amylase", "lipase", "insulin"}
)
_ENZYME_UNIT: Final = Fraction(1, 60 * 10**6)
_WIDEST: Final = 40


@lru_cache(maxsize=32768)
def to_base(value: Decimal | Fraction | int, unit: Unit) -> Fraction:
    """`value` in base units, exactly; cached, since the same doses and results recur.

    Raises UnitError for NaN, infinity and numbers past 40 places on either side of the point.
    """
    if isinstance(value, Decimal) and not -_WIDEST <= value.adjusted() <= _WIDEST:
        raise UnitError(
            f"a number with {value.adjusted():+d} places is no measured quantity. Check the value"
        )
    try:
        top, bottom = value.as_integer_ratio()
    except (ValueError, OverflowError) as error:
        raise UnitError(f"{value} is not a number. Leave an unknown value out") from error
    factor = unit.factor
    exact = Fraction(top * factor.numerator, bottom * factor.denominator)
    return exact + unit.offset if unit.offset else exact


def convert(
    value: Decimal | Fraction | int, source: str | Unit, target: str | Unit, *, analyte: str | None = None
) -> Fraction:
    """`value` of `source` as a number of `target`, exactly.

    Mass, moles and equivalents convert into one another for an `analyte` of MOLAR_MASS and
    VALENCE; international and enzyme units for the enzymes laboratories write both ways. Raises
    DimensionError when the two units measure different things, or the analyte is not known.
    """
    start = source if isinstance(source, Unit) else parse_unit(source)
    end = target if isinstance(target, Unit) else parse_unit(target)
    base = to_base(value, start)
    if start.dimension != end.dimension:
        base *= _bridge(start, end, analyte)
    return (base - end.offset) / end.factor


def _bridge(start: Unit, end: Unit, analyte: str | None) -> Fraction:
    """What takes base units of `start` to base units of `end` for the analyte."""
    excess = dict(start.dimension)
    for name, power in end.dimension:
        excess[name] = excess.get(name, 0) - power
    excess = {name: power for name, power in excess.items() if power}
    kinds = frozenset(excess)
    if analyte is not None and kinds <= {"g", "mol", "eq"} and sum(excess.values()) == 0:
        mass, valence = MOLAR_MASS.get(analyte), VALENCE.get(analyte)
        if (mass or "g" not in kinds) and (valence or "eq" not in kinds):
            return (mass or Fraction(1)) ** -excess.get("g", 0) * Fraction(valence or 1) ** -excess.get(
                "eq", 0
            )
    units = excess.get("[iU]", 0)
    if analyte in UNIT_IS_INTERNATIONAL and units and excess == {"[iU]": units, "mol": -units, "s": units}:
        return _ENZYME_UNIT**units
    raise DimensionError(_mismatch(start, end, analyte, kinds))


def _mismatch(start: Unit, end: Unit, analyte: str | None, kinds: frozenset[str]) -> str:
    message = f"{start.text} does not convert to {end.text}: they measure different things"
    if "{1.73_m2}" in kinds:
        return (
            f"{message}. One is indexed to 1.73 m2 of body surface and the other is not; "
            "use the fact that is meant (eGFR or creatinine clearance), they never stand in for each other"
        )
    if kinds <= {"g", "mol", "eq"}:
        known = sorted(VALENCE.keys() & MOLAR_MASS.keys() if "eq" in kinds else MOLAR_MASS)
        given = f"{analyte!r} is not among them" if analyte is not None else "name the analyte"
        return f"{message}. Mass, moles and equivalents convert for {', '.join(known)}: {given}"
    return f"{message}. Give the value in a unit of the same kind"
