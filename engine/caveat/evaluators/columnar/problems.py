"""Conditions and allergies of a batch: what each is, and whether it holds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.arrays import Words, combined, field, lists, words
from caveat.evaluators.columnar.days import Days, days
from caveat.evaluators.columnar.orders import Coded, Written, codes_of
from caveat.facts.allergies import is_assertion_of_none, reactions_told
from caveat.facts.chart import Chart
from caveat.facts.clinical import Allergy
from caveat.facts.patient import Patient
from caveat.facts.problems_list import match, named
from caveat.terminology.concepts import ConditionMatch, Terminology
from caveat.terminology.resolver import Resolution, resolve_allergen
from caveat.truth import FALSE, TRUE, UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Ints
    from caveat.evaluators.columnar.catalogue import Catalogue

ACTIVE = ("active", "recurrence", "relapse")
OVER = ("inactive", "remission", "resolved")
UNSURE = ("unconfirmed", "provisional", "differential", "presumed")
REFUTED = ("refuted", "entered-in-error")

Named = tuple[Written, str | None]


class Concepts:
    """What coded or worded conditions and allergens mean, each looked up once."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self._chart = Chart(Patient.model_construct(id=""), terminology, as_of=1)
        self._conditions: dict[Named, ConditionMatch] = {}
        self._allergens: dict[Named, Resolution | None] = {}

    def condition(self, key: Named) -> ConditionMatch:
        """The value sets that a condition is in or may be in."""
        found = self._conditions.get(key)
        if found is None:
            if len(self._conditions) >= 100_000:
                self._conditions.clear()
            self._conditions[key] = found = match(self._chart, codes_of(key[0]), key[1])
        return found

    def allergen(self, key: Named) -> Resolution | None:
        """What an allergy is to; None for an assertion that there is none."""
        if key not in self._allergens:
            if len(self._allergens) >= 100_000:
                self._allergens.clear()
            codes, text = codes_of(key[0]), key[1]
            none = is_assertion_of_none(self._chart, Allergy.model_construct(codes=codes, text=text))
            self._allergens[key] = None if none else resolve_allergen(self.terminology, codes, text)
        return self._allergens[key]


class Listed:
    """Entries of a list column that are named by codes or text."""

    def __init__(self, column: pa.ListArray) -> None:
        self.lists = lists(column)
        self.items: Any = self.lists.items
        self._words: dict[str, Words] = {}
        self._coded = Coded(field(self.items, "codes"))
        self._text = self.words("text")
        self.concepts = combined(
            self.lists.count, (self._coded.codes, self._coded.width), (self._text.codes, self._text.width)
        )

    @property
    def rows(self) -> Ints:
        """The patient of each entry."""
        return self.lists.rows

    def words(self, name: str) -> Words:
        """A text field, its codes found once."""
        found = self._words.get(name)
        if found is None:
            found = self._words[name] = words(field(self.items, name))
        return found

    @cached_property
    def keys(self) -> list[Named]:
        """Codes and text of each distinct concept."""
        texts, first = self._text.texts(), self.concepts.first
        said = [texts[code] for code in self._text.codes[first].tolist()]
        return list(zip(self._coded.at(first), said, strict=True))

    @cached_property
    def names(self) -> list[str]:
        """Each distinct concept as recorded."""
        return [named(codes_of(codes), text) for codes, text in self.keys]

    @cached_property
    def refuted(self) -> Bools:
        """Entries that say that it is not so."""
        import numpy as np

        found = self.words("verification")
        table = np.array([text in REFUTED for text in found.texts()], np.bool_)
        held: Bools = table[found.codes]
        return held


