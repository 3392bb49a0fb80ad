"""The UCUM units that clinical data use: their size in base units, and what they measure.

Base units are m, g, s, K, A, cd and deg, and these that UCUM folds into others and caveat keeps
apart: mol, eq, osm, Bq, Gy, Sv and every arbitrary unit. Sizes are those of ucum-essence (UCUM
Copyright Notice and License 1.0, Regenstrief Institute).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, NamedTuple


class Atom(NamedTuple):
    """A unit symbol: its size in base units, its dimension, and whether it takes metric prefixes."""

    factor: Fraction
    dimension: tuple[tuple[str, int], ...]
    metric: bool = False
    offset: Fraction = Fraction(0)


# Prefixes from atto to giga: wider ones would only turn slips such as EU or PT into units.
PREFIXES: Final[dict[str, Fraction]] = {
    "da": Fraction(10),
    "G": Fraction(10**9),
    "M": Fraction(10**6),
    "k": Fraction(10**3),
    "h": Fraction(100),
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
    "a": Fraction(1, 10**18),
}


def _atom(
    size: str | int | Fraction,
    *,
    metric: bool = False,
    offset: str = "0",
    of: Mapping[str, int] | None = None,
    **powers: int,
) -> Atom:
    dimension = tuple(sorted((of or powers).items()))
    return Atom(Fraction(size), dimension, metric, Fraction(offset))


_LITRE = Fraction(1, 1000)
_INCH = Fraction("0.0254")
_INCH_US = Fraction(100, 3937)
_POUND = Fraction("453.59237")
_GALLON = 231 * _INCH**3
_DAY = 86400
_YEAR = Fraction("365.25") * _DAY
_PASCAL = {"g": 1, "m": -1, "s": -2}
_JOULE = {"g": 1, "m": 2, "s": -2}
_WATER = 9806650
_MMHG_METRE = 133322000

ATOMS: Final[dict[str, Atom]] = {
    # base units and time
    "m": _atom(1, metric=True, m=1),
    "g": _atom(1, metric=True, g=1),
    "s": _atom(1, metric=True, s=1),
    "K": _atom(1, metric=True, K=1),
    "A": _atom(1, metric=True, A=1),
    "cd": _atom(1, metric=True, cd=1),
    "mol": _atom(1, metric=True, mol=1),
    "eq": _atom(1, metric=True, eq=1),
    "osm": _atom(1, metric=True, osm=1),
    "deg": _atom(1, deg=1),
    "min": _atom(60, s=1),
    "h": _atom(3600, s=1),
    "d": _atom(_DAY, s=1),
    "wk": _atom(7 * _DAY, s=1),
    "mo": _atom(_YEAR / 12, s=1),
    "a": _atom(_YEAR, s=1),
    # temperature: a scale with an offset, never part of a product
    "Cel": _atom(1, offset="273.15", K=1),
    "[degF]": _atom(Fraction(5, 9), offset=str(Fraction("459.67") * Fraction(5, 9)), K=1),
    # plain numbers
    "%": _atom("0.01"),
    "[ppth]": _atom("1e-3"),
    "[ppm]": _atom("1e-6"),
    "[ppb]": _atom("1e-9"),
    "[pptr]": _atom("1e-12"),
    # volume
    "L": _atom(_LITRE, metric=True, m=3),
    "[drp]": _atom(_LITRE / 20000, m=3),
    "[gal_us]": _atom(_GALLON, m=3),
    "[qt_us]": _atom(_GALLON / 4, m=3),
    "[pt_us]": _atom(_GALLON / 8, m=3),
    "[foz_us]": _atom(_GALLON / 128, m=3),
    "[tbs_us]": _atom(_GALLON / 256, m=3),
    "[tsp_us]": _atom(_GALLON / 768, m=3),
    # length and area
    "[in_i]": _atom(_INCH, m=1),
    "[ft_i]": _atom(12 * _INCH, m=1),
    "[yd_i]": _atom(36 * _INCH, m=1),
    "[mi_i]": _atom(63360 * _INCH, m=1),
    "[in_us]": _atom(_INCH_US, m=1),
    "[ft_us]": _atom(12 * _INCH_US, m=1),
    "[sin_i]": _atom(_INCH**2, m=2),
    "[sft_i]": _atom((12 * _INCH) ** 2, m=2),
    "[syd_i]": _atom((36 * _INCH) ** 2, m=2),
    "[cin_i]": _atom(_INCH**3, m=3),
    "[Ch]": _atom(Fraction(1, 3000), m=1),
    "[diop]": _atom(1, m=-1),
    # mass
    "t": _atom(10**6, g=1),
    "[lb_av]": _atom(_POUND, g=1),
    "[oz_av]": _atom(_POUND / 16, g=1),
    "[dr_av]": _atom(_POUND / 256, g=1),
    "[oz_tr]": _atom(480 * Fraction("0.06479891"), g=1),
    # mechanics, pressure, energy
    "N": _atom(1000, metric=True, g=1, m=1, s=-2),
    "dyn": _atom("0.01", metric=True, g=1, m=1, s=-2),
    "Pa": _atom(1000, metric=True, of=_PASCAL),
    "bar": _atom(10**8, metric=True, of=_PASCAL),
    "atm": _atom(101325000, of=_PASCAL),
    "Torr": _atom(Fraction(101325000, 760), of=_PASCAL),
    "m[Hg]": _atom(_MMHG_METRE, metric=True, of=_PASCAL),
    "m[H2O]": _atom(_WATER, metric=True, of=_PASCAL),
    "[in_i'H2O]": _atom(_WATER * _INCH, of=_PASCAL),
    "[psi]": _atom(_POUND * Fraction("9.80665") / _INCH**2, of=_PASCAL),
    "J": _atom(1000, metric=True, of=_JOULE),
    "erg": _atom("1e-4", metric=True, of=_JOULE),
    "cal": _atom(4184, metric=True, of=_JOULE),
    "eV": _atom(Fraction("1.602176634e-16"), metric=True, of=_JOULE),
    "W": _atom(1000, metric=True, g=1, m=2, s=-3),
    "P": _atom(100, metric=True, g=1, m=-1, s=-1),
    "St": _atom("1e-4", metric=True, m=2, s=-1),
    "[MET]": _atom(Fraction("3.5") * Fraction(1, 10**6) / 60 / 1000, m=3, s=-1, g=-1),
    # electricity, light, radiation
    "Hz": _atom(1, metric=True, s=-1),
    "V": _atom(1000, metric=True, g=1, m=2, s=-3, A=-1),
    "Ohm": _atom(1000, metric=True, g=1, m=2, s=-3, A=-2),
    "S": _atom("1e-3", metric=True, g=-1, m=-2, s=3, A=2),
    "Wb": _atom(1000, metric=True, g=1, m=2, s=-2, A=-1),
    "T": _atom(1000, metric=True, g=1, s=-2, A=-1),
    "H": _atom(1000, metric=True, g=1, m=2, s=-2, A=-2),
    "lm": _atom(1, metric=True, cd=1),
    "lx": _atom(1, metric=True, cd=1, m=-2),
    "Bq": _atom(1, metric=True, Bq=1),
    "Ci": _atom(37 * 10**9, metric=True, Bq=1),
    "Gy": _atom(1, metric=True, Gy=1),
    "Sv": _atom(1, metric=True, Sv=1),
    # catalytic activity: one U turns over one micromole a minute
    "kat": _atom(1, metric=True, mol=1, s=-1),
    "U": _atom(Fraction(1, 60 * 10**6), metric=True, mol=1, s=-1),
    # each a measure of its own
    "[iU]": _atom(1, metric=True, of={"[iU]": 1}),
    "[pH]": _atom(1, of={"[pH]": 1}),
    "B": _atom(1, metric=True, B=1),
    **{
        code: _atom(1, of={code: 1})
        for code in (
            "[HPF] [LPF] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [beth'U] [anti'Xa'U] [todd'U] [dye'U] "
            "[smgy'U] [bdsk'U] [ka'U] [knk'U] [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50] [PFU] [FFU] "
            "[CFU] [IR] [BAU] [AU] [Amb'a'1'U] [PNU] [Lf] [D'ag'U] [FEU] [ELU] [EU]"
        ).split()
    },
}
