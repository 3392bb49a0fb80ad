"""Every small mistake that a rule could hold: one change a mutant, on the compiled rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from caveat.authoring.clauses import clause
from caveat.authoring.leaf_mutants import Vocabulary, changed
from caveat.authoring.placing import WHEN, Steps
from caveat.compile.nodes import All, AnyOf, AtLeast, CountLeaf, ExposureLeaf, Node, OrderNumberLeaf, SumLeaf
from caveat.compile.program import CompiledRule

FEW = 5
"""Scopes of so many ingredients were written out; larger ones are classes of the vocabulary."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed rule; `id` names the place in the tree and the change, and stays until the rule is edited."""

    id: str
    what: str
    rule: CompiledRule
    part: int = WHEN
    steps: Steps = ()


def vocabulary(
    rules: tuple[CompiledRule, ...], within: Mapping[str, Sequence[str]] | None = None
) -> Vocabulary:
    """The values that the rules use, to put in one another's place; `within` are the wider sets of each."""
    return Vocabulary.of((leaf for rule in rules for leaf in rule.asked()), within or {})


def mutants(rule: CompiledRule, words: Vocabulary) -> Iterator[Mutant]:
    """Every mutant of a rule, each id once, none equal to the rule."""
    seen: set[str] = set()
    for mutant in _all(rule, words):
        if mutant.id not in seen and mutant.rule != rule:
            seen.add(mutant.id)
            yield mutant


def _all(rule: CompiledRule, words: Vocabulary) -> Iterator[Mutant]:
    for steps, change, what, node in _in_tree(rule.when, (), words):
        yield Mutant(_id(WHEN, steps, change), what, replace(rule, when=node), WHEN, steps)
    for index, exclusion in enumerate(rule.unless):
        for steps, change, what, node in _in_tree(exclusion.node, (), words):
            unless = list(rule.unless)
            unless[index] = replace(exclusion, node=node)
            yield Mutant(_id(index, steps, change), what, replace(rule, unless=tuple(unless)), index, steps)
        rest = rule.unless[:index] + rule.unless[index + 1 :]
        what = f"exception {exclusion.id} dropped"
        yield Mutant(_id(index, (), "dropped"), what, replace(rule, unless=rest), index)
    yield from _parts(rule)
    yield from _scopes(rule)


def _parts(rule: CompiledRule) -> Iterator[Mutant]:
    """Amounts of a named part of a combination product as those of the part that the scope names."""
    trees = [(WHEN, rule.when), *((index, one.node) for index, one in enumerate(rule.unless))]
    for part, tree in trees:
        for steps, leaf in _amounts(tree, ()):
            own = rule.scopes[leaf.which]
            if leaf.of in ((), own):
                continue
            node = _replaced(tree, steps, replace(leaf, of=own))
            unless = tuple(
                replace(one, node=node) if index == part else one for index, one in enumerate(rule.unless)
            )
            found = replace(rule, when=node) if part == WHEN else replace(rule, unless=unless)
            what = f"{clause(leaf)!r}: the part is that of the scope"
            yield Mutant(_id(part, steps, "of-scope"), what, found, part, steps)


def _amounts(node: Node, steps: Steps) -> Iterator[tuple[Steps, OrderNumberLeaf]]:
    if isinstance(node, OrderNumberLeaf):
        yield steps, node
    elif isinstance(node, (All, AnyOf, AtLeast)):
        for index, part in enumerate(node.parts):
            yield from _amounts(part, (*steps, index))


def _replaced(node: Node, steps: Steps, leaf: OrderNumberLeaf) -> Node:
    if not steps:
        return leaf
    assert isinstance(node, (All, AnyOf, AtLeast))
    inner = _replaced(node.parts[steps[0]], steps[1:], leaf)
    return replace(node, parts=(*node.parts[: steps[0]], inner, *node.parts[steps[0] + 1 :]))


def _id(part: int, steps: Steps, change: str) -> str:
    where = "when" if part == WHEN else f"unless[{part}]"
    return ".".join((where, *map(str, steps))) + f":{change}"


