"""What a record's medication is: ingredients, route, form, strength, and what was not understood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from caveat.terminology.candidates import rank
from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology
from caveat.terminology.kinds import Product
from caveat.terminology.reading import Reading, read
from caveat.terminology.shares import Shares, same
from caveat.terminology.text import is_cut, key

How = Literal["code", "name", "brand", "none"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was understood of one medication, and what was not.

    `unrecognised` holds whenever part of it may be a substance nobody judged: nothing was understood, or
    `leftover` words remain. Ingredients may be known and `unrecognised` True together. `candidates` are
    names close to the leftover words, best first; none is ever taken. `conflict` says how codes and texts
    disagree: then `ingredients` is what both mean, so that rules judge either. `classes` are those that an
    allergen names; their members are among the ingredients. `shares` are the strengths of each of several
    ingredients, where every text that gives them agrees. `gathered` says that its words name medicines which
    no known product holds together and no code confirms: they may be several orders written as one.
    """

    ingredients: tuple[str, ...] = ()
    route: str | None = None
    form: str | None = None
    strength: tuple[str, ...] = ()
    how: How = "none"
    unrecognised: bool = True
    leftover: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    conflict: str = ""
    classes: tuple[str, ...] = ()
    shares: Shares = ()
    gathered: bool = False


def resolve(terminology: Terminology, codes: Sequence[Code] = (), text: str | None = None) -> Resolution:
    """The ingredients of a medication from its codes, else its displays and text.

    A bound code decides. Text adds strength, route and form; where it names another substance than the
    code, both count and `conflict` says so. A code that is not bound falls to its display, then the text.

    >>> resolve(terminology, text="Lioresal 10mg tab").ingredients  # doctest: +SKIP
    ('baclofen',)
    """
    what = ("medication", tuple(codes), text)
    if is_cut(text or "") or any(is_cut(c.display) for c in codes):
        return _resolve(terminology, tuple(codes), text or "")
    return terminology.remember(what, lambda: _resolve(terminology, tuple(codes), text or ""))


def resolve_allergen(
    terminology: Terminology, codes: Sequence[Code] = (), text: str | None = None
) -> Resolution:
    """What an allergy is to, from its codes, else its displays and text.

    A class ("penicillins") is every member of it. Allergens that are no medicine ("latex") are recognised
    here and not by `resolve`.

    >>> resolve_allergen(terminology, text="Allergy to penicillin").classes  # doctest: +SKIP
    ('penicillin',)
    """
    what = ("allergen", tuple(codes), text)
    if is_cut(text or "") or any(is_cut(c.display) for c in codes):
        return _resolve(terminology, tuple(codes), text or "", allergen=True)
    return terminology.remember(what, lambda: _resolve(terminology, tuple(codes), text or "", allergen=True))


def _resolve(
    terminology: Terminology, codes: tuple[Code, ...], text: str, *, allergen: bool = False
) -> Resolution:
    bound = [(c, p) for c in codes if (p := _bound(terminology, c, allergen))]
    seen: dict[str, str] = {}
    for written in (text, *(c.display for c in codes)):
        if written.strip():
            seen.setdefault(key(written), written)
    readings = [(w, read(terminology, w, allergen=allergen)) for w in seen.values()]
    whole = [r for _, r in readings if r.ingredients and not r.leftover]
    partial = [r for _, r in readings if not (r.ingredients and not r.leftover)]
    coded = _merge(p.ingredients for _, p in bound)
    named = _merge(r.ingredients for r in whole)
    ingredients = _merge((coded, named, *(r.ingredients for r in partial)))
    trusted = coded or named
    suspects = _suspects(terminology, partial, trusted)
    leftover = _merge(s.leftover for s in suspects)
    return Resolution(
        ingredients=ingredients,
        route=_first(p.route for _, p in bound) or _first(r.route for _, r in readings),
        form=_first(p.form for _, p in bound) or _first(r.form for _, r in readings),
        strength=_first_strength(r for _, r in readings),
        how=_how(coded, [r for _, r in readings]),
        unrecognised=not trusted or bool(leftover),
        leftover=leftover,
        candidates=_candidates(terminology, suspects),
        conflict=_conflict(bound, readings),
        classes=_classes(terminology, codes, readings) if allergen else (),
        shares=() if allergen else _shares(ingredients, bound, [r for _, r in readings]),
        gathered=not allergen and not bound and _gathered(terminology, [r for _, r in readings]),
    )