class Conditions(Listed):
    """The conditions of a batch; see `caveat.facts.problems_list`."""

    def __init__(self, column: pa.ListArray, concepts: Concepts, as_of: int) -> None:
        super().__init__(column)
        self._concepts = concepts
        self.as_of = as_of

    @cached_property
    def matches(self) -> list[ConditionMatch]:
        """The value sets of each distinct concept."""
        return [self._concepts.condition(key) for key in self.keys]

    @cached_property
    def noted(self) -> Days:
        """When each was noted: its onset, else when it was recorded."""
        import numpy as np

        onset, recorded = days(field(self.items, "onset")), days(field(self.items, "recorded"))
        known = onset.known
        return Days.of(
            np.where(known, onset.first, recorded.first).astype(np.int32),
            np.where(known, onset.last, recorded.last).astype(np.int32),
        )

    @cached_property
    def future(self) -> Bools:
        """Entries, not refuted, that were noted after the day; they are not used."""
        found: Bools = ~self.refuted & self.noted.known & (self.noted.first > self.as_of)
        return found

    @cached_property
    def used(self) -> Bools:
        """Entries that count."""
        found: Bools = ~self.refuted & ~self.future
        return found

    @cached_property
    def unrecognised(self) -> Bools:
        """Entries that count and that no value set or terminology knows."""
        import numpy as np

        table = np.array([not m.recognised and not m.sets for m in self.matches], np.bool_)
        if not len(table):
            return np.zeros(0, np.bool_)
        found: Bools = table[self.concepts.codes] & self.used
        return found

    @cached_property
    def active(self) -> Any:
        """Whether each is active, as a truth."""
        import numpy as np

        status = self.words("clinical_status")
        table = [TRUE if t in ACTIVE else FALSE if t in OVER else UNKNOWN for t in status.texts()]
        found = np.array(table, np.int8)[status.codes]
        abatement = days(field(self.items, "abatement"))
        known = abatement.known
        vague = known & (status.codes < 0)
        found[vague] = UNKNOWN
        found[known & (abatement.first > self.as_of)] = TRUE
        found[known & (abatement.last < self.as_of)] = FALSE
        return found

    @cached_property
    def unsure(self) -> Bools:
        """Entries that are not confirmed."""
        import numpy as np

        found = self.words("verification")
        table = np.array([text in UNSURE for text in found.texts()], np.bool_)
        held: Bools = table[found.codes]
        return held

    def membership(self, sets: frozenset[str]) -> Any:
        """2 for concepts in one of the sets, 1 for those that may be, 0 for the others."""
        import numpy as np

        table = np.zeros(len(self.keys), np.int8)
        for name in sets:
            table[self._possible.get(name, [])] |= 1
        for name in sets:
            table[self._certain.get(name, [])] = 2
        return table

    @cached_property
    def _certain(self) -> dict[str, list[int]]:
        """The concepts that are in each value set."""
        found: dict[str, list[int]] = {}
        for place, held in enumerate(self.matches):
            for name in held.sets:
                found.setdefault(name, []).append(place)
        return found

    @cached_property
    def _possible(self) -> dict[str, list[int]]:
        """The concepts that may be in each value set."""
        found: dict[str, list[int]] = {}
        for place, held in enumerate(self.matches):
            for name in held.possible:
                found.setdefault(name, []).append(place)
        return found

    @cached_property
    def _by_concept(self) -> tuple[Any, Any]:
        """The entries in the order of their concepts, and where each concept begins."""
        import numpy as np

        codes = self.concepts.codes
        order = np.argsort(codes.astype(np.uint16) if self.concepts.count < 1 << 16 else codes, kind="stable")
        return order, np.searchsorted(codes[order], np.arange(self.concepts.count + 1))

    def among(self, sets: frozenset[str]) -> tuple[Any, Any]:
        """The entries whose concept is or may be in one of the sets, in order; and which it is (2 or 1)."""
        import numpy as np

        if not self.concepts.count:
            return np.zeros(0, np.int64), np.zeros(0, np.int8)
        table = self.membership(sets)
        order, bounds = self._by_concept
        parts = [order[bounds[code] : bounds[code + 1]] for code in np.flatnonzero(table).tolist()]
        at = np.sort(np.concatenate(parts)) if parts else order[:0]
        return at, table[self.concepts.codes[at]]


class Allergens:
    """The ingredients that distinct allergens stand for, by their numbers in the catalogue."""

    def __init__(self, each: list[tuple[str, ...]], catalogue: Catalogue) -> None:
        import numpy as np

        sets: dict[frozenset[str], int] = {}
        self._set = np.array([sets.setdefault(frozenset(names), len(sets)) for names in each], np.int32)
        self._held: Any = np.array([catalogue.among(names) for names in sets], np.bool_)
        some: Any = self._held.any(1) if len(each) else np.zeros(0, np.bool_)
        self.known: Bools = some[self._set]

    def holding(self, allergens: Any, names: Any) -> Bools:
        """Whether each of some allergens stands for an ingredient."""
        import numpy as np

        if not len(self._set):
            return np.zeros(0, np.bool_)
        found: Bools = self._held[self._set[allergens], names]
        return found

    def to_any(self, ingredients: Bools) -> Bools:
        """Which allergens stand for any of some ingredients."""
        some: Any = self._held[:, ingredients].any(1)
        found: Bools = some[self._set]
        return found


class Allergies(Listed):
    """The allergies of a batch; see `caveat.facts.allergies`."""

    def __init__(self, column: pa.ListArray, concepts: Concepts, catalogue: Catalogue) -> None:
        super().__init__(column)
        self._concepts = concepts
        self._catalogue = catalogue

    @cached_property
    def reacting(self) -> Bools:
        """Entries with a reaction, recorded or told in their text, and that there is none of place -1."""
        import numpy as np

        terminology = self._concepts.terminology
        texts = self._text.texts()
        told: Any = np.array([bool(reactions_told(terminology, text)) for text in texts], np.bool_)
        recorded = lists(field(self.items, "reactions")).lengths > 0
        found: Bools = np.append(recorded | told[self._text.codes], False)
        return found

    @cached_property
    def ingredients(self) -> Allergens:
        """The ingredients that each distinct allergen stands for."""
        return Allergens(
            [() if one is None else one.ingredients for one in self.resolutions], self._catalogue
        )

    def to_any(self, ingredients: Bools) -> Any:
        """The entries, not refuted, whose allergen stands for any of some ingredients, in order."""
        import numpy as np

        if not self.lists.count:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.ingredients.to_any(ingredients)[self.concepts.codes] & ~self.refuted)

    @cached_property
    def resolutions(self) -> list[Resolution | None]:
        """What each distinct allergen is."""
        return [self._concepts.allergen(key) for key in self.keys]

    @cached_property
    def unrecognised(self) -> Bools:
        """Entries, not refuted, whose allergen is not recognised."""
        import numpy as np

        table = np.array([r is not None and bool(r.unrecognised) for r in self.resolutions], np.bool_)
        if not len(table):
            return np.zeros(0, np.bool_)
        found: Bools = table[self.concepts.codes] & ~self.refuted
        return found
