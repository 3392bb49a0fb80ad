"""Whether clauses can hold together: a small decision over the leaves of compiled rules.

A tree is taken apart into its ways to hold, each a set of demands on leaves. A way is impossible
when two demands on the same fact exclude one another: disjoint values, disjoint ranges, a clause
and its own negation. What is not recognised as excluding counts as possible, so "impossible" is
always right and "possible" may be too kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from caveat.authoring.checks.exclusion import Demand, clash
from caveat.compile import nodes
from caveat.compile.nodes import All, AnyOf, AtLeast, Node

MOST_WAYS = 2000


class TooManyWays(Exception):
    """The tree has more ways to hold than are looked at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tree that must be TRUE, or (`firm` False) must not be FALSE."""

    node: Node
    firm: bool = True


def holds(node: Node) -> Wanted:
    """The tree is TRUE."""
    return Wanted(node)


def stays_open(node: Node) -> Wanted:
    """The tree is TRUE or UNKNOWN."""
    return Wanted(node, firm=False)


def fails(node: Node) -> Wanted:
    """The tree is FALSE."""
    return Wanted(negated(node))


def impossible(*wanted: Wanted) -> tuple[Demand, Demand] | None:
    """Two demands that exclude one another when no way is left, else None."""
    first: tuple[Demand, Demand] | None = None
    try:
        for way in _ways_of_all(wanted):
            found = clash(way)
            if found is None:
                return None
            first = first or found
    except TooManyWays:
        return None
    return first


def _ways_of_all(wanted: Iterable[Wanted]) -> Iterator[tuple[Demand, ...]]:
    ways: list[tuple[Demand, ...]] = [()]
    for one in wanted:
        ways = _crossed(ways, _ways(one.node, one.firm))
    yield from ways


def _ways(node: Node, firm: bool) -> list[tuple[Demand, ...]]:
    if isinstance(node, All):
        ways: list[tuple[Demand, ...]] = [()]
        for part in node.parts:
            ways = _crossed(ways, _ways(part, firm))
        return ways
    if isinstance(node, AnyOf):
        return _capped([way for part in node.parts for way in _ways(part, firm)])
    if isinstance(node, AtLeast):
        return _capped(
            [
                way
                for chosen in node.enough()
                for way in _ways(All(chosen), firm)
            ]
        )  # fmt: skip
    return [(Demand(node, firm),)]


def _crossed(left: list[tuple[Demand, ...]], right: list[tuple[Demand, ...]]) -> list[tuple[Demand, ...]]:
    if len(left) * len(right) > MOST_WAYS:
        raise TooManyWays
    return [one + two for one in left for two in right]


def _capped(ways: list[tuple[Demand, ...]]) -> list[tuple[Demand, ...]]:
    if len(ways) > MOST_WAYS:
        raise TooManyWays
    return ways


def negated(node: Node) -> Node:
    """The tree that is TRUE where `node` is FALSE, negation at the leaves."""
    if isinstance(node, All):
        return AnyOf(tuple(negated(part) for part in node.parts))
    if isinstance(node, AnyOf):
        return All(tuple(negated(part) for part in node.parts))
    if isinstance(node, AtLeast):
        parts = tuple(negated(part) for part in node.parts)
        return AtLeast(node.most - node.count + 1, parts, node.points)
    return replace(node, negated=not node.negated)


def scope_of(subject: str, first: tuple[str, ...], second: tuple[str, ...]) -> tuple[Wanted, ...]:
    """What the scope of a rule itself demands of the judged orders."""
    if subject == "patient" or not first:
        return ()
    found = [holds(nodes.OrderIsLeaf(0, "ingredient", first))]
    if subject == "pair":
        found.append(holds(nodes.OrderIsLeaf(1, "ingredient", second)))
    return tuple(found)
