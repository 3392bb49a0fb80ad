"""Two rules that grade the same finding differently, with nothing to say which one counts.

Reported are two rules of exactly the same scope and of different severity that can both fire,
neither superseding the other, where
- both ask about the same facts (whatever the limits), or
- one can only hold when the other does, as with a limit inside another.
Rules that ask about different facts are different findings and are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from caveat.authoring.checks.base import Check, Checked, Folder, finding
from caveat.authoring.checks.exclusion import number_key
from caveat.authoring.checks.logic import Wanted, fails, holds, impossible, scope_of
from caveat.authoring.checks.order import ordered, same_scope, superseded_by
from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node, leaves
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C033", "warning")
TITLE = "two rules grade the same differently"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each such pair once, at the later rule."""
    reach = superseded_by(folder)
    for one, two in combinations(folder.judged, 2):
        if one.compiled.severity == two.compiled.severity or not same_scope(one, two):
            continue
        if ordered(reach, one, two) or not _same_finding(one, two) or not _both_fire(one, two):
            continue
        why = (
            f"{one.id} ({one.compiled.severity}, {one.placed.place('id')}) and this rule "
            f"({two.compiled.severity}) can fire together for the same order and ask about the same facts."
        )
        hint = "Let the graver rule supersede the milder one, or set their limits apart."
        yield finding(CODE, TITLE, two.placed.place("severity"), why, hint, rule=two.id)


def _same_finding(one: Checked, two: Checked) -> bool:
    a, b = one.compiled.when, two.compiled.when
    return asked(a) == asked(b) or _implies(one, a, b) or _implies(one, b, a)


def _implies(rule: Checked, first: Node, second: Node) -> bool:
    if not asked(first) or not asked(second):
        return False
    scope = scope_of(rule.compiled.subject, rule.compiled.first, rule.compiled.second)
    return impossible(*scope, holds(first), fails(second)) is not None


def _both_fire(one: Checked, two: Checked) -> bool:
    wanted: list[Wanted] = [*scope_of(one.compiled.subject, one.compiled.first, one.compiled.second)]
    for rule in (one, two):
        wanted.append(holds(rule.compiled.when))
        wanted += [fails(exclusion.node) for exclusion in rule.compiled.unless]
    return impossible(*wanted) is None


def asked(node: Node) -> frozenset[object]:
    """The facts that a condition asks about, without limits and values."""
    return frozenset(_fact(leaf) for leaf in leaves(node) if not isinstance(leaf, nodes.Always))


def _fact(leaf: Leaf) -> object:
    key = number_key(leaf)
    if key is not None:
        return key
    match leaf:
        case nodes.OrderIsLeaf():
            return "is", leaf.which, leaf.prop
        case nodes.ConditionLeaf():
            return "condition", leaf.sets
        case nodes.AllergyLeaf():
            return "allergy", leaf.prop
        case nodes.KnownLeaf() | nodes.ChoiceLeaf():
            return type(leaf).__name__, leaf.fact
        case nodes.IndicationLeaf():
            return "indication", leaf.which, leaf.sets
    return type(leaf).__name__


CHECK = Check(*CODE, TITLE, run)
