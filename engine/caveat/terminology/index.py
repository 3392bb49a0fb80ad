"""Concepts turned into the tables a Terminology looks things up in, with every contradiction refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from caveat.terminology.concepts import (
    Form,
    Ingredient,
    IngredientClass,
    Name,
    ObservationConcept,
    Product,
    Route,
    Tables,
    ValueSet,
)
from caveat.terminology.problems import TerminologyError
from caveat.terminology.text import key


def build_tables(
    *,
    digest: str,
    ingredients: Mapping[str, Ingredient],
    names: Iterable[tuple[int, str, Name]],
    products: Mapping[str, Product],
    classes: Sequence[IngredientClass],
    value_sets: Sequence[ValueSet],
    observations: Sequence[ObservationConcept],
    routes: Sequence[Route],
    forms: Sequence[Form],
    noise: Mapping[str, str],
    strays: Mapping[str, tuple[str, ...]],
) -> Tables:
    """The indexed tables; TerminologyError names the concept that cannot hold."""
    for file, ids in strays.items():
        if ids:
            raise TerminologyError(f"{file}: {', '.join(ids)} is not defined in the YAML file beside it")
    named = _names(ingredients, names)
    grouped = _classes(ingredients, classes)
    sets = {v.id: v for v in value_sets}
    roots = {v.id: tuple(r.replace(".", "") for r in v.icd10cm) for v in value_sets}
    broader: dict[str, list[str]] = {}
    for i, own in roots.items():
        for root in own:
            for n in range(3, len(root)):
                broader.setdefault(root[:n], []).append(i)
    of: dict[str, list[str]] = {}
    for c in grouped.values():
        for m in sorted(c.members):
            of.setdefault(m, []).append(c.id)
    return Tables(
        digest=digest,
        ingredients=dict(ingredients),
        classes=grouped,
        value_sets=sets,
        observations={o.id: o for o in observations},
        routes={r.id: r for r in routes},
        forms={f.id: f for f in forms},
        names=named,
        starts=_starts(named),
        products=_products(ingredients, products),
        noise=dict(noise),
        ingredient_classes={i: tuple(c) for i, c in of.items()},
        loinc=_once("LOINC code", ((code, o.id) for o in observations for code in o.loinc)),
        snomed=_invert((code, v.id) for v in value_sets for code in v.snomed),
        not_snomed=_invert((code, v.id) for v in value_sets for code in v.not_snomed),
        icd_roots=_invert((r, i) for i, own in roots.items() for r in own),
        icd_excluded=_invert((r.replace(".", ""), v.id) for v in value_sets for r in v.excluded),
        icd_broader={code: tuple(sorted(set(i))) for code, i in broader.items()},
        labels=_invert(("condition " + key(text), v.id) for v in value_sets for text in (v.title, *v.labels))
        | _invert(
            ("observation " + key(text), o.id)
            for o in observations
            for text in (o.id, o.title, *o.labels, *o.loinc.values())
        ),
        words=_words(value_sets),
        route_spellings=_once("route spelling", _spellings(routes)),
        form_spellings=_once("form spelling", _spellings(forms)),
    )


def _names(ingredients: Mapping[str, Ingredient], names: Iterable[tuple[int, str, Name]]) -> dict[str, Name]:
    out = {key(text): Name((i.id,), "inn") for i in ingredients.values() for text in (i.id, i.name)}
    for line, text, name in names:
        k = key(text)
        if not k:
            raise TerminologyError(f"names.tsv:{line}: a name without a word")
        for i in name.ingredients:
            if i not in ingredients:
                raise TerminologyError(
                    f'names.tsv:{line}: "{text}" stands for {i}, which is not in ingredients.tsv'
                )
        known = out.setdefault(k, name)
        if set(known.ingredients) != set(name.ingredients):
            raise TerminologyError(
                f'names.tsv:{line}: "{text}" stands for {", ".join(name.ingredients)} here and for '
                f"{', '.join(known.ingredients)} elsewhere. Keep one, or make its kind ambiguous"
            )
        if name.route and not known.route:
            out[k] = name
    return out


def _starts(names: Mapping[str, Name]) -> dict[str, int]:
    out: dict[str, int] = {}
    for k in names:
        first, *more = k.split(" ")
        out[first] = max(out.get(first, 0), 1 + len(more))
    return out


def _products(ingredients: Mapping[str, Ingredient], products: Mapping[str, Product]) -> dict[str, Product]:
    out = dict(products)
    for code, product in products.items():
        for i in product.ingredients:
            if i not in ingredients:
                raise TerminologyError(f"products.tsv: {code} holds {i}, which is not in ingredients.tsv")
    for i in ingredients.values():
        codes = [f"unii|{i.unii}"] * bool(i.unii) + [f"atc|{a}" for a in i.atc]
        codes += [f"rxnorm|{i.rxcui}"] * bool(i.rxcui and i.verified)
        for code in codes:
            known = out.setdefault(code, Product((i.id,)))
            if known.ingredients != (i.id,):
                raise TerminologyError(
                    f"ingredients.tsv: {code} is bound to {i.id} and to {', '.join(known.ingredients)}"
                )
    return out


def _classes(
    ingredients: Mapping[str, Ingredient], classes: Sequence[IngredientClass]
) -> dict[str, IngredientClass]:
    direct = {c.id: c for c in classes}
    for c in classes:
        for m in c.sources:
            if m not in ingredients:
                raise TerminologyError(
                    f"class_members.tsv: {m}, a member of {c.id}, is not in ingredients.tsv"
                )
        for i in c.includes:
            if i not in direct:
                raise TerminologyError(f"classes.yaml: {c.id} includes {i}, which is not defined")

    def members(c: IngredientClass, above: tuple[str, ...]) -> frozenset[str]:
        if c.id in above:
            raise TerminologyError(f"classes.yaml: {c.id} includes itself")
        parts = (members(direct[i], (*above, c.id)) for i in c.includes)
        return frozenset(c.sources).union(*parts)

    return {c.id: replace(c, members=members(c, ())) for c in classes}


def _spellings(concepts: Sequence[Route] | Sequence[Form]) -> Iterable[tuple[str, str]]:
    for c in concepts:
        yield from ((code, c.id) for code in c.codes)
        yield from ((k, c.id) for k in dict.fromkeys(key(text) for text in (c.id, c.title, *c.spellings)))


def _once(what: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for k, v in pairs:
        if out.setdefault(k, v) != v:
            raise TerminologyError(f"{what} {k!r} belongs to {out[k]} and to {v}")
    return out


def _words(value_sets: Sequence[ValueSet]) -> dict[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """First word -> the sets it may mean, each with the other words that must be there."""
    out: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for v in value_sets:
        for phrase in v.words:
            first, *others = key(phrase).split(" ")
            out.setdefault(first, []).append((v.id, tuple(others)))
    return {first: tuple(sets) for first, sets in out.items()}


def _invert(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    out: dict[str, dict[str, None]] = {}
    for k, v in pairs:
        out.setdefault(k, {})[v] = None
    return {k: tuple(v) for k, v in out.items()}
