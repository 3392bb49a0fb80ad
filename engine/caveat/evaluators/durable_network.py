"""A program as rulesets that durable-rules runs soundly: plain conjunctions of text atoms.

A leaf that has been judged becomes atoms. In the first pass `+` says that it is TRUE and `-` that
it is FALSE; in the second `?+` says that it is not FALSE and `?-` that it is not TRUE. A negated
leaf reads the minus side, so nothing inside the network is negated and every formula only grows
with its facts: what holds in the first pass is TRUE, what holds in the second alone is UNKNOWN.

Each formula is written as the least sets of atoms that make it hold, one network rule a set.
Formulas past the limits of durable-rules are refused with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from caveat.compile import nodes
from caveat.compile.nodes import All, AnyOf, AtLeast, Leaf, Node
from caveat.compile.program import CompiledRule, Program
from caveat.errors import CompileError
from caveat.truth import FALSE, TRUE, Truth

HEARTBEAT: Final = "beat"
"""An atom of every session: durable-rules must not end a session in which nothing was concluded."""

WHOLE: Final = "whole"
"""An atom of subjects that are certain: two orders that overlap, an allergy list that is there."""

MOST_ATOMS: Final = 400
MOST_SETS: Final = 500
MOST_USES: Final = 200
LARGEST_SET: Final = 14
MOST_SETS_A_FORMULA: Final = 64

Atoms = frozenset[str]
Sets = frozenset[Atoms]


class _Refused(Exception):
    """Why a formula cannot be written."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Where a rule is run, and the leaves (by number) that its session needs."""

    ruleset: int
    leaves: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NetworkRuleset:
    """Sets of atoms, each with the conclusions drawn when all of it is there."""

    sets: tuple[tuple[Atoms, tuple[str, ...]], ...]
    atoms: Atoms

    def definition(self) -> list[list[list[str]]]:
        """Plain JSON: pairs of atoms and conclusions; the heartbeat comes first."""
        return [[sorted(atoms) or [HEARTBEAT], list(drawn)] for atoms, drawn in self.sets]


@dataclass(frozen=True, slots=True)
class Network:
    """A program ready for durable-rules; `leaves` are plain, each once."""

    rulesets: tuple[NetworkRuleset, ...]
    leaves: tuple[Leaf, ...]
    rulings: tuple[Ruling, ...]


def plain(leaf: Leaf) -> Leaf:
    """The leaf without its negation, except where absence is a question of its own."""
    if leaf.negated and not _asks_absence(leaf):
        return replace(leaf, negated=False)
    return leaf


def _asks_absence(leaf: Leaf) -> bool:
    return isinstance(leaf, (nodes.ConditionLeaf, nodes.CountLeaf, nodes.SumLeaf))


def atoms_of(number: int, truth: Truth) -> Iterator[str]:
    """The atoms that a judged leaf puts into a session."""
    if truth == TRUE:
        yield f"{number}+"
    if truth == FALSE:
        yield f"{number}-"
    if truth != FALSE:
        yield f"{number}?+"
    if truth != TRUE:
        yield f"{number}?-"


def conclusion(rule: int, part: int, *, surely: bool) -> str:
    """The name of what a formula concludes: `part` 0 is the condition, 1 and on the exceptions."""
    return f"{rule}.{part}{'' if surely else '?'}"


def build(program: Program) -> Network:
    """The network of a program. Raises CompileError naming every rule that cannot be run, and why."""
    numbers: dict[Leaf, int] = {}
    written: list[tuple[tuple[int, ...], dict[Atoms, list[str]]]] = []
    refused: list[str] = []
    for index, rule in enumerate(program.rules):
        try:
            sets = _formulas(rule, index, numbers)
        except _Refused as reason:
            refused.append(f"{rule.id}: {reason}")
            continue
        # a part of a score may be too light ever to matter, and has no number then
        leaves = (plain(leaf) for leaf in rule.leaves())
        used = tuple(dict.fromkeys(numbers[leaf] for leaf in leaves if leaf in numbers))
        written.append((used, sets))
    if refused:
        raise CompileError(
            "durable cannot run these rules; use another evaluator or split them.\n" + "\n".join(refused)
        )
    rulesets, places = _chunks([sets for _, sets in written])
    rulings = tuple(Ruling(place, used) for place, (used, _) in zip(places, written, strict=True))
    return Network(rulesets, tuple(numbers), rulings)


