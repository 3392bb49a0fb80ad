"""Value sets that lie within wider ones: every code and label of COPD is one of respiratory disease too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from caveat.terminology.kinds import ValueSet
from caveat.terminology.problems import TerminologyError


class WithinError(TerminologyError):
    """A `within` of the value set `narrow` that cannot hold."""

    def __init__(self, narrow: str, message: str) -> None:
        super().__init__(message)
        self.narrow = narrow


def wider_sets(value_sets: Sequence[ValueSet]) -> dict[str, list[str]]:
    """Every set that a value set lies within, at any remove, of those that lie within one.

    Raises WithinError for a wider set that is not defined, for sets that lie within each other, and for a
    member that the wider set leaves out by name.
    """
    defined = {v.id: v for v in value_sets}
    for v in value_sets:
        for wide in v.within:
            if wide not in defined:
                raise WithinError(
                    v.id,
                    f"{v.id} lies within {wide}, which is not defined. "
                    "Define it, or mend the id under within",
                )
    found = {v.id: list(dict.fromkeys(_above(v, defined, (v.id,)))) for v in value_sets if v.within}
    for narrow, wider in found.items():
        for wide in wider:
            _agree(defined[narrow], defined[wide])
    return found


def _above(v: ValueSet, defined: dict[str, ValueSet], path: tuple[str, ...]) -> Iterator[str]:
    for wide in v.within:
        if wide in path:
            circle = " lies within ".join((*path[path.index(wide) :], wide))
            raise WithinError(
                v.id,
                f"{circle}: a circle. Take out the within of the wider one; "
                "sets that hold the same are one set",
            )
        yield wide
        yield from _above(defined[wide], defined, (*path, wide))


def _agree(narrow: ValueSet, wide: ValueSet) -> None:
    """Refuses a member of the narrow set that the wide one leaves out by name."""
    both = f"is in {narrow.id}, which lies within {wide.id}, and"
    never = set(wide.not_snomed)
    for code in narrow.snomed:
        if code in never:
            raise WithinError(
                narrow.id,
                f"SNOMED CT code {code} {both} value_set_codes.tsv says that it is not in {wide.id}. "
                "Mend one of the two rows, or take out the within",
            )
    for out in wide.excluded:
        inside = any(out.startswith(root) or root.startswith(out) for root in narrow.icd10cm)
        if inside and not any(out.startswith(left) for left in narrow.excluded):
            raise WithinError(
                narrow.id,
                f"{out} {both} {wide.id} takes it out under except. "
                f"Put it under except of {narrow.id} too, or take out the within",
            )
