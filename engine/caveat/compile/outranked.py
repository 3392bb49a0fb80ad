"""Which rules outrank those of a file that says it is outranked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from caveat.compile.program import CompiledRule


def outrank(rules: Iterable[CompiledRule], outranked: Collection[str]) -> tuple[CompiledRule, ...]:
    """The rules, in order, each superseding every outranked rule on a pair of ingredients it is about too.

    As with any rule that supersedes another, only an alert hides an alert, and only on the same two
    orders. Severity does not count.
    """
    every = tuple(rules)
    firsts: dict[str, set[str]] = defaultdict(set)
    seconds: dict[str, set[str]] = defaultdict(set)
    for rule in every if outranked else ():
        if rule.subject == "pair" and rule.id not in outranked:
            for name in rule.first:
                firsts[name].add(rule.id)
            for name in rule.second:
                seconds[name].add(rule.id)
    losers: dict[str, list[str]] = defaultdict(list)
    for rule in every if outranked else ():
        if rule.subject != "pair" or rule.id not in outranked:
            continue
        winners: set[str] = set()
        for a in rule.first:
            for b in rule.second:
                winners |= (firsts[a] & seconds[b]) | (firsts[b] & seconds[a])
        for winner in winners:
            losers[winner].append(rule.id)
    return tuple(
        replace(rule, supersedes=(*rule.supersedes, *losers[rule.id])) if rule.id in losers else rule
        for rule in every
    )
