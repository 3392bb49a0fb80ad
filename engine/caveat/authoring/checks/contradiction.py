"""A condition, or a branch of one, that no patient can meet."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Checked, Folder, finding
from caveat.authoring.checks.exclusion import Demand
from caveat.authoring.checks.logic import Wanted, holds, impossible, scope_of
from caveat.authoring.clauses import clause
from caveat.authoring.placing import WHEN, Steps
from caveat.compile.nodes import All, AnyOf, AtLeast, Node
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C030", "error")
TITLE = "condition can never hold"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """A dead branch once, at the innermost place that is dead with all that stands around it."""
    for rule in folder.judged:
        scope = scope_of(rule.compiled.subject, rule.compiled.first, rule.compiled.second)
        yield from _walk(rule, WHEN, rule.compiled.when, (), scope)
        for index, exclusion in enumerate(rule.compiled.unless):
            # against its own rule an exception is judged by C032
            yield from _walk(rule, index, exclusion.node, (), scope)


def _walk(
    rule: Checked, part: int, node: Node, steps: Steps, around: tuple[Wanted, ...]
) -> Iterator[Diagnostic]:
    found = impossible(*around, holds(node))
    if found is not None:
        yield finding(CODE, TITLE, rule.place(part, steps), pair(*found), HINT, rule=rule.id)
        return
    if isinstance(node, (All, AnyOf, AtLeast)):
        for index, inner in enumerate(node.parts):
            others: tuple[Wanted, ...] = ()
            if isinstance(node, All):
                others = tuple(holds(p) for i, p in enumerate(node.parts) if i != index)
            yield from _walk(rule, part, inner, (*steps, index), (*around, *others))


HINT = "Mend one of the two, or take the branch out."


def pair(one: Demand, two: Demand) -> str:
    """Why two demands exclude one another, in words."""
    if one is two:
        return f"It asks for {clause(one.leaf)!r}."
    return f"{clause(one.leaf)!r} and {clause(two.leaf)!r} cannot both hold."


CHECK = Check(*CODE, TITLE, run)
