"""Concepts turned into the tables a Terminology looks things up in, with every contradiction refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from caveat.terminology.concepts import Tables
from caveat.terminology.kinds import Form, IngredientClass, ObservationConcept, Route, ValueSet
from caveat.terminology.problems import TerminologyError
from caveat.terminology.text import key
from caveat.terminology.wider import wider_sets

Row = Sequence[str]


def build_tables(
    *,
    digest: str,
    ingredients: Mapping[str, Row],
    names: Iterable[tuple[int, Row]],
    products: Iterable[tuple[int, Row]],
    classes: Sequence[IngredientClass],
    value_sets: Sequence[ValueSet],
    observations: Sequence[ObservationConcept],
    routes: Sequence[Route],
    forms: Sequence[Form],
    noise: Mapping[str, str],
) -> Tables:
    """The indexed tables; TerminologyError names the file and the concept that cannot hold."""
    named = _names(ingredients, names)
    class_names = _invert(
        (k, c.id) for c in classes for k in dict.fromkeys((*map(key, (c.title, *c.labels)), *c.codes))
    )
    words_of = {key(word): kind for word, kind in noise.items()}
    members = _members(ingredients, classes)
    of: dict[str, list[str]] = {}
    for c in classes:
        for m in members[c.id]:
            of.setdefault(m, []).append(c.id)
    route_ids = {r.id for r in routes}
    for f in forms:
        if f.route and f.route not in route_ids:
            raise TerminologyError(
                f"forms.yaml: {f.id} implies the route {f.route}, which routes.yaml does not have"
            )
    return Tables(
        digest=digest,
        ingredients={i: "\t".join(row) for i, row in ingredients.items()},
        names=named,
        starts=_starts(named),
        products=_products(ingredients, products),
        noise=words_of,
        classes={
            c.id: {
                "about": [c.title, c.definition],
                "includes": list(c.includes),
                "direct": list(c.sources),
                "sources": list(c.sources.values()),
                "labels": list(c.labels),
                "codes": list(c.codes),
            }
            for c in classes
        },
        class_members=members,
        classes_of=of,
        value_sets={
            v.id: {
                "about": [v.title, v.kind],
                "icd10cm": list(v.icd10cm),
                "excluded": list(v.excluded),
                "snomed": list(v.snomed),
                "not_snomed": list(v.not_snomed),
                "labels": list(v.labels),
                "words": list(v.words),
                "within": list(v.within),
                "may_be": list(v.may_be),
                "may_be_snomed": list(v.may_be_snomed),
            }
            for v in value_sets
        },
        within=wider_sets(value_sets),
        may_be=_invert(
            (k, v.id)
            for v in value_sets
            for k in (*map(key, v.may_be), *(f"snomed|{c}" for c in v.may_be_snomed))
        ),
        observations={o.id: _observation(o) for o in observations},
        routes={r.id: [r.title, "\t".join(r.codes), "\t".join(r.spellings)] for r in routes},
        forms={f.id: [f.title, f.route, "\t".join(f.codes), "\t".join(f.spellings)] for f in forms},
        loinc=_once("observations.yaml: LOINC", ((code, o.id) for o in observations for code in o.loinc)),
        snomed=_invert((code, v.id) for v in value_sets for code in v.snomed),
        not_snomed=_invert((code, v.id) for v in value_sets for code in v.not_snomed),
        icd_roots=_invert((_bare(r), v.id) for v in value_sets for r in v.icd10cm),
        icd_excluded=_invert((_bare(r), v.id) for v in value_sets for r in v.excluded),
        icd_broader=_invert(
            (_bare(r)[:n], v.id) for v in value_sets for r in v.icd10cm for n in range(3, len(_bare(r)))
        ),
        labels=_invert(("condition " + key(text), v.id) for v in value_sets for text in (v.title, *v.labels))
        | _once("observations.yaml: label", _observation_labels(observations)),
        words=_words(value_sets),
        route_spellings=_once("routes.yaml: spelling", _spellings(routes)),
        form_spellings=_once("forms.yaml: spelling", _spellings(forms)),
        class_names=class_names,
        class_starts=_starts(k for k in class_names if "|" not in k),
        phrases=_starts(words_of),
    )


def _names(ingredients: Mapping[str, Row], names: Iterable[tuple[int, Row]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for i, row in ingredients.items():
        meaning = f"{i}\tallergen" if list(row[6:]) == ["allergen"] else i
        for k in {key(i), key(row[0])}:
            if out.setdefault(k, meaning) != meaning:
                owner = out[k].partition("\t")[0]
                raise TerminologyError(f'ingredients.tsv: the name "{k}" belongs to {owner} and to {i}')
    for line, (text, ids, kind, route, _) in names:
        k = key(text)
        if not k:
            raise TerminologyError(f"names.tsv:{line}: a name without a word")
        for i in ids.split("|"):
            if i not in ingredients:
                raise TerminologyError(
                    f'names.tsv:{line}: "{text}" stands for {i}, which is not in ingredients.tsv'
                )
        meaning = f"{ids}\t{kind}\t{route}" if route else f"{ids}\t{kind}"
        known = out.get(k)
        if known is not None and known.partition("\t")[0] != ids:
            elsewhere = known.partition("\t")[0]
            raise TerminologyError(
                f'names.tsv:{line}: "{text}" stands for {ids} here and for {elsewhere} elsewhere. '
                "Keep one, or make its kind ambiguous"
            )
        if known is None or route:
            out[k] = meaning
    return out


def _starts(names: Iterable[str]) -> dict[str, int]:
    """First word -> words of the longest name it begins, where that is more than one."""
    out: dict[str, int] = {}
    for k in names:
        first, *more = k.split(" ")
        if more:
            out[first] = max(out.get(first, 0), 1 + len(more))
    return out


def _products(ingredients: Mapping[str, Row], products: Iterable[tuple[int, Row]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for line, (system, code, ids, route, form, label, _) in products:
        for i in ids.split("|"):
            if i not in ingredients:
                raise TerminologyError(
                    f"products.tsv:{line}: {code} holds {i}, which is not in ingredients.tsv"
                )
        meaning = f"{ids}\t{route}\t{form}" if route or form else ids
        if "|" in ids:  # the strengths of a combination are read from its label
            meaning = f"{ids}\t{route}\t{form}\t{label}"
        if out.setdefault(f"{system}|{code}", meaning) != meaning:
            raise TerminologyError(f"products.tsv:{line}: {system} code {code} is there twice")
    for i, (_, rxcui, atc, unii, verified, *_) in ingredients.items():
        codes = [f"atc|{a}" for a in atc.split("|") if a]
        if unii:
            codes.append(f"unii|{unii}")
        if rxcui and verified == "yes":
            codes.append(f"rxnorm|{rxcui}")
        for code in codes:
            if out.setdefault(code, i) != i:
                raise TerminologyError(f"ingredients.tsv: {code} is bound to {i} and to {out[code]}")
    return out


def _members(ingredients: Mapping[str, Row], classes: Sequence[IngredientClass]) -> dict[str, list[str]]:
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

    def members(c: IngredientClass, above: tuple[str, ...]) -> set[str]:
        if c.id in above:
            raise TerminologyError(f"classes.yaml: {c.id} includes itself")
        return set(c.sources).union(*(members(direct[i], (*above, c.id)) for i in c.includes))

    return {c.id: sorted(members(c, ())) for c in classes}


def _observation(o: ObservationConcept) -> dict[str, list[str]]:
    return {
        "about": [o.title, o.kind, o.unit, o.analyte],
        "loinc": list(o.loinc),
        "displays": list(o.loinc.values()),
        "plausible": ["" if x is None else repr(x) for x in o.plausible],
        "possible": ["" if x is None else repr(x) for x in o.possible],
        "labels": list(o.labels),
    }


def _observation_labels(observations: Sequence[ObservationConcept]) -> Iterable[tuple[str, str]]:
    for o in observations:
        for k in dict.fromkeys(key(text) for text in (o.id, o.title, *o.labels, *o.loinc.values())):
            yield f"observation {k}", o.id


def _words(value_sets: Sequence[ValueSet]) -> dict[str, list[str]]:
    """First word -> the sets it may mean, each followed by the other words that must be there."""
    out: dict[str, list[str]] = {}
    for v in value_sets:
        for phrase in v.words:
            first, *others = key(phrase).split(" ")
            out.setdefault(first, []).append(" ".join([v.id, *others]))
    return out


def _spellings(concepts: Sequence[Route] | Sequence[Form]) -> Iterable[tuple[str, str]]:
    for c in concepts:
        yield from ((code, c.id) for code in c.codes)
        yield from ((k, c.id) for k in dict.fromkeys(key(text) for text in (c.id, c.title, *c.spellings)))


def _bare(code: str) -> str:
    return code.replace(".", "")


def _once(what: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for k, v in pairs:
        if out.setdefault(k, v) != v:
            raise TerminologyError(f"{what} {k!r} belongs to {out[k]} and to {v}")
    return out


def _invert(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, dict[str, None]] = {}
    for k, v in pairs:
        out.setdefault(k, {})[v] = None
    return {k: "|".join(v) for k, v in out.items()}
