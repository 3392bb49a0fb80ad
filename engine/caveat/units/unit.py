"""One unit of measure, and the reading of its text."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from typing import Final

from caveat.errors import UnitError
from caveat.units import ucum
from caveat.units.atoms import ATOMS
from caveat.units.spellings import EXACT, WORDS, normalise

Dimension = tuple[tuple[str, int], ...]

_LONGEST: Final = 100
_COMMON: Final = (
    "mg/dL mg/L g/dL g/L ug/mL ng/mL mmol/L umol/L meq/L mosm/kg U/L [iU]/L m[iU]/L 10*9/L 10*3/uL mL/min "
    "mL/min/{1.73_m2} mg/d ug/d mg/kg mg/kg/d mg/h ug/h mL/h mg/mL mg ug g kg mL dL cm mmol meq mm[Hg] /min"
).split()


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in its canonical spelling, its size in base units, and what it measures.

    Two units measure the same thing when their `dimension` is equal. `offset` is the zero of the
    scale in base units, and is other than 0 for Celsius and Fahrenheit alone.
    """

    text: str
    factor: Fraction
    dimension: Dimension
    offset: Fraction = Fraction(0)

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


def parse_unit(text: str) -> Unit:
    """The unit that `text` names, in UCUM or in a listed everyday spelling.

    Raises UnitError, with what to write instead, for anything else; nothing is guessed. Results
    are cached.
    """
    found = _read(text) if len(text) <= _LONGEST else f"a unit of {len(text)} characters is too long"
    if isinstance(found, str):
        raise UnitError(found)
    return found


@lru_cache(maxsize=8192)
def _read(text: str) -> Unit | str:
    """The unit, or the message of its error, so that bad units are as cheap as good ones."""
    plain = normalise(text)
    if not plain:
        return "a unit is empty. Write 1 for a plain number"
    try:
        term = ucum.read(plain)
    except UnitError as error:
        message = str(error)
        return f"{text!r} is not a unit: {message}{_suggestion(plain) if message.endswith('known') else ''}"
    dimension = tuple(sorted((name, power) for name, power in term.powers.items() if power))
    return Unit(term.text, term.factor, dimension, term.offset)


def _suggestion(text: str) -> str:
    known = [*_COMMON, *ATOMS, *WORDS, *EXACT]
    by_case = {spelling.casefold(): spelling for spelling in reversed(known)}
    if (same := by_case.get(text.casefold())) is not None:
        return f". Did you mean {EXACT.get(same, same)}?"
    close = get_close_matches(text, known, n=1, cutoff=0.7)
    if close:
        meant = EXACT.get(close[0]) or WORDS.get(close[0]) or close[0]
        return f". Did you mean {meant}?"
    return ". Write it in UCUM, such as mg/dL, mmol/L, mL/min or {tablet}"


ONE: Final = parse_unit("1")
