"""A value set of the folder's own vocabulary that no rule asks about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.empty_sets import place_of
from caveat.compile import nodes
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C039", "warning")
TITLE = "value set is not used"
FROM_FACTS: Final = frozenset(
    {
        "ascites",
        "hepatic-encephalopathy",
        "lactation",
        "no-known-allergy",
        "no-known-drug-allergy",
        "pregnancy",
    }
)
"""Asked about by facts rather than by rules: Child-Pugh, pregnancy, lists known to be empty."""


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each value set that neither a rule nor a fact names, nor a wider set of its own.

    Assertions of absence and what none asks are left out.
    """
    if not folder.local or not folder.rules:
        return
    used = set(FROM_FACTS)
    for rule in folder.rules:
        for leaf in rule.compiled.asked():
            if isinstance(leaf, (nodes.ConditionLeaf, nodes.IndicationLeaf)):
                used |= set(leaf.sets)
            elif isinstance(leaf, nodes.AllergyLeaf) and leaf.prop in ("reaction", "only_reaction"):
                used |= set(leaf.values)
    within = folder.terminology.tables.within
    for name in folder.terminology.tables.value_sets:
        if used.isdisjoint((name, *within.get(name, ()))) and folder.terminology.value_set(name).kind not in (
            "assertion",
            "other",
        ):
            why = f"No rule asks about {name}."
            hint = "Use it, or take it out so that no one believes it is watched."
            yield finding(CODE, f"value set {name!r} is not used", place_of(folder, name), why, hint)


CHECK = Check(*CODE, TITLE, run)
