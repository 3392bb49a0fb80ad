"""Units of measure in UCUM, exact conversion, and quantities read from text.

Two units convert only when they measure the same thing. Beyond UCUM, some things are kept apart
that UCUM calls plain numbers, because mixing them up hurts patients: a rate indexed to 1.73 m2 of
body surface (eGFR) and a plain one (clearance); tablets, puffs and bare numbers; moles,
equivalents and osmoles; international units and enzyme units. `convert` crosses between mass,
moles, equivalents and units only for a named analyte.
"""

from caveat.units.conversion import MOLAR_MASS, VALENCE, convert, to_base
from caveat.units.display import format_number, format_quantity, normal_unit
from caveat.units.quantity import Parsed, parse_quantity
from caveat.units.unit import ONE, Dimension, Unit, parse_unit

__all__ = [
    "MOLAR_MASS",
    "ONE",
    "VALENCE",
    "Dimension",
    "Parsed",
    "Unit",
    "convert",
    "format_number",
    "format_quantity",
    "normal_unit",
    "parse_quantity",
    "parse_unit",
    "to_base",
]
