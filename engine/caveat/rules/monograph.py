"""What a ruleset knows about a substance besides its rules: products, kinetics, advice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from caveat.rules.expression import Strict


class Stated(Strict):
    """Something the source says: the ledger's statement, the source's section, the fact in our words."""

    statement: str
    says: str
    note: str | None = None


class Product(Strict):
    """A form with its strengths, each a quantity in one unit or volume."""

    statement: str
    form: str
    route: str
    strengths: Annotated[tuple[str, ...], Field(min_length=1)]
    note: str | None = None


class Indication(Strict):
    """A use, by the value set that recognises it in an order."""

    statement: str
    value_set: str
    label: Literal["labelled", "used", "off-label"]
    says: str


class Kinetic(Strict):
    """One pharmacokinetic figure; a range has `low` and `high` in `unit`."""

    statement: str
    name: str
    low: float | int
    high: float | int
    unit: str
    note: str | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Kinetic:
        if self.high < self.low:
            raise ValueError(f"high {self.high} is below low {self.low}; write the lower number first")
        return self


class AdverseReaction(Strict):
    """A reaction by value set; `low` and `high` are percent of patients, None where none is stated."""

    statement: str
    value_set: str
    seriousness: Literal["common", "serious"]
    low: float | int | None = None
    high: float | int | None = None
    note: str | None = None


class Authorisation(Strict):
    """An authority that has approved the substance."""

    statement: str
    authority: str
    year: int | None = None


class Classification(Strict):
    """A class or code of the substance."""

    statement: str
    system: str
    code: str | None = None
    name: str


class Monograph(Strict):
    """One substance, from one source."""

    format: Literal[1]
    ingredient: str
    source: str
    checked: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    brands: tuple[str, ...] = ()
    classification: tuple[Classification, ...]
    indications: tuple[Indication, ...]
    products: tuple[Product, ...]
    kinetics: tuple[Kinetic, ...]
    dynamics: tuple[Stated, ...]
    adverse_reactions: tuple[AdverseReaction, ...]
    monitoring: tuple[Stated, ...]
    advice: tuple[Stated, ...]
    storage: tuple[Stated, ...]
    authorisations: tuple[Authorisation, ...]

    def statements(self) -> frozenset[str]:
        """Every statement of the ledger that some entry carries."""
        parts = (
            self.classification,
            self.indications,
            self.products,
            self.kinetics,
            self.dynamics,
            self.adverse_reactions,
            self.monitoring,
            self.advice,
            self.storage,
            self.authorisations,
        )
        return frozenset(entry.statement for part in parts for entry in part)