def _formulas(rule: CompiledRule, index: int, numbers: dict[Leaf, int]) -> dict[Atoms, list[str]]:
    """The sets of a rule's condition and exceptions in both passes, with what each concludes."""
    found: dict[Atoms, list[str]] = {}
    certain: Sets = frozenset({frozenset({WHOLE} if rule.subject in ("pair", "allergy") else ())})
    for part, node in enumerate((rule.when, *(exclusion.node for exclusion in rule.unless))):
        for surely in (True, False):
            sets = _sets(node, numbers, surely=surely)
            if part == 0 and surely:
                sets = _every([certain, sets])
            _within_limits(sets)
            for atoms in sorted(sets, key=sorted):
                found.setdefault(atoms, []).append(conclusion(index, part, surely=surely))
    uses = _uses(found)
    if len(found) + 1 > MOST_SETS or len(uses) + 1 > MOST_ATOMS or max(uses.values(), default=0) > MOST_USES:
        raise _Refused(f"{len(found)} sets of {len(uses)} facts are more than one ruleset holds")
    return found


def _within_limits(sets: Sets) -> None:
    longest = max((len(atoms) for atoms in sets), default=0)
    if longest > LARGEST_SET:
        raise _Refused(f"{longest} facts must hold together; at most {LARGEST_SET} can")


def _sets(node: Node, numbers: dict[Leaf, int], *, surely: bool) -> Sets:
    """The least sets of atoms that make a node hold: none when it cannot, the empty one when it must."""
    if isinstance(node, All):
        return _every([_sets(part, numbers, surely=surely) for part in node.parts])
    if isinstance(node, AnyOf):
        return _least(atoms for part in node.parts for atoms in _sets(part, numbers, surely=surely))
    if isinstance(node, AtLeast):
        found: Sets = frozenset()
        for chosen in node.enough():
            found = _least((*found, *_every([_sets(part, numbers, surely=surely) for part in chosen])))
        return found
    number = numbers.setdefault(plain(node), len(numbers))
    side = "-" if node.negated and not _asks_absence(node) else "+"
    return frozenset({frozenset({f"{number}{'' if surely else '?'}{side}"})})


def _every(parts: list[Sets]) -> Sets:
    """The sets in which one set of each part is contained."""
    found: Sets = frozenset({frozenset()})
    for part in parts:
        found = _least(one | other for one in found for other in part)
    return found


def _least(sets: Iterable[Atoms]) -> Sets:
    """The sets that contain no other one."""
    kept: list[Atoms] = []
    for atoms in sorted(set(sets), key=len):
        if not any(known <= atoms for known in kept):
            kept.append(atoms)
            if len(kept) > MOST_SETS_A_FORMULA:
                raise _Refused(f"it holds in more than {MOST_SETS_A_FORMULA} ways")
    return frozenset(kept)


def _uses(sets: Iterable[Atoms]) -> dict[str, int]:
    found: dict[str, int] = {}
    for atoms in sets:
        for atom in atoms:
            found[atom] = found.get(atom, 0) + 1
    return found


def _chunks(rules: list[dict[Atoms, list[str]]]) -> tuple[tuple[NetworkRuleset, ...], list[int]]:
    """Rules in their order, gathered into rulesets that keep within the limits."""
    chunks: list[dict[Atoms, list[str]]] = []
    places: list[int] = []
    for sets in rules:
        if not chunks or not _fits({*chunks[-1], *sets}):
            chunks.append({frozenset(): []})
        for atoms, drawn in sets.items():
            chunks[-1].setdefault(atoms, []).extend(drawn)
        places.append(len(chunks) - 1)
    return tuple(_ruleset(chunk) for chunk in chunks), places


def _fits(sets: set[Atoms]) -> bool:
    uses = _uses(sets)
    return (
        len(sets | {frozenset()}) <= MOST_SETS
        and len(uses) < MOST_ATOMS
        and max(uses.values(), default=0) <= MOST_USES
    )


def _ruleset(chunk: dict[Atoms, list[str]]) -> NetworkRuleset:
    atoms = frozenset(_uses(chunk)) | {HEARTBEAT}
    prints: dict[int, str] = {}
    for atom in sorted(atoms):
        known = prints.setdefault(fingerprint(atom), atom)
        if known != atom:
            raise CompileError(f"durable takes the facts {known} and {atom} for one; use another evaluator")
    return NetworkRuleset(tuple((key, tuple(drawn)) for key, drawn in chunk.items()), atoms)


def fingerprint(text: str) -> int:
    """The 32-bit FNV-1a hash under which durable-rules knows a fact by its id."""
    found = 0x811C9DC5
    for byte in text.encode():
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found
