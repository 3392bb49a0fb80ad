"""One medication text read word by word: every word is a name, a strength, a form, a route, or left over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from caveat.terminology.candidates import rank
from caveat.terminology.concepts import Terminology, shares_of
from caveat.terminology.kinds import Name
from caveat.terminology.shares import SPELT, TIMES, Known, Said, Shares, approved, decimal, shares
from caveat.terminology.text import SEPARATORS, is_cut, plain, tokens

_ION_ENDINGS: Final = ("ate", "ato", "ide", "ite")
_OF: Final = frozenset({"de", "di"})
_SUFFIXES: Final = frozenset({"a", "am", "as", "at"})
"""Frequency words that after a brand may stand for another substance: `Telma AM` holds amlodipine too."""
_LONGEST_SPELLING: Final = 5
_PER: Final = "ml|dl|l|hr|h|hour|actuat|act|dose|spray|puff|drop|cm2"
_SPACED: Final = r"(?!(?<=\d )\d{3}(?!\d))"
"""Not the end of `100 000`, which is no amount of 0."""
_AMOUNT: Final = re.compile(
    rf"(?<![\w.,]){_SPACED}(\d+(?:[.,]\d+)*)[ -]?(%|[a-z]+)"
    rf"(?: ?/ ?(?:(\d+(?:[.,]\d+)?)? ?({_PER})|(g))(?![a-z0-9]))?"
)
_BREATHED: Final = frozenset({"hfa", "inhaler", "mdi", "neb", "nebs", "puff", "puffs"})
"""Words beside which `inh` is an inhalation; else it may be isoniazid."""
_TRIAL: Final = re.compile(r"[(\[]([^()\[\]]*\b(?:trial|study)\b[^()\[\]]*)[)\]]")


@dataclass(frozen=True, slots=True)
class Reading:
    """`leftover` words are known to be nothing: the text is understood whole only where there are none."""

    ingredients: tuple[str, ...] = ()
    kind: str = ""
    route: str = ""
    form: str = ""
    strength: tuple[str, ...] = ()
    leftover: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    shares: Shares = ()


def read(
    terminology: Terminology, text: str, *, allergen: bool = False, known: Known | None = None
) -> Reading:
    """What the words of a product or substance text mean, the longest names first.

    A salt is part of the substance beside it. A word is never matched in part, and never by likeness.
    Read as an `allergen`, a class is its members, allergens that are no medicine are known, and words such
    as "allergy to" mean nothing. `shares` are the strengths of each of several ingredients, where they
    are certain; `known` are those of known products, unless given those of the vocabulary.
    """
    t = terminology.tables
    word, part = _split(text)
    quiet = _quiet(terminology, word, allergen)
    names = _names(terminology, word, quiet, allergen)
    route, form, shaped = _shape(terminology, word, set(names), quiet)
    ingredients: dict[str, None] = {}
    kinds: list[str] = []
    ambiguous: dict[str, None] = {}
    classes: dict[str, None] = {}
    leftover: list[str] = []
    covered: set[int] = set()
    said: list[Said] = []
    for at, (length, name) in names.items():
        covered.update(range(at, at + length))
        if length == 1 and _is_ion(terminology, word, part, at, names):
            continue
        also_form = length == 1 and terminology.tables.noise.get(word[at]) == "form" and min(names) < at
        if also_form and (route == "inhaled" or not _BREATHED.isdisjoint(word)):
            continue
        if also_form or name.kind == "ambiguous":
            ambiguous.update(dict.fromkeys(name.ingredients))
            leftover.append(" ".join(word[at : at + length]))
            continue
        if name.kind == "class":
            classes.update(dict.fromkeys(terminology.classes_named(" ".join(word[at : at + length]))))
        ingredients.update(dict.fromkeys(name.ingredients))
        said += _spelt_out(terminology, word, at, length, name)
        kinds.append(name.kind)
        route = route or name.route
    covered |= shaped | quiet
    for i, w in enumerate(word):
        if i in covered or w[0].isdigit() or w == "%":
            continue
        kind = t.noise.get(w)
        if (
            kind is None
            or (kind == "salt" and not ingredients)
            or (kind == "allergy" and not allergen)
            or (kind == "unit" and _is_part_of_name(word, part, i, names))
            or (kind == "ion" and not any(part[at] == part[i] for at in names))
            or (kind == "joining" and not _joins(word, i, names))
            or (w in _SUFFIXES and _is_suffix(terminology, word, i, names))
            or (kind == "maker" and not _follows(i, names, ("brand", "ambiguous")))
        ):
            leftover.append(w)
    if leftover and ingredients:
        leftover = [w for w in leftover if w not in _trial(terminology, text)]
    if is_cut(text):
        leftover.append("the text beyond what is read")
    return Reading(
        ingredients=tuple(ingredients),
        kind="brand" if kinds and all(k == "brand" for k in kinds) else "name" if kinds else "",
        route=route or (t.forms[form][1] if form else ""),
        form=form,
        strength=_strength(terminology, text),
        leftover=tuple(dict.fromkeys(leftover)),
        ambiguous=tuple(ambiguous),
        classes=tuple(classes),
        shares=()
        if len(ingredients) < 2 or allergen
        else shares(text, said, lambda: known_shares(terminology) if known is None else known, t.noise),
    )


def _spelt_out(terminology: Terminology, word: list[str], at: int, length: int, name: Name) -> list[Said]:
    """A name of several ingredients as the names that it is made of, where it is (`codeine paracetamol`)."""
    found: list[Said] = []
    place = at
    while len(name.ingredients) > 1 and place < at + length:
        for size in range(min(length - 1, at + length - place), 0, -1):
            part = terminology.name(" ".join(word[place : place + size]))
            if part is not None and len(part.ingredients) == 1 and part.ingredients[0] in name.ingredients:
                found.append((place, size, part.ingredients))
                place += size - 1
                break
        place += 1
    whole = {i for _, _, ingredients in found for i in ingredients} == set(name.ingredients)
    return found if whole and len(found) > 1 else [(at, length, name.ingredients)]


def known_shares(terminology: Terminology) -> Known:
    """The strengths of each ingredient in known combination products, by their ingredients."""
    return terminology.remember("known shares", lambda: _known_shares(terminology))


def _known_shares(terminology: Terminology) -> Known:
    cells = (cell.split("\t")[3] for cell in terminology.tables.products.values() if cell.count("\t") == 3)
    found: dict[frozenset[str], dict[Shares, None]] = {}
    for one in (*approved(), *map(shares_of, cells)):
        found.setdefault(frozenset(name for name, _ in one), {})[one] = None
    return {names: tuple(of_them) for names, of_them in found.items()}


def _trial(terminology: Terminology, text: str) -> set[str]:
    """Words of the name of a trial in brackets, as `(JUPITER trial)`; none that is close to a name."""
    groups = _TRIAL.findall(plain(text)) if "(" in text or "[" in text else []
    return {w for group in groups for w in tokens(group) if not rank(terminology, w)}


def _split(text: str) -> tuple[list[str], list[int]]:
    """The words, and for each the number of its part; parts lie between separators."""
    word: list[str] = []
    part: list[int] = []
    count = 0
    for token in tokens(text):
        if token in SEPARATORS:
            count += 1
        else:
            word.append(token)
            part.append(count)
    return word, part


def _names(
    terminology: Terminology, word: list[str], quiet: set[int], allergen: bool
) -> dict[int, tuple[int, Name]]:
    """Start -> (words, name) of the longest names, left to right; those of classes for an allergen only."""
    t = terminology.tables
    found: dict[int, tuple[int, Name]] = {}
    at = 0
    while at < len(word):
        longest = 0 if at in quiet else t.starts.get(word[at], 1)
        if allergen and longest:
            longest = max(longest, t.class_starts.get(word[at], 1))
        for length in range(min(longest, len(word) - at), 0, -1):
            phrase = " ".join(word[at : at + length]) if length > 1 else word[at]
            name = terminology.name(phrase) if phrase in t.names else None
            if allergen:
                name = _with_classes(terminology, phrase, name)
            elif name is not None and name.kind == "allergen":
                name = None
            if name is not None:
                found[at] = (length, name)
                at += length - 1
                break
        at += 1
    return found


def _with_classes(terminology: Terminology, phrase: str, name: Name | None) -> Name | None:
    """The name, with the members of the classes that it names too."""
    classes = terminology.classes_named(phrase)
    if not classes:
        return name
    members = [i for c in classes for i in sorted(terminology.class_members(c))]
    return Name(tuple(dict.fromkeys((*(name.ingredients if name else ()), *members))), "class")


def _quiet(terminology: Terminology, word: list[str], allergen: bool) -> set[int]:
    """Places of phrases of several words that are no substance, as `peg tube` and `alcohol free`."""
    t = terminology.tables
    found: set[int] = set()
    for at, first in enumerate(word):
        if first not in t.phrases:
            continue
        for length in range(min(t.phrases[first], len(word) - at), 1, -1):
            phrase = " ".join(word[at : at + length])
            if phrase in t.noise and phrase not in t.names and not (allergen and phrase in t.class_names):
                found.update(range(at, at + length))
                break
    return found


def _is_ion(
    terminology: Terminology, word: list[str], part: list[int], at: int, names: dict[int, tuple[int, Name]]
) -> bool:
    """Whether `potassium` is the ion of a salt: after a substance in the same part, or before an acid.

    Another name that is also a word of flavours (`mint`) is that word after a substance.
    """
    kind = terminology.tables.noise.get(word[at])
    if kind != "salt":
        return kind not in (None, "form") and min(names) < at
    end = at - 1 if at > 1 and word[at - 1] in _OF else at
    before = any(
        part[i] == part[at] and i + n == end and word[end - 1].isalpha()
        for i, (n, _) in names.items()
        if i < at
    )
    after = names.get(at + 1)
    if after is None or part[at + 1] != part[at]:
        return before
    return before or word[at + after[0]].endswith(_ION_ENDINGS)


def _is_part_of_name(word: list[str], part: list[int], at: int, names: dict[int, tuple[int, Name]]) -> bool:
    """Whether a letter that may be a unit follows a name as part of it: `Decortin H` is not `Decortin`."""
    if len(word[at]) > 1 or not any(i + n == at and part[i] == part[at] for i, (n, _) in names.items()):
        return False
    if at + 1 == len(word):
        return True
    return part[at + 1] == part[at] and not (word[at] == "u" and word[at + 1][0].isdigit())


def _joins(word: list[str], at: int, names: dict[int, tuple[int, Name]]) -> bool:
    """Whether a word such as `met` stands between two others: not at the end, nor between a name and none.

    `Galvus Met` is not `Galvus`, `tablet met verlengde afgifte` is a tablet.
    """
    return at + 1 in names or (at + 1 < len(word) and not _follows(at, names))


def _is_suffix(
    terminology: Terminology, word: list[str], at: int, names: dict[int, tuple[int, Name]]
) -> bool:
    """Whether a short word ends a brand name: `Amlokind AT 5`, not `Xanax at bedtime`."""
    after = terminology.tables.noise.get(word[at + 1]) if at + 1 < len(word) else None
    return after != "frequency" and any(
        i + n == at and name.kind == "brand" for i, (n, name) in names.items()
    )


def _follows(at: int, names: dict[int, tuple[int, Name]], never: tuple[str, ...] = ()) -> bool:
    """Whether the word before is the end of a name, of a kind that is not among `never`."""
    return any(i + n == at and name.kind not in never for i, (n, name) in names.items())


def _shape(
    terminology: Terminology, word: list[str], named: set[int], quiet: set[int]
) -> tuple[str, str, set[int]]:
    """The first route and the first form spelt out, and the words that spell any."""
    t = terminology.tables
    route = form = ""
    used: set[int] = set()
    at = 0
    while at < len(word):
        step = 1
        for length in range(min(_LONGEST_SPELLING, len(word) - at), 0, -1):
            phrase = " ".join(word[at : at + length])
            is_form, is_route = t.form_spellings.get(phrase), t.route_spellings.get(phrase)
            if (is_form or is_route) and not named & set(range(at, at + length)):
                form, route = form or (is_form or ""), route or ("" if is_form else is_route or "")
                used.update(range(at, at + length))
                step = length
                break
        at += step
    return route, _released(terminology, form, word, quiet), used


def _released(terminology: Terminology, form: str, word: list[str], quiet: set[int]) -> str:
    """The form as a slow one where a word says so; not `la` of `por la noche`."""
    slow = any(terminology.tables.noise.get(w) == "slow" and i not in quiet for i, w in enumerate(word))
    modified = f"modified-release-{form}"
    return modified if slow and modified in terminology.tables.forms else form


def _strength(terminology: Terminology, text: str) -> tuple[str, ...]:
    """Each amount with its unit, per one millilitre or hour where that is exact: `5 mg/5 mL` is `1 mg/ml`."""
    units = terminology.tables.noise
    found = []
    for amount, unit, over, per, gram in _AMOUNT.findall(plain(text)):
        unit, amount = SPELT.get(unit, unit), decimal(amount)
        if unit in TIMES or not amount or (unit != "%" and units.get(unit) != "unit"):
            continue  # `12 hr` is how long it acts or stays on
        if over:
            over = over.replace(",", ".")
            share = _share(amount, over)
            found.append(f"{share} {unit}/{per}" if share else f"{amount} {unit}/{over} {per}")
        else:
            found.append(f"{amount} {unit}" + (f"/{per or gram}" if per or gram else ""))
    return tuple(found)


def _share(amount: str, over: str) -> str:
    """One number by another as a decimal, or nothing where that is not exact."""
    if amount.count(".") > 1 or not float(over):
        return ""
    share = Fraction(amount) / Fraction(over)
    text = f"{float(share):.10g}"
    return text if Fraction(text) == share else ""
