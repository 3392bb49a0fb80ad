"""Where each clause of a compiled rule stands in its file.

A compiled tree holds no positions, so that the same rule gives the same program wherever it
stands. Here the text is read once more, noting the place of every node on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from caveat.compile.expressions import Reader
from caveat.compile.nodes import All, AnyOf, AtLeast, Node
from caveat.compile.program import CompiledRule
from caveat.rules.diagnostics import Path, Place, Problems
from caveat.rules.expression import Expression
from caveat.rules.folder import PlacedRule
from caveat.terminology.concepts import Terminology

Steps = tuple[int, ...]
WHEN = -1
"""The part that is the condition; 0 and up are the exceptions."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of a rule: the part it is in, the way to it from the part's root, and its place."""

    part: int
    steps: Steps
    node: Node
    place: Place


@dataclass(frozen=True, slots=True)
class NotingReader(Reader):
    """A Reader that remembers where each node was written; the innermost place wins."""

    noted: dict[int, tuple[Node, Path]] = field(default_factory=dict)

    def _note(self, node: Node, path: Path) -> Node:
        self.noted.setdefault(id(node), (node, path))
        return node

    def expression(self, written: Expression, path: Path, negated: bool = False) -> Node:
        """As the Reader does, with the place noted."""
        return self._note(Reader.expression(self, written, path, negated), path)

    def _key(self, written: Expression, key: str, path: Path, negated: bool) -> Node:
        shown = "not" if key == "not_" else key
        return self._note(Reader._key(self, written, key, path, negated), (*path, shown))

    def order_key(
        self, key: str, value: Any, which: int, path: Path, negated: bool, of: tuple[str, ...]
    ) -> Node:
        """As the Reader does, with the place noted."""
        return self._note(Reader.order_key(self, key, value, which, path, negated, of), path)

    def _choice(self, fact: str, value: Any, path: Path, negated: bool) -> Node:
        return self._note(Reader._choice(self, fact, value, path, negated), path)


def spots(placed: PlacedRule, terminology: Terminology, rule: CompiledRule) -> tuple[Spot, ...]:
    """Every node of the rule with its place, parents before parts; problems are left to the compiler."""
    reader = NotingReader(
        placed.source, terminology, Problems(), placed.rule.id, rule.subject, scopes=rule.scopes
    )
    roots = [(WHEN, reader.expression(placed.rule.when, (*placed.path, "when")))]
    for index, item in enumerate(placed.rule.unless):
        roots.append((index, reader.expression(item, (*placed.path, "unless", index))))
    found: list[Spot] = []
    for part, root in roots:
        start: Path = (*placed.path, "when") if part == WHEN else (*placed.path, "unless", part)
        found += _walk(part, root, (), start, reader, placed)
    return tuple(found)


def _walk(
    part: int, node: Node, steps: Steps, above: Path, reader: NotingReader, placed: PlacedRule
) -> Iterator[Spot]:
    path = reader.noted.get(id(node), (node, above))[1]
    yield Spot(part, steps, node, placed.source.place(path, key=_is_key(path, above)))
    if isinstance(node, (All, AnyOf, AtLeast)):
        for index, inner in enumerate(node.parts):
            yield from _walk(part, inner, (*steps, index), path, reader, placed)


def _is_key(path: Path, above: Path) -> bool:
    """A key says more than its value, except where the value is an entry of a list."""
    return path != above and bool(path) and isinstance(path[-1], str)
