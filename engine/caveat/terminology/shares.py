"""Which strength in the text of a combination product is of which ingredient; none where that is in doubt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from caveat.terminology.text import SEPARATORS, plain

Shares = tuple[tuple[str, str], ...]
"""Pairs of an ingredient and its strength as text: `("paracetamol", "325 mg")`."""

Said = tuple[int, int, tuple[str, ...]]
"""A name in a text: the number of its first word, its words, and the ingredients it stands for."""

TIMES: Final = frozenset({"h", "hr", "hrs", "hour", "hours", "min"})
_VOLUMES: Final = frozenset({"ml", "l", "dl", "liter", "litre", "milliliter", "millilitre"})
_NO_AMOUNTS: Final = frozenset(
    {"act", "actuat", "cm", "cm2", "dose", "doses", "drop", "drops", "inch", "mm", "ppm", "puff", "puffs"}
    | {"spf", "spray", "sprays", "v", "vol", "w"}
)
_SCALE: Final = {
    **dict.fromkeys(("mg", "mgs", "milligram", "milligrams"), ("mg", Fraction(1))),
    **dict.fromkeys(("g", "gm", "gram", "grams"), ("mg", Fraction(1000))),
    **dict.fromkeys(("mcg", "mcgs", "ug", "microgram", "micrograms"), ("mg", Fraction(1, 1000))),
}
_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|%|[/+&;,]")
_NUMBER: Final = r"\d+(?:[.,]\d+)*"
_PER: Final = r"ml|dl|l|hr|h|hour|actuat|act|dose|spray|puff|drop|tablet|tab|capsule|cap"
_ATOM: Final = rf"({_NUMBER})(?:[ -]?([a-z]+|%))?"
_GROUP: Final = re.compile(
    rf"(?<![\w.,#]){_NUMBER}(?:[ -]?(?:[a-z]+|%))?(?: ?[-/&+] ?{_NUMBER}(?:[ -]?(?:[a-z]+|%))?)*"
    rf"(?: ?(?:/|per) ?(?:{_PER})(?![a-z0-9]))?"
)
_THOUSANDS: Final = re.compile(r"[1-9]\d{0,2}(?:,\d{3})*,\d\d0(?:\.\d+)?")
_EITHER: Final = re.compile(r"[1-9]\d{0,2}(?:(?:,\d{3})+|(?:\.\d{3})*\.\d\d0)")
SPELT: Final = {
    **dict.fromkeys(("microgramme", "microgrammes", "microgrammo", "microgrammi", "microgrammen"), "mcg"),
    **dict.fromkeys(("microgramo", "microgramos", "micrograma", "microgramas"), "mcg"),
    **dict.fromkeys(("mikrogramm", "mikrogram", "mikrog"), "mcg"),
    **dict.fromkeys(("milligramm", "milligramme", "milligrammes", "milligrammo", "milligrammi"), "mg"),
    **dict.fromkeys(("miligramo", "miligramos", "miligrama", "miligramas"), "mg"),
    **dict.fromkeys(("gramm", "gramme", "grammes", "grammo", "grammi"), "g"),
    **dict.fromkeys(("gramo", "gramos", "grama", "gramas"), "g"),
    **dict.fromkeys(("ui", "ie"), "iu"),
    **dict.fromkeys(("einheiten", "unites", "unidades", "unita", "eenheden", "enheter", "enheder"), "units"),
}
"""Units as other languages write them."""
_APPROVED: Final = (
    ("codeine", "paracetamol", "8/500 15/500 30/500"),
    ("dihydrocodeine", "paracetamol", "10/500 20/500 30/500"),
    ("dextropropoxyphene", "paracetamol", "32.5/325"),
    ("acetylsalicylic-acid", "codeine", "400/8"),
    ("amoxicillin", "clavulanic-acid", "250/125 500/125 875/125"),
    ("benserazide", "levodopa", "12.5/50 25/100 50/200"),
    ("carbidopa", "levodopa", "12.5/50 10/100 25/100 25/250 50/200"),
    ("sulfamethoxazole", "trimethoprim", "400/80 800/160"),
)
"""Strengths in mg of products with a British Approved Name (co-codamol 30/500), as that list has them."""


@dataclass(frozen=True, slots=True)
class _Amount:
    number: Fraction
    unit: str
    per: str

    @property
    def text(self) -> str:
        shown = f"{float(self.number):.10g}"
        if Fraction(shown) != self.number:
            return ""
        return f"{shown} {self.unit}{self.per}"


Units = Mapping[str, str]


Known = Mapping[frozenset[str], Sequence[Shares]]
"""The strengths of known products by their ingredients."""


def shares(text: str, said: Sequence[Said], known: Callable[[], Known], units: Units) -> Shares:
    """The strength of each ingredient that the text names, or nothing where that is not certain.

    Certain is: each ingredient with its own strength beside it (`acetaminophen 325 mg / oxycodone 5 mg`);
    as many strengths as ingredients, in one order (`oxycodone-acetaminophen 5-325 mg`), unless products
    that are known have them the other way round; and under one name for all (`Percocet 5/325`), the one
    known product of these ingredients with these numbers. `units` are the words that are units.
    """
    ingredients = tuple(dict.fromkeys(i for _, _, names in said for i in names))
    alone = {i for _, _, names in said if len(names) == 1 for i in names}
    if len(ingredients) < 2:
        return ()
    low = plain(text)
    spans = [m.span() for m in _WORD.finditer(low) if m.group() not in SEPARATORS]
    single: list[tuple[int, str]] = []
    for at, _, names in said:
        if len(names) == 1:
            single.append((spans[at][0], names[0]))
        elif alone and not alone.issuperset(names):
            return ()
    named = {spans[at + k][0] for at, length, _ in said for k in range(length)}
    amounts = _amounts(low, named, units)
    if amounts is None or len(amounts) != len(ingredients):
        return ()
    found = _in_order(single, amounts) if single else None
    written = [amount for _, amount in amounts]
    if single and found is None:
        return ()
    if found is not None and all(amount.unit for amount in written):
        beside, pairs = found
        if not beside and _turned(pairs, known().get(frozenset(ingredients), ())):
            return ()
        given = tuple((name, amount.text) for name, amount in pairs)
        return given if all(strength for _, strength in given) else ()
    products = known().get(frozenset(ingredients), ())
    return _of_known(written, None if found is None else found[1], products)


_Placed = list[tuple[int, _Amount]]


def _amounts(low: str, named: set[int], units: Units) -> _Placed | None:
    """Every strength with its place; numbers without a unit only where none has one. None: in doubt."""
    groups: list[list[tuple[int, _Amount]]] = []
    for match in _GROUP.finditer(low):
        group = _group(match, named, units)
        if group is None:
            return None
        if group:
            groups.append(group)
    measured = [group for group in groups if all(amount.unit for _, amount in group)]
    if not measured:
        measured = [group for group in groups if len(group) > 1]
        if len(measured) != 1:
            return []
    found = [one for group in measured for one in group]
    if len({amount.per for _, amount in found}) != 1:
        return []
    of_volume = any(_is_volume(match) for match in _GROUP.finditer(low))
    return [] if of_volume and not found[0][1].per else found


def _is_volume(match: re.Match[str]) -> bool:
    """Whether it is a volume alone, as in `120 mg in 5 mL`."""
    atoms = re.findall(_ATOM, match.group())
    return len(atoms) == 1 and atoms[0][1] in _VOLUMES


def _group(match: re.Match[str], named: set[int], units: Units) -> _Placed | None:
    """The amounts of `5-325 mg/15 ml`, each with unit and volume; none for times, volumes and counts."""
    text, start = match.group(), match.start()
    per = re.search(rf" ?(?:/|per) ?({_PER})$", text)
    listed = text if per is None else text[: per.start()]
    atoms = [(m.start() + start, m[1], m[2] or "") for m in re.finditer(_ATOM, listed)]
    ending = "" if per is None or per[1] in ("tablet", "tab", "capsule", "cap") else f"/{per[1]}"
    if len(atoms) > 1 and atoms[-1][2] in _VOLUMES and "/" in text and per is None:
        place, number, unit = atoms.pop()
        divisor = _number(number)
        if divisor is None or not divisor:
            return None
        ending = f"/{unit}" if divisor == 1 else f"/{number.replace(',', '.')}{unit}"
    known: list[tuple[int, Fraction, str]] = []
    for place, number, unit in atoms:
        value = _number(number)
        if place in named:
            return []
        if value is None or not value:
            return None
        unit = SPELT.get(unit, unit)
        is_unit = unit == "%" or units.get(unit) == "unit"
        if unit and (not is_unit or unit in _NO_AMOUNTS):
            unit = ""
            if len(atoms) == 1:
                return []
        if unit in TIMES or unit in _VOLUMES:
            return [] if len(atoms) == 1 else None
        known.append((place, value, unit))
    later = ""
    found: list[tuple[int, _Amount]] = []
    for place, value, unit in reversed(known):
        later = unit or later
        found.append((place, _Amount(value, later, ending if later else "")))
    found.reverse()
    if len(found) == 1 and not found[0][1].unit:
        return []
    return found


def _number(text: str) -> Fraction | None:
    number = decimal(text)
    return Fraction(number) if number else None


def decimal(text: str) -> str:
    """A number as written, with a point for decimals; nothing where it may be a thousand times another.

    >>> decimal("0,125"), decimal("1,000"), decimal("3.375"), decimal("1.000")
    ('0.125', '1000', '3.375', '')
    """
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    number = text.replace(",", ".")
    return "" if number.count(".") > 1 or _EITHER.fullmatch(text) else number


_Pairs = list[tuple[str, _Amount]]


def _in_order(single: list[tuple[int, str]], amounts: _Placed) -> tuple[bool, _Pairs] | None:
    """Ingredients and strengths paired, and whether each stands beside its own; None where neither fits."""
    order = list(dict.fromkeys(name for _, name in single))
    names = [name for _, name in single]
    if names != order * (len(names) // len(order)):
        return None
    first, last = single[0][0], single[-1][0]
    pairs = [(name, amount) for name, (_, amount) in zip(order, amounts, strict=True)]
    if all(place > last for place, _ in amounts) or all(place < first for place, _ in amounts):
        return False, pairs
    if len(names) != len(order):
        again = single[len(order)][0]
        if not all(place < again for place, _ in amounts):
            return None
        single = single[: len(order)]  # the brand behind it names them once more: [Tylenol with Codeine]
    places = sorted([(place, "n") for place, _ in single] + [(place, "a") for place, _ in amounts])
    kinds = "".join(kind for _, kind in places)
    if kinds in ("na" * len(order), "an" * len(order)):
        return True, pairs
    return None


def _key(amount: _Amount) -> tuple[Fraction, str]:
    """The amount for comparison; without a unit it is one of milligrams, as products are named."""
    unit, factor = _SCALE.get(amount.unit or "mg", (amount.unit, Fraction(1)))
    return amount.number * factor, unit + amount.per


def _turned(pairs: _Pairs, known: Iterable[Shares]) -> bool:
    """Whether known products have these strengths, and only the other way round."""
    given = {name: _key(amount) for name, amount in pairs}
    alike = [one for one in map(_keys, known) if sorted(one.values()) == sorted(given.values())]
    return bool(alike) and given not in alike


def _of_known(written: list[_Amount], pairs: _Pairs | None, known: Iterable[Shares]) -> Shares:
    """The strengths as the known products of these ingredients and numbers have them, if all agree."""
    numbers = sorted(_key(amount) for amount in written)
    found: dict[tuple[tuple[str, tuple[Fraction, str]], ...], Shares] = {}
    for one in known:
        keys = _keys(one)
        if sorted(keys.values()) == numbers:
            found.setdefault(tuple(sorted(keys.items())), one)
    if len(found) != 1:
        return ()
    (one,) = found.values()
    if pairs is not None and _keys(one) != {name: _key(amount) for name, amount in pairs}:
        return ()
    return one


def _keys(one: Shares) -> dict[str, tuple[Fraction, str]]:
    found = {}
    for name, strength in one:
        number, _, unit = strength.partition(" ")
        unit, slash, per = unit.partition("/")
        found[name] = _key(_Amount(Fraction(number), unit, slash + per))
    return found


def same(one: Shares, other: Shares) -> bool:
    """Whether two say the same of every ingredient that both name."""
    first, second = _keys(one), _keys(other)
    return all(first[name] == second[name] for name in first.keys() & second.keys())


def approved() -> tuple[Shares, ...]:
    """The strengths of products with a British Approved Name."""
    found: list[Shares] = []
    for first, second, strengths in _APPROVED:
        for pair in strengths.split():
            one, other = pair.split("/")
            found.append(((first, f"{one} mg"), (second, f"{other} mg")))
    return tuple(found)