def _gathered(terminology: Terminology, readings: list[Reading]) -> bool:
    found = [frozenset(r.ingredients) for r in readings if len(r.ingredients) > 1]
    if not found:
        return False
    known = terminology.remember("known combinations", lambda: _combinations(terminology))
    return any(not any(one <= whole for whole in known) for one in found)


def _combinations(terminology: Terminology) -> frozenset[frozenset[str]]:
    """The ingredients of every product, and of every name of several, that the vocabulary knows."""
    tables = terminology.tables
    cells = (cell.partition("\t")[0] for known in (tables.names, tables.products) for cell in known.values())
    return frozenset(frozenset(cell.split("|")) for cell in cells if "|" in cell)


def _shares(
    ingredients: tuple[str, ...], bound: list[tuple[Code, Product]], readings: list[Reading]
) -> Shares:
    """The strength of each ingredient as texts and codes give it; nothing where they differ."""
    if len(ingredients) < 2:
        return ()
    given = (*(r.shares for r in readings), *(p.shares for _, p in bound))
    found = [one for one in given if one]
    if not found or any({name for name, _ in one} != set(ingredients) for one in found):
        return ()
    return found[0] if all(same(found[0], other) for other in found[1:]) else ()


def _bound(terminology: Terminology, code: Code, allergen: bool) -> Product | None:
    """What a bound code stands for: for an allergen the members of a class too."""
    found = terminology.product(code.system, code.code)
    if found is None and allergen:
        classes = terminology.classes_named(f"{code.system}|{code.code.strip()}")
        members = _merge(tuple(sorted(terminology.class_members(c))) for c in classes)
        return Product(members) if members else None
    return found


def _classes(
    terminology: Terminology, codes: tuple[Code, ...], readings: list[tuple[str, Reading]]
) -> tuple[str, ...]:
    coded = (terminology.classes_named(f"{c.system}|{c.code.strip()}") for c in codes)
    return _merge((*coded, *(r.classes for _, r in readings)))


def _suspects(terminology: Terminology, partial: list[Reading], trusted: tuple[str, ...]) -> list[Reading]:
    """Readings with words nobody judged.

    Beside a trusted source a word counts only when it is close to the name of another substance: `Warfrin`
    under a code for simvastatin counts, a local pack name does not.
    """
    if not trusted:
        return partial
    kept = []
    for r in partial:
        odd = tuple(w for w in r.leftover if _means_another(terminology, w, trusted))
        if odd:
            kept.append(Reading(leftover=odd))
    return kept


def _means_another(terminology: Terminology, word: str, trusted: tuple[str, ...]) -> bool:
    close = rank(terminology, word)
    means = [set(name.ingredients) for c in close if (name := terminology.name(c))]
    return bool(means) and not any(m & set(trusted) for m in means)


def _candidates(terminology: Terminology, suspects: list[Reading]) -> tuple[str, ...]:
    out: dict[str, None] = {}
    for r in suspects:
        out.update(dict.fromkeys(r.ambiguous))
        phrase = " ".join(r.leftover)
        for w in (phrase, *r.leftover) if len(r.leftover) > 1 else r.leftover:
            out.update(dict.fromkeys(rank(terminology, w)))
    return tuple(out)[:5]


def _conflict(bound: list[tuple[Code, Product]], readings: list[tuple[str, Reading]]) -> str:
    said: list[tuple[str, frozenset[str]]] = [
        (f"{c.system} code {c.code}", frozenset(p.ingredients)) for c, p in bound if p.ingredients
    ] + [(f'text "{w[:80]}"', frozenset(r.ingredients)) for w, r in readings if r.ingredients]
    for i, (first, a) in enumerate(said):
        for second, b in said[i + 1 :]:
            if not (a <= b or b <= a):
                return f"{first} means {_list(a)}, {second} means {_list(b)}: judged on both"
    return ""


def _how(coded: tuple[str, ...], readings: list[Reading]) -> How:
    if coded:
        return "code"
    kinds = [r.kind for r in readings if r.ingredients]
    if not kinds:
        return "none"
    return "brand" if kinds[0] == "brand" else "name"


def _merge(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(x for group in groups for x in group))


def _first(values: Iterable[str]) -> str | None:
    return next((v for v in values if v), None)


def _first_strength(readings: Iterable[Reading]) -> tuple[str, ...]:
    return next((r.strength for r in readings if r.strength), ())


def _list(ids: frozenset[str]) -> str:
    return " and ".join(sorted(ids))
