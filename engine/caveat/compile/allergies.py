"""Tests of the judged allergy, as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.rules.diagnostics import Path
from caveat.rules.expression import AllergyTest

if TYPE_CHECKING:
    from caveat.compile.expressions import Reader


def allergy(reader: Reader, test: AllergyTest, path: Path, negated: bool) -> Node:
    """The properties of the judged allergy that are asked for, joined by `all`."""
    if reader.subject != "allergy":
        why = "`allergy` needs applies_to: allergy."
        reader.problem("C022", "key does not fit", path, why, key=True)
        return nodes.Always(negated=True)
    parts: list[Node] = []
    for key in AllergyTest.model_fields:
        value = getattr(test, key)
        if value is None:
            continue
        if isinstance(value, bool):
            value = "true" if value else "false"
        values = (value,) if isinstance(value, str) else tuple(value)
        if key in ("reaction", "only_reaction"):
            values = reader.value_sets(values, (*path, key))
        parts.append(nodes.AllergyLeaf(key, values, negated))
    if not parts:
        reader.problem("C010", "empty condition", path, "An allergy test needs at least one property.")
        return nodes.Always(negated=True)
    return reader.join(parts, conjunction=not negated)
