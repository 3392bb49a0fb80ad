"""Rulesets to measure with: the rules of baclofen, and pair rules by the hundred thousand beside them.

Rule text for 250,000 rules is 100 MB of YAML that nobody writes. These are made as compiled rules
straight away, which is what a program holds, and sealed like any other (the digest is what
`seal` gives).
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.cohort.catalogue import BACLOFEN, catalogue
from benchmarks.cohort.settings import DEFAULT, Shares
from benchmarks.neutral import PairRule
from caveat.compile.nodes import Always
from caveat.compile.program import Citation, CompiledRule, Texts
from caveat.compile.ruleset import Ruleset, bundled, load
from caveat.compile.serial import seal

SEVERITIES = {"contraindicated": 5, "major": 25, "moderate": 50, "minor": 20}


class Made(NamedTuple):
    """A ruleset with pair rules, the pairs among them, and the seconds it took to make and to seal."""

    ruleset: Ruleset
    pairs: tuple[PairRule, ...]
    made: float
    sealed: float


def draw_pairs(count: int, *, shares: Shares = DEFAULT, seed: int = 5) -> tuple[PairRule, ...]:
    """`count` different unordered pairs of the ingredients that are prescribed, each as likely as any other.

    A shorter list is the start of a longer one. Raises ValueError past the number of pairs there are.
    """
    names = sorted((*catalogue(shares).ingredients, BACLOFEN))
    all_there = len(names) * (len(names) - 1) // 2
    if count > all_there:
        raise ValueError(f"{len(names)} ingredients make {all_there} pairs, not {count}")
    draw = random.Random(seed)
    seen: set[tuple[str, str]] = set()
    found: list[PairRule] = []
    while len(found) < count:
        first, second = draw.choice(names), draw.choice(names)
        pair = (first, second) if first < second else (second, first)
        if first != second and pair not in seen:
            seen.add(pair)
            found.append(PairRule(f"bench.pair.r{len(found)}", *pair))
    return tuple(found)


def compiled(rules: Sequence[PairRule], *, seed: int = 6) -> tuple[CompiledRule, ...]:
    """The pairs as compiled rules that always hold, of mixed severity."""
    draw = random.Random(seed)
    texts = Texts("Drawn at random", "None.", "None.")
    evidence = (Citation("bench.none", "none", "Nothing.", "2026-01-15"),)
    always = Always()
    severities = draw.choices(list(SEVERITIES), list(SEVERITIES.values()), k=len(rules))
    return tuple(
        CompiledRule(
            id=rule.id,
            kind="interaction",
            severity=severity,
            status="draft",
            title="Drawn at random",
            covers=(),
            subject="pair",
            first=(rule.first,),
            second=(rule.second,),
            when=always,
            unless=(),
            supersedes=(),
            texts=texts,
            evidence=evidence,
        )
        for rule, severity in zip(rules, severities, strict=True)
    )


def of_baclofen() -> Ruleset:
    """The rules of baclofen alone: all there were when the aims were set and the prototypes measured."""
    return load(bundled() / "baclofen")


def with_pairs(count: int, *, baclofen: bool = True, shares: Shares = DEFAULT) -> Made:
    """The rules of baclofen (or none) and `count` pair rules."""
    base = of_baclofen()
    pairs = draw_pairs(count, shares=shares)
    before = time.process_time()
    rules = (*(base.program.rules if baclofen else ()), *compiled(pairs))
    middle = time.process_time()
    program = seal(base.program.version, rules)
    after = time.process_time()
    covered = frozenset(name for rule in rules for name in (*rule.first, *rule.second))
    ruleset = dataclasses.replace(base, program=program, covered=covered, digest=program.digest)
    return Made(ruleset, pairs, middle - before, after - middle)
