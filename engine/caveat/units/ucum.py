"""The UCUM grammar: terms of prefixed units, exponents, numbers, groups and {annotations}.

Annotations carry no meaning in UCUM. Here one that stands for a unit of its own is a measure of
its own, so `{tablet}` is neither a number nor `{capsule}`, unless it only counts or names a plain
number (`{beats}`, `{cells}`, `{score}`). One that qualifies a unit (`g{creat}`) changes nothing,
unless it changes what is measured: body surface, and fibrinogen or D-dimer equivalents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from caveat.errors import UnitError
from caveat.units.atoms import ATOMS, PREFIXES, Atom
from caveat.units.spellings import EXACT, REFUSED, SURFACE, WORDS

_PLAIN: Final = frozenset(
    "# 1 number no count score point grade ratio fraction index inr beat heart_beat pulse breath "
    "respiration time x cell rbc wbc platelet leukocyte erythrocyte neutrophil lymphocyte".split()
)
_MEANINGFUL: Final = frozenset({SURFACE[1:-1], "feu", "ddu", "bce"})
_MASSIVE: Final = frozenset({"g", "L", "mol", "eq", "osm"})
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_TEN: Final = re.compile(r"10\*([+-]?[0-9]{1,2})?")
_POWER: Final = re.compile(r"(.*[^0-9+-])([+-]?[0-9]{1,2})", re.DOTALL)
_COUNTED: Final = re.compile(r"([0-9]{1,6})\s*([A-Za-z\[].*)")


@dataclass(slots=True)
class Term:
    """A product of units while it is read: canonical text, size, and powers of base units."""

    text: str
    factor: Fraction = Fraction(1)
    powers: dict[str, int] = field(default_factory=dict)
    offset: Fraction = Fraction(0)
    number: bool = False

    def times(self, other: Term, sign: int) -> None:
        """Multiply by `other`, or divide when `sign` is -1."""
        self.factor *= other.factor**sign
        for name, power in other.powers.items():
            self.powers[name] = self.powers.get(name, 0) + sign * power


def read(text: str) -> Term:
    """The term that `text` spells; raises UnitError saying which part is not understood."""
    reader = _Reader(text)
    term = reader.term()
    if reader.at < len(text):
        raise UnitError(f"{text[reader.at]!r} has no partner at position {reader.at + 1}")
    return term


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def term(self) -> Term:
        whole = Term("")
        sign, count = 1, 0
        while True:
            here = self._peek()
            if here == "/":
                sign, joint = -1, "/"
                self.at += 1
            elif count and here == ".":
                sign, joint = 1, "."
                self.at += 1
            elif count:
                break
            else:
                joint = ""
            part = self._component(after_slash=sign < 0)
            if part.offset or whole.offset:
                if count or joint or self._peek() not in ("", ")"):
                    raise UnitError("a temperature scale with its own zero takes no part in a product. Use K")
                whole.offset = part.offset
            whole.times(part, sign)
            whole.text += joint + part.text
            whole.number = part.number and not count
            count += 1
        return whole

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _component(self, *, after_slash: bool) -> Term:
        here = self._peek()
        if here == "{":
            return self._standing(self._annotation())
        if here == "(":
            self.at += 1
            inner = self.term()
            if self._peek() != ")":
                raise UnitError("a bracket ( is not closed")
            self.at += 1
            part = inner
            part.text, part.number = f"({inner.text})", False
        else:
            part = self._symbol(after_slash=after_slash)
        if self._peek() == "{":
            self._qualify(part, self._annotation())
        return part

    def _annotation(self) -> str:
        end = self.text.find("}", self.at)
        if end < 0:
            raise UnitError("a bracket { is not closed")
        inside = self.text[self.at + 1 : end]
        if "{" in inside:
            raise UnitError("an annotation holds another {")
        self.at = end + 1
        return inside

    @staticmethod
    def _standing(inside: str) -> Term:
        """An annotation in the place of a unit."""
        key = _key(inside)
        word = WORDS.get(key, "")
        if word.startswith("{"):
            key = _key(word[1:-1])
            inside = word[1:-1] if key not in _PLAIN else inside
        return Term(f"{{{inside}}}", powers={} if not key or key in _PLAIN else {f"{{{key}}}": 1})

    def _qualify(self, part: Term, inside: str) -> None:
        """An annotation behind a unit; behind a number it stands for the unit that is counted."""
        standing = self._standing(inside)
        if part.number or _key(inside) in _MEANINGFUL:
            part.times(standing, 1)
        part.text += standing.text
        part.number = False

    def _symbol(self, *, after_slash: bool) -> Term:
        text, start, depth, end = self.text, self.at, 0, self.at
        while end < len(text):
            char = text[end]
            if char == "[":
                depth += 1
            elif char == "]":
                depth -= 1
            elif depth <= 0 and char in "./(){}":
                break
            end += 1
        token = text[start:end].strip()
        self.at = end
        if not token:
            raise UnitError("a unit is missing at the end or between two signs")
        return _resolve(token, after_slash=after_slash)


def _resolve(token: str, *, after_slash: bool) -> Term:
    if _NUMBER.fullmatch(token):
        if not int(token):
            raise UnitError("a unit cannot hold a factor of 0")
        return Term(token, Fraction(int(token)), number=True)
    if found := _TEN.fullmatch(token):
        return Term(token, Fraction(10) ** int(found[1] or 1), number=True)
    if (unit := _unit(token)) is not None:
        return unit
    if after_slash and (found := _COUNTED.fullmatch(token)):
        counted = _resolve(found[2], after_slash=False)
        counted.factor *= int(found[1])
        counted.text = f"({int(found[1])}.{counted.text})"
        return counted
    raise UnitError(REFUSED.get(token) or f"{token!r} is not known")


def _unit(token: str) -> Term | None:
    """The term of a unit, in UCUM or a listed spelling, with its exponent."""
    if token in REFUSED:
        raise UnitError(REFUSED[token])
    symbol, power = token, 1
    canonical = EXACT.get(token, token)
    atom = _prefixed(canonical)
    if atom is None and (found := _POWER.fullmatch(token)):
        symbol, power = found[1], int(found[2])
        if symbol in REFUSED:
            raise UnitError(REFUSED[symbol])
        canonical = EXACT.get(symbol, symbol)
        atom = _prefixed(canonical)
        if atom is None:
            canonical = WORDS.get(symbol.casefold(), "")
            atom = _prefixed(canonical)
        if power == 0 or abs(power) > 9:
            raise UnitError(f"an exponent of {power} is not one of -9 to 9 without 0")
    if atom is None:
        return _word(EXACT.get(token) or WORDS.get("_".join(token.casefold().replace("_", " ").split())))
    if atom.offset and power != 1:
        raise UnitError("a temperature scale with its own zero takes no part in a product. Use K")
    text = canonical if power == 1 else f"{canonical}{power}"
    powers = {name: size * power for name, size in atom.dimension}
    return Term(text, atom.factor**power, powers, atom.offset)


def _word(canonical: str | None) -> Term | None:
    """The term of a listed word: an annotation, a power of ten or a unit."""
    return read(canonical) if canonical else None


def _prefixed(symbol: str) -> Atom | None:
    if (atom := ATOMS.get(symbol)) is not None:
        return atom
    for size in (2, 1):
        prefix = PREFIXES.get(symbol[:size]) if len(symbol) > size else None
        if prefix is None:
            continue
        atom = ATOMS.get(symbol[size:])
        if atom is not None and atom.metric and not (symbol[0] == "M" and symbol[1:] in _MASSIVE):
            return Atom(prefix * atom.factor, atom.dimension)
    return None


def _key(annotation: str) -> str:
    """What an annotation counts: one spelling for letter case, blanks and plural."""
    key = "_".join(annotation.casefold().replace("_", " ").split())
    if key in _PLAIN or key in _MEANINGFUL or key == "copies":
        return key
    return key[:-1] if len(key) > 3 and key.endswith("s") and not key.endswith("ss") else key
