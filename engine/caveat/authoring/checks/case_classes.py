"""Classes of cases that a rule needs and has none of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from caveat.authoring.cases import judge
from caveat.authoring.checks.base import Check, Checked, Folder, finding
from caveat.authoring.prepared import Prepared, by_rule, prepare
from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node, leaves
from caveat.rules.diagnostics import Diagnostic, Level, Place

CODE: tuple[str, Level] = ("C058", "error")
TITLE = "case class is missing"
_COUNTED = ("frequency", "duration", "since_start", "since_stop", "treatment_time")
_DECIDED = ("ingredient", "purpose")


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each class that a rule with a cases file needs, by its clauses; boundaries are C060."""
    files = {case.file for case in folder.cases}
    cases_of = by_rule(folder.cases)
    for rule in folder.judged:
        mine = prepare(cases_of, rule.compiled, folder.terminology)
        if not mine and not any(f.name.split(".")[0] == rule.placed.file.name.split(".")[0] for f in files):
            continue  # no cases file at all: C057
        have = {case.placed.case.class_ for case in mine}
        for name, why, place in needed(rule):
            if name not in have:
                title = f"case class {name!r} is missing"
                yield finding(CODE, title, place, why, f"Add a case with class: {name}.", rule=rule.id)
        yield from _exceptions(rule, mine)


def needed(rule: Checked) -> Iterator[tuple[str, str, Place]]:
    """Class, reason and place of each class that the rule needs, exceptions and boundaries apart."""
    compiled = rule.compiled
    whole = rule.placed.place("id")
    when = leaves(compiled.when)
    every = compiled.asked()
    yield "fires", "No case shows that it fires.", whole
    if any(not isinstance(leaf, nodes.Always) for leaf in when):
        yield "not-met", "No case shows that it stays silent.", whole
    else:
        yield "out-of-scope", "It always holds in its scope, so a case must show where the scope ends.", whole
    if compiled.subject == "allergy" or can_stay_open(compiled.when):
        yield "missing", "No case shows that missing data are not taken for an all-clear.", whole
    if any(getattr(leaf, "within", None) is not None for leaf in every):
        yield "stale", "It limits how old a fact may be, and no case goes past the limit.", whole
    if any(has_unit(leaf) for leaf in every):
        yield "unit", "It compares a quantity, and no case states it in another unit.", whole
    if compiled.subject != "patient":
        yield "two-orders", "No case has two orders of which only one is meant.", whole


def can_be_unknown(leaf: Leaf) -> bool:
    """Whether some record leaves the leaf open."""
    if isinstance(leaf, (nodes.Always, nodes.KnownLeaf)):
        return False
    if isinstance(leaf, nodes.OrderIsLeaf):
        return leaf.prop not in _DECIDED
    return not (isinstance(leaf, nodes.AllergyLeaf) and leaf.prop in ("status", "type", "to_ingredient"))


def can_stay_open(node: Node, known: frozenset[str] = frozenset()) -> bool:
    """Whether some record leaves the tree open; a clause beside `known` of its own fact is decided."""
    if isinstance(node, (nodes.All, nodes.AnyOf, nodes.AtLeast)):
        if not isinstance(node, nodes.AtLeast):
            guards = (part for part in node.parts if isinstance(part, nodes.KnownLeaf))
            known |= {g.fact for g in guards if g.negated == isinstance(node, nodes.AnyOf)}
        return any(can_stay_open(part, known) for part in node.parts)
    if not can_be_unknown(node):
        return False
    if isinstance(node, nodes.IndicationLeaf):
        return "order.indication" not in known
    stale = getattr(node, "within", None) is not None
    return stale or getattr(node, "fact", "") not in known


def has_unit(leaf: Leaf) -> bool:
    """Whether the leaf compares a quantity that a record may state in more than one unit."""
    if isinstance(leaf, nodes.NumberLeaf):
        timed = leaf.fact == "age" or leaf.fact.endswith("_age")
        return not timed and leaf.unit not in ("1", "")
    if isinstance(leaf, nodes.OrderNumberLeaf):
        return leaf.prop not in _COUNTED
    return isinstance(leaf, nodes.DoseMultipleLeaf) or (
        isinstance(leaf, nodes.SumLeaf) and leaf.times is not None
    )


def _exceptions(rule: Checked, cases: Iterable[Prepared]) -> Iterator[Diagnostic]:
    met: set[str] = set()
    open_: set[str] = set()
    for case in cases:
        for judged in judge(rule.compiled, case.chart):
            met |= set(judged.outcome.exceptions)
            open_ |= {item.id for item in judged.outcome.unchecked}
    for index, exclusion in enumerate(rule.compiled.unless):
        place = rule.placed.place("unless", index, "id")
        if exclusion.id not in met:
            title = f"case class 'exception-met' is missing for {exclusion.id!r}"
            yield finding(
                CODE,
                title,
                place,
                "No case is excused by it.",
                "Add one with status: excepted.",
                rule=rule.id,
            )
        if exclusion.id not in open_ and can_stay_open(exclusion.node):
            title = f"case class 'exception-unknown' is missing for {exclusion.id!r}"
            hint = f"Add one with unchecked: [{exclusion.id}]."
            yield finding(CODE, title, place, "No case leaves it open.", hint, rule=rule.id)


CHECK = Check(*CODE, TITLE, run)
