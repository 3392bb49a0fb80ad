"""An `any` that can never fail, so that it tests nothing."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Checked, Folder, finding
from caveat.authoring.checks.logic import fails, impossible
from caveat.authoring.clauses import clause
from caveat.authoring.placing import WHEN
from caveat.compile import nodes
from caveat.compile.nodes import AnyOf, AtLeast
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C031", "warning")
TITLE = "condition always holds"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each `any` or `at_least` that cannot be FALSE, and each exception that cannot."""
    for rule in folder.judged:
        for spot in rule.spots:
            group = isinstance(spot.node, (AnyOf, AtLeast))
            excuse = spot.part != WHEN and not spot.steps
            if not (group or excuse) or _inside_reported(rule, spot.part, spot.steps):
                continue
            found = impossible(fails(spot.node))
            if found is None:
                continue
            one, two = found
            why = "It has a part that always holds."
            if one is not two:
                why = f"One of {_opposite(one.leaf)!r} and {_opposite(two.leaf)!r} holds for every patient."
            if excuse and not group:
                why = "The rule would never fire."
            hint = "Mend the limits, or write always: true if that is meant."
            yield finding(CODE, TITLE, spot.place, why, hint, rule=rule.id)


def _inside_reported(rule: Checked, part: int, steps: tuple[int, ...]) -> bool:
    for spot in rule.spots:
        above = spot.part == part and len(spot.steps) < len(steps) and steps[: len(spot.steps)] == spot.steps
        if above and isinstance(spot.node, (AnyOf, AtLeast)) and impossible(fails(spot.node)) is not None:
            return True
    return False


def _opposite(leaf: nodes.Leaf) -> str:
    from dataclasses import replace

    return clause(replace(leaf, negated=not leaf.negated))


CHECK = Check(*CODE, TITLE, run)
