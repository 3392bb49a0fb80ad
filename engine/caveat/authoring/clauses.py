"""Clauses of a compiled rule in a line of text, and the why-tree of a judgement."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.evaluators.reference import Judgement, Trace
from caveat.findings.basis import Basis, Missing
from caveat.findings.severity import Status
from caveat.truth import FALSE, NAMES, TRUE, UNKNOWN, Truth

_MANY = 4


def clause(node: Node) -> str:
    """A node in a few words, as it would be read aloud; parts of a group are left to their own lines."""
    match node:
        case nodes.All():
            return f"all of {len(node.parts)}"
        case nodes.AnyOf():
            return f"any of {len(node.parts)}"
        case nodes.AtLeast():
            points = f" points of {node.most}" if node.points else f" of {len(node.parts)}"
            return f"at least {node.count}{points}"
        case nodes.Always():
            return "never" if node.negated else "always"
    return ("not " if node.negated else "") + _leaf(node)


def _leaf(node: nodes.Leaf) -> str:
    match node:
        case nodes.NumberLeaf():
            extra = [] if node.pick == "latest" else [f"the {node.pick}"]
            extra += [] if node.within is None else [f"within {node.within} d"]
            extra += [] if node.using is None else [f"using {node.using} weight"]
            return f"{node.fact} {node.shown}" + (f" ({', '.join(extra)})" if extra else "")
        case nodes.OrderNumberLeaf():
            return f"{owner(node.which)}.{node.prop} {node.shown}"
        case nodes.OrderIsLeaf():
            return f"{owner(node.which)}.{node.prop} is {listed(node.values)}"
        case nodes.DoseMultipleLeaf():
            return f"{owner(node.which)}.dose is a multiple of {node.shown}"
        case nodes.IndicationLeaf():
            return f"{owner(node.which)}.indication in {listed(node.sets)}"
        case nodes.ConditionLeaf():
            extra = [] if node.within is None else [f"within {node.within} d"]
            extra += ["during the order"] if node.during_order else []
            return f"condition {node.status} in {listed(node.sets)}" + (
                f" ({', '.join(extra)})" if extra else ""
            )
        case nodes.AllergyLeaf():
            return f"allergy.{node.prop} is {listed(node.values)}"
        case nodes.CountLeaf():
            return f"count of {node.label} by {node.by}{_where(node)} {node.shown}"
        case nodes.SumLeaf():
            return f"sum over {node.label}{_where(node)} {node.shown}"
        case nodes.ExposureLeaf():
            return f"exposure to {node.label}{_where(node)} within {node.window} d {node.shown}"
        case nodes.KnownLeaf():
            return f"{node.fact} is known"
        case nodes.ChoiceLeaf():
            return f"{node.fact} is {listed(node.values)}"
    return "always"


def _where(node: nodes.CountLeaf | nodes.SumLeaf | nodes.ExposureLeaf) -> str:
    return "" if node.where is None else f" where {_inline(node.where)}"


def _inline(node: Node) -> str:
    """A tree in one line."""
    if not isinstance(node, (nodes.All, nodes.AnyOf)):
        return clause(node)
    word = " and " if isinstance(node, nodes.All) else " or "
    return f"({word.join(_inline(part) for part in node.parts)})"


def owner(which: int) -> str:
    """`order` for the judged order, `other` for the second of a pair."""
    return "order" if which == 0 else "other"


def listed(values: tuple[str, ...]) -> str:
    """The values with `or`, the long tail counted."""
    shown = [value.replace("_", " ") if value in ("true", "false") else value for value in values[:_MANY]]
    rest = len(values) - len(shown)
    return " or ".join(shown) + (f" or {rest} more" if rest else "")


def tree(found: Trace, indent: int = 0) -> Iterator[str]:
    """A line a node: its truth, the clause, the values it rests on and what is missing."""
    notes = [value(item) for item in found.basis] + [lack(item) for item in found.missing]
    tail = f"   [{'; '.join(notes)}]" if notes else ""
    yield f"{'  ' * indent}{NAMES[found.truth]:<7} {clause(found.node)}{tail}"
    for part in found.parts:
        yield from tree(part, indent + 1)


def value(item: Basis) -> str:
    """A fact with its value, date and source."""
    return f"{item.fact} = {item.value}" + (f" on {item.at}" if item.at else "")


def lack(item: Missing) -> str:
    """A missing fact with the reason."""
    return f"{item.fact} missing: {item.reason}"


def why(judged: Judgement) -> str:
    """The whole judgement as text: the condition, then each exception."""
    lines: list[str] = []
    if judged.when is not None:
        lines.append("when")
        lines += tree(judged.when, 1)
    for exclusion, found in zip(judged.outcome.rule.unless, judged.unless, strict=False):
        lines.append(f"unless {exclusion.id}")
        lines += tree(found, 1)
    if judged.outcome.error:
        lines.append(f"error   {judged.outcome.error}")
    return "\n".join(lines)


def culprit(judged: Judgement, wanted: str) -> str:
    """The first clause that keeps a rule from the wanted status, as text; empty when none does."""
    if judged.when is None:
        return ""
    held = next((i for i, part in enumerate(judged.unless) if part.truth == TRUE), None)
    if wanted == Status.EXCEPTED and judged.when.truth != FALSE:
        for part in judged.unless:
            found = blame(part, TRUE)
            if found is not None:
                return f"unless: {next(tree(found))}"
        return "the rule has no exception"
    target: dict[str, Truth] = {"fires": TRUE, "cannot-assess": UNKNOWN, "not-met": FALSE, "excepted": TRUE}
    found = blame(judged.when, target[wanted])
    if found is not None:
        return f"when: {next(tree(found))}"
    if held is not None:
        return f"unless {judged.outcome.rule.unless[held].id}: {next(tree(judged.unless[held]))}"
    return ""


def blame(found: Trace, wanted: Truth) -> Trace | None:
    """The first leaf (or group) whose truth keeps a node from `wanted`; None when nothing does."""
    if found.truth == wanted:
        return None
    if not found.parts:
        return found
    conjunction, lowered = isinstance(found.node, nodes.All), found.truth < wanted
    if conjunction == lowered:
        parts = [p for p in found.parts if (p.truth < wanted if lowered else p.truth > wanted)]
    else:  # one part is enough to turn it: the one that is nearest to doing so
        nearest = (max if lowered else min)(p.truth for p in found.parts)
        parts = [p for p in found.parts if p.truth == nearest]
    for part in parts:
        inner = blame(part, wanted)
        if inner is not None:
            return inner
    return found
