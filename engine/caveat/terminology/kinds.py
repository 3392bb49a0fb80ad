"""The kinds of concept: ingredients, classes, value sets, observations, routes, forms."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A substance, or by its `kind` another thing that a record lists among medicines or allergens.

    `rxcui` answers to a record's code only where `verified`. An allergen is recognised as what an allergy
    is to and never as a medicine.
    """

    id: str
    name: str
    rxcui: str = ""
    atc: tuple[str, ...] = ()
    unii: str = ""
    verified: bool = True
    source: str = ""
    kind: str = "medicine"

    @property
    def agreed(self) -> bool:
        """Whether two sources name the substance; a row that only one names is flagged."""
        return bool(self.unii) + sum(name != "fda-unii" for name in self.source.split("+") if name) > 1


@dataclass(frozen=True, slots=True)
class IngredientClass:
    """`members` are explicit, those of `includes` too; `sources` says why each direct member is one.

    `labels` and `codes` (`system|code`) are what an allergy to the whole class is recorded as.
    """

    id: str
    title: str
    definition: str
    members: frozenset[str]
    includes: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Conditions that count as one: ICD-10-CM by root, SNOMED CT by enumeration, texts by exact label.

    `words` (one or several that must all be there) make an uncoded text, or a SNOMED CT code outside the
    enumeration, possibly one of these, unless the code is in `not_snomed`: reviewed, and not a member.
    `within` names wider value sets: whatever is in this one, or may be, is in them too, or may be. A text of
    `may_be` and a code of `may_be_snomed` leave it open whether it is one of these, even where the text is
    the exact label, or the code a member, of another value set.
    """

    id: str
    title: str
    kind: str
    icd10cm: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()
    not_snomed: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    may_be: tuple[str, ...] = ()
    may_be_snomed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservationConcept:
    """A measured or answered fact. A value outside `possible` is an error, one outside `plausible` a note.

    Ranges are in `unit` (UCUM); `None` is unbounded. `analyte` is the substance for mass to molar conversion.
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
    """What a name stands for. `kind` ambiguous: one of the ingredients, not all of them.

    `kind` allergen: what an allergy is to; not a name in the text of a medicine.
    """

    ingredients: tuple[str, ...]
    kind: str
    route: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What a product code stands for; of a combination product with the strength of each ingredient."""

    ingredients: tuple[str, ...]
    route: str = ""
    form: str = ""
    shares: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ConditionMatch:
    """Value sets a recorded condition is in (`sets`), or may be in (`possible`).

    `recognised` is False when neither a bound code nor an exact label was understood: absence of a set
    then says nothing.
    """

    sets: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    recognised: bool = False
