"""The vocabulary rules are written in, indexed for lookups from a record's codes and texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from caveat.terminology.codes import Code
from caveat.terminology.kinds import (
    ConditionMatch,
    Form,
    Ingredient,
    IngredientClass,
    Name,
    ObservationConcept,
    Product,
    Route,
    ValueSet,
)
from caveat.terminology.text import LIMIT, is_cut, key, words
from caveat.terminology.wording import is_doubted, labels_in

__all__ = [
    "ConditionMatch",
    "Form",
    "Ingredient",
    "IngredientClass",
    "Kind",
    "Name",
    "ObservationConcept",
    "Product",
    "Route",
    "Tables",
    "Terminology",
    "ValueSet",
]

Kind = Literal["ingredient", "class", "value_set", "observation", "route", "form"]
_T = TypeVar("_T")
_MEMO_LIMIT: Final = 8_192
_TAG: Final = re.compile(r"\s*\((?:disorder|finding|situation|event|procedure|regime/therapy)\)\s*$")
_ICD: Final = frozenset({"icd10cm", "icd10"})
_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything a Terminology holds, as texts: read from JSON in one step, taken apart on use.

    Cells of a text are parted by tabs, lists within a cell by bars. Keys of `products`, `routes`, `forms`
    and `class_names` are `system|code` or the key of a spelling, of `labels` the kind and the key of a label.
    `starts`, `class_starts` and `phrases` give the words of the longest name, class name and word that is no
    substance by their first word, where it is more than one. `within` gives every wider set of a value set,
    `may_be` the sets that the key of a text or a SNOMED CT code (`snomed|code`) leaves open.
    """

    digest: str = ""
    ingredients: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    noise: dict[str, str] = field(default_factory=dict)
    classes: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    class_members: dict[str, list[str]] = field(default_factory=dict)
    classes_of: dict[str, list[str]] = field(default_factory=dict)
    value_sets: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    observations: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    routes: dict[str, list[str]] = field(default_factory=dict)
    forms: dict[str, list[str]] = field(default_factory=dict)
    loinc: dict[str, str] = field(default_factory=dict)
    snomed: dict[str, str] = field(default_factory=dict)
    not_snomed: dict[str, str] = field(default_factory=dict)
    icd_roots: dict[str, str] = field(default_factory=dict)
    icd_excluded: dict[str, str] = field(default_factory=dict)
    icd_broader: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    within: dict[str, list[str]] = field(default_factory=dict)
    may_be: dict[str, str] = field(default_factory=dict)
    route_spellings: dict[str, str] = field(default_factory=dict)
    form_spellings: dict[str, str] = field(default_factory=dict)
    class_names: dict[str, str] = field(default_factory=dict)
    class_starts: dict[str, int] = field(default_factory=dict)
    phrases: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Terminology:
    """Every concept by id, and every lookup from a record's codes and texts. Never changes once loaded."""

    tables: Tables
    _memo: dict[Hashable, object] = field(default_factory=dict)

    def remember(self, what: Hashable, build: Callable[[], _T]) -> _T:
        """`build()`, computed once per `what`; the memory is emptied when full."""
        found = self._memo.get(what)
        if found is None:
            found = build()
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[what] = found
        return found  # type: ignore[return-value]

    @property
    def digest(self) -> str:
        """SHA-256 over the files this was loaded from."""
        return self.tables.digest

    def ids(self, kind: Kind) -> frozenset[str]:
        """Every id of a kind."""
        t = self.tables
        found: dict[Kind, frozenset[str]] = {
            "ingredient": frozenset(t.ingredients),
            "class": frozenset(t.classes),
            "value_set": frozenset(t.value_sets),
            "observation": frozenset(t.observations),
            "route": frozenset(t.routes),
            "form": frozenset(t.forms),
        }
        return found[kind]

    def ingredient(self, id: str) -> Ingredient:
        """The ingredient; KeyError when there is none."""
        name, rxcui, atc, unii, verified, source, *kind = self.tables.ingredients[id].split("\t")
        return Ingredient(id, name, rxcui, _bars(atc), unii, verified == "yes", source, *kind)

    def ingredient_class(self, id: str) -> IngredientClass:
        """The class; KeyError when there is none."""
        c = self.tables.classes[id]
        sources = dict(zip(c["direct"], c["sources"], strict=True))
        title, definition = c["about"]
        return IngredientClass(
            id,
            title,
            definition,
            self.class_members(id),
            tuple(c["includes"]),
            sources,
            tuple(c["labels"]),
            tuple(c["codes"]),
        )

    def class_members(self, id: str) -> frozenset[str]:
        """Ingredient ids in the class and in the classes it includes; KeyError when there is none."""
        return self.remember(("members", id), lambda: frozenset(self.tables.class_members[id]))

    def classes_of(self, ingredient_id: str) -> frozenset[str]:
        """Every class with the ingredient among its members; empty for an ingredient in none."""
        return frozenset(self.tables.classes_of.get(ingredient_id, ()))

    def value_set(self, id: str) -> ValueSet:
        """The value set; KeyError when there is none."""
        v = self.tables.value_sets[id]
        title, kind = v["about"]
        return ValueSet(id, title, kind, **{name: tuple(cell) for name, cell in v.items() if name != "about"})

    def observation(self, id: str) -> ObservationConcept:
        """The observation concept; KeyError when there is none."""
        o = self.tables.observations[id]
        title, kind, unit, analyte = o["about"]
        ranges = [float(x) if x else None for x in (*o["plausible"], *o["possible"])]
        return ObservationConcept(
            id,
            title,
            kind,
            unit,
            dict(zip(o["loinc"], o["displays"], strict=True)),
            analyte,
            (ranges[0], ranges[1]),
            (ranges[2], ranges[3]),
            tuple(o["labels"]),
        )

    def observation_for(self, code: Code) -> str | None:
        """The observation id a LOINC code stands for; None for an unbound code or another system."""
        return self.tables.loinc.get(code.code.strip()) if code.system == "loinc" else None

    def observation_named(self, text: str) -> str | None:
        """The observation id a text names exactly, such as a CSV column; None when it names none."""
        return self.tables.labels.get("observation " + key(text))

    def route_concept(self, id: str) -> Route:
        """The route; KeyError when there is none."""
        title, codes, spellings = self.tables.routes[id]
        return Route(id, title, _bars(codes, "\t"), _bars(spellings, "\t"))

    def form_concept(self, id: str) -> Form:
        """The form; KeyError when there is none."""
        title, route, codes, spellings = self.tables.forms[id]
        return Form(id, title, route, _bars(codes, "\t"), _bars(spellings, "\t"))

    def route(self, what: str | Code) -> str | None:
        """The route id of a spelling or a code; a code that is not bound falls to its display."""
        return self._spelt(what, self.tables.route_spellings)

    def form(self, what: str | Code) -> str | None:
        """The form id of a spelling or a code; a code that is not bound falls to its display."""
        return self._spelt(what, self.tables.form_spellings)

    def _spelt(self, what: str | Code, spellings: dict[str, str]) -> str | None:
        if isinstance(what, str):
            return spellings.get(key(what))
        found = spellings.get(f"{what.system}|{what.code.strip()}")
        return found or spellings.get(key(what.display)) or spellings.get(key(what.code))

    def name(self, text_key: str) -> Name | None:
        """What a name means, by its `key`; None when it is no name."""
        found = self.tables.names.get(text_key)
        if found is None:
            return None
        ids, _, rest = found.partition("\t")
        kind, _, route = rest.partition("\t")
        return Name(_bars(ids), kind or "inn", route)

    def classes_named(self, text_key: str) -> tuple[str, ...]:
        """The classes a text (by its `key`) or a code (`system|code`) names; empty when it names none."""
        return _bars(self.tables.class_names.get(text_key, ""))

    def product(self, system: str, code: str) -> Product | None:
        """Ingredients, route and form of an ingredient or product code; None when it is not bound."""
        found = self.tables.products.get(f"{system}|{code.strip()}")
        if found is None:
            return None
        ids, route, form, shares = (*found.split("\t"), "", "", "")[:4]
        return Product(_bars(ids), route, form, shares_of(shares))

    def condition_sets(self, code: Code | None, text: str = "") -> ConditionMatch:
        """Which value sets a recorded condition is in, or may be in.

        ICD-10-CM and ICD-10 codes count by root; a category above a root may be in it. A SNOMED CT code
        counts when enumerated, else by the label its display or text is; other words make it possible, so
        that a descendant missing from the enumeration is UNKNOWN and never absent, unless the code was
        reviewed and taken out. Codes of other systems and plain texts count by their label, alone or beside
        words that change nothing ("COPD GOLD III"), else are possible by their words. Words do not read
        negation or family history: such texts are possible too, as is one with a question mark. What is in a
        set, or may be, is in every set that it lies within, or may be. A text beyond what is read makes
        every set possible.
        """
        if is_cut(text) or (code and is_cut(code.display)):
            return self._cut_condition(code, text)
        return self.remember(("condition", code, text), lambda: self._condition_sets(code, text))

    def _cut_condition(self, code: Code | None, text: str) -> ConditionMatch:
        """A text too long to be read may name any condition."""
        short = code and Code(code.system, code.code, code.display[:LIMIT])
        found = self._condition_sets(short, text[:LIMIT])
        if code and code.system in _ICD and found.recognised:
            return found
        diseases = {i for i, v in self.tables.value_sets.items() if v["about"][1] != "assertion"}
        return ConditionMatch(found.sets, frozenset(diseases) - found.sets, False)

    def _condition_sets(self, code: Code | None, text: str) -> ConditionMatch:
        t = self.tables
        if code and code.system in _ICD:
            bare = code.code.strip().upper().replace(".", "")
            if _is_icd(bare):
                heads = [bare[:i] for i in range(3, len(bare) + 1)]
                sets = {s for h in heads for s in _bars(t.icd_roots.get(h, ""))}
                sets.difference_update(s for h in heads for s in _bars(t.icd_excluded.get(h, "")))
                return self._match(sets, _bars(t.icd_broader.get(bare, "")), True)
        texts = tuple(dict.fromkeys(_TAG.sub("", x) for x in (text, code.display if code else "") if x))
        labelled = {s for x in texts if not is_doubted(x) for s in self._label(key(x))}
        worded = labelled | {s for x in texts for s in labels_in(x, self._label, t.names.__contains__)}
        if code and code.system == "snomed":
            bare = code.code.strip()
            sets = set(_bars(t.snomed.get(bare, "")))
            if sets:
                return self._match(sets, _bars(t.may_be.get(f"snomed|{bare}", "")), True)
            reviewed = frozenset(_bars(t.not_snomed.get(bare, "")))
            return self._match(worded, self._possible(texts), bool(texts or reviewed), reviewed)
        open_sets = {s for x in texts for s in _bars(t.may_be.get(key(x), ""))}
        if labelled:
            return self._match(worded, open_sets, True)
        return self._match(worded, self._possible(texts) | open_sets, bool(worded))

    def _match(
        self, sets: Iterable[str], possible: Iterable[str], recognised: bool, never: frozenset[str] = _NONE
    ) -> ConditionMatch:
        """The sets with all that they lie within, none of which is in `never`."""
        certain = self._widened(sets) - never
        return ConditionMatch(certain, self._widened(possible) - certain - never, recognised)

    def _widened(self, sets: Iterable[str]) -> frozenset[str]:
        within = self.tables.within
        return frozenset(wider for s in sets for wider in (s, *within.get(s, ())))

    def _label(self, text_key: str) -> tuple[str, ...]:
        return _bars(self.tables.labels.get("condition " + text_key, ""))

    def _possible(self, texts: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        for text in texts:
            there = set(words(text))
            for w in there:
                for entry in self.tables.words.get(w, ()):
                    value_set, *others = entry.split(" ")
                    if there.issuperset(others):
                        found.add(value_set)
        return found

    def suggest(self, kind: Kind, name: str) -> list[str]:
        """Up to three ids close to a name that is none, for an error message; names resolve to their ids."""
        from difflib import get_close_matches

        t = self.tables
        spelt: dict[str, str] = {i: i for i in self.ids(kind)}
        if kind == "ingredient":
            spelt |= {k: ids for k, v in t.names.items() if "|" not in (ids := v.partition("\t")[0])}
        elif kind == "route":
            spelt |= {k: v for k, v in t.route_spellings.items() if "|" not in k}
        elif kind == "form":
            spelt |= {k: v for k, v in t.form_spellings.items() if "|" not in k}
        elif kind in {"value_set", "observation"}:
            label = "condition " if kind == "value_set" else "observation "
            spelt |= {
                k.removeprefix(label): v for k, v in t.labels.items() if k.startswith(label) and "|" not in v
            }
        close = get_close_matches(name.lower().strip(), spelt, n=8, cutoff=0.6)
        return list(dict.fromkeys(spelt[c] for c in close))[:3]


def shares_of(cell: str) -> tuple[tuple[str, str], ...]:
    """Pairs of ingredient and strength from the cell that holds them: `oxycodone=5 mg|paracetamol=325 mg`."""
    return tuple((name, strength) for name, _, strength in (one.partition("=") for one in _bars(cell)))


def _bars(cell: str, mark: str = "|") -> tuple[str, ...]:
    return tuple(cell.split(mark)) if cell else ()


def _is_icd(bare: str) -> bool:
    return (
        3 <= len(bare) <= 8 and bare.isascii() and bare.isalnum() and bare[0].isalpha() and bare[1].isdigit()
    )
