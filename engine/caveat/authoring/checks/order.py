"""Which rule supersedes which, through others too."""

from __future__ import annotations

from collections.abc import Mapping

from caveat.authoring.checks.base import Checked, Folder


def superseded_by(folder: Folder) -> dict[str, frozenset[str]]:
    """For each rule every rule that it suppresses, directly or through another."""
    direct = {rule.id: frozenset(rule.compiled.supersedes) for rule in folder.rules if rule.live}
    return {name: _reach(name, direct) for name in direct}


def _reach(name: str, direct: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(direct.get(name, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += direct.get(one, ())
    return frozenset(found)


def ordered(reach: Mapping[str, frozenset[str]], one: Checked, two: Checked) -> bool:
    """Whether one of the two rules suppresses the other."""
    return two.id in reach.get(one.id, ()) or one.id in reach.get(two.id, ())


def same_scope(one: Checked, two: Checked) -> bool:
    """Whether two rules are judged for exactly the same subjects."""
    a, b = one.compiled, two.compiled
    return (a.subject, a.first, a.second) == (b.subject, b.first, b.second)
