"""What does not fit the schema, said so that it can be mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from caveat.columns import schema
from caveat.columns.build import DATES
from caveat.errors import InputError
from caveat.facts.strict import SYNONYMS


@dataclass(frozen=True, slots=True)
class Misfit:
    """One column or field that does not fit: where, what, and how to mend it."""

    path: str
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}. {self.hint}"


def closest(name: str, known: Sequence[str]) -> str:
    """The hint for a name that is not known."""
    if name.startswith("__index_level_"):
        return "It is the index of a data frame: write without it (index=False)"
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    guess = plain if plain in known else SYNONYMS.get(plain)
    close = [guess] if guess in known else get_close_matches(plain, known, n=1, cutoff=0.6)
    meant = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}."
    return f"{meant} Begin the name with x_ to have it left out"


def wanted_name(wanted: Any, path: str) -> str:
    """The type that is wanted, in a few words."""
    import pyarrow as pa

    if wanted == schema.quantity():
        return "a quantity (struct of value and unit)"
    if wanted == schema.measurement():
        return "a measurement (struct of value and at)"
    if pa.types.is_list(wanted):
        inner = wanted.value_type
        return "a list of " + ("text" if pa.types.is_string(inner) else "structs")
    if pa.types.is_struct(wanted):
        return "a struct"
    if pa.types.is_string(wanted):
        return "a date" if path.rpartition(".")[2] in DATES else "text"
    if pa.types.is_boolean(wanted):
        return "a boolean"
    return "a number" if pa.types.is_floating(wanted) else "a whole number"


def several(misfits: Sequence[Misfit], source: str) -> InputError:
    """One InputError for all of them; `path` is that of the first."""
    first, *others = misfits
    also = "".join(f"\n  also: {one}" for one in others)
    return InputError(f"{first.what}. {first.hint}{also}", code="schema", source=source, path=first.path)
