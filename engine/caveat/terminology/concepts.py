"""The vocabulary rules are written in, indexed: ingredients, classes, routes, forms, value sets, observations."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from caveat.terminology.codes import Code
from caveat.terminology.text import key, words

Kind = Literal["ingredient", "class", "value_set", "observation", "route", "form"]
_T = TypeVar("_T")
_MEMO_LIMIT: Final = 8_192
_UNCODED: Final = frozenset({"icd10cm", "icd10"})


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A substance. `rxcui` answers to a record's code only where `verified`."""

    id: str
    name: str
    rxcui: str = ""
    atc: tuple[str, ...] = ()
    unii: str = ""
    verified: bool = True
    source: str = ""


@dataclass(frozen=True, slots=True)
class IngredientClass:
    """`members` are explicit, those of `includes` among them; `sources` says why each direct member is one."""

    id: str
    title: str
    definition: str
    members: frozenset[str]
    includes: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Conditions that count as one: ICD-10-CM by root, SNOMED CT by enumeration, texts by exact label.

    `words` (one or several that must all be there) make an uncoded text, or a SNOMED CT code outside the
    enumeration, possibly one of these, unless the code is in `not_snomed`: reviewed, and not a member.
    """

    id: str
    title: str
    kind: str
    icd10cm: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    snomed: dict[str, str] = field(default_factory=dict)
    not_snomed: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservationConcept:
    """A measured or answered fact. A value outside `possible` is an error, one outside `plausible` a note.

    Ranges are in `unit` (UCUM); `None` is unbounded. `analyte` names the substance for mass to molar conversion.
    """

    id: str
    title: str
    kind: str
    unit: str
    loinc: dict[str, str] = field(default_factory=dict)
    analyte: str = ""
    plausible: tuple[float | None, float | None] = (None, None)
    possible: tuple[float | None, float | None] = (None, None)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A way into the body, with its SNOMED CT and other codes (`system|code`) and spellings."""

    id: str
    title: str
    codes: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A dose form. `route` is the route it leaves no doubt about, else empty (an injection has none)."""

    id: str
    title: str
    route: str = ""
    codes: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """What a name stands for. `kind` ambiguous: one of the ingredients, not all of them."""

    ingredients: tuple[str, ...]
    kind: str
    route: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What a product code stands for."""

    ingredients: tuple[str, ...]
    route: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class ConditionMatch:
    """Value sets a recorded condition is in (`sets`), or may be in (`possible`).

    `recognised` is False when neither a bound code nor an exact label was understood: absence of a set
    then says nothing.
    """

    sets: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    recognised: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything a Terminology holds, ready to be written as JSON."""

    digest: str = ""
    ingredients: dict[str, Ingredient] = field(default_factory=dict)
    classes: dict[str, IngredientClass] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    observations: dict[str, ObservationConcept] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    noise: dict[str, str] = field(default_factory=dict)
    ingredient_classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loinc: dict[str, str] = field(default_factory=dict)
    snomed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_snomed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    icd_roots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    icd_excluded: dict[str, tuple[str, ...]] = field(default_factory=dict)
    icd_broader: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    words: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(default_factory=dict)
    route_spellings: dict[str, str] = field(default_factory=dict)
    form_spellings: dict[str, str] = field(default_factory=dict)


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

    def ingredient(self, id: str) -> Ingredient:
        """The ingredient; KeyError when there is none."""
        return self.tables.ingredients[id]

    def ingredient_class(self, id: str) -> IngredientClass:
        """The class; KeyError when there is none."""
        return self.tables.classes[id]

    def class_members(self, id: str) -> frozenset[str]:
        """Ingredient ids in the class and in the classes it includes; KeyError when there is none."""
        return self.tables.classes[id].members

    def classes_of(self, ingredient_id: str) -> frozenset[str]:
        """Every class with the ingredient among its members; empty for an ingredient in none."""
        return frozenset(self.tables.ingredient_classes.get(ingredient_id, ()))

    def value_set(self, id: str) -> ValueSet:
        """The value set; KeyError when there is none."""
        return self.tables.value_sets[id]

    def observation(self, id: str) -> ObservationConcept:
        """The observation concept; KeyError when there is none."""
        return self.tables.observations[id]

    def observation_for(self, code: Code) -> str | None:
        """The observation id a LOINC code stands for; None for an unbound code or another system."""
        return self.tables.loinc.get(code.code.strip()) if code.system == "loinc" else None

    def observation_named(self, text: str) -> str | None:
        """The observation id a text names exactly, such as a CSV column or a coded answer's display."""
        return self.tables.labels.get("observation " + key(text), (None,))[0]

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

    def product(self, system: str, code: str) -> Product | None:
        """Ingredients, route and form of an ingredient or product code; None when it is not bound."""
        return self.tables.products.get(f"{system}|{code.strip()}")

    def condition_sets(self, code: Code | None, text: str = "") -> ConditionMatch:
        """Which value sets a recorded condition is in, or may be in.

        ICD-10-CM and ICD-10 codes count by root; a category above a root may be in it. A SNOMED CT code
        counts when enumerated; otherwise the words of its display and text make it possible, so that a
        descendant missing from the enumeration is UNKNOWN and never absent. Codes of other systems and
        plain texts count by exact label, else are possible by their words. Words do not read negation or
        family history: those texts are possible too.
        """
        return self.remember(("condition", code, text), lambda: self._condition_sets(code, text))

    def _condition_sets(self, code: Code | None, text: str) -> ConditionMatch:
        t = self.tables
        if code and code.system in _UNCODED:
            bare = code.code.strip().upper().replace(".", "")
            if _is_icd(bare):
                heads = [bare[:i] for i in range(3, len(bare) + 1)]
                sets = {s for h in heads for s in t.icd_roots.get(h, ())}
                sets -= {s for h in heads for s in t.icd_excluded.get(h, ())}
                return ConditionMatch(frozenset(sets), frozenset(t.icd_broader.get(bare, ())) - sets, True)
        texts = tuple(dict.fromkeys(x for x in (text, code.display if code else "") if x))
        if code and code.system == "snomed":
            bare = code.code.strip()
            sets = set(t.snomed.get(bare, ()))
            reviewed = set(t.not_snomed.get(bare, ()))
            if sets:
                return ConditionMatch(frozenset(sets), frozenset(), True)
            labelled = {s for x in texts for s in t.labels.get("condition " + key(x), ())}
            possible = (self._possible(texts) | labelled) - reviewed
            return ConditionMatch(frozenset(), frozenset(possible), bool(texts or reviewed))
        sets = {s for x in texts for s in t.labels.get("condition " + key(x), ())}
        if sets:
            return ConditionMatch(frozenset(sets), frozenset(), True)
        return ConditionMatch(frozenset(), self._possible(texts), False)

    def _possible(self, texts: tuple[str, ...]) -> frozenset[str]:
        found: set[str] = set()
        for text in texts:
            there = set(words(text))
            for w in there:
                for value_set, others in self.tables.words.get(w, ()):
                    if there.issuperset(others):
                        found.add(value_set)
        return frozenset(found)

    def suggest(self, kind: Kind, name: str) -> list[str]:
        """Up to three ids close to a name that is none, for an error message; names resolve to their ids."""
        from difflib import get_close_matches

        t = self.tables
        ids: dict[Kind, dict[str, str]] = {
            "ingredient": {k: v.ingredients[0] for k, v in t.names.items()} | {i: i for i in t.ingredients},
            "class": {i: i for i in t.classes},
            "value_set": {i: i for i in t.value_sets} | {v.title.lower(): i for i, v in t.value_sets.items()},
            "observation": {i: i for i in t.observations},
            "route": t.route_spellings | {i: i for i in t.routes},
            "form": t.form_spellings | {i: i for i in t.forms},
        }
        close = get_close_matches(name.lower().strip(), ids[kind], n=6, cutoff=0.6)
        return list(dict.fromkeys(ids[kind][c] for c in close))[:3]


def _is_icd(bare: str) -> bool:
    return (
        3 <= len(bare) <= 8 and bare.isalnum() and bare.isascii() and bare[0].isalpha() and bare[1].isdigit()
    )