def _in_tree(node: Node, steps: Steps, words: Vocabulary) -> Iterator[tuple[Steps, str, str, Node]]:
    """Place, change, words and the whole tree with the change, for each change below `node`."""
    if not isinstance(node, (All, AnyOf, AtLeast)):
        for change, what, leaf in changed(node, words):
            yield steps, change, what, leaf
        if isinstance(node, (CountLeaf, SumLeaf, ExposureLeaf)) and node.where is not None:
            yield steps, "where-gone", "where dropped", replace(node, where=None)
            for within, change, what, changed_where in _in_tree(node.where, (), words):
                place = ".".join(("where", *map(str, within)))
                yield steps, f"{place}:{change}", f"where: {what}", replace(node, where=changed_where)
        return
    for change, what, group in _group(node):
        yield steps, change, what, group
    for index, part in enumerate(node.parts):
        for where, change, what, inner in _in_tree(part, (*steps, index), words):
            parts = (*node.parts[:index], inner, *node.parts[index + 1 :])
            yield where, change, what, replace(node, parts=parts)


def _group(node: All | AnyOf | AtLeast) -> Iterator[tuple[str, str, Node]]:
    many = len(node.parts)
    if many > 1:
        for index, part in enumerate(node.parts):
            rest = (*node.parts[:index], *node.parts[index + 1 :])
            what = f"part {clause(part)!r} dropped"
            if isinstance(node, AtLeast):
                points = (*node.points[:index], *node.points[index + 1 :])
                most = sum(points) if points else len(rest)
                yield f"drop-{index}", what, AtLeast(min(node.count, most), rest, points)
            else:
                yield f"drop-{index}", what, rest[0] if len(rest) == 1 else replace(node, parts=rest)
    if isinstance(node, All) and many > 1:
        yield "any", "all became any", AnyOf(node.parts)
    elif isinstance(node, AnyOf) and many > 1:
        yield "all", "any became all", All(node.parts)
    elif isinstance(node, AtLeast):
        for count in (node.count - 1, node.count + 1):
            if 0 < count <= node.most:
                what = f"at least {node.count} became {count}"
                yield f"count-{count}", what, replace(node, count=count)
        for index, worth in enumerate(node.points):
            for other in (worth - 1, worth + 1):
                changed_points = (*node.points[:index], other, *node.points[index + 1 :])
                if other > 0 and sum(changed_points) >= node.count:
                    what = f"{worth} points for {clause(node.parts[index])!r} became {other}"
                    yield f"points-{index}-{other}", what, replace(node, points=changed_points)


def _unshared(rule: CompiledRule) -> CompiledRule:
    """Each two orders of the scope; those of one ingredient alone become those of none in common."""
    if rule.share == "ingredient":
        return replace(rule, share="none")
    return replace(rule, share="")


def _scopes(rule: CompiledRule) -> Iterator[Mutant]:
    for name, members in (("first", rule.first), ("second", rule.second)):
        if 1 < len(members) <= FEW:
            for member in members:
                kept = tuple(m for m in members if m != member)
                change = replace(rule, first=kept) if name == "first" else replace(rule, second=kept)
                yield Mutant(f"scope.{name}:drop-{member}", f"{member} dropped from the scope", change)
    if rule.share:
        yield Mutant("scope.share:any", "whether they share an ingredient is not asked", _unshared(rule))
    elif rule.subject == "pair":
        both = tuple(sorted({*rule.first, *rule.second}))
        yield Mutant("scope.second:self", "the second scope takes in the first", replace(rule, second=both))
        yield Mutant(
            "scope.second:first", "the second scope became the first", replace(rule, second=rule.first)
        )
        yield Mutant(
            "scope:swap", "the two scopes changed places", replace(rule, first=rule.second, second=rule.first)
        )
    if rule.subject == "order":
        yield Mutant("scope:stopped", "order became stopped", replace(rule, subject="stopped"))
    if rule.subject == "stopped":
        yield Mutant("scope:order", "stopped became order", replace(rule, subject="order"))
    if rule.subject == "patient" and rule.first:
        yield Mutant("scope:everyone", "the scope takes every patient", replace(rule, first=()))
    if rule.subject == "allergy" and rule.second:
        yield Mutant("scope.second:none", "the allergy is only to the ingredient", replace(rule, second=()))
